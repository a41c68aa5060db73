"""The answers of what predicts: proposals are checked, and columns become what a search is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks_data.file.problem import check_fidelity
from harness.checks import Archs, FloatArray, IntArray, arch_matrix
from harness.errors import HarnessError, must
from harness.problem import Constraint, Objective
from harness.records import Evaluations, Proposals
from harness.space import SearchSpace

CHUNK = 256
"""Rows that are predicted at once, always so many: then no number depends on what is asked with it."""
SIZES = (64, CHUNK, 1024)
"""The same of learners whose rows are predicted each by itself."""


def check_proposals(name: str, space: SearchSpace, proposals: Proposals, fidelities: int) -> Archs:
    """Return the architectures of proposals, (n, L).

    Raises
    ------
    HarnessError
        If one is not of the space, or a fidelity is not offered.
    """
    archs = arch_matrix("archs", proposals.archs, space.genes)
    valid = space.is_valid(archs)
    if not valid.all():
        rule = f"be architectures of the space '{space.name}', genes below {space.cardinalities.tolist()}"
        raise HarnessError(must("archs", rule, archs[~valid][0].tolist()))
    check_fidelity(proposals.fidelity, fidelities, name)
    return archs


def evaluations(
    proposals: Proposals,
    column: Callable[[str], FloatArray],
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    seconds: str | None,
) -> Evaluations:
    """Return what a search is told: objectives minimised, violations of constraints, seconds.

    Parameters
    ----------
    proposals : Proposals
        n of them.
    column : callable
        Returns a column by its name, in its published unit, (n,).
    objectives, constraints : sequences
    seconds : str or None
        The column of seconds; None: NaN.
    """
    n = len(proposals.archs)
    values = [item.to_minimised(column(item.name)) for item in objectives]
    violations = [item.violation(column(item.name)) for item in constraints]
    bounds = np.stack(violations, axis=1) if violations else np.empty((n, 0))
    taken = np.full(n, np.nan) if seconds is None else column(seconds)
    return Evaluations(proposals.archs, proposals.fidelity, proposals.tag, np.stack(values, axis=1), bounds, taken)


def chunks(archs: Archs, fidelity: IntArray, sizes: Sequence[int] = (CHUNK,)) -> Iterator[tuple[Archs, IntArray]]:
    """Cut rows, and what goes with each, into chunks, the last filled up with its first row.

    Parameters
    ----------
    archs : (n, L) integers
    fidelity : (n,) int64
    sizes : sequence of int
        That a chunk may have, rising: the first that takes all that is left, else the last.
    """
    start = 0
    while start < len(archs):
        size = next((size for size in sizes if size >= len(archs) - start), sizes[-1])
        part, at = archs[start : start + size], fidelity[start : start + size]
        if short := size - len(part):
            part = np.concatenate([part, np.repeat(part[:1], short, axis=0)])
            at = np.concatenate([at, np.repeat(at[:1], short)])
        start += size
        yield part, at
