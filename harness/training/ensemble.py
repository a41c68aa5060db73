"""The greedy ensemble of trained networks, selected on validation items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.checks import IntArray, integer
from harness.errors import HarnessError, must

SIZE = 50
"""Members drawn at most: as in auto-sklearn (Feurer et al., NeurIPS 2015)."""
_LEAST = 1e-12
"""Of a probability in a logarithm."""

Probabilities = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Ensemble:
    """Members of an ensemble, whose prediction is the mean of theirs.

    Attributes
    ----------
    members : tuple of int
        In the order in which they were taken; one that was taken twice counts twice.
    path : tuple of int
        Validation items that the first 1, 2, ... of all that were tried get right, beyond the members too.
    """

    members: tuple[int, ...]
    path: tuple[int, ...]

    def predict(self, probabilities: Probabilities) -> IntArray:
        """Return the predicted class of each item: (m, n, K) of all networks to (n,)."""
        taken = probabilities[np.array(self.members)].sum(axis=0, dtype=np.float64)
        predicted: IntArray = taken.argmax(axis=1)
        return predicted


def select(probabilities: Probabilities, labels: IntArray, *, size: int = SIZE) -> Ensemble:
    """Select an ensemble greedily, with replacement.

    Caruana, Niculescu-Mizil, Crew & Ksikes, "Ensemble Selection from Libraries of Models", ICML 2004, 2 and 2.1: from
    none, the network that makes the mean of predictions best on validation is added, again and again, and of the nested
    ensembles the best is returned, the smallest of equal ones.  So it gets as many validation items right as the best
    network at least, which is its first member.  Departs from the paper: the metric is accuracy, of equal ones the
    smaller cross-entropy, then the network that stands first; no bagging of networks (2.3), and of the sorted start
    (2.2) the best network alone.

    Parameters
    ----------
    probabilities : (m, n, K)
        Of n validation items, predicted by m networks.
    labels : (n,)
        In ``range(K)``.
    size : int
        How many are added.

    Raises
    ------
    HarnessError
        If there is no network or no item, or shapes disagree.

    Examples
    --------
    >>> one, two = [[0.9, 0.1], [0.6, 0.4]], [[0.4, 0.6], [0.1, 0.9]]
    >>> select(np.array([one, two]), np.array([0, 1])).members
    (0, 1)
    """
    integer("size", size, low=1)
    if probabilities.ndim != 3 or not probabilities.size or labels.shape != probabilities.shape[1:2]:
        raise HarnessError(must("probabilities", f"be (m, {len(labels)}, K), none of them 0", probabilities.shape))
    items = np.arange(len(labels))
    total = np.zeros(probabilities.shape[1:])
    taken, path = list[int](), list[int]()
    for count in range(1, size + 1):
        sums = total + probabilities
        right = np.count_nonzero(sums.argmax(axis=2) == labels, axis=1)
        entropy = -np.log(np.maximum(sums[:, items, labels] / count, _LEAST)).sum(axis=1)
        best = int(np.lexsort((entropy, -right))[0])  # stable: the first of equal ones
        total = sums[best]
        taken.append(best)
        path.append(int(right[best]))
    return Ensemble(tuple(taken[: int(np.argmax(path)) + 1]), tuple(path))
