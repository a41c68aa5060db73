"""Made-up experiments for the tests of reports: a toy table with noise, and runs drawn on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.benchmark import Column, Optimum
from harness.errors import HarnessError
from harness.experiments.manifest import BenchmarkFacts
from harness.experiments.results import Results
from harness.experiments.spec import ReportSpec, Spec, StrategySpec
from harness.problem import Budget, Objective
from harness.records import Run, Trace
from harness.space import SearchSpace
from reports.figures import render
from reports.figures.exhibit import Exhibit
from reports.page import build as building
from reports.sections import section, why

ACCURACY = Objective("valid_accuracy", "maximise", "percent", 100.0)


class Digits(SearchSpace):
    """Three genes of six values."""

    def __init__(self) -> None:
        super().__init__("digits", [6] * 3)

    def format(self, archs):
        return ["".join(map(str, row)) for row in np.asarray(archs).tolist()]

    def parse(self, texts: Sequence[str]):
        return np.array([[int(letter) for letter in text] for text in texts], dtype=self.dtype)


class FakeOracle:
    """216 architectures; validation from three runs (the third missing for odd rows), test from one."""

    def __init__(self, name: str, *, test: bool = True, has_seconds: bool = True) -> None:
        self.name, self.digest, self.space = name, f"sha-{name}", Digits()
        self.validation, self.test, self.has_seconds = "valid_accuracy", "test_accuracy" if test else None, has_seconds
        archs = self.space.decode(np.arange(216, dtype=np.uint64)).astype(float)
        rng = np.random.default_rng(sum(map(ord, name)))
        true = 90 - ((archs - rng.uniform(1, 5, 3)) ** 2).sum(axis=1) / 3
        self.runs = true[:, None] + rng.normal(0, 0.2, (216, 3))
        self.runs[1::2, 2] = np.nan
        self._values = {"valid_accuracy": np.nanmean(self.runs, axis=1), "size": archs.sum(axis=1)}
        self._values["test_accuracy"] = true - 1 + rng.normal(0, 0.3, 216)
        self.columns = {
            "valid_accuracy": Column("valid_accuracy", "percent", "maximise", "x-valid", best=100.0),
            "test_accuracy": Column("test_accuracy", "percent", "maximise", "x-test", held_out=True, best=100.0),
            "size": Column("size", "", "minimise"),
        }

    def _rows(self, archs):
        return self.space.code(archs).astype(int)

    def mean(self, archs, column):
        return self._values[column][self._rows(archs)]

    def trainings(self, archs, column):
        return self.runs[self._rows(archs)] if column == "valid_accuracy" else self.mean(archs, column)[:, None]

    def values(self, column):
        return self._values[column]

    def optimum(self, column):
        row = int(np.argmax(self._values[column]))
        return Optimum(float(self._values[column][row]), self.space.decode(np.array([row], dtype=np.uint64))[0], row)


def trace_of(archs, shown, seconds=None, *, constraints=None, charged=None) -> Trace:
    """Return a trace of one worker: `shown` are published accuracies."""
    n = len(archs)
    seconds = np.full(n, np.nan) if seconds is None else np.asarray(seconds, dtype=float)
    return Trace(
        archs=np.asarray(archs),
        fidelity=np.zeros(n, dtype=np.int64),
        tag=np.zeros(n, dtype=np.int64),
        objectives=ACCURACY.to_minimised(shown)[:, None],
        constraints=np.zeros((n, 0)) if constraints is None else np.asarray(constraints, dtype=float),
        seconds=seconds,
        started_seconds=np.cumsum(seconds) - seconds,
        finished_seconds=np.cumsum(seconds),
        worker=np.zeros(n, dtype=np.int64),
        charged=np.ones(n, dtype=bool) if charged is None else charged,
    )


def make_results(
    benchmarks: Sequence[FakeOracle],
    labels: Sequence[str] = ("random_search", "climber"),
    *,
    replicates: int = 12,
    evaluations: int = 30,
    missing: Sequence[tuple[str, str, int, int]] = (),
    seed: int = 0,
    **report,
) -> Results:
    """Return runs: the first label draws at random, each later one mutates its incumbent ever more often."""
    runs = []
    absent = {(b, label, r) for b, label, first, stop in missing for r in range(first, stop)}
    for oracle in benchmarks:
        for index, label in enumerate(labels):
            for replicate in range(replicates):
                if (oracle.name, label, replicate) not in absent:
                    rng = np.random.default_rng([seed, index, replicate, sum(map(ord, oracle.name))])
                    trace = _search(oracle, index, evaluations, rng, replicate)
                    runs.append(Run(oracle.name, label, replicate, trace, "budget", 0.01 * (index + 1)))
    facts = {o.name: BenchmarkFacts(o.name, o.digest, (ACCURACY,), o.has_seconds) for o in benchmarks}
    names = tuple(StrategySpec("random_search" if label == "random_search" else "other", label) for label in labels)
    spec = Spec(
        "made-up", tuple(facts), names, Budget(evaluations=evaluations), replicates=replicates,
        report=ReportSpec(**report),
    )  # fmt: skip
    return Results(spec, facts, tuple(runs), tuple(missing))


def _search(oracle: FakeOracle, greed: int, evaluations: int, rng, replicate: int) -> Trace:
    archs = oracle.space.sample(evaluations, rng)
    noise = np.random.default_rng(replicate).integers(0, 2, 216)
    shown = np.empty(evaluations)
    for row in range(evaluations):
        if row > 3 and rng.random() < 1 - 1 / (1 + greed):
            archs[row] = oracle.space.mutate(archs[[int(np.argmax(shown[:row]))]], rng)[0]
        code = int(oracle.space.code(archs[[row]])[0])
        shown[row] = oracle.runs[code, noise[code]]
    seconds = 100 + 50 * archs.sum(axis=1) if oracle.has_seconds else None
    return trace_of(archs, shown, seconds)


def opener(*oracles: FakeOracle):
    """Return what opens these oracles by name, like the registry."""
    known = {oracle.name: oracle for oracle in oracles}

    def open_oracle(name: str) -> FakeOracle:
        if name not in known:
            raise HarnessError(f"unknown oracle {name}")
        return known[name]

    return open_oracle


def build_page(
    results: Results,
    folder: Path,
    open_oracle: Callable[[str], FakeOracle],
    *,
    drawn: Collection[str] | None = None,
    explained: bool = True,
) -> Path:
    """Build the page of results as if `folder` held them.

    Beside it only figures named in `drawn` are drawn, by default all; of others there are the numbers.  The section of
    architectures, which takes a second, is left out unless `explained`.
    """

    def save(exhibit: Exhibit, figures: Path) -> None:
        if drawn is None or exhibit.name in drawn:
            render.save(exhibit, figures)
        else:
            figures.mkdir(exist_ok=True)
            exhibit.write(figures)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "read_results", lambda _: results)
        patch.setattr(section, "save", save)
        if not explained:
            patch.setattr(why, "section", lambda study: None)
        return building.build(folder, open_oracle=open_oracle)


SIZE = Objective("size")


def make_front_results(benchmarks: Sequence[FakeOracle], *arguments, log: Sequence[str] = (), **more) -> Results:
    """Return runs as `make_results` does, that were told the size of architectures as a second objective."""
    results = make_results(benchmarks, *arguments, **more)
    oracles = {oracle.name: oracle for oracle in benchmarks}
    runs = []
    for run in results.runs:
        sizes = oracles[run.benchmark].mean(run.trace.archs, "size")
        told = np.concatenate([run.trace.objectives, sizes[:, None]], axis=1)
        runs.append(replace(run, trace=replace(run.trace, objectives=told)))
    spec = replace(
        results.spec, objectives=("valid_accuracy", "size"), report=replace(results.spec.report, log=tuple(log))
    )
    facts = {name: replace(item, objectives=(ACCURACY, SIZE)) for name, item in results.benchmarks.items()}
    return replace(results, spec=spec, runs=tuple(runs), benchmarks=facts)


def without_scripts(page: str) -> str:
    """Return a page without its scripts and their numbers: what is there to be read."""
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
