"""The skeleton that multi-fidelity strategies share: owed slices, promotions, new configurations, or a barrier."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from harness.checks import Archs, integer
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.strategy import Plan, Strategy, Takes
from harness.surrogate import Fit, Predict
from strategies.multi_fidelity.ladder import ladder
from strategies.multi_fidelity.rungs import Result, Rung, Trial
from strategies.parts.candidates import Keys, exact_keys, no_archs, sample_keeping
from strategies.parts.ranking import Score, scores

Sampling = Generator[Fit | Predict, Any, Archs]
"""A generator that yields requests, is sent their answers, and returns architectures."""

_CHUNK = 128  # fixed, so that results do not depend on how many are asked for
MOST_ETA = 1 << 20


class Place(NamedTuple):
    """Room for a new configuration.

    Attributes
    ----------
    fidelity : int
        At which it starts.
    note : object
        Kept as `Trial.note`, such as the bracket that it belongs to.
    """

    fidelity: int
    note: Any = None


class MultiFidelity(Strategy):
    """Base of strategies that move trials from fidelity to fidelity.

    An idle worker gets, in this order: a slice that is owed to a running trial (`owed`), a promotion (`promotion`), a
    new configuration (`places` and `sample`), or nothing: a barrier, or the end.  No more rows are proposed than were
    asked for, because the next result may bring a better promotion; a subclass that knows better says so by `ahead`.

    A subclass defines `places` and `learn`, and what it needs of `promotion`, `sample`, `best`, `scores` and `ran_out`:

    ========== ================================================================
    places     where new configurations may start
    sample     the new architectures; the default draws them from the space, each once
    promotion  the next trial to be trained further
    learn      what follows from a result: a member of a rung, a slice that is owed
    best       the order of the members of a rung; the default is by score
    ran_out    what follows where no new architecture is left
    ========== ================================================================

    A failed training is the worst member of its rung and never promoted.  Constraints that the space knows in closed
    form are kept by what is sampled, where that is possible; others rank the members of a rung, as in
    `strategies.parts.ranking`.

    Parameters
    ----------
    problem : Problem
    rng : numpy.random.Generator
    eta : int
        The halving rate, at least 2.
    rungs : sequence of int or str, optional
        See `strategies.multi_fidelity.ladder.ladder`; the default is the ladder of the full training.

    Attributes
    ----------
    ladder : tuple of int
        Fidelities of the rungs, the lowest first, the full one last.
    trials : list of Trial
        By tag.
    told : dict of int to list of Trial
        The trials told at each fidelity, in the order told: what a model may learn from.
    owed : deque of (Trial, int)
        Trials that go on to a fidelity before anything else is begun.
    running : int
        Rows proposed and not told.
    exhausted : bool
        Whether no new architecture is left.
    """

    takes = Takes(objectives=1, fidelities=True)

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        eta: int = 3,
        rungs: Sequence[int | str] | None = None,
    ) -> None:
        super().__init__(problem, rng)
        self.eta = integer("eta", eta, low=2, high=MOST_ETA)
        self.ladder = ladder(type(self).__name__, problem, self.eta, rungs)
        self.trials: list[Trial] = []
        self.told: dict[int, list[Trial]] = {index: [] for index in range(len(problem.fidelities))}
        self.owed: deque[tuple[Trial, int]] = deque()
        self.running = 0
        self.exhausted = False
        self.keys: Keys = exact_keys
        self.taken: set[Hashable] = set()
        self._drawn = no_archs(problem.space)

    def places(self, n: int) -> Sequence[Place]:
        """Return up to `n` places of new configurations; none for a barrier."""
        raise NotImplementedError(f"{type(self).__name__} must define places")

    def learn(self, trial: Trial, fidelity: int) -> None:
        """Take the result of a trial, which is in ``trial.results[fidelity]``."""
        raise NotImplementedError(f"{type(self).__name__} must define learn")

    def next_step(self) -> tuple[Trial, int] | None:
        """Return the next trial to be trained further, and the fidelity: what is owed comes before promotions."""
        return self.owed.popleft() if self.owed else self.promotion()

    def promotion(self) -> tuple[Trial, int] | None:
        """Return the trial to be trained further now, and the fidelity; marks it as promoted."""
        return None

    def ahead(self, n: int) -> int:
        """Return how many rows are to be proposed where `n` are asked for: those that no result would change."""
        return n

    def sample(self, places: Sequence[Place]) -> Sampling:
        """Yield requests to learn, and return an architecture for each place; fewer where none are left."""
        yield from ()
        return self.fresh(len(places))

    def best(self, rung: Rung, count: int) -> list[Trial]:
        """Return the `count` best members of a rung, the best first, without failed ones."""
        return rung.best(count)

    def scores(self, evaluations: Evaluations) -> list[Score]:
        """Return a score for each row, `strategies.parts.ranking.FAILED` itself for a failed one."""
        return scores(evaluations)

    def ran_out(self, places: Sequence[Place]) -> None:
        """Take back places that no new architecture was left for."""

    def plan(self, n: int) -> Plan:
        """Return the next rows, at most ``ahead(n)``."""
        n = self.ahead(n)
        steps: list[tuple[Trial, int]] = []
        while len(steps) < n:
            step = self.next_step()
            if step is not None:
                step[0].running = step[1]
                steps.append(step)
                continue
            places = [] if self.exhausted else self.places(n - len(steps))
            if not places:
                break
            archs = yield from self.sample(places)
            for arch, place in zip(archs, places, strict=False):
                trial = Trial(len(self.trials), arch, place.note)
                trial.running = place.fidelity
                self.trials.append(trial)
                steps.append((trial, place.fidelity))
            if len(archs) < len(places):
                self.exhausted = True
                self.ran_out(places[len(archs) :])
        self.running += len(steps)
        return self._rows(steps)

    def _rows(self, steps: list[tuple[Trial, int]]) -> Proposals:
        if not steps:
            return self.proposals(no_archs(self.problem.space))
        fidelities = np.array([fidelity for _, fidelity in steps], dtype=np.int64)
        tags = np.array([trial.tag for trial, _ in steps], dtype=np.int64)
        return Proposals(np.array([trial.arch for trial, _ in steps]), fidelities, tags)

    def tell(self, evaluations: Evaluations) -> None:
        """Take results, in any order and any grouping."""
        super().tell(evaluations)
        columns = zip(
            evaluations.tag.tolist(),
            evaluations.fidelity.tolist(),
            self.scores(evaluations),
            map(tuple, evaluations.objectives.tolist()),
            evaluations.seconds.tolist(),
            strict=True,
        )
        for tag, fidelity, score, objectives, seconds in columns:
            trial = self.trials[tag]
            self.running -= 1
            trial.running = None
            trial.results[fidelity] = Result(score, objectives, seconds)
            self.told[fidelity].append(trial)
            self.learn(trial, fidelity)

    def random(self, n: int) -> Archs:
        """Return `n` random architectures that are new, fewer where the space runs out, and take their keys.

        For samplers that choose among what is not taken: `fresh` draws in advance.
        """
        archs, keys = sample_keeping(self.problem, n, self.taken, self.keys, self.rng)
        self.taken.update(keys)
        return archs

    def fresh(self, n: int) -> Archs:
        """Draw architectures that were never drawn before, (k, L): k = `n`, or fewer where the space is exhausted.

        They follow `SearchSpace.sample`; see `strategies.parts.candidates.sample_keeping` on known constraints.
        """
        while len(self._drawn) < n:
            chunk = self.random(_CHUNK)
            if not len(chunk):
                break
            self._drawn = np.concatenate([self._drawn, chunk])
        archs, self._drawn = self._drawn[:n], self._drawn[n:]
        return archs
