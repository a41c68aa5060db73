"""Search with a forest on neural graph features."""

from __future__ import annotations

from typing import Any, ClassVar

from strategies.parts.defaults import defaults
from strategies.predictor_guided.npenas import NPENASBO


@defaults(target="normal_scores")
class GRAFSearch(NPENASBO):
    """Mutate the best architectures, draw each mutant's rank from a forest on neural graph features, evaluate ten.

    The features are those of Kadlecová et al., "Surprisingly Strong Performance Prediction with Neural Graph Features",
    ICML 2024 (GRAF): counts of operations, lengths of paths, degrees; with them a forest ranks well after few
    trainings.  The paper evaluates predictors; the search around this one is that of NPENAS-BO (`NPENASBO`), with the
    spread of the trees for uncertainty.  The forest learns normal scores of ranks: on raw errors, which the worst
    networks rule, the same search was no better than random search on NAS-Bench-201 with CIFAR-10.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    candidates : int
        Mutants of each parent, and candidates wanted; at least `batch`.
    parents : int
        Architectures mutated at most, the best ones.
    acquisition : str
        See `strategies.parts.acquisition`.
    target : {"identity", "log", "normal_scores"}
        What is learnt, see `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    constraints : {"ranked", "filtered", "learnt"}
        See `strategies.parts.model_based`.
    """

    family, paper, year = "predictor-guided", "Kadlecová et al., ICML", 2024
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "random_forest", "encoding": "graf"}
