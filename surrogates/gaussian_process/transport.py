"""The OTMANN distance between networks: the cheapest transport of the layers of one to those of the other.

Kandasamy, Neiswanger, Schneider, Poczos & Xing, "Neural architecture search with Bayesian optimisation and optimal
transport", NeurIPS 2018, section 3, with the constants of the authors' code (`nn/nn_comparators.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray
from harness.graphs import GraphBatch, reduced
from harness.space import SearchSpace

STRUCTURE = (0.1, 0.25, 0.61, 1.5)
"""Weights of the structural cost; the distance is the mean over them."""
_ENDS = 0.1
"""Mass of input and of output, as a share of that of all other layers."""
_SIZE = np.sqrt(2.0) / 10.0
"""Cost of unlike convolutions, times the root of the difference of their sizes."""
_POOL = 0.5
_NEVER = 1e6
"""Cost of taking one layer for another of another kind: they stay unmatched, at a cost of 1 each."""
_GROUPS = ("", "conv", "pool")
_MOST_STEPS = 100_000


def layer_tables(space: SearchSpace) -> Callable[[Archs, FloatArray], FloatArray]:
    """Return what `transported` reads of architectures: mass, kind and path lengths of each layer, (n, V * 20)."""

    def coordinates(archs: Archs, features: FloatArray) -> FloatArray:
        graph = reduced(space.graph(archs), to_fixed_point=True)
        parts = [masses(graph)[:, :, None], graph.kinds[:, :, None], path_lengths(graph)]
        return np.concatenate(parts, axis=2).reshape(len(archs), -1)

    return coordinates


def masses(graph: GraphBatch) -> FloatArray:
    """Return the mass of each place, (n, V): 1 for a layer, a tenth of all of them for input and output, else 0.

    Departs from the paper, where a layer weighs its units times those that enter it: a cell does not say how many.
    """
    ends = np.array([label.rpartition(":")[2] in ("input", "output") for label in graph.labels])[graph.kinds]
    layers = graph.mask & ~ends
    weights: FloatArray = layers + _ENDS * layers.sum(axis=1, keepdims=True) * (graph.mask & ends)
    return weights


def path_lengths(graph: GraphBatch) -> FloatArray:
    """Return how far each place is from input and output, (n, V, 18), 0 where there is no node.

    Shortest, longest and mean length (of a random walk) of the paths forwards to an end, then backwards to a start,
    each counted in all layers, in convolutions, and in pools.
    """
    names = np.array([[group in label for group in _GROUPS] for label in graph.labels], dtype=np.float64)
    weights = names[graph.kinds] * graph.mask[:, :, None]
    forwards = _walked(graph.adjacency, weights)
    backwards = _walked(graph.adjacency[:, ::-1, ::-1].swapaxes(1, 2), weights[:, ::-1])[:, ::-1]
    return np.concatenate([forwards, backwards], axis=2)


def _walked(adjacency: BoolArray, weights: FloatArray) -> FloatArray:
    """Return shortest, longest and mean weight of the walks from each place to an end: (n, V, k) to (n, V, 3 k)."""
    n, places, kinds = weights.shape
    lengths = np.zeros((3, n, places, kinds))
    for place in reversed(range(places)):
        next_ones = adjacency[:, place, :, None]
        count = next_ones.sum(axis=1)
        rest = [
            np.where(next_ones, lengths[0], np.inf).min(axis=1),
            np.where(next_ones, lengths[1], -np.inf).max(axis=1),
            (next_ones * lengths[2]).sum(axis=1) / np.maximum(count, 1),
        ]
        lengths[:, :, place] = weights[:, place] + np.where(count > 0, rest, 0.0)
    return lengths.transpose(1, 2, 0, 3).reshape(n, places, -1)


def label_costs(labels: tuple[str, ...]) -> FloatArray:
    """Return the cost of taking a layer of one label for one of another, (k, k).

    Examples
    --------
    >>> label_costs(("conv3x3", "conv1x1", "pool3x3", "maxpool"))[:3].round(3).tolist()[0]
    [0.0, 0.2, 1000000.0, 1000000.0]
    """
    costs = np.full((len(labels), len(labels)), _NEVER)
    for row, one in enumerate(labels):
        for column, other in enumerate(labels):
            if one == other:
                costs[row, column] = 0.0
            elif one.rpartition(":")[0] == other.rpartition(":")[0]:
                if "conv" in one and "conv" in other:
                    costs[row, column] = _SIZE * np.sqrt(abs(_size(one) - _size(other)))
                elif "pool" in one and "pool" in other:
                    costs[row, column] = _POOL
    return costs


def _size(label: str) -> int:
    """Return the size of a convolution: ``3`` of ``nor_conv_3x3``; 1 where the label has none."""
    found = re.search(r"(\d+)x\d+", label)
    return int(found[1]) if found else 1


def transported(space: SearchSpace) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """Return the distance of what `layer_tables` gives: (..., q, c), (..., n, c) to (..., q, n)."""
    example = space.graph(space.sample(1, np.random.default_rng(0)))
    costs, places = label_costs(example.labels), example.mask.shape[1]

    def distances(x: FloatArray, y: FloatArray) -> FloatArray:
        if x.ndim > 2:
            return np.stack([distances(one, other) for one, other in zip(x, y, strict=True)])
        ones, row = np.unique(x, axis=0, return_inverse=True)
        others, column = np.unique(y, axis=0, return_inverse=True)
        tables = others.reshape(len(others), places, -1)
        found = [_to_all(one.reshape(places, -1), tables, costs) for one in ones]
        return np.array(found).reshape(len(ones), len(others))[row][:, column]

    return distances


def _to_all(one: FloatArray, others: FloatArray, costs: FloatArray) -> FloatArray:
    """Return the distance of one network, (V, 20), to others, (n, V, 20): (n,)."""
    from ot.lp.emd_wrap import emd_c  # the public function checks its arguments for twenty times as long as this takes

    mass, masses_of = one[:, 0], others[:, :, 0]
    places = len(one)
    mislabelled = costs[one[:, 1].astype(int)[:, None], others[:, :, 1].astype(int)[:, None, :]]
    apart = np.abs(one[:, None, 2:] - others[:, None, :, 2:]).mean(axis=3)
    table = np.ones((len(STRUCTURE), len(others), places + 1, places + 1))
    for weight, part in zip(STRUCTURE, table, strict=True):
        part[:, :-1, :-1] = mislabelled + weight * apart
    table[:, :, -1, -1] = 0.0
    supplies, total = np.append(mass, 0.0), mass.sum()
    found = np.empty(len(others))
    for index, demand in enumerate(masses_of):
        supplies[-1] = demand.sum()
        demands = np.append(demand, total)
        found[index] = sum(emd_c(supplies, demands, part, _MOST_STEPS, 1)[1] for part in table[:, index])
    return found / len(STRUCTURE)
