"""Building a table by training, in parts; and reading a trained table: classes, epochs, counts."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from benchmarks_data import parted, provider
from benchmarks_data.catalogue.builds import Build
from benchmarks_data.catalogue.entries import entries
from benchmarks_data.file import layout
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.trained import build, importer
from harness.digests import identity
from harness.errors import HarnessError, TableError
from harness.records import Proposals
from harness.testing.conformance import check_benchmark
from harness.training import choice, trainer
from harness.training.curves import OUT_OF_MEMORY, Curves
from harness.training.data import exported
from harness.training.data.packaged import mnist1d
from harness.training.engines.proof import Trial
from harness.training.recipe import TrainingSetup

SPACE = provider.space("nb201")
PLAN = Build(
    "tiny",
    "nb201",
    TrainingSetup(
        "nb201",
        "micro",
        "mnist1d",
        seeds=(0, 1),
        recipe_changes={"epochs": 2, "channels": 4},
    ),
    part_size=2,
)
EPOCHS, SEEDS, SIZES = 3, 2, {"train": 50, "valid": 40, "test": 30}


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Return a plan on a dataset of 200 signals, small enough to train."""
    path = tmp_path_factory.mktemp("data") / "small.npz"
    exported.save(mnist1d(train=200, valid=100, test=100), path)
    return replace(PLAN, training=replace(PLAN.training, dataset=str(path)))


@pytest.fixture
def four(monkeypatch):
    """Let the space have four classes: all none, all skip, a mixture, all convolutions."""
    archs = np.array([[0] * 6, [1] * 6, [4, 3, 0, 2, 1, 3], [3] * 6], dtype=np.uint8)
    monkeypatch.setattr(build, "classes", lambda space: archs)
    return archs


def _thread(workers):
    return ThreadPoolExecutor(1)


@pytest.fixture
def here(monkeypatch):
    """Let parts be trained in this process: one of their own imports torch anew."""
    monkeypatch.setattr(parted, "spawned", _thread)


def test_a_build_continues_where_it_stopped_and_gives_the_same_table(four, plan, tmp_path, monkeypatch):
    """A part that is trained here, one of a process of its own, and both here."""
    seen = []
    with monkeypatch.context() as patched:
        patched.setattr(parted, "spawned", _thread)
        told = build.build(plan, SPACE, tmp_path / "a", limit=1, on_progress=lambda *now: seen.append(now[:2]))
    assert told is None
    assert seen == [(0, 2), (1, 2)]
    (part,) = (tmp_path / "a").glob("tiny-*/part-*.npz")
    stamp = part.stat().st_mtime_ns
    path = build.build(plan, SPACE, tmp_path / "a", workers=2)
    assert part.stat().st_mtime_ns == stamp
    monkeypatch.setattr(parted, "spawned", _thread)
    whole = build.build(plan, SPACE, tmp_path / "b")
    with np.load(path) as resumed, np.load(whole) as straight:
        for name in ("archs", "train_accuracy", "valid_accuracy", "test_accuracy", "params", "macs"):
            np.testing.assert_array_equal(resumed[name], straight[name])
        assert resumed["valid_accuracy"].shape == (4, 2, 2)
        assert resumed["valid_accuracy"].dtype == np.uint16
        assert np.all(resumed["valid_accuracy"] <= 100)
        about = json.loads(str(resumed["provenance"]))
    assert about["sizes"] == {"train": 200, "valid": 100, "test": 100}
    assert len(about["dataset_sha256"]) == 64
    assert about["recipe"]["epochs"] == 2


def test_a_damaged_part_is_trained_again(four, here, plan, tmp_path):
    build.build(plan, SPACE, tmp_path, limit=1)
    (part,) = tmp_path.glob("tiny-*/part-*.npz")
    part.write_bytes(part.read_bytes()[:100])
    seen = []
    build.build(plan, SPACE, tmp_path, limit=1, on_progress=lambda *now: seen.append(now[:2]))
    assert seen == [(0, 2), (1, 2)]


