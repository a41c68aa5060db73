"""DARTS-PT: cells derived by what the supernet loses where an operation or an edge is taken out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.checks import GREATEST, MOST, FloatArray, integer, real
from harness.errors import HarnessError, must
from harness.one_shot import SearchData
from harness.space import SearchSpace
from harness.training.supernets.batches import Batch
from harness.training.supernets.subnets import accuracy
from strategies.one_shot.grid import RelaxedSettings
from strategies.one_shot.relaxed import Relaxed

UNDECIDED, DROPPED = -1, -2
"""In place of the code of an operation: of an edge that has several yet, and of one that its node does not keep."""


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
    as in the authors' code.  An undecided edge is drawn; each of its operations is taken out of the mixture in turn,
    the others keep their weights, and the accuracy of the supernet on all validation items is measured; the operation
    is fixed without which it is the lowest.  In DARTS cells none is not among them; an edge of either cell is decided
    at once, and when all have their operation, nodes are drawn, of which the two edges stay without which the accuracy
    is the lowest.  Between two decisions the supernet is tuned for 5 epochs at a tenth of the learning rate, which is
    constant then.  The last decision is made after the last epoch, so that the last 25 of the epochs tune, fewer where
    there are not so many; 80 with DARTS cells, of which the paper tunes for 10 epochs, ``tuned_epochs = 10``: 160.
    With ``frozen_epochs`` as large as all epochs alpha is never trained, a variant of the paper.

    Departs from that code: there the last decision is made before the last of the epochs that tune, and momentum is
    forgotten at the first; for DARTS cells the learning rate falls along a cosine while it tunes, and there is no none.
    What is recommended before all is decided has the largest alpha on the other edges.

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
        self.decided = np.full(self.choices.edges, UNDECIDED)

    @property
    def kept(self) -> Sequence[Sequence[int]] | None:
        """Operations that are computed on each edge: one where it is decided, none where it is dropped."""
        if (self.decided == UNDECIDED).all():
            return None
        several = {UNDECIDED: self.codes, DROPPED: ()}
        return [several.get(code, (code,)) for code in self.decided.tolist()]

    @property
    def candidates(self) -> Sequence[int]:
        """Codes of the operations among which edges are decided."""
        return [code for code in self.codes if self.choices.keeps is None or code != self.choices.none]

    @property
    def undecided(self) -> list[tuple[list[int], list[Sequence[int]]]]:
        """Edges without an operation, and nodes with too many edges, by their edges: a pair for each cell."""
        first, keeps = self.choices.normal, self.choices.keeps
        pairs = list[tuple[list[int], list[Sequence[int]]]]()
        for cell in (range(first), range(first, self.choices.edges)):
            edges = [edge for edge in cell if self.decided[edge] == UNDECIDED]
            nodes = [into for into in self.choices.entering if into[0] in cell and len(into) > (keeps or len(into))]
            pairs.append((edges, [into for into in nodes if DROPPED not in self.decided[list(into)]]))
        return pairs

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
        """Return the weights of operations: one-hot where an edge is decided, zeros where it is dropped."""
        decided = torch.from_numpy(self.decided).to(weights.device)[:, None]
        if (self.decided == UNDECIDED).all():
            return weights
        chosen = torch.arange(weights.shape[1], device=weights.device) == decided
        return torch.where(decided == UNDECIDED, weights, chosen.to(weights))

    def after_epoch(self) -> None:
        """Decide what is due, in either cell."""
        super().after_epoch()
        while True:
            cells = self.undecided
            left = max(len(edges) + len(nodes) for edges, nodes in cells)
            if not left or self.done < self.epochs - (left - 1) * self.settings.tuned_epochs:
                return
            for edges, nodes in cells:
                if edges:
                    self.decide(int(self.rng.choice(edges)))
                elif nodes:
                    self.keep(nodes[int(self.rng.integers(len(nodes)))])

    @torch.no_grad()
    def decide(self, gene: int) -> None:
        """Fix the operation of an edge whose removal leaves the lowest accuracy, and charge the evaluations."""
        items, weights = self.batches.evaluation(), self._weights()
        self.charge(self.mixture_macs, self.batches.count("valid") * len(self.candidates), 1)
        found = [self._accuracy(self._without(weights, gene, code), items) for code in self.candidates]
        self.decided[gene] = self.candidates[int(np.argmin(found))]

    @torch.no_grad()
    def keep(self, entering: Sequence[int]) -> None:
        """Keep the edges into a node whose removal leaves the lowest accuracies, and charge the evaluations."""
        items, into, found = self.batches.evaluation(), np.array(entering), list[float]()
        codes = self.decided[into]
        for edge, code in zip(entering, codes.tolist(), strict=True):
            self.decided[edge] = DROPPED
            self.charge(self.mixture_macs, self.batches.count("valid"), 1)
            found.append(self._accuracy(self._weights(), items))
            self.decided[edge] = code
        self.decided[into[np.argsort(found, kind="stable")[self.choices.keeps :]]] = DROPPED

    def _weights(self) -> Tensor:
        return self.mixed(self.sampler.probabilities(self.alpha) @ self._places)

    def _accuracy(self, weights: Tensor, items: Sequence[Batch]) -> float:
        return accuracy(lambda images: self.supernet.mixture(images, *self._mixture(weights, self.beta)), items)

    @staticmethod
    def _without(weights: Tensor, gene: int, code: int) -> Tensor:
        """Return weights with an operation taken out of an edge; the others stay as they are."""
        cut = weights.clone()
        cut[gene, code] = 0
        return cut

    def _strengths(self) -> FloatArray:
        with torch.no_grad():
            shares = (self.sampler.probabilities(self.alpha) @ self._places).double().cpu().numpy()
        open_to = (self.decided == UNDECIDED)[:, None] & np.isin(np.arange(shares.shape[1]), self.codes)
        return np.where(open_to | (np.arange(shares.shape[1]) == self.decided[:, None]), shares, -np.inf)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on."""
        return super().state() | {"decided": self.decided.copy()}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        super().restore(state)
        self.decided = np.array(state["decided"])
