"""Live benchmarks answer like tables, by real training: once for each question, whoever asks and whatever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import harness as nh
from benchmarks_data import provider
from benchmarks_data.audit.audit import audit
from benchmarks_data.live import benchmark as live_benchmark
from benchmarks_data.live import entries
from benchmarks_data.live.entries import lives
from benchmarks_data.live.export import export
from benchmarks_data.live.trained import Trained
from harness import registry
from harness.errors import HarnessError, TableError
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare as prepare_shards
from harness.experiments.spec import Spec, StrategySpec
from harness.files.arrays import read_npz
from harness.guard import running
from harness.judging.ledger import unit_seconds
from harness.problem import Budget
from harness.records import Proposals
from harness.testing.conformance import check_benchmark
from harness.training import recipe
from harness.training.trainer import train
from harness.verification.job import Request
from harness.verification.verify import verify
from reports.sections.ensemble import section as together
from reports.study.study import prepare
from reports.study.truth import LIVE
from reports.study.wording import best_label, noted, notices
from tests.benchmarks_data.live.support import NAME, known, tiny
from tests.harness.training.support import signals
from tests.paths import ROOT
from tests.patience import wait_for

FULL = 5


@pytest.fixture
def entry(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(entries, "lives", lambda: known(tmp_path))
    return tiny(tmp_path)


@pytest.fixture
def archs():
    return np.array([[3, 2, 1, 4, 0, 3], [1, 2, 1, 4, 3, 3], [3, 2, 1, 4, 0, 3]], dtype=np.uint8)


def noise(*seeds):
    return np.array(seeds, dtype=np.uint64)


def test_it_keeps_the_rules_and_trains_nothing_twice(entry, archs, monkeypatch):
    benchmark = registry.benchmark(NAME)
    assert len(check_benchmark(benchmark, np.random.default_rng(0))) >= 5
    monkeypatch.setattr(Trained, "_make", None)
    assert len(check_benchmark(registry.benchmark(NAME), np.random.default_rng(0))) >= 5
    with pytest.raises(TypeError):
        benchmark.query(Proposals.of(archs, FULL), noise_seed=noise(1, 2, 3))


def test_its_answers_are_those_of_the_trainer(entry, archs):
    benchmark = registry.benchmark(NAME)
    told = benchmark.query(Proposals.of(archs, FULL), noise_seed=None)
    setup = entry.full.setup
    canonical = benchmark.space.decode(benchmark.space.key(archs, "functional"))
    curves = train(canonical[:2], [0, 1], setup.load_recipe(), signals((100, 40, 40)), level="R0")
    mean = 100.0 - curves.valid_accuracy[:, :, -1].mean(axis=1)
    np.testing.assert_allclose(told.objectives[:2, 0], mean)
    assert told.objectives[2, 0] == told.objectives[0, 0]
    drawn = benchmark.query(Proposals.of(archs[:1], FULL), noise_seed=noise(5)).objectives[0, 0]
    assert drawn in (100.0 - curves.valid_accuracy[0, :, -1])
    earlier = benchmark.query(Proposals.of(archs[:1], FULL - 1), noise_seed=noise(5)).objectives[0, 0]
    seed = int(np.argmax(drawn == 100.0 - curves.valid_accuracy[0, :, -1]))
    assert earlier == 100.0 - curves.valid_accuracy[0, seed, 1], "every epoch of a training has its seed"


def test_seconds_are_multiply_adds_at_the_rate(entry, archs):
    benchmark = registry.benchmark(NAME, objectives=["macs_m"], constraints=["params_m <= 0.001"])
    told = benchmark.query(Proposals.of(archs[[0, 0]], 0).take([0, 1]), noise_seed=noise(0, 0))
    macs = benchmark._trained._costs(archs[:1], entry.trainings[0])["macs_m"]
    np.testing.assert_allclose(told.seconds, 3 * 1e6 * macs[0] * 100 * 1 / 1e9)
    levels = [benchmark.query(Proposals.of(archs[:1], level), noise_seed=noise(0)).seconds[0] for level in (3, 4, 5)]
    np.testing.assert_allclose(np.array(levels) / levels[0], [1, 2, 3])
    assert benchmark.cheapest_seconds(3) <= levels[0]
    np.testing.assert_allclose(
        benchmark.violations(archs[:1]), benchmark.query(Proposals.of(archs[:1], FULL), noise_seed=noise(0)).constraints
    )


def test_lower_epochs_are_the_beginning_of_the_same_training(entry, archs):
    setup = entry.full.setup
    given = setup.load_recipe(), signals((100, 40, 40))
    whole = train(archs[:2], [3, 4], *given, level="R0", paired=True)
    begun = train(archs[:2], [3, 4], *given, level="R0", paired=True, epochs=2)
    assert whole.valid_accuracy.shape == (2, 1, 3)
    np.testing.assert_array_equal(begun.valid_accuracy[:, :, :2], whole.valid_accuracy[:, :, :2])
    assert np.isnan(begun.valid_accuracy[:, :, 2]).all()
    assert np.isnan(begun.test_accuracy).all()
    assert (begun.status == 0).all()
    with pytest.raises(HarnessError, match="`seeds` must be one for each of the 2 architectures"):
        train(archs[:2], [3], *given, level="R0", paired=True)
    with pytest.raises(HarnessError, match="`epochs` must be at most 3"):
        train(archs[:2], [3, 4], *given, epochs=4)


def test_low_fidelities_say_what_is_smaller(entry):
    benchmark = registry.benchmark(NAME)
    assert [item.label for item in benchmark.fidelities[2:4]] == [
        "epoch 3 of 3, 0.5 of the width",
        "epoch 1 of 3",
    ]
    assert [item.continues for item in benchmark.fidelities] == [None, 0, 1, None, 3, 4]


def test_what_is_held_out_is_never_told(entry, archs):
    with pytest.raises(HarnessError, match="is held out"):
        registry.benchmark(NAME, objectives=["test_accuracy"])
    benchmark = registry.benchmark(NAME)
    before = benchmark.query(Proposals.of(archs, FULL), noise_seed=noise(0, 1, 2))
    folder = Trained(entry).folder
    assert len(list(folder.glob("held-*"))) == 1
    oracle = registry.oracle(NAME)
    assert np.isfinite(oracle.mean(archs, "test_accuracy")).all()
    for path in folder.glob("held-*"):
        path.write_bytes(b"")
    after = registry.benchmark(NAME).query(Proposals.of(archs, FULL), noise_seed=noise(0, 1, 2))
    np.testing.assert_array_equal(before.objectives, after.objectives)
    with pytest.raises(TableError, match="is damaged"):
        registry.oracle(NAME)


def test_the_oracle_knows_what_was_trained_and_nothing_else(entry, archs, tmp_path):
    with pytest.raises(TableError, match=r"no full training of live-tiny is kept.*run the spec again"):
        registry.oracle(NAME)
    benchmark = registry.benchmark(NAME)
    told = benchmark.query(Proposals.of(archs[:2], FULL), noise_seed=noise(0, 1))
    benchmark.query(Proposals.of(np.array([[0, 0, 1, 1, 0, 3]], dtype=np.uint8), FULL - 1), noise_seed=noise(0))
    oracle = registry.oracle(NAME)
    assert (oracle.digest, len(oracle.archs)) == (benchmark.digest, 2)
    np.testing.assert_allclose(oracle.mean(archs[:2], "valid_accuracy"), 100.0 - told.objectives[:, 0])
    np.testing.assert_allclose(oracle.mean(archs[:2], "train_seconds"), told.seconds)
    assert np.isnan(oracle.mean(np.zeros((1, 6), dtype=np.uint8), "valid_accuracy")).all()
    best = oracle.optimum("valid_accuracy")
    assert best.value == oracle.values("valid_accuracy").max()
    assert oracle.rows(archs).tolist() == [0, 1, 0]
    with pytest.raises(HarnessError, match="was never asked to train"):
        oracle.rows(np.zeros((1, 6), dtype=np.uint8))
    assert oracle.reference == "the best of 2 architectures that were trained"
    every = oracle.space.all_codings  # what a training costs is known of all, so that T1 is not that of what was found
    assert unit_seconds(oracle) == pytest.approx(oracle.mean(every, "train_seconds").mean())
    assert np.isfinite(oracle.mean(every, "macs_m")).all()
    assert export(NAME, tmp_path / "trained.h5") == 2
    table = nh.open_benchmark(str(tmp_path / "trained.h5"))
    again = table.query(Proposals.of(oracle.archs, 0), noise_seed=None)
    np.testing.assert_allclose(again.objectives, told.objectives)
    np.testing.assert_allclose(again.seconds, told.seconds)
    facts = registry.describe_benchmark(NAME)
    assert (facts["trained_here"], facts["live"], facts["level"]) == (3, True, "R0")
    assert facts["real_seconds"] > 0


def test_a_failed_training_is_a_row_with_its_reason(entry, archs, monkeypatch):
    wild = recipe.load("micro").but(epochs=3, channels=4, batch_size=50, learning_rate=1e30)
    monkeypatch.setattr(type(entry.full.setup), "load_recipe", lambda setup: wild)
    benchmark = registry.benchmark(NAME)
    told = benchmark.query(Proposals.of(archs[:1], FULL), noise_seed=noise(0))
    assert np.isnan(told.objectives).all()
    assert np.isfinite(told.seconds).all()
    rows = benchmark._trained.grown.rows()
    assert "diverged in epoch 1" in rows.reasons


def test_nobody_asks_about_what_no_strategy_proposed(entry, monkeypatch):
    monkeypatch.setattr(live_benchmark, "MOST", 3)
    asked: list[int] = []
    real = Trained.values

    def values(self, archs, fidelities, seeds):
        asked.append(len(archs))
        return real(self, archs, fidelities, seeds)

    monkeypatch.setattr(Trained, "values", values)
    results = nh.run(
        "random_search", NAME, evaluations=2, replicates=1, constraints="params_m <= 0.002",
        objectives=["valid_accuracy", "params_m"],
    )  # fmt: skip
    assert results.benchmarks[NAME].known == ("params_m",)
    assert max(asked) <= 2
    benchmark = registry.benchmark(NAME)
    with pytest.raises(HarnessError, match="must ask for at most 3 trainings at once, got 80"):
        benchmark.query(Proposals.of(benchmark.space.sample(40, np.random.default_rng(0)), FULL), noise_seed=None)
    with pytest.raises(HarnessError, match="`surrogate` must be one that learns on a benchmark that trains"):
        nh.run([nh.StrategySpec("bananas", "perfect", surrogate={"name": "perfect"})], NAME, evaluations=2)
    with (
        pytest.raises(HarnessError, match="must not be opened or asked while the strategy Mine runs"),
        running("the strategy Mine"),
    ):
        benchmark.query(Proposals.of(np.zeros((1, 6), dtype=np.uint8), FULL), noise_seed=noise(0))


def test_a_search_and_its_page(entry, tmp_path):
    results = nh.run(["random_search", "regularized_evolution"], NAME, evaluations=5, replicates=2)
    study = prepare(results)
    (item,) = study.aligned
    assert item.truth.kind == LIVE
    ends = [steps.regrets["validation"][-1] for group in item.steps.values() for steps in group]
    assert min(ends) >= 0
    assert study.references[NAME] is None
    (notice,) = notices(study)
    count = registry.describe_benchmark(NAME)["trained_here"]
    assert notice.startswith(f"Live, tiny has no table: {count} trainings were made") or NAME in notice
    assert "The optimum is not known" in notice
    assert "distance to the best of" in noted(study)
    assert str(best_label(item.truth)) == "best that was trained"
    found = together(study)
    best, ours = found.tables[0].frame.to_dict("records")
    values, seeds = item.truth.oracle.column("valid_accuracy"), item.truth.oracle.finished.seeds
    assert best["validation"] == pytest.approx(np.nanmax(values))
    assert ours["validation"] >= best["validation"]
    texts = item.truth.oracle.space.format(item.truth.oracle.archs)
    equal = [f"1 x {texts[row]} (seed {seeds[place]})" for row, place in np.argwhere(values == np.nanmax(values))]
    assert best["members"] in equal
    assert f"greedy ensemble of {ours['networks']} network" in found.sentences[0]
    for path in (Trained(entry).folder / "predictions").iterdir():
        path.unlink()
    assert together(study) is None


def test_what_it_found_is_verified(entry, tmp_path):
    spec = Spec("tiny", (NAME,), (StrategySpec("random_search", "rs"),), Budget(evaluations=3), replicates=2)
    assert execute(prepare_shards(spec), tmp_path / "results").failed == ()
    seen = verify(tmp_path / "results", Request(top=1, stratified=1, seeds=2, device="cpu", level="R0"))
    (item,) = seen.verified
    assert item.measurements.margin_percent == 20.0
    assert np.isfinite(item.measurements.valid_accuracy).all()
    assert set(item.measurements.seeds).isdisjoint(entry.full.setup.seeds)
    oracle = registry.oracle(NAME)
    np.testing.assert_allclose(
        oracle.mean(item.measurements.archs, "params_m") * 1e6, item.measurements.params, rtol=1e-9
    )


@pytest.mark.slow
def test_thirty_cells_agree_with_the_table_within_the_noise_of_seeds(monkeypatch, tmp_path):
    """Two one-sided tests at 5 % find the mean difference within the margin that was stored with the table."""
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path))
    table, live = registry.oracle("micro-mnist1d"), registry.benchmark("live-mnist1d-nb201", seed=3)
    archs = table.archs[np.random.default_rng(0).permutation(len(table.archs))[:30]]
    told = 100.0 - live.query(Proposals.of(archs, 9), noise_seed=None).objectives[:, 0]
    trainings = table.trainings(archs, "valid_accuracy")
    differences = told - trainings.mean(axis=1)
    margin = float(registry.describe_benchmark("live-mnist1d-nb201")["training"]["margin_percent"])
    error = differences.std(ddof=1) / np.sqrt(len(archs))
    assert abs(differences.mean()) + 1.699 * error < margin, "t at 95 % with 29 degrees of freedom"
    spread = trainings.std(axis=1, ddof=1).mean()
    assert np.median(np.abs(differences)) < 3 * spread
    assert np.corrcoef(told, trainings.mean(axis=1))[0, 1] > 0.95


def run_search(folder: Path, out: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks_data.live.support", str(folder), out],
        cwd=ROOT, env={**os.environ, "NAS_HARNESS_HOME": str(folder / "home")},
    )  # fmt: skip


@pytest.mark.slow
def test_killed_searches_continue_to_the_same_numbers_and_share_one_table(entry, tmp_path):
    first = run_search(tmp_path, "never.npz")
    folder = next(iter(wait_for(lambda: list((tmp_path / "home" / "live").glob("*/rows-*"))))).parent
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "never.npz").exists()
    both = [run_search(tmp_path, name) for name in ("one.npz", "other.npz")]
    assert [process.wait(500) for process in both] == [0, 0]
    shared = Trained(entry, folder).grown.rows()
    assert len(set(shared.names)) == len(shared)
    reference = nh.run(["random_search", "regularized_evolution"], NAME, evaluations=12, replicates=2)
    for name in ("one.npz", "other.npz"):
        told = read_npz(tmp_path / name)
        for place, run in enumerate(reference.runs):
            np.testing.assert_array_equal(told[str(place)], run.trace.objectives)


def test_names_levels_and_refusals(tmp_path, monkeypatch):
    assert set(lives()) <= set(provider.PROVIDER.names())
    named = {name: nh.open_benchmark(name) for name in ("live-mnist1d-nb201", "live-mnist1d-nb201@R0")}
    assert len({item.digest for item in named.values()}) == 2
    assert nh.open_benchmark("live-mnist1d-darts@R0").digest == nh.open_benchmark("live-mnist1d-darts").digest
    table = nh.open_benchmark("micro-mnist1d-lowfi")
    assert nh.open_benchmark("live-mnist1d-nb201-lowfi").fidelities == table.fidelities
    with pytest.raises(HarnessError, match=r"unknown level of live-mnist1d-nb201 'R7'\..* Known: R0, R4"):
        nh.open_benchmark("live-mnist1d-nb201@R7")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(HarnessError, match=r"live-cifar10-nb201 trains on a CUDA.*would take about [\d.]+ hours"):
        nh.open_benchmark("live-cifar10-nb201")
    with pytest.raises(HarnessError, match="'live-mnist1d-nb201' trains and has one schedule, got 3"):
        registry.benchmark("live-mnist1d-nb201", schedule=3)
    for looked in (audit, provider.told, provider.whole):
        with pytest.raises(HarnessError, match="trains what it is asked, and has no rows; give a table"):
            looked("live-mnist1d-nb201")
    for facts in map(registry.describe_benchmark, lives()):
        assert facts["trained_here"] == 0 or facts["real_seconds"] >= 0
    assert replace(tiny(tmp_path), title="another").digest == tiny(tmp_path).digest
    assert tiny(tmp_path, seeds=(0, 1, 2)).digest != tiny(tmp_path).digest
