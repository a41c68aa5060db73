"""The grid of methods that relax the choice of operations: its choices, and which of them go together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.checks import GREATEST, MOST, boolean, choice, integer, real
from harness.errors import HarnessError, must
from harness.spaces.four_nodes import EDGES
from harness.spaces.nb201.operations import KERNELS, OPERATIONS
from harness.training.supernets.choices import CHOICES
from harness.training.supernets.partial import CHANNELS
from strategies.one_shot.latency import LOSSES
from strategies.one_shot.samplers import SAMPLERS
from strategies.one_shot.smoothing import PERTURBATIONS
from strategies.one_shot.stopping import BY_CURVATURE, STOPS
from strategies.one_shot.supernets import WeightSettings

CONVOLUTIONS = tuple(OPERATIONS[code] for code in KERNELS)
"""Operations of NAS-Bench-201 that can have one kernel."""
TEMPERATURES = ("linear", "exponential")
"""Schedules of the temperature by name."""
FADINGS: Mapping[str, Callable[[float], float]] = {
    "linear": lambda share: 1 - share,
    "cosine": lambda share: (1 + math.cos(math.pi * share)) / 2,
}
"""Schedules of the auxiliary skip by name: from the share of epochs that are over to what is left of its weight."""
LATER: Mapping[str, Any] = {
    "temperature_schedule": "linear",
    "gated": 2,
    "alpha_every": 1,
    "entropy_penalty": 0.0,
    "perturbed_by": "random",
    "attack_steps": 7,
    "auxiliary_schedule": "linear",
    "latency_loss": "none",
    "latency_factor": 0.1,
    "latency_power": 0.6,
    "latency_target": 0.0,
    "channel_choice": "first",
    "entangled": False,
    "decay_factor": 3.0,
    "most_weight_decay": 0.0243,
    "schedule_epochs": 0,
}
"""Defaults of choices that were added later, see `OneShot.later_hyperparameters`."""


@dataclass(frozen=True)
class RelaxedSettings(WeightSettings):
    """Choices of `Relaxed`, and their values where a method says no other."""

    sampler: str = "softmax"
    temperature: float = 1.0
    last_temperature: float = 1.0
    order: int = 1
    bilevel: bool = True
    alpha_first: bool = True
    alpha_learning_rate: float = 3e-4
    alpha_weight_decay: float = 1e-3
    alpha_beta: float = 0.5
    frozen_epochs: int = 0
    penalty: float = 0.0
    partial_channels: int = 1
    edge_normalisation: bool = False
    first_perturbation: float = 0.0
    perturbation: float = 0.0
    auxiliary_skip: float = 0.0
    early_stop: str = "none"
    most_skips: int = 2
    stable_epochs: int = 10
    eigenvalue_every: int = 0
    temperature_schedule: str = "linear"
    gated: int = 2
    alpha_every: int = 1
    entropy_penalty: float = 0.0
    perturbed_by: str = "random"
    attack_steps: int = 7
    auxiliary_schedule: str = "linear"
    latency_loss: str = "none"
    latency_factor: float = 0.1
    latency_power: float = 0.6
    latency_target: float = 0.0
    channel_choice: str = "first"
    entangled: bool = False
    decay_factor: float = 3.0
    most_weight_decay: float = 0.0243
    schedule_epochs: int = 0

    def mixes(self, where: str) -> None:
        """Refuse what needs all operations on each edge, or one, with methods that leave some.

        Parameters
        ----------
        where : str
            What the method does, for the error.
        """
        if SAMPLERS[self.sampler].samples:
            raise HarnessError(must("sampler", f"be one of a mixture {where}", self.sampler))
        if self.auxiliary_skip:
            raise HarnessError(must("auxiliary_skip", f"be 0 {where}", self.auxiliary_skip))

    def __post_init__(self) -> None:
        super().__post_init__()
        sampler = SAMPLERS[choice("sampler", self.sampler, tuple(SAMPLERS))]
        real("temperature", self.temperature, low=0.0, high=GREATEST, open_low=True)
        real("last_temperature", self.last_temperature, low=0.0, high=GREATEST, open_low=True)
        integer("order", self.order, low=1, high=2)
        for name in ("bilevel", "alpha_first", "edge_normalisation", "entangled"):
            boolean(name, getattr(self, name))
        real("alpha_learning_rate", self.alpha_learning_rate, low=0.0, high=GREATEST, open_low=True)
        real("alpha_weight_decay", self.alpha_weight_decay, low=0.0, high=GREATEST)
        real("alpha_beta", self.alpha_beta, low=0.0, high=0.999)
        integer("frozen_epochs", self.frozen_epochs, low=0, high=MOST)
        integer("partial_channels", self.partial_channels, low=1, high=MOST)
        for name in ("penalty", "first_perturbation", "perturbation", "auxiliary_skip", "entropy_penalty",
                     "latency_factor", "latency_power", "latency_target"):  # fmt: skip
            real(name, getattr(self, name), low=0.0, high=GREATEST)
        choice("temperature_schedule", self.temperature_schedule, TEMPERATURES)
        choice("auxiliary_schedule", self.auxiliary_schedule, tuple(FADINGS))
        choice("perturbed_by", self.perturbed_by, PERTURBATIONS)
        choice("latency_loss", self.latency_loss, LOSSES)
        integer("gated", self.gated, low=2, high=max(len(choices.operations) for choices in CHOICES.values()))
        for name in ("alpha_every", "attack_steps"):
            integer(name, getattr(self, name), low=1, high=MOST)
        choice("channel_choice", self.channel_choice, CHANNELS)
        choice("early_stop", self.early_stop, STOPS)
        integer("most_skips", self.most_skips, low=1, high=len(EDGES))
        integer("stable_epochs", self.stable_epochs, low=1, high=MOST)
        integer("eigenvalue_every", self.eigenvalue_every, low=0, high=MOST)
        real("decay_factor", self.decay_factor, low=1.0, high=GREATEST, open_low=True)
        real("most_weight_decay", self.most_weight_decay, low=0.0, high=GREATEST, open_low=True)
        integer("schedule_epochs", self.schedule_epochs, low=0, high=MOST)
        for wrong, name, rule, value in (
            (self.early_stop in BY_CURVATURE and not self.eigenvalue_every, "eigenvalue_every",
             "be at least 1 where it stops the search", self.eigenvalue_every),
            (self.early_stop == "adaptive" and not 0 < self.weight_decay < self.most_weight_decay, "weight_decay",
             f"be between 0 and `most_weight_decay`, {self.most_weight_decay}, where it is raised", self.weight_decay),
            (self.early_stop != "adaptive" and self.schedule_epochs > 0, "schedule_epochs",
             "be 0 but for `early_stop = 'adaptive'`", self.schedule_epochs),
            (self.entangled and any(name in CONVOLUTIONS for name in self.without), "entangled",
             "be false where a convolution is left out", self.entangled),
            (self.order == 2 and (sampler.random or not self.bilevel or self.nesterov), "order",
             "be 1 with a sampler that draws, on one level, or with `nesterov`", self.order),
            (self.penalty > 0 and not sampler.regular, "penalty", "be 0 but for 'dirichlet' and 'sigmoid'",
             self.penalty),
            (self.latency_loss in ("relative", "power") and not self.latency_factor, "latency_factor",
             f"be above 0 where `latency_loss = '{self.latency_loss}'` multiplies the loss of alpha by it",
             self.latency_factor),
            (sampler.gated and not self.bilevel, "bilevel", "be true with binary gates", self.bilevel),
            (not sampler.sums and self.perturbation > 0, "perturbation", "be 0 where weights do not sum to 1",
             self.perturbation),
            (not sampler.sums and self.entropy_penalty > 0, "entropy_penalty", "be 0 where weights do not sum to 1",
             self.entropy_penalty),
            (sampler.samples and (self.edge_normalisation or self.perturbation > 0 or self.auxiliary_skip > 0),
             "sampler", "be one of a mixture with edge normalisation, perturbation or an auxiliary skip", self.sampler),
            (self.statistics == "recalibrated" and self.partial_channels > 1, "statistics",
             "be 'batch' with partial channels", self.statistics),
            (len(self.codes) < 2, "without", "leave two operations or more", list(self.without)),
        ):  # fmt: skip
            if wrong:
                raise HarnessError(must(name, rule, value))
