"""REINFORCE with a softmax for each gene."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, isnan
from typing import Any

import numpy as np

from harness.checks import MOST, choice, real
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.strategy import Strategy, Takes
from strategies.reinforcement.draws import Draws
from strategies.reinforcement.optimisers import OPTIMISERS
from strategies.reinforcement.rewards import UNITS, Baseline, Rewards
from strategies.reinforcement.softmax import SoftmaxPolicy

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "nats": {"optimiser": "adam", "learning_rate": 0.01, "initial_scale": 1e-3, "reward": "metric"},
    "nb201": {"optimiser": "adam", "learning_rate": 0.001, "initial_scale": 1e-3, "reward": "metric"},
    "nb101": {"optimiser": "sgd", "learning_rate": 0.1, "initial_scale": 0.0, "reward": "fraction"},
    "fast": {"optimiser": "adam", "learning_rate": 0.1, "initial_scale": 1e-3, "reward": "metric"},
}
"""Settings of the codes of NATS-Bench, NAS-Bench-201 and NAS-Bench-101, and one for some hundred evaluations."""
CLIP = 0.2
"""By how much at most the weight of a result of an earlier policy differs from 1."""


class Reinforce(Strategy):
    """Draw each gene from a softmax of its own; make values likelier whose reward exceeds a moving average.

    Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", Machine
    Learning 8, 1992; with a softmax for each gene, Ying et al., "NAS-Bench-101", ICML 2019, and Dong & Yang,
    "NAS-Bench-201", ICLR 2020, and Dong et al., "NATS-Bench", TPAMI 2021.  Each result makes one step along
    ``A sum_g grad ln softmax(theta_g)[a_g]``, where the advantage A is the reward minus its debiased moving average,
    and the average counts the reward first, as in both codes: so the first step is 0.

    The rewards are published values, or negatives of minimised ones (`strategies.reinforcement.rewards`, which says how
    infeasible results are rewarded).  Their unit cancels with Adam; with "sgd" it scales the step: 0.1 on percents is
    10 on fractions, and collapses.  At the published rates the first 150 evaluations differ little from random search,
    as in the published comparisons: a rate of 0.01 moves a logit by less than 3 in 300 steps.  The preset "fast" has
    the rate that does best at 150 evaluations of NAS-Bench-201; twice as much collapses.

    With parallel workers, architectures are drawn from the policy of the moment, and each result makes its step when it
    is told, weighted by ``pi_now / pi_then`` of its architecture, clipped to 1 +- 0.2.  Draws that are no architecture
    are drawn again (`strategies.reinforcement.draws`).  Genes that an architecture does not have (`SearchSpace.active`)
    count neither in its probability nor in its gradient.  Failed trainings make no step.

    Duplicates (the same row of integers) are proposed and learnt from again, the more often the more certain the policy
    is.  Where the budget forbids them, what was drawn before is drawn again, and the weight is 1, because it would be
    that of another distribution; the search is finished when the space is exhausted.

    Departs from those codes: the best architecture told is what was found, as in both ("first version", the mode of the
    policy, is not offered).  The paper of NAS-Bench-101 reports a tuned rate of 0.5, its script has 0.1.

    Parameters
    ----------
    preset : {"nats", "nb201", "nb101", "fast"}
        What the parameters below are that are not given: Adam at 0.01, at 0.001, plain ascent at 0.1 on a fraction from
        logits of 0, Adam at 0.1.
    optimiser : {"adam", "sgd"}, optional
        "sgd" is plain gradient ascent.
    learning_rate : float, optional
        Greater than 0, at most a million.
    initial_scale : float, optional
        Standard deviation of the initial logits, at most a million.
    reward : {"metric", "fraction"}, optional
        The unit of rewards: that of the objective, or percents divided by 100.
    momentum : float
        Of the moving average, at least 0 and at most 0.999999.
    """

    family, paper, year = "reinforcement", "Williams, Machine Learning", 1992
    takes = Takes(objectives=1)

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        preset: str = "nats",
        optimiser: str | None = None,
        learning_rate: float | None = None,
        initial_scale: float | None = None,
        reward: str | None = None,
        momentum: float = 0.9,
    ) -> None:
        super().__init__(problem, rng)
        given = {
            "optimiser": optimiser,
            "learning_rate": learning_rate,
            "initial_scale": initial_scale,
            "reward": reward,
        }
        chosen = PRESETS[choice("preset", preset, tuple(PRESETS))]
        values: dict[str, Any] = {**chosen, **{key: value for key, value in given.items() if value is not None}}
        self.optimiser = choice("optimiser", values["optimiser"], tuple(OPTIMISERS))
        self.learning_rate = real("learning_rate", values["learning_rate"], low=0, high=MOST, open_low=True)
        self.initial_scale = real("initial_scale", values["initial_scale"], low=0, high=MOST)
        self.reward = choice("reward", values["reward"], UNITS)
        self.momentum = real("momentum", momentum, low=0, high=0.999999)
        self.policy = SoftmaxPolicy(problem.space, rng, scale=self.initial_scale)
        self._draws = Draws(problem, self.policy.sample, rng)
        self._rewards = Rewards(problem, self.reward)
        self._baseline = Baseline(self.momentum)
        self._steps = OPTIMISERS[self.optimiser](self.learning_rate)
        self._weighted = problem.budget.duplicates != "forbidden"
        self._then: dict[int, float] = {}  # ln pi of what runs, when it was drawn, by tag
        self._tag = 0

    def propose(self, n: int) -> Proposals:
        """Return `n` draws from the policy; fewer where duplicates are forbidden and the space is exhausted."""
        archs = self._draws.take(n)
        first, self._tag = self._tag, self._tag + len(archs)
        for tag, arch, active in zip(range(first, self._tag), archs, self.problem.space.active(archs), strict=True):
            self._then[tag] = self.policy.log_probability(arch, active)
        return self.proposals(archs, np.arange(first, self._tag))

    def tell(self, evaluations: Evaluations) -> None:
        """Make a step for each result, in the order given."""
        super().tell(evaluations)
        policy, present = self.policy, self.problem.space.active(evaluations.archs)
        told = zip(evaluations.tag.tolist(), evaluations.archs, present, self._rewards.of(evaluations), strict=True)
        for tag, arch, active, reward in told:
            then = self._then.pop(tag, None)
            if isnan(reward):
                continue
            advantage = self._baseline.advantage(reward)
            if self._weighted and then is not None:
                gained = policy.log_probability(arch, active) - then
                advantage *= min(max(exp(min(gained, 1.0)), 1 - CLIP), 1 + CLIP)
            self._steps.ascend(policy.logits, advantage * policy.gradient(arch, active))
            policy.update()
