"""Objectives of an experiment, looked at before anything runs: what cannot be optimised, and what asks nothing new."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from harness.benchmark import Benchmark, trains
from harness.checks import BoolArray, FloatArray
from harness.errors import HarnessError, must
from harness.experiments.recommendations import representatives
from harness.records import Proposals

_LISTED, _DRAWN = 2**16, 1024
"""Codings of a space that are all looked at, and architectures that are drawn from a larger one."""
_ALIKE = 0.9995
"""Rank correlation from which on two objectives order architectures alike."""


def check_objectives(benchmark: Benchmark, log: Sequence[str] = ()) -> list[str]:
    """Look at several objectives of a benchmark on all its architectures, or on a sample of very many.

    Parameters
    ----------
    benchmark : Benchmark
        Asked for means at the full fidelity; nothing is charged.
    log : sequence of str
        Objectives that are judged by their logarithm.

    Returns
    -------
    list of str
        What can be run and will hardly be what was meant: two objectives that order architectures alike, or one that
        some architectures lack.  Empty for one objective, and of a benchmark that would have to train to answer.

    Raises
    ------
    HarnessError
        If an objective is constant, has no value at all, or has no logarithm.
    """
    objectives, name = benchmark.objectives, benchmark.name
    if len(objectives) < 2 or trains(benchmark):
        return []
    archs = representatives(benchmark.space, _LISTED, _DRAWN)
    proposals = Proposals.of(archs, len(benchmark.fidelities) - 1)
    values = benchmark.query(proposals, noise_seed=None).objectives
    for place, item in enumerate(objectives):
        known = values[np.isfinite(values[:, place]), place]
        if not len(known):
            rule = f"have values on '{name}' where several are judged: a front needs all of them"
            raise HarnessError(f"{must('objectives', rule, item.name)}, which has none")
        if np.ptp(known) <= 1e-12 * np.max(np.abs(known)):
            rule = f"differ between the architectures of '{name}'"
            said = f"is {float(item.to_published(known[0])):g} on all of them: leave it out"
            raise HarnessError(f"{must('objectives', rule, item.name)}, which {said}")
        if item.name in log and (item.direction == "maximise" or known.min() <= 0):
            rule = f"name objectives that are minimised and positive on '{name}'"
            raise HarnessError(must("report.log", rule, item.name))
    return [*_missing(benchmark, values), *_alike(benchmark, values)]


def _missing(benchmark: Benchmark, values: FloatArray) -> list[str]:
    """Say which objectives some architectures lack that have others."""
    missing: BoolArray = np.isnan(values)
    some = missing & ~np.all(missing, axis=1, keepdims=True)
    return [
        f"the objective '{item.name}' has no value on {share:.1%} of the architectures of '{benchmark.name}': these"
        " count as failed, and never enter a front"
        for item, share in zip(benchmark.objectives, some.mean(axis=0).tolist(), strict=True)
        if share > 0
    ]


def _alike(benchmark: Benchmark, values: FloatArray) -> list[str]:
    """Say which pairs of objectives order architectures alike, so that one of them asks nothing new."""
    said = []
    known = values[np.all(np.isfinite(values), axis=1)]
    ranks = np.stack([_ranks(column) for column in known.T]) if len(known) else np.empty((values.shape[1], 0))
    for a, b in combinations(range(values.shape[1]), 2):
        if ranks.shape[1] > 1 and float(np.corrcoef(ranks[a], ranks[b])[0, 1]) > _ALIKE:
            names = [benchmark.objectives[place].name for place in (a, b)]
            said.append(
                f"the objectives '{names[0]}' and '{names[1]}' order the architectures of '{benchmark.name}' alike: one"
                " of them adds nothing to a front; leave it out"
            )
    return said


def _ranks(values: FloatArray) -> FloatArray:
    """Return ranks with ties averaged, (n,)."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place])
