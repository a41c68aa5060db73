"""Bayesian optimisation over network morphisms whose children inherit the weights of a trained network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from math import exp, inf
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from harness.checks import GREATEST, MOST, Archs, FloatArray, integer, real
from harness.spaces.nb201.operations import CONV_1X1, CONV_3X3
from strategies.one_shot.growing import NOW, Growing, GrowthSettings

COOLEST, COOLING = 1e-4, 0.9
_NOISE = 1e-6
"""Added to the variance of what was seen."""


@dataclass(frozen=True)
class TreeSettings(GrowthSettings):
    """Choices of `AutoKerasInherited`."""

    learning_rate: float = 0.025
    weight_decay: float = 3e-4
    most_epochs: int = 200
    patience: int = 5
    least: float = 1e-4
    children: int = 8
    temperature: float = 1.0
    beta: float = 2.576
    length: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("most_epochs", "patience", "children"):
            integer(name, getattr(self, name), low=1, high=MOST)
        real("temperature", self.temperature, low=COOLEST, high=GREATEST, open_low=True)
        real("length", self.length, low=0.0, high=GREATEST, open_low=True)
        for name in ("least", "beta"):
            real(name, getattr(self, name), low=0.0, high=GREATEST)


class AutoKerasInherited(Growing):
    """Train the child of the best confidence bound in a tree of morphisms, from the weights of its trained ancestor.

    Jin, Song & Hu, "Auto-Keras: an efficient neural architecture search system", KDD 2019, Algorithm 1, and the
    authors' code (0.4).  A queue holds all trained networks by their validation accuracy, as a share.  At a
    temperature that falls from `temperature` by a tenth at a time the best is taken, and with probability
    ``exp(min((value - best) / T, 1))`` expanded: new cells, each by one random morphism, enter the queue with their
    bounds ``mean + beta std``.  The cell of the highest bound is trained, until `patience` epochs in a row do not
    improve its accuracy.

    Departs from the paper: morphisms are those of the cells of NAS-Bench-201, as in
    `strategies.one_shot.climbing.NashInherited`; a cell that computes what a trained one does is expanded and not
    trained.  The distance of two cells is that of their edges, 1 for each that differs and a half between the two
    convolutions, and the kernel is ``exp(-d^2 / length^2)`` with what is negative of its spectrum cut off, where the
    paper embeds the distances and its code predicts by another kernel than it fits; accuracies are standardised.  The
    learning rate falls by a cosine over `most_epochs`.

    Parameters of `Growing`, and:

    Parameters
    ----------
    most_epochs, patience : int
        Of each network, and epochs without improvement after which it is left.
    least : float
        Improvement that counts, as a share of the validation items.
    children : int
        Of an expansion.
    temperature, beta, length : float
    """

    settings: TreeSettings
    preset: ClassVar[Any] = TreeSettings()
    family, paper, year = "growing", "Jin, Song & Hu, KDD", 2019

    def begin(self) -> None:
        """Set what is kept of the search where it begins."""
        self.waited = 0  # epochs since the network that is trained improved
        self.best = 0.0  # its accuracy
        self.values = list[float]()  # accuracies of the trained ones, as shares
        self.exhausted = False

    @property
    def finished(self) -> bool:
        """Whether no morphism leads to a new cell."""
        return self.exhausted

    def advance(self) -> None:
        """Train a network for an epoch; after its last one choose the next."""
        now = self.trainees[NOW]
        self.train(now, self.behind, self.settings.most_epochs)
        self.behind += 1
        found = self.charged_accuracy(now) / 100
        improved = found >= self.best + self.settings.least
        self.waited = 0 if improved else self.waited + 1
        self.best = max(self.best, found)
        if self.behind < self.settings.most_epochs and self.waited < self.settings.patience:
            return
        self.trainees[str(len(self.values))] = self.trainees.pop(NOW)
        self.values.append(self.best)
        self.behind, self.waited, self.best = 0, 0, 0.0
        chosen = self.choose()
        if chosen is None:
            self.exhausted = True
            return
        cell, father = chosen
        parent = self.trainees[str(father)]
        self.trainees[NOW] = self.child_of(parent, cell)
        self.parent, self.child = parent.arch, cell

    def choose(self) -> tuple[tuple[int, ...], int] | None:
        """Return the cell of the highest bound in the tree, and its trained ancestor; None where nothing is new."""
        trained = [self.trainees[str(place)].arch for place in range(len(self.values))]
        numbers, seen = count(), set(trained)
        same = set(self.space.key(np.array(trained), "functional").tolist())
        queue = [(-self.values[place], next(numbers), arch, place) for place, arch in enumerate(trained)]
        heapify(queue)
        best, temperature, highest = max(self.values), self.settings.temperature, -inf
        chosen: tuple[tuple[int, ...], int] | None = None
        while queue and temperature > COOLEST:
            value, _, arch, father = heappop(queue)
            temperature *= COOLING
            if exp(min((-value - best) / temperature, 1.0)) < self.rng.random():
                continue
            found = self.space.morphisms(np.array(arch, dtype=self.space.dtype))
            for _ in range(self.settings.children if len(found) else 0):
                cell = tuple(map(int, found[int(self.rng.integers(len(found)))]))
                if cell in seen:
                    continue
                seen.add(cell)
                bound = float(self.bounds(np.array([cell]))[0])
                heappush(queue, (-bound, next(numbers), cell, father))
                best = max(best, bound)
                new = self.space.key(np.array([cell]), "functional").tolist()[0] not in same
                if new and bound > highest:
                    highest, chosen = bound, (cell, father)
        return chosen

    def bounds(self, cells: Archs) -> FloatArray:
        """Return ``mean + beta std`` of the accuracy of cells, as shares: (q, 6) to (q,)."""
        trained = np.array([self.trainees[str(place)].arch for place in range(len(self.values))])
        values = np.array(self.values)
        centre, spread = values.mean(), values.std() or 1.0
        length = self.settings.length
        gram = np.exp(-((distances(trained, trained) / length) ** 2))
        across = np.exp(-((distances(cells, trained) / length) ** 2))
        sizes, vectors = np.linalg.eigh(gram)
        inverse = (vectors / (np.maximum(sizes, 0.0) + _NOISE)) @ vectors.T
        mean = across @ inverse @ ((values - centre) / spread)
        variance = np.clip(1 - np.einsum("qi,ij,qj->q", across, inverse, across), 0.0, None)
        return np.asarray(centre + spread * (mean + self.settings.beta * np.sqrt(variance)))

    def recommend(self) -> Archs:
        """Return the trained cell of the highest accuracy, (1, 6); the start while there is none."""
        cell = self.trainees[str(int(np.argmax(self.values)))].arch if self.values else self.settings.start
        return np.array([cell], dtype=self.space.dtype)

    def numbers(self) -> dict[str, npt.NDArray[Any]]:
        """Return the epochs of the network that is trained, its accuracy, and those of the trained ones."""
        places = np.array([self.behind, self.waited, int(self.exhausted)])
        return {"places": places, "best": np.array(self.best), "values": np.array(self.values)}

    def take(self, numbers: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from these."""
        self.behind, self.waited, exhausted = map(int, numbers["places"])
        self.exhausted, self.best, self.values = bool(exhausted), float(numbers["best"]), numbers["values"].tolist()


def distances(a: Archs, b: Archs) -> FloatArray:
    """Return the edit distances of all pairs of cells: (q, 6), (n, 6) to (q, n).

    >>> distances(np.array([[0, 0, 2, 1, 0, 3]]), np.array([[0, 3, 3, 1, 0, 2]]))
    array([[2.]])
    """
    one, other = np.asarray(a)[:, None], np.asarray(b)[None]
    both = np.isin(one, (CONV_1X1, CONV_3X3)) & np.isin(other, (CONV_1X1, CONV_3X3))
    return np.asarray((np.where(both, 0.5, 1.0) * (one != other)).sum(-1))
