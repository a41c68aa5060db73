"""Trials and rungs: what a multi-fidelity strategy remembers of its configurations, by tag."""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import itemgetter
from typing import Any, NamedTuple

from harness.checks import Archs
from strategies.parts.ranking import FAILED, Score


class Result(NamedTuple):
    """A result at one fidelity.

    Attributes
    ----------
    score : (float, float)
        See `strategies.parts.ranking`.
    objectives : tuple of float
        m of them, to be minimised.
    seconds : float
        Cost from scratch; NaN where the table has no times.
    """

    score: Score
    objectives: tuple[float, ...]
    seconds: float


class Trial:
    """A configuration on its way up.

    Attributes
    ----------
    tag : int
        Counted from 0 in the order of proposal, never reused: (tag, fidelity) names a row.
    arch : (L,) unsigned integers
    note : object
        What the strategy noted of it, such as its bracket.
    results : dict of int to Result
        By fidelity, in the order in which they were told.
    running : int or None
        Fidelity at which it is trained now.
    stopped : bool
        Whether it was given up.
    """

    __slots__ = ("arch", "note", "results", "running", "stopped", "tag")

    def __init__(self, tag: int, arch: Archs, note: Any = None) -> None:
        self.tag = tag
        self.arch = arch
        self.note = note
        self.results: dict[int, Result] = {}
        self.running: int | None = None
        self.stopped = False

    @property
    def failed(self) -> bool:
        """Whether its last training failed."""
        return bool(self.results) and next(reversed(self.results.values())).score is FAILED

    def score(self, fidelity: int) -> Score:
        """Return its score at a fidelity at which it was told."""
        return self.results[fidelity].score


class Rung:
    """The members of a level, and which of them were promoted from it.

    Parameters
    ----------
    fidelity : int
        Index into `Problem.fidelities`.

    Attributes
    ----------
    members : list of Trial
        In the order in which they were told; failed ones are among them.
    promoted : set of int
        Tags; a promoted member keeps its place.
    searched : int
        How many members there were when none of them was found to be promotable; more may be only when there are more.
    """

    __slots__ = ("_best", "fidelity", "members", "promoted", "searched")

    def __init__(self, fidelity: int) -> None:
        self.fidelity = fidelity
        self.members: list[Trial] = []
        self.promoted: set[int] = set()
        self.searched = 0
        self._best: list[tuple[Score, int, Trial]] = []  # the place told is never the same, so no trials are compared

    def __len__(self) -> int:
        return len(self.members)

    def add(self, trial: Trial) -> None:
        """Add a trial that was told at this fidelity, or that failed on the way to it."""
        score = trial.score(self.fidelity) if self.fidelity in trial.results else FAILED
        if score is not FAILED:
            insort(self._best, (score, len(self.members), trial))
        self.members.append(trial)

    def best(self, count: int) -> list[Trial]:
        """Return the `count` best members, the best first, ties to the earliest told; failed ones are left out."""
        return [trial for _, _, trial in self._best[: max(count, 0)]]

    def better_than(self, score: Score) -> int:
        """Return how many members are better than a score."""
        return bisect_left(self._best, score, key=itemgetter(0))
