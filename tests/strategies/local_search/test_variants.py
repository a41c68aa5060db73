"""Variants of local search: gene by gene, from the best of several starts, and on from a local optimum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

import harness as nh
from harness import registry
from harness.errors import HarnessError
from harness.spaces import named
from strategies.local_search.restarts import LocalSearch
from tests.strategies.support import ToySpace, distance_to_origin, drive, edits, evaluate, problem, rugged

WAYS = [
    {"improvement": "gene"},
    {"at_minimum": "continue"},
    {"improvement": "best", "at_minimum": "continue"},
    {"improvement": "gene", "at_minimum": "continue", "starts": 3},
    {"starts": 10},
]


def search(given=None, seed=0, **hyperparameters):
    return LocalSearch(given or problem(), np.random.default_rng(seed), **hyperparameters)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_gene_by_gene_keeps_the_best_value_of_each_and_restarts_after_a_pass_without_change(seed, asked):
    """Den Ottelander et al.: a row that is proposed differs from where the search stands in the gene looked at."""
    archs, values = drive(search(seed=seed, improvement="gene"), rugged, 200, asked=asked)
    known = dict(zip(map(bytes, archs.astype(np.uint8)), values, strict=True))
    here, row = archs[0], 1
    while row < len(archs) - 3:
        differing = np.flatnonzero(archs[row] != here)
        if len(differing) != 1:  # elsewhere: every gene looked at since the last move, or known
            around = [bytes(arch) for arch in ToySpace().neighbours(here)]
            assert all(known[key] >= known[bytes(here)] for key in around)
            here, row = archs[row], row + 1
            continue
        gene = int(differing[0])
        values_of_gene = [arch for arch in ToySpace().neighbours(here) if arch[gene] != here[gene]]
        told = {bytes(arch) for arch in archs[:row]}
        wanted = {bytes(arch) for arch in values_of_gene} - told
        assert {bytes(arch) for arch in archs[row : row + len(wanted)]} == wanted
        best = min(values_of_gene, key=lambda arch: known[bytes(arch)])
        here = best if known[bytes(best)] < known[bytes(here)] else here
        row += len(wanted)
        here = settle(here, {bytes(arch) for arch in archs[:row]}, known)


def settle(here, told, known):
    """Move as long as a gene is known in full and has a better value: what costs nothing leaves no row."""
    while True:
        for gene in range(len(here)):
            values = [arch for arch in ToySpace().neighbours(here) if arch[gene] != here[gene]]
            if all(bytes(arch) in told for arch in values):
                best = min(values, key=lambda arch: known[bytes(arch)])
                if known[bytes(best)] < known[bytes(here)]:
                    here = best
                    break
        else:
            return here


def test_gene_by_gene_reaches_a_separable_optimum_in_one_pass():
    archs, values = drive(search(improvement="gene"), distance_to_origin, 1 + 18)
    assert values.min() == 0.0
    assert np.array_equal(archs[np.argmin(values)], np.zeros(6))


def test_the_descent_begins_at_the_best_of_the_starts():
    strategy = search(starts=10)
    starts = strategy.ask(10)
    assert len(starts) == 10
    results = evaluate(starts, rugged)
    strategy.tell(results.take(slice(0, 9)))
    assert len(strategy.ask(5)) == 0  # waits for the last
    strategy.tell(results.take([9]))
    best = starts.archs[np.argmin(results.objectives[:, 0])]
    assert edits(strategy.ask(5).archs, best).tolist() == [1] * 5


def test_a_start_whose_runs_all_failed_is_replaced():
    strategy = search(starts=4)
    strategy.tell(evaluate(strategy.ask(4), lambda archs: np.full(len(archs), np.nan)))
    again = strategy.ask(4)
    assert len(again) == 4
    strategy.tell(evaluate(again, lambda archs: np.array([np.nan, 3.0, 1.0, np.nan])))
    assert edits(strategy.ask(1).archs, again.archs[2])[0] == 1


@pytest.mark.parametrize("improvement", ["first", "best", "gene"])
def test_it_goes_on_from_the_best_told_at_which_it_has_not_stood(improvement):
    """On a plateau nobody is better: the search stands at each architecture in the order in which it was told."""
    strategy = search(improvement=improvement, at_minimum="continue")
    archs, _ = drive(strategy, lambda archs: np.ones(len(archs)), 1 + 18 + 15)
    assert set(edits(archs[1:19], archs[0])) == {1}
    assert set(edits(archs[19:], archs[1])) == {1}


def test_it_goes_on_from_the_second_best_at_a_local_optimum():
    strategy = search(improvement="best", at_minimum="continue")
    start = strategy.ask(1)
    strategy.tell(evaluate(start, lambda archs: np.zeros(1)))
    around = strategy.ask(18)
    strategy.tell(evaluate(around, lambda archs: np.where(np.arange(18) == 11, 1.0, 2.0)))
    assert set(edits(strategy.ask(15).archs, around.archs[11])) == {1}


@pytest.mark.parametrize("hyperparameters", WAYS)
@pytest.mark.parametrize("asked", [1, 8])
def test_every_architecture_is_proposed_once_until_the_space_is_exhausted(hyperparameters, asked):
    strategy = search(problem(ToySpace((3, 4, 3)), duplicates="forbidden"), **hyperparameters)
    archs, _ = drive(strategy, rugged, 1000, asked=asked)
    assert len(archs) == len(np.unique(archs, axis=0)) == 36
    assert len(strategy.ask(1)) == 0


@pytest.mark.parametrize("hyperparameters", WAYS)
def test_failed_trainings_are_survived(hyperparameters):
    archs, _ = drive(search(**hyperparameters), lambda archs: np.full(len(archs), np.nan), 60, asked=3)
    assert len(archs) == 60


@pytest.mark.parametrize("space", ["nb101", "darts"])
def test_genes_that_an_edit_changes_together_are_one_variable(space):
    given = problem(named.space(space))
    strategy = search(given, improvement="gene")
    archs, _ = drive(strategy, lambda archs: np.ones(len(archs)), 20)
    assert given.space.is_valid(archs).all()
    around = {bytes(arch) for arch in given.space.neighbours(archs[0])}
    assert {bytes(arch) for arch in archs[1:20]} <= around


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"starts": 0}, "`starts` must be at least 1"),
        ({"at_minimum": "stop"}, "`at_minimum` must be one of 'restart', 'continue'"),
        ({"improvement": "all"}, "`improvement` must be one of 'first', 'best', 'gene'"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        search(**hyperparameters)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "imagenet16"])
def test_local_search_beats_random_search_at_150_evaluations(dataset):
    """Paired on replicates; the effect is at least 1.1 standard deviations, for which 36 pairs suffice."""
    table = f"nb201-{dataset}"
    results = nh.run(["random_search", "local_search"], table, evaluations=150, replicates=36)
    oracle, means = registry.oracle(table), {}
    for name in ("random_search", "local_search"):
        runs = results.of(table, name)
        archs = np.array([run.trace.archs[np.argmin(run.trace.objectives[:, 0])] for run in runs])
        means[name] = oracle.mean(archs, oracle.validation)
    test = wilcoxon(means["local_search"], means["random_search"], zero_method="pratt", alternative="greater")
    assert test.pvalue < 0.01
