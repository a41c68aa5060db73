"""The picks of a verification: what the search ended with, and a stratified sample of the table, or of what predicts.

Both look at validation values only.  No two picks compute the same function; where a table shares one row among
architectures of the same function, the one that was trained for it is picked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from harness.benchmark import Oracle
from harness.checks import Archs, FloatArray
from harness.errors import ResultError
from harness.experiments.results import Results
from harness.judging.front import fronts, on_front
from harness.judging.incumbent import handed_over, keeps
from harness.verification.record import Pick

MOST_CODINGS = 2**20
"""Of a space that is listed whole."""
SAMPLED = 10_000
"""Architectures that stand for a space that is not."""


@runtime_checkable
class HasRows(Protocol):
    """An oracle that tells which architecture each of its rows was trained as."""

    @property
    def archs(self) -> Archs:
        """Of every row, (N, L)."""
        ...

    def rows(self, archs: Archs) -> npt.NDArray[np.intp]:
        """Return the row that answers for each architecture: (n, L) to (n,)."""
        ...


def incumbents(results: Results, benchmark: str, oracle: Oracle) -> tuple[Archs, int]:
    """Return the final incumbent of every run on a benchmark, all strategies and replicates, that keeps the bounds.

    Of a replicate of a one-shot method it is what was derived at the end, by each of its derivations, unless a table of
    a part of its space lacks that; of two that compute the same function, the first.

    A strategy that recommends may hand over what was never told to keep them: there the means of the table decide, as
    in reports.

    Parameters
    ----------
    results : Results
        Of one objective.
    benchmark : str
    oracle : Oracle
        Asked for the columns of the constraints only.

    Returns
    -------
    archs : (n, L) unsigned integers
    left_out : int
        Recommendations that break a bound.

    Raises
    ------
    ResultError
        If no run has one, or all break a bound.
    """
    constraints = next(task.constraints for task in results.spec.tasks if task.name == benchmark)
    rule = results.spec.report.incumbent
    runs = [run for run in results.runs if run.benchmark == benchmark and len(run.trace)]
    full = len(results.benchmarks[benchmark].fidelities) - 1
    ends = [(run, handed_over(run, full, rule).archs) for run in runs]
    found = [(archs[-1], rule != "recommended" or run.recommended is None) for run, archs in ends if len(archs)]
    for derived in results.derived.get(benchmark, ()):
        there = derived[oracle.space.is_valid(derived)]
        _, first = np.unique(oracle.space.key(there), return_index=True)
        found += [(arch, True) for arch in there[np.sort(first)]]
    if not found:
        raise ResultError(f"no run on '{benchmark}' ended with an architecture: nothing to verify")
    archs = np.stack([arch for arch, _ in found])
    kept = np.array([was_told for _, was_told in found]) | keeps(oracle, constraints, archs)
    if not kept.any():
        raise ResultError(
            f"what is verified must keep {' and '.join(map(str, constraints))}, and all {len(kept)} architectures that"
            f" strategies recommend on '{benchmark}' break it by the means of the table; `--top 0` verifies the sample"
            ' of the table alone, and `incumbent = "full"` in [report] takes what was told to keep it'
        )
    return archs[kept], int(np.count_nonzero(~kept))


def front_members(results: Results, benchmark: str, oracle: Oracle) -> Archs:
    """Return members of the final fronts of all runs on a benchmark that none of them dominates: (n, L).

    Dominated by the means over the training runs of the table, of the objectives that the runs were told.  A member
    stands as often as runs ended with it; of different members with the same values one is kept.

    Parameters
    ----------
    results : Results
        Of several objectives.
    benchmark : str
    oracle : Oracle
        Asked for the objectives only.

    Raises
    ------
    ResultError
        If no run has a front.
    """
    facts = results.benchmarks[benchmark]
    runs = [run for run in results.runs if run.benchmark == benchmark and len(run.trace)]
    ends = [fronts(run.trace, len(facts.fidelities) - 1).final for run in runs]
    if not sum(map(len, ends)):
        raise ResultError(f"no run on '{benchmark}' ended with a front: nothing to verify")
    archs = np.concatenate([run.trace.archs[rows] for run, rows in zip(runs, ends, strict=True)])
    keys, first = np.unique(oracle.space.key(archs), return_index=True)
    columns = [item.to_minimised(oracle.mean(archs[first], item.name)) for item in facts.objectives]
    pooled = keys[on_front(np.stack(columns, axis=1))]
    members: Archs = archs[np.isin(oracle.space.key(archs), pooled)]
    return members


def top(finals: Archs, count: int, oracle: Oracle) -> list[Pick]:
    """Pick the incumbents that most runs ended with; ties go to the better table mean of validation.

    Parameters
    ----------
    finals : (n, L) integers
        One for each run.
    count : int
        At most so many; fewer if the runs ended with fewer functions.
    oracle : Oracle
        Asked for its validation column only.
    """
    goodness = _goodness(oracle, finals)
    order = np.lexsort((oracle.space.code(finals), -goodness))  # best first
    keys = oracle.space.key(finals)[order]
    _, first, runs = np.unique(keys, return_index=True, return_counts=True)
    ranked = sorted(zip(runs.tolist(), first.tolist(), strict=True), key=lambda item: (-item[0], item[1]))[:count]
    archs = finals[order[[place for _, place in ranked]]]
    return _picks(oracle, archs, "top", runs=[number for number, _ in ranked])


def stratified(count: int, oracle: Oracle, rng: np.random.Generator, taken: Sequence[Pick] = ()) -> list[Pick]:
    """Draw one architecture from each of `count` equal parts of the table, ordered by mean validation.

    Of a surrogate benchmark, the parts are of `SAMPLED` architectures, ordered by what it predicts.  Functions that
    `taken` already has are left out; a part with nothing else in it gives no pick.

    Parameters
    ----------
    count : int
    oracle : Oracle
        Asked for its validation column only.
    rng : numpy.random.Generator
    taken : sequence of Pick
    """
    if count == 0:
        return []
    archs = table_archs(oracle, rng)
    goodness = _goodness(oracle, archs)
    known = ~np.isnan(goodness)
    archs, goodness = archs[known], goodness[known]
    keys = oracle.space.key(archs)
    used = {int(key) for pick in taken for key in oracle.space.key(np.array([pick.arch], dtype=archs.dtype))}
    chosen, strata = [], []
    for stratum, rows in enumerate(np.array_split(np.argsort(goodness, kind="stable"), count)):
        free = [row for row in rows.tolist() if int(keys[row]) not in used]
        if free:
            row = free[int(rng.integers(len(free)))]
            used.add(int(keys[row]))
            chosen.append(row)
            strata.append(stratum)
    return _picks(oracle, archs[chosen], "stratified", strata=strata)


def table_archs(oracle: Oracle, rng: np.random.Generator) -> Archs:
    """Return every architecture of a table's space, (N, L); of a partial table, its rows.

    Of a surrogate benchmark on a space of more than `MOST_CODINGS` codings, `SAMPLED` architectures drawn uniformly.
    """
    space = oracle.space
    if float(np.sum(np.log2(space.cardinalities))) > np.log2(MOST_CODINGS):
        return oracle.archs if isinstance(oracle, HasRows) else space.sample(SAMPLED, rng)
    archs = space.decode(np.arange(int(np.prod(space.cardinalities)), dtype=np.uint64))
    return archs[space.is_valid(archs)]


def _goodness(oracle: Oracle, archs: Archs) -> FloatArray:
    """Return mean validation with the sign that makes larger better, (n,)."""
    values = oracle.mean(archs, oracle.validation)
    return values if oracle.columns[oracle.validation].direction == "maximise" else -values


def _picks(
    oracle: Oracle, archs: Archs, role: str, *, runs: Iterable[int] = (), strata: Iterable[int] = ()
) -> list[Pick]:
    if isinstance(oracle, HasRows) and len(archs):
        archs = oracle.archs[oracle.rows(archs)]
    texts = oracle.space.format(archs) if len(archs) else []
    rows = archs.tolist()
    counted = list(runs) or [0] * len(rows)
    parts = list(strata) or [-1] * len(rows)
    columns = zip(rows, texts, counted, parts, strict=True)
    return [Pick(tuple(arch), text, role, number, part) for arch, text, number, part in columns]


def fresh_seeds(count: int, used: Iterable[int], first: int = 1000) -> tuple[int, ...]:
    """Return `count` seeds that the table was not trained with, the same each time.

    >>> fresh_seeds(3, [777, 1001])
    (1000, 1002, 1003)
    """
    known = set(used)
    return tuple(seed for seed in range(first, first + count + len(known)) if seed not in known)[:count]
