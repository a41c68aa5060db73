"""Finished trainings that live benchmarks and tasks keep: damaged ones are told, or the numbers are the true ones."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.grown import Rows
from benchmarks_data.live import entries
from benchmarks_data.live.trained import Trained
from harness import registry
from harness.files.arrays import read_npz
from harness.files.whole import HOME_VARIABLE
from tests.fuzz.mutations import NASTY_TEXTS, of_array, of_bytes, of_data, of_text
from tests.fuzz.runner import ChangedError, Draw, Kind, command

LIVE = "live-mnist1d-nb201"
TASK = '''from harness import Column, Genes, Task


class Tiny(Task):
    """A task of twelve choices."""

    space = Genes(width=[1, 2, 4, 8], kind=["a", "b", "c"])
    columns = (
        Column("valid_accuracy", "percent", "maximise", "validation", best=100.0),
        Column("test_accuracy", "percent", "maximise", "test", best=100.0),
    )
    fidelities = (1, 3)

    def train(self, config, seed, fidelity):
        return {"valid_accuracy": 50.0 + config["width"], "test_accuracy": 40.0}
'''


def _rows(archs: Any, keys: Any, fidelity: int, columns: int, rng: np.random.Generator) -> Rows:
    n = len(archs)
    return Rows(
        keys,
        archs,
        np.full(n, fidelity),
        np.arange(n) % 3,
        rng.uniform(1.0, 90.0, (n, columns)),
        rng.uniform(1.0, 90.0, (n, 1)),
        ("", "it diverged", *[""] * (n - 2)),
        np.ones(n),
    )


def _answers(name: str) -> str:
    """Return all that reports, searches and people are told of a benchmark, without a training."""
    benchmark, oracle = registry.benchmark(name), registry.oracle(name)
    told = [repr(benchmark.digest), oracle.archs.tolist()]
    for column in sorted(oracle.columns):
        told += [column, oracle.values(column).tolist(), oracle.trainings(oracle.archs, column).tolist()]
        told.append(repr(oracle.optimum(column)))
    if name == LIVE:
        keys = Trained(entries.live(LIVE)).canonical(oracle.archs)[1]
        rows = {key: place for place, key in enumerate(keys.tolist())}
        found = Trained(entries.live(LIVE)).predictions.ensemble(rows)
        told.append(repr(found))
    return repr(told)


class Kept(Kind):
    """Folders of finished trainings of which one file is changed."""

    name = "kept"
    weight = 0.4

    def prepare(self, folder: Path) -> None:
        """Keep trainings of a live benchmark and of a task."""
        self.home, rng = folder / "home", np.random.default_rng(0)
        os.environ[HOME_VARIABLE] = str(self.home)
        try:
            held = Trained(entries.live(LIVE))
            archs, keys = held.canonical(held.space.sample(6, rng))
            _, first = np.unique(keys, return_index=True)
            for part in (first[:3], first[3:]):
                rows = _rows(archs[part], keys[part], len(held.live.fidelities) - 1, 4, rng)
                held.grown.put(rows)
            for key in keys[first].tolist():
                labels = {split: rng.integers(0, 3, 20) for split in ("valid", "test")}
                probabilities = {split: rng.dirichlet(np.ones(3), 20) for split in labels}
                held.predictions.keep(key, 0, probabilities, labels)
            (folder / "task.py").write_text(TASK)
            self.task = f"{folder / 'task.py'}:Tiny"
            benchmark: Any = registry.benchmark(self.task)
            archs = benchmark.space.decode(np.arange(12, dtype=np.uint64))
            benchmark._kept.table().put(_rows(archs, benchmark.space.code(archs), 1, 1, rng))
            self.true = {name: _answers(name) for name in (LIVE, self.task)}
        finally:
            del os.environ[HOME_VARIABLE]
        self.files = [path.relative_to(self.home) for path in sorted(self.home.rglob("*")) if path.is_file()]
        self.files = [path for path in self.files if path.suffix in (".npz", ".json")]

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Change one file of what is kept, and ask everything."""
        home = folder / "home"
        shutil.copytree(self.home, home)
        os.environ[HOME_VARIABLE] = str(home)
        path = home / draw.choice(self.files)
        name = LIVE if path.is_relative_to(home / "live") else self.task
        way = draw.random()
        if way < 0.4:
            path.write_bytes(of_bytes(draw, path.read_bytes()))
        elif path.suffix == ".json":
            data = of_data(draw, json.loads(path.read_text()))
            path.write_text(json.dumps(data), encoding="utf-8", errors="surrogatepass")
        else:
            arrays = read_npz(path)
            for _ in range(draw.edits(1, 2)):
                key = draw.choice(sorted(arrays))
                arrays[key] = of_array(draw, arrays[key])
                if draw.random() < 0.1 and len(arrays) > 1:
                    del arrays[draw.choice(sorted(arrays))]
            with path.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
        if draw.random() < 0.2:
            return command("describe", name)
        if draw.random() < 0.1:
            text = of_text(draw, name) if draw.random() < 0.7 else f"{name}@{draw.choice(NASTY_TEXTS[:12])}"
            return command("describe", text.replace("\0", ""))
        if _answers(name) != self.true[name] and way < 0.4:
            raise ChangedError("what was kept is damaged, and answers otherwise")
        return "answered"
