"""What work that trains leaves: result files and checkpoints, with other numbers and shapes."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from harness import api, registry
from harness.experiments import epochs
from harness.experiments.execute import execute
from harness.experiments.kind import Output, kind_of
from harness.experiments.prepare import prepare
from harness.experiments.results import read_results
from harness.experiments.schema import from_dict
from harness.experiments.store import read_unit, write_unit
from harness.files.arrays import read_npz
from harness.verification.picks import incumbents, top
from reports.predictors import report as predictors
from reports.predictors.results import read_evaluated
from reports.scaling import report as scaling
from reports.scaling.results import read_scalings
from reports.study.opening import open_truth
from reports.supernets.results import read_supernets
from reports.supernets.section import section_of
from tests.fuzz.kinds.trainings import BATCH, LEARNERS, SIZES, SUPERNETS, make
from tests.fuzz.mutations import of_array, of_bytes, of_data, of_text
from tests.fuzz.runner import ChangedError, Draw, Kind, command


def _described(folder: Path, kind: str) -> str:
    """Make all that a page says of results of one-shot methods, of sizes or of learners, but for its drawings."""
    if kind == "scaling":
        found = read_scalings(folder, allow_missing=True)
        parts = [*scaling.sections(found), scaling.first_screen(found), scaling.facts_words(found)]
        return f"{len(parts)} parts of {len(scaling.warnings(found))} warnings"
    if kind == "prediction":
        evaluated = read_evaluated(folder, registry.oracle, allow_missing=True)
        return f"{len(predictors.sections(evaluated))} parts, {predictors.first_screen(evaluated)!r:.20}"
    results = read_supernets(folder)
    assert results is not None
    section = section_of(results)
    return f"{len(section.figures)} figures, {len(section.tables)} tables"


def _searched(folder: Path, kind: str) -> str:
    """Read the searches that stand beside one-shot methods."""
    found = read_results(folder)
    return f"{found!r} {len(api.frame(found))}"


def _picked(folder: Path, kind: str) -> str:
    """Pick what a verification would train."""
    results = read_results(folder)
    picks = []
    for name, facts in results.benchmarks.items():
        oracle, _ = open_truth(facts.name, facts.table_digest, folder)
        picks += top(incumbents(results, name, oracle)[0], 3, oracle)
    return f"{len(picks)} picks"


READERS: Mapping[str, tuple[float, Callable[[Path, str], str]]] = {
    "described": (20.0, _described),
    "searched": (4.0, _searched),
    "status": (1.0, lambda folder, kind: command("status", str(folder))),
    "status as JSON": (1.0, lambda folder, kind: command("status", str(folder), "--json")),
    "compare": (2.0, lambda folder, kind: command("compare", str(folder), str(folder.with_name("whole")))),
    "archive": (1.0, lambda folder, kind: command("archive", "build", str(folder), "--out", "a.npz")),
    "verify": (3.0, _picked),
    "report": (1.0, lambda folder, kind: command("report", str(folder), "--allow-missing")),
}
"""What is done with a folder, and its share."""


class Sealed(Kind):
    """Folders of one-shot methods, sizes and learners; one file has other columns or texts, and a whole seal."""

    name = "sealed"
    weight = 0.3

    def prepare(self, folder: Path) -> None:
        """Run small experiments."""
        import reports.page.build  # noqa: F401  # so that its import is not measured

        table, part = make(folder), folder / "part"
        part.mkdir()
        some = make(part, most=40)
        for name, path, text in (
            ("supernet", table, SUPERNETS),
            ("supernet, part", some, re.sub(r'(?m)^name = "nash(.|\n)*?\n\n\[\[strategies\]\]\n', "", SUPERNETS)),
            ("scaling", table, SIZES),
            ("prediction", table, LEARNERS),
        ):
            data = {"name": name.partition(",")[0], **tomllib.loads(text.format(table=path))}
            execute(prepare(from_dict(data)), folder / name)
            _described(folder / name, data["name"])
        self.folder = folder

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Change one file of a folder, and read it."""
        chosen = draw.choice(("supernet", "supernet", "supernet", "supernet, part", "scaling", "prediction"))
        name = chosen.partition(",")[0]
        place = folder / "results"
        shutil.copytree(self.folder / chosen, place)
        (folder / "whole").symlink_to(self.folder / chosen)
        way = draw.random()
        path = draw.choice(sorted(place.glob("*.h5")))
        if way < 0.1:
            path.write_bytes(of_bytes(draw, path.read_bytes()))
        elif way < 0.25:
            manifest = place / "experiment.json"
            data = of_data(draw, json.loads(manifest.read_text(encoding="utf-8")))
            manifest.write_text(json.dumps(data), encoding="utf-8", errors="surrogatepass")
        else:
            _changed(draw, place, path, name)
        weights = [share for share, _ in READERS.values()]
        (reader,) = draw.choices(list(READERS), weights)
        return f"{name}, {reader}: {READERS[reader][1](place, name)}"


