from __future__ import annotations

import gzip
import hashlib
import json
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.training import data as datasets
from harness.training.data import cifar10, fashion_mnist
from harness.training.data.dataset import SPLITS

BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
IDX = [file.name for file in fashion_mnist.FILES]


def records(count, seed=0):
    """Records of CIFAR's binary layout, with every class in turn."""
    made = np.random.default_rng(seed).integers(0, 256, (count, 3073), dtype=np.uint8)
    made[:, 0] = np.arange(count) % 10
    return made


def python2_batch(made):
    """The bytes that Python 2 and its numpy wrote for a batch: strings are bytes, globals have their old names."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    def integer(value):
        return b"J" + struct.pack("<i", value)

    data = made[:, 1:].tobytes()
    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN"
    dtype += integer(-1) + integer(-1) + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R(K\x01"
    array += integer(len(made)) + integer(3072) + b"\x86" + dtype + b"\x89T" + struct.pack("<i", len(data)) + data
    labels = b"](" + b"".join(b"K" + bytes([label]) for label in made[:, 0]) + b"e"
    head = b"\x80\x02}(" + text(b"batch_label") + text(b"training batch 1 of 5")
    return head + text(b"labels") + labels + text(b"data") + array + b"tb" + b"u."


@pytest.fixture
def batches():
    return {name: records(40 if name != "test_batch" else 20, seed) for seed, name in enumerate(BATCHES)}


@pytest.fixture
def binary(tmp_path, batches):
    for name, made in batches.items():
        made.tofile(tmp_path / f"{name}.bin")
    return tmp_path


def as_python(folder, batches, write=python2_batch):
    for name, made in batches.items():
        (folder / f"{name}.bin").unlink(missing_ok=True)
        (folder / name).write_bytes(write(made))
    return folder


def idx(array):
    return struct.pack(f">{1 + array.ndim}i", 0x0800 | array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def idx_files(tmp_path):
    rng = np.random.default_rng(1)
    for name in IDX:
        count = 60 if name.startswith("train") else 10
        labels = (np.arange(count) % 10).astype(np.uint8)
        array = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8) if "idx3" in name else labels
        (tmp_path / name).write_bytes(idx(array))
    return tmp_path


def test_python_and_binary_batches_give_the_same_dataset(binary, batches):
    from_binary = datasets.load("cifar10", binary, official=False)
    from_python = datasets.load("cifar10", as_python(binary, batches), official=False)
    assert from_binary.sha256 == from_python.sha256
    np.testing.assert_array_equal(from_binary.images["test"][3].ravel(), batches["test_batch"][3, 1:])
    assert from_binary.shape == (3, 32, 32)
    assert all(image.dtype == np.uint8 and image.flags.c_contiguous for image in from_binary.images.values())


def test_batches_pickled_by_today_s_python_are_read_too(binary, batches):
    before = datasets.load("cifar10", binary, official=False).sha256

    def write(made):
        return pickle.dumps({b"data": made[:, 1:], b"labels": made[:, 0].tolist()}, protocol=2)

    assert datasets.load("cifar10", as_python(binary, batches, write), official=False).sha256 == before


def test_without_the_official_indices_half_of_each_class_trains(binary):
    cifar = datasets.load("cifar10", binary, official=False)
    assert [len(cifar.labels[split]) for split in SPLITS] == [100, 100, 20]
    for split in ("train", "valid"):
        np.testing.assert_array_equal(np.bincount(cifar.labels[split]), [10] * 10)
    assert "own split" in cifar.description
    both = np.concatenate([cifar.images["train"], cifar.images["valid"]])
    assert len(np.unique(both.reshape(200, -1), axis=0)) == 200, "every image is in one half only"


def test_the_official_indices_are_used_where_they_are(binary, batches, monkeypatch):
    train = [0, 5, 7, *range(11, 108)]
    valid = sorted(set(range(200)) - set(train))
    text = json.dumps({"train": ["int", [str(i) for i in train]], "valid": ["int", [str(i) for i in valid]]})
    (binary / "cifar-split.txt").write_text(text)
    with pytest.raises(HarnessError, match="is not NAS-Bench-201's: its sha256 is"):
        datasets.load("cifar10", binary, official=False)
    known = cifar10.OfficialFile("cifar-split.txt", len(text), hashlib.sha256(text.encode()).hexdigest())
    monkeypatch.setattr(cifar10, "SPLIT_FILE", known)
    cifar = datasets.load("cifar10", binary, official=False)
    everything = np.concatenate([batches[name] for name in BATCHES[:-1]])
    np.testing.assert_array_equal(cifar.images["train"].reshape(100, -1), everything[train, 1:])
    np.testing.assert_array_equal(cifar.labels["valid"], everything[valid, 0])
    assert "split of NAS-Bench-201" in cifar.description
    assert "own" not in cifar.description


def test_protocol_50k_trains_on_everything(binary, batches):
    cifar = datasets.load("cifar10", binary, official=False, protocol="50k")
    assert [len(cifar.labels[split]) for split in SPLITS] == [200, 0, 20]
    np.testing.assert_array_equal(cifar.images["train"][40].ravel(), batches["data_batch_2"][0, 1:])
    with pytest.raises(HarnessError, match="`protocol` must be one of '25k', '50k'"):
        datasets.load("cifar10", binary, official=False, protocol="60k")


@pytest.mark.parametrize("name", ["cifar10", "fashion-mnist"])
def test_a_missing_folder_says_what_to_put_where(name, tmp_path):
    for folder in (None, tmp_path / "nowhere", tmp_path):
        with pytest.raises(HarnessError) as caught:
            datasets.load(name, folder)
        module = cifar10 if name == "cifar10" else fashion_mnist
        for file in module.FILES:
            assert file.name in str(caught.value)
            assert file.sha256 in str(caught.value)
            assert f"{file.size:,}" in str(caught.value)


def test_batches_that_are_not_the_official_ones_are_refused(binary):
    with pytest.raises(HarnessError, match=r"data_batch_1.bin is truncated: 122,920 bytes .* has 30,730,000"):
        datasets.load("cifar10", binary)


def test_content_of_the_right_size_must_have_the_right_sha256(binary, monkeypatch):
    known = [cifar10.OfficialFile(file.name, (binary / file.name).stat().st_size, "ab" * 32) for file in cifar10.FILES]
    monkeypatch.setattr(cifar10, "FILES", known)
    with pytest.raises(HarnessError, match=f"expected {'ab' * 32}.* or pass official=False"):
        datasets.load("cifar10", binary)


def test_broken_records_are_refused(binary, batches):
    path = binary / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(HarnessError, match=r"data_batch_3.bin is truncated: .* no whole records"):
        datasets.load("cifar10", binary, official=False)
    wrong = batches["data_batch_3"].copy()
    wrong[0, 0] = 10
    wrong.tofile(path)
    with pytest.raises(HarnessError, match="it has the label 10, the last one is 9"):
        datasets.load("cifar10", binary, official=False)


class Intruder:
    """What a hostile pickle would run."""

    def __reduce__(self):
        return (os.mkdir, ("intruder",))


def test_a_pickle_that_names_anything_else_runs_nothing(binary, batches, monkeypatch):
    monkeypatch.chdir(binary)
    as_python(binary, batches, lambda made: pickle.dumps({b"data": Intruder()}, protocol=2))
    with pytest.raises(HarnessError, match=r"names the global 'posix\.mkdir'"):
        datasets.load("cifar10", binary, official=False)
    assert not (binary / "intruder").exists()


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (lambda made: python2_batch(made)[:-2000], "is not a whole python batch"),
        (lambda made: pickle.dumps([1, 2]), "is not a whole python batch: TypeError"),
        (lambda made: pickle.dumps({b"data": made[:, 2:], b"labels": []}), "expected \\(n, 3072\\)"),
        (lambda made: pickle.dumps({b"data": np.zeros(3, dtype=object), b"labels": []}), "must be 'u1', got 'O8'"),
        (
            lambda made: pickle.dumps({b"data": made[:, 1:], b"labels": [0]}),
            "its labels are not 40 integers from 0 to 9",
        ),
        (lambda made: pickle.dumps({b"data": made[:, 1:], b"labels": [10] * len(made)}), "integers from 0 to 9"),
    ],
)
def test_damaged_or_foreign_python_batches_are_refused(binary, batches, write, complaint):
    with pytest.raises(HarnessError, match=complaint):
        datasets.load("cifar10", as_python(binary, batches, write), official=False)


# Fashion-MNIST


def test_raw_and_packed_idx_files_give_the_same_dataset(idx_files):
    raw = datasets.load("fashion-mnist", idx_files, official=False)
    for name in IDX:
        path = idx_files / name
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = datasets.load("fashion-mnist", idx_files, official=False)
    assert raw.sha256 == packed.sha256
    assert [raw.images[split].shape for split in SPLITS] == [(50, 1, 28, 28), (10, 1, 28, 28), (10, 1, 28, 28)]
    assert raw.labels["train"][:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


@pytest.mark.parametrize(
    ("name", "spoil", "complaint"),
    [
        (IDX[0], lambda content: content[:-1], "is truncated or damaged"),
        (IDX[0], lambda content: content[:7], "is truncated: 7 bytes"),
        (IDX[0], lambda content: b"\x00\x00\x08\x01" + content[4:], "starts with 0x00000801, expected 0x00000803"),
        (IDX[1], lambda content: content[:8] + b"\x0a" + content[9:], r"`labels\['train'\]` must be in range\(10\)"),
        (IDX[3], lambda content: idx(np.zeros(3, dtype=np.uint8)), r"`images\['test'\]` must be \(3, C, H, W\)"),
    ],
)
def test_damaged_idx_files_are_refused(idx_files, name, spoil, complaint):
    path = idx_files / name
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(HarnessError, match=complaint):
        datasets.load("fashion-mnist", idx_files, official=False)


def test_a_cut_gzip_file_is_refused(idx_files):
    path = idx_files / IDX[2]
    Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes())[:-9])
    path.unlink()
    with pytest.raises(HarnessError, match="is not a whole gzip file"):
        datasets.load("fashion-mnist", idx_files, official=False)


def test_idx_files_that_are_not_the_official_ones_are_refused(idx_files):
    with pytest.raises(
        HarnessError, match=r"train-images-idx3-ubyte is truncated: .* the official file has 47,040,016"
    ):
        datasets.load("fashion-mnist", idx_files)


def folder_from(variable):
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"the official files are not here; name their folder in {variable}")
    return folder


@pytest.mark.data
def test_the_official_cifar10():
    cifar = datasets.load("cifar10", folder_from("NAS_HARNESS_CIFAR10"))
    assert [len(cifar.labels[split]) for split in SPLITS] == [25_000, 25_000, 10_000]
    np.testing.assert_array_equal(np.bincount(cifar.labels["test"]), [1000] * 10)
    np.testing.assert_array_equal(
        np.bincount(np.concatenate([cifar.labels["train"], cifar.labels["valid"]])), [5000] * 10
    )
    both = np.concatenate([cifar.images["train"], cifar.images["valid"]])
    np.testing.assert_allclose(both.mean((0, 2, 3)), cifar.mean, atol=0.1)
    np.testing.assert_allclose(both.std((0, 2, 3)), cifar.std, atol=0.1)
    assert cifar.labels["test"][:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]


@pytest.mark.data
def test_the_official_fashion_mnist():
    fashion = datasets.load("fashion-mnist", folder_from("NAS_HARNESS_FASHION_MNIST"))
    assert [len(fashion.labels[split]) for split in SPLITS] == [50_000, 10_000, 10_000]
    both = np.concatenate([fashion.images["train"], fashion.images["valid"]])
    assert both.mean() == pytest.approx(fashion.mean[0], abs=0.01)
    assert both.std() == pytest.approx(fashion.std[0], abs=0.01)
    np.testing.assert_array_equal(np.bincount(fashion.labels["test"]), [1000] * 10)
