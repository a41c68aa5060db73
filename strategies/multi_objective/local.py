"""Pareto local search: from what nothing dominates to all that is one edit away, and LOMONAS, which looks at less."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import numpy as np

from harness.checks import MOST, Archs, FloatArray, IntArray, integer, real
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.strategy import Strategy, Takes
from strategies.parts.candidates import exact_keys, no_archs, sample_new
from strategies.parts.fronts import Archive, Scored, judged, pareto_ranks
from strategies.parts.ranking import FAILED

_UNKNOWN = Scored(-1.0, np.zeros(0))


class Descent(Strategy):
    """Base of local searches over fronts: an architecture is proposed once, and looked up where it is met again.

    Subclasses define `look`, what to look at next, `add`, how results change where the search stands, and `restart`.
    While a neighbourhood runs, idle workers get the next one that is worth looking at; they wait where there is none.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        super().__init__(problem, rng)
        self._known: dict[Hashable, Scored | tuple[float, float] | None] = {}  # None: proposed, not told yet
        self._running = 0

    def look(self) -> Archs | None:
        """Return neighbours to look at, (k, L), or None where the search stands at an end or must wait."""
        raise NotImplementedError(f"{type(self).__name__} must define look")

    def add(self, archs: Archs, objectives: FloatArray, violation: FloatArray) -> None:
        """Take results that did not fail: those told, and known ones that the search meets again."""
        raise NotImplementedError(f"{type(self).__name__} must define add")

    def restart(self) -> Archs:
        """Return where to start again, (k, L), all new; none where everything is known."""
        archs, _ = sample_new(self.problem.space, self.problem.n_workers, self._known, exact_keys, self.rng)
        return archs

    def propose(self, n: int) -> Proposals:
        """Return what is not known of a neighbourhood, or a new start; none while waiting, or at the end."""
        while True:
            around = self.look()
            if around is None:
                if self._running:
                    return self.proposals(no_archs(self.problem.space))
                around = self.restart()
                if not len(around):
                    return self.proposals(around)
            new = self._meet(around)
            if len(new):
                self._running += len(new)
                return self.proposals(new)

    def _meet(self, around: Archs) -> Archs:
        """Add what is known of a neighbourhood, and return what is not, in random order."""
        around = around[self.rng.permutation(len(around))]
        new, known = list[int](), list[tuple[int, Scored]]()
        for row, key in enumerate(exact_keys(around)):
            score = self._known.get(key, _UNKNOWN)
            if score is _UNKNOWN:
                self._known[key] = None
                new.append(row)
            elif isinstance(score, Scored):
                known.append((row, score))
        if known:
            self._add(around, known)
        return around[new]

    def _add(self, archs: Archs, rows: list[tuple[int, Scored]]) -> None:
        objectives = np.stack([score.objectives for _, score in rows])
        self.add(archs[[row for row, _ in rows]], objectives, np.array([score.violation for _, score in rows]))

    def tell(self, evaluations: Evaluations) -> None:
        """Remember results, and take those that did not fail."""
        archs = np.asarray(evaluations.archs, dtype=self.problem.space.dtype)
        scores = judged(self.problem, evaluations)
        self._known.update(zip(exact_keys(archs), scores, strict=True))
        self._running -= len(scores)
        good = [(row, score) for row, score in enumerate(scores) if score is not FAILED]
        if good:
            self._add(archs, good)


