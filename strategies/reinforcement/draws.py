"""Draws from a policy that are architectures."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np

from harness.checks import Archs
from harness.errors import UnfitError
from harness.problem import Problem
from strategies.parts.candidates import distinct, exact_keys, no_archs, sample_new

MOST_DRAWS = 4096
"""Draws in vain after which the space is sampled in place of the policy."""


class Draws:
    """Rows that a policy draws, by rejection: what is no architecture of the space is drawn again.

    So the policy is conditioned on validity, but gradients are those of the policy as it is: what is drawn again makes
    no update, as in the code of NAS-Bench-101.  After `MOST_DRAWS` in vain, `SearchSpace.sample` draws.

    Where the budget forbids duplicates, what was drawn in this run (the same row of integers) is rejected as well, and
    the space may be exhausted.

    Parameters
    ----------
    problem : Problem
    sample : callable
        n to (n, L) rows that the policy draws.
    rng : numpy.random.Generator

    Raises
    ------
    UnfitError
        If not one of `MOST_DRAWS` rows with uniform genes is an architecture: rejection would never end.
    """

    def __init__(self, problem: Problem, sample: Callable[[int], Archs], rng: np.random.Generator) -> None:
        self._space, self._sample, self._rng = problem.space, sample, rng
        self._taken: set[Hashable] | None = set() if problem.budget.duplicates == "forbidden" else None
        space, uniform, drawn = self._space, np.random.default_rng(0), 0
        while drawn < MOST_DRAWS:
            rows = uniform.integers(0, space.cardinalities, size=(max(16, drawn), space.genes)).astype(space.dtype)
            if space.is_valid(rows).any():
                return
            drawn += len(rows)
        raise UnfitError(
            f"a policy over genes draws rows of independent genes: some in {MOST_DRAWS} must be valid, and in the "
            f"space '{space.name}' none is; use a strategy that mutates, such as 'regularized_evolution'"
        )

    def take(self, n: int) -> Archs:
        """Return n architectures, (n, L); fewer only where duplicates are forbidden and the space is exhausted."""
        rows = self._sample(n)
        good = self._space.is_valid(rows)
        if self._taken is None and good.all():
            return rows
        found, missing, in_vain = [no_archs(self._space)], n, 0
        while True:
            fresh = rows[good]
            if self._taken is not None:
                fresh, _ = distinct(fresh, self._taken, exact_keys)
            fresh = fresh[:missing]
            self._remember(fresh)
            found.append(fresh)
            missing -= len(fresh)
            in_vain = 0 if len(fresh) else in_vain + len(rows)
            if not missing or in_vain >= MOST_DRAWS:
                break
            rows = self._sample(max(missing, in_vain))
            good = self._space.is_valid(rows)
        if missing and self._taken is None:
            found.append(self._space.sample(missing, self._rng))
        elif missing:
            found.append(sample_new(self._space, missing, self._taken or (), exact_keys, self._rng)[0])
            self._remember(found[-1])
        return np.concatenate(found)

    def _remember(self, archs: Archs) -> None:
        if self._taken is not None:
            self._taken.update(exact_keys(archs))
