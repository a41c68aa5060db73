"""What experiments read: specs, manifests, result files and records of verification, changed."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness import registry
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.results import Results, read_results
from harness.experiments.schema import from_dict, load
from harness.verification import record
from tests.fuzz.kinds import tables
from tests.fuzz.mutations import NASTY_TEXTS, of_bytes, of_data, of_text
from tests.fuzz.runner import ChangedError, Draw, Kind
from tests.harness.verification import support

SPEC = """name = "fuzz"
benchmarks = ["{table}"]
replicates = 4
replicates_per_shard = 2
seed = 3
n_workers = 2
objectives = ["valid_accuracy"]
constraints = ["params <= 5000"]

[budget]
evaluations = 6

[[strategies]]
name = "random_search"
label = "Random"

[[strategies]]
name = "regularized_evolution"
label = "Evolution"
[strategies.hyperparameters]
population = 3
sample = 2

[report]
centre = "median"
checkpoints = [2, 6]
"""
_MOST_WORK = 500
"""Evaluations of a changed spec that is run."""


def _said(results: Results) -> dict[tuple[str, int], str]:
    """Return what each run is, by label and replicate."""
    return {(run.label, run.replicate): repr(_plain(run)) for run in results.runs}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes().hex()
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return repr(value)


class Specs(Kind):
    """Specs with changed characters, lines, values and bytes: read, checked, and run where that is little work."""

    name = "specs"
    weight = 3.0
    corpus = 9

    def prepare(self, folder: Path) -> None:
        """Make a table and a spec of it."""
        self.table = tables.make(folder)
        self.text = SPEC.format(table=self.table)
        (folder / "whole.toml").write_text(self.text)
        assert prepare(load(folder / "whole.toml")).shards

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Read, check and run one spec."""
        path = folder / "spec.toml"
        path.write_bytes(self._content(draw, index))
        spec = load(path)
        if from_dict(spec.as_dict()) != spec and "nan" not in repr(spec):
            raise ChangedError("a spec that is written and read back is another one")
        small = spec.replicates <= 1000 and len(spec.benchmarks) * len(spec.strategies) < 10
        ready = prepare(spec) if small else None
        work = spec.replicates * max(spec.budget.evaluations or 10**9, 1) * len(spec.benchmarks) * len(spec.strategies)
        if ready is None or work > _MOST_WORK:
            return "read"
        execute(ready, folder / "results")
        return f"{len(read_results(folder / 'results').runs)} runs"

    def _content(self, draw: Draw, index: int) -> bytes:
        once = (
            "a = " + "[" * 20_000,
            "a = " + "{a=" * 5_000,
            "[" + ".".join("a" * 5_000) + "]",
            "replicates = " + "9" * 5_000,
            self.text.replace("replicates = 4", "replicates = 4294967296"),
            self.text.replace("n_workers = 2", "n_workers = 4294967296"),
            self.text.replace('label = "Random"', "surrogate = 7"),
            self.text.replace("checkpoints = [2, 6]", "checkpoints = [nan]"),
            self.text.replace("evaluations = 6", "evaluations = 6\nseconds = inf"),
        )
        if index < len(once):
            return once[index].encode()
        way = draw.random()
        if way < 0.3:
            return of_bytes(draw, self.text.encode())
        if way < 0.6:
            return of_text(draw, self.text).encode("utf-8", "surrogatepass")
        return toml(of_data(draw, tomllib.loads(self.text))).encode("utf-8", "surrogatepass")


def toml(data: Any) -> str:
    """Write plain data as TOML; what TOML has no word for is written as text."""
    if not isinstance(data, dict):
        return f"a = {_value(data)}"
    return "\n".join(f"{json.dumps(str(key))} = {_value(value)}" for key, value in data.items())


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value) if value is not None else '""'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, float):
        return repr(value).replace("1e-300", "1.0e-300").replace("1e+300", "1.0e300")
    return json.dumps(value) if isinstance(value, str) else repr(value)


