"""Tables of one's own data: what a description may say, and that a path is in no digest."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks_data import parted
from benchmarks_data.trained import own
from harness.errors import HarnessError


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
    """Let parts be trained in this process."""
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
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is(folder, text, told):
    with pytest.raises(HarnessError, match=told):
        described(folder, text)


def test_a_missing_description_and_another_file_are_told(folder):
    with pytest.raises(HarnessError, match="there is no description of a build"):
        own.read(folder / "none.toml")
    with pytest.raises(HarnessError, match="the path of a description"):
        own.read(folder / "mine.npz")
