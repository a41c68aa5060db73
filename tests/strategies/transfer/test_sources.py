"""Where to begin: ranks of sources, portfolios, and what is known of transfer between the tables of NAS-Bench-201."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.stats import kendalltau

from harness import registry
from harness.problem import Budget, Constraint, Prior, Problem
from harness.spaces.feasible import FeasibleSpace
from harness.spaces.given import Box
from strategies.transfer.sources import beginning, best_by_mean_rank, best_of_each, portfolio, ranks_of, usable

C10, C100, I16 = "nb201-cifar10", "nb201-cifar100", "nb201-imagenet16"


@cache
def accuracies(name):
    """Return the architectures of a table, and the mean validation accuracy of each."""
    oracle = registry.oracle(name)
    return oracle.archs, oracle.values("valid_accuracy")


@cache
def prior(name):
    archs, values = accuracies(name)
    return Prior(name, archs, (100.0 - values)[:, None], np.full(len(archs), np.nan))


def regret(archs, name):
    """Return the least regret of architectures on a table, in percent."""
    oracle = registry.oracle(name)
    return float(np.nanmax(oracle.values("valid_accuracy")) - oracle.mean(archs, "valid_accuracy").max())


def made_up(*columns, archs=None):
    """Return a source for each column of errors, on architectures of one gene or those given."""
    rows = np.arange(len(columns[0]), dtype=np.uint8)[:, None] if archs is None else archs
    return [
        Prior(f"s{k}", rows, np.array(c, dtype=float)[:, None], np.full(len(c), np.nan)) for k, c in enumerate(columns)
    ]


@pytest.mark.parametrize(
    ("source", "target", "first", "tenth"),
    [
        (C10, C100, 0.7467, 0.0),
        (C10, I16, 1.1778, 0.1778),
        (C100, C10, 0.0533, 0.0),
        (C100, I16, 0.3667, 0.3667),
        (I16, C10, 0.2787, 0.0533),
        (I16, C100, 0.9733, 0.0),
    ],
)
def test_regret_of_the_winner_elsewhere(source, target, first, tenth):
    assert regret(best_of_each([prior(source)], 1), target) == pytest.approx(first, abs=6e-5)
    assert regret(best_of_each([prior(source)], 10), target) == pytest.approx(tenth, abs=6e-5)


@pytest.mark.parametrize(
    ("target", "regrets"), [(C10, (0.0533, 0.0533, 0.0533)), (C100, (0, 0, 0)), (I16, (0.3667, 0.1778, 0.0))]
)
def test_regret_of_the_mean_rank_of_two_sources(target, regrets):
    sources = [prior(name) for name in (C10, C100, I16) if name != target]
    best = best_by_mean_rank(sources, 20)
    assert [regret(best[:count], target) for count in (1, 10, 20)] == pytest.approx(regrets, abs=6e-5)


@pytest.mark.parametrize(
    ("target", "cells", "regrets"),
    [
        (C10, (4, 288, 1000), (0.053, 0, 0)),
        (C100, (8, 384, 2250), (0, 0, 0)),
        (I16, (2, 64, 1800), (0.367, 0, 0)),
    ],
)
def test_boxes_of_two_sources(target, cells, regrets):
    archs, _ = accuracies(target)
    for top, count, least in zip((1, 10, 50), cells, regrets, strict=True):
        members = [best_of_each([prior(name)], top) for name in (C10, C100, I16) if name != target]
        box = Box(registry.benchmark(target).space, np.concatenate(members))
        inside = archs[box.inside(archs)]
        assert box.codings == len(inside) == count
        assert regret(inside, target) == pytest.approx(least, abs=6e-4)


@pytest.mark.parametrize(
    ("a", "b", "tau", "common"), [(C10, C100, 0.8694, 0.64), (C10, I16, 0.8353, 0.45), (C100, I16, 0.8408, 0.62)]
)
def test_agreement_of_tables_of_images(a, b, tau, common):
    (_, one), (_, other) = accuracies(a), accuracies(b)
    assert kendalltau(one, other).statistic == pytest.approx(tau, abs=1e-3)
    tops = [set(np.argsort(-values, kind="stable")[:100].tolist()) for values in (one, other)]
    assert len(tops[0] & tops[1]) / 100 == pytest.approx(common, abs=0.011)


@pytest.mark.parametrize(
    ("a", "b", "tau"), [("cora", "photo", 0.02), ("cs", "photo", 0.45), ("computers", "arxiv", 0.45)]
)
def test_agreement_of_tables_of_graphs(a, b, tau):
    (rows, one), (others, other) = accuracies(f"graph-{a}"), accuracies(f"graph-{b}")
    assert np.array_equal(rows, others)
    assert kendalltau(one, other).statistic == pytest.approx(tau, abs=0.015)


def test_a_portfolio_by_hand():
    """Ranks 1 3 2 4 and 4 1 3 2: the means are 2.5, 2, 2.5, 3; with row 1 chosen, row 0 lowers most: (1 + 1) / 2."""
    sources = made_up([10, 30, 20, 40], [40, 10, 30, 20])
    assert ranks_of(sources)[1].tolist() == [[1, 3, 2, 4], [4, 1, 3, 2]]
    # both sources have their best: it starts again with rows 2 and 3, of mean ranks 2.5 and 3
    assert portfolio(sources, 4)[:, 0].tolist() == [1, 0, 2, 3]
    assert best_of_each(sources, 3)[:, 0].tolist() == [0, 1, 2]
    assert best_by_mean_rank(sources, 4)[:, 0].tolist() == [1, 0, 2, 3]


def test_each_member_of_a_portfolio_is_the_best_next_one():
    rng = np.random.default_rng(3)
    sources = made_up(*rng.permuted(np.tile(np.arange(30.0), (4, 1)), axis=1))
    _, ranks = ranks_of(sources)
    chosen = portfolio(sources, 3)[:, 0].astype(int)
    for size in (1, 2, 3):
        before = ranks[:, chosen[: size - 1]].min(axis=1, initial=np.inf)
        value = [np.minimum(before, ranks[:, row]).mean() for row in range(30)]
        assert value[chosen[size - 1]] == min(value)


def test_what_a_source_was_not_trained_on_is_its_worst():
    rows = np.arange(4, dtype=np.uint8)[:, None]
    sources = [*made_up([2, 1], archs=rows[:2]), *made_up([5, 6, 7], archs=rows[1:])]
    archs, ranks = ranks_of(sources)
    assert archs[:, 0].tolist() == [0, 1, 2, 3]
    assert ranks.tolist() == [[2, 1, 3, 3], [4, 1, 2, 3]]


@pytest.mark.parametrize("rule", ["each", "mean_rank", "portfolio"])
def test_beginnings_are_distinct_and_do_not_depend_on_scales(rule):
    rng = np.random.default_rng(0)
    space = registry.benchmark(C10).space
    archs = np.unique(space.sample(60, rng), axis=0)
    errors = rng.random((3, len(archs)))
    sources = made_up(*errors, archs=archs)
    scaled = made_up(*(errors * [[1.0], [100.0], [3.0]] + [[5.0], [0.0], [-7.0]]), archs=archs)
    objective = registry.benchmark(C10).objectives
    posed = [Problem(space, objective, Budget(evaluations=5), prior=tuple(part)) for part in (sources, scaled)]
    first, second = (beginning(problem, rule, 12) for problem in posed)
    assert np.array_equal(first, second)
    assert len(np.unique(first, axis=0)) == len(first) == 12
    assert len(beginning(posed[0], rule, 500)) == len(archs)


def test_what_breaks_known_constraints_is_left_out():
    table = registry.benchmark(C10)
    archs = table.space.sample(50, np.random.default_rng(0))
    params = table.space.costs(archs)["params_m"]
    source = made_up(np.arange(50.0), archs=archs)
    bounds = (Constraint("params_m", "<=", float(np.median(params))),)
    kept = usable(Problem(table.space, table.objectives, Budget(evaluations=5), bounds, prior=tuple(source)))
    assert (table.space.costs(kept[0].archs)["params_m"] <= bounds[0].bound).all()
    inside = FeasibleSpace(table.space, bounds)
    (left,) = usable(Problem(inside, table.objectives, Budget(evaluations=5), bounds, prior=tuple(source)))
    assert np.array_equal(left.archs, kept[0].archs)
    none = FeasibleSpace(table.space, (Constraint("params_m", ">=", float(params.max()) + 1e-9),))
    assert not usable(Problem(none, table.objectives, Budget(evaluations=5), prior=tuple(source)))
    nothing = (Constraint("params_m", "<=", 0.0),)
    least = usable(Problem(table.space, table.objectives, Budget(evaluations=5), nothing, prior=tuple(source)))
    assert (table.space.costs(least[0].archs)["params_m"] == params.min()).all()
