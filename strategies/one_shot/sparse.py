"""BayesNAS: switches of operations and edges under a sparse prior, whose variances say what stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from harness.checks import GREATEST, MOST, Archs, FloatArray, integer, real
from harness.errors import HarnessError, must
from harness.one_shot import SearchData
from harness.space import SearchSpace
from harness.spaces.four_nodes import NONE
from strategies.one_shot.supernets import SupernetMethod, WeightSettings

LEAST = 1e-6
"""The least weight of a switch in the penalty, so that variances stay finite."""


@dataclass(frozen=True)
class SparseSettings(WeightSettings):
    """Choices of `BayesNAS`, and their values where it says no other."""

    fewest: ClassVar[int] = 2
    operation_penalty: float = 0.01
    edge_penalty: float = 0.01
    warm_epochs: int = 1
    rounds: int = 3
    prune_below: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("operation_penalty", "edge_penalty"):
            real(name, getattr(self, name), low=0.0, high=GREATEST, open_low=True)
        integer("warm_epochs", self.warm_epochs, low=0, high=MOST)
        integer("rounds", self.rounds, low=1, high=MOST)
        real("prune_below", self.prune_below, low=0.0, high=GREATEST)
        if sum(code != NONE for code in self.codes) < 2:
            raise HarnessError(must("without", "leave two operations or more beside 'none'", list(self.without)))


class BayesNAS(SupernetMethod):
    """Every operation and every edge has a switch with a Gaussian prior, whose variance is estimated: small ones go.

    Zhou, Yang, Wang & Pan, "BayesNAS: A Bayesian Approach for Neural Architecture Search", ICML 2019.  The output of an
    operation is multiplied by its switch and that of its edge, all 1 at the start.  After `warm_epochs` of weights
    alone, an epoch minimises L + lambda sum omega abs(s) over weights and switches, and ends with one update of the
    prior from the curvature H of the loss in each switch: c = 1 / (1/gamma + H/lambda), omega = sqrt(1/gamma -
    c/gamma^2),
    gamma = abs(s) / omega.  An operation dies with its edge: 1/gamma = 1/gamma_operation + 1/gamma_edge.  What is
    recommended is the operation of the largest gamma on each edge; in the first row none, where it is below
    `prune_below` of the largest of the cell.  Of DARTS cells it is the two edges into each node of the largest gamma,
    with their operations.

    Departs from the paper: switches are shared by all cells, so that a group is one switch; H is the mean square of the
    gradient over the batches of the epoch (the empirical Fisher information), not a recursion through the layers;
    switches move by proximal steps at the rate of the weights, so that the penalty makes true zeros; the prior is
    updated up to three times, once in the code; the threshold is ours.

    Parameters of `SupernetMethod`, and:

    Parameters
    ----------
    operation_penalty, edge_penalty : float
        Lambda of the two kinds of switches.
    warm_epochs : int
    rounds : int
        Epochs with the penalty, each of which ends with an update; then the search is over.
    prune_below : float
        Share of the largest gamma; of cells of NAS-Bench-201 alone.
    """

    settings: SparseSettings
    version = 2
    preset: ClassVar[Any] = SparseSettings(batch_size=18, nesterov=False, weight_decay=3e-4)
    derivations: tuple[str, ...] = ("pruned", "argmax without none")
    paper, year = "Zhou, Yang, Wang & Pan, ICML", 2019

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        super().__init__(space, data, rng, epochs, **hyperparameters)
        self._prunes = self.choices.none in self.choices.held(self.codes)
        if not self._prunes:
            self.derivations = self.choices.derivations
        self.codes = tuple(code for code in self.codes if code != self.choices.none)  # none is an edge that is off
        edges = self.choices.edges
        count = edges * len(self.codes)
        chosen, device = self.settings, self.batches.device
        factors = [chosen.operation_penalty] * count + [chosen.edge_penalty] * edges
        self.penalties = torch.tensor(factors, device=device)  # of the operations, edge by edge, then of the edges
        self.switches = torch.ones(count + edges, device=device).requires_grad_()
        self.omega, self.gamma, self.squares = (torch.ones_like(self.penalties) for _ in range(3))
        self._steps = 0  # of the epoch

    @property
    def finished(self) -> bool:
        """Whether all rounds are over: further ones would let the penalty take everything."""
        return self.done >= self.settings.warm_epochs + self.settings.rounds

    def before_epoch(self) -> None:
        """Begin to count gradients."""
        self._steps = 0
        self.squares.zero_()

    def step(self, images: Tensor, labels: Tensor) -> float:
        """Update the weights, and the switches after the warm-up."""
        kept = [self.codes] * self.choices.edges
        self.charge(self.costs.mixture_by_edge(kept), len(labels))
        self.switches.grad = torch.zeros_like(self.switches)
        loss = self.mixture_loss((images, labels), self._weights(self.switches), kept=kept)
        self.update(loss)
        if self.done >= self.settings.warm_epochs:
            with torch.no_grad():
                gradient = self.switches.grad
                self.squares += gradient.square()
                self._steps += 1
                self.switches.copy_(proximal(self.switches, gradient, self.rate(), self.penalties * self.omega))
        return loss.item()

    def _weights(self, switches: Tensor) -> Tensor:
        """Return the products of the switches of operations and edges: (E, K), 0 for what has none."""
        count, codes = self.choices.edges, torch.tensor(self.codes, device=switches.device)
        operations, edges = switches[:-count].view(count, -1), switches[-count:]
        places = functional.one_hot(codes, len(self.choices.operations)).to(switches)
        return (operations * edges[:, None]) @ places

    @torch.no_grad()
    def after_epoch(self) -> None:
        """Update the prior of the switches."""
        if self._steps:
            found = reweighted(self.switches, self.gamma, self.squares / self._steps, self.penalties)
            self.omega, self.gamma = found

    def variances(self) -> FloatArray:
        """Return gamma of the operations with that of their edges, 0 for none: (E, K) float64."""
        gamma, count = self.gamma.double().cpu().numpy(), self.choices.edges
        operations, edges = gamma[:-count].reshape(count, -1), gamma[-count:, None]
        found = np.zeros((count, len(self.choices.operations)))
        both = operations + edges
        found[:, self.codes] = np.divide(operations * edges, both, out=np.zeros_like(both), where=both > 0)
        return found

    def recommend(self) -> Archs:
        """Return what `derivations` make of gamma, in place of weights of operations: (n, L)."""
        found = self.variances()
        left_out = [code for code in range(found.shape[1]) if code not in self.codes]
        found[:, left_out] = -1
        archs = self.choices.derive(found, None)
        if self._prunes:
            archs[0, found.max(1) < self.settings.prune_below * found.max()] = self.choices.none
        return archs.astype(self.space.dtype)

    def observed(self) -> Mapping[str, FloatArray]:
        """Return the loss, and the shares of operations in the gamma of their edges."""
        found = self.variances()
        total = found.sum(1, keepdims=True)
        return {
            **super().observed(),
            "probabilities": np.divide(found, total, out=np.zeros_like(found), where=total > 0),
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return weights, switches and their prior."""
        own = {"switches": self.switches.detach(), "omega": self.omega, "gamma": self.gamma}
        return super().tensors() | own


