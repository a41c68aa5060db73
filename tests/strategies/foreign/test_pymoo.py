"""The genetic algorithm of pymoo: generations, failures, constraints."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError, UnfitError
from harness.problem import Constraint
from harness.spaces import named
from tests.strategies.support import ToySpace, distance_to_origin, drive, evaluate, problem, rugged

pytest.importorskip("pymoo", reason="the extra [foreign] is not installed")


def build(given=None, seed=0, **hyperparameters):
    factory = registry.strategy("pymoo:MixedVariableGA")
    return registry.build_strategy(factory, given or problem(), np.random.default_rng(seed), hyperparameters, None)


def by_itself(seed, space, pop_size, generations):
    """What the library finds in its own loop."""
    from pymoo.core.mixed import MixedVariableGA
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.core.variable import Choice
    from pymoo.optimize import minimize

    rows = []

    class Posed(ElementwiseProblem):
        def __init__(self):
            genes = {gene: Choice(options=range(count)) for gene, count in enumerate(space.cardinalities)}
            super().__init__(vars=genes, n_obj=1)

        def _evaluate(self, X, out, *args, **kwargs):  # its name there
            rows.append([int(X[gene]) for gene in range(space.genes)])
            out["F"] = float(rugged(np.array(rows[-1:]))[0])

    minimize(Posed(), MixedVariableGA(pop_size=pop_size), ("n_gen", generations), seed=seed)
    return rows


def test_asked_and_told_it_does_what_it_does_by_itself():
    seed = int(np.random.default_rng(3).integers(2**31))
    expected = by_itself(seed, ToySpace(), 10, 5)
    archs, _ = drive(build(seed=3, pop_size=10), rugged, 50)
    assert archs.tolist() == expected


def test_it_finds_what_is_easy():
    _, values = drive(build(pop_size=10), distance_to_origin, 200)
    assert values.min() <= 1


def test_a_generation_is_decided_at_once_and_the_next_waits_for_it():
    strategy = build(pop_size=12)
    first = strategy.ask(5)
    assert (len(first), strategy.decided) == (5, 7)
    rest = strategy.ask(20)
    assert len(rest) == 7
    assert len(strategy.ask(1)) == 0
    strategy.tell(evaluate(rest, rugged))
    assert len(strategy.ask(1)) == 0
    strategy.tell(evaluate(first.take([4, 3, 2, 1, 0]), rugged))
    assert len(strategy.ask(1)) == 1


@pytest.mark.parametrize("all_fail", [True, False])
def test_failed_trainings_never_enter_the_population(all_fail):
    def failing(archs):
        return np.where(all_fail | (archs[:, 0] < 2), np.nan, rugged(archs))

    strategy = build(pop_size=10)
    archs, _ = drive(strategy, failing, 60)
    assert len(archs) == 60
    if not all_fail:
        assert all(row[0] >= 2 for row in strategy._algorithm.pop.get("X"))


def test_constraints_are_learnt():
    strategy, feasible = build(problem(constraints=(Constraint("size", "<=", 0.0),)), pop_size=10), []
    for _ in range(120):
        proposals = strategy.ask(1)
        feasible += (proposals.archs[:, 0] <= 1).tolist()
        strategy.tell(evaluate(proposals, rugged, lambda archs: archs[:, 0] - 1.5))
    assert np.mean(feasible[-40:]) >= 0.7 > np.mean(feasible[:10])


def test_a_missing_constraint_is_an_infinite_violation():
    strategy = build(problem(constraints=(Constraint("size", "<=", 0.0),)), pop_size=4)
    proposals = strategy.ask(4)
    told = evaluate(proposals, rugged, lambda archs: np.array([np.nan, -1.0, -1.0, -1.0]))
    strategy.tell(told)
    assert len(strategy.ask(1)) == 1
    assert np.isinf(strategy._algorithm.pop.get("CV")).sum() == 1


def test_a_tiny_space_ends_the_search():
    archs, _ = drive(build(problem(ToySpace((2, 2))), pop_size=10), rugged, 100)
    assert len(archs) == len(np.unique(archs, axis=0)) == 4


def test_invalid_rows_are_left_out():
    space = named.space("transnas-macro")
    archs, _ = drive(build(problem(space), pop_size=30), lambda archs: archs.sum(axis=1).astype(float), 60)
    assert len(archs) == 60
    assert space.is_valid(archs).all()


def test_what_is_refused_is_told_at_once():
    with pytest.raises(UnfitError, match=r"one objective.*has 2"):
        build(problem(objectives=2))
    with pytest.raises(UnfitError, match="got 'forbidden'"):
        build(problem(duplicates="forbidden"))
    with pytest.raises(HarnessError, match=r"Did you mean 'pop_size'\?"):
        build(pop_sise=3)
    for key, value, why in (
        ("pop_size", 3.5, "be an integer"),
        ("pop_size", 1, "be at least 2"),
        ("n_offsprings", 0, "be"),
    ):
        with pytest.raises(HarnessError, match=f"`{key}` must {why}"):
            build(**{key: value})
    with pytest.raises(HarnessError, match="cannot search categories: it must be MixedVariableGA"):
        registry.strategy("pymoo:pymoo.algorithms.soo.nonconvex.ga:GA")
