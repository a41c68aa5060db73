"""The graph convolutional network of "Neural Predictor"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.checks import MOST, Archs, integer, real
from harness.space import SearchSpace
from surrogates.graphs.layers import Pass, dense, passed, pooled
from surrogates.graphs.learner import GraphLearner
from surrogates.graphs.tensors import Graphs, averages, loops, tensors
from surrogates.graphs.training import Layout, Network
from surrogates.graphs.weights import Kind, Kinds, glorot


@dataclass(frozen=True)
class BothWays(Network):
    """``H' = (ReLU(A H W) + ReLU(A' H W')) / 2``, A with loops and rows that sum to 1; then two dense layers."""

    layout: Layout
    layers: int
    width: int
    hidden: int
    dropout: float

    @property
    def kinds(self) -> Kinds:
        """Two matrices a layer, and those of the two dense layers; no biases."""
        layout, width = self.layout, self.width
        found: dict[str, Kind] = {}
        for layer in range(self.layers):
            inputs = width if layer else layout.kinds
            found |= {f"forwards {layer}": glorot(inputs, width), f"backwards {layer}": glorot(inputs, width)}
        found["hidden"] = glorot(layout.cells * width + layout.covariates, self.hidden)
        return found | {"last": glorot(self.hidden, 1)}

    def forward(self, weights: dict[str, Tensor], graphs: Graphs, covariates: Tensor, how: Pass) -> Tensor:
        """Return one number a graph, (G, B, 1)."""
        there, back, active = graphs.edges, graphs.edges.mT, graphs.nodes
        for layer in range(self.layers):
            onwards = torch.relu(passed(there, dense(active, weights[f"forwards {layer}"])))
            active = (onwards + torch.relu(passed(back, dense(active, weights[f"backwards {layer}"])))) / 2
            active = how.dropout(active, self.dropout)
        embedding = dense(pooled(graphs.pooling, active, covariates), weights["hidden"])
        return dense(torch.relu(embedding), weights["last"])


class GCN(GraphLearner):
    """A graph convolutional network that passes messages along edges and against them.

    Wen, Liu, Chen, Li, Bender & Kindermans, "Neural Predictor for Neural Architecture Search", ECCV 2020, section 3.3:
    ``V' = (ReLU(A V W) + ReLU(A' V W')) / 2`` with loops added to A and its rows made to sum to 1, the mean over nodes,
    and a dense layer before the output, all without biases; squared error, Adam with weight decay, a learning rate that
    falls along a cosine.  `std` is 0: the network has none.

    Departs from the paper for speed: 48 units, 80 epochs, mini-batches of 32 and a learning rate of 0.01, where the
    paper has 144, 300, 10 and 1e-4 (``width=144, epochs=300, batch_size=10, learning_rate=1e-4, weight_decay=1e-3``).
    Also in that targets are standardised, ReLU stands before the output, where the code that comparisons use has
    nothing, and no classifier leaves out bad architectures before.

    Parameters
    ----------
    space : SearchSpace
    encoding : {"one_hot"}
        Graphs are read in place of an encoding.
    layers, width : int
        Graph convolutions and units in each.
    hidden : int
        Units of the dense layer.
    dropout : float
        Share of units left out after each convolution in training, at most 0.9.
    epochs, batch_size : int
        Passes over the data, rows of a mini-batch.
    learning_rate, weight_decay : float
        Of Adam.
    preset : {"tuned", "published"}
        Sets the settings that stand above in brackets where they have their defaults; other values override it.
    device : str
        "cpu", "cuda" or "cuda:N".
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        layers: int = 3,
        width: int = 48,
        hidden: int = 128,
        dropout: float = 0.1,
        epochs: int = 80,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        weight_decay: float = 1e-4,
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
            hidden=integer("hidden", hidden, low=1, high=MOST),
            dropout=real("dropout", dropout, low=0, high=0.9),
            epochs=integer("epochs", epochs, low=1, high=MOST),
            batch_size=integer("batch_size", batch_size, low=1, high=MOST),
            learning_rate=real("learning_rate", learning_rate, low=0, open_low=True),
            weight_decay=real("weight_decay", weight_decay, low=0),
        )

    def _published(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"width": 144, "epochs": 300, "batch_size": 10, "learning_rate": 1e-4, "weight_decay": 1e-3}

    def _graphs(self, archs: Archs) -> Graphs:
        graphs = tensors(self.space.graph(archs))
        return Graphs(graphs.nodes, averages(graphs.edges + loops(graphs)), graphs.mask, graphs.pooling)

    def _network(self, layout: Layout) -> Network:
        given = self.hyperparameters
        return BothWays(layout, given["layers"], given["width"], given["hidden"], given["dropout"])
