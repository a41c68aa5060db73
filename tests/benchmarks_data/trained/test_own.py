"""Tables of one's own data: what a description may say, and that a path is in no digest."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks_data import parted
from benchmarks_data.trained import build, own
from harness import registry
from harness.errors import HarnessError
from harness.spaces import named
from harness.testing.conformance import check_benchmark
from harness.verification.tools import registered_training


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with ninety signals of three classes that are easy to tell."""
    place = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    signals = np.sin(np.arange(16) * (1 + labels[:, None])) + rng.normal(0, 0.3, (90, 16))
    np.savez(place / "mine.npz", signals=signals, labels=np.array(["low", "middle", "high"])[labels])
    return place


def described(folder, text='space = "nb201"\ndataset = "mine.npz"', **more):
    """Write a description, and read it."""
    lines = [text, *(f"{key} = {value}" for key, value in more.items())]
    path = folder / "mine.toml"
    path.write_text("\n".join(lines))
    return own.read(path)


@pytest.fixture
def here(monkeypatch):
    """Let parts be trained in this process, at the level of reference: nothing is proven or timed."""
    monkeypatch.setattr(build, "level_for", lambda *_: ("R0", ()))
    monkeypatch.setattr(parted, "spawned", lambda workers: ThreadPoolExecutor(1))


def test_a_description_has_defaults_and_names_its_data_by_digest(folder):
    made = described(folder)
    assert (made.plan.name, made.plan.space, made.plan.training.network) == ("mine", "nb201", "nb201")
    assert (made.plan.training.recipe, made.plan.training.seeds) == ("micro", (0, 1, 2))
    assert made.plan.training.dataset_sha256 == made.dataset.sha256
    assert any("3 classes; 54 training, 18 validation, 18 test" in line for line in made.told())


def test_a_path_is_in_no_digest_and_the_content_is(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert described(folder).plan.digest == described(tmp_path / "elsewhere").plan.digest
    np.savez(tmp_path / "elsewhere" / "mine.npz", signals=np.eye(16)[np.arange(60) % 16], labels=np.arange(60) % 3)
    (tmp_path / "elsewhere" / "mine.npz.splits.json").unlink()
    assert described(folder).plan.digest != described(tmp_path / "elsewhere").plan.digest


def test_a_recipe_of_ones_own_is_kept_by_content(folder):
    (folder / "quick.toml").write_text('epochs = 2\nchannels = 4\ncells = 1\nreduction = "pool"')
    made = described(folder, recipe='"quick.toml"', recipe_changes="{ epochs = 3 }")
    recipe = made.plan.training.load_recipe()
    assert (made.plan.training.recipe, recipe.name, recipe.epochs, recipe.channels) == ("micro", "quick", 3, 4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('space = "nb201"', "must have the key 'dataset'"),
        ('space = "nb201"\ndataset = "mine.npz"\nepochs = 3', "unknown key of `mine.toml`"),
        ('space = "nb102"\ndataset = "mine.npz"', "unknown search space 'nb102'"),
        ('space = "graph"\ndataset = "mine.npz"', "the space 'graph' has no networks that could be trained"),
        ('space = "nb201"\ndataset = "yours.npz"', "there is no dataset"),
        ('space = "nb201"\ndataset = "mine.npz"\nseeds = [1, 1]', "`seeds` must name one to 100 seeds, each once"),
        ('space = "nb201"\ndataset = "mine.npz"\nseeds = 3', "seeds` must be a list"),
        ('space = "nb201"\ndataset = "mine.npz"\nrecipe = "mikro"', "Did you mean 'micro'"),
        ('space = "nb201"\ndataset = "mine.npz"\nrecipe_changes = { epoch = 3 }', "Did you mean 'epochs'"),
        ('space = "nb201"\ndataset = "mine.npz"\nrecipe_changes = { epochs = 0 }', "`epochs` must be at least 1"),
        ('space = "nb201"\ndataset = "mine.npz"\ndataset_options = { vaild = 0.1 }', "Did you mean 'valid'"),
        ('space = "nb201"\ndataset = "mine.npz"\nmargin_percent = 0.0', "must be greater than 0"),
        ('space = "nb201"\ndataset = "mine.npz"\nname = "../x"', "be made of letters, digits"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is(folder, text, told):
    with pytest.raises(HarnessError, match=told):
        described(folder, text)


def test_a_table_of_own_data_and_own_cells_is_trained_searched_and_found_by_content(folder, here, tmp_path):
    (folder / "cells.toml").write_text('[cells]\nnodes = 2\noperations = ["none", "nor_conv_1x1"]')
    changes = "{ epochs = 1, channels = 4, batch_size = 9 }"
    made = described(
        folder, 'space = "cells.toml"\ndataset = "mine.npz"', seeds="[5]", recipe_changes=changes, margin_percent="1.5"
    )
    trained = build.build(made.plan, made.space, tmp_path)
    table = own.write(made, trained)
    benchmark, oracle = registry.benchmark(str(table)), registry.oracle(str(table))
    assert benchmark.space.format(benchmark.space.sample(9, np.random.default_rng(0)))[0].startswith("|")
    archs = np.array([[0], [1]])
    accuracy = oracle.mean(archs, "valid_accuracy")
    assert set(np.rint(accuracy * 18 / 100).tolist()) <= set(range(19))
    assert oracle.mean(archs, "params_m")[1] > oracle.mean(archs, "params_m")[0]
    setup = registered_training(str(table))
    assert (setup.network, setup.seeds, setup.margin_percent) == ("cells:2:none,nor_conv_1x1", (5,), 1.5)
    assert setup.dataset_sha256 == made.dataset.sha256
    assert [check for check in check_benchmark(benchmark, np.random.default_rng(0)) if "order" in check]


def test_architectures_are_drawn_where_a_space_is_not_trained_whole(folder):
    made = described(folder, architectures=7)
    assert (made.plan.sample.size, made.plan.sample.repeated) == (7, 7)


def test_a_space_of_too_many_codings_is_refused_whole(folder):
    with pytest.raises(HarnessError, match="few enough codings to train every class"):
        build.classes(named.space("darts"))


def test_a_missing_description_and_another_file_are_told(folder):
    with pytest.raises(HarnessError, match="there is no description of trainings"):
        own.read(folder / "none.toml")
    with pytest.raises(HarnessError, match="the path of a description"):
        own.read(folder / "mine.npz")
