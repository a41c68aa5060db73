"""Rhythms of asking and telling: generations, of which the steady state is the smallest.

Each proposal has a number of its own as its tag, and a result comes back with what the strategy noted of its proposal:
the vector it was decoded from, the parent it competes with, the policy that drew it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

import numpy as np

from harness.checks import Archs, IntArray
from harness.errors import UnfitError
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.strategy import Strategy, Takes
from strategies.parts.candidates import exact_keys, no_archs, sample_new
from strategies.parts.ranking import Score, scores

_CHARGED = Takes(forbidden_duplicates=False)
_NEW: Score = (-1.0, 0.0)  # no score has a negative violation


class Told(NamedTuple):
    """A result, with what was noted of its proposal.

    Attributes
    ----------
    tag : int
        Rises with the order of proposal.
    arch : (L,) unsigned integers
    score : (float, float)
        See `strategies.parts.ranking`; the second number is the objective.  Where a class has its own
        `Generational.judge`, what that says.
    note : object
        As `Generational.breed` gave it.
    """

    tag: int
    arch: Archs
    score: Any
    note: Any


class Generational(Strategy):
    """Base of strategies that breed a generation from their state, and learn from it when it is told.

    Subclasses set `size`, and define `breed` and `learn`.  Results may come in any order and any grouping; `learn` gets
    a generation in the order of proposal.  A generation of one is the steady state: each result changes the state.

    With one worker, a generation is proposed whole and learnt from whole.  With parallel ones, those that become idle
    before its last results are in get more rows bred from the same state, and a generation ends with the first `size`
    results, whichever generation they were proposed in; the next one is smaller by what still runs.  A class that sets
    `flows` to false lets its workers wait instead, for generations that cannot be mixed.

    The last generation of a space that is exhausted is short.

    Parameters
    ----------
    problem : Problem
    rng : numpy.random.Generator
    repeats : {"charge", "look_up", "refuse"}
        Architectures that were proposed before are proposed again ("charge"); or count as results in the generation at
        no charge, at once or when the running one is told ("look_up"); or are dropped and bred anew ("refuse").  The
        last two put random architectures that are new in place of what brought nothing new `patience` times in a row,
        and finish the search when there are none.
    remedy : str
        What a budget is told that forbids duplicates, where they are proposed.
    """

    flows: ClassVar[bool] = True
    """Whether idle workers get more of the same generation; without, they wait for the rest of its results."""
    identity: str = "exact"
    """When two architectures are the same (`SearchSpace.key`)."""
    patience: ClassVar[int] = 100
    """Calls of `breed` in a row without anything new after which `renew` is called."""
    size: int = 1
    """Results from which the strategy learns at once; may change from one generation to the next."""

    def __init__(
        self, problem: Problem, rng: np.random.Generator, *, repeats: str = "charge", remedy: str = ""
    ) -> None:
        super().__init__(problem, rng)
        if repeats == "charge" and (refusal := _CHARGED.refusal(problem)):
            raise UnfitError(f"{type(self).__name__} {refusal}{remedy}")
        self.repeats = repeats
        self._bred = 0  # rows with a tag
        self._running: dict[int, Any] = {}  # notes of what has been proposed and not told, by tag
        self._followers: dict[Hashable, list[tuple[int, Any]]] = {}  # what waits for a running row, tag and note
        self._following = 0
        self._generation: list[Told] = []
        self._known: dict[Hashable, Any] = {}  # scores; None: proposed, not told yet

    def breed(self, n: int) -> tuple[Archs, Sequence[Any]]:
        """Return about n rows, (k, L), and a note for each; none to wait, or to finish if nothing is running."""
        raise NotImplementedError(f"{type(self).__name__} must define breed")

    def renew(self, archs: Archs) -> Sequence[Any]:
        """Return a note for each of n random architectures, (n, L), proposed where `breed` repeats itself."""
        return [None] * len(archs)

    def learn(self, generation: list[Told]) -> None:
        """Take a generation in the order of proposal; failed trainings are among it."""
        raise NotImplementedError(f"{type(self).__name__} must define learn")

    def judge(self, evaluations: Evaluations) -> Sequence[Any]:
        """Return the score of each of n rows; `FAILED` itself for a failed training."""
        return scores(evaluations)

    def propose(self, n: int) -> Proposals:
        """Return what is missing of the generation, or one more row; none to wait or to finish."""
        parts: list[Proposals] = []
        in_vain = 0
        while True:
            missing = self.size - len(self._generation) - len(self._running) - self._following
            if missing <= 0 and (parts or not self.flows):
                break
            archs, notes = self._random(max(missing, 1)) if in_vain >= self.patience else self.breed(max(missing, 1))
            if len(archs):
                rows, tags = self._sift(archs, notes)
                in_vain = 0 if len(tags) else in_vain + 1
                if len(tags):
                    parts.append(self.proposals(rows, tags))
            elif self._running or not self._generation:
                break
            else:  # the last of an exhausted space
                self._end_generation()
        if len(parts) == 1:
            return parts[0]
        return Proposals.concatenate(parts) if parts else self.proposals(no_archs(self.problem.space))

    def _random(self, n: int) -> tuple[Archs, Sequence[Any]]:
        """Return up to `n` random architectures that are new, and what `renew` notes of them."""
        archs, _ = sample_new(self.problem.space, n, self._known, self._keys, self.rng)
        return archs, self.renew(archs) if len(archs) else []

    def _sift(self, archs: Archs, notes: Sequence[Any]) -> tuple[Archs, IntArray]:
        """Return bred rows that are to be evaluated, and their tags; look up or drop what was proposed before."""
        first, self._bred = self._bred, self._bred + len(archs)
        if self.repeats == "charge":
            self._running.update(zip(range(first, self._bred), notes, strict=True))
            return archs, np.arange(first, self._bred)
        rows: list[int] = []
        for row, (key, note) in enumerate(zip(self._keys(archs), notes, strict=True)):
            score = self._known.get(key, _NEW)
            if score is _NEW:
                self._known[key] = None
                self._running[first + row] = note
                rows.append(row)
            elif self.repeats == "look_up":
                if score is None:
                    self._followers.setdefault(key, []).append((first + row, note))
                    self._following += 1
                else:
                    self._collect(Told(first + row, archs[row], score, note))
        return archs[rows], first + np.array(rows, dtype=np.int64)

    def tell(self, evaluations: Evaluations) -> None:
        """Collect results; learn whenever a generation is complete."""
        super().tell(evaluations)
        archs = np.asarray(evaluations.archs, dtype=self.problem.space.dtype)
        tags = evaluations.tag.tolist()
        told = map(Told, tags, archs, self.judge(evaluations), map(self._running.pop, tags))
        if self.repeats == "charge":
            for result in told:
                self._collect(result)
            return
        for key, result in zip(self._keys(archs), told, strict=True):
            self._known[key] = result.score
            followers = self._followers.pop(key, ())
            self._following -= len(followers)
            self._collect(result)
            for tag, note in followers:
                self._collect(result._replace(tag=tag, note=note))

    def _keys(self, archs: Archs) -> list[Hashable]:
        if self.identity == "exact":
            return exact_keys(archs)
        keys: list[Hashable] = self.problem.space.key(archs, self.identity).tolist()
        return keys

    def _collect(self, told: Told) -> None:
        self._generation.append(told)
        if len(self._generation) >= self.size:
            self._end_generation()

    def _end_generation(self) -> None:
        generation, self._generation = self._generation, []
        generation.sort(key=attrgetter("tag"))
        self.learn(generation)
