"""BOHB: when a model begins and from what, its kernel, presets and proposals; slow: how it does on a real table."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError, UnfitError
from harness.experiments.spec import StrategySpec
from harness.problem import Budget, Objective, Problem
from strategies.multi_fidelity.base import Place
from strategies.multi_fidelity.bohb import BOHB, parts
from strategies.multi_fidelity.dehb import DEHB
from strategies.parts.parzen import Bohb
from tests.strategies.measured import anytime_regrets
from tests.strategies.multi_fidelity.support import chain
from tests.strategies.multi_fidelity.test_dehb import distance, drive, told
from tests.strategies.support import ToySpace, rugged


def problem(space=None, *, duplicates="charged", **more):
    budget = Budget(seconds=1e6, duplicates=duplicates)
    return Problem(space or ToySpace((5,) * 6), (Objective("error"),), budget, fidelities=chain(1, 3, 9), **more)


@pytest.mark.parametrize(
    ("n", "counts"), [(0, None), (13, None), (14, (7, 7)), (15, (7, 8)), (50, (7, 42)), (100, (15, 85))]
)
def test_good_and_others_are_counted_as_in_the_code(n, counts):
    assert parts(n, 6, 0.15) == counts


def test_at_least_so_many_in_each_density():
    assert parts(23, 6, 0.15, 12) is None or parts(23, 6, 0.15, 12) == (12, 11)
    assert parts(40, 6, 0.15, 12) == (12, 28)


def test_the_first_model_is_of_the_fourteenth_result_and_later_of_the_highest_fidelity_that_has_as_many():
    strategy = BOHB(problem(), np.random.default_rng(0))
    counts, levels = np.zeros(3, dtype=int), []
    for _ in range(150):
        proposals = strategy.ask(1)
        strategy.tell(told(proposals, rugged(proposals.archs)))
        counts[proposals.fidelity[0]] += 1
        enough = np.flatnonzero(counts >= 14)
        densities = strategy.densities()
        assert (densities is not None) == bool(len(enough))
        if densities is not None:
            level = int(enough.max())
            levels.append(level)
            good, others = densities
            rows = strategy.told[level]
            order = sorted(range(len(rows)), key=lambda row: rows[row].score(level))
            size = max(7, 15 * len(rows) // 100)
            np.testing.assert_array_equal(good._archs, [rows[row].arch for row in order[:size]])
            assert len(others._archs) == min(len(rows) - size, max(7, 85 * len(rows) // 100))
    assert set(levels) == {0, 1, 2}
    assert levels == sorted(levels)  # what is below the highest model is never looked at again


def test_failed_trainings_are_among_the_others():
    strategy = BOHB(problem(), np.random.default_rng(0), rungs=["epoch 3 of 9"])
    failed = []
    while len(strategy.told[1]) < 30:
        proposals = strategy.ask(1)
        fails = proposals.fidelity[0] == 1 and len(strategy.told[1]) % 3 == 0
        value = np.nan if fails else float(proposals.archs.sum())
        if np.isnan(value):
            failed.append(proposals.archs[0].tolist())
        strategy.tell(told(proposals, value))
        if strategy.densities() and len(strategy.told[2]) < 14:
            good, others = (density._archs.tolist() for density in strategy.densities())
            assert not any(arch in good for arch in failed)
            assert any(arch in others for arch in failed)


def test_the_published_kernel_depends_on_how_operations_are_numbered_and_exceeds_one():
    """For uniform genes of five values h is 1.15 at 14 rows, above 1 to 57 and above 4/5 to 533."""
    uniform = np.arange(5).std() * 1.06

    def bandwidth(n):
        return uniform * n**-0.1

    assert bandwidth(14) == pytest.approx(1.15, abs=0.005)
    assert bandwidth(57) > 1 > bandwidth(58)
    assert bandwidth(533) > 0.8 > bandwidth(540)
    space = ToySpace((5,) * 6)
    archs = space.sample(14, np.random.default_rng(0))
    assert Bohb(space, archs, capped=False).bandwidths.max() > 1
    assert Bohb(space, archs, capped=True, least=0.3).bandwidths.max() <= 0.8
    alike = np.zeros((9, 6), dtype=np.uint8)
    assert Bohb(space, alike, capped=True, least=0.3).bandwidths.tolist() == [0.3] * 6
    assert np.isfinite(Bohb(space, alike, capped=True).log(archs)).all()  # a gene with one value is no trouble


def test_presets():
    code, nats = (BOHB(problem(), np.random.default_rng(0), preset=preset) for preset in ("code", "nats"))
    assert (code.draws, code.random_share, code.least_bandwidth, code.rounding) == (64, 1 / 3, 1e-3, "code")
    assert (nats.draws, nats.random_share, nats.least_bandwidth) == (4, 0.0, 0.3)
    assert BOHB(problem(), np.random.default_rng(0), preset="nats", draws=9).draws == 9


def test_with_a_model_better_architectures_are_begun_but_for_the_published_kernel():
    def begun(**hyperparameters):
        strategy = BOHB(problem(ToySpace((5,) * 8)), np.random.default_rng(5), **hyperparameters)
        archs, fidelities = drive(strategy, distance, 250)
        return archs[fidelities == 0][-40:].sum(axis=1).mean()

    random = begun(random_share=1.0)
    assert begun(random_share=0.0) < random - 3
    assert begun(random_share=0.0, kernel="published") > random - 1  # it prefers what does not match


def test_nothing_is_begun_twice_unless_repeats_are_asked_for():
    space = ToySpace((3,) * 4)
    archs, fidelities = drive(BOHB(problem(space), np.random.default_rng(0)), distance, 90)
    assert len(np.unique(np.column_stack([archs, fidelities]), axis=0)) == len(archs)
    archs, fidelities = drive(BOHB(problem(space), np.random.default_rng(0), distinct=False), distance, 90)
    assert len(np.unique(np.column_stack([archs, fidelities]), axis=0)) < len(archs)
    with pytest.raises(UnfitError, match="distinct = true"):
        BOHB(problem(duplicates="forbidden"), np.random.default_rng(0), distinct=False)


def test_a_tiny_space_is_begun_whole_and_then_the_search_ends():
    archs, fidelities = drive(
        BOHB(problem(ToySpace((2, 2, 2)), n_workers=8), np.random.default_rng(0)), distance, 200, 8
    )
    begun = {tuple(arch) for arch in archs.tolist()}
    assert len(begun) == 8
    assert (fidelities == 2).any()


def test_it_goes_on_where_every_training_fails():
    _, fidelities = drive(BOHB(problem(), np.random.default_rng(0)), lambda archs, _: np.full(len(archs), np.nan), 60)
    assert len(fidelities) == 60


def test_many_places_at_once_are_filled():
    strategy = BOHB(problem(n_workers=8), np.random.default_rng(0))
    drive(strategy, distance, 60, 8)
    sampling = strategy.sample([Place(0)] * 5)
    with pytest.raises(StopIteration) as stop:
        next(sampling)
    assert stop.value.value.shape == (5, 6)


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"preset": "bohb"}, "preset"),
        ({"kernel": "gauss"}, "kernel"),
        ({"draws": 0}, "draws"),
        ({"random_share": 1.5}, "random_share"),
        ({"least_bandwidth": 0.0}, "least_bandwidth"),
        ({"gamma": 1.0}, "gamma"),
        ({"fewest": 6}, "fewest"),
        ({"distinct": 1}, "distinct"),
    ],
)
def test_bad_hyperparameters_are_named(hyperparameters, message):
    with pytest.raises(HarnessError, match=message):
        BOHB(problem(), np.random.default_rng(0), **hyperparameters)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hyperparameters", "published"),
    [({}, (2.41, 1.69, 1.26, 1.08)), ({"preset": "nats"}, (2.43, 1.63, 1.24, 0.94))],
    ids=["code", "nats"],
)
def test_regrets_are_those_of_an_independent_simulation(hyperparameters, published):
    """Of the published kernel: 100 runs, after 10, 25, 50 and 100 full trainings, whose errors are as large as ours."""
    kept = {"kernel": "published", "distinct": False, **hyperparameters}
    regrets = anytime_regrets(StrategySpec("bohb", "bohb", kept), (10, 25, 50, 100), replicates=100)
    error = np.sqrt(2.0) * regrets.std(axis=0) / np.sqrt(len(regrets))
    assert (np.abs(regrets.mean(axis=0) - published) < 3 * error).all()


def test_it_is_better_than_random_search_at_the_same_cost_on_a_real_table():
    better = anytime_regrets(StrategySpec("bohb", "bohb"), (60,), replicates=25)
    random = anytime_regrets(StrategySpec("random_search", "rs"), (60,), replicates=25)
    assert better.mean() < random.mean()


@pytest.mark.parametrize("kind", [BOHB, DEHB])
def test_only_the_order_of_results_counts(kind):
    plain, changed = (
        drive(kind(problem(), np.random.default_rng(2)), objective, 80)
        for objective in (distance, lambda archs, fidelities: np.exp(distance(archs, fidelities)) + 7.0)
    )
    np.testing.assert_array_equal(plain[0], changed[0])
    np.testing.assert_array_equal(plain[1], changed[1])
