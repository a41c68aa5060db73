"""DNGO: Bayesian optimisation with a network as the basis of linear regression."""

from __future__ import annotations

from typing import Any, ClassVar

from strategies.parts.wide import WidePool


class DNGO(WidePool):
    """Evaluate what a network with a Bayesian output layer expects to improve most, among everything new.

    Snoek et al., "Scalable Bayesian Optimization Using Deep Neural Networks", ICML 2015; on tables of architectures as
    White, Neiswanger & Savani, AAAI 2021, compare it (naszilla): twenty random architectures, then batches of ten for
    each fit.  The learner is `surrogates.neural.dngo`, on one-hot rows; the acquisition is the paper's, expected
    improvement.  A space of at most 20,000 codings is scanned whole at every step, as NAS-Bench-201 is; of a larger
    one, 20,000 candidates are compared, half of them mutants of the best.

    Departs from naszilla, whose call of the acquisition loses the model's mean, so that draws as wide as the standard
    deviation decide alone, in curves published from it too; here the mean counts.
    Departs from the paper: candidates instead of a continuous search, and a batch is the top of one acquisition, where
    the paper integrates over what runs (`batch_rule` offers other rules).  Objectives are learnt as they are, as in
    both; `target` = "log" suits tables where failures spread over tens of percent.

    Constraints are filtered in closed form or learnt, failed trainings are in no model, and duplicates are refused; see
    `strategies.parts.model_based`.  With parallel workers what runs is left out of the candidates, and the model does
    not know of it, unless `batch_rule` is another than "top".

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
        See `strategies.parts.acquisition`; "ucb" is ``mean - 0.5 std``.
    batch_rule : str
        See `strategies.parts.batches`.
    target : {"identity", "log", "normal_scores"}
        What is learnt, see `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    constraints : {"learnt", "filtered", "ranked"}
        See `strategies.parts.model_based`.
    """

    family, paper, year = "Bayesian optimisation", "Snoek et al., ICML", 2015
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "dngo_network", "encoding": "one_hot"}
