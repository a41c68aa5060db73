"""Constraints that a space knows in closed form, for the strategies that draw or walk."""

from __future__ import annotations

import numpy as np
import pytest

from harness.problem import Constraint
from strategies.bayesian.bore import BORE
from strategies.bayesian.smac import SMAC
from strategies.bayesian.tpe import TPE
from tests.strategies.support import NearestNeighbour, ToySpace, distance_to_origin, evaluate, problem


class CountedSpace(ToySpace):
    """A toy space that knows its parameters."""

    def costs(self, archs):
        return {"params_m": 10.0 + archs.sum(axis=1)}


@pytest.mark.parametrize("sense", [">=", "<="])
@pytest.mark.parametrize(
    ("kind", "hyperparameters"),
    [(TPE, {}), (TPE, {"form": "per_gene"}), (BORE, {}), (SMAC, {"random_share": 0.0, "candidates": 200})],
)
def test_what_a_closed_form_forbids_is_not_proposed(kind, hyperparameters, sense):
    """About half of the space is feasible; with ``>=`` the objective pulls out of it."""
    space = CountedSpace((4,) * 5)
    given = problem(space, constraints=(Constraint("params_m", sense, 17.5),))
    if kind is not TPE:
        hyperparameters = hyperparameters | {"surrogate": NearestNeighbour(space)}
    strategy = kind(given, np.random.default_rng(0), **hyperparameters)
    proposals, violations = strategy.ask(10), []
    for _ in range(41):
        violations.append(given.constraints[0].violation(space.costs(proposals.archs)["params_m"]))
        column = violations[-1]
        strategy.tell(evaluate(proposals, lambda archs: 1.0 + distance_to_origin(archs), lambda _, told=column: told))
        proposals = strategy.ask(1)
    assert (violations[0] > 0).any()
    assert (np.concatenate(violations[1:]) <= 0).all()
