"""The bases of model-based strategies with several objectives: what is told, and one model for each objective."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, BoolArray, FloatArray, IntArray, choice, integer
from harness.problem import Problem
from harness.records import Evaluations
from harness.strategy import Takes
from harness.surrogate import Fit, Predict, Prediction, Surrogate
from strategies.parts import fronts
from strategies.parts import targets as transforms
from strategies.parts.candidates import random_and_neighbours
from strategies.parts.closed_forms import ClosedForms
from strategies.parts.hypervolume import reference_point
from strategies.parts.model_based import Learning, ModelBased
from strategies.parts.ranking import FAILED, Score

REFERENCES = ("told", "front")
"""Where the reference point of hypervolumes is: beyond the worst of all that was told, or beyond the nadir of the front
alone, as in BoTorch (`strategies.parts.hypervolume.reference_point`)."""
_LOWEST_TARGET = 1.0
"""What the least value told is to a learner; the largest is 1 more."""
_LEAST = float(np.finfo(np.float64).tiny)
"""What stands for an objective of at most 0 where those told have logarithms."""


class SeveralObjectives(ModelBased):
    """Base of model-based strategies with several objectives.

    Results are ranked by front and then by crowding distance (`strategies.parts.fronts.order`), and with constraints
    those that keep them come first.  The candidates of a decision are random architectures and all neighbours of the
    first of that order; a space of no more codings is scanned whole.  A training is failed when one of its objectives
    is missing.  All else is as in `ModelBased`.

    Parameters
    ----------
    candidates : int
        Random candidates of a decision, at least `batch`; a space of no more codings is scanned whole.
    parents : int
        Architectures, the first of the ranking, all of whose neighbours are candidates too.
    settings
        See `ModelBased`.
    """

    takes = Takes(fewest_objectives=2)

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        candidates: int,
        parents: int,
        **settings: Any,
    ) -> None:
        choice("target", settings.get("target", "identity"), ("identity", "log"))
        super().__init__(problem, rng, surrogate=surrogate, **settings)
        self.candidates = integer("candidates", candidates, low=self.batch, high=MOST)
        self.parents = integer("parents", parents, low=0, high=MOST)
        self._objectives: list[FloatArray] = []
        self._broken_sums: list[FloatArray] = []
        self._logs: BoolArray = np.zeros(len(problem.objectives), dtype=bool)  # which targets are logarithms

    def scored(self, evaluations: Evaluations) -> list[Score]:
        """Return the violation of each row told, and 0 for what fronts will tell."""
        broken = fronts.violations(self.problem, evaluations.constraints)
        self._objectives.append(evaluations.objectives)
        self._broken_sums.append(broken)
        finite: BoolArray = np.all(np.isfinite(evaluations.objectives), axis=1)
        return [(one, 0.0) if known else FAILED for one, known in zip(broken.tolist(), finite.tolist(), strict=True)]

    def told_objectives(self) -> FloatArray:
        """Return the objectives of all rows told, (n, m); not finite where failed."""
        self._objectives = [np.concatenate(self._objectives)]
        return self._objectives[0]

    def ranking(self) -> list[int]:
        """Return the rows told that did not fail, by front and crowding."""
        self._broken_sums = [np.concatenate(self._broken_sums)]
        rows = fronts.order(self.told_objectives(), self._broken_sums[0], max(self.parents, 1)).rows
        ranked: list[int] = rows[: len(self._ranked)].tolist()
        return ranked

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return random architectures and the neighbours of the first, or a small space as a whole."""
        parents = told[ranked[: self.parents]]
        return random_and_neighbours(self.problem.space, parents, self.candidates, self._taken, self.keys, self.rng)

    def lessons(self, ranked: list[int]) -> tuple[IntArray, FloatArray]:
        """Return the rows that did not fail, and their objectives transformed by `target`, (n, m)."""
        rows = np.sort(ranked)
        objectives = self.told_objectives()[rows]
        self._logs = np.all(objectives > 0, axis=0) & (self.target == "log")
        return rows, self._transformed(objectives)

    def _transformed(self, objectives: FloatArray) -> FloatArray:
        """Return objectives, (q, m), in the unit of the targets; NaN stays NaN."""
        values = np.array(objectives)
        for j in np.flatnonzero(self._logs).tolist():
            values[:, j] = transforms.transformed("log", np.maximum(values[:, j], _LEAST))
        return values


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What is believed of the m objectives of q architectures, in the unit of the targets.

    Attributes
    ----------
    mean, std : (q, m) float64
        The deviation is 0 where an objective is known.
    members : (K, q, m) float64 or None
        Of the learners' members, where all learners have the same number of them; what is known is the same for all.
    """

    mean: FloatArray
    std: FloatArray
    members: FloatArray | None

    def draws(self, standard: FloatArray) -> FloatArray:
        """Return values that the objectives may have, (K, q, m): the members', else normal draws.

        Parameters
        ----------
        standard : (K, 1, m) or (K, q, m) float64
            Standard normal numbers for normal draws.
        """
        return self.mean + self.std * standard if self.members is None else self.members

    def part(self, rows: slice) -> Beliefs:
        """Return those of some architectures."""
        members = None if self.members is None else self.members[:, rows]
        return Beliefs(self.mean[rows], self.std[rows], members)


Preference = Callable[[Beliefs], FloatArray]
"""Values of candidates, (q,), lower is better, by what is believed of them."""


class Modelled(SeveralObjectives):
    """Base of strategies that learn a model of each objective.

    An objective that the space knows in closed form is exact and never learnt (`strategies.parts.closed_forms`).  What
    models are fitted to lies between 1 and 2, so that learners that do not standardise by themselves, or need positive
    targets, fit any objective.
    Subclasses write `preference`, and set `at_told` where they need the models' predictions of what was told too.

    Parameters
    ----------
    reference : {"told", "front"}
        See `REFERENCES`.
    candidates, parents, settings
        See `SeveralObjectives`.
    """

    at_told = False
    """Whether `preference` is given what is believed of the rows told."""

    def __init__(self, problem: Problem, rng: np.random.Generator, *, reference: str = "told", **settings: Any) -> None:
        super().__init__(problem, rng, **settings)
        self.reference = choice("reference", reference, REFERENCES)
        self.closed_forms = ClosedForms(problem)
        self._scale = np.zeros(0), np.zeros(0)
        self._models: list[Surrogate] = [self.surrogate] * len(problem.objectives)

    @abstractmethod
    def preference(self, points: FloatArray, at_points: Beliefs | None) -> Preference:
        """Return what values candidates.

        Parameters
        ----------
        points : (k, m) float64
            Targets of what was told, of those that break constraints least, and what is believed of what runs or is
            chosen.
        at_points : Beliefs or None
            What the models say of the same architectures, with `at_told`.
        """

    def scored(self, evaluations: Evaluations) -> list[Score]:
        """Compare what is told with the closed forms, and score it."""
        self.closed_forms.compare(evaluations.archs, evaluations.objectives)
        return super().scored(evaluations)

    def reference_of(self, points: FloatArray) -> FloatArray:
        """Return the reference point of points, (k, m)."""
        if self.reference == "front":
            points = points[fronts.pareto_ranks(points) == 0]
        return reference_point(points)

    def judge(
        self, told: Archs, rows: IntArray, targets: FloatArray, incumbent: int, believed: Archs, lies: FloatArray
    ) -> Generator[Fit | Predict, Any, Callable[[Archs], Learning]]:
        """Fit a model of each objective that is not known, and return what values architectures by them."""
        models = yield from self._fitted(told[rows], targets, believed, lies)
        exact = self._transformed(self.closed_forms.values(believed))
        least = self._least_broken(rows, incumbent)
        points = np.concatenate([targets[least], np.where(np.isnan(exact), lies, exact)])
        held = np.concatenate([told[rows[least]], believed])
        preference = None if self.at_told else self.preference(points, None)

        def value(archs: Archs) -> Learning:
            asked = archs if preference is not None else np.concatenate([held, archs])
            beliefs = yield from self._beliefs(models, asked)
            if preference is not None:
                return preference(beliefs)
            at_points, beliefs = beliefs.part(slice(0, len(held))), beliefs.part(slice(len(held), None))
            return self.preference(points, at_points)(beliefs)

        return value

    def believe(
        self, archs: Archs, targets: FloatArray, believed: Archs, lies: FloatArray, new: Archs
    ) -> Generator[Fit | Predict, Any, FloatArray]:
        """Return the means of the models, and what is known, (b, m)."""
        models = yield from self._fitted(archs, targets, believed, lies)
        beliefs = yield from self._beliefs(models, new)
        return beliefs.mean

    def _fitted(
        self, archs: Archs, targets: FloatArray, believed: Archs, lies: FloatArray
    ) -> Generator[Fit | Predict, Any, dict[int, Surrogate]]:
        """Fit a model of each objective that is not known; return them by objective."""
        low, high = fronts.bounds(targets)
        self._scale = low, np.where(high > low, high - low, 1.0)
        archs = np.concatenate([archs, believed])
        targets = _LOWEST_TARGET + fronts.normalise(np.concatenate([targets, lies]), low, high)
        models: dict[int, Surrogate] = {}
        known = self.closed_forms.known()
        for j in range(len(low)):
            if j in known:
                continue
            model: Surrogate = yield Fit(self._models[j], archs, targets[:, j], self._child())
            models[j] = model
            if model.continues:
                self._models[j] = model
        return models

    def _beliefs(self, models: dict[int, Surrogate], archs: Archs) -> Generator[Fit | Predict, Any, Beliefs]:
        """Return what is believed of architectures, (q, L)."""
        mean = self._transformed(self.closed_forms.values(archs))
        std = np.zeros_like(mean)
        members: dict[int, FloatArray | None] = {}
        for j, model in models.items():
            said: Prediction = yield Predict(model, archs)
            low, width = self._scale[0][j], self._scale[1][j]
            mean[:, j], std[:, j] = low + width * (said.mean - _LOWEST_TARGET), width * said.std
            members[j] = None if said.members is None else low + width * (said.members - _LOWEST_TARGET)
        given = [one for one in members.values() if one is not None]
        if not given or len(given) < len(members) or len({len(one) for one in given}) > 1:
            return Beliefs(mean, std, None)
        together = np.repeat(mean[None], len(given[0]), axis=0)
        for j, one in zip(members, given, strict=True):
            together[:, :, j] = one
        return Beliefs(mean, std, together)
