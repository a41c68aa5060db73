"""Clusters that misbehave: what attempts cost, what is told, and an independent simulator of events."""

from __future__ import annotations

import heapq
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.problem import Budget, Fidelity
from harness.records import Proposals
from harness.search.loop import make_problem, run_block
from harness.search.mishaps import Mishaps
from harness.strategy import Strategy
from harness.testing.toy import ToyBenchmark

MANY = 200_000


def fates(mishaps: Mishaps, count: int = MANY):
    ones = np.ones(count, dtype=np.uint64)
    return mishaps.fates(ones, np.arange(count, dtype=np.uint64), np.zeros(count, dtype=np.int64))


def within(values, expected) -> bool:
    """Say whether a mean is within four standard errors of what it should be."""
    return abs(np.mean(values) - expected) < 4 * np.std(values) / np.sqrt(len(values)) + 1e-12


@pytest.mark.parametrize(("rate", "expected"), [(0.1, 1.0556), (0.2, 1.125)])
def test_a_job_that_is_retried_until_it_succeeds_costs_what_arithmetic_says(rate, expected):
    """d (1 + p / (2 (1 - p))): a failed attempt costs half a duration in the mean."""
    told = fates(Mishaps(failures=rate, retries=100))
    assert expected == pytest.approx(1 + rate / (2 * (1 - rate)), abs=1e-4)
    assert within(told.factor, 1 + rate / (2 * (1 - rate)))
    assert within(told.wasted, rate / (2 * (1 - rate)))
    assert within(told.attempts, 1 / (1 - rate))
    assert not told.failed.any()


def test_stragglers_take_longer_by_the_absolute_value_of_a_normal_number():
    told = fates(Mishaps(stragglers=0.5))
    z = (told.factor - 1) / 0.5
    assert (z >= 0).all()
    assert within(z, np.sqrt(2 / np.pi))
    assert within(z**2, 1.0)
    assert within(z < 1.0, 0.6827)
    assert (told.attempts == 1).all()
    assert not told.failed.any()


def test_what_never_returns_is_killed_at_the_timeout_and_told_as_failed():
    told = fates(Mishaps(hangs=0.25, timeout=3.0))
    assert within(told.failed, 0.25)
    assert set(told.factor[told.failed]) == {3.0}
    assert set(told.factor[~told.failed]) == {1.0}
    assert (told.wasted == np.where(told.failed, told.factor, 0)).all()


def test_a_straggler_beyond_the_timeout_is_killed():
    told = fates(Mishaps(stragglers=1.0, timeout=2.0))
    assert within(told.failed, 1 - 0.6827)
    assert told.factor.max() == 2.0


def test_nothing_goes_wrong_where_nothing_is_asked_for():
    told = fates(Mishaps(), 10)
    assert (told.factor == 1).all()
    assert not told.failed.any()


def test_draws_depend_on_seed_architecture_fidelity_and_attempt_alone():
    mishaps = Mishaps(stragglers=1.0, failures=0.3, retries=2)
    rng = np.random.default_rng(0)
    seeds, codes = (rng.integers(0, 2**63, 500, dtype=np.uint64) for _ in range(2))
    fidelity = rng.integers(0, 3, 500)
    told = mishaps.fates(seeds, codes, fidelity)
    order = rng.permutation(500)[:200]
    for whole, part in zip(told, mishaps.fates(seeds[order], codes[order], fidelity[order]), strict=True):
        np.testing.assert_array_equal(whole[order], part)
    for other in (
        (seeds + np.uint64(1), codes, fidelity),
        (seeds, codes + np.uint64(1), fidelity),
        (seeds, codes, fidelity + 1),
    ):
        assert abs(np.corrcoef(told.factor, mishaps.fates(*other).factor)[0, 1]) < 0.2
    more = replace(mishaps, retries=5).fates(seeds, codes, fidelity)
    settled = ~told.failed
    np.testing.assert_array_equal(more.factor[settled], told.factor[settled])


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"failures": 1.0}, r"`simulate.failures` must be a probability in \[0, 1\), got 1.0"),
        ({"hangs": 1.5, "timeout": 2.0}, r"`simulate.hangs` must be a probability"),
        ({"failures": 0.5, "hangs": 0.5, "timeout": 2.0}, "`simulate.failures . simulate.hangs` must be below 1"),
        ({"hangs": 0.1}, "`simulate.timeout` must be given where `simulate.hangs` is above 0"),
        ({"failures": -0.1}, "`simulate.failures` must"),
        ({"stragglers": float("nan")}, "`simulate.stragglers` must"),
        ({"timeout": 0.5}, "`simulate.timeout` must"),
        ({"retries": -1}, "`simulate.retries` must"),
        ({"retries": 1.5}, "`simulate.retries` must"),
    ],
)
def test_values_that_mean_nothing_are_refused(values, rule):
    with pytest.raises(HarnessError, match=rule):
        Mishaps(**values)


class Slices(Strategy):
    """Starts architectures at the low fidelity and continues some of them, in a random order."""

    def __init__(self, problem, rng, fails=()):
        super().__init__(problem, rng)
        self.count = 0
        self.log = []

    def propose(self, n):
        archs = self.problem.space.sample(1, self.rng)
        if self.count and self.rng.random() < 0.6:
            archs = self.log[int(self.rng.integers(len(self.log)))][None]
        fidelity = int(self.rng.integers(len(self.problem.fidelities)))
        self.log.append(archs[0])
        self.count += 1
        return self.proposals(archs, self.count, fidelity=fidelity)


