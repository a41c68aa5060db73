"""The recurrent controller of NASNet and ENAS."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

import numpy as np

from harness.checks import MOST, FloatArray, choice, integer, real
from harness.errors import HarnessError, must
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.strategy import Strategy, Takes
from strategies.parts.candidates import no_archs
from strategies.reinforcement.draws import Draws
from strategies.reinforcement.lstm import LSTMPolicy
from strategies.reinforcement.optimisers import Adam
from strategies.reinforcement.rewards import Baseline, Rewards

_ENAS = {
    "units": 64,
    "batch": 10,
    "epochs": 1,
    "learning_rate": 0.0035,
    "tanh": 1.1,
    "operation_divisor": 2.5,
    "entropy": 1e-4,
    "momentum": 0.99,
}
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "enas": _ENAS,
    "nasnet": {
        "units": 100,
        "batch": 20,
        "epochs": 4,
        "learning_rate": 3.5e-4,
        "tanh": 0.0,
        "operation_divisor": 1.0,
        "entropy": 1e-5,
        "momentum": 0.95,
    },
    "fast": _ENAS | {"learning_rate": 0.03, "tanh": 2.5, "operation_divisor": 1.0, "momentum": 0.9},
}
"""Settings of the code of ENAS for cells, of NASNet, and of our own for some hundred evaluations."""
CLIP = 0.2
"""How far the ratio of new to old probability may go in the direction of the advantage (epsilon of PPO)."""
_SCALE = 0.1  # initial weights are uniform within it, in both papers


class Controller(Strategy):
    """Let a recurrent network draw one gene after another; make batches likelier by how good they were.

    The controller of Zoph & Le, "Neural Architecture Search with Reinforcement Learning", ICLR 2017, in the form of
    Pham et al., "Efficient Neural Architecture Search via Parameter Sharing", ICML 2018 (an LSTM of one layer, 64
    units, trained by REINFORCE; defaults of its code for cells), and of Zoph et al., "Learning Transferable
    Architectures for Scalable Image Recognition", CVPR 2018 (`preset` "nasnet": 100 units, proximal policy
    optimisation, batches of 20).  The policy is `strategies.reinforcement.lstm`.  With `epochs` 1 a batch makes one
    step of Adam along the mean of ``A grad ln pi(a)``, REINFORCE; with more it makes as many along the gradient of
    ``min(ratio A, clip(ratio, 1 - 0.2, 1 + 0.2) A)``, ``ratio = pi_now(a) / pi_then(a)``: Schulman et al., "Proximal
    Policy Optimization Algorithms", 2017, equation 7.

    The reward is that of `strategies.reinforcement.rewards` (infeasible results too), percents divided by 100, plus
    `entropy` times the entropy of the softmaxes that were drawn from; the advantage is the reward minus a moving
    average that counts it first.  Logits are divided by `temperature`, then ``tanh`` shapes them: with a constant c
    no two values of a gene differ in probability by more than a factor exp(2 c), 9.03 at 1.1, 2.41 at 1.1 / 2.5.  So at
    150 evaluations the published settings differ little from random search, on which they were never meant to improve
    that soon (thousands of networks were trained).  The preset "fast" has a learning rate at which they do; at 0.1 the
    policy collapses.

    With parallel workers a batch is drawn from one policy, and workers wait for the last of it; results count in the
    order of the draws, so the order of completion changes nothing.  Failed trainings count in no average and no
    gradient.  Draws that are no architecture are drawn again (`strategies.reinforcement.draws`), genes that an
    architecture does not have (`SearchSpace.active`) count neither in probability nor entropy.  Duplicates (the same
    row of integers) are proposed again; where the budget forbids them, they are drawn again although that distribution
    is another, and the search is finished when the space is exhausted.

    Departs from ENAS: every gene is a softmax, so inputs are not chosen by attention over the nodes before; each gene
    has a matrix and embeddings of its own, where ENAS shares those of all operations; no bias favours separable
    convolutions, neither the learnt one of 10 nor the fixed one of 0.25; the average is debiased unless `faithful`, and
    10 results count in turn, where ten replicas did.  Departs from NASNet: the number of `epochs` is not published, 4
    is ours; the entropy is a part of the reward, as in ENAS.

    Parameters
    ----------
    preset : {"enas", "nasnet", "fast"}
        What the parameters below are that are not given, up to `momentum`.
    units : int, optional
        Of the LSTM, 64 or 100; at most 4096.
    batch : int, optional
        Architectures drawn before the policy learns from them, 10 or 20.
    epochs : int, optional
        Steps with one batch: 1 is REINFORCE, more is PPO; 1, with "nasnet" 4.
    learning_rate : float, optional
        Of Adam: 0.0035, 0.00035, with "fast" 0.03; at most a million.
    tanh : float, optional
        The constant c: 1.1; 0 leaves logits as they are (as with "nasnet"); with "fast" 2.5; at most a million.
    operation_divisor : float, optional
        What divides c for the genes whose order means nothing (`SearchSpace.gene_kinds`), 2.5 with "enas", else 1; at
        least a millionth.
    entropy : float, optional
        Weight of the entropy in the reward: 0.0001, or 0.00001 with "nasnet"; at most a million.
    momentum : float, optional
        Of the moving average: 0.99, 0.95, with "fast" 0.9; at most 0.999999.
    temperature : float
        What divides raw logits; 1, as the scripts of ENAS have none (the paper has 5, with `tanh` 2.5); at least a
        millionth.
    faithful : bool
        Whether the average starts at 0 without correction, as in the code of ENAS, so that early advantages all have
        the sign of the rewards.
    """

    family, paper, year = "reinforcement", "Zoph et al., CVPR; Pham et al., ICML", 2018
    takes = Takes(objectives=1)

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        preset: str = "enas",
        units: int | None = None,
        batch: int | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        tanh: float | None = None,
        operation_divisor: float | None = None,
        entropy: float | None = None,
        momentum: float | None = None,
        temperature: float = 1.0,
        faithful: bool = False,
    ) -> None:
        super().__init__(problem, rng)
        given = {
            "units": units,
            "batch": batch,
            "epochs": epochs,
            "learning_rate": learning_rate,
            "tanh": tanh,
            "operation_divisor": operation_divisor,
            "entropy": entropy,
            "momentum": momentum,
        }
        chosen = PRESETS[choice("preset", preset, tuple(PRESETS))]
        values: dict[str, Any] = {**chosen, **{key: value for key, value in given.items() if value is not None}}
        self.units = integer("units", values["units"], low=1, high=4096)
        self.batch = integer("batch", values["batch"], low=1, high=MOST)
        self.epochs = integer("epochs", values["epochs"], low=1, high=MOST)
        self.learning_rate = real("learning_rate", values["learning_rate"], low=0, high=MOST, open_low=True)
        self.tanh = real("tanh", values["tanh"], low=0, high=MOST)
        self.operation_divisor = real("operation_divisor", values["operation_divisor"], low=1 / MOST)
        self.temperature = real("temperature", temperature, low=1 / MOST)
        self.entropy = real("entropy", values["entropy"], low=0, high=MOST)
        self.momentum = real("momentum", values["momentum"], low=0, high=0.999999)
        if not isinstance(faithful, bool):
            raise HarnessError(must("faithful", "be true or false", faithful))
        self.faithful = faithful
        space = problem.space
        operations = np.array([kind == "categorical" for kind in space.gene_kinds])
        self.policy = LSTMPolicy(
            space.cardinalities,
            space.dtype,
            rng,
            units=self.units,
            scale=_SCALE,
            constants=self.tanh / np.where(operations, self.operation_divisor, 1.0),
            temperature=self.temperature,
        )
        self._draws = Draws(problem, self.policy.sample, rng)
        self._rewards = Rewards(problem, "fraction")
        self._baseline = Baseline(self.momentum, debiased=not faithful)
        self._steps = Adam(self.learning_rate)
        self._results: list[Evaluations] = []
        self._running = 0

    def propose(self, n: int) -> Proposals:
        """Return a whole batch; none while one runs."""
        if self._running:
            return self.proposals(no_archs(self.problem.space))
        archs = self._draws.take(self.batch)
        self._running = len(archs)
        return self.proposals(archs, np.arange(len(archs)))

    def tell(self, evaluations: Evaluations) -> None:
        """Keep results; learn from a batch once it is complete."""
        super().tell(evaluations)
        self._results.append(evaluations)
        self._running -= len(evaluations)
        if self._running <= 0:
            batch = Evaluations.concatenate(self._results)
            self._results.clear()
            self._learn(batch.take(np.argsort(batch.tag, kind="stable")))

    def _learn(self, batch: Evaluations) -> None:
        """Make `epochs` steps with a batch, in the order of its draws."""
        rewards = self._rewards.of(batch)
        kept = [row for row, reward in enumerate(rewards) if not isnan(reward)]
        if not kept:
            return
        archs = batch.archs[kept]
        active = self.problem.space.active(archs)
        done = self.policy.read(archs, active)
        then = done.log_probability
        total = np.array(rewards)[kept] + self.entropy * done.entropy
        advantages = np.array([self._baseline.advantage(reward) for reward in total.tolist()])
        for epoch in range(self.epochs):
            if epoch:
                done = self.policy.read(archs, active)
            ratios = np.exp(
                np.clip(done.log_probability - then, -1.0, 1.0)
            )  # beyond, they are clipped, or all the same
            worth = clipped_worth(ratios, advantages) / len(kept)
            self._steps.ascend(self.policy.weights.vector, self.policy.gradient(done, worth))


def clipped_worth(ratios: FloatArray, advantages: FloatArray) -> FloatArray:
    """Return what the gradient of ln pi is multiplied by in that of PPO's objective, (n,) each: ratio times advantage.

    0 where the ratio is out of its bounds in the direction in which the advantage pushes it.
    """
    spent = np.where(advantages > 0, ratios > 1 + CLIP, ratios < 1 - CLIP)
    return np.where(spent, 0.0, ratios * advantages)
