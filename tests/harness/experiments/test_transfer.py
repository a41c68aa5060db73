"""Transfer from table to table: what is told, what it costs, what is refused, and what must change nothing."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks_data.file import layout
from benchmarks_data.file.assemble import assemble
from harness import registry
from harness.benchmark import Column
from harness.errors import SpecError
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict, load
from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec, TransferSpec
from harness.experiments.transfer import Sources, transfer_to
from harness.problem import Budget, Fidelity
from harness.records import Proposals
from harness.seeding import noise_seed

TARGET, SOURCE, OTHER = "nb201-cifar10", "nb201-cifar100", "nb201-imagenet16"
SPEC = {
    "name": "t",
    "benchmarks": [TARGET],
    "strategies": [{"name": "random_search"}, {"name": "portfolio"}],
    "budget": {"evaluations": 30},
    "replicates": 2,
    "transfer": {"from": [SOURCE], "rows": 20},
}


def sources(rows=20, charge="free", names=(SOURCE, OTHER), targets=1, **budget):
    given = Budget(**(budget or {"evaluations": 30}))
    target = registry.benchmark(TARGET)
    return Sources(transfer_to(TransferSpec(names, rows, charge), target, targets, given), target, given, 7)


def runs(name="portfolio", n_workers=1, charge="charged", rows=20, replicates=2, **budget):
    item = StrategySpec(name)
    transfer = TransferSpec((SOURCE,), rows, charge)
    spec = Spec("t", (TARGET,), (item,), Budget(**budget), replicates, n_workers=n_workers, transfer=transfer)
    (shard,) = resolve(spec, item, registry.benchmark(TARGET), "cpu")
    return shard, run_shard(shard)


def test_priors_are_validation_results_under_the_noise_of_the_replicate():
    known = sources()
    priors, paid = known.priors(3)
    assert [prior.source for prior in priors] == [SOURCE, OTHER]
    for prior in priors:
        table = registry.benchmark(prior.source)
        noise = np.full(20, noise_seed(7, prior.source, 3))
        told = table.query(Proposals.of(prior.archs, len(table.fidelities) - 1), noise_seed=noise)
        assert np.array_equal(told.objectives, prior.objectives)
        assert np.array_equal(told.seconds, prior.seconds)
        assert not prior.objectives.flags.writeable
    assert np.array_equal(priors[0].archs, priors[1].archs)  # tables that list the same cells tell of the same ones
    assert len(np.unique(priors[0].archs, axis=0)) == 20
    assert (paid.trainings, paid.seconds, paid.epochs) == (0.0, 0.0, 0.0)
    again, _ = sources().priors(3)
    assert np.array_equal(again[0].objectives, priors[0].objectives)
    assert not np.array_equal(known.priors(4)[0][0].archs, priors[0].archs)


def test_all_rows_are_all_rows():
    priors, _ = sources("all").priors(0)
    assert [len(prior.archs) for prior in priors] == [15625, 15625]


def test_charges_by_hand():
    priors, paid = sources(charge="charged").priors(0)
    seconds = sum(prior.seconds.sum() for prior in priors)
    assert paid == pytest.approx((40, seconds, 40 * 200))
    assert sources(charge="amortised", targets=8).priors(0)[1] == pytest.approx((5, seconds / 8, 1000))


def test_evaluations_are_taken_from_the_budget():
    shard, found = runs(evaluations=30)
    for run in found:
        assert len(run.trace) == 10
        assert run.stopped == "budget"
        assert run.evaluations.tolist() == [*range(21, 31)]
        assert (run.beside["other_trainings"] == 20).all()
    free, others = runs(charge="free", evaluations=30)
    assert free.digest != shard.digest
    assert [len(run.trace) for run in others] == [30, 30]
    assert np.array_equal(others[0].trace.archs[:10], found[0].trace.archs)


@pytest.mark.parametrize("n_workers", [1, 4])
def test_seconds_are_taken_from_the_clock_of_every_worker(n_workers):
    shard, found = runs(n_workers=n_workers, seconds=1.5e5, rows=20, charge="charged")
    known = Sources(shard.transfer, registry.benchmark(TARGET), shard.budget, shard.seed)
    for run in found:
        spent = known.priors(run.replicate)[1].seconds / n_workers
        first = run.trace.finished_seconds[:n_workers]
        assert np.allclose(np.sort(first - run.trace.seconds[:n_workers])[0], spent)
        assert (run.trace.finished_seconds >= spent).all()
        assert run.trace.finished_seconds.max() <= 1.5e5


def test_baselines_are_what_they_were():
    """A strategy that takes no priors keeps its digest: its results are those without `[transfer]`."""
    units = {label: unit for label, unit in prepare(from_dict(SPEC)).shards.values()}
    plain = {key: value for key, value in SPEC.items() if key != "transfer"} | {"strategies": [SPEC["strategies"][0]]}
    (alone,) = [unit for _, unit in prepare(from_dict(plain)).shards.values()]
    assert units["random_search"].digest == alone.digest
    assert units["portfolio"].transfer.sources == (SOURCE,)


def test_the_address_of_a_source_is_no_part_of_a_digest():
    shard, _ = runs(evaluations=30)
    elsewhere = replace(shard, transfer=replace(shard.transfer, sources=("moved.h5",)))
    other = replace(shard, transfer=replace(shard.transfer, digests=("0" * 64,)))
    assert elsewhere.digest == shard.digest != other.digest


@pytest.mark.parametrize("name", ["portfolio", "warm_start", "box", "rgpe", "multi_task"])
def test_the_target_reaches_nobody_before_it_is_asked(name, monkeypatch):
    """What a strategy does first does not depend on the target: with other results there it begins alike."""
    from benchmarks_data.file.table import TableBenchmark

    real = TableBenchmark.query

    def blanked(self, proposals, *, noise_seed):
        told = real(self, proposals, noise_seed=noise_seed)
        return told if self.name != TARGET else replace(told, objectives=np.full_like(told.objectives, np.nan))

    _, (before, *_) = runs(name, charge="free", replicates=1, evaluations=2)
    monkeypatch.setattr(TableBenchmark, "query", blanked)
    _, (after, *_) = runs(name, charge="free", replicates=1, evaluations=2)
    assert np.array_equal(before.trace.archs, after.trace.archs)


def test_held_out_columns_of_sources_are_never_read(monkeypatch):
    """The tables of a search are opened without what is held out."""
    from benchmarks_data.file import layout

    real = layout.read_header

    def watched(path, *, held_out=False):
        assert not held_out
        return real(path, held_out=held_out)

    target, budget = registry.benchmark("graph-cora"), Budget(evaluations=9)
    transfer = transfer_to(TransferSpec(("graph-photo",), "all"), target, 1, budget)
    monkeypatch.setattr(layout, "read_header", watched)
    priors, _ = Sources(transfer, target, budget, 0).priors(0)
    assert len(priors[0].archs) == 26206


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transfer": {"from": [TARGET]}}, r"`transfer`: 'nb201-cifar10' is the target itself: .*leave_one_out"),
        ({"transfer": {"from": [TARGET], "leave_one_out": True}}, r"`transfer`: no source is left for 'nb201-cifar10'"),
        ({"transfer": {"from": ["graph-cora"]}}, r"is of the space 'graph', .* tables of one space \(.*nb201-cifar100"),
        ({"transfer": {"from": ["nb201-cifar1000"]}}, r"`transfer.from\[0\]`: unknown benchmark .*nb201-cifar100"),
        ({"transfer": {"from": [SOURCE], "rows": 10**6}}, r"`rows` must be at most the 15,625"),
        ({"transfer": {"from": [SOURCE], "rows": "many"}}, r"`transfer.rows` must be a number or \"all\""),
        ({"transfer": {"from": []}}, r"`transfer.from` must name at least one"),
        ({"transfer": {"form": [SOURCE]}}, r"unknown key 'transfer.form'. Did you mean 'from'"),
        ({"strategies": [{"name": "random_search"}]}, r"no strategy of the spec learns .*portfolio, rgpe"),
        ({"transfer": {"from": [SOURCE], "rows": 30, "charge": "charged"}}, r"the sources cost 30 evaluations"),
        ({"transfer": None}, r"Portfolio learns from finished trainings .* give `\[transfer\]`"),
        ({"objectives": ["params_m"], "transfer": {"from": ["graph-cora"]}}, r"`transfer`: "),
    ],
)
def test_what_is_refused_before_anything_runs(changes, message):
    data = {key: value for key, value in (SPEC | changes).items() if value is not None}
    with pytest.raises(SpecError, match=message):
        prepare(from_dict(data))


def test_a_source_without_seconds_cannot_be_charged_in_seconds():
    target = registry.benchmark("micro-mnist1d")
    source = registry.benchmark(TARGET)
    source.has_seconds = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.experiments.transfer._opened", lambda *_: source)
        with pytest.raises(Exception, match="has no training seconds to charge"):
            transfer_to(TransferSpec((TARGET,), 5, "charged"), target, 1, Budget(seconds=9.0))


def test_a_spec_is_read_and_kept(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(
        'benchmarks = ["nb201-cifar10"]\nreport_on = ["nb201-cifar100", "own.h5"]\n'
        "[budget]\nevaluations = 5\n"
        '[transfer]\nfrom = ["./mine.h5", "nb201-cifar100"]\nrows = "all"\ncharge = "amortised"\n'
        '[[strategies]]\nname = "portfolio"\nwarm_up = { signal = "params_m", pool = 20, keep = 5 }\n'
    )
    spec = load(path)
    assert spec.transfer == TransferSpec((str(tmp_path / "mine.h5"), SOURCE), "all", "amortised")
    assert spec.report_on == (SOURCE, str(tmp_path / "own.h5"))
    assert spec.strategies[0].warm_up.keep == 5
    assert from_dict(spec.as_dict()) == spec


@pytest.mark.parametrize("name", ["portfolio", "warm_start", "box", "rgpe", "multi_task", "rush"])
def test_held_out_values_of_sources_and_target_move_no_trace(altered, name):
    """Fill what is held out of both tables with NaN, then turn it round: every trace stays bit-identical."""
    before = altered(name)
    for change in (lambda values: np.full_like(values, np.nan), lambda values: values[::-1]):
        after = altered(name, lambda column, values, change=change: change(values) if column.held_out else values)
        for a, b in zip(before, after, strict=True):
            for column in ("archs", "objectives", "fidelity", "seconds", "finished_seconds"):
                np.testing.assert_array_equal(getattr(a.trace, column), getattr(b.trace, column))
    turned = altered(name, of_source=lambda column, values: values if column.held_out else values[::-1])
    assert not np.array_equal(before[0].trace.archs, turned[0].trace.archs), "what is told of the source does move it"


@pytest.fixture
def altered(tmp_path):
    """Return a function that runs a strategy on a target and a source of which it changed a group of columns."""
    archs = np.unique(registry.benchmark(TARGET).space.sample(300, np.random.default_rng(0)), axis=0)

    def made(name, seed, change):
        rng, shape = np.random.default_rng(seed), (len(archs), 2, 3)
        told = {
            "valid_accuracy": Column("valid_accuracy", "percent", "maximise", "x-valid", best=100.0),
            "test_accuracy": Column("test_accuracy", "percent", "maximise", "x-test", held_out=True, best=100.0),
        }
        columns = {key: (column, change(column, 90.0 * rng.random(shape))) for key, column in told.items()}
        seconds = np.arange(1.0, 4.0) * (1.0 + rng.random(shape[:2])[:, :, None])
        return assemble(
            name=name,
            space=registry.benchmark(TARGET).space,
            archs=archs,
            fidelities=[
                Fidelity(f"epoch {epoch} of 9", 9, epoch, at - 1 if at else None) for at, epoch in enumerate((1, 3, 9))
            ],
            columns=columns | {"train_seconds": (Column("train_seconds", "s", "minimise"), seconds)},
            validation="valid_accuracy",
            test="test_accuracy",
            seconds="train_seconds",
            identity="exact",
        )

    def runs_of(name, of_target=lambda column, values: values, of_source=None):
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        for seed, (table, change) in enumerate({"target": of_target, "source": of_source or of_target}.items()):
            layout.write(folder / f"{table}.h5", made(table, seed, change))
        rises = registry.strategy(name).takes.fidelities
        budget = Budget(seconds=60.0, multi_fidelity="resumable") if rises else Budget(evaluations=12)
        learner = {"name": "ridge", "encoding": "one_hot"} if name in ("rgpe", "multi_task") else None
        item = StrategySpec(name, name, {"candidates": 30} if learner else {}, learner)
        transfer = TransferSpec((str(folder / "source.h5"),), 30)
        spec = Spec("t", (str(folder / "target.h5"),), (item,), budget, 2, transfer=transfer)
        (shard,) = resolve(spec, item, registry.benchmark(spec.benchmarks[0]), "cpu")
        return run_shard(shard)

    return runs_of
