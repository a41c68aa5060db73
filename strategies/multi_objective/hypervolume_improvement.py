"""Bayesian optimisation of the hypervolume: its expected improvement, exactly, or by draws from the models."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, FloatArray, integer
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.multi_objective.modelled import Beliefs, Modelled, Preference
from strategies.parts.hypervolume import expected_improvement, improvement, undominated

_DECIDES_TIES = 1e-6
"""Weight of the expected improvement beside that of draws, most of which gain nothing late in a search."""


class EHVI(Modelled):
    """Fit a Gaussian process to each objective, evaluate the candidate of largest expected hypervolume improvement.

    Emmerich, Giannakoglou & Naujoks, "Single- and multiobjective evolutionary optimization assisted by Gaussian random
    field metamodels", IEEE Transactions on Evolutionary Computation 10(4), 2006.  The expectation is exact for
    independent normal objectives, however many (`strategies.parts.hypervolume`).  An objective that the space knows in
    closed form, such as parameters or multiply-adds, is not learnt: its value stands for its distribution.

    Departs from the paper: objectives are learnt, and hypervolumes measured, on logarithms where they have any
    (`target`); candidates are random architectures and all neighbours of the first front, where the paper filters the
    offspring of an evolutionary algorithm; the reference point moves with what was told (`reference`), because no
    strategy knows the extremes of a table.

    Constraints, failed trainings, parallel workers and duplicates as in `SeveralObjectives`: the front is that of what
    keeps all constraints, or while nothing does of what breaks them least; the improvement is weighted by the
    probability that what is not known in closed form is kept; what runs is believed to be what the models predict, in
    the models and on the front (`batch_rule`).

    Its defaults were chosen by runs on `nb201-cifar10`, with errors and parameters.  There the mean hypervolume gap
    after 50, 100 and 200 evaluations (means of the table, logarithms of parameters) is .0126, .0048 and .0018 over 50
    runs; that of `nsga2` .0460, .0167 and .0042, of `random_search` .0387, .0211 and .0095 over 100.

    Parameters
    ----------
    surrogate : Surrogate
        The learner of each objective, built on ``problem.space``; one that predicts a standard deviation.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen one after the other before results are waited for, at least 1.
    candidates : int
        Random candidates of a decision, at least `batch`; a space of no more codings is scanned whole.
    parents : int
        Architectures, the first by front and crowding, all of whose neighbours are candidates too.
    batch_rule : str
        See `strategies.parts.batches`.
    target : {"log", "identity"}
        See `strategies.parts.targets`; of each objective, and of the hypervolume.
    reference : {"told", "front"}
        Whether the reference point lies a tenth of the range beyond the worst of all results, or of the front alone, as
        in BoTorch; then architectures beyond the ends of the front gain little.
    identity : {"exact", "string", "functional"}
        When two architectures are the same, so that the second is not proposed (`SearchSpace.key`).
    """

    family, paper, year = "several objectives", "Emmerich, Giannakoglou & Naujoks, IEEE TEC", 2006
    acquisitions = ("ei",)
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gp", "encoding": "one_hot"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        batch: int = 1,
        candidates: int = 300,
        parents: int = 10,
        batch_rule: str = "believer",
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
            acquisition=self.acquisitions[0],
            batch_rule=batch_rule,
            target=target,
            reference=reference,
            identity=identity,
        )

    def preference(self, points: FloatArray, at_points: Beliefs | None) -> Preference:
        """Return the expected hypervolume improvement, sign turned."""
        boxes = undominated(points, self.reference_of(points))
        return lambda beliefs: -expected_improvement(beliefs.mean, beliefs.std, boxes)


class NEHVI(EHVI):
    """Evaluate the candidate whose hypervolume improvement is largest in the mean over draws, each with its own front.

    Daulton, Balandat & Bakshy, "Parallel Bayesian optimization of multiple noisy objectives with expected hypervolume
    improvement", NeurIPS 2021: trainings are noisy, so that what the front is, is uncertain too.  A draw from the
    models, at what was told and at the candidates together, has a front of its own, and a candidate improves on that
    one: ``mean_k HVI(f_k(x) | front of f_k(told))``.

    The draws are the members of the learners: of an ensemble its members, of a Gaussian process joint draws from the
    posterior (`draws` of ``gp``), which cost most of the time.  Of a learner without members there are `draws` normal
    draws, each as many standard deviations from the mean at every architecture.  Where no draw gains anything, the
    expected improvement on what was told decides.

    Departs from the paper as `EHVI` does from its own; fronts are formed anew for each decision; constraints that are
    not known in closed form weight no improvement: candidates that more likely than not keep them come first.

    Its defaults were chosen by runs on `nb201-cifar10`, with errors and parameters.  There, where an evaluation is a
    mean of trainings, it does as `EHVI` does, .0139, .0050 and .0018 over 20 runs, at five times the arithmetic.

    Parameters
    ----------
    surrogate : Surrogate
        The learner of each objective, built on ``problem.space``.
    draws : int
        Normal draws, for learners without members, at least 1.
    initial, batch, candidates, parents, batch_rule, target, reference, identity
        See `EHVI`.
    """

    paper, year = "Daulton, Balandat & Bakshy, NeurIPS", 2021
    acquisitions = ("its",)
    at_told = True
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gp", "encoding": "one_hot", "draws": 32}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        batch: int = 1,
        candidates: int = 300,
        parents: int = 10,
        draws: int = 16,
        batch_rule: str = "believer",
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
            batch_rule=batch_rule,
            target=target,
            reference=reference,
            identity=identity,
        )
        self.draws = integer("draws", draws, low=1, high=MOST)

    def preference(self, points: FloatArray, at_points: Beliefs | None) -> Preference:
        """Return the mean improvement over draws, sign turned."""
        reference = self.reference_of(points)
        standard = self.rng.standard_normal((self.draws, 1, len(reference)))
        told = points[None] if at_points is None else at_points.draws(standard)
        boxes = undominated(points, reference)

        def value(beliefs: Beliefs) -> FloatArray:
            pairs = zip(beliefs.draws(standard), told, strict=True)
            gains = [improvement(drawn, undominated(front, reference)) for drawn, front in pairs]
            expected = _DECIDES_TIES * expected_improvement(beliefs.mean, beliefs.std, boxes)
            return -np.asarray(np.mean(gains, axis=0) + expected, dtype=np.float64)

        return value
