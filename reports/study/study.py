"""The study: what a report is computed from, prepared once: aligned runs, references, resamples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness import registry, seeding
from harness.checks import FloatArray
from harness.digests import sha256_of
from harness.errors import IncompleteError, ResultError
from harness.experiments.results import Results
from harness.experiments.spec import Spec
from harness.names import read
from reports.statistics.bootstrap import resample_counts
from reports.statistics.centres import centre_of
from reports.statistics.ranks import average_ranks
from reports.study.align import Aligned, align
from reports.study.front_reference import FrontReference
from reports.study.front_truth import FrontTruth
from reports.study.naming import with_shown_labels
from reports.study.opening import OpenOracle
from reports.study.reference import Reference
from reports.study.truths import reference_of, truths

CURVE_REPETITIONS = 2_000
TABLE_REPETITIONS = 10_000
MOST_DRAWN, DRAWN = 10, 8
"""Strategies that figures can draw in colour and name, and how many of them where there are more."""


def foremost(
    labels: Sequence[str], wished: Sequence[str], bests: Sequence[str], ranked: Sequence[str]
) -> tuple[str, ...]:
    """Return the labels that figures draw in colour and name, in their order: all, where they are few.

    Where there are more than `MOST_DRAWN`: those wished, the bests, and the first of those ranked; `DRAWN` in all, or
    `MOST_DRAWN` where so many are wished or best.
    """
    if len(labels) <= MOST_DRAWN:
        return tuple(labels)
    named = list(dict.fromkeys([*wished, *bests]))
    most = max(DRAWN, min(len(named), MOST_DRAWN), len(wished))
    kept = list(dict.fromkeys([*named, *ranked]))[:most]
    return tuple(label for label in labels if label in kept)


@dataclass(frozen=True)
class Resampler:
    """Bootstrap resamples addressed by name: the same runs always give the same bands.

    Attributes
    ----------
    spec : Spec
        Its digest is the root of all draws.
    """

    spec: Spec
    _drawn: dict[tuple[str, int, int], npt.NDArray[np.int32]] = field(default_factory=dict, compare=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the spec, hexadecimal."""
        return sha256_of(self.spec.as_dict())

    def generator(self, *path: str | int) -> np.random.Generator:
        """Return the generator for one purpose."""
        return seeding.generator(self.spec.seed, "report", self.digest, *path)

    def counts(self, benchmark: str, n: int, repetitions: int) -> npt.NDArray[np.int32]:
        """Return the resample matrix of a benchmark: one for all its strategies, so that pairs stay together."""
        key = (benchmark, n, repetitions)
        if key not in self._drawn:
            self._drawn[key] = resample_counts(n, repetitions, self.generator(*key))
        return self._drawn[key]


