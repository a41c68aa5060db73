"""Tensors of graphs: indicators of nodes, edges, and the cells that nodes belong to, many graphs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.checks import BoolArray, IntArray
from harness.graphs import GraphBatch


@dataclass(frozen=True, eq=False)
class Graphs:
    """Graphs on N places for nodes, of K kinds, in P cells; leading axes are those of a batch.

    Attributes
    ----------
    nodes : (..., N, K) float32
        Indicators of the kinds; 0 where a place has no node.
    edges : (..., N, N) float32
        ``[i, j]`` is 1 for an edge from i to j; or what a network has made of them, see `averages` and `sums`.
    mask : (..., N) float32
        1 where a place has a node.
    pooling : (..., P, N) float32
        Weights by which the nodes of each cell are averaged; those of an empty cell are 0.
    """

    nodes: Tensor
    edges: Tensor
    mask: Tensor
    pooling: Tensor

    def take(self, rows: Tensor) -> Graphs:
        """Return graphs by their place along the first axis: (...,) int64."""
        return Graphs(*(part[rows] for part in (self.nodes, self.edges, self.mask, self.pooling)))

    def expand(self, count: int) -> Graphs:
        """Return the same graphs for `count` networks: a new first axis."""
        return Graphs(*(part.expand(count, *part.shape) for part in self._parts()))

    def to(self, device: str) -> Graphs:
        """Return the graphs on a device."""
        return Graphs(*(part.to(device) for part in self._parts()))

    def _parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.nodes, self.edges, self.mask, self.pooling


def concatenate(graphs: list[Graphs]) -> Graphs:
    """Return the graphs of several batches as one."""
    return Graphs(*(torch.cat(parts) for parts in zip(*(one._parts() for one in graphs), strict=True)))


def tensors(graph: GraphBatch, *, global_node: bool = False) -> Graphs:
    """Return n graphs as tensors.

    Operations are nodes: a space with operations on edges gives its line graph (`harness.space.SearchSpace.graph`).
    Where there are several cells, which the labels tell by their part before ``:``, a kind is the rest of the label, so
    that the cells share the weights of a network, and each is averaged by itself.

    Parameters
    ----------
    graph : GraphBatch
    global_node : bool
        Whether each cell gets one more node, of a kind of its own, that every node of the cell leads to, and which
        alone is averaged (Shi et al., "BONAS", NeurIPS 2020).

    Examples
    --------
    >>> path = GraphBatch(np.eye(3, k=1, dtype=bool)[None], np.array([[0, 2, 1]]), np.ones((1, 3), dtype=bool),
    ...                   ("input", "output", "conv"))
    >>> tensors(path, global_node=True).edges[0].int().tolist()
    [[0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    """
    cell_of, kind_of, cells, kinds = _read(graph.labels)
    mask = graph.mask
    belongs = (cell_of[graph.kinds][:, None, :] == np.arange(cells)[:, None]) & mask[:, None, :]
    nodes = np.eye(kinds + global_node, dtype=np.float32)[kind_of[graph.kinds]] * mask[..., None]
    edges, pooling = graph.adjacency.astype(np.float32), belongs.astype(np.float32)
    if global_node:
        n, places = mask.shape
        edges = np.zeros((n, places + cells, places + cells), dtype=np.float32)
        edges[:, :places, :places] = graph.adjacency
        edges[:, :places, places:] = pooling.transpose(0, 2, 1)
        added = np.broadcast_to(np.eye(kinds + 1, dtype=np.float32)[-1], (n, cells, kinds + 1))
        nodes = np.concatenate([nodes, added], axis=1)
        mask = np.concatenate([mask, np.ones((n, cells), dtype=bool)], axis=1)
        pooling = np.zeros((n, cells, places + cells), dtype=np.float32)
        pooling[:, np.arange(cells), places + np.arange(cells)] = 1.0
    pooling /= np.maximum(pooling.sum(axis=2, keepdims=True), 1.0)
    return Graphs(*(torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in (nodes, edges, mask, pooling)))


def _read(labels: tuple[str, ...]) -> tuple[IntArray, IntArray, int, int]:
    """Return cell and kind of each label, and how many cells and kinds there are."""
    split = [label.rpartition(":") if "=" not in label else ("", "", label) for label in labels]
    cells, kinds = (list(dict.fromkeys(names)) for names in ([one[0] for one in split], [one[2] for one in split]))
    cell_of = np.array([cells.index(one[0]) for one in split], dtype=np.int64)
    return cell_of, np.array([kinds.index(one[2]) for one in split], dtype=np.int64), len(cells), len(kinds)


def permuted(graph: GraphBatch, order: IntArray) -> GraphBatch:
    """Return the same graphs with their nodes at other places: node ``order[i]`` at place i."""
    adjacency: BoolArray = graph.adjacency[:, order][:, :, order]
    return GraphBatch(adjacency, graph.kinds[:, order], graph.mask[:, order], graph.labels)


def loops(graphs: Graphs) -> Tensor:
    """Return edges from every node to itself, (..., N, N)."""
    return torch.diag_embed(graphs.mask)


def averages(edges: Tensor) -> Tensor:
    """Return edges divided by their sum over each row; a row without edges stays 0: (..., N, N)."""
    return edges / edges.sum(dim=-1, keepdim=True).clamp_min(1.0)
