"""Closed forms that agree with what is told, up to the size of the network, and that do not."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.problem import Budget
from harness.records import Proposals
from harness.search.loop import make_problem
from strategies.parts.closed_forms import ClosedForms
from tests.strategies.support import problem

NAMES = ("valid_accuracy", "params_m", "macs_m")


def told_of(table, names=NAMES, n=12):
    benchmark = registry.benchmark(table, objectives=names)
    archs = benchmark.space.sample(400, np.random.default_rng(0))
    evaluations = benchmark.query(Proposals.of(archs, len(benchmark.fidelities) - 1), noise_seed=None)
    forms = ClosedForms(make_problem(benchmark, Budget(evaluations=10)))
    forms.compare(evaluations.archs[:n], evaluations.objectives[:n])
    return forms, evaluations


@pytest.mark.parametrize("table", ["nb201-cifar10", "nb201-cifar100", "nb201-imagenet16"])
def test_costs_of_every_size_of_the_network_are_known(table):
    """CIFAR-10 is the published network; the others have more classes or smaller images."""
    forms, evaluations = told_of(table)
    assert forms.known() == {1, 2}
    values = forms.values(evaluations.archs)
    assert np.isnan(values[:, 0]).all()
    np.testing.assert_allclose(values[:, 1:], evaluations.objectives[:, 1:], rtol=1e-7)
    if table == "nb201-cifar10":
        np.testing.assert_array_equal(values[:, 1:], evaluations.objectives[:, 1:])


def test_too_few_results_make_nothing_known_where_the_network_is_another():
    assert told_of("nb201-imagenet16", n=4)[0].known() == set()


def test_a_table_that_counts_other_networks_is_not_known():
    """Micro counts what is left of a cell without its dead edges."""
    assert told_of("micro-mnist1d")[0].known() == set()


def test_a_column_that_is_no_function_of_the_costs_is_not_known():
    forms, evaluations = told_of("nb201-cifar10")
    noisy = np.array(evaluations.objectives)
    noisy[:, 1] *= 1 + 0.01 * np.random.default_rng(0).random(len(noisy))
    forms.compare(evaluations.archs, noisy)
    assert forms.known() == {2}
    assert np.isnan(forms.values(evaluations.archs)[:, :2]).all()


def test_failed_trainings_say_nothing():
    forms, evaluations = told_of("nb201-cifar10")
    forms.compare(evaluations.archs, np.full_like(evaluations.objectives, np.nan))
    assert forms.known() == {1, 2}


def test_a_space_without_closed_forms_knows_nothing():
    given = problem(objectives=2)
    forms = ClosedForms(given)
    archs = given.space.sample(5, np.random.default_rng(0))
    forms.compare(archs, np.ones((5, 2)))
    assert forms.known() == set()
    assert np.isnan(forms.values(archs)).all()
