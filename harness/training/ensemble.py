"""The greedy ensemble of trained networks, selected on validation items, beside the best single one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.checks import IntArray, integer
from harness.errors import HarnessError, ResultError, must

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


@dataclass(frozen=True)
class EnsembleResult:
    """The greedy ensemble of all trainings (see `select`), and the best single one.

    Attributes
    ----------
    members : tuple of (int, int)
        Place of the architecture and of the seed, in the order in which they were taken, the best single one first; one
        that was taken twice stands twice.
    networks : int
        Trainings to choose from.
    valid_items, valid_right, best_valid_right : int
        Validation items, and how many of them the ensemble and the best single one get right.
    test_items, test_right, best_test_right : int
        The same of test items, which had no say.
    gained, lost : int
        Test items that the ensemble alone gets right, and those that the best single one alone does.
    """

    members: tuple[tuple[int, int], ...]
    networks: int
    valid_items: int
    valid_right: int
    best_valid_right: int
    test_items: int
    test_right: int
    best_test_right: int
    gained: int
    lost: int

    def __post_init__(self) -> None:
        for split in ("valid", "test"):
            items = integer(f"{split}_items", getattr(self, f"{split}_items"), low=1)
            for name in (f"{split}_right", f"best_{split}_right"):
                integer(name, getattr(self, name), low=0, high=items)
        if self.test_right - self.best_test_right != self.gained - self.lost or not self.members:
            raise ResultError("an ensemble has members, and gains what it is better by")


def compare(
    valid: Probabilities,
    test: Probabilities,
    valid_labels: IntArray,
    test_labels: IntArray,
    names: Sequence[tuple[int, int]],
) -> EnsembleResult:
    """Select an ensemble on validation items, and count what it and the best single network get right.

    Parameters
    ----------
    valid, test : (m, n, K)
        Predictions of m networks, at least one, for the items of both splits.
    valid_labels, test_labels : (n,)
    names : sequence of m (int, int)
        What `EnsembleResult.members` calls each network.
    """
    chosen = select(valid, valid_labels)
    best = chosen.members[0]
    ours, alone = chosen.predict(test) == test_labels, test[best].argmax(axis=1) == test_labels
    return EnsembleResult(
        members=tuple(names[member] for member in chosen.members),
        networks=len(valid),
        valid_items=len(valid_labels),
        valid_right=chosen.path[len(chosen.members) - 1],
        best_valid_right=chosen.path[0],
        test_items=len(ours),
        test_right=int(ours.sum()),
        best_test_right=int(alone.sum()),
        gained=int((ours & ~alone).sum()),
        lost=int((alone & ~ours).sum()),
    )
