"""Methods that search the widths of layers: the three of NATS-Bench for its size space.

Dong, Liu, Musial & Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI 2021,
after methods that were made for other spaces.  Each has architecture parameters alpha (5, 8), a logit for each
width of each layer, and hands over the widths of the largest.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.checks import GREATEST, Archs, FloatArray, real
from harness.one_shot import SearchData
from harness.space import SearchSpace
from harness.spaces.named import NETWORKS
from harness.spaces.nats_size.skeleton import LAYERS, WIDTHS
from harness.training.supernets.batches import Batch
from harness.training.supernets.costs import SizeCosts
from harness.training.supernets.sizes import LARGEST, SizeSupernet, build
from strategies.one_shot.gates import drawn_without_replacement
from strategies.one_shot.samplers import gumbel, one_hot
from strategies.one_shot.supernets import (
    OptimiserSettings,
    SupernetMethod,
    architecture_adam,
    architecture_tensors,
    mean_of,
)


@dataclass(frozen=True)
class SizeSettings(OptimiserSettings):
    """Choices of methods that search widths, and their values where a method says no other."""

    clip: float = 0.0
    alpha_learning_rate: float = 3e-4
    alpha_weight_decay: float = 1e-3
    alpha_beta: float = 0.5
    warm_up: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        real("alpha_learning_rate", self.alpha_learning_rate, low=0.0, high=GREATEST, open_low=True)
        real("alpha_weight_decay", self.alpha_weight_decay, low=0.0, high=GREATEST)
        real("alpha_beta", self.alpha_beta, low=0.0, high=0.999)
        real("warm_up", self.warm_up, low=0.0, high=1.0)


@dataclass(frozen=True)
class MixedSizeSettings(SizeSettings):
    """The same, and the temperature of a mixture of widths."""

    temperature: float = 10.0
    last_temperature: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("temperature", "last_temperature"):
            real(name, getattr(self, name), low=0.0, high=GREATEST, open_low=True)


@dataclass(frozen=True)
class SampledSizeSettings(SizeSettings):
    """The same, and the baseline of rewards."""

    baseline_momentum: float = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        real("baseline_momentum", self.baseline_momentum, low=0.0, high=0.999)


class Sizes(SupernetMethod):
    """The part that the methods share: a step of the weights on training items, then one of alpha on validation items.

    Departs from the code of NATS-Bench, for all of them: a width is drawn for a layer, not one for the stem and another
    for the first cell, so that what is drawn is in the space; see also `harness.training.supernets.sizes`.  In the
    warm-up nothing is computed on validation items.

    Parameters of `SupernetMethod` but `without`, and:

    Parameters
    ----------
    alpha_learning_rate, alpha_weight_decay, alpha_beta : float
        Of Adam; beta1, with beta2 = 0.999.
    warm_up : float
        Share of the epochs in which alpha rests, and a layer has its full width, with a probability that falls from 1
        to 0 over them linearly, or else a random one (Bender et al., CVPR 2020).
    """

    settings: SizeSettings
    supernet: SizeSupernet
    costs: SizeCosts
    takes: ClassVar[tuple[str, ...]] = ("nats-size",)
    derivations: tuple[str, ...] = ("argmax",)

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        chosen = self.settings
        drawn = rng.standard_normal((LAYERS, len(WIDTHS))).astype(np.float32) * np.float32(1e-3)
        self.alpha = torch.tensor(drawn, device=self.batches.device).requires_grad_()
        self._adam = architecture_adam(
            [self.alpha], chosen.alpha_learning_rate, chosen.alpha_beta, chosen.alpha_weight_decay
        )
        self.valid_loss = self.gradient_norm = math.nan
        self._validation: Iterator[Batch] = iter(())
        self._valid_losses: list[float] = []
        self._gradient_norms: list[float] = []

    def made(self, partial: int, seed: int) -> tuple[nn.Module, SizeCosts]:
        """Return the supernet and what its subnets cost."""
        given = self.batches.recipe, self.batches.shape, self.batches.classes
        return build(*given, seed=seed), SizeCosts(NETWORKS["nats-size"], *given)

    @property
    def full(self) -> float | None:
        """Probability of the full width in this epoch of the warm-up; None after it."""
        share = self.done / self.epochs
        return None if share >= self.settings.warm_up else 1 - share / self.settings.warm_up

    def before_epoch(self) -> None:
        """Begin a new pass over the validation items."""
        self._validation = self.batches.validating(self.rng, self.settings.batch_size)
        self._valid_losses.clear()
        self._gradient_norms.clear()

    def step(self, images: Tensor, labels: Tensor) -> float:
        """Update the weights, then alpha."""
        full = self.full
        if full is None:
            logits, macs = self.drawn(images, self.alpha.detach())
        else:
            widest = self.rng.random(LAYERS) < full
            arch = np.where(widest, LARGEST, self.rng.integers(len(WIDTHS), size=LAYERS)).tolist()
            logits, macs = self.supernet.path(images, arch), self.costs.path(arch)
        self.charge(macs, len(labels))
        loss = functional.cross_entropy(logits, labels)
        self.update(loss)
        if full is None:
            self.alpha.grad = self.alpha_gradient(*next(self._validation))
            self._gradient_norms.append(float(self.alpha.grad.norm()))
            self._adam.step()
        return loss.item()

    @abstractmethod
    def drawn(self, images: Tensor, alpha: Tensor) -> tuple[Tensor, float]:
        """Return the logits of what is drawn by alpha, and its multiply-adds per item."""

    @abstractmethod
    def alpha_gradient(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the gradient of alpha on validation items, (5, 8), and charge and note what it took."""

    def probabilities(self) -> FloatArray:
        """Return softmax(alpha), (5, 8) float64."""
        return torch.softmax(self.alpha.detach().double(), -1).cpu().numpy()

    def recommend(self) -> Archs:
        """Return the width of the largest alpha of each layer: (1, 5)."""
        return self.alpha.detach().argmax(-1, keepdim=True).T.cpu().numpy().astype(self.space.dtype)

    def after_epoch(self) -> None:
        """Note the validation loss and the norm of the gradient of alpha."""
        self.valid_loss, self.gradient_norm = mean_of(self._valid_losses), mean_of(self._gradient_norms)

    def observed(self) -> Mapping[str, FloatArray]:
        """Return the losses, the probabilities of widths and the mean norm of the gradient of alpha."""
        numbers = {"valid_loss": np.array(self.valid_loss), "alpha_gradient": np.array(self.gradient_norm)}
        return {**super().observed(), **numbers, "probabilities": self.probabilities()}

    def tensors(self) -> dict[str, Tensor]:
        """Return weights and architecture parameters with their optimisers."""
        return super().tensors() | architecture_tensors({"alpha": self.alpha}, self._adam)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on."""
        return super().state() | {"valid_loss": np.array(self.valid_loss)}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        super().restore(state)
        self.valid_loss = float(state["valid_loss"])


class MixedSizes(Sizes):
    """Mixtures of widths: alpha has the gradient of the validation loss.

    Parameters of `Sizes`, and:

    Parameters
    ----------
    temperature, last_temperature : float
        Of the Gumbel softmax in the first and the last epoch; linear between them.
    """

    settings: MixedSizeSettings
    preset: ClassVar[Any] = MixedSizeSettings()

    @property
    def temperature(self) -> float:
        """The temperature in this epoch."""
        first, last = self.settings.temperature, self.settings.last_temperature
        return first + (last - first) * self.done / max(self.epochs - 1, 1)

    def alpha_gradient(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the gradient of the loss on validation items, (5, 8)."""
        logits, macs = self.drawn(images, self.alpha)
        self.charge(macs, len(labels))
        loss = functional.cross_entropy(logits, labels)
        self._valid_losses.append(loss.item())
        (gradient,) = torch.autograd.grad(loss, [self.alpha])
        return gradient