@dataclass(frozen=True)
class Study:
    """An experiment, aligned and judged.

    Attributes
    ----------
    results : Results
    aligned : tuple of Aligned
        By benchmark, in the order of the spec; those that have runs.
    resampler : Resampler
    references : mapping of benchmark to Reference, of several objectives FrontReference, or None
    """

    results: Results
    aligned: tuple[Aligned, ...]
    resampler: Resampler
    references: Mapping[str, Reference | FrontReference | None]
    _frames: dict[tuple[str, ...], pd.DataFrame] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What functions marked by `once` have found."""

    @property
    def spec(self) -> Spec:
        """The experiment's spec."""
        return self.results.spec

    @property
    def centre(self) -> str:
        """Centre line of curves, "median" or "iqm"."""
        return self.spec.report.centre

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the strategies, in the order of the spec."""
        return self.results.labels

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """Labels that figures draw in colour and name, in the order of the spec: all, where they are few.

        Where there are more than `MOST_DRAWN`: those that the spec highlights, random search, the best of each
        benchmark, and the best by mean rank over benchmarks of the mean validation regret at the end; `DRAWN` in all,
        or `MOST_DRAWN` where there are so many bests.
        """
        if len(self.labels) <= MOST_DRAWN:
            return self.labels
        random = [item.label for item in self.spec.strategies if read(item.name).key == "random_search"][:1]
        ranked = sorted(self.labels, key=lambda label: (self._mean_ranks[label], self.labels.index(label)))
        return foremost(self.labels, self.spec.report.highlight, [*random, *self._bests()], ranked)

    def _bests(self) -> list[str]:
        """Return the strategy of the lowest final regret, by centre and then by mean, of each benchmark and split."""
        bests = []
        for split in self.splits:
            for item in self.aligned:
                if split in item.truth.splits and item.has_incumbent:
                    ends = {label: [*item.at(label, split, item.final_budget).values()] for label in self.labels}
                    known = {label: np.array(regrets) for label, regrets in ends.items() if regrets}
                    bests.append(min(known, key=lambda label: self._centre_and_mean(known[label])))
        return bests

    def _centre_and_mean(self, regrets: FloatArray) -> tuple[float, float]:
        return float(centre_of(regrets[:, None], self.centre)[0]), float(regrets.mean())

    @property
    def background(self) -> tuple[str, ...]:
        """Labels that figures draw in grey."""
        return tuple(label for label in self.labels if label not in self.drawn)

    @cached_property
    def _mean_ranks(self) -> dict[str, float]:
        blocks = [
            [self._mean_regret(item, label) for label in self.labels] for item in self.aligned if item.has_incumbent
        ]
        means = average_ranks(np.array(blocks)).mean(axis=0).tolist() if blocks else [0.0] * len(self.labels)
        return dict(zip(self.labels, means, strict=True))

    @staticmethod
    def _mean_regret(item: Aligned, label: str) -> float:
        regrets = [*item.at(label, "validation", item.final_budget).values()] if item.steps.get(label) else []
        return float(np.mean(regrets)) if regrets else np.inf

    @property
    def measure(self) -> str:
        """What curves, tests and tables are of: "regret", or "hypervolume gap" of several objectives."""
        return self.aligned[0].truth.measure

    @property
    def holder(self) -> str:
        """What of a run is judged: its "incumbent", or its "front"."""
        return self.aligned[0].truth.holder

    @property
    def short(self) -> str:
        """The measure in one word, for names of files: "regret" or "gap"."""
        return self.measure.rpartition(" ")[2]

    @property
    def several(self) -> bool:
        """Whether several objectives are judged, by fronts."""
        return isinstance(self.aligned[0].truth, FrontTruth)

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that at least one benchmark has."""
        return tuple(s for s in ("validation", "test") if any(s in item.truth.splits for item in self.aligned))

    @property
    def checkpoints(self) -> tuple[float, ...]:
        """Budgets at which tests are made, ascending: those declared, and always the end."""
        return tuple(sorted({*self.spec.report.checkpoints, self.aligned[0].final_budget}))


def once(make: Callable[[Study, str], pd.DataFrame]) -> Callable[[Study, str], pd.DataFrame]:
    """Keep in a study what is found for a split: sentences, figures and tables are made of the same frame."""

    @wraps(make)
    def found(study: Study, split: str) -> pd.DataFrame:
        key = (make.__module__, make.__name__, split)
        if key not in study._frames:
            study._frames[key] = make(study, split)
        return study._frames[key].copy()

    return found


def prepare(results: Results, open_oracle: OpenOracle = registry.oracle, *, allow_missing: bool = False) -> Study:
    """Open the truths, align the runs, and refuse what may not be compared.

    Raises
    ------
    ResultError
        If shards are missing and `allow_missing` is false, if there is no run at all, if a table is not the one the
        runs were made on, or if budgets are unequal.
    """
    if results.missing and not allow_missing:
        listed = [f"{b} / {label} / replicates {first}-{stop - 1}" for b, label, first, stop in results.missing]
        shown = "; ".join(listed[:4]) + (f"; and {len(listed) - 4} more" if len(listed) > 4 else "")
        raise IncompleteError(
            f"{len(listed)} shard(s) have no result: {shown}. Run the spec again to compute them, or report what is"
            " there with --allow-missing (they are then reported both left out and as the worst value)"
        )
    named = with_shown_labels(results)
    judged = (align(named, truth) for truth in truths(named, open_oracle).values())
    aligned = tuple(item for item in judged if any(item.steps.values()))
    if not aligned:
        raise ResultError("no run has finished: nothing to report")
    references = {item.name: reference_of(item.truth, results.spec) for item in aligned}
    return Study(named, aligned, Resampler(results.spec), references)
