"""The graph isomorphism network of NPENAS, with a head that predicts and one that also says how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from harness.checks import MOST, Archs, FloatArray, choice, integer, real
from harness.space import SearchSpace
from surrogates.graphs.layers import Pass, dense, passed, pooled
from surrogates.graphs.learner import GraphLearner
from surrogates.graphs.tensors import Graphs, loops, tensors
from surrogates.graphs.training import Batch, Layout, Network
from surrogates.graphs.weights import Kind, Kinds, glorot, offset

HEADS = ("mean", "gaussian")
"""One number, fitted by squared error (NPENAS-NP), or mean and standard deviation, by likelihood (NPENAS-BO)."""
_READ = 16
"""Units between the embedding and an output."""


def sums(graphs: Graphs, epsilon: float = 0.0) -> Tensor:
    """Return what sums a node, times 1 + epsilon, and its neighbours, in both directions: (..., N, N)."""
    return graphs.edges + graphs.edges.mT + (1 + epsilon) * loops(graphs)


@dataclass(frozen=True)
class Isomorphism(Network):
    """``H' = BN(act(MLP(sum of H over a node and its neighbours)))``, the mean over nodes, and a head."""

    layout: Layout
    layers: int
    width: int
    dropout: float
    gaussian: bool

    @property
    def kinds(self) -> Kinds:
        """Two dense layers with biases and a normalisation a layer; two dense layers for each output."""
        layout, width = self.layout, self.width
        found: dict[str, Kind] = {}
        for layer in range(self.layers):
            found |= {
                f"first {layer}": glorot(width if layer else layout.kinds, width),
                f"first bias {layer}": offset(width),
                f"second {layer}": glorot(width, width),
                f"second bias {layer}": offset(width),
                f"scale {layer}": offset(width, 1.0),
                f"shift {layer}": offset(width),
            }
        for output in range(1 + self.gaussian):
            found |= {
                f"read {output}": glorot(layout.cells * width + layout.covariates, _READ),
                f"read bias {output}": offset(_READ),
                f"out {output}": glorot(_READ, 1),
                f"out bias {output}": offset(1),
            }
        return found

    def forward(self, weights: dict[str, Tensor], graphs: Graphs, covariates: Tensor, how: Pass) -> Tensor:
        """Return the mean and, with a Gaussian head, the logarithm of the standard deviation: (G, B, 1 or 2)."""
        act = torch.nn.functional.celu if self.gaussian else torch.relu
        active, mask = graphs.nodes, graphs.mask[..., None]
        for layer in range(self.layers):
            active = torch.relu(
                dense(passed(graphs.edges, active), weights[f"first {layer}"], weights[f"first bias {layer}"])
            )
            active = act(dense(active, weights[f"second {layer}"], weights[f"second bias {layer}"]))
            active = how.batch_norm(active, graphs.mask, weights[f"scale {layer}"], weights[f"shift {layer}"]) * mask
        embedding = pooled(graphs.pooling, active, covariates)
        outputs = []
        for output in range(1 + self.gaussian):
            read = act(dense(embedding, weights[f"read {output}"], weights[f"read bias {output}"]))
            read = how.dropout(read, self.dropout)
            outputs.append(dense(read, weights[f"out {output}"], weights[f"out bias {output}"]))
        if self.gaussian:
            outputs[1] = torch.nn.functional.celu(outputs[1]) / 2
        return torch.cat(outputs, dim=2)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Return the squared error, or the Gaussian negative log likelihood without its constant, (G,)."""
        if not self.gaussian:
            return super().loss(outputs, batch)
        log_std = outputs[..., 1]
        errors = (outputs[..., 0] - batch.targets) * torch.exp(-log_std)
        return (log_std + errors.square() / 2).mean(dim=1)


class GIN(GraphLearner):
    """A graph isomorphism network, with a point prediction or with a mean and a standard deviation.

    Wei, Niu, Tang, Wang, Hu & Liang, "NPENAS: Neural Predictor Guided Evolution for Neural Architecture Search", IEEE
    TNNLS 2022, with the settings of the authors' code: three convolutions of 32 units (Xu, Hu, Leskovec & Jegelka, "How
    Powerful are Graph Neural Networks?", ICLR 2019, eq. 4.1, epsilon 0), each followed by its activation and then by
    batch normalisation, the mean over nodes, 16 units, dropout 0.1; Adam with beta1 = 0, weight decay 1e-4 and a
    learning rate of 0.005 that falls along a cosine.  ``head="mean"`` is NPENAS-NP: ReLU and squared error, `std` is 0.
    ``head="gaussian"`` is NPENAS-BO: CELU, a second head for the logarithm of the standard deviation, and the Gaussian
    likelihood; `std` is that of a new evaluation.

    Departs from that code for speed: 100 epochs of mini-batches of 32, where it has 300 (1,000 for NPENAS-BO) of 16
    (``epochs=300, batch_size=16``).  Also in that the output is linear on standardised targets, where it is a sigmoid
    times a bound in percent; messages pass along edges and against them; biases decay and learn like other weights;
    what is normalised by after training are moments over all rows that were learnt from, where torch keeps running
    means.

    Parameters
    ----------
    space : SearchSpace
    encoding : {"one_hot"}
        Graphs are read in place of an encoding.
    head : {"mean", "gaussian"}
    layers, width : int
        Graph convolutions and units in each.
    dropout : float
        Share of the 16 units left out in training, at most 0.9.
    epochs, batch_size : int
        Passes over the data, rows of a mini-batch.
    learning_rate, weight_decay : float
        Of Adam.
    preset : {"tuned", "published"}
        Sets the settings that stand above in brackets where they have their defaults; other values override it.
    device : str
        "cpu", "cuda" or "cuda:N".
    """

    optimiser: ClassVar[Mapping[str, Any]] = {"beta1": 0.0}

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        head: str = "mean",
        layers: int = 3,
        width: int = 32,
        dropout: float = 0.1,
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 0.005,
        weight_decay: float = 1e-4,
        preset: str = "tuned",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            device=device,
            preset=preset,
            head=choice("head", head, HEADS),
            layers=integer("layers", layers, low=1, high=MOST),
            width=integer("width", width, low=1, high=MOST),
            dropout=real("dropout", dropout, low=0, high=0.9),
            epochs=integer("epochs", epochs, low=1, high=MOST),
            batch_size=integer("batch_size", batch_size, low=1, high=MOST),
            learning_rate=real("learning_rate", learning_rate, low=0, open_low=True),
            weight_decay=real("weight_decay", weight_decay, low=0),
        )
        self.has_std = head == "gaussian"

    def _published(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"epochs": 1000 if given["head"] == "gaussian" else 300, "batch_size": 16}

    def _graphs(self, archs: Archs) -> Graphs:
        graphs = tensors(self.space.graph(archs))
        return Graphs(graphs.nodes, sums(graphs), graphs.mask, graphs.pooling)

    def _network(self, layout: Layout) -> Network:
        given = self.hyperparameters
        return Isomorphism(layout, given["layers"], given["width"], given["dropout"], given["head"] == "gaussian")

    def _said(self, head: Any, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, std = super()._said(head, outputs)
        return mean, np.exp(outputs[:, 1]) if self.hyperparameters["head"] == "gaussian" else std
