"""The partition of a space by linear regressions in a binary tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from math import log, sqrt

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray

_ROUNDING = 1e-9
"""Of the range of the values: a prediction this close to the mean counts as equal to it, and goes left, so that the
rounding of a linear-algebra library splits nothing."""


@dataclass(eq=False)
class Node:
    """A part of the space: what its ancestors' regressions leave, and what was told there.

    Attributes
    ----------
    rows : (k,) int64
        Architectures told that lie in it.
    mean : float
        Of their values.
    visits : int
        Their number, and what has been proposed there since.
    weights : (d,) float64
        Of the regression on features; empty in a leaf.
    threshold : float
        Features with ``features @ weights <= threshold`` are predicted no worse than the mean and go left.
    children : list of Node
        The good one, then the bad one; empty in a leaf.
    """

    rows: IntArray
    mean: float
    visits: int
    weights: FloatArray = field(default_factory=lambda: np.empty(0))
    threshold: float = 0.0
    children: list[Node] = field(default_factory=list)

    def goes_left(self, features: FloatArray) -> BoolArray:
        """Say which features, (q, d), lie in the good child: (q,)."""
        left: BoolArray = features @ self.weights <= self.threshold
        return left


def grown(
    features: FloatArray,
    values: FloatArray,
    regressed: BoolArray,
    *,
    height: int,
    leaf: int,
    rows: IntArray | None = None,
) -> Node:
    """Return a tree that splits what was told, at each node by a least-squares regression on its rows.

    Wang et al., "Sample-efficient neural architecture search by learning actions for Monte Carlo tree search", TPAMI
    2021: a node is split where the regression predicts its mean, and the better half goes left.

    Parameters
    ----------
    features : (n, d) float64
    values : (n,) float64
        Lower is better.
    regressed : (n,) bool
        Rows that regressions are fitted to; the others only lie in nodes.
    height : int
        Levels of the tree, at least 1; a tree of one level is a leaf.
    leaf : int
        A node of at most so many rows is not split, nor one all of whose rows would go to one side.
    rows : (k,) int64, optional
        The rows to split; all by default.
    """
    rows = np.arange(len(values)) if rows is None else rows
    node = Node(rows, float(values[rows].mean()), len(rows))
    fitted = rows[regressed[rows]]
    if height <= 1 or len(rows) <= leaf or len(fitted) < 2:
        return node
    centre, mean = features[fitted].mean(axis=0), float(values[fitted].mean())
    weights = np.linalg.lstsq(features[fitted] - centre, values[fitted] - mean, rcond=None)[0]
    # predictions less their mean, which is that of the values: <= 0 is good
    node.weights = weights
    node.threshold = float(centre @ weights) + _ROUNDING * float(np.ptp(values[fitted]))
    left = node.goes_left(features[rows])
    if left.all() or not left.any():
        return node
    node.children = [
        grown(features, values, regressed, height=height - 1, leaf=leaf, rows=rows[side]) for side in (left, ~left)
    ]
    return node


def select(root: Node, exploration: float) -> list[Node]:
    """Return the path to the leaf that the upper confidence bound for trees prefers, for values that are minimised.

    At each node the child of least ``mean - exploration sqrt(2 ln visits(node) / visits(child))``, the good one where
    they are equal (Kocsis & Szepesvári, ECML 2006; equation 4 of Wang et al.).

    Parameters
    ----------
    root : Node
    exploration : float
        c, in the unit of the values, at least 0.
    """
    path = [root]
    while path[-1].children:
        node = path[-1]
        bonus = exploration * sqrt(2.0 * log(node.visits))
        path.append(min(node.children, key=lambda child: child.mean - bonus / sqrt(child.visits)))
    return path


def inside(path: list[Node], features: FloatArray) -> BoolArray:
    """Say which features lie in the leaf at the end of a path from the root: (q, d) to (q,)."""
    there = np.ones(len(features), dtype=bool)
    for node, child in pairwise(path):
        there[there] = node.goes_left(features[there]) == (child is node.children[0])
    return there


def leaves(node: Node, path: tuple[Node, ...] = ()) -> list[list[Node]]:
    """Return the paths from a node to its leaves, from the good to the bad."""
    here = (*path, node)
    return [one for child in node.children for one in leaves(child, here)] or [[*here]]