class ParetoLocalSearch(Descent):
    """Look at all neighbours of a member of the front that was not looked at yet, until there is none; start again.

    Paquete, Chiarandini & Stützle, "Pareto local optimum sets in the biobjective traveling salesman problem: an
    experimental study", in Metaheuristics for Multiobjective Optimisation, 2004.  Each descent has a front of its own,
    which begins with one random architecture that is new.  The member is drawn at random.  What is known is met again
    at no charge, and the search is finished when every architecture was proposed.  It takes any number of objectives.

    With parallel workers each descent begins with as many random architectures, and workers without a rest of the
    neighbourhood look at the next member.  Constraints come first: while nothing on the front keeps them, it holds what
    breaks them least (`strategies.parts.fronts`).

    Parameters
    ----------
    starts : int
        Random architectures with which a descent begins, at least 1.
    """

    family, paper, year = "several objectives", "Paquete, Chiarandini & Stützle", 2004
    takes = Takes()
    libraries = ("moocore",)

    def __init__(self, problem: Problem, rng: np.random.Generator, *, starts: int = 1) -> None:
        super().__init__(problem, rng)
        self.starts = integer("starts", starts, low=1, high=MOST)
        self._front = self._no_front()
        self._looked_at: set[Hashable] = set()

    def _no_front(self) -> Archive:
        return Archive(self.problem.space.genes, len(self.problem.objectives), self.problem.space.dtype)

    def look(self) -> Archs | None:
        """Return all neighbours of a member of the front that was not looked at."""
        keys = exact_keys(self._front.archs)
        left = [row for row, key in enumerate(keys) if key not in self._looked_at]
        if not left:
            return None
        row = left[int(self.rng.integers(len(left)))]
        self._looked_at.add(keys[row])
        return self.problem.space.neighbours(self._front.archs[row])

    def add(self, archs: Archs, objectives: FloatArray, violation: FloatArray) -> None:
        """Let results into the front that nothing on it dominates; members met again are there already."""
        there = set(exact_keys(self._front.archs))
        new = [row for row, key in enumerate(exact_keys(archs)) if key not in there]
        self._front.add(archs[new], objectives[new], violation[new])

    def restart(self) -> Archs:
        """Return random architectures that are new, and begin a new front."""
        self._front = self._no_front()
        self._looked_at.clear()
        count = max(self.starts, self.problem.n_workers)
        archs, _ = sample_new(self.problem.space, count, self._known, exact_keys, self.rng)
        return archs


class LOMONAS(Descent):
    """Look only around the ends and the knees of the front, a gene at a time; at its end at the fronts behind it.

    Phan & Luong, "Pareto Local Search is Competitive with Evolutionary Algorithms for Multi-Objective Neural
    Architecture Search", GECCO 2023, and the code of their later work.  The search keeps the first `fronts` fronts of
    the descent.  It looks around the potential members of the first: for each pair of objectives the ends, and the
    knees, which lie below the line through their two neighbours at an angle greater than `angle` on axes from 0 to 1.
    Of each of them one variable that was not looked at yet is drawn, and all its values are evaluated.  Where that
    brings nothing, the potential members of the second front are looked at, and so on; then a descent begins at a
    neighbour, whose own neighbours were not looked at, of a member of the best front of the whole run, or at a random
    architecture where there is none.

    Departs from the code: an architecture that was evaluated is met again at no charge; there it is trained again.  A
    variable is the set of genes that an edit changes, so spaces with rules of validity can be searched.  With parallel
    workers, those without a rest of the neighbourhoods look at further variables of the same members, and wait where
    there are none.  Constraints come first (`strategies.parts.fronts`).

    Parameters
    ----------
    fronts : int
        Fronts that are kept (k in the paper), at least 1.
    angle : float
        In degrees, from 180 to 360; smaller ones make knees of more members.
    """

    family, paper, year = "several objectives", "Phan & Luong, GECCO", 2023
    takes = Takes(fewest_objectives=2)
    libraries = ("moocore",)

    def __init__(self, problem: Problem, rng: np.random.Generator, *, fronts: int = 3, angle: float = 210.0) -> None:
        super().__init__(problem, rng)
        self.fronts = integer("fronts", fronts, low=1, high=MOST)
        self.angle = real("angle", angle, low=180.0, high=360.0)
        space, m = problem.space, len(problem.objectives)
        self._elite = Archive(space.genes, m, space.dtype)  # of the whole run
        self._archs: Archs = no_archs(space)  # of the descent, the first fronts
        self._objectives: FloatArray = np.zeros((0, m))
        self._violation: FloatArray = np.zeros(0)
        self._left: dict[Hashable, list[Archs]] = {}  # neighbours of what was looked at, by variable: those left

    def look(self) -> Archs | None:
        """Return the values of a variable of each potential member, of the first front that has one left."""
        ranks = pareto_ranks(self._objectives, self._violation)
        for front in range(self.fronts):
            rows = np.flatnonzero(ranks == front)
            if not len(rows):
                return None
            members = rows[potential(self._objectives[rows], self.angle)]
            parts = [part for arch in self._archs[members] if (part := self._variable(arch)) is not None]
            if parts:
                around = np.concatenate(parts)
                keys = exact_keys(around)
                return around[sorted({key: row for row, key in enumerate(keys)}.values())]
        return None

    def _variable(self, arch: Archs) -> Archs | None:
        """Return the neighbours of an architecture, (L,), in one variable that was not looked at yet."""
        key = arch.tobytes()
        if key not in self._left:
            around = self.problem.space.neighbours(arch)
            variables = exact_keys(around != arch)
            members: dict[Hashable, list[int]] = {}
            for row, variable in enumerate(variables):
                members.setdefault(variable, []).append(row)
            self._left[key] = [around[rows] for rows in members.values()]
        left = self._left[key]
        return left.pop(int(self.rng.integers(len(left)))) if left else None

    def add(self, archs: Archs, objectives: FloatArray, violation: FloatArray) -> None:
        """Keep the first fronts of the descent, and the best of the whole run."""
        there = set(exact_keys(self._archs))
        new = [row for row, key in enumerate(exact_keys(archs)) if key not in there]
        together = np.concatenate([self._archs, archs[new]])
        values = np.concatenate([self._objectives, objectives[new]])
        broken = np.concatenate([self._violation, violation[new]])
        kept = pareto_ranks(values, broken) < self.fronts
        self._archs, self._objectives, self._violation = together[kept], values[kept], broken[kept]
        there = set(exact_keys(self._elite.archs))
        fresh = [row for row, key in enumerate(exact_keys(archs)) if key not in there]
        self._elite.add(archs[fresh], objectives[fresh], violation[fresh])

    def restart(self) -> Archs:
        """Return a neighbour of an elite whose own neighbours were not looked at; else random ones that are new."""
        self._archs, self._objectives, self._violation = self._archs[:0], self._objectives[:0], self._violation[:0]
        for row in self.rng.permutation(len(self._elite)).tolist():
            around = self.problem.space.neighbours(self._elite.archs[row])
            left = [
                place
                for place, key in enumerate(exact_keys(around))
                if key not in self._left and self._known.get(key, _UNKNOWN) is not FAILED
            ]
            if left:
                start: Archs = around[left[int(self.rng.integers(len(left)))]][None]
                return start
        return super().restart()


