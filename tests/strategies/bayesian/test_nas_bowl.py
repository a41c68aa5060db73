"""NAS-BOWL: which candidates it compares, from what it measures improvement, and that it beats random search."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.experiments.spec import StrategySpec
from harness.spaces.nb201.space import NB201Space
from harness.surrogate import Fit, Predict, serve
from strategies.bayesian.nas_bowl import NasBowl
from strategies.parts.acquisition import expected_improvement
from surrogates.gaussian_process.graphs import GraphProcess
from tests.strategies.measured import beaten, regrets
from tests.strategies.support import (
    NearestNeighbour,
    ToySpace,
    constrained,
    distance_to_origin,
    drive,
    edits,
    evaluate,
    problem,
    rugged,
)

ROOMY = ToySpace((4,) * 24)  # random architectures differ in about 18 genes
NB201 = NB201Space()


def build(given=None, seed=0, **hyperparameters):
    given = given or problem()
    hyperparameters.setdefault("surrogate", GraphProcess(given.space))
    return NasBowl(given, np.random.default_rng(seed), **hyperparameters)


def requests_of(strategy):
    """Answer the requests of one plan; return requests, answers and proposals."""
    plan, seen, answers = strategy.asking(5), [], []
    try:
        request = next(plan)
        while True:
            seen.append(request)
            answers.append(serve([request])[0])
            request = plan.send(answers[-1])
    except StopIteration as stop:
        return seen, answers, stop.value.archs


def tell_initial(strategy, objective=rugged, **more):
    initial = strategy.ask(strategy.initial)
    strategy.tell(evaluate(initial, objective, **more))
    return initial.archs


def test_defaults_are_those_of_the_authors_for_nas_bench_201():
    strategy = build()
    assert (strategy.initial, strategy.batch, strategy.candidates, strategy.parents) == (10, 5, 200, 10)
    assert (strategy.acquisition, strategy.target, strategy.batch_rule) == ("ei", "log", "top")
    assert strategy.edits == pytest.approx(len(NB201.cardinalities) / 5)
    assert strategy.mutants == 200
    assert NasBowl.default_surrogate["name"] == "wl_gp"


def test_all_of_the_best_are_mutated_equally_often():
    strategy = build(problem(ROOMY), initial=20, parents=10)
    archs = tell_initial(strategy)
    requests, _, _ = requests_of(strategy)
    pool = requests[-1].archs
    parents = archs[np.argsort(rugged(archs))[:10]]
    nearest = np.argmin([edits(pool, parent) for parent in parents], axis=0)
    assert np.bincount(nearest).tolist() == [20] * 10
    assert len(np.unique(pool, axis=0)) == 200
    assert {row.tobytes() for row in archs}.isdisjoint(row.tobytes() for row in pool)


@pytest.mark.parametrize(("random", "count"), [(0.5, 100), (1.0, 200)])
def test_a_share_of_the_candidates_can_be_random(random, count):
    strategy = build(problem(ROOMY), random=random)
    archs = tell_initial(strategy)
    requests, _, _ = requests_of(strategy)
    far = np.min([edits(requests[-1].archs, arch) for arch in archs], axis=0) > 7
    assert far.sum() == pytest.approx(count, abs=3)


def test_random_candidates_stand_in_where_mutants_run_out():
    strategy = build(problem(ToySpace((4,) * 5)), edits=1e-9)
    tell_initial(strategy)
    requests, _, _ = requests_of(strategy)
    assert len(np.unique(requests[-1].archs, axis=0)) == 200


@pytest.mark.parametrize("incumbent", ["predicted", "told"])
def test_improvement_is_measured_from_the_result_of_the_best_mean(incumbent):
    strategy = build(problem(NB201), incumbent=incumbent, seed=3)
    archs = tell_initial(strategy)
    requests, answers, chosen = requests_of(strategy)
    targets = np.log(rugged(archs))
    np.testing.assert_allclose(requests[0].targets, targets)
    best = targets.min()
    if incumbent == "predicted":
        assert np.array_equal(requests[1].archs, archs)
        best = targets[answers[1].mean.argmin()]
    assert len(requests) == (3 if incumbent == "predicted" else 2)
    gains = expected_improvement(answers[-1].mean, answers[-1].std, best)
    assert np.array_equal(chosen, requests[-1].archs[np.argsort(-gains, kind="stable")[:5]])


def test_the_incumbent_is_among_those_that_break_constraints_least():
    strategy = build(constrained(ROOMY))
    archs = tell_initial(strategy, constraint=lambda archs: np.arange(len(archs)) - 6.5)  # feasible: the first 7
    requests, _, _ = requests_of(strategy)
    asked = [request.archs for request in requests if isinstance(request, Predict)]
    assert np.array_equal(asked[0], archs[:7])


def test_of_cells_of_one_function_only_one_is_a_candidate():
    strategy = build(problem(NB201))
    proposed, _ = drive(strategy, rugged, 60)
    assert len(np.unique(NB201.key(proposed, "functional"))) == 60
    requests, _, _ = requests_of(strategy)
    pool = requests[-1].archs
    assert len(np.unique(NB201.key(pool, "functional"))) == len(pool)


def test_it_finds_the_optimum_of_a_sum():
    archs, values = drive(build(problem(ToySpace((4,) * 8))), distance_to_origin, 100)
    assert values.min() == 0
    assert len(np.unique(archs, axis=0)) == 100


@pytest.mark.parametrize(("asked", "told", "rule"), [(8, 8, "top"), (8, 1, "top"), (8, 1, "believer")])
def test_what_runs_is_not_proposed_again(asked, told, rule):
    archs, values = drive(build(batch_rule=rule), distance_to_origin, 48, asked=asked, told=told)
    assert len(np.unique(archs, axis=0)) == 48
    assert values.min() <= 2


def test_a_tiny_space_is_exhausted_and_then_finished():
    strategy = build(problem(ToySpace((2, 3, 4)), duplicates="forbidden"))
    archs, _ = drive(strategy, rugged, 1000, asked=3)
    assert len(archs) == len(np.unique(archs, axis=0)) == 24
    assert len(strategy.ask(1)) == 0


def test_constraints_are_learnt():
    strategy, seen = build(constrained(ToySpace((4,) * 8))), []
    limit = lambda archs: 12.0 - archs.sum(axis=1)  # noqa: E731 - feasible: a sum of at least 12
    for _ in range(16):
        proposals = strategy.ask(5)
        seen.append(proposals.archs)
        strategy.tell(evaluate(proposals, distance_to_origin, limit))
    late = np.concatenate(seen)[-20:].sum(axis=1)
    assert (late >= 12).mean() >= 0.5
    assert late.min() <= 13


def test_failed_trainings_are_in_no_model_and_no_parents():
    strategy = build(problem(ROOMY))
    initial = strategy.ask(strategy.initial)
    values = np.where(np.arange(len(initial)) % 3 == 0, np.nan, rugged(initial.archs))
    strategy.tell(evaluate(initial, lambda archs: values))
    requests, _, _ = requests_of(strategy)
    assert isinstance(requests[0], Fit)
    assert np.array_equal(requests[0].archs, initial.archs[np.isfinite(values)])
    failed = initial.archs[np.isnan(values)]
    assert min(edits(requests[-1].archs, arch).min() for arch in failed) > 5


def test_hyperparameters_out_of_range_are_refused():
    for given, rule in [
        ({"initial": 1}, "`initial` must be at least 2"),
        ({"candidates": 3}, "`candidates` must be at least 5"),
        ({"parents": 0}, "`parents` must be at least 1"),
        ({"edits": 0}, "`edits` must be greater than 0"),
        ({"edits": 1e308}, "`edits` must be at most 1000"),
        ({"random": 1.5}, "`random` must be at most 1"),
        ({"acquisition": "ts"}, "`acquisition` must be one of"),
        ({"incumbent": "max"}, "`incumbent` must be one of"),
        ({"surrogate": NearestNeighbour(ROOMY), "identity": "graph"}, "`identity` must be one of"),
    ]:
        with pytest.raises(HarnessError, match=rule):
            build(**given)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["nb201-cifar10", "nb201-cifar100", "nb201-imagenet16"])
def test_it_beats_random_search_at_150_evaluations(table):
    specs = [StrategySpec("random_search", "random"), StrategySpec("nas_bowl", "nas_bowl")]
    assert beaten(*regrets(specs, table, 36))
