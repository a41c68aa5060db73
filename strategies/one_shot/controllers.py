"""ENAS: paths that a recurrent controller draws, which learns from inherited accuracies by REINFORCE."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from harness.checks import GREATEST, MOST, Archs, FloatArray, integer, real
from harness.one_shot import SearchData
from harness.space import SearchSpace
from harness.training.supernets.subnets import accuracies
from strategies.one_shot.paths import PathSettings, SinglePath
from strategies.reinforcement.lstm import LSTMPolicy
from strategies.reinforcement.optimisers import Adam

_SCALE = 0.1  # initial weights of the controller are uniform within it
_EVERY, _DRAWN = 20_000, 1_000
"""Cells up to which all are counted where the page says what the controller draws; and draws in place of more."""


@dataclass(frozen=True)
class ControllerSettings(PathSettings):
    """Choices of `ENAS`, and their values where it says no other."""

    ways: ClassVar[tuple[str, ...]] = ("controller",)
    paths: str = "controller"
    half_period: int = 10
    units: int = 64
    tanh: float = 2.5
    controller_temperature: float = 5.0
    updates: int = 50
    samples: int = 20
    controller_learning_rate: float = 1e-3
    controller_beta: float = 0.0
    controller_epsilon: float = 1e-3
    controller_clip: float = 5.0
    entropy: float = 1e-4
    baseline_momentum: float = 0.99
    operation_divisor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("half_period", self.half_period, low=0, high=MOST)
        integer("units", self.units, low=1, high=4096)
        for name in ("updates", "samples"):
            integer(name, getattr(self, name), low=1, high=MOST)
        for name in ("tanh", "controller_clip", "entropy"):
            real(name, getattr(self, name), low=0.0, high=GREATEST)
        for name in (
            "controller_temperature",
            "controller_learning_rate",
            "controller_epsilon",
            "operation_divisor",
        ):
            real(name, getattr(self, name), low=0.0, high=GREATEST, open_low=True)
        real("controller_beta", self.controller_beta, low=0.0, high=0.999)
        real("baseline_momentum", self.baseline_momentum, low=0.0, high=1.0)


class ENAS(SinglePath):
    """Weights are trained on paths that a controller draws; the controller learns from their inherited accuracies.

    Pham, Guan, Zoph, Le & Dean, "Efficient Neural Architecture Search via Parameter Sharing", ICML 2018, in the
    settings of the code of NAS-Bench-201.  After each pass over the training items the controller makes 50 updates by
    20 drawn cells, each scored on a validation batch of its own: the gradient is the mean of (R - b) d ln pi, where the
    reward R is the share of right answers plus 1e-4 times the entropy of the draws, and b is 0.99 of the mean b of the
    pass before plus 0.01 R; in the first pass b is the cell's own accuracy, so that the entropy alone counts.  At the
    end the best of a hundred draws is chosen, each by one batch.  The policy is that of
    `strategies.reinforcement.lstm`: logits are 2.5 tanh(raw / 5).

    Of DARTS cells it draws node after node: what a node reads, one of the pairs of earlier nodes, then the operation on
    each of the two; the normal cell first.  Settings are the same; those of the authors' code for cells are
    ``tanh = 1.1``, ``operation_divisor = 2.5``, ``controller_temperature = 1``, ``controller_learning_rate = 0.0035``,
    ``updates = 10`` and ``samples = 30``.

    Departs from that code: one layer of 64 units, as in the code of the paper, not two of 32; each edge has a matrix
    and embeddings of its own; no gradient flows through the entropy of the reward; validation items are not augmented.
    Its first version, of 2020, goes on from the b of the last cell of a pass, not from their mean, and chooses by
    batches of 128.  Departs from the authors' code for cells: the inputs of a node are different ones, drawn at once by
    a softmax over pairs, not one after the other by attention over the nodes before; operations are those of DARTS, and
    no bias, learnt or fixed, favours convolutions; b moves once in a pass, there with every update.

    Parameters of `SinglePath`, and:

    Parameters
    ----------
    paths : {"controller"}
    half_period : int
        Epochs in which the learning rate falls by the cosine, to rise again in as many; 0 for all.
    units : int
        Of the controller's LSTM.
    tanh, controller_temperature : float
        The constants 2.5 and 5 of the logits.
    updates, samples : int
        Of the controller in an epoch, and cells of an update.
    controller_learning_rate, controller_beta, controller_epsilon, controller_clip : float
        Of its Adam (beta1), and the largest norm of its gradient; 0 for none.
    entropy : float
        Weight of the entropy in the reward.
    baseline_momentum : float
        0.99 above.
    operation_divisor : float
        What divides the constant 2.5 where an operation is drawn.
    """

    settings: ControllerSettings
    preset: ClassVar[Any] = ControllerSettings(
        batch_size=128, learning_rate=0.05, last_learning_rate=0.0005, weight_decay=2.5e-4, items=512
    )
    later_hyperparameters: ClassVar[Mapping[str, Any]] = {"operation_divisor": 1.0}
    paper, year = "Pham et al., ICML", 2018

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        chosen = self.settings
        self.counts = self.choices.counts(self.codes)
        operations = np.array(self.choices.genes) == 0
        self.policy = LSTMPolicy(
            self.counts,
            self.space.dtype,
            rng,
            units=chosen.units,
            scale=_SCALE,
            constants=chosen.tanh / np.where(operations, chosen.operation_divisor, 1.0),
            temperature=chosen.controller_temperature,
        )
        self._adam = Adam(
            chosen.controller_learning_rate, decay=chosen.controller_beta, epsilon=chosen.controller_epsilon
        )
        self.baseline = math.nan

    def rate(self) -> float:
        """Return the learning rate of the weights in this epoch."""
        if not self.settings.half_period:
            return super().rate()
        low, high = self.settings.last_learning_rate, self.settings.learning_rate
        return low + (high - low) / 2 * (1 + math.cos(math.pi * self.done / self.settings.half_period))

    def draw(self, count: int) -> Archs:
        """Draw paths by the controller: (count, L)."""
        return self.choices.decoded(self.codes, self.policy.sample(count))

    def after_epoch(self) -> None:
        """Train the controller, and choose a path where it is due."""
        chosen, baselines = self.settings, list[float]()
        validation = self.batches.validating(self.rng, chosen.batch_size)
        for _ in range(chosen.updates):
            places, right = self.policy.sample(chosen.samples), list[float]()
            for arch in self.choices.decoded(self.codes, places):
                batch = next(validation)
                self.charge(self.costs.path(arch), len(batch[1]), 1)
                right += accuracies(self.supernet, arch[None], self.batches, items=[batch]).tolist()
            baselines += self.learn(places, np.array(right) / 100).tolist()
        self.baseline = float(np.mean(baselines))
        super().after_epoch()

    def learn(self, places: Archs, right: FloatArray) -> FloatArray:
        """Make one update of the controller, and return the baselines of its cells.

        Parameters
        ----------
        places : (n, L)
            What the policy drew.
        right : (n,)
            Share of right answers of each.

        Returns
        -------
        (n,) float64
        """
        chosen, done = self.settings, self.policy.read(places, np.ones(places.shape, dtype=bool))
        rewards = right + chosen.entropy * done.entropy
        baselines = right
        if not math.isnan(self.baseline):
            baselines = self.baseline + (1 - chosen.baseline_momentum) * (rewards - self.baseline)
        gradient = self.policy.gradient(done, (rewards - baselines) / len(places))
        norm = float(np.linalg.norm(gradient))
        if chosen.controller_clip and norm > chosen.controller_clip:
            gradient *= chosen.controller_clip / norm
        self._adam.ascend(self.policy.weights.vector, gradient)
        return baselines

    def probabilities(self) -> FloatArray:
        """Return how likely each operation is on each edge: (E, K) float64.

        Over all cells, or over a thousand draws by a generator of their own where there are too many.  Of DARTS cells
        none has the probability that the edge is not there.
        """
        if math.prod(self.counts.tolist()) > _EVERY:
            places, p = self.policy.sample(_DRAWN, np.random.default_rng(self.done)), np.full(_DRAWN, 1 / _DRAWN)
        else:
            places = np.indices(tuple(self.counts)).reshape(len(self.counts), -1).T.astype(self.space.dtype)
            p = np.exp(self.policy.read(places, np.ones(places.shape, dtype=bool)).log_probability)
        return self.choices.shares(self.choices.decoded(self.codes, places), p)

    def observed(self) -> Mapping[str, FloatArray]:
        """Return the loss of the last epoch, and what the controller draws."""
        return {**super().observed(), "probabilities": self.probabilities()}

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on."""
        vector = self.policy.weights.vector
        own = {"policy": vector.copy(), "baseline": np.array(self.baseline)}
        return super().state() | own | self._adam.state(vector)

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        super().restore(state)
        self.policy.weights.vector[:] = state["policy"]
        self.baseline = float(state["baseline"])
        self._adam.restore(state)