def potential(objectives: FloatArray, angle: float) -> IntArray:
    """Return the rows of a front that are ends or knees for some pair of objectives, ascending.

    Parameters
    ----------
    objectives : (n, m) float64
        Of one front, m at least 2; for a pair of objectives only what is not dominated in these two counts.
    angle : float
        In degrees; a knee has more on the side of its two neighbours' line that is worse.

    Examples
    --------
    >>> potential(np.array([[0, 10], [1, 1], [4, 0.8], [10, 0.0]]), 210.0).tolist()
    [0, 1, 3]
    """
    found: set[int] = set()
    for first, second in _pairs(objectives.shape[1]):
        values = objectives[:, [first, second]]
        rows = np.flatnonzero(pareto_ranks(values) == 0)
        unique, inverse = np.unique(values[rows], axis=0, return_inverse=True)
        spread = unique.max(axis=0) - unique.min(axis=0)
        units = (unique - unique.min(axis=0)) / np.where(spread > 0, spread, 1.0)
        chosen = np.zeros(len(unique), dtype=np.bool_)
        chosen[[0, -1]] = True
        if len(unique) > 2:
            before, after = units[:-2] - units[1:-1], units[2:] - units[1:-1]
            cosine = (before * after).sum(axis=1) / np.sqrt((before**2).sum(axis=1) * (after**2).sum(axis=1))
            # Below the line through both neighbours: the cross product of the ways to them.
            below = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0] < 0
            chosen[1:-1] = below & (360.0 - np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))) > angle)
        found.update(rows[chosen[inverse.ravel()]].tolist())
    return np.array(sorted(found), dtype=np.int64)


def _pairs(objectives: int) -> Iterator[tuple[int, int]]:
    for first in range(objectives):
        yield from ((first, second) for second in range(first + 1, objectives))
