"""The base of model-based strategies, with a learner that draws nothing and a pool that is everything."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.problem import Constraint
from harness.surrogate import Fit, Predict, serve
from strategies.parts.batches import LIES, NAMES
from strategies.parts.candidates import everything
from strategies.parts.model_based import ModelBased
from surrogates.linear.ridge import Ridge
from tests.strategies.support import NearestNeighbour, ToySpace, distance_to_origin, drive, evaluate, problem, rugged


class Scan(ModelBased):
    """Everything new is a candidate."""

    def pool(self, told, ranked):
        return everything(self.problem.space, 10**5, self._taken, self.keys)


class CostedSpace(ToySpace):
    """A space that knows the number of ones in closed form."""

    def costs(self, archs):
        return {"ones": (np.asarray(archs) == 1).sum(axis=1).astype(float)}


def scan(given=None, seed=0, **more):
    given = given or problem(ToySpace((3,) * 5))
    more = {"surrogate": NearestNeighbour(given.space), "initial": 8, "batch": 4, "acquisition": "ucb"} | more
    return Scan(given, np.random.default_rng(seed), **more)


def requests_of(strategy, n=1):
    plan, seen = strategy.asking(n), []
    try:
        request = next(plan)
        while True:
            seen.append(request)
            request = plan.send(serve([request])[0])
    except StopIteration as stop:
        return seen, stop.value


def told(strategy, objective=rugged, **more):
    proposals = strategy.ask(strategy.initial)
    strategy.tell(evaluate(proposals, objective, **more))
    return proposals.archs


@pytest.mark.parametrize("rule", NAMES)
def test_every_rule_proposes_all_that_there_is_once_and_finishes(rule):
    acquisition = "ei" if rule == "penalised" else "ucb"
    given = problem(ToySpace((3, 3, 2)))
    strategy = scan(given, batch_rule=rule, acquisition=acquisition)
    archs, _ = drive(strategy, rugged, 1000, asked=3)
    assert len(archs) == len(np.unique(archs, axis=0)) == 18
    assert len(strategy.ask(1)) == 0


def test_improvement_of_logarithms_is_that_of_objectives_that_have_none():
    """A maximised column without a best value is minimised as its negative."""
    found = []
    for acquisition in ("ei", "log_ei"):
        strategy = scan(acquisition=acquisition, target="log")
        found.append(drive(strategy, lambda archs: 2.0 * rugged(archs) - 9.0, 40)[0])
    assert np.array_equal(*found)


@pytest.mark.parametrize("rule", NAMES)
def test_what_runs_is_not_proposed_again(rule):
    strategy = scan(batch_rule=rule, acquisition="ei")
    told(strategy)
    running = [strategy.ask(4).archs for _ in range(5)]  # nothing is told meanwhile
    assert len(np.unique(np.concatenate(running), axis=0)) == 20


@pytest.mark.parametrize("rule", LIES)
def test_lies_are_told_to_the_model_about_what_was_chosen_and_what_runs(rule):
    strategy = scan(batch_rule=rule)
    initial = told(strategy)
    first = strategy.ask(4).archs
    requests, _ = requests_of(strategy)
    largest = max((one for one in requests if isinstance(one, Fit)), key=lambda one: len(one.archs))
    np.testing.assert_array_equal(largest.archs[:12], np.concatenate([initial, first]))
    believed = largest.targets[8:]
    assert len(believed) == 4 + 3  # those that run, and those chosen before the last
    values = rugged(initial)
    if rule != "believer":
        expected = {"liar_min": values.min(), "liar_mean": values.mean(), "liar_max": values.max()}[rule]
        np.testing.assert_allclose(believed, expected)
    else:
        assert set(believed) <= set(values)  # the nearest neighbour's mean


def test_one_fit_serves_a_batch_that_is_chosen_at_once():
    strategy = scan()
    told(strategy)
    requests, proposals = requests_of(strategy, 4)
    assert [type(one) for one in requests] == [Fit, Predict]
    assert len(proposals) == 4


def test_a_failed_training_is_in_no_model_and_a_model_waits_for_two():
    strategy = scan()
    proposals = strategy.ask(8)
    values = np.where(np.arange(8) == 3, 1.0, np.nan)
    strategy.tell(evaluate(proposals, lambda archs: values))
    requests, more = requests_of(strategy, 4)
    assert requests == []
    strategy.tell(evaluate(more, rugged))
    requests, _ = requests_of(strategy, 4)
    assert len(requests[0].archs) == 1 + 4


def test_what_the_space_knows_in_closed_form_filters_the_pool_and_is_not_learnt():
    space = CostedSpace((3,) * 5)
    strategy = scan(problem(space, constraints=(Constraint("ones", "<=", 1.0),)))
    told(strategy, constraint=lambda archs: space.costs(archs)["ones"] - 1.0)
    for _ in range(10):
        requests, proposals = requests_of(strategy, 4)
        assert sum(isinstance(one, Fit) for one in requests) == 1
        assert (space.costs(proposals.archs)["ones"] <= 1.0).all()
        strategy.tell(evaluate(proposals, rugged, lambda archs: space.costs(archs)["ones"] - 1.0))


def test_where_nothing_can_hold_what_breaks_a_known_bound_least_is_proposed():
    space = CostedSpace((3,) * 5)
    strategy = scan(problem(space, constraints=(Constraint("ones", ">=", 7.0),)), batch=1)
    told(strategy, constraint=lambda archs: 7.0 - space.costs(archs)["ones"])
    seen = set(map(tuple, strategy.ask(1).archs.tolist()))
    left = {tuple(row) for row in space.decode(np.arange(243, dtype=np.uint64)).tolist()} - strategy_rows(strategy)
    most = max(row.count(1) for row in left | seen)
    assert all(row.count(1) >= most - 1 for row in seen)


def strategy_rows(strategy):
    return {tuple(row) for told in strategy._told for row in told.tolist()}


@pytest.mark.parametrize("acquisition", ["ei", "ucb"])
def test_a_bound_that_must_be_learnt_is_learnt_and_kept(acquisition):
    def size(archs):
        return np.asarray(archs)[:, 0].astype(float) - 0.5  # feasible where the first gene is 0

    given = problem(ToySpace((3,) * 5), constraints=(Constraint("size", "<=", 0.5),))
    strategy = scan(given, acquisition=acquisition, surrogate=Ridge(given.space))
    told(strategy, constraint=size)
    rows = []
    for _ in range(8):
        requests, proposals = requests_of(strategy, 4)
        assert sum(isinstance(one, Fit) for one in requests) == 2
        rows.append(proposals.archs)
        strategy.tell(evaluate(proposals, distance_to_origin, size))
    assert np.mean(np.concatenate(rows)[:, 0] == 0) > 0.8  # a third by chance


def test_ranked_constraints_are_not_learnt():
    strategy = scan(problem(ToySpace((3,) * 5), constraints=(Constraint("size", "<=", 0.5),)), constraints="ranked")
    told(strategy, constraint=lambda archs: np.zeros(len(archs)))
    requests, _ = requests_of(strategy, 4)
    assert sum(isinstance(one, Fit) for one in requests) == 1


def test_a_learner_that_continues_is_given_its_last_model():
    class Continuing(NearestNeighbour):
        continues = True

    for kind, same in ((Continuing, False), (NearestNeighbour, True)):
        given = problem(ToySpace((3,) * 5))
        learner = kind(given.space)
        strategy = scan(given, surrogate=learner)
        told(strategy)
        (first, *_), proposals = requests_of(strategy, 4)
        strategy.tell(evaluate(proposals, rugged))
        (second, *_), _ = requests_of(strategy, 4)
        assert first.learner is learner
        assert (second.learner is learner) == same


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"acquisition": "log_ei"}, "unless `target` is"),
        ({"acquisition": "its", "batch_rule": "penalised"}, "where `batch_rule` is penalised"),
        ({"batch_rule": "best"}, "`batch_rule` must be one of"),
        ({"target": "exp"}, "`target` must be one of"),
        ({"constraints": "no"}, "`constraints` must be one of"),
        ({"incumbent": "no"}, "`incumbent` must be one of"),
        ({"initial": 1}, "`initial` must be at least 2"),
        ({"surrogate": 3}, "`surrogate` must be a Surrogate"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, rule):
    with pytest.raises(HarnessError, match=rule):
        scan(**wrong)
