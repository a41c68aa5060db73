"""The graph transformer of TNASP: attention among operations, with places told by the spectrum of the graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness.checks import MOST, Archs, BoolArray, FloatArray, integer, real
from harness.errors import HarnessError, must
from harness.graphs import GraphBatch
from harness.space import SearchSpace
from surrogates.graphs.layers import Pass, dense, layer_norm, pooled
from surrogates.graphs.learner import GraphLearner
from surrogates.graphs.tensors import Graphs, tensors
from surrogates.graphs.training import Layout, Network
from surrogates.graphs.weights import Kind, Kinds, glorot, offset

_MOST_VECTORS, _TINY = 8, 1e-6


@dataclass(frozen=True)
class Attention(Network):
    """Layers of attention of every node to every other and of two dense layers, each added and normalised."""

    layout: Layout
    layers: int
    width: int
    heads: int
    dropout: float

    @property
    def kinds(self) -> Kinds:
        """Embeddings; four matrices, two dense layers and two normalisations a layer; two dense layers at the end."""
        layout, width = self.layout, self.width
        found: dict[str, Kind] = {"embedding": glorot(layout.kinds, width)}
        for layer in range(self.layers):
            found |= {
                f"asking {layer}": glorot(width, 3 * width),
                f"joining {layer}": glorot(width, width),
                f"scale {layer}": offset(width, 1.0),
                f"shift {layer}": offset(width),
                f"wide {layer}": glorot(width, 2 * width),
                f"wide bias {layer}": offset(2 * width),
                f"narrow {layer}": glorot(2 * width, width),
                f"last scale {layer}": offset(width, 1.0),
                f"last shift {layer}": offset(width),
            }
        return found | {
            "hidden": glorot(layout.cells * width + layout.covariates, width),
            "hidden bias": offset(width),
            "last": glorot(width, 1),
        }

    def forward(self, weights: dict[str, Tensor], graphs: Graphs, covariates: Tensor, how: Pass) -> Tensor:
        """Return one number a graph, (G, B, 1)."""
        active = dense(graphs.nodes, weights["embedding"])
        hidden = (1 - graphs.mask)[:, :, None, None, :] * -1e9
        for layer in range(self.layers):
            attended = self._attended(dense(active, weights[f"asking {layer}"]), hidden)
            joined = how.dropout(dense(attended, weights[f"joining {layer}"]), self.dropout)
            active = layer_norm(active + joined, weights[f"scale {layer}"], weights[f"shift {layer}"])
            wide = torch.relu(dense(active, weights[f"wide {layer}"], weights[f"wide bias {layer}"]))
            narrow = how.dropout(dense(wide, weights[f"narrow {layer}"]), self.dropout)
            active = layer_norm(active + narrow, weights[f"last scale {layer}"], weights[f"last shift {layer}"])
        embedding = pooled(graphs.pooling, active, covariates)
        return dense(torch.relu(dense(embedding, weights["hidden"], weights["hidden bias"])), weights["last"])

    def _attended(self, asked: Tensor, hidden: Tensor) -> Tensor:
        """Return what each node reads of the others: (G, B, N, 3 F), (G, B, 1, 1, N) to (G, B, N, F)."""
        split = asked.view(*asked.shape[:3], 3, self.heads, -1).permute(3, 0, 1, 4, 2, 5)
        queries, keys, values = split.unbind(0)  # (G, B, heads, N, F / heads)
        likeness = queries @ keys.mT / math.sqrt(queries.shape[-1]) + hidden
        return (likeness.softmax(dim=-1) @ values).transpose(2, 3).flatten(3)


def spectrum(adjacency: BoolArray, mask: BoolArray, count: int) -> FloatArray:
    """Return eigenvectors of Laplacians of graphs, as features of nodes.

    Of ``I - D^-1/2 A D^-1/2 + diag(e) / V``, A without directions and e the nodes that lead to a node, by any path,
    minus those that it leads to, which tells directions and keeps most eigenvalues apart: those of the least
    eigenvalues, each with the sign by which it rises with e, or, if it does not, by which the sum of its cubes is
    positive.  Where eigenvalues are equal, they depend on the order of the nodes.

    Parameters
    ----------
    adjacency : (n, V, V) bool
    mask : (n, V) bool
    count : int
        Eigenvectors; what a graph has not is 0.

    Returns
    -------
    (n, V, count) float64
    """
    both = (adjacency | adjacency.transpose(0, 2, 1)).astype(np.float64)
    nodes = np.maximum(mask.sum(axis=1), 1)[:, None]
    leads = adjacency.astype(np.float32)
    for _ in range(mask.shape[1].bit_length()):
        leads = np.minimum(leads + leads @ leads, 1.0)
    entering = leads.sum(axis=1) - leads.sum(axis=2, dtype=np.float64)
    root = 1 / np.sqrt(np.maximum(both.sum(axis=2), 1.0))
    # Places without a node come last: no eigenvalue of the others is above 3.
    own = np.where(mask, 1 + entering / nodes, 9.0)
    laplacians = np.eye(mask.shape[1]) * own[:, None, :] - root[:, :, None] * both * root[:, None]
    values, vectors = np.linalg.eigh(laplacians)
    found = np.zeros((*mask.shape, count))
    kept = vectors[:, :, :count] * (values[:, None, :count] < 5)
    rises = (kept * entering[..., None]).sum(axis=1, keepdims=True)
    cubes = (kept**3).sum(axis=1, keepdims=True)
    found[:, :, : kept.shape[2]] = kept * np.where(np.where(np.abs(rises) > _TINY, rises, cubes) < 0, -1.0, 1.0)
    return found


def with_places(graph: GraphBatch, count: int) -> Graphs:
    """Return graphs whose nodes have `count` eigenvectors beside their kind."""
    graphs = tensors(graph)
    same = not graph.adjacency.strides[0] and bool(graph.mask.all())  # one wiring for all
    one = slice(0, 1) if same else slice(None)
    features = torch.from_numpy(spectrum(graph.adjacency[one], graph.mask[one], count).astype(np.float32))
    nodes = torch.cat([graphs.nodes, features.expand(len(graph), *features.shape[1:])], dim=2)
    return Graphs(nodes, graphs.edges, graphs.mask, graphs.pooling)


class GraphTransformer(GraphLearner):
    """A transformer over the operations of an architecture, whose places are told by eigenvectors of the Laplacian.

    Lu, Li, Tan, Yang & Liu, "TNASP: A Transformer-based NAS Predictor with a Self-evolution Framework", NeurIPS 2021,
    section 3.1: a token for each node, of its operation and its place in the spectrum of the graph; layers of
    attention with four heads; the mean over nodes and dense layers; squared error, Adam.  `std` is 0: the network has
    none.

    Departs from the paper, which has three layers of 64 to 128 units and a learning rate of 1e-4 (``layers=3,
    width=128, learning_rate=1e-4``), for speed: two layers of 32 units, a learning rate of 0.01 along a cosine and 50
    epochs of mini-batches of 32.  Its
    self-evolution, which learns from statistics of the validation set, is left out.  Eigenvectors are the eight of the
    least eigenvalues of a normalised Laplacian that tells directions, see `spectrum`; where eigenvalues repeat, the
    order of nodes matters.

    Parameters
    ----------
    space : SearchSpace
    encoding : {"one_hot"}
        Graphs are read in place of an encoding.
    layers, width : int
        Layers and units of a token.
    heads : int
        Of the attention; a divisor of `width`.
    dropout : float
        Share of units left out before each sum in training, at most 0.9.
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
        layers: int = 2,
        width: int = 32,
        heads: int = 4,
        dropout: float = 0.0,
        epochs: int = 50,
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
            heads=integer("heads", heads, low=1, high=MOST),
            dropout=real("dropout", dropout, low=0, high=0.9),
            epochs=integer("epochs", epochs, low=1, high=MOST),
            batch_size=integer("batch_size", batch_size, low=1, high=MOST),
            learning_rate=real("learning_rate", learning_rate, low=0, open_low=True),
            weight_decay=real("weight_decay", weight_decay, low=0),
        )
        if width % heads:
            raise HarnessError(must("heads", f"divide width = {width}", heads))

    def _published(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"layers": 3, "width": 128, "learning_rate": 1e-4}

    def _graphs(self, archs: Archs) -> Graphs:
        return with_places(self.space.graph(archs), _MOST_VECTORS)

    def _network(self, layout: Layout) -> Network:
        given = self.hyperparameters
        return Attention(layout, given["layers"], given["width"], given["heads"], given["dropout"])
