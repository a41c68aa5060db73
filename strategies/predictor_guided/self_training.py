"""Self-training: a predictor that also learns from what it predicted itself, after SemiNAS."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, FloatArray, integer
from harness.problem import Problem
from harness.surrogate import Fit, Predict, Prediction, Surrogate
from strategies.parts.candidates import mutate_best, random_and_mutants
from strategies.parts.model_based import Learning, ModelBased, Models, Valued


class SemiNAS(ModelBased):
    """Learn, label random architectures by what was learnt, learn again from both, train the best mutants of the best.

    After Luo et al., "Semi-Supervised Neural Architecture Search", NeurIPS 2020, and not all of it: a predictor is
    fitted to everything told; it predicts `unlabelled` random architectures; it is fitted again to these and to what
    was told, which counts `upsampled` times.  Candidates are mutants of the best told, and mutants of the best of all
    that was predicted; the best predictions are trained.

    Departs from the paper, which is why this is SemiNAS-style: mutants stand where the paper moves along the gradient
    of the predicted value in the latent space of its encoder and decodes; its three rounds of 300 trainings are rounds
    of ten; and a thousand architectures are labelled, not ten thousand, in a space of 15,625.  With ``unlabelled = 0``
    it is the same search, supervised.

    Constraints decide which architectures are mutated; failed trainings are in no model.  See
    `strategies.parts.model_based`.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    unlabelled : int
        Random architectures that are labelled by prediction, at least 0.
    upsampled : int
        How often each training counts beside one of them, at least 1.
    candidates : int
        Mutants wanted, of the told and of the predicted each; at least `batch`.
    parents : int
        Architectures mutated at most, the best told and the best predicted each.
    acquisition : str
        See `strategies.parts.acquisition`.
    target : {"identity", "log"}
        What is learnt, see `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    constraints : {"ranked", "filtered", "learnt"}
        See `strategies.parts.model_based`.
    """

    family, paper, year = "predictor-guided", "Luo et al., NeurIPS", 2020
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gcn"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 20,
        batch: int = 10,
        unlabelled: int = 1000,
        upsampled: int = 10,
        candidates: int = 100,
        parents: int = 10,
        acquisition: str = "mean",
        target: str = "identity",
        identity: str = "exact",
        constraints: str = "ranked",
    ) -> None:
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=initial,
            batch=batch,
            acquisition=acquisition,
            target=target,
            identity=identity,
            constraints=constraints,
        )
        self.unlabelled = integer("unlabelled", unlabelled, low=0, high=MOST)
        self.upsampled = integer("upsampled", upsampled, low=1, high=1000)
        self.candidates = integer("candidates", candidates, low=self.batch, high=MOST)
        self.parents = integer("parents", parents, low=1, high=MOST)

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return mutants of the best told, and as many random architectures."""
        space, parents = self.problem.space, told[ranked[: self.parents]]
        return random_and_mutants(space, parents, 2 * self.candidates, self._taken, self.keys, self.rng, edits=1.0)

    def search(
        self, archs: Archs, keys: list[Hashable], value: Callable[[Archs], Learning]
    ) -> Generator[Fit | Predict, Any, Valued]:
        """Return the pool, and mutants of the best of it."""
        values = yield from value(archs)
        best = archs[np.argsort(values, kind="stable")[: self.parents]]
        taken = {*self._taken, *keys}
        near, new = mutate_best(self.problem.space, best, self.candidates, taken, self.keys, self.rng, edits=None)
        kept = np.flatnonzero(self._broken(near) <= 0.0)
        near, new = near[kept], [new[row] for row in kept.tolist()]
        if not len(near):
            return archs, keys, values
        return np.concatenate([archs, near]), [*keys, *new], np.concatenate([values, (yield from value(near))])

    def learn(self, archs: Archs, targets: FloatArray, believed: Archs, lies: FloatArray) -> Models:
        """Return a model of what was told and of what a first model predicts of random architectures."""
        model = yield from super().learn(archs, targets, believed, lies)
        if not self.unlabelled:
            return model
        drawn = self.problem.space.sample(self.unlabelled, self.rng)
        labels: Prediction = yield Predict(model, drawn)
        both = np.concatenate([np.repeat(archs, self.upsampled, axis=0), drawn])
        results = np.concatenate([np.repeat(targets, self.upsampled, axis=0), labels.mean])
        again: Surrogate = yield Fit(self._model, both, results, self._child())
        return again
