"""Tables of strategies: README's is the registry's, and every built-in strategy says what it is."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import harness as nh
from docs import strategies
from harness.errors import ResultError
from harness.experiments.schema import load
from harness.experiments.spec import StrategySpec
from reports.study.study import prepare
from tests.paths import ROOT


def test_the_table_of_readme_is_that_of_the_registry():
    readme = strategies.README.read_text(encoding="utf-8")
    assert strategies.with_overview(readme) == readme, "write it again: python -m docs.strategies"


@pytest.mark.parametrize("name", strategies.built_in())
def test_every_strategy_says_what_it_is(name):
    strategy = strategies.built_in()[name]
    assert strategy.family
    assert strategy.paper
    assert 1950 < strategy.year < 2030
    assert str(strategy.year) in (strategy.__doc__ or "")
    assert strategy.takes.objectives is not None or "objectives" in (strategy.__doc__ or "")


LEFT_OUT = {"cma_es", "graf_search"}
"""Strategies that need an extra, or an encoding that not every space has."""


@pytest.mark.parametrize(
    ("name", "replicates", "evaluations", "benchmarks"), [("zoo", 25, 150, 5), ("zoo-full", 100, 300, 13)]
)
def test_the_tournament_has_every_strategy_of_one_objective_and_full_trainings_that_needs_no_extra(
    name, replicates, evaluations, benchmarks
):
    spec = load(ROOT / "examples" / f"{name}.toml")
    assert [item.name for item in spec.strategies] == [
        known
        for known, strategy in strategies.built_in().items()
        if known not in LEFT_OUT
        and strategy.family != "several objectives"
        and not (strategy.takes.fidelities or strategy.takes.prior)
        and not (name == "zoo" and strategy.family == "predictor-guided")
    ]
    assert all(item.hyperparameters == {} and item.surrogate is None for item in spec.strategies)
    assert (spec.replicates, spec.budget.evaluations) == (replicates, evaluations)
    assert len(spec.benchmarks) == benchmarks
    assert re.search(r"^# Run: ", (ROOT / "examples" / f"{name}.toml").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_guided_strategies_stand_beside_their_ceilings():
    spec = load(ROOT / "examples" / "guided.toml")
    guided = [name for name, one in strategies.built_in().items() if one.family == "predictor-guided"]
    assert [item.label for item in spec.strategies] == ["random_search"] + [
        label for name in guided for label in (name, f"{name}, perfect")
    ]
    assert all(item.surrogate in (None, {"name": "perfect"}) for item in spec.strategies)


def test_the_guided_strategies_are_the_other_half_of_the_tournament():
    zoo, half = (load(ROOT / "examples" / f"{name}.toml") for name in ("zoo", "zoo-guided"))
    assert replace(half, name=zoo.name, strategies=zoo.strategies) == zoo
    guided = [name for name, one in strategies.built_in().items() if one.family == "predictor-guided"]
    assert [item.name for item in half.strategies] == [
        "random_search",
        *(name for name in guided if name not in LEFT_OUT),
    ]
    assert all(item.hyperparameters == {} and item.surrogate is None for item in half.strategies)


BENCHMARKS = ["nb201-cifar10", "micro-mnist1d"]


@pytest.fixture(scope="module")
def halves():
    """Three experiments: two of one protocol, which share random search, and one with another budget."""
    given = {"a": (["random_search", "local_search"], 8), "b": (["random_search", "tpe"], 8), "c": (["tpe"], 9)}
    results = [
        nh.run([StrategySpec(name) for name in names], BENCHMARKS, evaluations=budget, replicates=3)
        for names, budget in given.values()
    ]
    return [replace(one, spec=replace(one.spec, name=name)) for one, name in zip(results, given, strict=True)]


def test_results_of_one_protocol_are_one_experiment(halves):
    first, second, third = halves
    assert strategies.by_protocol(halves) == [[first, second], [third]]
    whole = nh.run(
        [StrategySpec(name) for name in ("random_search", "local_search", "tpe")],
        BENCHMARKS, evaluations=8, replicates=3,
    )  # fmt: skip
    both = strategies.joined([first, second])
    assert (both.labels, both.spec.name) == (whole.labels, "a")
    assert [(run.benchmark, run.label, run.replicate) for run in both.runs] == [
        (run.benchmark, run.label, run.replicate) for run in whole.runs
    ]
    assert all(np.array_equal(one.trace.archs, two.trace.archs) for one, two in zip(both.runs, whole.runs, strict=True))


def test_what_is_missing_of_a_part_is_missing_of_the_whole(halves):
    shards = [("micro-mnist1d", label, 0, 3) for label in ("random_search", "tpe")]
    part = replace(halves[1], missing=tuple(shards))
    assert strategies.joined([halves[0], part]).missing == tuple(shards[1:]), "random search is the first one's"


def test_one_label_of_two_strategies_is_refused(halves):
    spec = halves[1].spec
    other = replace(spec, strategies=(StrategySpec("tpe", "local_search"),))
    with pytest.raises(ResultError, match="'local_search' is that of different strategies"):
        strategies.joined([halves[0], replace(halves[1], spec=other)])


def test_a_section_of_two_experiments_ranks_all_strategies_and_replaces_both(halves):
    study = prepare(strategies.joined(halves[:2]))
    written = f"# Strategies\n\n{strategies.HEAD}b\n\nold\n\n{strategies.HEAD}other\n\nkept\n"
    page = strategies.page(written, {("a", "b"): study})
    assert "`examples/a.toml` and `examples/b.toml`: 3 runs of 8 evaluations on 2 benchmarks" in page
    assert re.findall(rf"^{strategies.HEAD}(.*)$", page, re.MULTILINE) == ["other", "a"]
    overall = page.partition("### All benchmarks")[2].partition("###")[0]
    assert sorted(re.findall(r"^\| (\w+) \| [\d.]+ \[", overall, re.MULTILINE)) == sorted(study.labels)


def test_a_fraction_is_the_part_of_the_way_from_random_search_to_the_ceiling():
    assert strategies.fraction(np.array([0.4, 0.6]), np.array([0.2, 0.2]), np.array([0.1, 0.1])) == pytest.approx(0.75)
    assert np.isnan(strategies.fraction(np.ones(2), np.ones(2), np.ones(2)))