def proximal(values: Tensor, gradient: Tensor, rate: float, penalty: Tensor) -> Tensor:
    """Return a step down a gradient and down ``penalty |value|``, which stops at zero: soft thresholding.

    >>> proximal(torch.tensor([1.0, 0.05]), torch.tensor([1.0, 0.0]), 0.1, torch.tensor([2.0, 2.0])).tolist()
    [0.699999988079071, 0.0]
    """
    moved = values - rate * gradient
    return moved.sign() * (moved.abs() - rate * penalty).clamp_min(0)


def reweighted(switches: Tensor, gamma: Tensor, curvature: Tensor, penalty: Tensor) -> tuple[Tensor, Tensor]:
    """Return omega and gamma after an update of the prior (BayesNAS, Algorithm 1, as in the authors' code).

    Parameters
    ----------
    switches, gamma, curvature, penalty : (n,)
        s, the variances before, H and lambda.

    Examples
    --------
    >>> one = torch.ones(2)
    >>> reweighted(3 * one, one, torch.tensor([1.0, 1e12]), one)
    (tensor([0.7071, 1.0000]), tensor([4.2426, 3.0000]))
    """
    gamma = gamma.clamp_min(1e-12)
    c = 1 / (1 / gamma + curvature / penalty)
    omega = (1 / gamma - c / gamma**2).abs().sqrt().clamp_min(LEAST)
    return omega, switches.abs() / omega
