"""DyHPO and freeze-thaw: which training gets the next slice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError, UnfitError
from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget
from harness.search.loop import make_problem
from strategies.multi_fidelity.dyhpo import DyHPO
from strategies.multi_fidelity.freeze_thaw import FreezeThaw
from strategies.multi_fidelity.partial import improvement, slice_epochs
from tests.strategies.multi_fidelity.support import Table
from tests.strategies.support import NearestNeighbour

TABLE = "micro-mnist1d"
RESUMABLE = Budget(seconds=100.0, multi_fidelity="resumable")
KINDS = (DyHPO, FreezeThaw)


def falling(cells=30, epochs=6):
    """Return a table in which curves fall evenly to ends that the first epoch foretells."""
    ends = np.linspace(5.0, 40.0, cells)
    share = np.arange(1, epochs + 1) / epochs
    return Table(90.0 + (ends - 90.0) * share[:, None], range(1, epochs + 1))


def made(kind, table=None, workers=1, budget=RESUMABLE, **hyperparameters):
    table = table or falling()
    problem = make_problem(table, budget, workers)
    settings = {"surrogate": NearestNeighbour(table.space)} | hyperparameters
    return kind(problem, np.random.default_rng(0), **settings), table


def drive(strategy, table, rows, fails=()):
    """Run with one worker; return tags and fidelities in order."""
    found = []
    while len(found) < rows:
        proposals = strategy.ask(1)
        if not len(proposals):
            break
        for row in range(len(proposals)):
            told = table.query(proposals.take([row]), noise_seed=None)
            if int(told.tag[0]) in fails:
                told = replace(told, objectives=np.full((1, 1), np.nan))
            strategy.tell(told)
            found.append((int(proposals.tag[row]), int(proposals.fidelity[row])))
    return found


def test_slices_are_evenly_spaced_and_end_with_the_training():
    problem = make_problem(falling(epochs=6), RESUMABLE)
    assert slice_epochs(problem, 10) == [1, 2, 3, 4, 5, 6]
    assert slice_epochs(problem, 3) == [2, 4, 6]
    assert slice_epochs(problem, 2) == [3, 6]
    assert slice_epochs(make_problem(Table(), RESUMABLE), 9) == [1, 3, 9]


def test_improvements_are_each_on_a_best_of_its_own():
    values = improvement(np.array([1.0, 1.0, 5.0]), np.array([1.0, 0.0, 0.0]), np.array([1.0, 3.0, 4.0]))
    np.testing.assert_allclose(values, [0.3989, 2.0, 0.0], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_every_training_goes_on_from_where_it_was(kind):
    strategy, table = made(kind, initial=4)
    found = drive(strategy, table, 60)
    assert [fidelity for _, fidelity in found[:4]] == [0] * 4
    reached = {}
    for tag, fidelity in found:
        assert fidelity == reached.get(tag, -1) + 1
        reached[tag] = fidelity
    assert 5 in reached.values()  # a full training
    assert len(reached) > 4  # and new ones


@pytest.mark.parametrize("kind", KINDS)
def test_good_trainings_come_further(kind):
    """Curves fall evenly, so that the first slice tells all."""
    table = falling()
    strategy, _ = made(kind, table, surrogate=registry.surrogate({"name": "ridge", "encoding": "one_hot"}, table.space))
    drive(strategy, table, 60)
    counts = np.array([len(trial.results) for trial in strategy.trials])
    genes = np.array([int(trial.arch[0]) for trial in strategy.trials])
    assert counts[genes < 10].mean() > counts[genes >= 20].mean() + 0.5
    best = min(trial.arch[0] for trial in strategy.told[5])
    assert best <= 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_training_is_never_continued(kind):
    strategy, table = made(kind, initial=4)
    found = drive(strategy, table, 60, fails=(0, 2, 5))
    assert all((tag, 1) not in found for tag in (0, 2, 5))
    strategy, table = made(kind, initial=4)
    assert len(drive(strategy, table, 60, fails=range(1000))) == 30  # all architectures, once


@pytest.mark.parametrize("kind", KINDS)
def test_a_space_is_exhausted_and_the_search_ends(kind):
    strategy, table = made(kind, falling(cells=3, epochs=3), initial=2)
    found = drive(strategy, table, 100)
    assert sorted(found) == [(tag, fidelity) for tag in range(3) for fidelity in range(3)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_runs_is_not_proposed_again(kind):
    strategy, table = made(kind, workers=4, initial=3)
    first = strategy.ask(4)
    assert len(first) == 3  # the initial design; no model yet
    assert not len(strategy.ask(1))  # a barrier
    strategy.tell(table.query(first, noise_seed=None))
    running = [strategy.ask(1) for _ in range(8)]
    rows = [(int(one.tag[0]), int(one.fidelity[0])) for one in running]
    assert len(set(rows)) == len(rows)
    tags = [tag for tag, _ in rows]
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("kind", KINDS)
def test_constraints_leave_a_training_paused(kind):
    table = falling()
    table = Table(table.errors, range(1, 7), sizes=[1.0 if gene < 10 else -1.0 for gene in range(30)])
    strategy, _ = made(kind, table, initial=6)
    drive(strategy, table, 80)
    assert any(trial.arch[0] < 10 for trial in strategy.trials)
    continued = [int(trial.arch[0]) for trial in strategy.trials if len(trial.results) > 1]
    assert min(continued) >= 10


@pytest.mark.parametrize("kind", KINDS)
def test_problems_that_do_not_fit_are_refused(kind):
    with pytest.raises(UnfitError, match=r"trains in slices, and `budget.multi_fidelity` = 'from_scratch'"):
        made(kind, budget=Budget(seconds=10.0))
    with pytest.raises(UnfitError, match="the benchmark has one alone"):
        made(kind, Table([[1.0, 2.0]], [1]))
    with pytest.raises(HarnessError, match=r"`surrogate` must be a Surrogate built on the space"):
        made(kind, surrogate=None)
    for name, low in (("slices", 2), ("initial", 2), ("candidates", 1), ("rows", 10)):
        with pytest.raises(HarnessError, match=rf"`{name}` must be at least {low}"):
            made(kind, **{name: low - 1})


def test_the_learner_of_curves_is_given_them_whole():
    table = falling()
    learner = registry.surrogate({"name": "freeze_thaw_gp"}, table.space)
    strategy, _ = made(FreezeThaw, table, surrogate=learner, initial=4)
    drive(strategy, table, 25)
    request = strategy.fit()
    assert request.covariates.shape == (len({tag for tag, _ in strategy._order}), 6)
    assert np.isfinite(request.covariates).sum() == 25
    assert request.learner.epochs.tolist() == [1, 2, 3, 4, 5, 6]


def run_on(name, units, replicates, workers=1, **changes):
    """Return runs on a real table; a full training takes about 0.102 seconds."""
    item = StrategySpec(name, name, **changes)
    budget = Budget(seconds=units * 0.10227, multi_fidelity="resumable")
    spec = Spec("partial", (TABLE,), (item,), budget, replicates=replicates, n_workers=workers)
    (shard,) = resolve(spec, item, registry.benchmark(TABLE), "cpu")
    return run_shard(shard)


def regret(run):
    """Return the regret of the best full training told, in points of mean validation accuracy."""
    oracle = registry.oracle(TABLE)
    full = np.flatnonzero((run.trace.fidelity == 9) & np.isfinite(run.trace.objectives[:, 0]))
    best = full[np.argmin(run.trace.objectives[full, 0])]
    value = oracle.mean(run.trace.archs[best : best + 1], oracle.validation)[0]
    return oracle.optimum(oracle.validation).value - value


@pytest.mark.parametrize("name", ["dyhpo", "freeze_thaw"])
def test_a_real_table_is_searched(name):
    (run,) = run_on(name, 15, 1)
    assert run.stopped == "budget"
    assert (run.trace.fidelity == 9).any()
    assert len(run.trace) > 40
    assert regret(run) < 8
