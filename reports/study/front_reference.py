"""The reference of a benchmark for several objectives: random search, by its exact expectation and by simulation."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from harness import seeding
from harness.checks import Archs, BoolArray, FloatArray, IntArray
from harness.errors import HarnessError
from harness.experiments.spec import Spec
from reports.statistics.bootstrap import bootstrap_centres, resample_counts
from reports.statistics.centres import centre_of
from reports.statistics.random_front import (
    Draws,
    expected_hypervolume,
    simulated_hypervolumes,
    whole_table_hypervolume,
)
from reports.study.front_truth import FrontTruth
from reports.study.reference import all_codings, draws_repeat

RUNS, WHOLE_RUNS = 300, 20
"""Simulated random searches, and simulated searches of the whole table."""
ERROR_REPETITIONS = 1_000
"""Resamples of the simulated searches, for the standard error of their centre."""


@dataclass(eq=False)
class FrontReference:
    """Random search on one benchmark, under the experiment's own noise, constraints and duplicates.

    Attributes
    ----------
    truth : FrontTruth
    draws : Draws
        What one uniform draw shows, and by split of the truth what judges it.
    replacement : bool
        Whether draws repeat, and are charged when they do.
    noisy : bool
        Whether what is told is other than what judges.
    seed : int
        Root of the simulation's random streams.
    """

    truth: FrontTruth
    draws: Draws
    replacement: bool
    noisy: bool
    seed: int
    _runs: list[tuple[IntArray, tuple[FloatArray, ...]]] = field(default_factory=list)
    _length: int = 0

    def is_exact(self, split: str) -> bool:
        """Say whether the expectation is exact: two objectives, judged by what is told."""
        return split == "validation" and not self.noisy and self.draws.shown.shape[2] == 2

    def expected(self, split: str, evaluations: FloatArray) -> FloatArray:
        """Return the expected gap of the front: (T,) to (T,); NaN beyond the whole table.

        Exact where `is_exact`, else the mean over simulated runs.
        """
        n = evaluations.astype(np.int64)
        inside, out = self._inside(n), np.full(len(n), np.nan)
        if self.is_exact(split):
            points = np.where(self.draws.feasible[:, None], self.draws.judged[0], np.nan)
            volumes = expected_hypervolume(points, n[inside], replacement=self.replacement)
            out[inside] = self.truth.regrets_of(split, volumes)
        else:
            out[inside] = self._gaps(split, n[inside]).mean(axis=0)
        return out

    def centre(self, split: str, evaluations: FloatArray, centre: str) -> FloatArray:
        """Return median, IQM or mean gap of the front: (T,) to (T,); NaN beyond the whole table.

        The mean is `expected`; the others are those of simulated runs.
        """
        if centre == "mean":
            return self.expected(split, evaluations)
        n = evaluations.astype(np.int64)
        inside, out = self._inside(n), np.full(len(n), np.nan)
        out[inside] = centre_of(self._gaps(split, n[inside]), centre)
        return out

    def standard_error(self, split: str, evaluations: float, centre: str) -> float:
        """Return the standard error of `centre`, by bootstrap over the simulated runs; 0 where the mean is exact."""
        if centre == "mean" and self.is_exact(split):
            return 0.0
        gaps = self._gaps(split, np.array([int(evaluations)]))
        counts = resample_counts(len(gaps), ERROR_REPETITIONS, self._generator("error"))
        return float(bootstrap_centres(gaps, counts, centre).std(ddof=1))

    def whole(self, split: str, centre: str) -> float:
        """Return median, IQM or mean gap of the front that shows when every architecture was trained once.

        The noise floor, simulated; 0 where there is no noise.
        """
        if not self.noisy:
            return 0.0
        rng = self._generator("whole")
        volumes = np.array([whole_table_hypervolume(self.draws, rng) for _ in range(WHOLE_RUNS)])
        gaps = self.truth.regrets_of(split, volumes[:, self.truth.splits.index(split)])
        return float(centre_of(gaps, centre))

    def _generator(self, purpose: str) -> np.random.Generator:
        return seeding.generator(self.seed, "report", "random front", self.truth.facts.table_digest, purpose)

    def _inside(self, n: IntArray) -> BoolArray:
        return np.full(len(n), True) if self.replacement else n <= len(self.draws.shown)

    def _gaps(self, split: str, n: IntArray) -> FloatArray:
        """Return the gaps of simulated runs after numbers of draws: (R, T)."""
        most = int(n.max(initial=1))
        if self._length < most:
            rng = self._generator("runs")
            self._runs = list(simulated_hypervolumes(self.draws, most, RUNS, rng, replacement=self.replacement))
            self._length = most
        gaps = np.full((RUNS, len(n)), self.truth.worst(split))
        index = self.truth.splits.index(split)
        for run, (changes, volumes) in enumerate(self._runs):
            place = np.searchsorted(changes, n, side="right") - 1
            gaps[run, place >= 0] = self.truth.regrets_of(split, volumes[index])[place[place >= 0]]
        return gaps


def front_reference(truth: FrontTruth, spec: Spec) -> FrontReference | None:
    """Return the random-search reference of a benchmark; None where it cannot be known.

    As `reports.study.reference.reference`, and under constraints too: what breaks one that only training tells is
    drawn, and adds nothing.
    """
    archs = all_codings(truth.oracle.space)
    if archs is None or not spec.budget.has_law:
        return None
    try:
        for constraint in truth.constraints:
            if constraint.name in truth.facts.known:
                archs = archs[constraint.violation(truth.oracle.mean(archs, constraint.name)) <= 0]
        judged = tuple(truth.points_of(archs, split) for split in truth.splits)
        feasible = np.ones(len(archs), dtype=bool)
        for constraint in truth.constraints:
            feasible &= constraint.violation(truth.oracle.mean(archs, constraint.name)) <= 0
        means = truth.values_of(archs, "validation")
        shown, trainings = means[:, None], np.ones((len(archs), 1), dtype=bool)
        if spec.budget.table_seed != "mean":
            shown, trainings = _trainings(truth, archs, means)
    except HarnessError:
        return None
    if spec.budget.table_seed == "fixed":
        trainings &= np.cumsum(trainings, axis=1) == 1
    told = np.where(trainings[..., None], shown, means[:, None])
    noisy = not np.allclose(told, means[:, None], rtol=1e-9, atol=0.0, equal_nan=True)
    judged = tuple(np.where(np.isfinite(points), points, np.inf) for points in judged)
    return FrontReference(truth, Draws(shown, trainings, feasible, judged), draws_repeat(spec), noisy, spec.seed)


def _trainings(truth: FrontTruth, archs: Archs, means: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return what each training tells, (N, s, m), and which there are, (N, s): one training answers in all objectives.

    A column with another number of trainings than the most tells its mean.
    """
    columns = [item.to_minimised(truth.oracle.trainings(archs, item.name)) for item in truth.facts.objectives]
    most = max(column.shape[1] for column in columns)
    shown = np.repeat(means[:, None], most, axis=1)
    trainings = np.ones((len(archs), most), dtype=bool)
    for place, column in enumerate(columns):
        if column.shape[1] == most and most > 1:
            shown[:, :, place] = column
            trainings &= np.isfinite(column)
    return shown, trainings
