"""Tables of strategies: README's is the registry's, and every built-in strategy says what it is."""

from __future__ import annotations

import re

import numpy as np
import pytest

from docs import strategies
from harness.experiments.spec import load
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


def test_a_fraction_is_the_part_of_the_way_from_random_search_to_the_ceiling():
    assert strategies.fraction(np.array([0.4, 0.6]), np.array([0.2, 0.2]), np.array([0.1, 0.1])) == pytest.approx(0.75)
    assert np.isnan(strategies.fraction(np.ones(2), np.ones(2), np.ones(2)))
