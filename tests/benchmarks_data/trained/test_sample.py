"""Building a sample of a space by training, in rounds; and reading it as a table."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from benchmarks_data import parted, provider
from benchmarks_data.catalogue.builds import Build, Origin, Repeats, Sample
from benchmarks_data.catalogue.entries import entries
from benchmarks_data.file import layout, recorded
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.trained import importer, sample
from harness.errors import HarnessError
from harness.testing.conformance import check_benchmark
from harness.training import trainer
from harness.training.curves import DIVERGED, Curves
from harness.training.data import exported
from harness.training.data.packaged import mnist1d
from harness.training.recipe import TrainingSetup

SPACE = provider.space("darts")
ORIGINS = (
    Origin("random_search", 3),
    Origin("regularized_evolution", 2, {"population": 4, "sample": 4}),
    Origin("bananas", 2, {"batch": 2}, {"name": "ridge"}),
)
ARRAYS = ("archs", "origin", "made", "train_accuracy", "valid_accuracy", "test_accuracy", "seconds", "params", "macs")


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Return a plan of three rounds of seven, two of which get all seeds, on a dataset of 200 signals."""
    path = tmp_path_factory.mktemp("data") / "small.npz"
    exported.save(mnist1d(train=200, valid=100, test=100), path)
    changes = {"epochs": 2, "channels": 4, "batch_size": 50}
    training = TrainingSetup("darts", "micro-darts", str(path), seeds=(0, 1, 2), recipe_changes=changes)
    return Build("tiny", "darts", training, 3, Sample(3, 2, ORIGINS))


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    """Let parts be trained in this process: one of their own imports torch anew."""
    monkeypatch.setattr(parted, "spawned", lambda workers: ThreadPoolExecutor(1))


@pytest.fixture
def counted(monkeypatch):
    """Put in place of the trainer what is known of each cell: more convolutions are better; one in seven diverges."""
    asked = []

    def known(archs, seeds, recipe, *_, **__):
        asked.append((archs.copy(), tuple(seeds)))
        shape = (len(archs), len(seeds), recipe.epochs)
        convolutions = (archs[:, [0, 1, 3, 4, 6, 7, 9, 10]] > 2).sum(axis=1)
        whole = np.broadcast_to(
            40.0 + 5 * convolutions[:, None, None] + np.arange(recipe.epochs) + np.array(seeds)[:, None], shape
        ).copy()
        failed = archs[:, 0] == 6
        whole[failed] = np.nan
        last, none = whole[:, :, -1], np.zeros(shape[:2], dtype=np.int64)
        status = none + DIVERGED * failed[:, None]
        return Curves(
            archs, np.array(seeds), whole, whole, whole, whole, last, last, none + 1.0, status, none, "R0", "cpu"
        )

    monkeypatch.setattr(trainer, "train", known)
    return asked


def test_a_sample_continues_where_it_stopped_and_is_the_same(plan, counted, tmp_path):
    straight, finished = sample.build(plan, SPACE, tmp_path / "a")
    assert finished
    calls, counted[:] = len(counted), []
    finished, steps = False, 0
    while not finished:
        resumed, finished = sample.build(plan, SPACE, tmp_path / "b", limit=2)
        steps += 1
    assert steps == 6
    assert len(counted) == calls == 3 * (3 + 1)
    with np.load(straight) as one, np.load(resumed) as other:
        assert set(ARRAYS) < set(one.files)
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])


def test_what_is_there_is_always_in_the_file(plan, counted, tmp_path):
    rows, runs = [], []
    for _ in range(5):
        path, finished = sample.build(plan, SPACE, tmp_path, limit=1)
        assert not finished
        with np.load(path) as file:
            rows.append(len(file["archs"]))
            runs.append(int(file["made"].sum()))
    assert rows == [3, 6, 7, 7, 10]
    assert runs == [3, 6, 7, 11, 14]


