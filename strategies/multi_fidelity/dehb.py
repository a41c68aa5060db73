"""Differential evolution under Hyperband: one population for each rung."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from harness.checks import Archs, FloatArray, boolean, choice, integer, real
from harness.errors import UnfitError
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.space import SearchSpace
from harness.strategy import Strategy, Takes
from strategies.evolution.differential import combined, decode, encode
from strategies.multi_fidelity.base import MOST_ETA
from strategies.multi_fidelity.ladder import bracket_sizes, ladder
from strategies.multi_fidelity.populations import Bracket, Population
from strategies.parts.candidates import exact_keys, no_archs, require_free_genes, sample_new
from strategies.parts.ranking import Score, known_violation, scores

_DONORS = 3
_REPEATS = Takes(objectives=1, fidelities=True, forbidden_duplicates=False)


class Job(NamedTuple):
    """A training of one vector.

    Attributes
    ----------
    bracket : Bracket
    rung : int
        Of the ladder.
    parent : int
        Slot of the rung's population that the vector competes for.
    vector : (L,) float64
    """

    bracket: Bracket
    rung: int
    parent: int
    vector: FloatArray


class DEHB(Strategy):
    """Run Hyperband, and let differential evolution propose what it trains: each rung has a population of its own.

    Awad, Mallik & Hutter, "DEHB: Evolutionary Hyperband for Scalable, Robust and Efficient Hyperparameter
    Optimization", IJCAI 2021, as its authors' code (0.1.2) does it.  The population of a rung has as many vectors in
    [0, 1]^L as the largest bracket trains there (R = 9: 9, 3, 3; R = 81: 81, 27, 9, 6, 5), random at the start.  A
    training at a rung is a child of the slot whose turn it is: a mutant ``a + F (b - c)`` of three of the best vectors
    of the rung below - as many as the rung trains, the rung's own at the bottom of a bracket -, crossed with the slot's
    vector; where they are fewer than three, mutants of all populations join them.  The child takes the slot unless it
    is worse; one that failed never does.  In the first round, until more brackets are open than there are rungs, the
    rungs above the bottom of a bracket train the best vectors of the rung below instead, which evolves from the first
    training on (in the paper, its first vectors are trained as they are).

    Brackets are those of the code: ``floor((s_max + 1) / (s + 1)) eta^s`` at their bottom.  Inside a bracket a rung
    waits for the one below; with parallel workers the next bracket is opened as soon as all wait.

    Departs from the code: vectors start in the middle of their categories' bins and are read by ``floor(x K)``; the
    code puts them on the lower edge and compares them with rounded multiples of 1/K, which turns category 3 of 5 into 2
    (``encoding = "edges"``).  Equal scores keep their order.  If all of a rung failed, the next trains children.  Where
    coordinates do not make an architecture, or one that breaks a constraint known in closed form, a child is drawn
    anew, up to a hundred times; a space where fewer than one coding in a hundred is valid is refused.

    A child that decodes to what was trained at that fidelity before has that known result at no charge (`look_up`; the
    code trains it again); after a hundred in a row a random new architecture takes its place, and the search is
    finished when there is none.  Results are compared as in `strategies.parts.ranking`: constraints first.

    Parameters
    ----------
    eta : int
        Halving rate, at least 2.
    rungs : list of int or str, optional
        Epochs of the full training or labels of fidelities, ascending; the default is R / eta**i epochs, to the nearest
        that the table has.
    scale : float
        Factor of the difference (F), from 0 to 2.
    crossover : float
        Probability of a coordinate to come from the mutant (Cr), from 0 to 1; if none would, a random one does.
    repair : {"random", "clip"}
        What becomes of coordinates outside [0, 1]: a uniform draw, or the bound.
    encoding : {"centres", "edges"}
        See above.
    look_up : bool
        Whether known results are used at no charge.
    """

    family, paper, year = "multi-fidelity", "Awad, Mallik & Hutter, IJCAI", 2021
    takes = Takes(objectives=1, fidelities=True)
    patience = 100

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        eta: int = 3,
        rungs: Sequence[int | str] | None = None,
        scale: float = 0.5,
        crossover: float = 0.5,
        repair: str = "random",
        encoding: str = "centres",
        look_up: bool = True,
    ) -> None:
        super().__init__(problem, rng)
        self.look_up = boolean("look_up", look_up)
        if not look_up and problem.budget.duplicates == "forbidden":
            raise UnfitError(f"DEHB {_REPEATS.refusal(problem)}; or set `look_up = true`")
        require_free_genes("DEHB", problem.space)
        self.scale = real("scale", scale, low=0.0, high=2.0)
        self.crossover = real("crossover", crossover, low=0.0, high=1.0)
        self.repair = choice("repair", repair, ("random", "clip"))
        self.encoding = choice("encoding", encoding, ("centres", "edges"))
        self.eta = integer("eta", eta, low=2, high=MOST_ETA)
        self.ladder = ladder("DEHB", problem, self.eta, rungs)
        self._sizes = bracket_sizes(len(self.ladder), self.eta, "code")
        self._edges = _edges(problem.space)
        self.populations = [Population(self._random(size)) for size in population_sizes(self._sizes)]
        self._opened = 0
        self._active: list[Bracket] = []
        self._jobs: dict[int, Job] = {}
        self._proposed = 0
        self._known: dict[tuple[int, Hashable], Score | None] = {}  # by rung and architecture; None: running
        self._exhausted: set[int] = set()  # rungs at which every architecture was trained
        self._followers: dict[tuple[int, Hashable], list[Job]] = {}

    def propose(self, n: int) -> Proposals:
        """Return up to `n` rows, fewer only where nothing new is left."""
        archs: list[Archs] = []
        rungs: list[int] = []
        first, in_vain = self._proposed, 0
        while len(archs) < n:
            bracket = next((one for one in self._active if one.ready), None) or self._open()
            job = self._next(bracket)
            if in_vain >= self.patience and len(random := self._random_arch(job.rung)):
                job = job._replace(vector=self._encoded(random)[0])
            elif len(self._exhausted) == len(self.ladder):
                break
            arch = self.decoded(job.vector[None])
            bracket.start()
            if self._is_new(job, arch):
                self._jobs[first + len(archs)] = job
                archs.append(arch)
                rungs.append(self.ladder[job.rung])
                in_vain = 0
            else:
                in_vain += 1
        self._proposed += len(archs)
        rows = np.concatenate([no_archs(self.problem.space), *archs])
        return Proposals(rows, np.array(rungs, dtype=np.int64), np.arange(first, self._proposed))

    def _open(self) -> Bracket:
        """Open the next bracket: all that are open wait."""
        start = self._opened % len(self.ladder)
        bracket = Bracket(start, self._sizes[start])
        self._opened += 1
        self._active = [one for one in self._active if not one.ended] + [bracket]
        return bracket

    def _next(self, bracket: Bracket) -> Job:
        """Return the next training of a bracket: a promotion in the first round above its bottom, else a child."""
        rung = bracket.rung
        parent = self.populations[rung].next_parent()
        if self._opened <= len(self.ladder) and rung > bracket.first:
            promoted = self._promoted(rung, bracket.size)
            if promoted is not None:
                return Job(bracket, rung, parent, promoted)
        donors = self.populations[max(rung - 1, bracket.first)].best(bracket.size)
        return Job(bracket, rung, parent, self.child(self.populations[rung].vectors[parent], donors))

    def _promoted(self, rung: int, count: int) -> FloatArray | None:
        """Return the next vector that was trained at the rung below and is not yet at this one, (L,)."""
        population, trained = self.populations[rung], self.populations[rung - 1].trained()
        if not population.promotions:
            population.promotions = [vector for vector in trained if not population.holds(vector)][:count]
        if population.promotions:
            return population.promotions.pop(0)
        return trained[0] if len(trained) else None

    def child(self, target: FloatArray, donors: FloatArray) -> FloatArray:
        """Return a target crossed with a mutant that decodes to an architecture, if possible, (L,).

        Parameters
        ----------
        target : (L,) float64
        donors : (n, L) float64
            The vectors that the mutant is made of; mutants of all populations join them where n < 3.
        """
        best: tuple[float, FloatArray] | None = None
        for _ in range(self.patience):
            vector = self._bred(target, donors)
            arch = self.decoded(vector[None])
            if not self.problem.space.is_valid(arch)[0]:
                continue
            broken = float(known_violation(self.problem, arch)[0]) if self.problem.constraints else 0.0
            if broken <= 0.0:
                return vector
            if best is None or broken < best[0]:
                best = (broken, vector)
        return self._random(1)[0] if best is None else best[1]

    def _bred(self, target: FloatArray, donors: FloatArray) -> FloatArray:
        if len(donors) < _DONORS:
            everyone = np.concatenate([population.vectors for population in self.populations])
            more = [self._mutant(target, everyone) for _ in range(_DONORS - len(donors) + 1)]
            donors = np.concatenate([donors, more])
        crossed = self.rng.random(len(target)) < self.crossover
        if not crossed.any():
            crossed[self.rng.integers(len(target))] = True
        fresh = self.rng.random(len(target)) if self.repair == "random" else None
        return combined(target, self._mutant(target, donors), crossed, fresh)

    def _mutant(self, target: FloatArray, donors: FloatArray) -> FloatArray:
        """Return ``a + F (b - c)`` of three donors that are not the target, random vectors where they are too few."""
        same = (donors == target).all(axis=1)
        if same.any() and len(donors) > 1:
            donors = np.delete(donors, same.argmax(), axis=0)
        if len(donors) < _DONORS:
            donors = np.concatenate([donors, self._random(_DONORS - len(donors))])
        base, plus, minus = donors[self.rng.permutation(len(donors))[:_DONORS]]
        mutant: FloatArray = base + self.scale * (plus - minus)
        return mutant

    def _random(self, n: int) -> FloatArray:
        """Return vectors of random architectures, (n, L)."""
        return self._encoded(self.problem.space.sample(n, self.rng))

    def _random_arch(self, rung: int) -> Archs:
        """Return a random architecture that was not trained at a rung, (1, L); none where none is left."""
        if rung in self._exhausted:
            return no_archs(self.problem.space)
        known = {key for at, key in self._known if at == rung}
        arch, _ = sample_new(self.problem.space, 1, known, exact_keys, self.rng)
        if not len(arch):
            self._exhausted.add(rung)
        return arch

    def _encoded(self, archs: Archs) -> FloatArray:
        if self.encoding == "centres":
            return encode(self.problem.space, archs)
        edges: FloatArray = archs / self.problem.space.cardinalities
        return edges

    def decoded(self, vectors: FloatArray) -> Archs:
        """Return the architectures that vectors stand for, (n, L) to (n, L)."""
        if self.encoding == "centres":
            return decode(self.problem.space, vectors)
        codes = (vectors[:, :, None] >= self._edges).sum(axis=2) - 1
        rounded: Archs = np.minimum(codes, self.problem.space.cardinalities - 1).astype(self.problem.space.dtype)
        return rounded

    def _is_new(self, job: Job, arch: Archs) -> bool:
        """Say whether a job has to be trained; if not, give it the known result, or let it wait for a running one."""
        if not self.look_up:
            return True
        work = (job.rung, exact_keys(arch)[0])
        if work not in self._known:
            self._known[work] = None
            return True
        score = self._known[work]
        if score is None:
            self._followers.setdefault(work, []).append(job)
        else:
            self._finish(job, score)
        return False

    def tell(self, evaluations: Evaluations) -> None:
        """Let what was trained compete for its slot."""
        archs = np.asarray(evaluations.archs, dtype=self.problem.space.dtype)
        columns = zip(evaluations.tag.tolist(), exact_keys(archs), scores(evaluations), strict=True)
        for tag, key, score in columns:
            job = self._jobs.pop(tag)
            self._finish(job, score)
            if self.look_up:
                work = (job.rung, key)
                self._known[work] = score
                for follower in self._followers.pop(work, ()):
                    self._finish(follower, score)

    def _finish(self, job: Job, score: Score) -> None:
        job.bracket.end()
        self.populations[job.rung].compete(job.parent, job.vector, score)


def population_sizes(brackets: list[tuple[int, ...]]) -> list[int]:
    """Return the vectors of each rung, the lowest first: what the largest of all brackets trains there.

    Examples
    --------
    >>> [population_sizes(bracket_sizes(rungs, 3, "code")) for rungs in (3, 4, 5)]
    [[9, 3, 3], [27, 9, 6, 4], [81, 27, 9, 6, 5]]
    """
    rungs = len(brackets)
    return [max(sizes[rung - rungs] for sizes in brackets if len(sizes) >= rungs - rung) for rung in range(rungs)]


def _edges(space: SearchSpace) -> FloatArray:
    """Return the lower edges of the bins of each gene as the code rounds them, (L, K), infinite beyond the last."""
    edges: FloatArray = np.full((space.genes, int(space.cardinalities.max()) + 1), np.inf)
    for gene, count in enumerate(space.cardinalities.tolist()):
        rounded = np.arange(0.0, 1.0, 1.0 / count)
        edges[gene, : len(rounded)] = rounded
    return edges
