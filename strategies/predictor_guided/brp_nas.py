"""BRP-NAS: a predictor of which of two architectures is better, trained where the best are."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, IntArray, integer, real
from harness.problem import Problem
from harness.surrogate import Surrogate
from strategies.predictor_guided.ranked import Ranked


class BRPNAS(Ranked):
    """Rank the whole space by pairs, train half of each round's batch at its head and half in a part that shrinks.

    Dudziak et al., "BRP-NAS: Prediction-based NAS using GCNs", NeurIPS 2020, section 4.2: in the first of `rounds`
    rounds architectures are random.  In round i the predictor, fitted to everything told, ranks the whole space; a part
    `greedy` of the batch are the best that are new, and the others are drawn uniformly among the best 1/2^(i-1) of the
    space.  After the last round the budget that is left follows the ranking, fitted again for each batch.  The default
    learner is the paper's binary relation network, whose ranking is by the mean probability to win.

    Departs from the authors' code: the network is fitted anew in each round, where theirs continues from its weights
    with more epochs; after the last round it is fitted again, where theirs follows one ranking.  Of a space with more
    than 20,000 codings 20,000 candidates are ranked, half of them mutants of the best.

    Constraints known in closed form filter the candidates, as the paper filters by predicted latency, and others are
    learnt; failed trainings are in no model.  See `strategies.parts.model_based`.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    batch : int
        Trainings of a round, the first and random one too; at least 2.
    rounds : int
        Rounds in which some are drawn by chance, at least 1.
    greedy : float
        Part of a batch that is the best, from 0 to 1.
    candidates, parents, edits, acquisition, target, identity, constraints
        See `WidePool`.
    """

    family, paper, year = "predictor-guided", "Dudziak et al., NeurIPS", 2020
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "pairwise_ranker"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        batch: int = 20,
        rounds: int = 5,
        greedy: float = 0.5,
        candidates: int = 20_000,
        parents: int = 10,
        edits: float = 1.5,
        acquisition: str = "mean",
        target: str = "identity",
        identity: str = "exact",
        constraints: str = "learnt",
    ) -> None:
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=batch,
            batch=batch,
            candidates=candidates,
            parents=parents,
            edits=edits,
            acquisition=acquisition,
            target=target,
            identity=identity,
            constraints=constraints,
        )
        self.rounds = integer("rounds", rounds, low=1, high=MOST)
        self.greedy = real("greedy", greedy, low=0.0, high=1.0)
        self._round = 1

    def order(self, ranks: IntArray, whole: int) -> IntArray:
        """Return the best, then some of the best part of the space in random order, then the others by rank."""
        self._round += 1
        if self._round > self.rounds:
            return np.arange(len(ranks))
        head = round(self.greedy * self.batch)
        part = int(np.count_nonzero(ranks < whole / 2 ** (self._round - 1)))
        drawn = head + self.rng.permutation(max(part - head, 0))[: self.batch - head]
        rest = np.setdiff1d(np.arange(head, len(ranks)), drawn)
        return np.concatenate([np.arange(min(head, len(ranks))), drawn, rest])