class Results_(Kind):  # `Results` is what is read
    """Folders of results of which a file is damaged: each run is the true one or missing."""

    name = "results"
    weight = 2.0
    corpus = 4

    def prepare(self, folder: Path) -> None:
        """Run a small experiment."""
        table = tables.make(folder)
        (folder / "spec.toml").write_text(SPEC.format(table=table))
        self.folder = folder / "results"
        execute(prepare(load(folder / "spec.toml")), self.folder)
        self.true = _said(read_results(self.folder))
        self.files = sorted(path.name for path in self.folder.glob("*.h5"))

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Read the results of a folder with one damaged file."""
        place = folder / "results"
        shutil.copytree(self.folder, place)
        path = place / draw.choice(self.files)
        if index < self.corpus:
            path.unlink()
            ways = (lambda: path.symlink_to("/dev/zero"), lambda: path.mkdir(), lambda: path.write_bytes(b""))
            (*ways, lambda: os.mkfifo(path))[index]()
        elif draw.random() < 0.1:
            path.write_bytes((self.folder / draw.choice(self.files)).read_bytes())
        else:
            path.write_bytes(of_bytes(draw, path.read_bytes()))
        results = read_results(place)
        if any(self.true.get(key) != said for key, said in _said(results).items()):
            raise ChangedError("a damaged result file was read, and gives other runs")
        return f"{len(results.runs)} runs, {len(results.missing)} missing"


class Manifests(Kind):
    """Manifests of experiments with changed bytes or values."""

    name = "manifests"
    weight = 1.5

    def prepare(self, folder: Path) -> None:
        """Run a small experiment."""
        self.results = Results_()
        self.results.prepare(folder)
        self.text = (self.results.folder / "experiment.json").read_text()

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Read results by a changed manifest, and run the experiment again in their folder."""
        place = folder / "results"
        shutil.copytree(self.results.folder, place)
        way = draw.random()
        if way < 0.3:
            (place / "experiment.json").write_bytes(of_bytes(draw, self.text.encode()))
        else:
            data = of_data(draw, json.loads(self.text))
            (place / "experiment.json").write_text(json.dumps(data), encoding="utf-8", errors="surrogatepass")
        results = read_results(place)
        repr(results)
        known = set(self.results.true.values())
        if any(
            said.partition("label")[0] not in {each.partition("label")[0] for each in known}
            for said in _said(replace(results, runs=())).values()
        ):
            raise ChangedError("runs that were never made")
        return f"{len(results.runs)} runs, {len(results.missing)} missing"


class Records(Kind):
    """Records of verification with changed bytes or values."""

    name = "records"
    weight = 1.0

    def prepare(self, folder: Path) -> None:
        """Make a record."""
        oracle = registry.oracle(support.NAME)
        real = np.array([[90.0, 91.0], [80.0, np.nan], [70.5, 71.0], [60.0, 60.1]])
        record.write(folder / "a.json", support.measured(oracle, oracle.archs[:4].copy(), real))
        self.text = (folder / "a.json").read_text()

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Read a changed record, and use what it says."""
        path = folder / "verification" / "a.json"
        path.parent.mkdir()
        if draw.random() < 0.4:
            path.write_bytes(of_bytes(draw, self.text.encode()))
        else:
            data = of_data(draw, json.loads(self.text))
            path.write_text(json.dumps(data), encoding="utf-8", errors="surrogatepass")
        measurements = record.read(path)
        told = (measurements.archs, measurements.finished, measurements.made, measurements.costs_agree)
        again = folder / "again.json"
        record.write(again, measurements)
        record.read(again)
        return f"{len(told[0])} picks"


class Labels(Kind):
    """Nasty texts as names and labels, through a spec, a run and a report."""

    name = "labels"
    weight = 0.02
    corpus = 12

    def prepare(self, folder: Path) -> None:
        """Make a table, and import what draws."""
        import reports.page.build  # noqa: F401  # so that its import is not measured

        self.table = tables.make(folder)

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Run and report a small experiment whose labels are nasty; look at every file of the report."""
        from reports.page.build import build

        texts = [text for text in NASTY_TEXTS if len(text) < 100]
        first, second = draw.sample(texts, 2) if index >= self.corpus else (texts[2 * index], texts[2 * index + 1])
        strategies = [
            {"name": "random_search", "label": first or "a"},
            {"name": "local_search", "label": second or "b"},
        ]
        data = {
            "name": draw.choice(("fuzz", first or "a")),
            "benchmarks": [str(self.table)],
            "replicates": 3,
            "budget": {"evaluations": 5},
            "strategies": strategies,
        }
        execute(prepare(from_dict(data)), folder / "results")
        page = build(folder / "results")
        return f"{_looked_at(page.parent)} files"


def _looked_at(folder: Path) -> int:
    """Check that what a report wrote can be read by who reads it; return how many files there are."""
    import xml.etree.ElementTree as ET

    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".svg":
            ET.fromstring(content.decode())  # noqa: S314  # our own file
        if path.suffix in (".html", ".csv", ".json", ".tex", ".md"):
            text = content.decode("utf-8")
            control = {character for character in text if ord(character) < 32 and character not in "\n\t\r"}
            if control:
                raise ChangedError(f"{path.name} holds control characters {control}")
        if path.suffix == ".csv":
            cells = [cell for line in content.decode().splitlines() for cell in line.split(",")]
            if wrong := [cell for cell in cells if cell[:1] in ("=", "@", "+", "\t")]:
                raise ChangedError(f"{path.name} holds cells that a program computes: {wrong[:3]}")
    return len(files)