def _changed(draw: Draw, place: Path, path: Path, name: str) -> None:
    """Write a result with other columns or texts, sealed as if it were what was computed."""
    kind = kind_of(name)
    unit, output = read_unit(path, kind)
    columns, texts = dict(output.columns), dict(output.texts)
    for _ in range(draw.edits(1, 2)):
        key = draw.choice(sorted(columns))
        match draw.randrange(10):
            case 0 if "sample/archs" in columns and draw.random() < 0.3:
                columns |= {
                    f"alone/{part}": np.asarray(columns[f"sample/{part}"])[:4] for part in ("archs", "inherited")
                }
            case 0 if key in kind.optional:
                del columns[key]
            case 1:
                columns[key] = np.array(columns[draw.choice(sorted(columns))])
            case 2:
                text = draw.choice(sorted(texts))
                texts[text] = json.dumps(of_data(draw, json.loads(output.texts[text])))
            case 3 if draw.random() < 0.3:
                text = draw.choice(sorted(texts))
                texts[text] = of_text(draw, texts[text]).encode("utf-8", "replace").decode().replace("\0", "")
            case _:
                columns[key] = of_array(draw, np.asarray(columns[key]))
    numbers = {key: column for key, column in columns.items() if np.asarray(column).dtype.kind != "U"}
    names: Any = {"columns": (), "optional": tuple(numbers), "texts": tuple(texts)}
    allowed: Any = SimpleNamespace(**names, check_output=lambda *_: None)
    write_unit(place, allowed, unit, Output(numbers, texts))


class States(Kind):
    """Checkpoints of killed supernets, changed: training goes on, or begins anew, to the same numbers."""

    name = "states"
    weight = 0.1

    def prepare(self, folder: Path) -> None:
        """Train supernets for an epoch, keep their states, and train them whole."""
        epochs.CHECKPOINT_SECONDS = -1.0
        table, self.kind = make(folder), kind_of("supernet")
        self.cases = []
        for name, further in (("gdas", {}), ("rsps", {"candidates": 2}), ("nash_inherited", {"children": 2})):
            known = registry.one_shot(name).known()
            short = {key: 1 for key in ("first_epochs", "child_epochs", "morphisms") if key in known}
            data = {
                "name": "fuzz",
                "benchmarks": [str(table)],
                "replicates": 1,
                "budget": {"supernet_epochs": 3},
                "strategies": [{"name": name, "hyperparameters": {"batch_size": BATCH, **further, **short}}],
            }
            ((_, unit),) = prepare(from_dict(data)).shards.values()
            place = folder / f"{name}.part"
            kept: list[bytes] = []

            def keep(epochs: int, place: Path = place, kept: list[bytes] = kept) -> None:
                kept.append(place.read_bytes())

            whole = self.kind.resume(unit, place, keep)
            self.cases.append((unit, kept[0], _said(whole)))

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Continue from a changed checkpoint."""
        unit, content, true = draw.choice(self.cases)
        place = folder / ".a.part"
        place.write_bytes(content)
        if draw.random() < 0.5:
            place.write_bytes(of_bytes(draw, content))
        else:
            arrays = read_npz(place)
            for _ in range(draw.edits(1, 2)):
                key = draw.choice(sorted(arrays))
                if draw.random() < 0.15:
                    del arrays[key]
                else:
                    arrays[key] = of_array(draw, arrays[key])
            with place.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
        output = self.kind.resume(unit, place)
        if _said(output) != true:
            raise ChangedError("a damaged checkpoint was continued from, and gives other numbers")
        return f"{unit.method}: continued"


def _said(output: Output) -> dict[str, tuple[str, bytes]]:
    """Return the columns of a result, but for what was measured by a clock."""
    return {
        name: (str(np.shape(column)), np.asarray(column).tobytes())
        for name, column in output.columns.items()
        if name != "seconds"
    }