def test_a_level_that_fails_its_proof_is_passed_over_and_told_in_the_parts(four, here, plan, tmp_path, monkeypatch):
    made = []
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Trial, "fault", lambda self, level: "it is wrong" if level.name == "R4" else "")
    monkeypatch.setattr(choice, "seconds_per_step", lambda level, *given: {"R3": 1.0, "R0": 2.0}[level.name])
    monkeypatch.setattr(trainer, "train", lambda *given, **options: made.append(options["level"]) or _curves(*given))
    with pytest.warns(UserWarning, match="level R4 fails its proof beside R0: it is wrong; R3 is used instead"):
        build.build(plan, SPACE, tmp_path, limit=1)
    (part,) = tmp_path.glob("tiny-*/part-*.npz")
    with np.load(part) as content:
        stored = json.loads(str(content["trained"]))
    assert made == ["R3"]
    assert (stored["rung"], stored["rungs_passed_over"]) == ("R3", ["R4 fails its proof beside R0: it is wrong"])


def _curves(archs, seeds, recipe, *_):
    whole = np.zeros((len(archs), len(seeds), recipe.epochs))
    last, none = whole[:, :, 0], np.zeros(whole.shape[:2], dtype=np.int64)
    return Curves(archs, np.array(seeds), whole, whole, whole, whole, last, last, last, none, none - 1, "R3", "cpu")


def test_a_device_that_is_not_there_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for device, message in (("cuda", "torch finds no CUDA device"), ("gpu", "`device` must be")):
        with pytest.raises(HarnessError, match=message):
            build.build(PLAN, SPACE, tmp_path / "out", device=device)
    assert not (tmp_path / "out").exists()


def test_every_class_is_in_one_part():
    archs = build.classes(SPACE)
    assert len(archs) == 4930
    assert len(np.unique(SPACE.key(archs, "functional"))) == 4930
    cut = build.parts(archs, 16)
    assert sorted(np.concatenate(cut).tolist()) == list(range(4930))
    assert max(map(len, cut)) == 16


def test_what_changes_the_numbers_changes_the_folder_and_the_margin_does_not():
    other = replace(PLAN, training=replace(PLAN.training, seeds=(0, 2)))
    margin = replace(PLAN, training=replace(PLAN.training, margin_percent=1.0))
    assert len({PLAN.digest, other.digest, margin.digest}) == 2


def test_an_unknown_table_is_refused():
    with pytest.raises(HarnessError, match=r"unknown table to build 'mikro-mnist1d'\. Did you mean 'micro-mnist1d'"):
        provider.plan("mikro-mnist1d")


@pytest.fixture(scope="module")
def arrays():
    """Return a trained table's file content with invented counts, one run failed."""
    rng = np.random.default_rng(0)
    archs = build.classes(SPACE)
    counts = {
        f"{split}_accuracy": rng.integers(0, size + 1, (len(archs), SEEDS, EPOCHS)).astype(np.uint16)
        for split, size in SIZES.items()
    }
    counts["test_accuracy"] = counts["test_accuracy"][:, :, -1]
    for values in counts.values():
        values[7, 0] = importer.MISSING
    provenance = {"plan": identity(PLAN), "sizes": SIZES}
    return counts | {
        "archs": archs,
        "params": rng.integers(1000, 9000, len(archs)),
        "macs": rng.integers(1000, 9000, len(archs)),
        "seconds": rng.random((len(archs), SEEDS)).astype(np.float32),
        "provenance": np.array(json.dumps(provenance)),
    }


def opened(arrays, folder):
    path = folder / "made.npz"
    np.savez_compressed(path, **arrays)
    entry = replace(entries()["nb201-cifar10"], name="made", facts=MappingProxyType({}))
    table = importer.convert(entry, [path], SPACE, lambda what, fraction: None)
    layout.write(folder / "made.h5", table)
    return layout.read_header(folder / "made.h5", held_out=True)