class Ladder(ToyBenchmark):
    """The toy benchmark with a third level, and times that differ."""

    fidelities = (Fidelity("a", 9, 1), Fidelity("b", 9, 3, 0), Fidelity("c", 9, 9, 1))

    def query(self, proposals, *, noise_seed):
        low = Proposals(proposals.archs, np.minimum(proposals.fidelity, 1), proposals.tag)
        told = super().query(low, noise_seed=noise_seed)
        epochs = np.array([1.0, 3.0, 9.0])[proposals.fidelity]
        seconds = epochs * (1.0 + proposals.archs.sum(axis=1) / 7.0)
        return replace(told, fidelity=proposals.fidelity, seconds=seconds)


def replayed(trace, benchmark, n_workers, budget, mishaps, seed):
    """Simulate the same proposals with a heap of events; return what completes, in order."""
    space, chain = benchmark.space, {2: (1, 0), 1: (0,), 0: ()}
    idle, clock, running, told = list(range(n_workers)), 0.0, [], []
    paid: dict[tuple[int, int], dict] = {}
    for number, row in enumerate(np.argsort(trace.tag)):  # as proposed
        if not idle:
            clock, _, worker, item = heapq.heappop(running)
            told.append(item)
            heapq.heappush(idle, worker)
        arch, fidelity = trace.archs[row : row + 1], int(trace.fidelity[row])
        code = int(space.code(arch)[0])
        scratch = float(benchmark.query(Proposals.of(arch, fidelity), noise_seed=None).seconds[0])
        below = chain[fidelity] if budget.multi_fidelity == "resumable" else ()
        earlier = next((paid[code, b] for b in below if (code, b) in paid and not paid[code, b]["failed"]), None)
        wait = max(0.0, earlier["done"] - clock) if earlier else 0.0
        if (code, fidelity) not in paid:
            fate = mishaps.fates(np.array([seed]), space.code(arch), np.array([fidelity]))
            cost = (scratch - (earlier["scratch"] if earlier else 0.0)) * float(fate.factor[0])
            done, failed = clock + wait + cost, bool(fate.failed[0])
            paid[code, fidelity] = {"scratch": scratch, "cost": cost, "done": done, "failed": failed}
        work = paid[code, fidelity]
        end = clock + wait + work["cost"]
        item = (int(trace.tag[row]), clock, end, work["cost"], work["failed"])
        heapq.heappush(running, (end, number, heapq.heappop(idle), item))
    return told + [heapq.heappop(running)[3] for _ in range(len(running))]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(2, 5),
    st.sampled_from(["from_scratch", "resumable"]),
    st.sampled_from([0.0, 0.5]),
    st.sampled_from([0.0, 0.4]),
    st.integers(0, 2),
)
def test_an_independent_simulator_of_events_agrees(seed, n_workers, multi_fidelity, stragglers, failures, retries):
    benchmark, budget = Ladder(), Budget(evaluations=60, multi_fidelity=multi_fidelity)
    mishaps = Mishaps(stragglers, failures, retries=retries)
    problem = make_problem(benchmark, budget, n_workers)
    seeds = np.array([seed], dtype=np.uint64)
    (run,) = run_block(
        benchmark, problem, [Slices(problem, np.random.default_rng(seed))], None, mishaps=(mishaps, seeds)
    )
    trace = run.trace
    expected = replayed(trace, benchmark, n_workers, budget, mishaps, seeds[0])
    assert len(trace) == 60
    assert trace.tag.tolist() == [item[0] for item in expected]
    np.testing.assert_allclose(trace.started_seconds, [item[1] for item in expected], rtol=1e-12)
    np.testing.assert_allclose(trace.finished_seconds, [item[2] for item in expected], rtol=1e-12)
    np.testing.assert_allclose(trace.seconds, [item[3] for item in expected], rtol=1e-9)
    assert np.isnan(trace.objectives[:, 0]).tolist() == [item[4] for item in expected]
    assert (run.beside["wasted_seconds"] <= trace.seconds + 1e-9).all()


def test_all_strategies_of_a_replicate_meet_the_same_mishaps():
    benchmark, mishaps = ToyBenchmark(), Mishaps(stragglers=0.5, failures=0.3)
    problem = make_problem(benchmark, Budget(evaluations=200))

    class Other(Slices):
        pass

    met = {}
    for factory in (Slices, Other):
        strategy = factory(problem, np.random.default_rng(len(met)))
        (run,) = run_block(benchmark, problem, [strategy], None, mishaps=(mishaps, np.array([7], dtype=np.uint64)))
        rows = zip(run.trace.archs.tolist(), run.trace.fidelity.tolist(), run.trace.seconds, strict=True)
        met[factory] = {(tuple(arch), fidelity): seconds for arch, fidelity, seconds in rows}
    common = met[Slices].keys() & met[Other].keys()
    assert len(common) > 5
    assert all(met[Slices][key] == met[Other][key] for key in common)
