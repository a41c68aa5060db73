"""The binary relation predictor of BRP-NAS: which of two architectures is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from harness.checks import MOST, Archs, FloatArray, choice, integer, real
from harness.space import SearchSpace
from surrogates.graphs.layers import Pass, dense, layer_norm, passed
from surrogates.graphs.learner import GraphLearner
from surrogates.graphs.ranking import Line, comparison_loss
from surrogates.graphs.tensors import Graphs, loops, tensors
from surrogates.graphs.training import Batch, Layout, Network
from surrogates.graphs.weights import Kind, Kinds, glorot, offset

WINS = ("hard", "soft")
"""The chance of a pair to win that is learnt: 0, 1/2 or 1, or the softmax of the two targets."""


@dataclass(frozen=True)
class Relation(Network):
    """``H' = ReLU(LN(A H W + b))``, the global node as embedding e, and two parts of one logit for each architecture.

    The network of the paper joins two embeddings and has two logits: ``W [e_a, e_b] + c``.  Their difference, which
    decides, is ``u e_a + v e_b + c``: what is kept of an architecture are the numbers ``u e + c`` and ``v e``.
    """

    layout: Layout
    layers: int
    width: int
    dropout: float
    hard: bool

    @property
    def kinds(self) -> Kinds:
        """A matrix, a bias and a normalisation a layer, and u, v and c."""
        layout, width = self.layout, self.width
        found: dict[str, Kind] = {}
        for layer in range(self.layers):
            found |= {
                f"convolution {layer}": glorot(width if layer else layout.kinds, width),
                f"bias {layer}": offset(width),
                f"scale {layer}": offset(width, 1.0),
                f"shift {layer}": offset(width),
            }
        return found | {"last": glorot(layout.cells * width + layout.covariates, 2), "last bias": offset(2)}

    def forward(self, weights: dict[str, Tensor], graphs: Graphs, covariates: Tensor, how: Pass) -> Tensor:
        """Return what an architecture adds to the logit as the first and as the second of a pair, (G, B, 2)."""
        active = graphs.nodes
        for layer in range(self.layers):
            # Of the last layer nothing but the global node is read.
            operator = graphs.edges if layer < self.layers - 1 else passed(graphs.pooling, graphs.edges)
            spread = dense(passed(operator, active), weights[f"convolution {layer}"], weights[f"bias {layer}"])
            active = torch.relu(layer_norm(spread, weights[f"scale {layer}"], weights[f"shift {layer}"]))
            active = how.dropout(active, self.dropout)
        return dense(torch.cat([active.flatten(2), covariates], dim=2), weights["last"], weights["last bias"])

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Return the divergence of the chances to win, the mean over all ordered pairs of the batch, (G,)."""
        behind = batch.targets[:, None, :] - batch.targets[:, :, None]
        wins = (behind.sign() + 1) / 2 if self.hard else torch.sigmoid(behind)
        return comparison_loss(outputs[:, :, None, 0] + outputs[:, None, :, 1], wins)


@dataclass(frozen=True, eq=False)
class Reference:
    """What the architectures that were learnt from add to a logit as the second of a pair, (n,), and a scale."""

    seconds: FloatArray
    line: Line


class PairwiseRanker(GraphLearner):
    """A graph network that says which of two architectures is better, and the order that follows from it.

    Dudziak, Chau, Abdelfattah, Lee, Kim & Lane, "BRP-NAS: Prediction-based NAS using GCNs", NeurIPS 2020, section 3.2,
    with the settings of the authors' code: four convolutions on the graph with loops and a global node, each with layer
    normalisation and ReLU; both embeddings to a softmax; the Kullback-Leibler divergence from the true
    chances over ordered pairs; AdamW with weight decay 5e-4 and a rate that falls along a cosine.  The score of an
    architecture is its mean chance to beat those that were learnt from (its Borda score), so the order does not depend
    on the order in which candidates come; `mean` is that score on the straight line of least squares to the targets,
    and `std` is 0: an order has none.

    Departs from the paper for speed: 64 units without dropout and 100 epochs with a rate of 0.005, where it has 600,
    0.2, 250 and 3.5e-4 (``width=600, wins="soft", dropout=0.2, epochs=250, learning_rate=3.5e-4``); a mini-batch is all
    ordered pairs of its rows, where it is 64 of all pairs; single precision; no early stop.  ``wins="hard"``, a variant
    of that code, learns 0 or 1; ``"soft"`` is the paper's softmax of both accuracies, here of standardised targets,
    where the authors scale them to [0, 1].

    Parameters
    ----------
    space : SearchSpace
    encoding : {"one_hot"}
        Graphs are read in place of an encoding.
    layers, width : int
        Graph convolutions and units in each.
    wins : {"hard", "soft"}
    dropout : float
        Share of units left out after each convolution in training, at most 0.9.
    epochs, batch_size : int
        Passes over the data, rows of a mini-batch.
    learning_rate, weight_decay : float
        Of AdamW.
    preset : {"tuned", "published"}
        Sets the settings that stand above in brackets where they have their defaults; other values override it.
    device : str
        "cpu", "cuda" or "cuda:N".
    """

    global_node = True
    optimiser: ClassVar[Mapping[str, Any]] = {"decoupled": True}

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        layers: int = 4,
        width: int = 64,
        wins: str = "hard",
        dropout: float = 0.0,
        epochs: int = 100,
        batch_size: int = 32,
        learning_rate: float = 0.005,
        weight_decay: float = 5e-4,
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
            wins=choice("wins", wins, WINS),
            dropout=real("dropout", dropout, low=0, high=0.9),
            epochs=integer("epochs", epochs, low=1, high=MOST),
            batch_size=integer("batch_size", batch_size, low=2, high=MOST),
            learning_rate=real("learning_rate", learning_rate, low=0, open_low=True),
            weight_decay=real("weight_decay", weight_decay, low=0),
        )

    def _published(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"width": 600, "wins": "soft", "dropout": 0.2, "epochs": 250, "learning_rate": 3.5e-4}

    def _graphs(self, archs: Archs) -> Graphs:
        graphs = tensors(self.space.graph(archs), global_node=True)
        return Graphs(graphs.nodes, graphs.edges.mT + loops(graphs), graphs.mask, graphs.pooling)

    def _network(self, layout: Layout) -> Network:
        given = self.hyperparameters
        return Relation(layout, given["layers"], given["width"], given["dropout"], given["wins"] == "hard")

    def _head(self, outputs: FloatArray, targets: FloatArray) -> Reference:
        return Reference(outputs[:, 1], Line.of(-borda(outputs[:, 0], outputs[:, 1]), targets))

    def _said(self, head: Reference, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        return head.line.at(-borda(outputs[:, 0], head.seconds)), np.zeros(len(outputs))


def borda(firsts: FloatArray, seconds: FloatArray) -> FloatArray:
    """Return the mean chance of each of q architectures to beat n others: (q,), (n,) to (q,).

    The chance is ``sigmoid(first + second)``.

    Examples
    --------
    >>> borda(np.array([0.0, 50.0]), np.array([0.0, 0.0])).tolist()
    [0.5, 1.0]
    """
    return np.asarray(((1 + np.tanh((firsts[:, None] + seconds) / 2)) / 2).mean(axis=1), dtype=np.float64)
