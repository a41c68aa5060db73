"""Folders of images: classes and splits by their folders, sizes and modes in words."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.training import data
from harness.training.data.dataset import SPLITS

Image = pytest.importorskip("PIL.Image")


def write(path, mode="L", size=(8, 8), seed=0, **options):
    """Write an image of random pixels; `size` is width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], bands), dtype=np.uint8)
    Image.fromarray(pixels[:, :, 0] if bands == 1 else pixels, mode=None).save(path, **options)


@pytest.fixture
def photos(tmp_path):
    """Eight grey images of each of two classes."""
    for number in range(16):
        write(tmp_path / "photos" / ("cat" if number % 2 else "dog") / f"{number}.png", seed=number)
    return tmp_path / "photos"


def test_classes_are_folders(photos):
    loaded = data.load(str(photos))
    assert (loaded.shape, loaded.class_names, loaded.images["train"].dtype) == ((1, 8, 8), ("cat", "dog"), np.uint8)
    assert [len(loaded.labels[split]) for split in SPLITS] == [8, 4, 4]
    assert (photos.parent / "photos.splits.json").is_file()
    original = {np.asarray(Image.open(path)).tobytes(): path.parent.name for path in photos.rglob("*.png")}
    for split in SPLITS:
        for item, label in zip(loaded.images[split], loaded.labels[split], strict=True):
            assert original[item.tobytes()] == loaded.class_names[label]


def test_splits_may_be_folders_too(tmp_path):
    for split in ("train", "val", "test"):
        for number in range(6):
            write(tmp_path / "set" / split / "ab"[number % 2] / f"{number}.png", seed=hash((split, number)) % 1000)
    loaded = data.load(str(tmp_path / "set"))
    assert [len(loaded.labels[split]) for split in SPLITS] == [6, 6, 6]
    assert not (tmp_path / "set.splits.json").exists()


def test_colour_and_grey_together_have_three_channels(photos):
    write(photos / "cat" / "colour.png", "RGB", seed=99)
    loaded = data.load(str(photos))
    assert loaded.shape == (3, 8, 8)
    grey = [item for item in loaded.images["train"] if (item[0] == item[1]).all() and (item[1] == item[2]).all()]
    assert len(grey) >= 7


def test_images_of_several_sizes_are_refused_or_scaled(photos):
    write(photos / "cat" / "wide.png", size=(20, 12), seed=99)
    with pytest.raises(HarnessError, match=r"from 8 x 8 to 12 x 20 \(height x width\): .* size = \[12, 20\]"):
        data.load(str(photos))
    assert data.load(str(photos), size=[12, 16]).shape == (1, 12, 16)


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("notes.txt", lambda path: path.write_text("x"), "notes.txt is no image"),
        ("broken.png", lambda path: path.write_bytes(b"\x89PNG"), "broken.png cannot be read as an image"),
        ("deep.png", lambda path: Image.fromarray(np.full((8, 8), 4000, np.uint16)).save(path), "mode 'I;16'"),
        ("clear.png", lambda path: write(path, "RGBA", seed=5), "transparent in places"),
        ("gone.png", lambda path: path.symlink_to("nowhere"), "gone.png is no image"),
        ("../loose.png", lambda path: write(path), "loose.png lies beside the folders of classes"),
        ("../bare", lambda path: path.mkdir(), "bare is a class without images"),
    ],
)
def test_what_is_no_image_is_refused(photos, name, make, told):
    make(photos / "cat" / name)
    with pytest.raises(HarnessError, match=told):
        data.load(str(photos))


def test_folders_that_are_no_classes_are_refused(tmp_path, photos):
    (tmp_path / "empty").mkdir()
    with pytest.raises(HarnessError, match="no images in folders of classes"):
        data.load(str(tmp_path / "empty"))
    write(photos / "train" / "cat" / "a.png")
    with pytest.raises(HarnessError, match=r"folders of splits \('train'\) beside others \('cat'\)"):
        data.load(str(photos))


def test_a_folder_named_without_a_slash_is_told_how_to_be_written(photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    with pytest.raises(HarnessError, match=r"written as a path: './photos'"):
        data.load("photos")
    assert data.load("./photos").classes == 2


def test_options_of_arrays_are_refused(photos):
    with pytest.raises(HarnessError, match="`layout` must be left out for a folder"):
        data.load(str(photos), layout="NHW")
    with pytest.raises(HarnessError, match="`layout` must be left out for a folder"):
        data.load(str(photos), layout="")
    with pytest.raises(HarnessError, match="`size` must be height and width"):
        data.load(str(photos), size=[8])
