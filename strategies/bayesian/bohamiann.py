"""BOHAMIANN: Bayesian optimisation with a Bayesian neural network."""

from __future__ import annotations

from typing import Any, ClassVar

from strategies.parts.defaults import defaults
from strategies.parts.wide import WidePool


@defaults(candidates=2_000)
class Bohamiann(WidePool):
    """Evaluate what samples of a Bayesian neural network expect to improve most, among random candidates and mutants.

    Springenberg, Klein, Falkner & Hutter, "Bayesian Optimization with Robust Bayesian Neural Networks", NeurIPS 2016;
    on tables of architectures as White, Neiswanger & Savani, AAAI 2021, compare it (naszilla): twenty random
    architectures, then batches of ten for each fit.  The learner is `surrogates.neural.bohamiann`, on one-hot rows; the
    acquisition is the paper's, expected improvement.  Spaces of at most 2,000 codings are scanned whole at every step;
    of a larger one, such as NAS-Bench-201, 2,000 candidates are compared, half of them mutants of the best, because
    every one is predicted by a hundred networks.

    Departs from naszilla, whose call of the acquisition loses the model's mean, so that draws as wide as the standard
    deviation decide alone, in curves published from it too, and which samples 10,000 steps; here the mean counts, and
    the learner's defaults are those of pybnn.  Departs from the paper: candidates instead of a continuous search, and a
    batch is the top of one acquisition (`batch_rule` offers other rules).

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
        See `strategies.parts.acquisition`; "ucb" is ``mean - 0.5 std``, "ts" draws one of the networks.
    batch_rule : str
        See `strategies.parts.batches`.
    target : {"identity", "log", "normal_scores"}
        What is learnt, see `strategies.parts.targets`.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    constraints : {"learnt", "filtered", "ranked"}
        See `strategies.parts.model_based`.
    """

    family, paper, year = "Bayesian optimisation", "Springenberg et al., NeurIPS", 2016
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "bohamiann_network", "encoding": "one_hot"}
