"""Training seeds as a fidelity: what each level tells and costs, by hand and on a real table."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.problem import Budget
from harness.records import Proposals
from harness.search.loop import make_problem, run_block
from harness.strategy import Strategy

TABLE = "micro-mnist1d"


@pytest.fixture(scope="module")
def both():
    return registry.benchmark(TABLE), registry.benchmark(f"{TABLE}@seeds")


def ask(benchmark, archs, level, seed=0):
    proposals = Proposals.of(archs, level)
    noise = np.full(len(archs), seed, dtype=np.uint64)
    return benchmark.query(proposals, noise_seed=noise)


def test_levels_are_means_of_growing_numbers_of_runs_without_repeats(both):
    plain, view = both
    archs = plain.space.sample(40, np.random.default_rng(0))
    runs = 100.0 - registry.oracle(TABLE).trainings(archs, "valid_accuracy")
    assert [item.label for item in view.fidelities] == [
        "1 run of epoch 10 of 10",
        "2 runs of epoch 10 of 10",
        "3 runs of epoch 10 of 10",
    ]
    assert [item.continues for item in view.fidelities] == [None, 0, 1]
    one, two, three = (ask(view, archs, level).objectives[:, 0] for level in range(3))
    np.testing.assert_allclose(three, runs.mean(axis=1))
    assert np.isclose(one[:, None], runs).any(axis=1).all()
    second = 2 * two - one
    assert np.isclose(second[:, None], runs).any(axis=1).all()
    third = 3 * three - 2 * two
    np.testing.assert_allclose(np.sort(np.stack([one, second, third], axis=1)), np.sort(runs), rtol=1e-9)


def test_all_orders_come_equally_often(both):
    _, view = both
    arch = view.space.sample(1, np.random.default_rng(1))
    runs = (100.0 - registry.oracle(TABLE).trainings(arch, "valid_accuracy"))[0]
    told = np.array([ask(view, arch, 0, seed).objectives[0, 0] for seed in range(600)])
    shares = [np.isclose(told, value).mean() for value in runs]
    assert np.abs(np.array(shares) - 1 / 3).max() < 4 * np.sqrt(2 / 9 / 600)


def test_a_further_run_costs_what_the_first_does(both):
    plain, view = both
    archs = plain.space.sample(10, np.random.default_rng(0))
    seconds = [ask(view, archs, level).seconds for level in range(3)]
    single = ask(plain, archs, len(plain.fidelities) - 1).seconds
    for level, told in enumerate(seconds):
        np.testing.assert_allclose(told, (level + 1) * single)

    class Twice(Strategy):
        def propose(self, n):
            archs = self.problem.space.sample(1, np.random.default_rng(5))
            return self.proposals(np.repeat(archs, 3, axis=0), fidelity=[0, 1, 2])

    problem = make_problem(view, Budget(evaluations=3, multi_fidelity="resumable"))
    (run,) = run_block(view, problem, [Twice(problem, np.random.default_rng(0))], None)
    np.testing.assert_allclose(run.trace.seconds, run.trace.seconds[0])


def test_it_is_judged_by_the_means_of_the_table():
    plain, view = registry.oracle(TABLE), registry.oracle(f"{TABLE}@seeds")
    for column in ("valid_accuracy", "test_accuracy", "params_m"):
        np.testing.assert_allclose(view.values(column), plain.values(column), rtol=1e-12)
    assert view.digest == registry.benchmark(f"{TABLE}@seeds").digest != plain.digest


def test_a_table_with_single_runs_is_refused():
    with pytest.raises(HarnessError, match=r"needs two training runs or more in every row .* rows have fewer"):
        registry.benchmark("graph-cora@seeds")


def test_there_are_as_many_levels_as_every_row_has_runs():
    view = registry.benchmark("nb201-cifar10@seeds")
    assert [item.label for item in view.fidelities] == ["1 run of epoch 200 of 200", "2 runs of epoch 200 of 200"]
