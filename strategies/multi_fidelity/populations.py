"""Populations of differential evolution, one for each rung, and the brackets that count their trainings."""

from __future__ import annotations

from harness.checks import FloatArray
from strategies.parts.ranking import FAILED, Score


class Bracket:
    """Synchronous successive halving as a count of trainings: a rung starts when the one below it has ended.

    Parameters
    ----------
    first : int
        The ladder's rung at which it begins.
    sizes : tuple of int
        Trainings at each rung, from there to the top.
    """

    def __init__(self, first: int, sizes: tuple[int, ...]) -> None:
        self.first, self.sizes = first, sizes
        self._level = self._started = self._ended = 0

    @property
    def ended(self) -> bool:
        """Whether all trainings have ended."""
        return self._level == len(self.sizes)

    @property
    def ready(self) -> bool:
        """Whether a training can start: there is one left, and no rung below it is waited for."""
        return not self.ended and self._started < self.sizes[self._level]

    @property
    def rung(self) -> int:
        """The rung of the next training."""
        return self.first + self._level

    @property
    def size(self) -> int:
        """Trainings at that rung."""
        return self.sizes[self._level]

    def start(self) -> None:
        """Count a training that starts."""
        self._started += 1

    def end(self) -> None:
        """Count a training that ended."""
        self._ended += 1
        if self._ended == self.sizes[self._level]:
            self._level, self._started, self._ended = self._level + 1, 0, 0


class Population:
    """Vectors of one rung and their scores; those that are not trained yet have none and rank last.

    Attributes
    ----------
    vectors : (P, L) float64
    scores : list of P, Score or None
    """

    def __init__(self, vectors: FloatArray) -> None:
        self.vectors = vectors
        self.scores: list[Score | None] = [None] * len(vectors)
        self.promotions: list[FloatArray] = []
        """Vectors of the rung below that are to be trained here, the best first: in the first round."""
        self._turn = 0

    def next_parent(self) -> int:
        """Return the slot whose turn it is, round robin."""
        parent, self._turn = self._turn, (self._turn + 1) % len(self.vectors)
        return parent

    def best(self, n: int) -> FloatArray:
        """Return the `n` best vectors, the best first, ties and those without a score in the order of slots."""
        return self.vectors[self._order()[:n]]

    def trained(self) -> FloatArray:
        """Return the vectors that have a score, the best first."""
        return self.vectors[[slot for slot in self._order() if self.scores[slot] is not None]]

    def _order(self) -> list[int]:
        ranks = [FAILED if score is None else score for score in self.scores]
        return sorted(range(len(ranks)), key=ranks.__getitem__)

    def holds(self, vector: FloatArray) -> bool:
        """Say whether the vector is a member."""
        return bool((self.vectors == vector).all(axis=1).any())

    def compete(self, parent: int, vector: FloatArray, score: Score) -> None:
        """Put a vector in the place of its parent unless it is worse; one that failed never is."""
        held = self.scores[parent]
        if score is not FAILED and (held is None or score <= held):
            self.vectors[parent], self.scores[parent] = vector, score
