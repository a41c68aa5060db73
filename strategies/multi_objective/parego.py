"""ParEGO: efficient global optimisation of one scalarisation after another."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, FloatArray, IntArray, choice, integer, real
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.multi_objective.modelled import SeveralObjectives
from strategies.parts import fronts
from strategies.parts.scalarisation import AUGMENTATION, lattice, simplex, tchebycheff


class ParEGO(SeveralObjectives):
    """Draw weights, learn the scalarised results, evaluate the candidate of largest expected improvement, repeat.

    Knowles, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective optimization
    problems", IEEE Transactions on Evolutionary Computation 10(1), 2006: objectives are scaled to [0, 1]; the weights
    of each iteration are drawn from a lattice on the simplex; the augmented Tchebycheff function of the results is what
    one Gaussian process learns and expected improvement is measured on.  With ``weights = "uniform"`` they are drawn
    from the whole simplex, as in BoTorch.

    Departs from the paper: objectives are learnt as logarithms, where they have any (`target`), and scaled by the
    extremes of what was told; the initial design is ten architectures, where the paper has 11 L - 1 (65 for six genes);
    the model is fitted to all results, not to at most 80; the acquisition is compared on random architectures and the
    neighbours of those that are best by the weights drawn, where the paper evolves candidates.  One weight vector holds
    for a batch; what runs is believed to have the scalarised result that the model predicts (`batch_rule`).

    Constraints, failed trainings and duplicates as in `SeveralObjectives`.

    Its defaults were chosen by runs on `nb201-cifar10`, with errors and parameters.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``; one that predicts a standard deviation.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model and one weight vector, at least 1.
    candidates : int
        Random candidates of a decision, at least `batch`; a space of no more codings is scanned whole.
    parents : int
        Architectures, the best ones by the weights drawn, all of whose neighbours are candidates too.
    weights : {"lattice", "uniform"}
        Whether weights are multiples of ``1 / steps``.
    steps : int, optional
        Of the lattice; 10 for two objectives and 4 for three if left out, see `strategies.parts.scalarisation.lattice`.
    augmentation : float
        Weight of the sum beside the maximum, at least 0.
    acquisition : {"ei", "its", "ucb", "pi"}
        See `strategies.parts.acquisition`.
    batch_rule : str
        See `strategies.parts.batches`.
    target : {"log", "identity"}
        See `strategies.parts.targets`; of each objective, before they are scaled.
    identity : {"exact", "string", "functional"}
        When two architectures are the same, so that the second is not proposed (`SearchSpace.key`).
    """

    family, paper, year = "several objectives", "Knowles, IEEE TEC", 2006
    acquisitions = ("ei", "its", "ucb", "pi")
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "gp", "encoding": "one_hot"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        initial: int = 10,
        batch: int = 1,
        candidates: int = 500,
        parents: int = 5,
        weights: str = "lattice",
        steps: int | None = None,
        augmentation: float = AUGMENTATION,
        acquisition: str = "ei",
        batch_rule: str = "believer",
        target: str = "log",
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
            acquisition=acquisition,
            batch_rule=batch_rule,
            target=target,
            identity=identity,
        )
        self.weights = choice("weights", weights, ("lattice", "uniform"))
        self.steps = None if steps is None else integer("steps", steps, low=1, high=MOST)
        self.augmentation = real("augmentation", augmentation, low=0.0)
        self._lattice = lattice(len(problem.objectives), self.steps) if weights == "lattice" else None
        self._scalars: FloatArray = np.zeros(0)

    def ranking(self) -> list[int]:
        """Draw weights; return the rows that did not fail, least violation first, then by the scalarised result."""
        objectives = len(self.problem.objectives)
        if self._lattice is None:
            drawn = simplex(1, objectives, self.rng)[0]
        else:
            drawn = self._lattice[self.rng.integers(len(self._lattice))]
        rows, targets = super().lessons([row for _, row in self._ranked])
        self._scalars = tchebycheff(fronts.normalise(targets, *fronts.bounds(targets)), drawn, self.augmentation)
        violation = np.array([self._scores[row][0] for row in rows])
        ranked: list[int] = rows[np.lexsort((self._scalars, violation))].tolist()
        return ranked

    def lessons(self, ranked: list[int]) -> tuple[IntArray, FloatArray]:
        """Return the rows that did not fail, and their results scalarised by the weights of this iteration."""
        return np.sort(ranked), self._scalars
