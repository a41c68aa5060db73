"""Synchronous brackets: rungs that begin when all members of the one before are told, one bracket after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from harness.checks import boolean
from harness.problem import Problem
from strategies.multi_fidelity.base import MultiFidelity, Place
from strategies.multi_fidelity.ladder import halved
from strategies.multi_fidelity.rungs import Rung, Trial


class Bracket:
    """A bracket on its way: so many configurations on each of its rungs.

    Parameters
    ----------
    fidelities : sequence of int
        Of its rungs, ascending.
    sizes : sequence of int
        Members of each rung.

    Attributes
    ----------
    rungs : list of Rung
    stage : int
        The rung that is filled now; the number of rungs when the bracket is over.
    to_begin : int
        New configurations that its lowest rung still takes.
    ready : deque of Trial
        Promoted to the present rung, and not handed out yet.
    running : int
        Rows handed out and not told.
    """

    def __init__(self, fidelities: Sequence[int], sizes: Sequence[int]) -> None:
        self.rungs = [Rung(fidelity) for fidelity in fidelities]
        self.sizes = tuple(sizes)
        self.stage = 0
        self.to_begin = self.sizes[0]
        self.ready: deque[Trial] = deque()
        self.running = 0

    @property
    def rung(self) -> Rung:
        """The rung that is filled now."""
        return self.rungs[self.stage]

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self.stage == len(self.rungs)

    @property
    def filled(self) -> bool:
        """Whether all members of the present rung are told."""
        return not (self.over or self.to_begin or self.ready or self.running)

    def begin(self, n: int) -> int:
        """Take up to `n` places of the lowest rung; return how many."""
        count = min(n, self.to_begin)
        self.to_begin -= count
        self.running += count
        return count

    def hand_out(self) -> Trial:
        """Return the next trial of the present rung."""
        self.running += 1
        return self.ready.popleft()

    def take(self, trial: Trial) -> None:
        """Add a member that was told."""
        self.running -= 1
        self.rung.add(trial)

    def shorten(self, eta: int) -> None:
        """Give back a place that no configuration is left for, and all that were not taken yet."""
        self.running -= 1
        self.to_begin = 0
        members = self.running + len(self.rung)
        self.sizes = halved(members, len(self.sizes), eta)
        if not members:
            self.stage = len(self.rungs)

    def promote(self, best: Sequence[Trial]) -> None:
        """Fill the next rung with the best of a filled one; without any, the bracket is over."""
        self.rung.promoted.update(trial.tag for trial in best)
        self.stage = self.stage + 1 if best else len(self.rungs)
        self.ready.extend(best)

    def promotions(self) -> int:
        """Return how many members of the present rung the next one takes."""
        return 0 if self.stage + 1 >= len(self.sizes) else self.sizes[self.stage + 1]


class Bracketed(MultiFidelity):
    """Base of strategies that run brackets without end; a subclass defines `shapes`.

    Where all members of a rung are told, the best of them fill the next one, ties to the earliest told; failed ones are
    never among them, and leave their places in the next rung empty.  A bracket that has lost all its members is over.

    With several workers, the next bracket is begun as soon as every one that was begun before waits for results, as in
    the code of HpBandSter and DEHB; the oldest comes first whenever there is a choice.  With a `barrier`, a bracket
    begins when the one before is over.

    Parameters
    ----------
    problem : Problem
    rng : numpy.random.Generator
    eta : int
    rungs : sequence of int or str, optional
    barrier : bool
        Whether workers wait for the end of a bracket.

    Attributes
    ----------
    brackets : list of Bracket
        Those that are not over, the oldest first.
    """

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        eta: int = 3,
        rungs: Sequence[int | str] | None = None,
        barrier: bool = False,
    ) -> None:
        super().__init__(problem, rng, eta=eta, rungs=rungs)
        self.barrier = boolean("barrier", barrier)
        self.brackets: list[Bracket] = []
        self._shapes = self.shapes()

    def shapes(self) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
        """Yield fidelities and sizes of one bracket after the other, without end."""
        raise NotImplementedError(f"{type(self).__name__} must define shapes")

    def ahead(self, n: int) -> int:
        """With one worker, the rest of a rung is decided; a subclass that learns what to sample decides one by one."""
        if self.problem.n_workers > 1 or not self.brackets:
            return n
        learns = type(self).sample is not MultiFidelity.sample
        return max(n, len(self.brackets[0].ready), 0 if learns else self.brackets[0].to_begin)

    def promotion(self) -> tuple[Trial, int] | None:
        """Return the next member of the oldest bracket that has one to train further."""
        for bracket in self.brackets:
            if bracket.ready:
                return bracket.hand_out(), bracket.rung.fidelity
        return None

    def places(self, n: int) -> list[Place]:
        """Return places on the lowest rung of the oldest bracket that has some, or of the next one."""
        for bracket in self.brackets:
            if bracket.to_begin:
                break
        else:
            if self.barrier and self.brackets:
                return []
            bracket = Bracket(*next(self._shapes))
            self.brackets.append(bracket)
        return [Place(bracket.rung.fidelity, bracket)] * bracket.begin(n)

    def ran_out(self, places: Sequence[Place]) -> None:
        """Make the brackets as short as their configurations are few."""
        for place in places:
            place.note.shorten(self.eta)
        for bracket in {id(place.note): place.note for place in places}.values():
            self._settle(bracket)
        self.brackets = [bracket for bracket in self.brackets if not bracket.over]

    def learn(self, trial: Trial, fidelity: int) -> None:
        """Add a member to the rung of its bracket."""
        trial.note.take(trial)
        self._settle(trial.note)

    def _settle(self, bracket: Bracket) -> None:
        if bracket.filled:
            bracket.promote(self.best(bracket.rung, bracket.promotions()))
        if bracket.over and bracket in self.brackets:
            self.brackets.remove(bracket)
