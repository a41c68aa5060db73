"""BONAS: Bayesian optimisation on the embedding of a graph network."""

from __future__ import annotations

from typing import Any, ClassVar

from strategies.parts.wide import WidePool


class BONAS(WidePool):
    """Evaluate what Bayesian regression on the embedding of a graph network expects to improve most.

    Shi et al., "Bridging the Gap between Sample-based and One-shot Neural Architecture Search with BONAS", NeurIPS
    2020, its search on tables: a graph convolutional network with a global node is fitted to everything told, good
    results weighing more, then its output layer gives way to Bayesian linear regression on its embedding, whose
    expected improvement or confidence bound chooses among candidates.  The learner is `surrogates.graphs.bonas`.

    Departs from the paper, which trains batches of a hundred in one network with shared weights: here each is trained
    by itself, as in its experiments on tables, twenty random ones first and then ten with each model; and all of a
    space of up to 20,000 codings is compared, of a larger one 20,000 candidates, where the paper draws or evolves its
    candidates.  The regression is of logarithms of errors, where the paper has logits of accuracies, which are the same
    but for a sign near the best: on NAS-Bench-201, CIFAR-10, 150 evaluations, 12 runs, mean regret is 0.14 percent
    points so, and 0.37 with errors as they are.

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

    family, paper, year = "predictor-guided", "Shi et al., NeurIPS", 2020
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "bonas_gcn", "targets": "log_error"}
