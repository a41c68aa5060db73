"""DARTS-PT: a cell derived by what the supernet loses where an operation is taken out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.checks import GREATEST, MOST, Archs, integer, real
from harness.errors import HarnessError, must
from harness.one_shot import SearchData
from harness.space import SearchSpace
from harness.spaces.four_nodes import EDGES
from harness.spaces.nb201.operations import OPERATIONS
from harness.training.supernets.batches import Batch
from harness.training.supernets.subnets import accuracy
from strategies.one_shot.grid import RelaxedSettings
from strategies.one_shot.relaxed import Relaxed

UNDECIDED = -1


@dataclass(frozen=True)
class PerturbationSettings(RelaxedSettings):
    """Choices of `DARTSPT`, and their values where a method says no other."""

    tuned_epochs: int = 5
    tuning_divisor: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("tuned_epochs", self.tuned_epochs, low=0, high=MOST)
        real("tuning_divisor", self.tuning_divisor, low=1.0, high=GREATEST)
        if self.early_stop != "none":
            raise HarnessError(must("early_stop", "be 'none' where edges are decided at the end", self.early_stop))
        self.mixes("where operations are taken out")


class DARTSPT(Relaxed):
    """Edges are decided one after another: the operation stays whose removal costs the supernet most.

    Wang, Cheng, Chen, Tang & Hsieh, "Rethinking Architecture Selection in Differentiable NAS", ICLR 2021, Algorithm 1,
    as in the authors' code for NAS-Bench-201.  An undecided edge is drawn; each of its operations is taken out of the
    mixture in turn, the others keep their weights, and the accuracy of the supernet on all validation items is
    measured; the operation is fixed without which it is the lowest.  Between two decisions the supernet is tuned for 5
    epochs at a tenth of the learning rate, which is constant then.  The last decision is made after the last epoch, so
    that the last 25 of the epochs tune, fewer where there are not so many.  With ``frozen_epochs`` as large as all
    epochs alpha is never trained, a variant of the paper.

    Departs from that code: there the last decision is made before the last of the 25 epochs, and momentum is forgotten
    at the first.  What is recommended before all edges are decided has the largest alpha on the others.

    Parameters of `Relaxed`, and:

    Parameters
    ----------
    tuned_epochs : int
        Between two decisions.
    tuning_divisor : float
        Of the learning rate of the weights after the first decision.
    """

    settings: PerturbationSettings
    preset: ClassVar[Any] = PerturbationSettings(nesterov=False, weight_decay=3e-4)
    paper, year = "Wang et al., ICLR", 2021

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        self.decided = np.full(len(EDGES), UNDECIDED)

    @property
    def kept(self) -> Sequence[Sequence[int]] | None:
        """Operations that are computed on each edge: one where it is decided."""
        if (self.decided == UNDECIDED).all():
            return None
        return [self.codes if code == UNDECIDED else (code,) for code in self.decided.tolist()]

    @classmethod
    def too_few(cls, settings: Any, epochs: int) -> str:
        """Say nothing: edges are decided by what their operations are worth, with alpha or without."""
        return ""

    @property
    def learns(self) -> bool:
        """Whether alpha is trained in this epoch: not where nothing is undecided."""
        return super().learns and bool((self.decided == UNDECIDED).any())

    def rate(self) -> float:
        """Return the learning rate of the weights in this epoch."""
        if (self.decided == UNDECIDED).all():
            return super().rate()
        return float(self.settings.learning_rate / self.settings.tuning_divisor)

    def mixed(self, weights: Tensor) -> Tensor:
        """Return the weights of operations with one-hots where an edge is decided."""
        fixed = torch.from_numpy(self.decided != UNDECIDED).to(weights.device)[:, None]
        if not fixed.any():
            return weights
        chosen = torch.from_numpy(np.maximum(self.decided, 0)).to(weights.device)
        return torch.where(fixed, torch.nn.functional.one_hot(chosen, len(OPERATIONS)).to(weights), weights)

    def after_epoch(self) -> None:
        """Decide the edges that are due."""
        super().after_epoch()
        left = int(np.count_nonzero(self.decided == UNDECIDED))
        while left and self.done >= self.epochs - (left - 1) * self.settings.tuned_epochs:
            self.decide(int(self.rng.choice(np.flatnonzero(self.decided == UNDECIDED))))
            left -= 1

    @torch.no_grad()
    def decide(self, gene: int) -> None:
        """Fix the operation of an edge whose removal leaves the lowest accuracy, and charge the evaluations."""
        items = self.batches.evaluation()
        weights = self.mixed(self.sampler.probabilities(self.alpha) @ self._places)
        self.charge(self.mixture_macs, self.batches.count("valid") * len(self.codes), 1)
        found = [self._accuracy(self._without(weights, gene, code), items) for code in self.codes]
        self.decided[gene] = self.codes[int(np.argmin(found))]

    def _accuracy(self, weights: Tensor, items: Sequence[Batch]) -> float:
        return accuracy(lambda images: self.supernet.mixture(images, *self._mixture(weights, self.beta)), items)

    @staticmethod
    def _without(weights: Tensor, gene: int, code: int) -> Tensor:
        """Return weights with an operation taken out of an edge; the others stay as they are."""
        cut = weights.clone()
        cut[gene, code] = 0
        return cut

    def _derived(self) -> Archs:
        archs = super()._derived()
        return np.where(self.decided == UNDECIDED, archs, self.decided).astype(self.space.dtype)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on."""
        return super().state() | {"decided": self.decided.copy()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        super().restore(state)
        self.decided = np.array(state["decided"])
