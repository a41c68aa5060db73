"""The part that one-shot methods share: a supernet, the optimiser of its weights, inherited accuracies, its state."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.checks import GREATEST, MOST, Archs, FloatArray, boolean, choice, integer, listed, real
from harness.errors import HarnessError, must
from harness.one_shot import OneShot, SearchData, Spent, generator_state, restore_generator
from harness.space import SearchSpace
from harness.training.engines.resident import sgd_step
from harness.training.networks.operations import laid_out
from harness.training.recipe import Recipe
from harness.training.supernets.batches import Batch, Batches
from harness.training.supernets.choices import CHOICES, Choices
from harness.training.supernets.costs import TRAINING_STEP
from harness.training.supernets.partial import CHANNELS
from harness.training.supernets.subnets import RECALIBRATING, STATISTICS, accuracies
from harness.training.supernets.written.supernet import written_supernet

_KNOWN = tuple(dict.fromkeys(name for choices in CHOICES.values() for name in choices.operations))
"""Operations of all spaces."""


@dataclass(frozen=True)
class OptimiserSettings:
    """How the weights of a supernet are trained; see `SupernetMethod`."""

    batch_size: int = 64
    learning_rate: float = 0.025
    last_learning_rate: float = 0.001
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    clip: float = 5.0
    statistics: str = "batch"

    def __post_init__(self) -> None:
        integer("batch_size", self.batch_size, low=2, high=MOST)
        rate = real("learning_rate", self.learning_rate, low=0.0, high=GREATEST, open_low=True)
        real("last_learning_rate", self.last_learning_rate, low=0.0, high=rate)
        real("momentum", self.momentum, low=0.0, high=1.0)
        boolean("nesterov", self.nesterov)
        real("weight_decay", self.weight_decay, low=0.0, high=GREATEST)
        real("clip", self.clip, low=0.0, high=GREATEST)
        choice("statistics", self.statistics, STATISTICS)


@dataclass(frozen=True)
class WeightSettings(OptimiserSettings):
    """The same, and what may be in its cells."""

    fewest: ClassVar[int] = 1
    """Operations that must be left to be searched among."""
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "without", listed("without", self.without))
        for name in self.without:
            choice("without", name, _KNOWN)

    @property
    def codes(self) -> tuple[int, ...]:
        """Codes of the operations of NAS-Bench-201 that are searched among."""
        return tuple(code for code, name in enumerate(CHOICES["nb201"].operations) if name not in self.without)


def architecture_adam(
    parameters: Sequence[Tensor], learning_rate: float, beta: float, weight_decay: float
) -> torch.optim.Adam:
    """Return Adam with beta2 = 0.999 whose moments are there before its first step, for a state to be written."""
    adam = torch.optim.Adam(parameters, lr=learning_rate, betas=(beta, 0.999), weight_decay=weight_decay, foreach=False)
    for parameter in parameters:
        moments = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
        adam.state[parameter] = {"step": torch.tensor(0.0), **moments}
    return adam


def architecture_tensors(named: Mapping[str, Tensor], adam: torch.optim.Adam) -> dict[str, Tensor]:
    """Return architecture parameters and what their optimiser keeps, by name."""
    moments = {
        f"adam.{name}.{what}": value
        for name, parameter in named.items()
        for what, value in adam.state.get(parameter, {}).items()
    }
    return {name: value.detach() for name, value in named.items()} | moments


def mean_of(numbers: Sequence[float]) -> float:
    """Return the mean of the numbers of the steps of an epoch, NaN of none."""
    return float(np.mean(numbers)) if numbers else math.nan


class SupernetMethod(OneShot):
    """A one-shot method on a supernet of cells, of NAS-Bench-201 or of DARTS.

    Weights are trained by SGD with a cosine schedule over epochs, from `learning_rate` to `last_learning_rate`.

    Parameters
    ----------
    batch_size : int
        Training items of a step, and validation items of a step of architecture parameters.
    learning_rate, last_learning_rate, momentum : float
    nesterov : bool
    weight_decay : float
        Of the weights.
    clip : float
        Largest norm of the gradient of the weights; 0 for none.
    without : tuple of str
        Operations that are left out of the search, by their names.
    statistics : {"batch", "recalibrated"}
        Batch normalisation where subnets are evaluated; see `harness.training.supernets.subnets`.
    """

    takes: ClassVar[tuple[str, ...]] = tuple(CHOICES)
    settings: Any
    supernet: Any
    costs: Any
    choices: Choices
    codes: tuple[int, ...]

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        self.batches = Batches(data)
        self.hold(getattr(self.settings, "partial_channels", 1), int(rng.integers(2**63)))
        self.done = 0  # epochs
        self.macs = 0.0  # of the epoch that runs
        self.train_loss = math.nan
        chosen = self.settings
        self._sgd = Recipe(
            "supernet",
            epochs,
            momentum=chosen.momentum,
            weight_decay=chosen.weight_decay,
            nesterov=chosen.nesterov and chosen.momentum > 0,
        )

    def hold(self, partial: int, seed: int) -> None:
        """Make the supernet with 1/`partial` of the channels in operations, its optimiser at rest, and its costs."""
        self.supernet, self.costs = self.made(partial, seed)
        laid_out(self.supernet, self.batches.device, self.batches.layout)
        self._written = written_supernet(self.supernet, self.batches)
        self.parameters = list(self.supernet.parameters())
        self.velocity = [torch.zeros_like(parameter) for parameter in self.parameters]

    def made(self, partial: int, seed: int) -> tuple[nn.Module, Any]:
        """Return a supernet with the initial weights of a seed, and what its paths cost."""
        given, choices = (self.batches.recipe, self.batches.shape, self.batches.classes), CHOICES[self.space.name]
        for name in self.settings.without:
            choice(f"without of the space '{self.space.name}'", name, choices.operations)
        self.choices = choices
        self.codes = tuple(code for code, name in enumerate(choices.operations) if name not in self.settings.without)
        if len(choices.held(self.codes)) < self.settings.fewest:
            some = [choices.operations[code] for code in choices.held(range(len(choices.operations)))]
            rule = f"leave {self.settings.fewest} or more of {some}"
            raise HarnessError(must("without", rule, list(self.settings.without)))
        channels = getattr(self.settings, "channel_choice", CHANNELS[0])
        entangled = getattr(self.settings, "entangled", False)
        supernet = choices.build(
            *given, seed=seed, partial=partial, codes=self.codes, channel_choice=channels, entangled=entangled
        )
        return supernet, choices.costs(*given, partial, entangled=entangled)

    def epoch(self) -> Spent:
        """Train for one pass over the training items."""
        began, self.macs = time.perf_counter(), 0.0
        losses = list[tuple[float, int]]()
        self.before_epoch()
        for images, labels in self.batches.training(self.rng, self.settings.batch_size):
            losses.append((self.step(images, labels), len(labels)))
        self.train_loss = sum(loss * count for loss, count in losses) / sum(count for _, count in losses)
        self.done += 1
        self.after_epoch()
        return Spent(self.macs, time.perf_counter() - began)

    @abstractmethod
    def step(self, images: Tensor, labels: Tensor) -> float:
        """Train on one batch, and return its loss."""

    def before_epoch(self) -> None:
        """Prepare an epoch."""

    def after_epoch(self) -> None:
        """Do what is done between epochs."""

    def rate(self) -> float:
        """Return the learning rate of the weights in this epoch: cosine, above `last_learning_rate` at the last."""
        low, high = self.settings.last_learning_rate, self.settings.learning_rate
        return float(low + (high - low) / 2 * (1 + math.cos(math.pi * self.done / self.epochs)))

    def mixture_loss(
        self,
        batch: Batch,
        weights: Tensor,
        edges: Tensor | None = None,
        kept: Sequence[Sequence[int]] | None = None,
        *,
        learns: bool = True,
    ) -> Tensor:
        """Return the mean loss of a mixture of operations on a batch.

        Parameters
        ----------
        batch : (images, labels)
        weights, edges, kept
            As of `MixedCell.mixture`.
        learns : bool
            Whether gradients of the weights of the supernet are asked for.
        """
        images, labels = batch
        if self._written is None:
            return functional.cross_entropy(self.supernet.mixture(images, weights, edges, kept), labels)
        scale = weights if edges is None else weights * edges[:, None]
        kept = [self.codes] * len(scale) if kept is None else kept
        return self._written.loss(images, labels, scale, kept, learns=learns)

    def sampled_loss(
        self, batch: Batch, codes: Sequence[int], gates: Tensor | None = None, *, learns: bool = True
    ) -> Tensor:
        """Return the mean loss of one operation on each edge, as `mixture_loss`.

        Parameters
        ----------
        batch : (images, labels)
        codes, gates
            As `arch` and `gates` of `MixedCell.path`.
        learns : bool
        """
        images, labels = batch
        if self._written is None:
            return functional.cross_entropy(self.supernet.on_edges(images, codes, gates), labels)
        scale = torch.ones((len(codes), len(self.choices.operations))) if gates is None else gates
        kept = [(code,) for code in codes]
        return self._written.loss(images, labels, scale, kept, learns=learns, gated=gates is not None)

    def learn_path(self, batch: Batch, arch: Sequence[int], smoothing: float, share: float) -> float:
        """Add a share of the gradients of a path to those of its weights, for `descend`; return the share of its loss.

        Parameters
        ----------
        batch : (images, labels)
        arch : sequence of int
        smoothing : float
            Of labels.
        share : float
        """
        images, labels = batch
        if self._written is not None:
            return self._written.learn(images, labels, arch, smoothing, share)
        logits = self.supernet.path(images, arch)
        loss = functional.cross_entropy(logits, labels, label_smoothing=smoothing) * share
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return loss.item()

    def update(self, loss: Tensor) -> None:
        """Take a step of SGD on the weights that a loss depends on; the others stay as they are, without decay."""
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.descend()

    def descend(self) -> None:
        """Take a step of SGD on the weights that have gradients, which are used up."""
        if self.settings.clip > 0:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        sgd_step(self.parameters, self.velocity, self._sgd, self.rate())

    def charge(self, macs: float, items: int, passes: float = TRAINING_STEP) -> None:
        """Add the multiply-adds of forward passes of so many items to those of the epoch."""
        self.macs += macs * items * passes

    def inherited(self, archs: Archs) -> FloatArray:
        """Return validation accuracies in percent with inherited weights: (n, L) to (n,)."""
        return accuracies(self.supernet, archs, self.batches, self.settings.statistics)

    def charge_evaluation(self, arch: Archs, items: int) -> None:
        """Charge one subnet, (L,), for the forward passes of items, and of those that recalibrate it."""
        if self.settings.statistics == "recalibrated":
            items += min(RECALIBRATING, self.batches.count("train"))
        self.charge(self.costs.path(arch), items, 1)

    def charged_accuracies(self, archs: Archs) -> FloatArray:
        """Return `inherited`, and charge the evaluations on the validation items."""
        for arch in archs:
            self.charge_evaluation(arch, self.batches.count("valid"))
        return self.inherited(archs)

    def best_of(self, archs: Archs, items: int) -> Archs:
        """Return the best of some candidates by inherited accuracy, (n, 6) to (6,), and charge its evaluation.

        Parameters
        ----------
        archs : (n, 6)
        items : int
            Validation items that a candidate is scored on, drawn anew for each; 0 for all, the same for each.
        """
        if not items:
            return np.asarray(archs[int(np.argmax(self.charged_accuracies(archs)))])
        scores, batches = list[float](), self.batches.validating(self.rng, items)
        for arch in archs:
            batch = next(batches)
            self.charge_evaluation(arch, len(batch[1]))
            scores.append(
                float(accuracies(self.supernet, arch[None], self.batches, self.settings.statistics, [batch])[0])
            )
        return np.asarray(archs[int(np.argmax(scores))])

    def observed(self) -> Mapping[str, FloatArray]:
        """Return the loss of the last epoch."""
        return {"train_loss": np.array(self.train_loss)}

    def tensors(self) -> dict[str, Tensor]:
        """Return the live tensors that the next epochs depend on, by name."""
        names = [name for name, _ in self.supernet.named_parameters()]
        weights = {f"weights.{name}": value.detach() for name, value in zip(names, self.parameters, strict=True)}
        return weights | {f"velocity.{name}": value for name, value in zip(names, self.velocity, strict=True)}

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return weights, optimisers, the generator and the number of epochs."""
        arrays = {name: value.detach().cpu().numpy().copy() for name, value in self.tensors().items()}
        numbers = {"done": np.array(self.done), "train_loss": np.array(self.train_loss)}
        return arrays | numbers | {"generator": generator_state(self.rng)}

    @torch.no_grad()
    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        for name, value in self.tensors().items():
            value.copy_(torch.from_numpy(np.array(state[name])))
        self.done, self.train_loss = int(state["done"]), float(state["train_loss"])
        restore_generator(self.rng, state["generator"])


class Choosing(SupernetMethod):
    """A method that chooses among architectures between epochs, and hands over what it chose last.

    It chooses after the last epoch, and every `look_every` epochs where its settings have that and it is not 0.  Before
    the first choice nothing is recommended.
    """

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        self._chosen: Archs = np.empty((0, space.genes), dtype=space.dtype)

    @abstractmethod
    def choose(self) -> Archs:
        """Return what is handed over, (n, L), and charge what that costs."""

    def after_epoch(self) -> None:
        """Choose where it is due."""
        super().after_epoch()
        every = getattr(self.settings, "look_every", 0)
        if self.done == self.epochs or (every and self.done % every == 0):
            self._chosen = self.choose()

    def recommend(self) -> Archs:
        """Return what was chosen last, (n, L); none before the first choice, (0, L)."""
        return self._chosen

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on."""
        return super().state() | {"chosen": self._chosen.copy()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        super().restore(state)
        self._chosen = np.array(state["chosen"], dtype=self.space.dtype)
