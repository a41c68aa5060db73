"""Knowledge before training: the constraints whose columns cost nothing to know, and the space that keeps them.

Parameters and multiply-adds follow from an architecture, so a bound on them is free knowledge.  Nothing that breaks it
is trained, whatever the strategy, because strategies are posed the part of the space that keeps it
(`harness.spaces.feasible`).  What is measured, a latency or an energy, is told with the result and may be learnt.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from harness.benchmark import Benchmark, trains
from harness.checks import Archs, FloatArray
from harness.problem import Constraint, Problem
from harness.records import Proposals
from harness.space import SearchSpace
from harness.spaces.feasible import FeasibleSpace, listable

_COMPARED = 512
_CLOSE = 1e-6
_AT_ONCE = 1 << 16


def known_constraints(benchmark: Benchmark) -> tuple[Constraint, ...]:
    """Return the constraints of a benchmark that are known before training.

    Those on a column that the space counts in closed form (`SearchSpace.costs`): where its codings can be listed, with
    the values of the table, which may be of other networks than the formula's (another number of classes or channels);
    elsewhere only where the table agrees with the formula.
    """
    space = benchmark.space
    costs = space.costs(np.zeros((0, space.genes), dtype=space.dtype))
    named = tuple(item for item in benchmark.constraints if item.name in costs)
    if not named or listable(space):
        return named
    archs = space.sample(_COMPARED, np.random.default_rng(0))
    told, counted = _violations(benchmark, archs), space.costs(archs)
    columns = {item: told[:, benchmark.constraints.index(item)] for item in named}
    return tuple(
        item
        for item, column in columns.items()
        if np.allclose(item.violation(counted[item.name]), column, rtol=0, atol=_CLOSE * abs(item.bound))
    )


def offered(problem: Problem, benchmark: Benchmark) -> Problem:
    """Return a problem as strategies are posed it: its space is what keeps the constraints that are known.

    The same object where nothing is known.  Costs of the space are then the table's, and no architecture that breaks a
    bound is in the space; the loop takes any of the whole space all the same, and tells its violation.

    Parameters
    ----------
    problem : Problem
        Made by `harness.search.loop.make_problem` from the same benchmark.
    benchmark : Benchmark

    Raises
    ------
    HarnessError
        If no architecture keeps the constraints.
    """
    known = known_constraints(benchmark)
    return replace(problem, space=feasible_space(benchmark, known)) if known else problem


def feasible_space(benchmark: Benchmark, known: tuple[Constraint, ...]) -> SearchSpace:
    """Return the part of a benchmark's space that keeps constraints of `known_constraints`."""
    space = benchmark.space
    if not listable(space):
        return FeasibleSpace(space, known)
    codings = prod(space.cardinalities.tolist())
    archs = space.decode(np.arange(codings, dtype=np.uint64))
    valid = space.is_valid(archs)
    told = _violations(benchmark, archs[valid])
    columns: dict[str, FloatArray] = {}
    for item in known:
        values = np.full(codings, np.nan)
        values[valid] = _values(item, told[:, benchmark.constraints.index(item)])
        columns[item.name] = values
    return FeasibleSpace(space, known, columns)


def _values(item: Constraint, violations: FloatArray) -> FloatArray:
    """Return the values behind violations, (n,), each on that side of the bound which was told, despite rounding."""
    sign = 1.0 if item.sense == "<=" else -1.0
    beyond = np.nextafter(item.bound, sign * np.inf)
    inside = np.minimum(violations, 0.0) * sign + item.bound
    outside = sign * np.maximum(sign * (item.bound + sign * violations), sign * beyond)
    values: FloatArray = np.where(violations > 0, outside, inside)
    return np.where(np.isnan(violations), np.nan, values)


def _violations(benchmark: Benchmark, archs: Archs) -> FloatArray:
    """Return what a benchmark tells of its constraints at the full fidelity: (n, L) to (n, c); trains nothing."""
    if trains(benchmark):
        known: FloatArray = benchmark.violations(archs)  # type: ignore[attr-defined]  # `trains` says so
        return known
    full = len(benchmark.fidelities) - 1
    parts = [
        benchmark.query(Proposals.of(archs[start : start + _AT_ONCE], full), noise_seed=None).constraints
        for start in range(0, len(archs), _AT_ONCE)
    ]
    return np.concatenate([np.empty((0, len(benchmark.constraints))), *parts])
