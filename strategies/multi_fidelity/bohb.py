"""Hyperband whose configurations come from densities of good and other architectures."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, boolean, choice, integer, real
from harness.errors import UnfitError
from harness.problem import Problem
from harness.strategy import Takes
from strategies.multi_fidelity.base import Place, Sampling
from strategies.multi_fidelity.hyperband import Hyperband
from strategies.multi_fidelity.rungs import Trial
from strategies.parts.candidates import no_archs
from strategies.parts.parzen import LEAST_BANDWIDTH, Bohb, promising

PRESETS: dict[str, dict[str, Any]] = {
    "code": {"draws": 64, "random_share": 1 / 3, "least_bandwidth": LEAST_BANDWIDTH},
    "nats": {"draws": 4, "random_share": 0.0, "least_bandwidth": 0.3},
}
KERNELS = ("capped", "published")
_ROUNDS = 10  # of draws, until one is new
_REPEATS = Takes(objectives=1, fidelities=True, forbidden_duplicates=False)


def parts(n: int, genes: int, gamma: float, fewest: int | None = None) -> tuple[int, int] | None:
    """Return how many of n results, the best first, are good, and how many after them are not; None for no model.

    HpBandSter: at least `fewest` of either, L + 1 by default, and each must be more than there are genes.

    Examples
    --------
    >>> [parts(n, 6, 0.15) for n in (13, 14, 50, 100)]
    [None, (7, 7), (7, 42), (15, 85)]
    """
    fewest = genes + 1 if fewest is None else fewest
    percent = floor(100 * gamma)
    good = max(fewest, percent * n // 100)
    others = min(max(fewest, (100 - percent) * n // 100), n - good)
    return (good, others) if n >= fewest and min(good, others) > genes else None


class BOHB(Hyperband):
    """Run Hyperband, and draw what it begins from the density of the good architectures, where they are densest.

    Falkner, Klein & Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", ICML 2018, as its
    authors' code (HpBandSter) does it.  Of the results at the highest fidelity that has enough (twice L + 1 for L
    genes), the best 15 % and the others after them make two densities, l and g (`strategies.parts.parzen.Bohb`); a new
    configuration is that of 64 draws from l of which ``l(x) / g(x)`` is the largest, or random with probability 1/3 and
    where there is no model yet.  Results below that fidelity are not looked at again.  Promotion is that of
    `hyperband`, with the rounding of the code.  Failed trainings are the worst of the others.  With parallel workers
    nothing is assumed of what runs.

    The code's bandwidth is one for continuous data: on five categories it exceeds 1 more often than not, and kernels
    then prefer what does not match.  The default caps it at that of a uniform kernel, (K - 1) / K, and takes the
    number of values of a gene from the space (`kernel` = "published" does neither).

    Departs from the code: what was begun is not begun again (`distinct`), the next best draw is taken; draws that are
    not valid, or break a constraint known in closed form, are dropped, and after ten rounds without another a random
    architecture is taken; the factor of the bandwidth (3), which the code does not apply to categories, is left out; an
    infinite ratio is never the best; a place of a failed configuration stays empty on the next rung.  Infeasible
    results come after all feasible ones.

    Parameters
    ----------
    preset : {"code", "nats"}
        What `draws`, `random_share` and `least_bandwidth` are that are not given: 64, 1/3, 0.001, or 4, 0, 0.3 as in
        the script of NATS-Bench.
    kernel : {"capped", "published"}
    draws : int, optional
        From the density of good ones for one configuration, at least 1.
    random_share : float, optional
        Probability that a configuration is random, in [0, 1].
    least_bandwidth : float, optional
        In (0, 1].
    gamma : float
        Share of good ones, in (0, 1); whole percents are counted.
    fewest : int, optional
        Results in each density, at least L + 1, which is the default.
    distinct : bool
        Whether what was begun is left out.
    eta : int
        One of so many is trained further, at least 2.
    rungs : list of int or str, optional
        Epochs of the full training or labels of fidelities, ascending; the default is R / eta**i epochs, to the nearest
        that the table has.
    rounding : {"code", "paper"}
        How many configurations a bracket begins with; see `hyperband`.
    barrier : bool
        Whether idle workers wait for the end of a bracket; otherwise they begin the next one.
    """

    family, paper, year = "multi-fidelity", "Falkner, Klein & Hutter, ICML", 2018

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        preset: str = "code",
        kernel: str = "capped",
        draws: int | None = None,
        random_share: float | None = None,
        least_bandwidth: float | None = None,
        gamma: float = 0.15,
        fewest: int | None = None,
        distinct: bool = True,
        eta: int = 3,
        rungs: Sequence[int | str] | None = None,
        rounding: str = "code",
        barrier: bool = False,
    ) -> None:
        super().__init__(problem, rng, eta=eta, rungs=rungs, rounding=rounding, barrier=barrier)
        given = {"draws": draws, "random_share": random_share, "least_bandwidth": least_bandwidth}
        chosen = PRESETS[choice("preset", preset, tuple(PRESETS))]
        values: dict[str, Any] = {**chosen, **{key: value for key, value in given.items() if value is not None}}
        self.kernel = choice("kernel", kernel, KERNELS)
        self.draws = integer("draws", values["draws"], low=1, high=MOST)
        self.random_share = real("random_share", values["random_share"], low=0.0, high=1.0)
        self.least_bandwidth = real("least_bandwidth", values["least_bandwidth"], low=0.0, high=1.0, open_low=True)
        self.gamma = real("gamma", gamma, low=0.0, high=0.99, open_low=True)
        genes = problem.space.genes
        self.fewest = genes + 1 if fewest is None else integer("fewest", fewest, low=genes + 1, high=MOST)
        self.distinct = boolean("distinct", distinct)
        if not distinct and problem.budget.duplicates == "forbidden":
            raise UnfitError(f"BOHB {_REPEATS.refusal(problem)}; or set `distinct = true`")

    def sample(self, places: Sequence[Place]) -> Sampling:
        """Return an architecture for each place: drawn from the model of the moment, or random."""
        yield from ()
        densities = self.densities()
        chosen = [no_archs(self.problem.space)]
        for _ in places:
            modelled = densities is not None and self.rng.random() >= self.random_share
            arch = self._promising(*densities) if densities is not None and modelled else None
            chosen.append(self.random(1) if arch is None else arch)
        return np.concatenate(chosen)

    def _promising(self, good: Bohb, others: Bohb) -> Archs | None:
        """Return the draw of the largest ratio that is new, (1, L); None where ten rounds of draws bring none."""
        for _ in range(_ROUNDS):
            ranked = promising(self.problem, good, others, self.draws, self.rng)
            for row, key in enumerate(self.keys(ranked)):
                if not (self.distinct and key in self.taken):
                    self.taken.add(key)
                    return ranked[row : row + 1]
        return None

    def densities(self) -> tuple[Bohb, Bohb] | None:
        """Return the densities of good and other architectures at the highest fidelity that has enough results."""
        space = self.problem.space
        for fidelity in reversed(self.ladder):
            told = self.told[fidelity]
            counts = parts(len(told), space.genes, self.gamma, self.fewest)
            if counts is not None:
                ranked = self._ranked(told, fidelity)
                good, others = ranked[: counts[0]], ranked[counts[0] : sum(counts)]
                capped, least = self.kernel == "capped", self.least_bandwidth
                return Bohb(space, good, capped=capped, least=least), Bohb(space, others, capped=capped, least=least)
        return None

    def _ranked(self, told: list[Trial], fidelity: int) -> Archs:
        """Return the architectures told at a fidelity, the best first, failed ones last, ties as told, (n, L)."""
        order = sorted(range(len(told)), key=[trial.score(fidelity) for trial in told].__getitem__)
        return np.array([told[row].arch for row in order])
