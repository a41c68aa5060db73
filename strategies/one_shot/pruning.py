"""The stages of DrNAS: operations are pruned from stage to stage, and more channels go through those that stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.checks import BoolArray, IntArray, integer, listed
from harness.errors import HarnessError, must
from harness.one_shot import SearchData
from harness.space import SearchSpace
from harness.training.supernets.choices import CHOICES
from harness.training.supernets.partial import check_partial
from strategies.one_shot.grid import RelaxedSettings
from strategies.one_shot.relaxed import Relaxed


@dataclass(frozen=True)
class StageSettings(RelaxedSettings):
    """Choices of `ProgressiveDrNAS`, and their values where it says no other."""

    widened: tuple[int, ...] = (2,)
    pruned: tuple[int, ...] = (3,)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("widened", "pruned"):
            object.__setattr__(self, name, listed(name, getattr(self, name)))
        if len(self.widened) != len(self.pruned):
            raise HarnessError(must("pruned", f"have a value for each of 'widened', {len(self.widened)}", self.pruned))
        for before, after in pairwise((self.partial_channels, *self.widened)):
            integer("widened", after, low=1, high=before)
        most = max(len(choices.operations) for choices in CHOICES.values())
        for before, after in pairwise((most, *self.pruned)):
            integer("pruned", after, low=2, high=before)
        self.mixes("where operations are pruned")


class ProgressiveDrNAS(Relaxed):
    """DrNAS in two stages: all operations on a quarter of the channels, then the best three of each edge on a half.

    Chen, Wang, Cheng, Tang & Hsieh, "DrNAS: Dirichlet Neural Architecture Search", ICLR 2021, 3.3, as in the authors'
    code for NAS-Bench-201.  Stages have equally many epochs; alpha rests for the first ten of each.  Operations with
    the largest alpha stay on each edge, and what is drawn for them is divided by its sum.  Convolutions are widened by
    copies of channels that are drawn, of their momentum too; the function of the supernet is not kept.

    Their code for DARTS cells, without none, keeps four of seven operations and goes from a sixth of 36 channels to a
    quarter: ``without = ["none"]``, ``partial_channels = 6``, ``widened = [4]``, ``pruned = [4]``, with
    ``learning_rate = 0.1``, ``last_learning_rate = 0`` and ``alpha_learning_rate = 6e-4``.

    Departs from the paper as `DARTS` does, and normalises by batch statistics; pools of DARTS cells too.

    Parameters of `Relaxed`, and:

    Parameters
    ----------
    widened : tuple of int
        K of partial channels in the stages after the first, which has `partial_channels`.
    pruned : tuple of int
        Operations of each edge in those stages.
    """

    version = 2
    settings: StageSettings
    preset: ClassVar[Any] = StageSettings(
        nesterov=False, weight_decay=3e-4, sampler="dirichlet", frozen_epochs=10, partial_channels=4
    )
    paper, year = "Chen, Wang, Cheng, Tang & Hsieh, ICLR", 2021

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        for later in self.settings.widened:
            check_partial(self.batches.recipe, later, "widened")
        for later in self.settings.pruned[:1]:
            integer("pruned", later, low=2, high=len(self.codes))
        self.stage, self.stays = 0, np.ones((self.choices.edges, len(self.codes)), dtype=bool)

    @classmethod
    def too_few(cls, settings: Any, epochs: int) -> str:
        """Say that alpha is never trained, where it rests for all epochs of each stage."""
        return super().too_few(settings, -(-epochs // (1 + len(settings.widened))))

    @property
    def stages(self) -> int:
        """How many stages there are."""
        return 1 + len(self.settings.widened)

    @property
    def learns(self) -> bool:
        """Whether alpha is trained in this epoch of the stage."""
        first = -(-self.stage * self.epochs // self.stages)
        return self.done - first >= self.settings.frozen_epochs

    @property
    def kept(self) -> Sequence[Sequence[int]] | None:
        """Operations that are left on each edge, once some are pruned."""
        if self.stays.all():
            return None
        return [[code for code, stays in zip(self.codes, row, strict=True) if stays] for row in self.stays.tolist()]

    def mixed(self, weights: Tensor) -> Tensor:
        """Return the weights of the operations that are left, which sum to 1."""
        if self.stays.all():
            return weights
        left = weights * (weights.new_tensor(self.stays.astype(np.float32)) @ self._places)
        return left / left.sum(-1, keepdim=True).clamp_min(1e-12)

    def before_epoch(self) -> None:
        """Begin the next stage where it is due."""
        while self.stage < min(self.done * self.stages // self.epochs, self.stages - 1):
            self.advance()
        super().before_epoch()

    @torch.no_grad()
    def advance(self) -> None:
        """Prune operations, and widen the convolutions of those that stay."""
        chances = np.where(self.stays, self.alpha.detach().cpu().numpy(), -np.inf)
        self.stays = largest(chances, self.settings.pruned[self.stage])
        narrow = dict(zip(self._names(), zip(self.parameters, self.velocity, strict=True), strict=True))
        self.hold(self.settings.widened[self.stage], 0)
        for name, parameter, velocity in zip(self._names(), self.parameters, self.velocity, strict=True):
            channels: Sequence[IntArray] = ()
            if narrow[name][0].shape != parameter.shape:
                counts = zip(narrow[name][0].shape[:2], parameter.shape[:2], strict=True)
                channels = [widening(before, after, self.rng) for before, after in counts]
            for old, new in zip(narrow[name], (parameter, velocity), strict=True):
                new.copy_(old[channels[0]][:, channels[1]] if channels else old)
        self.stage += 1

    def _names(self) -> list[str]:
        return [name for name, _ in self.supernet.named_parameters()]

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on."""
        return super().state() | {"stage": np.array(self.stage), "stays": self.stays.copy()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        self.stage, self.stays = int(state["stage"]), np.array(state["stays"])
        self.hold((self.settings.partial_channels, *self.settings.widened)[self.stage], 0)
        super().restore(state)


def largest(values: npt.NDArray[np.floating[Any]], count: int) -> BoolArray:
    """Return where the largest of each row are, the first of equal ones: (E, K) to (E, K).

    >>> largest(np.array([[0.1, 0.3, 0.2], [1.0, 1.0, 0.0]]), 1).tolist()
    [[False, True, False], [True, False, False]]
    """
    ranks = np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(ranks < count)


def widening(before: int, after: int, rng: np.random.Generator) -> IntArray:
    """Return the channels of which the channels of a wider layer are copies: all as they are, then drawn ones."""
    return np.concatenate([np.arange(before), rng.integers(before, size=after - before)])
