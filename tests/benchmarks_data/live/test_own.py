"""Live search on data of one's own, in a space of one's own: the description of a build is a benchmark."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import harness as nh
from benchmarks_data.live.entries import is_live, live
from harness import registry
from harness.errors import HarnessError
from harness.names import read
from harness.testing.conformance import check_benchmark


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a dataset, a space, and a description of both; what is trained is kept elsewhere."""
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    place = tmp_path / "own"
    place.mkdir()
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    signals = np.sin(np.arange(16) * (1 + labels[:, None])) + rng.normal(0, 0.3, (90, 16))
    np.savez(place / "mine.npz", signals=signals, labels=labels)
    (place / "cells.toml").write_text('[cells]\nnodes = 3\noperations = ["none", "skip_connect", "nor_conv_1x1"]')
    (place / "mine.toml").write_text(
        'space = "cells.toml"\ndataset = "mine.npz"\nseeds = [0, 1]\nmargin_percent = 5.0\n'
        "recipe_changes = { epochs = 1, channels = 4, batch_size = 27 }"
    )
    return place


def test_a_description_is_searched_and_what_was_trained_is_kept(folder):
    name = str(folder / "mine.toml")
    results = [nh.run(["random_search"], name, evaluations=4, replicates=2) for _ in range(2)]
    first, second = ([run.trace.objectives.tolist() for run in each.runs] for each in results)
    assert first == second
    oracle = registry.oracle(name)
    trained = oracle.mean(oracle.archs, "valid_accuracy")
    told = np.concatenate([100.0 - run.trace.objectives[:, 0] for run in results[0].runs])
    assert np.isin(np.round(told, 6), np.round(oracle.trainings(oracle.archs, "valid_accuracy"), 6)).all()
    assert np.isfinite(trained).any()
    facts = registry.describe_benchmark(name)
    assert (facts["space"]["name"], facts["training"]["network"]) == (
        "cells",
        "cells:3:none,skip_connect,nor_conv_1x1",
    )
    assert "54 training, 18 validation, 18 test" in facts["dataset"]


def test_its_digest_is_of_the_content_and_not_of_the_path(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    there, copied = live(str(folder / "mine.toml")), live(str(tmp_path / "copy" / "mine.toml"))
    assert there.digest == copied.digest
    assert str(tmp_path) not in str(there.facts)
    assert live(f"{folder / 'mine.toml'}@R0").digest == there.digest


def test_it_answers_as_every_benchmark_does(folder):
    benchmark = registry.benchmark(str(folder / "mine.toml"))
    assert len(check_benchmark(benchmark, np.random.default_rng(0))) >= 5
    assert read(benchmark.name).path == folder / "mine.toml"


def test_other_files_are_no_live_benchmarks(folder):
    assert not is_live(str(folder / "cells.toml"))
    assert not is_live(str(folder / "none.toml"))
    with pytest.raises(HarnessError, match=r"there is no such file"):
        registry.benchmark(str(folder / "none.toml"))


def test_a_description_that_is_no_toml_says_so(folder, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text((folder / "mine.toml").read_text() + "\nseeds = [0,\n")
    with pytest.raises(HarnessError, match=r"mine\.toml: not valid TOML"):
        registry.benchmark(str(path))