def test_the_best_of_a_round_get_all_seeds_and_nothing_is_trained_twice(plan, counted, tmp_path):
    path, _ = sample.build(plan, SPACE, tmp_path)
    with np.load(path) as file:
        archs, made, valid, origin = (file[name] for name in ("archs", "made", "valid_accuracy", "origin"))
        about = json.loads(str(file["provenance"]))
    assert len(np.unique(SPACE.key(archs))) == len(archs) == 21
    assert about["origins"] == ["random_search", "regularized_evolution", "bananas"]
    assert about["origin"] == origin.tolist() == [0, 0, 0, 1, 1, 2, 2] * 3
    for rows in np.arange(21).reshape(3, 7):
        first = np.where(valid[rows, 0, -1] == importer.MISSING, -1, valid[rows, 0, -1].astype(int))
        assert made[rows].sum(axis=1).tolist().count(3) == 2
        assert first[made[rows].all(axis=1)].min() >= np.sort(first)[-2]
    assert made[:, 0].all()
    assert np.all(valid[~made] == importer.MISSING)
    kept, _ = sample.build(plan, SPACE, tmp_path)
    assert kept == path
    assert len(counted) == 12


def test_optimisers_learn_from_the_rounds_before(plan, counted, tmp_path):
    """Evolution's children in later rounds are one edit from one of the last four architectures that were told."""
    path, _ = sample.build(plan, SPACE, tmp_path)
    with np.load(path) as file:
        archs, valid = file["archs"], file["valid_accuracy"][:, 0, -1].astype(int)
    for start in (7, 14):
        failed = valid[:start] == importer.MISSING
        alive = archs[:start][~failed][-4:]
        around = {tuple(arch) for parent in alive for arch in SPACE.neighbours(parent).tolist()}
        assert all(tuple(arch) in around for arch in archs[start + 3 : start + 5].tolist())


def test_a_sample_is_opened_as_a_table(plan, counted, tmp_path):
    path, _ = sample.build(plan, SPACE, tmp_path)
    entry = replace(entries()["nb201-cifar10"], name="made", facts=MappingProxyType({}))
    table = importer.convert(entry, [path], SPACE, lambda what, fraction: None)
    layout.write(tmp_path / "made.h5", table)
    header = layout.read_header(tmp_path / "made.h5", held_out=True)
    assert recorded.run_counts(header) == {"1": 15, "3": 6}
    assert header.columns["test_accuracy"].held_out
    benchmark = TableBenchmark(layout.read_header(tmp_path / "made.h5"), recorded.space_of(header))
    check_benchmark(benchmark, np.random.default_rng(0))
    assert len(benchmark.space.rows) == 21


def test_parts_are_trained_as_the_plan_says(plan, tmp_path):
    """Real training: a part of three networks, the same numbers as the trainer gives alone."""
    path, finished = sample.build(plan, SPACE, tmp_path, limit=1)
    assert not finished
    with np.load(path) as file:
        archs, valid = file["archs"], file["valid_accuracy"][:, 0]
    from harness.training import data

    training = plan.training
    curves = trainer.train(
        archs[1:2], [0], training.load_recipe(), data.load(training.dataset), network="darts", level="R0"
    )
    np.testing.assert_array_equal(curves.valid_accuracy[0, 0], valid[1])
    assert valid.shape == (3, 2)


def test_more_rounds_keep_the_parts_that_are_there(plan):
    longer = replace(plan, sample=replace(plan.sample, rounds=9, then=Repeats(2, 2, 1, 1)))
    other = replace(plan, sample=replace(plan.sample, repeated=1))
    assert longer.digest == plan.digest != other.digest


def test_later_rounds_repeat_the_good_and_some_of_all():
    errors = np.array([5.0, 1.0, np.nan, 3.0, 9.0, 7.0, 2.0])
    rounds = Sample(9, 3, (Origin("random_search", 7),), Repeats(start=2, every=2, best=1, spread=2))
    assert rounds.again(errors, 1).tolist() == [1, 6, 3]
    assert rounds.again(errors, 2).tolist() == [1, 3, 4]  # the best, then a quarter and three quarters down the rest
    assert rounds.again(errors, 3).tolist() == []


def test_a_build_without_a_sample_is_refused(tmp_path):
    with pytest.raises(HarnessError, match="must name a sample"):
        sample.build(provider.plan("micro-mnist1d"), SPACE, tmp_path)
