"""Rewards of results, and the baseline that they are compared with."""

from __future__ import annotations

from math import inf, isfinite, nan

from harness.problem import Problem
from harness.records import Evaluations
from strategies.parts.ranking import scores

UNITS = ("metric", "fraction")


class Rewards:
    """Rewards, to be maximised: the published value of a maximised objective, the negative of a minimised one.

    Constraints are counted as in Deb (2000, equation 4; see `strategies.parts.ranking`), so that rewards are in the
    order of `scores`: an infeasible result is worth the lowest value told so far, its own included, minus its total
    violation, each constraint in the unit of its column.  That is a large step down, so a policy turns to feasible
    values first and tells them apart later; a milder one (the mean or median of what was told, less the violation) lets
    it drift to infeasible values that are good otherwise.  A result without any reward, NaN, is a failed training or
    one with a constraint value that is missing.

    Departs from Deb: the lowest value is that of all results, not of the feasible ones alone, so that it exists before
    anything feasible is found.  The forms of reward that weigh accuracy against a cost (MnasNet and others) are
    objectives of their own, not this.

    Parameters
    ----------
    problem : Problem
        With one objective.
    unit : {"metric", "fraction"}
        The objective's own unit, or percents divided by 100; other units than percent stay what they are.
    """

    def __init__(self, problem: Problem, unit: str) -> None:
        objective = problem.objectives[0]
        self._origin = float(objective.to_published(0.0))
        self._scale = 0.01 if unit == "fraction" and objective.unit == "percent" else 1.0
        self._lowest = inf

    def of(self, evaluations: Evaluations) -> list[float]:
        """Return the rewards of n results in the order in which they were told, NaN where there is none."""
        rewards = []
        for violation, value in scores(evaluations):
            if not isfinite(value):
                rewards.append(nan)
                continue
            reward = (self._origin - value) * self._scale
            self._lowest = min(self._lowest, reward)
            if violation:
                reward = self._lowest - violation if isfinite(violation) else nan
            rewards.append(reward)
        return rewards


class Baseline:
    """An exponential moving average of rewards that counts a reward before it is compared with it.

    ``num <- m num + (1 - m) r``, ``den <- m den + (1 - m)``, baseline ``num / den``: Williams, "Simple statistical
    gradient-following algorithms for connectionist reinforcement learning", Machine Learning 8, 1992, section 4, in the
    form of the codes of NAS-Bench-101 and NATS-Bench.  Without correction the baseline is ``num``, which starts at 0,
    as in the code of ENAS: early advantages all have the sign of the rewards.

    Parameters
    ----------
    momentum : float
        m, the weight of what was there before.
    debiased : bool
        Whether the start at 0 is corrected.

    Examples
    --------
    >>> baseline = Baseline(0.9)
    >>> [round(baseline.advantage(reward), 6) for reward in (90.0, 92.0, 88.0)]
    [0.0, 0.947368, -1.926199]
    """

    def __init__(self, momentum: float, *, debiased: bool = True) -> None:
        self._momentum = momentum
        self._numerator = 0.0
        self._weight = 0.0 if debiased else 1.0

    def advantage(self, reward: float) -> float:
        """Count a reward, and return by how much it exceeds the baseline."""
        kept = self._momentum
        first = self._weight == 0.0
        self._numerator = kept * self._numerator + (1 - kept) * reward
        self._weight = kept * self._weight + (1 - kept)
        return 0.0 if first else reward - self._numerator / self._weight
