"""The graph network of BONAS under a Bayesian output layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.checks import MOST, Archs, FloatArray, integer, real
from harness.space import SearchSpace
from surrogates.graphs.layers import Pass, dense, passed
from surrogates.graphs.learner import GraphLearner
from surrogates.graphs.tensors import Graphs, averages, loops, tensors
from surrogates.graphs.training import Layout, Network
from surrogates.graphs.weights import Kind, Kinds, glorot, offset
from surrogates.linear.evidence import Head, fit_head

_LIMIT = 0.05
"""Weights of convolutions start uniform within +-0.05, as in the authors' code."""


@dataclass(frozen=True)
class Embedding(Network):
    """``H' = ReLU(BN(A H W))``, the global node as embedding, and a linear output for training."""

    layout: Layout
    layers: int
    width: int

    @property
    def kinds(self) -> Kinds:
        """A matrix and a normalisation a layer, and the output."""
        layout, width = self.layout, self.width
        found: dict[str, Kind] = {}
        for layer in range(self.layers):
            found |= {
                f"convolution {layer}": Kind((width if layer else layout.kinds, width), _LIMIT),
                f"scale {layer}": offset(width, 1.0),
                f"shift {layer}": offset(width),
            }
        return found | {"last": glorot(layout.cells * width + layout.covariates, 1), "last bias": offset(1)}

    def forward(self, weights: dict[str, Tensor], graphs: Graphs, covariates: Tensor, how: Pass) -> Tensor:
        """Return the output for training and then the basis: (G, B, 1 + P width + e)."""
        active = graphs.nodes
        for layer in range(self.layers):
            # Of the last layer nothing but the global node is read.
            last = layer == self.layers - 1
            operator = passed(graphs.pooling, graphs.edges) if last else graphs.edges
            mask = graphs.pooling.sum(dim=-1) if last else graphs.mask
            spread = dense(passed(operator, active), weights[f"convolution {layer}"])
            active = torch.relu(how.batch_norm(spread, mask, weights[f"scale {layer}"], weights[f"shift {layer}"]))
        basis = torch.cat([active.flatten(2), covariates], dim=2)
        return torch.cat([dense(basis, weights["last"], weights["last bias"]), basis], dim=2)


class BONAS(GraphLearner):
    """A graph network whose output layer gives way to Bayesian linear regression on the embedding of the graph.

    Shi, Pi, Xu, Li, Kwok & Zhang, "Bridging the Gap between Sample-based and One-shot Neural Architecture Search with
    BONAS", NeurIPS 2020, section 3.1: four convolutions of 64 units, with batch normalisation and ReLU, on the graph
    with loops and a global node, whose features are the embedding; the loss weighs a row by ``exp(a - 1)`` with its
    accuracy a in [0, 1], so that good ones count more; Adam, a rate that falls along a cosine.  Mean and variance are
    those of `surrogates.linear.evidence` on the embedding, noise included.

    Departs from the paper: no biases, which the normalisation would take away; targets are standardised and the output
    is linear, where accuracies pass a sigmoid; a in the weights is where a target lies between the worst (0) and the
    best (1) that is learnt from, as not all targets are accuracies; for speed, and as there are few rows in the
    beginning of a search, 70 epochs of mini-batches of 32 at a learning rate of 0.005, where NASLib's code has 100, 128
    and 1e-4 (``epochs=100, batch_size=128, learning_rate=1e-4``); what is normalised by after training are moments over
    all rows that were learnt from, where torch keeps running means.

    Parameters
    ----------
    space : SearchSpace
    encoding : {"one_hot"}
        Graphs are read in place of an encoding.
    layers, width : int
        Graph convolutions and units in each.
    epochs, batch_size : int
        Passes over the data, rows of a mini-batch.
    learning_rate, weight_decay : float
        Of Adam.
    preset : {"tuned", "published"}
        Sets the settings that stand above in brackets where they have their defaults; other values override it.
    device : str
        "cpu", "cuda" or "cuda:N".
    """

    has_std = True
    global_node = True

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        layers: int = 4,
        width: int = 64,
        epochs: int = 70,
        batch_size: int = 32,
        learning_rate: float = 0.005,
        weight_decay: float = 0.0,
        preset: str = "tuned",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            device=device,
            preset=preset,
            layers=integer("layers", layers, low=1, high=MOST),
            width=integer("width", width, low=1, high=MOST),
            epochs=integer("epochs", epochs, low=1, high=MOST),
            batch_size=integer("batch_size", batch_size, low=1, high=MOST),
            learning_rate=real("learning_rate", learning_rate, low=0, open_low=True),
            weight_decay=real("weight_decay", weight_decay, low=0),
        )

    def _published(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"epochs": 100, "batch_size": 128, "learning_rate": 1e-4}

    def _graphs(self, archs: Archs) -> Graphs:
        graphs = tensors(self.space.graph(archs), global_node=True)
        inwards = averages(graphs.edges.mT + loops(graphs))
        return Graphs(graphs.nodes, inwards, graphs.mask, graphs.pooling)

    def _network(self, layout: Layout) -> Network:
        return Embedding(layout, self.hyperparameters["layers"], self.hyperparameters["width"])

    def _row_weights(self, targets: FloatArray) -> FloatArray:
        best, worst = targets.min(axis=0), targets.max(axis=0)
        return np.asarray(np.exp((best - targets) / np.where(worst > best, worst - best, 1.0)), dtype=np.float64)

    def _head(self, outputs: FloatArray, targets: FloatArray) -> Head:
        return fit_head(outputs[:, 1:], targets)

    def _said(self, head: Head, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, variance = head.predict(outputs[:, 1:])
        return mean, np.sqrt(variance)
