"""The shipped table with low fidelities: what they cost, how well they rank, and that they are repeatable."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from benchmarks_data import provider
from benchmarks_data.catalogue.builds import Build
from benchmarks_data.catalogue.entries import builds
from harness import registry
from harness.problem import Budget
from harness.records import Proposals
from harness.search.loop import make_problem, run_block
from harness.strategy import Strategy
from harness.training import data
from harness.training.trainer import train

NAME, FULL = "micro-mnist1d-lowfi", "micro-mnist1d"


@pytest.fixture(scope="module")
def header():
    return provider.whole(NAME)


def test_the_low_fidelities_are_trainings_of_their_own(header):
    low, middle, full = (header.meaning.fidelities[start : start + 10] for start in (0, 10, 20))
    assert {item.scale for item in low} == {(("data", 0.25), ("width", 0.5))}
    assert {item.scale for item in middle} == {(("data", 0.25),)}
    assert {item.scale for item in full} == {()}
    assert [item.continues for item in (*low[:2], *middle[:2], *full[:2])] == [None, 0, None, 10, None, 20]
    assert low[9].label == "epoch 10 of 10, 0.25 of the data, 0.5 of the width"
    assert middle[9].label == "epoch 10 of 10, 0.25 of the data"
    assert header.array("index/runs")[0].tolist() == [1, 1, 3]
    values = header.values("valid_accuracy")
    assert np.isfinite(values[:, 0]).all()
    assert np.isnan(values[:, 1:, :20]).all()


def test_the_full_trainings_are_those_of_the_plain_table():
    both, plain = registry.oracle(NAME), registry.oracle(FULL)
    for column in ("valid_accuracy", "test_accuracy", "train_seconds", "params_m"):
        np.testing.assert_array_equal(both.values(column), plain.values(column))


def test_seconds_are_in_proportion_to_multiply_adds_and_signals(header):
    seconds = header.values("train_seconds")[:, 0]
    share = seconds[:, 9] / seconds[:, 29]
    assert 0.25 * 0.25 < share.mean() < 0.25 * 0.26, "a quarter of the signals, about a quarter of the multiply-adds"
    np.testing.assert_allclose(seconds[:, 19] / seconds[:, 29], 0.25)
    for start in (0, 10, 20):
        own = seconds[:, start : start + 10]
        np.testing.assert_allclose(own / own[:, -1:], np.tile(np.arange(1, 11) / 10, (4930, 1)))


def test_how_well_they_rank(header):
    """Kendall's tau with the mean of the full trainings: hardly in the first epochs, .58 and .70 at the end."""
    values = header.values("valid_accuracy")
    final = values[:, :, -1].mean(axis=1)
    agreement = [kendalltau(values[:, 0, epoch], final).statistic for epoch in (0, 4, 9, 10, 14, 19)]
    assert agreement == pytest.approx([-0.269, 0.284, 0.582, -0.293, 0.401, 0.700], abs=0.001)
    best = np.argsort(-final)[:493]
    assert [kendalltau(values[best, 0, epoch], final[best]).statistic for epoch in (9, 19)] == pytest.approx(
        [0.122, 0.110], abs=0.001
    )


def test_nothing_of_it_is_continued_by_a_full_training():
    class Both(Strategy):
        def propose(self, n):
            return self.proposals(self.problem.space.sample(1, self.rng).repeat(3, axis=0), fidelity=[9, 19, 29])

    benchmark = registry.benchmark(NAME)
    problem = make_problem(benchmark, Budget(epochs=15, multi_fidelity="resumable"))
    (run,) = run_block(benchmark, problem, [Both(problem, np.random.default_rng(0))], np.zeros(1, dtype=np.uint64))
    assert run.beside["epochs"].tolist() == [2.5, 2.5, 10]


@pytest.mark.parametrize(
    ("name", "first", "row"),
    [("micro-mnist1d-quarter-half", 0, 3075), ("micro-mnist1d-quarter", 10, 100)],  # 3075 is the best of the table
)
def test_a_cell_trains_again_to_what_the_table_has(header, name, first, row):
    plan: Build = builds()[name]
    training = plan.training
    arch = header.array("archs")[row : row + 1]
    dataset = data.load(training.dataset, **training.dataset_options)
    recipe = training.load_recipe()
    curves = train(arch, (0,), recipe, dataset, "cpu", network=training.network, level="R0")
    again, stored = curves.valid_accuracy[0, 0], header.values("valid_accuracy")[row, 0, first : first + 10]
    np.testing.assert_allclose(again[:3], stored[:3], atol=1.0)  # levels drift apart in the middle of a training
    np.testing.assert_allclose(again[8:], stored[8:], atol=2.5)


def test_it_answers_at_its_fidelities():
    benchmark = registry.benchmark(NAME)
    arch = benchmark.space.sample(1, np.random.default_rng(0))
    told = [benchmark.query(Proposals.of(arch, level), noise_seed=np.zeros(1, dtype=np.uint64)) for level in (9, 29)]
    assert all(np.isfinite(item.objectives).all() for item in told)
    assert told[0].seconds < told[1].seconds / 10
