"""Bayesian optimisation on the embedding of arch2vec."""

from __future__ import annotations

from typing import Any, ClassVar

from strategies.parts.defaults import defaults
from strategies.parts.wide import WidePool


@defaults(initial=16, batch=5)
class Arch2VecBO(WidePool):
    """Evaluate what a model on an embedding that was learnt without any result expects to improve most.

    Yan, Zheng, Ao, Zeng & Zhang, "Does Unsupervised Architecture Representation Learning Help Neural Architecture
    Search?", NeurIPS 2020, arch2vec-BO: an autoencoder of graphs is trained on the space alone; then DNGO on its
    embedding is fitted to everything told, and of the whole space the five of the largest expected improvement are
    trained, after sixteen random ones.  The learner is `surrogates.graphs.arch2vec`.  What is learnt without results is
    not charged, as in the paper.

    Departs from the authors' code, whose expected improvement has the variance where the standard deviation belongs,
    and an incumbent that is no result but a constant, 0.95, beside the best of the table.  Of a space with more than
    20,000 codings, 20,000 candidates are compared, half of them mutants of the best.

    Constraints known in closed form filter the candidates, others are learnt; failed trainings are in no model.  See
    `strategies.parts.model_based`.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    initial : int
        Random architectures before the first model, at least 2.
    batch : int
        Architectures chosen with one model, at least 1.
    candidates : int
        Codings up to which a space is scanned whole, and else the size of the pool; at least `batch`.
    parents : int
        Architectures mutated in a space that is not scanned, the best ones.
    edits : float
        Mean number of edits of a mutant, greater than 0, at most 1000.
    acquisition : str
        See `strategies.parts.acquisition`.
    batch_rule : str
        See `strategies.parts.batches`.
    target : {"identity", "log", "normal_scores"}
        What is learnt, see `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    constraints : {"learnt", "filtered", "ranked"}
        See `strategies.parts.model_based`.
    """

    family, paper, year = "predictor-guided", "Yan et al., NeurIPS", 2020
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "arch2vec"}
