"""The graph network of GATES: operations as gates of the information that passes through them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.checks import MOST, Archs, FloatArray, integer, real
from harness.graphs import GraphBatch
from harness.space import SearchSpace
from surrogates.graphs.layers import Pass, dense, passed, pooled
from surrogates.graphs.learner import GraphLearner
from surrogates.graphs.ranking import Line, hinge_loss
from surrogates.graphs.tensors import Graphs, tensors
from surrogates.graphs.training import Batch, Layout, Network
from surrogates.graphs.weights import Kind, Kinds, glorot, offset

_ZERO = "none"
"""The operation that lets nothing through, by the last part of its label."""


@dataclass(frozen=True)
class Gates(Network):
    """``H' = ReLU(sigmoid(E W_o) * ((A' H + s) W) + H W + b)`` with embeddings E of operations, s of sources."""

    layout: Layout
    layers: int
    width: int
    operation_width: int
    hidden: int
    margin: float

    @property
    def kinds(self) -> Kinds:
        """Embeddings of operations, and of what enters sources; two matrices and a bias a layer; two dense layers."""
        layout, width = self.layout, self.width
        found: dict[str, Kind] = {
            "operations": glorot(layout.kinds, self.operation_width),
            "start": glorot(1, width),
        }
        for layer in range(self.layers):
            found |= {
                f"gate {layer}": glorot(self.operation_width, width),
                f"gate bias {layer}": offset(width),
                f"information {layer}": glorot(width, width),
                f"bias {layer}": offset(width),
            }
        return found | {
            "hidden": glorot(layout.cells * width + layout.covariates, self.hidden),
            "hidden bias": offset(self.hidden),
            "last": glorot(self.hidden, 1),
        }

    def forward(self, weights: dict[str, Tensor], graphs: Graphs, covariates: Tensor, how: Pass) -> Tensor:
        """Return one score a graph, lower is better: (G, B, 1).  `edges` are those of `gated`."""
        places = graphs.nodes.shape[-2]
        inwards, sources, open_ = torch.split(graphs.edges, [places, 1, 1], dim=-1)
        start, active = weights["start"], sources * weights["start"][:, None]
        for layer in range(self.layers):
            gates = torch.sigmoid(dense(weights["operations"], weights[f"gate {layer}"], weights[f"gate bias {layer}"]))
            information = weights[f"information {layer}"]
            own = dense(active, information)
            entering = passed(inwards, own) + sources * dense(start, information)[:, None]
            through = dense(graphs.nodes, gates) * open_ * entering
            active = torch.relu(through + own + weights[f"bias {layer}"][:, None])
        embedding = pooled(graphs.pooling, active, covariates)
        return dense(torch.relu(dense(embedding, weights["hidden"], weights["hidden bias"])), weights["last"])

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Return the hinge loss over all pairs of the batch, (G,)."""
        return hinge_loss(outputs[..., 0], batch.targets, self.margin)


def gated(graph: GraphBatch) -> Graphs:
    """Return graphs whose `edges` are (n, V, V + 2): from where each node is entered, sources, and open gates."""
    graphs = tensors(graph)
    names = [label.rpartition(":")[2].rpartition("=")[2] for label in graph.labels]
    shut = torch.tensor([name == _ZERO for name in names])[torch.from_numpy(graph.kinds.copy())]
    inwards = graphs.edges.mT
    sources = graphs.mask * (inwards.sum(dim=-1) == 0)
    opened = graphs.mask * ~shut
    edges = torch.cat([inwards, sources[..., None], opened[..., None]], dim=-1)
    return Graphs(graphs.nodes, edges, graphs.mask, graphs.pooling)


class GATES(GraphLearner):
    """A graph network in which an operation is a gate of the information that passes through it; it learns an order.

    Ning, Zheng, Zhao, Wang & Yang, "A Generic Graph-based Neural Architecture Encoding Scheme for Predictor-based NAS",
    ECCV 2020, section 3.2: information enters at the sources of the graph; each layer lets that of a node's
    predecessors, linearly transformed, through the gate ``sigmoid(e W_o)`` of its operation's embedding e, and adds the
    node's own; none is a gate that is shut.  The loss is the hinge over pairs of a mini-batch, with a margin of 0.1
    (section 3.3).  `mean` is the score on the straight line of least squares to the targets, and `std` is 0: an order
    has none.

    Where operations are on edges, they are the nodes of the line graph, and what an operation lets through enters those
    that start where it ends: the sum that the paper forms at nodes.

    Departs from the paper for speed: four layers of 48 units and a learning rate of 0.005 with a cosine, where the code
    has 128 units, 80 epochs and 1e-3 (``width=128, batch_size=512, learning_rate=1e-3``); all pairs of a mini-batch of
    32, where it has 512 and at most four pairs a row.  Also in that the mean of all nodes is read, that inputs and
    outputs have gates too, and that dropout is left out.

    Parameters
    ----------
    space : SearchSpace
    encoding : {"one_hot"}
        Graphs are read in place of an encoding.
    layers, width : int
        Layers and units of information.
    operation_width : int
        Of the embeddings of operations.
    hidden : int
        Units of the dense layer before the output.
    margin : float
        Of the hinge loss, in the unit of the scores.
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
        layers: int = 4,
        width: int = 48,
        operation_width: int = 48,
        hidden: int = 200,
        margin: float = 0.1,
        epochs: int = 80,
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
            operation_width=integer("operation_width", operation_width, low=1, high=MOST),
            hidden=integer("hidden", hidden, low=1, high=MOST),
            margin=real("margin", margin, low=0, open_low=True),
            epochs=integer("epochs", epochs, low=1, high=MOST),
            batch_size=integer("batch_size", batch_size, low=2, high=MOST),
            learning_rate=real("learning_rate", learning_rate, low=0, open_low=True),
            weight_decay=real("weight_decay", weight_decay, low=0),
        )

    def _published(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"width": 128, "batch_size": 512, "learning_rate": 1e-3}

    def _graphs(self, archs: Archs) -> Graphs:
        return gated(self.space.graph(archs))

    def _network(self, layout: Layout) -> Network:
        given = self.hyperparameters
        return Gates(
            layout, given["layers"], given["width"], given["operation_width"], given["hidden"], given["margin"]
        )

    def _head(self, outputs: FloatArray, targets: FloatArray) -> Line:
        return Line.of(outputs[:, 0], targets)

    def _said(self, head: Line, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, std = super()._said(head, outputs)
        return head.at(mean), std
