"""Successive halving and Hyperband."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from harness.checks import MOST, choice, integer
from harness.errors import HarnessError, must
from harness.problem import Problem
from strategies.multi_fidelity.brackets import Bracketed
from strategies.multi_fidelity.ladder import ROUNDINGS, bracket_sizes, halved


class SuccessiveHalving(Bracketed):
    """Train n configurations a little, the best 1/eta of them more, until a few are trained fully; then n new ones.

    Jamieson & Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016, after
    Karnin, Koren & Somekh, ICML 2013: ``floor(n / eta**i)`` configurations on rung i, at ``R / eta**(K - i)`` epochs,
    where K is the number of rungs above the lowest.

    Departs from the papers: the elimination rate is `eta`, not 2; the number of rungs is the table's, not ``log n``; a
    failed configuration is never advanced and its place on the next rung stays empty (HpBandSter fills it with a new
    one); brackets are repeated, and overlap where there are several workers.  An architecture is proposed once.

    Parameters
    ----------
    eta : int
        One of so many is trained further, at least 2.
    rungs : list of int or str, optional
        Epochs of the full training or labels of fidelities, ascending; the default is R / eta**i epochs, to the nearest
        that the table has.
    configurations : int, optional
        n, at least ``eta**K``; the default is that, so that one of each bracket is trained fully.
    barrier : bool
        Whether idle workers wait for the end of a bracket; otherwise they begin the next one.
    """

    family, paper, year = "multi-fidelity", "Jamieson & Talwalkar, AISTATS", 2016

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        eta: int = 3,
        rungs: Sequence[int | str] | None = None,
        configurations: int | None = None,
        barrier: bool = False,
    ) -> None:
        super().__init__(problem, rng, eta=eta, rungs=rungs, barrier=barrier)
        fewest = self.eta ** (len(self.ladder) - 1)
        given = fewest if configurations is None else configurations
        self.configurations = integer("configurations", given, low=1, high=MOST)
        if self.configurations < fewest:
            rule = f"be at least {fewest} (`eta` ** {len(self.ladder) - 1}), so that one reaches the full fidelity"
            raise HarnessError(must("configurations", rule, self.configurations))

    def shapes(self) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
        """Yield the same bracket again and again."""
        while True:
            yield self.ladder, halved(self.configurations, len(self.ladder), self.eta)


class Hyperband(Bracketed):
    """Successive halving in brackets that begin lower or higher, in case early results mislead.

    Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar, "Hyperband: A novel bandit-based approach to hyperparameter
    optimization", JMLR 18(185), 2018, Algorithm 1.  Brackets s = K ... 0 begin s rungs below the full fidelity, with n
    configurations each: ``n = ceil((K + 1) eta**s / (s + 1))`` ("paper"), or ``floor((K + 1) / (s + 1)) eta**s`` as in
    the code of HpBandSter, DEHB and NePS ("code").  Then they are repeated, until the budget is spent.

    Departs from the paper: the rungs are those of the table, K + 1 in number, and no logarithm is taken (in published
    code ``log(243) / log(3)`` loses a bracket); a failed configuration is never advanced and its place stays empty;
    with several workers, brackets overlap.  An architecture is proposed once.

    Parameters
    ----------
    eta : int
        One of so many is trained further, at least 2.
    rungs : list of int or str, optional
        Epochs of the full training or labels of fidelities, ascending; the default is R / eta**i epochs, to the nearest
        that the table has.
    rounding : {"paper", "code"}
        How many configurations a bracket begins with.
    barrier : bool
        Whether idle workers wait for the end of a bracket; otherwise they begin the next one.
    """

    family, paper, year = "multi-fidelity", "Li et al., JMLR", 2018

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        eta: int = 3,
        rungs: Sequence[int | str] | None = None,
        rounding: str = "paper",
        barrier: bool = False,
    ) -> None:
        super().__init__(problem, rng, eta=eta, rungs=rungs, barrier=barrier)
        self.rounding = choice("rounding", rounding, ROUNDINGS)

    def shapes(self) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
        """Yield the brackets from the one that begins lowest to the one of full trainings, again and again."""
        while True:
            for sizes in bracket_sizes(len(self.ladder), self.eta, self.rounding):
                yield self.ladder[-len(sizes) :], sizes
