"""Thompson sampling of the hypervolume: the largest improvement of a draw from each model."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.checks import FloatArray
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.multi_objective.modelled import Beliefs, Modelled, Preference
from strategies.parts.hypervolume import improvement, undominated


class ThompsonHypervolume(Modelled):
    """Draw each objective once from its model, evaluate the candidates whose draws improve the hypervolume most.

    Bradford, Schweidtmann & Lapkin, "Efficient multiobjective optimization employing Gaussian processes, spectral
    sampling and a genetic algorithm", Journal of Global Optimization 71, 2018 (TSEMO): one function is drawn from the
    model of each objective, and a batch is filled greedily, each choice with the candidate whose drawn value adds most
    to the hypervolume of what was told and of the choices before.

    The draw is a member of the learner, drawn uniformly: a joint draw from the posterior of a Gaussian process (`draws`
    of ``gp``), a tree, a network.  Of a learner without members each candidate has a normal draw of its own.  An
    objective that the space knows in closed form is its own draw.

    Departs from the paper: objectives are learnt, and hypervolumes measured, on logarithms where they have any
    (`target`); the draw is maximised over random architectures and the neighbours of the first front, where the paper
    runs NSGA-II on approximate functions; batches are of five.

    Constraints, failed trainings and duplicates as in `SeveralObjectives`; candidates that more likely than not keep
    what is not known in closed form come first.  What runs is left out and otherwise not taken into account.

    Its defaults were chosen by runs on `nb201-cifar10`, with errors and parameters.

    Parameters
    ----------
    surrogate : Surrogate
        The learner of each objective, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one draw, at least 1.
    candidates : int
        Random candidates of a decision, at least `batch`; a space of no more codings is scanned whole.
    parents : int
        Architectures, the first by front and crowding, all of whose neighbours are candidates too.
    target : {"log", "identity"}
        See `strategies.parts.targets`; of each objective, and of the hypervolume.
    reference : {"told", "front"}
        See `EHVI`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same, so that the second is not proposed (`SearchSpace.key`).
    """

    family, paper, year = "several objectives", "Bradford, Schweidtmann & Lapkin, J. Global Optimization", 2018
    acquisitions = ("its",)
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gp", "encoding": "one_hot", "draws": 1}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        batch: int = 5,
        candidates: int = 300,
        parents: int = 10,
        target: str = "log",
        reference: str = "told",
        identity: str = "exact",
    ) -> None:
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=initial,
            batch=batch,
            candidates=candidates,
            parents=parents,
            acquisition="its",
            batch_rule="top",
            target=target,
            reference=reference,
            identity=identity,
        )

    def preference(self, points: FloatArray, at_points: Beliefs | None) -> Preference:
        """Return the places at which a batch is filled greedily, below -1, and the rest by what they would add."""
        reference = self.reference_of(points)

        def value(beliefs: Beliefs) -> FloatArray:
            draws = beliefs.draws(self.rng.standard_normal((1, *beliefs.mean.shape)))
            draw = draws[self.rng.integers(len(draws))]
            front, values = points, np.zeros(len(draw))
            for place in range(min(self.batch, len(draw))):
                gains = improvement(draw, undominated(front, reference))
                gains[values < -1.0] = -1.0
                best = int(gains.argmax())
                values = np.where(values < -1.0, values, -gains / (1.0 + gains.max()))
                values[best] = place - self.batch - 1.0
                front = np.concatenate([front, draw[best : best + 1]])
            return values

        return value