def test_a_trained_table_answers_every_epoch(arrays, tmp_path):
    header = opened(arrays, tmp_path)
    benchmark = TableBenchmark(layout.read_header(tmp_path / "made.h5"), SPACE)
    check_benchmark(benchmark, np.random.default_rng(0))
    assert [fidelity.continues for fidelity in benchmark.fidelities] == [None, 0, 1]
    archs = arrays["archs"][[3, 3, 3, 900]]
    fidelity = np.array([0, 1, 2, 2])
    told = benchmark.query(Proposals(archs, fidelity, np.zeros(4, dtype=np.int64)), noise_seed=None)
    expected = [100.0 - 2.5 * arrays["valid_accuracy"][3, :, epoch].mean() for epoch in range(3)]
    np.testing.assert_allclose(told.objectives[:3, 0], expected)
    np.testing.assert_allclose(told.seconds[:3] / told.seconds[2], [1 / 3, 2 / 3, 1.0])
    drawn = benchmark.query(
        Proposals(archs, fidelity, np.zeros(4, dtype=np.int64)), noise_seed=np.full(4, 5, np.uint64)
    )
    runs = [
        np.flatnonzero(100.0 - 2.5 * arrays["valid_accuracy"][3, :, epoch] == drawn.objectives[epoch, 0])
        for epoch in range(3)
    ]
    assert len(set.intersection(*(set(run.tolist()) for run in runs))) >= 1, "one run answers for all epochs of a curve"
    oracle = TableOracle(header, SPACE)
    assert oracle.mean(arrays["archs"][:1], "test_accuracy")[0] == pytest.approx(
        arrays["test_accuracy"][0].mean() / 0.3
    )


def test_members_of_a_class_share_its_row(arrays, tmp_path):
    oracle = TableOracle(opened(arrays, tmp_path), SPACE)
    archs = SPACE.sample(300, np.random.default_rng(1))
    keys, inverse = np.unique(SPACE.key(archs, "functional"), return_inverse=True)
    values = oracle.mean(SPACE.decode(keys), "valid_accuracy")
    np.testing.assert_array_equal(oracle.mean(archs, "valid_accuracy"), values[inverse])


def test_a_failed_training_is_drawn_like_any_other(arrays, tmp_path):
    oracle = TableOracle(opened(arrays, tmp_path), SPACE)
    runs = oracle.trainings(arrays["archs"][[7]], "valid_accuracy")[0]
    assert np.isnan(runs).tolist() == [True, False], "in the order of the seeds"
    assert runs[1] == 2.5 * arrays["valid_accuracy"][7, 1, -1]
    assert set(oracle.training_counts.tolist()) == {2}
    benchmark, n = TableBenchmark(layout.read_header(tmp_path / "made.h5"), SPACE), 2000
    last = Proposals(np.repeat(arrays["archs"][[7]], n, axis=0), np.full(n, EPOCHS - 1), np.zeros(n, dtype=np.int64))
    told = benchmark.query(last, noise_seed=np.arange(n, dtype=np.uint64))
    assert abs(np.isnan(told.objectives).mean() - 0.5) < 0.06
    assert not np.isnan(told.seconds).any()


def test_what_ran_out_of_memory_is_no_training_and_is_made_again(four, here, plan, tmp_path):
    build.build(plan, SPACE, tmp_path, limit=1)
    (part,) = tmp_path.glob("tiny-*/part-*.npz")
    with np.load(part) as file:
        arrays = dict(file)
    arrays["status"][1, 0] = OUT_OF_MEMORY
    np.savez(part, **arrays)
    seen = []
    build.build(plan, SPACE, tmp_path, limit=1, on_progress=lambda *now: seen.append(now[:2]))
    assert seen == [(0, 2), (1, 2)]
    np.savez(part, **arrays)
    with pytest.raises(TableError, match="ran out of memory"):
        build._assemble(plan, four, build.parts(four, 2), part.parent, tmp_path / "tiny.npz")


def test_a_file_with_other_classes_is_refused(arrays, tmp_path):
    fewer = {name: values[:-1] if name != "provenance" else values for name, values in arrays.items()}
    with pytest.raises(TableError, match="one row for each functional class"):
        opened(fewer, tmp_path)