class MaskGumbel(MixedSizes):
    """Channel masks, summed with weights of a Gumbel softmax.

    Wan et al., "FBNetV2: Differentiable Neural Architecture Search for Spatial and Channel Dimensions", CVPR 2020, 3.1,
    in the settings of the code of NATS-Bench, whose temperature falls from 10 to 0.1.  The mask of a layer is the sum
    of the masks of its widths, weighted by softmax((log p + g) / temperature) with Gumbel noise g.

    Departs from the paper as that code does: widths alone are searched, and no cost is in the loss, so that nothing
    speaks for narrow layers.  See `Sizes`.
    """

    paper, year = "Wan et al., CVPR", 2020

    def drawn(self, images: Tensor, alpha: Tensor) -> tuple[Tensor, float]:
        """Return the logits of a mixture of all widths, which costs what the widest network does."""
        noisy = torch.log_softmax(alpha, -1) + gumbel(alpha, self.rng)
        logits = self.supernet.mixture(images, torch.softmax(noisy / self.temperature, -1))
        return logits, self.costs.mixture(LARGEST)


class TAS(MixedSizes):
    """Two widths of each layer, drawn without replacement, the features of the narrower stretched to the wider.

    Dong & Yang, "Network Pruning via Transformable Architecture Search", NeurIPS 2019, 3.1, in the settings of the code
    of NATS-Bench.  With logits (log p + g) / temperature, Gumbel noise g, the two are drawn by the softmax of all, and
    weighted by the softmax of theirs.

    Departs from the paper as that code does: widths alone are searched, no cost is in the loss, and nothing is
    distilled from the widest network.  See `Sizes`.
    """

    paper, year = "Dong & Yang, NeurIPS", 2019

    def drawn(self, images: Tensor, alpha: Tensor) -> tuple[Tensor, float]:
        """Return the logits of a mixture of two widths, which costs what the wider ones do."""
        noisy = (torch.log_softmax(alpha, -1) + gumbel(alpha, self.rng)) / self.temperature
        two = drawn_without_replacement(noisy, 2, self.rng)
        weights = torch.zeros_like(noisy).scatter(-1, two, torch.softmax(noisy.gather(-1, two), -1))
        pairs = two.tolist()
        logits = self.supernet.interpolated(images, weights, pairs)
        return logits, self.costs.mixture([wide for _, wide in pairs])


