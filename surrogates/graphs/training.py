"""Training of many graph networks as one batched tensor program, in lockstep, by automatic differentiation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from surrogates.graphs.layers import Pass, Training
from surrogates.graphs.tensors import Graphs, concatenate
from surrogates.graphs.weights import Kinds, Weights
from surrogates.inputs import Scaling
from surrogates.neural.adam import Adam
from surrogates.neural.minibatches import Orders
from surrogates.neural.networks import Float32Array


@dataclass(frozen=True)
class Layout:
    """What a network reads: `kinds` of nodes, `cells` of a graph, and `covariates`."""

    kinds: int
    cells: int
    covariates: int


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows that G networks learn from, B each.

    Attributes
    ----------
    graphs : Graphs
        Leading axes (G, B).
    covariates : (G, B, e) float32
    targets, weights : (G, B) float32
        Standardised; of the rows in the loss.
    """

    graphs: Graphs
    covariates: Tensor
    targets: Tensor
    weights: Tensor


class Network(ABC):
    """A kind of graph network: which weights it has, what it computes, and its loss."""

    @property
    @abstractmethod
    def kinds(self) -> Kinds:
        """The weights of one network."""

    @abstractmethod
    def forward(self, weights: dict[str, Tensor], graphs: Graphs, covariates: Tensor, how: Pass) -> Tensor:
        """Return the outputs of G networks for B graphs each, (G, B, O)."""

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Return the loss of each network, (G,): by default the weighted squared error of the first output."""
        return (batch.weights * (outputs[..., 0] - batch.targets).square()).mean(dim=1)


@dataclass(frozen=True, eq=False)
class GraphJob:
    """Networks to train on one set of rows, one for each of m objectives.

    Attributes
    ----------
    layout : Layout
    graphs : Graphs
        Leading axis (n,).
    covariates : (n, e) float32
    targets, weights : (m, n) float32
    parameters : (m, size) float32
        See `surrogates.graphs.weights.initial`.
    orders : (m, epochs, n) int32
        A permutation of the rows for each epoch.
    seeds : list of int
        Of what is drawn in training, for each network.
    inputs, outputs : Scaling
        Of covariates and targets.
    """

    layout: Layout
    graphs: Graphs
    covariates: Float32Array
    targets: Float32Array
    weights: Float32Array
    parameters: Float32Array
    orders: Orders
    seeds: list[int]
    inputs: Scaling
    outputs: Scaling


@dataclass(frozen=True)
class Fitting:
    """How networks are fitted.

    Attributes
    ----------
    epochs, batch_size : int
        Passes over the data, rows of a mini-batch; the last of an epoch has what is left.
    learning_rate : float
        Of Adam; it falls to 0 along half a cosine over all steps if `cosine` (Loshchilov & Hutter, "SGDR", ICLR 2017).
    weight_decay : float
    decoupled : bool
        Whether the decay is that of AdamW.
    beta1 : float
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    decoupled: bool = False
    cosine: bool = True
    beta1: float = 0.9


class Rows:
    """The rows of jobs of equal number of rows, and the batches that G networks draw from them."""

    def __init__(self, jobs: Sequence[GraphJob], device: str) -> None:
        self._graphs = concatenate([job.graphs for job in jobs]).to(device)
        self._covariates = torch.from_numpy(np.concatenate([job.covariates for job in jobs])).to(device)
        self._targets = torch.from_numpy(np.concatenate([job.targets for job in jobs])).to(device)
        self._weights = torch.from_numpy(np.concatenate([job.weights for job in jobs])).to(device)
        counts = [len(job.targets) for job in jobs]
        n = len(jobs[0].covariates)
        self._first = torch.from_numpy(np.repeat(np.arange(len(jobs)) * n, counts)[:, None]).to(device)
        self._orders = np.concatenate([job.orders for job in jobs])

    def order(self, epoch: int) -> Tensor:
        """Return the rows of each network in the order of an epoch, (G, n)."""
        return torch.from_numpy(self._orders[:, epoch].astype(np.int64)).to(self._first.device)

    def batch(self, rows: Tensor) -> Batch:
        """Return rows of each network: (G, B) to a batch."""
        where = self._first + rows
        targets, weights = self._targets.gather(1, rows), self._weights.gather(1, rows)
        return Batch(self._graphs.take(where), self._covariates[where], targets, weights)


def train(network: Network, fitting: Fitting, jobs: Sequence[GraphJob], device: str) -> Weights:
    """Train the networks of jobs of equal layout and rows and return their weights, those of the first job first.

    Nothing that a network computes depends on the networks beside it, down to the last bit where the matrix kernels of
    the machine allow it.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        flat = torch.from_numpy(np.concatenate([job.parameters for job in jobs])).to(device)
        gradient = torch.zeros_like(flat)
        leaves = {name: view.requires_grad_() for name, view in Weights(network.kinds, flat).views().items()}
        written = list(Weights(network.kinds, gradient).views().values())
        adam = Adam(
            flat.view(-1),
            gradient.view(-1),
            fitting.beta1,
            0.999,
            1e-8,
            weight_decay=fitting.weight_decay,
            decoupled=fitting.decoupled,
        )
        rows = Rows(jobs, device)
        how = Training([np.random.default_rng(seed) for job in jobs for seed in job.seeds])
        step, steps = 0, fitting.epochs * -(-len(jobs[0].covariates) // fitting.batch_size)
        for epoch in range(fitting.epochs):
            for some in torch.split(rows.order(epoch), fitting.batch_size, dim=1):
                batch = rows.batch(some)
                loss = network.loss(network.forward(leaves, batch.graphs, batch.covariates, how), batch).sum()
                torch._foreach_copy_(written, torch.autograd.grad(loss, list(leaves.values())))
                factor = (1 + math.cos(math.pi * step / steps)) / 2 if fitting.cosine else 1.0
                adam.step(fitting.learning_rate * factor)
                step += 1
        return Weights(network.kinds, flat)
