"""A fitted surrogate benchmark, which answers like a table, and its oracle.

A learner that was fitted to a sample predicts the mean, and noise that was fitted to repeats is drawn by noise seed, so
that the same question has the same answer in every process, order and batch.  What is told was never trained: pages say
so, and say where a search leaves the sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import others
from benchmarks_data.file.problem import objectives_of
from benchmarks_data.predicted.answers import check_proposals, evaluations
from benchmarks_data.predicted.fitted.costs import Costs
from benchmarks_data.predicted.fitted.file import Opened, read, read_facts
from benchmarks_data.predicted.fitted.model import schedules_of
from benchmarks_data.predicted.oracle import PredictedOracle
from harness import names
from harness.benchmark import Column
from harness.checks import Archs, FloatArray, IntArray, UInt64Array, arch_matrix, integer
from harness.errors import HarnessError, must, unknown
from harness.files.reading import parse_json
from harness.guard import refuse
from harness.problem import Constraint, Objective
from harness.records import Evaluations, Proposals
from harness.spaces import named

__all__ = ["FittedBenchmark", "FittedOracle", "describe", "open_benchmark", "open_oracle"]

SECONDS = "train_seconds"


class FittedBenchmark:
    """Answers proposals with predictions and noise; see `harness.benchmark.Benchmark` for the protocol.

    Parameters
    ----------
    opened : Opened
    objectives : sequence of str or Objective, optional
        Columns to optimise; the default is the validation column.
    constraints : sequence of Constraint
    training : int, optional
        0: the mean, always; there are no trainings to choose from.
    """

    def __init__(
        self,
        opened: Opened,
        *,
        objectives: Sequence[str | Objective] | None = None,
        constraints: Sequence[Constraint] = (),
        training: int | None = None,
    ) -> None:
        self._fixed = training is not None and integer("training", training, low=0, high=0) == 0
        self._opened, self._model = opened, opened.model
        self.name = self.table_name = opened.name
        self.space = opened.model.space
        self.digest = opened.digest
        self.fidelities = opened.fidelities
        self.has_seconds = opened.model.seconds is not None
        self.libraries = opened.model.learner.libraries
        self._columns, self._costs = columns_of(opened), costs_of(opened)
        self.objectives: tuple[Objective, ...] = objectives_of(
            (opened.column.name,) if objectives is None else objectives, self._column
        )
        self.constraints: tuple[Constraint, ...] = tuple(constraints)
        for constraint in self.constraints:
            self._column(constraint.name)
        self._word = int(opened.digest[:16], 16)
        self._schedules = schedules_of(opened.fidelities)

    def _column(self, name: str) -> Column:
        if name not in self._columns:
            raise HarnessError(unknown(f"column of {self.name}", name, self._columns))
        return self._columns[name]

    def query(self, proposals: Proposals, *, noise_seed: UInt64Array | None) -> Evaluations:
        """Evaluate n proposals; see `harness.benchmark.Benchmark.query`.

        Raises
        ------
        HarnessError
            If an architecture is not of the space, or a fidelity or a noise seed is not what it must be.
        """
        refuse(self.name)
        archs = check_proposals(self.name, self.space, proposals, len(self.fidelities))
        seeds = None if noise_seed is None or self._fixed else np.asarray(noise_seed)
        if seeds is not None and (seeds.shape != (len(archs),) or seeds.dtype != np.uint64):
            rule = f"be uint64 of shape ({len(archs)},)"
            raise HarnessError(must("noise_seed", rule, f"{seeds.dtype} of shape {seeds.shape}"))
        values = _Values(self, archs, np.asarray(proposals.fidelity, dtype=np.int64), seeds)
        timed = SECONDS if self.has_seconds else None
        return evaluations(proposals, values.column, self.objectives, self.constraints, timed)

    def cheapest_seconds(self, fidelity: int) -> float:
        """Return the least seconds of an evaluation at a fidelity, by its index; NaN where none is known."""
        model = self._model.seconds
        return float("nan") if model is None else float(model.low * model.shares[fidelity])

    def noisy(self, archs: Archs, fidelity: IntArray, seeds: UInt64Array) -> FloatArray:
        """Return one training each, drawn: (n, L), (n,), (n,) to (n,) published; what cannot be is cut off."""
        means = self._model.predict(archs, fidelity)
        keys = self.space.key(self._model.own(archs), "exact")
        drawn = self._model.noise.draw(self._word, keys, seeds, self._schedules[fidelity], fidelity)
        values = means + self._model.noise.deviations(means, fidelity) * drawn
        bounds = self._opened.model.objective.bounds
        if bounds is None:
            return values
        ends = np.sort(self._opened.model.objective.to_published(np.array(bounds)))
        return np.clip(values, ends[0], ends[1])


class _Values:
    """The columns of some architectures, each worked out once."""

    def __init__(self, benchmark: FittedBenchmark, archs: Archs, fidelity: IntArray, seeds: UInt64Array | None) -> None:
        self._benchmark, self._archs, self._fidelity, self._seeds = benchmark, archs, fidelity, seeds
        self._known: dict[str, FloatArray] = {}

    def column(self, name: str) -> FloatArray:
        """Return a column in its published unit: (n,)."""
        if name not in self._known:
            self._known[name] = self._worked_out(name)
        return self._known[name]

    def _worked_out(self, name: str) -> FloatArray:
        benchmark, model = self._benchmark, self._benchmark._model
        if name == model.objective.name:
            if self._seeds is None:
                return model.predict(self._archs, self._fidelity)
            return benchmark.noisy(self._archs, self._fidelity, self._seeds)
        if name == SECONDS:
            return model.predict_seconds(self._archs, self._fidelity)
        return benchmark._costs.count(name, benchmark.space, self._archs)


class FittedOracle(PredictedOracle):
    """The same predictions without noise, at the full fidelity; see `PredictedOracle`."""

    def __init__(self, opened: Opened) -> None:
        timed = SECONDS if opened.model.seconds is not None else None
        super().__init__(opened.name, opened.model.space, opened.digest, columns_of(opened), timed)
        self.table_name = opened.name
        self._benchmark = FittedBenchmark(opened)
        self._model, self._evidence = opened.model, opened.evidence
        self._last = len(opened.fidelities) - 1

    def predicted(self, archs: Archs, column: str) -> FloatArray:
        """Return the prediction: (n, L) to (n,)."""
        refuse(self.name)
        return _Values(self._benchmark, archs, np.full(len(archs), self._last), None).column(column)

    @property
    def evidence(self) -> Mapping[str, Any]:
        """The sample, and what was said of it by models that were not told of it; see `Fitted`."""
        return self._evidence

    def deviations(self, predicted: FloatArray) -> FloatArray:
        """Return the standard deviation of one training at predicted values, published: (n,) to (n,)."""
        return self._model.noise.deviations(predicted, np.full(len(predicted), self._last))

    def distance(self, archs: Archs) -> FloatArray:
        """Return how far architectures lie from what was learnt from, (n,) in [0, 1]; see `Model.distance`."""
        return self._model.distance(arch_matrix("archs", archs, self.space.genes))


def columns_of(opened: Opened) -> dict[str, Column]:
    """Return the columns that can be told: the predicted one, seconds, and costs in closed form."""
    columns = [opened.column]
    if opened.model.seconds is not None:
        columns.append(Column(SECONDS, "s", "minimise", description="Predicted; in a training it never falls."))
    columns += costs_of(opened).columns
    return {column.name: column for column in columns}


def costs_of(opened: Opened) -> Costs:
    """Return which costs are known."""
    return Costs.read(opened.facts.get("costs") or {})


def _path(name: str) -> Path:
    """Return where a surrogate benchmark lies, by its path or by its name in the catalogue."""
    path = names.read(name).path
    return others()[name].paths()[0] if path is None else path


def open_benchmark(
    name: str,
    *,
    objectives: Sequence[str | Objective] | None = None,
    constraints: Sequence[Constraint] = (),
    training: int | None = None,
    check_content: bool = False,
) -> FittedBenchmark:
    """Open a fitted surrogate benchmark; the parameters are those of `benchmarks_data.provider.Tables.open`.

    Raises
    ------
    TableError
        If the file is missing, damaged, of another format, or needs what is not installed.
    """
    opened = read(_path(name), check_content=check_content)
    benchmark = FittedBenchmark(opened, objectives=objectives, constraints=constraints, training=training)
    benchmark.name = name
    return benchmark


def open_oracle(name: str) -> FittedOracle:
    """Open the predictions at the full fidelity, and how far architectures lie from the sample."""
    oracle = FittedOracle(read(_path(name)))
    oracle.name = name
    return oracle


def summary(name: str) -> dict[str, Any]:
    """Say of a fitted surrogate benchmark what a list of all shows, as `describe` does, without making its model."""
    facts, about, rows = read_facts(_path(name))
    return {
        "title": _title(facts, about, rows),
        "imported": True,
        "space": facts["space"],
        "rows": None,
        "validation": facts["column"]["name"],
        "test": None,
        "has_seconds": bool(facts["seconds"]),
    }


def _title(facts: Mapping[str, Any], about: Mapping[str, Any], rows: int) -> str:
    return f"{facts['name']}, a surrogate fitted to {rows:,} rows of {about['table']}"


def describe(name: str) -> dict[str, Any]:
    """Say what a fitted surrogate benchmark is, as plain data."""
    path = _path(name)
    opened = read(path)
    about, facts, model = opened.about, opened.facts, opened.model
    rows, runs = len(opened.evidence["archs"]), model.noise.trainings
    training = about.get("training")
    return {
        "kind": "benchmark",
        "name": name,
        "title": _title(facts, about, rows),
        "dataset": about.get("dataset", ""),
        "surrogate": True,
        "learner": facts["learner"],
        "learner_family": model.learner.family(),
        "sample": {key: about[key] for key in ("table", "table_digest", "rows_of_table", "left_out", "seed", "origins")}
        | {"rows": rows},
        "noise": f"normal, fitted to {runs:,} repeated trainings" if runs else "",
        "rows": None,
        "replicates": (
            f"drawn: the standard deviation is that of {runs:,} repeated trainings at the predicted value"
            if runs
            else "none: no architecture of the sample was trained twice, so that its noise is not known"
        ),
        "columns": [asdict(column) for column in columns_of(opened).values()],
        "fidelities": [fidelity.label for fidelity in opened.fidelities],
        "has_seconds": model.seconds is not None,
        "validation": opened.column.name,
        "test": None,
        **{key: about.get(key, "") for key in ("licence", "citation", "source")},
        "training": parse_json(training, str(path)) if training else None,
        "imported": True,
        "sha256": opened.digest,
        "path": str(path),
        "bytes": path.stat().st_size,
        "space": named.describe(model.space),
    }