class MaskRL(Sizes):
    """One width of each layer, drawn by softmax(alpha), which learns by REINFORCE from inherited accuracies.

    Bender et al., "Can Weight Sharing Outperform Random Architecture Search? An Investigation With TuNAS", CVPR 2020,
    in the settings of the code of NATS-Bench.  The gradient of alpha is that of -(A - b) ln p(drawn), where A is the
    accuracy in percent on a validation batch, and b the running mean of A, this one included, of momentum 0.95 and
    without bias; alpha does not decay.  The first quarter of the epochs is a warm-up, as in the paper.

    Departs from the paper as that code does: widths alone are searched, and the reward has no cost.  See `Sizes`.

    Parameters of `Sizes`, and:

    Parameters
    ----------
    baseline_momentum : float
    """

    settings: SampledSizeSettings
    preset: ClassVar[Any] = SampledSizeSettings(alpha_weight_decay=0.0, warm_up=0.25)
    paper, year = "Bender et al., CVPR", 2020

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        self._mean = np.zeros(2)  # sums of rewards and of their weights

    def sample(self, alpha: Tensor) -> Tensor:
        """Draw one width of each layer: (5, 8), one-hot."""
        return one_hot(alpha.detach() + gumbel(alpha, self.rng))

    def drawn(self, images: Tensor, alpha: Tensor) -> tuple[Tensor, float]:
        """Return the logits of one subnet, which costs what its network does."""
        arch = self.sample(alpha).argmax(-1).tolist()
        return self.supernet.path(images, arch), self.costs.path(arch)

    @torch.no_grad()
    def alpha_gradient(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the gradient of -(A - b) ln p of one draw, (5, 8)."""
        sampled = self.sample(self.alpha)
        arch = sampled.argmax(-1).tolist()
        logits = self.supernet.path(images, arch)
        self.charge(self.costs.path(arch), len(labels), 1)
        self._valid_losses.append(functional.cross_entropy(logits, labels).item())
        reward = 100 * float((logits.argmax(1) == labels).double().mean())
        return self.advantage(reward) * (torch.softmax(self.alpha, -1) - sampled)

    def advantage(self, reward: float) -> float:
        """Take a reward into the running mean, and return what it is above that."""
        kept = self.settings.baseline_momentum
        self._mean = kept * self._mean + (1 - kept) * np.array([reward, 1.0])
        return float(reward - self._mean[0] / self._mean[1])

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on."""
        return super().state() | {"mean": self._mean.copy()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        super().restore(state)
        self._mean = np.array(state["mean"])
