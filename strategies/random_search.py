"""Random search."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from harness.checks import boolean
from harness.errors import UnfitError
from harness.problem import Problem
from harness.records import Proposals
from harness.strategy import Strategy, Takes
from strategies.parts.candidates import exact_keys, sample_new

_CHUNK = 128  # fixed, so that results do not depend on how many proposals are asked for

_REPEATS = Takes(forbidden_duplicates=False)


class RandomSearch(Strategy):
    """Independent draws from the space; no result changes what comes next.

    Bergstra & Bengio, "Random search for hyper-parameter optimization", JMLR 13, 2012; as a baseline for architectures,
    Li & Talwalkar, "Random search and reproducibility for neural architecture search", UAI 2019.  Draws follow
    `SearchSpace.sample`.  With uniform draws, N architectures and v_(1) <= ... <= v_(N), the expected best of n is
    ``sum_k v_(k) [(1 - (k-1)/N)^n - (1 - k/N)^n]`` with replacement (the default) and
    ``sum_k v_(k) C(N-k, n-1) / C(N, n)`` with `distinct`.  It takes any number of objectives.

    Parameters
    ----------
    distinct : bool
        Draw without replacement.  The default is false, as in both papers: draws are independent, and a repeat is
        proposed again.  Two architectures are the same when their rows of integers are (the exact identity of the
        space); when the space is exhausted the search is finished.
    """

    family, paper, year = "baseline", "Bergstra & Bengio, JMLR; Li & Talwalkar, UAI", 2012
    takes = Takes()

    def __init__(self, problem: Problem, rng: np.random.Generator, *, distinct: bool = False) -> None:
        super().__init__(problem, rng)
        if not boolean("distinct", distinct) and problem.budget.duplicates == "forbidden":
            raise UnfitError(f"RandomSearch {_REPEATS.refusal(problem)}; or set `distinct = true`")
        self.distinct = distinct
        self._taken: set[Hashable] = set()

    def propose(self, n: int) -> Proposals:
        """Return a chunk of draws, whatever `n`; none when `distinct` and the space is exhausted."""
        space = self.problem.space
        if not self.distinct:
            return self.proposals(space.sample(_CHUNK, self.rng))
        archs, keys = sample_new(space, _CHUNK, self._taken, exact_keys, self.rng)
        self._taken.update(keys)
        return self.proposals(archs)
