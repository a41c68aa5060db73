"""Methods that relax the choice of operations: architecture parameters and weights are trained in turn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from harness.checks import MOST, Archs, FloatArray, boolean, choice, integer, real
from harness.errors import HarnessError, must
from harness.one_shot import SearchData
from harness.space import SearchSpace
from harness.spaces.four_nodes import EDGES
from harness.training.supernets.batches import Batch
from strategies.one_shot.curvature import largest_eigenvalue
from strategies.one_shot.samplers import SAMPLERS
from strategies.one_shot.stopping import STOPS, EigenvalueRise, StableRanking
from strategies.one_shot.supernets import SupernetMethod, WeightSettings
from strategies.one_shot.unrolled import unrolled_gradient

CURVED = 500
"""Validation items by which the curvature in the architecture parameters is measured."""


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

    def __post_init__(self) -> None:
        super().__post_init__()
        sampler = SAMPLERS[choice("sampler", self.sampler, tuple(SAMPLERS))]
        real("temperature", self.temperature, low=0.0, open_low=True)
        real("last_temperature", self.last_temperature, low=0.0, open_low=True)
        integer("order", self.order, low=1, high=2)
        for name in ("bilevel", "alpha_first", "edge_normalisation"):
            boolean(name, getattr(self, name))
        real("alpha_learning_rate", self.alpha_learning_rate, low=0.0, open_low=True)
        real("alpha_weight_decay", self.alpha_weight_decay, low=0.0)
        real("alpha_beta", self.alpha_beta, low=0.0, high=0.999)
        integer("frozen_epochs", self.frozen_epochs, low=0, high=MOST)
        integer("partial_channels", self.partial_channels, low=1, high=MOST)
        for name in ("penalty", "first_perturbation", "perturbation", "auxiliary_skip"):
            real(name, getattr(self, name), low=0.0)
        choice("early_stop", self.early_stop, STOPS)
        integer("most_skips", self.most_skips, low=1, high=len(EDGES))
        integer("stable_epochs", self.stable_epochs, low=1, high=MOST)
        integer("eigenvalue_every", self.eigenvalue_every, low=0, high=MOST)
        for wrong, name, rule, value in (
            (self.early_stop == "eigenvalue" and not self.eigenvalue_every, "eigenvalue_every",
             "be at least 1 where it stops the search", self.eigenvalue_every),
            (self.order == 2 and (sampler.random or not self.bilevel or self.nesterov), "order",
             "be 1 with a sampler that draws, on one level, or with `nesterov`", self.order),
            (self.penalty > 0 and self.sampler != "dirichlet", "penalty", "be 0 but for 'dirichlet'", self.penalty),
            (sampler.samples and (self.edge_normalisation or self.perturbation > 0 or self.auxiliary_skip > 0),
             "sampler", "be one of a mixture with edge normalisation, perturbation or an auxiliary skip", self.sampler),
            (self.statistics == "recalibrated" and self.partial_channels > 1, "statistics",
             "be 'batch' with partial channels", self.statistics),
            (len(self.codes) < 2, "without", "leave two operations or more", list(self.without)),
        ):  # fmt: skip
            if wrong:
                raise HarnessError(must(name, rule, value))


class Relaxed(SupernetMethod):
    """Architecture parameters alpha (E, K), trained with the weights they mix: a sampler and modifiers of one's own.

    An epoch is one over the training items.  Each step updates the weights on a training batch and, after
    `frozen_epochs`, alpha on a validation batch (``bilevel``), or both on the training batch.  Alpha starts at 1e-3
    times normal numbers and is trained by Adam.  Alpha of one cell is shared by all cells.

    What is recommended is the operation of the largest alpha on each edge: with none among them, and without.  Of DARTS
    cells it is the two strongest edges into each node, by the best of their operations but none, times the weight of
    the edge where edges have any (Liu et al., ICLR 2019, 2.4; Xu et al., ICLR 2020).

    Parameters
    ----------
    sampler : {"softmax", "gumbel", "hard_gumbel", "reinmax", "dirichlet"}
        How alpha becomes weights of operations, see `strategies.one_shot.samplers`.
    temperature, last_temperature : float
        Of the samplers with a temperature, in the first and the last epoch, linear between them.
    order : {1, 2}
        Second order differentiates through one step of the weights, see `strategies.one_shot.unrolled`.
    bilevel : bool
        Whether alpha is trained on validation items.
    alpha_first : bool
        Whether alpha is updated before the weights in each step.
    alpha_learning_rate, alpha_weight_decay, alpha_beta : float
        Of Adam; beta1, with beta2 = 0.999.
    frozen_epochs : int
        Epochs in which weights alone are trained.
    penalty : float
        Factor of KL(Dir || Dir(1)) in the loss of alpha, for the sampler "dirichlet".
    partial_channels : int
        K: operations see 1/K of the channels.
    edge_normalisation : bool
        Whether each node's edges have weights of their own, softmax(beta).
    first_perturbation, perturbation : float
        Largest uniform noise on the mixing weights in steps of the weights, in the first and the last epoch
        (SmoothDARTS with random smoothing, Chen & Hsieh, ICML 2020).
    auxiliary_skip : float
        Weight of a further skip on each edge at the beginning; it falls to 0 linearly (DARTS-, Chu et al., ICLR 2021).
    early_stop : {"none", "skips", "ranking", "eigenvalue"}
        The rules of DARTS+ and of R-DARTS, see `strategies.one_shot.stopping`.
    most_skips, stable_epochs : int
        Of the rules "skips" and "ranking".
    eigenvalue_every : int
        Epochs between measurements of the largest eigenvalue of the Hessian of the validation loss in alpha; 0 for
        none.
    """

    settings: RelaxedSettings
    preset: ClassVar[Any] = RelaxedSettings()
    derivations: ClassVar[tuple[str, ...]] = ("argmax", "argmax without none")

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        chosen, device = self.settings, self.batches.device
        self.sampler, self.derivations = SAMPLERS[chosen.sampler](), self.choices.derivations  # type: ignore[misc]  # of the space
        drawn = rng.standard_normal((self.choices.edges, len(self.codes) + 1)).astype(np.float32) * np.float32(1e-3)
        self.alpha = torch.tensor(drawn[:, :-1], device=device).requires_grad_()
        self.beta = torch.tensor(drawn[:, -1], device=device).requires_grad_()
        self._places = torch.zeros((len(self.codes), len(self.choices.operations)), device=device)
        self._places[range(len(self.codes)), list(self.codes)] = 1
        self._adam = torch.optim.Adam(
            [self.alpha, self.beta] if chosen.edge_normalisation else [self.alpha],
            lr=chosen.alpha_learning_rate,
            betas=(chosen.alpha_beta, 0.999),
            weight_decay=chosen.alpha_weight_decay,
            foreach=False,
        )
        for parameter in self._adam.param_groups[0]["params"]:
            moments = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
            self._adam.state[parameter] = {"step": torch.tensor(0.0), **moments}
        self.valid_loss = self.eigenvalue = math.nan
        self._ranking, self._rise = StableRanking(chosen.stable_epochs), EigenvalueRise()
        self._stopped = False
        self._validation: Iterator[Batch] = iter(())
        self._valid_losses: list[float] = []

    @property
    def finished(self) -> bool:
        """Whether the rule of `early_stop` has ended the search."""
        return self._stopped

    @property
    def mixture_macs(self) -> float:
        """Multiply-adds of the mixture, per item."""
        return float(self.costs.mixture_of(self.codes))

    def before_epoch(self) -> None:
        """Begin a new pass over the validation items."""
        self._validation = self.batches.validating(self.rng, self.settings.batch_size)
        self._valid_losses.clear()

    def step(self, images: Tensor, labels: Tensor) -> float:
        """Update alpha and the weights."""
        learns = self.done >= self.settings.frozen_epochs
        if not self.settings.bilevel:
            return self._single_level(images, labels, learns=learns)
        if learns and self.settings.alpha_first:
            self._alpha_step((images, labels))
        loss, macs = self.loss((images, labels), perturbed=True)
        self.charge(macs, len(labels))
        self.update(loss)
        if learns and not self.settings.alpha_first:
            self._alpha_step((images, labels))
        return loss.item()

    def _single_level(self, images: Tensor, labels: Tensor, *, learns: bool) -> float:
        loss, macs = self.loss((images, labels), differentiable=learns)
        self.charge(macs, len(labels))
        self._adam.zero_grad(set_to_none=True)
        self.update(loss)
        if learns:
            self._adam.step()
        return loss.item()

    def _alpha_step(self, training: Batch) -> None:
        """Update alpha on the next validation items; the second order looks at the training batch too."""
        validation, parameters = next(self._validation), self._adam.param_groups[0]["params"]
        gradients: Sequence[Tensor]
        if self.settings.order == 1:
            loss, macs = self.loss(validation, differentiable=True)
            self.charge(macs, len(validation[1]))
            gradients = torch.autograd.grad(loss, parameters)
        else:
            self.charge(self.mixture_macs, 3 * len(training[1]) + len(validation[1]))
            loss, gradients = unrolled_gradient(
                lambda batch: self.loss(batch, differentiable=True)[0],
                training,
                validation,
                self.parameters,
                self.velocity,
                parameters,
                rate=self.rate(),
                momentum=self.settings.momentum,
                weight_decay=self.settings.weight_decay,
            )
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        self._adam.step()
        self._valid_losses.append(loss.item())

    def loss(self, batch: Batch, *, differentiable: bool = False, perturbed: bool = False) -> tuple[Tensor, float]:
        """Return the loss on a batch with weights of operations drawn anew, and its multiply-adds per item.

        Parameters
        ----------
        batch : (images, labels)
        differentiable : bool
            Whether in alpha too.
        perturbed : bool
            Whether noise is put on the mixing weights, where the settings have any.
        """
        images, labels = batch
        chosen, alpha, beta = self.settings, self.alpha, self.beta
        if not differentiable:
            alpha, beta = alpha.detach(), beta.detach()
        drawn = self.sampler.weights(alpha, self.rng, self._between(chosen.temperature, chosen.last_temperature))
        full = drawn @ self._places
        if self.sampler.samples:
            arch = full.detach().argmax(1).tolist()
            logits = self.supernet.on_edges(images, arch, full if differentiable else None)
            macs = self.costs.on_edges(arch)
        else:
            noise = self._between(chosen.first_perturbation, chosen.perturbation) if perturbed else 0.0
            mixed = smoothed(full, noise, self.rng, self._places.sum(0)) if noise else full
            if chosen.auxiliary_skip:
                further = chosen.auxiliary_skip * (1 - self.done / self.epochs)
                mixed = mixed + further * functional.one_hot(torch.tensor(self.choices.skip), full.shape[1]).to(mixed)
            edges = self._edges(beta) if chosen.edge_normalisation else None
            logits, macs = self.supernet.mixture(images, mixed, edges), self.mixture_macs
        loss = functional.cross_entropy(logits, labels)
        if differentiable and chosen.penalty:
            loss = loss + chosen.penalty * self.sampler.penalty(alpha)
        return loss, macs

    def _between(self, first: float, last: float) -> float:
        """Return a value that goes from the first epoch to the last linearly."""
        return first + (last - first) * self.done / max(self.epochs - 1, 1)

    def _edges(self, beta: Tensor) -> Tensor:
        """Return softmax(beta) over the edges that enter each node: (E,) to (E,)."""
        return torch.cat([torch.softmax(beta[list(edges)], 0) for edges in self.choices.entering])

    def after_epoch(self) -> None:
        """Note the validation loss, measure the curvature where it is due, and apply the rule of stopping."""
        chosen = self.settings
        self.valid_loss = float(np.mean(self._valid_losses)) if self._valid_losses else math.nan
        self.eigenvalue = math.nan
        if chosen.eigenvalue_every and self.done % chosen.eigenvalue_every == 0:
            self.eigenvalue = self._curvature()
            self._rise.note(self.done, self.eigenvalue, self._derived())
        if self.done <= chosen.frozen_epochs:
            return
        if chosen.early_stop == "skips":
            self._stopped = self.choices.skips(self._derived()[-1]) >= chosen.most_skips
        elif chosen.early_stop == "ranking":
            learnable = [place for place, code in enumerate(self.codes) if code in self.choices.learnable]
            self._stopped = self._ranking.note(self.alpha.detach()[:, learnable].cpu().numpy())
        elif chosen.early_stop == "eigenvalue":
            self._stopped = self._rise.stops

    def _curvature(self) -> float:
        """Return the largest eigenvalue of the Hessian of the validation loss in alpha, with its weight decay."""
        images, labels = self.batches.evaluation(items=CURVED)[0]
        edges = self._edges(self.beta.detach()) if self.settings.edge_normalisation else None
        self.charge(self.mixture_macs, len(labels), 3 * (1 + self.alpha.numel()))

        def loss(alpha: Tensor) -> Tensor:
            weights = self.sampler.probabilities(alpha) @ self._places
            return functional.cross_entropy(self.supernet.mixture(images, weights, edges), labels)

        return largest_eigenvalue(loss, self.alpha.detach(), self.settings.alpha_weight_decay)

    def probabilities(self) -> FloatArray:
        """Return the mean weights of all operations, 0 for those that are left out: (E, K) float64."""
        with torch.no_grad():
            found = self.sampler.probabilities(self.alpha) @ self._places
        return found.double().cpu().numpy()

    def recommend(self) -> Archs:
        """Return what each of `derivations` makes of alpha: (n, L)."""
        if self.settings.early_stop == "eigenvalue" and self._stopped:
            return self._rise.earlier.astype(self.space.dtype)
        return self._derived()

    def _derived(self) -> Archs:
        probabilities = self.probabilities()
        left_out = [code for code in range(probabilities.shape[1]) if code not in self.codes]
        probabilities[:, left_out] = -1
        edges = self._edges(self.beta.detach()).double().cpu().numpy() if self.settings.edge_normalisation else None
        return self.choices.derive(probabilities, edges).astype(self.space.dtype)

    def observed(self) -> Mapping[str, FloatArray]:
        """Return the losses, the mean weights of operations and the curvature."""
        numbers = {"valid_loss": np.array(self.valid_loss), "eigenvalue": np.array(self.eigenvalue)}
        return {**super().observed(), **numbers, "probabilities": self.probabilities()}

    def tensors(self) -> dict[str, Tensor]:
        """Return weights and architecture parameters with their optimisers."""
        named = {"alpha": self.alpha, "beta": self.beta}
        moments = {
            f"adam.{name}.{what}": value
            for name, parameter in named.items()
            for what, value in self._adam.state.get(parameter, {}).items()
        }
        return super().tensors() | {name: value.detach() for name, value in named.items()} | moments

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on."""
        numbers = {"stopped": np.array(self._stopped), "valid_loss": np.array(self.valid_loss)}
        return super().state() | numbers | self._ranking.state() | self._rise.state()

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        super().restore(state)
        self._stopped, self.valid_loss = bool(state["stopped"]), float(state["valid_loss"])
        self._ranking.restore(state)
        self._rise.restore(state)


def smoothed(weights: Tensor, size: float, rng: np.random.Generator, searched: Tensor) -> Tensor:
    """Put uniform noise in +-size on mixing weights, cut them to [0, 1] and let rows sum to 1 again: (6, 5) to (6, 5).

    Parameters
    ----------
    searched : (5,)
        1 for operations that are searched among, 0 for others.
    """
    noise = weights.new_tensor(rng.uniform(-size, size, tuple(weights.shape)))
    cut = ((weights + noise) * searched).clamp(0, 1)
    total = cut.sum(-1, keepdim=True)
    largest = functional.one_hot(weights.argmax(-1), weights.shape[-1]).to(weights)
    return torch.where(total > 0, cut / total.clamp_min(1e-12), largest)
