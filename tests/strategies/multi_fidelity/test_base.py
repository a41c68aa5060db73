"""What all strategies on the skeleton promise: tags, grouping, distinctness, ladders that fit, failures, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError, UnfitError
from harness.problem import Budget, Fidelity
from harness.records import Evaluations, Proposals
from harness.search.loop import make_problem, run_block
from harness.testing.toy import ToyBenchmark
from strategies.multi_fidelity.asha import ASHA
from strategies.multi_fidelity.base import MultiFidelity
from strategies.multi_fidelity.hyperband import Hyperband, SuccessiveHalving
from strategies.multi_fidelity.median import MedianStopping
from strategies.multi_fidelity.pasha import PASHA
from tests.strategies.multi_fidelity.support import E1, E3, E9, Table, chain

EPOCHS = 9


class Nine(ToyBenchmark):
    """The toy benchmark with nine epochs: lower ones are worse, and not all alike."""

    fidelities = chain(*range(1, EPOCHS + 1))

    def query(self, proposals, *, noise_seed):
        full = super().query(
            Proposals(proposals.archs, np.ones(len(proposals), dtype=np.int64), proposals.tag), noise_seed=noise_seed
        )
        left = EPOCHS - 1.0 - proposals.fidelity
        worse = left * (1.0 + 0.3 * proposals.archs[:, 4])
        seconds = full.seconds * (1.0 + proposals.fidelity) / EPOCHS
        objectives = full.objectives + worse[:, None]
        return Evaluations(full.archs, proposals.fidelity, full.tag, objectives, full.constraints, seconds)


ALL = [
    (SuccessiveHalving, {}),
    (SuccessiveHalving, {"barrier": True, "configurations": 20}),
    (Hyperband, {}),
    (Hyperband, {"rounding": "code", "eta": 2}),
    (ASHA, {}),
    (ASHA, {"rule": "stopping"}),
    (ASHA, {"brackets": 3, "cost_aware": True}),
    (PASHA, {}),
    (MedianStopping, {}),
    (MedianStopping, {"rule": "running_average"}),
]


def build(kind, benchmark=None, *, seed=0, workers=1, mode="resumable", seconds=200.0, **hyperparameters):
    problem = make_problem(benchmark or Nine(), Budget(seconds=seconds, multi_fidelity=mode), workers)
    return kind(problem, np.random.default_rng(seed), **hyperparameters)


def trace_of(kind, benchmark=None, **given):
    benchmark = benchmark or Nine()
    strategy = build(kind, benchmark, **given)
    return run_block(benchmark, strategy.problem, [strategy], np.zeros(1, dtype=np.uint64))[0].trace


@pytest.mark.parametrize(("kind", "hyperparameters"), ALL)
class TestEveryStrategy:
    @pytest.mark.parametrize("workers", [1, 8])
    def test_a_row_is_proposed_once_and_continues_what_was_told(self, kind, hyperparameters, workers):
        trace = trace_of(kind, workers=workers, **hyperparameters)
        rows = list(zip(trace.tag.tolist(), trace.fidelity.tolist(), strict=True))
        assert len(set(rows)) == len(rows) > 20
        of_tag = {}
        for tag, arch in zip(trace.tag.tolist(), map(bytes, trace.archs), strict=True):
            assert of_tag.setdefault(tag, arch) == arch
        assert len(set(of_tag.values())) == len(of_tag)
        reached = {}
        for tag, fidelity in rows:
            assert fidelity > reached.get(tag, -1)
            reached[tag] = fidelity

    def test_no_more_is_proposed_than_was_asked_for_and_the_grouping_of_results_does_not_matter(
        self, kind, hyperparameters
    ):
        benchmark = Nine()
        runs = []
        for together in (True, False):
            strategy = build(kind, benchmark, workers=5, **hyperparameters)
            rows = []
            for _ in range(40):
                proposals = strategy.ask(5)
                assert 1 <= len(proposals) <= 5
                assert not strategy.decided
                rows.append(np.column_stack([proposals.archs, proposals.fidelity, proposals.tag]))
                told = benchmark.query(proposals, noise_seed=None)
                for part in [told] if together else [told.take([row]) for row in range(len(told))]:
                    strategy.tell(part)
            runs.append(np.concatenate(rows))
        assert np.array_equal(*runs)

    def test_equal_generators_give_equal_runs(self, kind, hyperparameters):
        one, again, other = (trace_of(kind, seed=seed, workers=2, **hyperparameters) for seed in (1, 1, 2))
        assert np.array_equal(one.archs, again.archs)
        assert np.array_equal(one.fidelity, again.fidelity)
        assert not np.array_equal(one.archs[:20], other.archs[:20])

    @pytest.mark.parametrize("workers", [1, 4])
    def test_failures_are_survived_and_never_trained_on(self, kind, hyperparameters, workers):
        class Failing(Nine):
            def query(self, proposals, *, noise_seed):
                told = super().query(proposals, noise_seed=noise_seed)
                fails = (proposals.archs[:, 0] % 2 == 0) & (proposals.fidelity >= proposals.archs[:, 1])
                objectives = np.where(fails[:, None], np.nan, told.objectives)
                return Evaluations(told.archs, told.fidelity, told.tag, objectives, told.constraints, told.seconds)

        trace = trace_of(kind, Failing(), workers=workers, **hyperparameters)
        failed = np.isnan(trace.objectives[:, 0])
        assert failed.sum() > 5
        for row in np.flatnonzero(failed):
            assert not (trace.tag[row + 1 :] == trace.tag[row]).any()
        assert (trace.fidelity[~failed] == EPOCHS - 1).any()

    def test_results_that_all_fail_are_survived(self, kind, hyperparameters):
        class Failed(Nine):
            def query(self, proposals, *, noise_seed):
                told = super().query(proposals, noise_seed=noise_seed)
                nothing = np.full((len(told), 1), np.nan)
                return Evaluations(told.archs, told.fidelity, told.tag, nothing, told.constraints, told.seconds)

        trace = trace_of(kind, Failed(), workers=3, **hyperparameters)
        assert np.isnan(trace.objectives).all()
        assert len(trace) > 20

    @pytest.mark.parametrize("workers", [1, 8])
    def test_a_space_of_three_is_searched_to_its_end(self, kind, hyperparameters, workers):
        table = Table([row[:3] for row in (E1, E3, E9)])
        trace = trace_of(kind, table, workers=workers, seconds=1000.0, **hyperparameters)
        assert len(np.unique(trace.archs)) == 3
        assert len(trace) <= 9

    def test_a_budget_that_no_training_fits_tells_nothing(self, kind, hyperparameters):
        assert len(trace_of(kind, seconds=0.01, workers=2, **hyperparameters)) == 0

    def test_more_workers_than_configurations(self, kind, hyperparameters):
        trace = trace_of(kind, workers=64, seconds=30.0, **hyperparameters)
        assert trace.finished_seconds.max() <= 30
        assert len(trace) > 40

    def test_two_objectives_and_one_fidelity_are_refused(self, kind, hyperparameters):
        class Lone(ToyBenchmark):
            fidelities = (Fidelity("full", 10, 10),)

        with pytest.raises(UnfitError, match="trains at lower fidelities, and the benchmark has one alone"):
            build(kind, Lone(), **hyperparameters)
        problem = make_problem(Nine(), Budget(evaluations=100))
        with pytest.raises(UnfitError, match="a budget of `evaluations` counts one epoch as much as a whole training"):
            kind(problem, np.random.default_rng(0), **hyperparameters)


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband, ASHA, PASHA])
@pytest.mark.parametrize("eta", [1, 0, -3, 2.5, True])
def test_a_rate_below_two_is_refused(kind, eta):
    with pytest.raises(HarnessError, match="`eta` must be"):
        build(kind, eta=eta)


@pytest.mark.parametrize(
    ("kind", "given", "rule"),
    [
        (SuccessiveHalving, {"configurations": 8}, r"`configurations` must be at least 9 \(`eta` \*\* 2\)"),
        (Hyperband, {"rounding": "up"}, "`rounding` must be one of 'paper', 'code'"),
        (ASHA, {"rule": "median"}, "`rule` must be one of 'promotion', 'stopping'"),
        (ASHA, {"brackets": 4}, "`brackets` must be at most 3, got 4"),
        (ASHA, {"rule": "stopping", "cost_aware": True}, "`cost_aware` chooses promotions"),
        (Hyperband, {"barrier": 1}, "`barrier` must be true or false"),
    ],
)
def test_hyperparameters_out_of_range_are_refused_with_the_rule(kind, given, rule):
    with pytest.raises(HarnessError, match=rule):
        build(kind, **given)


def test_rungs_across_schedules_are_promoted_to_and_not_stopped_on():
    fidelities = (*chain(1, 4, 12), Fidelity("epoch 200 of 200", 200, 200))
    table = Table([E1, E1, E3, E9], fidelities=fidelities)
    rungs = ["epoch 12 of 12"]
    trace = trace_of(ASHA, table, seconds=1e5, rungs=rungs)
    assert set(trace.fidelity.tolist()) == {2, 3}
    with pytest.raises(UnfitError, match="'epoch 200 of 200' does not continue 'epoch 12 of 12'"):
        build(ASHA, table, rungs=rungs, rule="stopping")
    with pytest.raises(UnfitError, match=r"`rungs = \['epoch 12 of 12'\]`"):
        build(ASHA, table)


def test_brackets_begin_where_hyperband_would_begin_them():
    trace = trace_of(ASHA, workers=1, seconds=2000.0, brackets=3)
    _, first = np.unique(trace.tag, return_index=True)
    shares = [np.mean(trace.fidelity[first] == fidelity) for fidelity in (0, 2, 8)]
    assert shares == pytest.approx([0.545, 0.273, 0.182], abs=0.08)


def test_a_strategy_must_say_where_it_begins_and_what_it_learns():
    strategy = build(MultiFidelity)
    with pytest.raises(NotImplementedError, match="must define places"):
        strategy.ask(1)


@pytest.mark.parametrize("kind", [SuccessiveHalving, Hyperband, ASHA])
@pytest.mark.parametrize("mode", ["resumable", "from_scratch"])
def test_what_a_table_says_of_fidelities_that_are_not_rungs_changes_nothing(kind, mode):
    class Elsewhere(Nine):
        def query(self, proposals, *, noise_seed):
            told = super().query(proposals, noise_seed=noise_seed)
            unused = ~np.isin(proposals.fidelity, [0, 2, 8])
            objectives = np.where(unused[:, None], -told.objectives, told.objectives)
            return Evaluations(told.archs, told.fidelity, told.tag, objectives, told.constraints, told.seconds)

    one, other = (trace_of(kind, table, mode=mode, workers=3) for table in (Nine(), Elsewhere()))
    assert np.array_equal(one.archs, other.archs)
    assert np.array_equal(one.objectives, other.objectives)


def test_synchronous_or_not_the_same_configurations_are_begun_in_the_same_order():
    def begun(kind):
        trace = trace_of(kind)
        rows = trace.archs[trace.fidelity == 0][:20]
        return rows.tolist()

    assert begun(SuccessiveHalving) == begun(ASHA) == begun(MedianStopping)


@pytest.mark.parametrize(("kind", "given"), ALL)
def test_shifted_and_scaled_objectives_change_nothing(kind, given):
    class Scaled(Nine):
        def query(self, proposals, *, noise_seed):
            told = super().query(proposals, noise_seed=noise_seed)
            objectives = 4.0 * told.objectives - 256.0  # exact
            return Evaluations(told.archs, told.fidelity, told.tag, objectives, told.constraints, told.seconds)

    one, other = (trace_of(kind, table, workers=2, seconds=120.0, **given) for table in (Nine(), Scaled()))
    assert np.array_equal(one.archs, other.archs)
    assert np.array_equal(one.fidelity, other.fidelity)
