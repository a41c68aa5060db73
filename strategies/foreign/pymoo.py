"""Algorithms of pymoo on categories, asked and told one generation at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from pymoo.core.evaluator import Evaluator
from pymoo.core.mixed import MixedVariableGA
from pymoo.core.problem import Problem as MixedProblem
from pymoo.core.variable import Choice
from pymoo.problems.static import StaticProblem
from pymoo.termination.max_gen import MaximumGenerationTermination

from harness.checks import MOST, integer
from harness.problem import Problem
from harness.records import Evaluations
from strategies.foreign.adapter import Foreign, quiet
from strategies.parts.ranking import FAILED, Score, scores


class PymooSearch(Foreign):
    """Blank & Deb, "pymoo: multi-objective optimization in Python", IEEE Access 8, 2020.

    Every gene is a `Choice` over its codes, so their order says nothing.  The seed is drawn from the random stream of
    the run.  A generation is proposed at once, and the next one waits until all of it is told; parallel workers are
    idle at its end.  Constraints are given as inequalities (what is missing is an infinite violation).  A failed
    training, and a row that is invalid in the space, is left out of the generation that the algorithm is told, so that
    it never is a parent; invalid rows are not charged.  Where a whole first generation failed, the algorithm begins
    anew; after 1,000 generations in a row without a valid row the search is finished, as it is when the algorithm finds
    no child that is new to its population.  An architecture that has left the population may be proposed again, so a
    budget that forbids duplicates is refused.  The version of the library is part of the digest of results.
    """

    paper: ClassVar[str] = "Blank & Deb, IEEE Access"
    year: ClassVar[int | None] = 2020
    library: ClassVar[str] = "pymoo"
    explained: ClassVar[Mapping[str, str]] = {
        "pop_size": "Architectures in the population.",
        "n_offsprings": "Children in a generation; none given, as many as the population has.",
    }

    @classmethod
    def exported(cls) -> Mapping[str, Any]:
        """Return the algorithms that take variables of mixed kinds."""
        return {"MixedVariableGA": MixedVariableGA}

    @classmethod
    def refusal(cls, factory: Any) -> str:
        """Say why a class cannot search categories."""
        takes_choices = isinstance(factory, type) and issubclass(factory, MixedVariableGA)
        return (
            "" if takes_choices else "cannot search categories: it must be MixedVariableGA, or a class that extends it"
        )

    def __init__(self, problem: Problem, rng: np.random.Generator, **hyperparameters: Any) -> None:
        super().__init__(problem, rng, **hyperparameters)
        for name, low in (("pop_size", 2), ("n_offsprings", 1)):
            if self.hyperparameters.get(name) is not None:
                integer(name, self.hyperparameters[name], low=low, high=MOST)
        choices = {index: Choice(options=range(count)) for index, count in enumerate(problem.space.cardinalities)}
        self._posed = MixedProblem(vars=choices, n_obj=1, n_ieq_constr=len(problem.constraints))
        self._generation: Any = None  # that runs; None: the next may be asked for
        self._scores: dict[int, tuple[Score, list[float]]] = {}  # of it, by the row's number: what is known
        self._running: set[int] = set()
        self._begin()

    def _begin(self) -> None:
        """Make the algorithm, with a seed of its own."""
        self._algorithm = self.build(seed=self.seed())
        self._algorithm.setup(self._posed, termination=MaximumGenerationTermination(float("inf")))

    def draw(self, n: int) -> tuple[Sequence[int], Sequence[Sequence[int]]]:
        """Ask for a generation; none while one runs, or if there is no child left."""
        if self._generation is not None:
            return (), ()
        try:
            with quiet("pymoo"):
                asked = self._algorithm.ask()
        except Exception as error:
            raise self.blame(error) from error
        if asked is None or not len(asked):
            return (), ()
        self._generation = asked
        self._running = set(range(len(asked)))
        return sorted(self._running), [[row[gene] for gene in self._posed.vars] for row in asked.get("X")]

    def reject(self, tags: Sequence[int]) -> None:
        """Leave what is invalid out of the generation."""
        self._running.difference_update(tags)
        self._advance()

    def tell(self, evaluations: Evaluations) -> None:
        """Note results; with the last of a generation, tell the algorithm all that did not fail."""
        super().tell(evaluations)
        tags, constraints = evaluations.tag.tolist(), evaluations.constraints.tolist()
        for tag, score, violations in zip(tags, scores(evaluations), constraints, strict=True):
            self._running.discard(tag)
            if score is not FAILED:
                self._scores[tag] = score, violations
        self._advance()

    def _advance(self) -> None:
        """Tell the algorithm a generation of which nothing runs any more."""
        if self._running or self._generation is None:
            return
        rows = sorted(self._scores)
        told, self._generation = self._generation[rows], None
        if not rows:
            if not self._algorithm.is_initialized:
                self._begin()
            return
        objectives = np.array([[self._scores[row][0][1]] for row in rows])
        constraints = np.array([self._scores[row][1] for row in rows]).reshape(len(rows), -1)
        self._scores = {}
        static = StaticProblem(self._posed, F=objectives, G=np.nan_to_num(constraints, nan=np.inf, posinf=np.inf))
        with quiet("pymoo"):
            Evaluator().eval(static, told)
            self._algorithm.tell(infills=told)
