from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.training import data
from harness.training.data import exported, packaged
from harness.training.data.__main__ import main
from harness.training.data.dataset import SPLITS


@pytest.fixture
def binary(tmp_path):
    """A folder of small binary batches of CIFAR-10."""
    rng = np.random.default_rng(0)
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        records = rng.integers(0, 256, (20, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(20) % 10
        records.tofile(tmp_path / f"{name}.bin")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "meant"), [("cifra10", "cifar10"), ("MNIST1D", "mnist1d"), ("fashion", "fashion-mnist")]
)
def test_an_unknown_name_answers_with_the_nearest(name, meant):
    with pytest.raises(HarnessError, match=f"unknown dataset '{name}'. Did you mean '{meant}'"):
        data.load(name)


def test_an_unknown_option_answers_with_the_nearest(binary):
    with pytest.raises(HarnessError, match="Did you mean 'protocol'"):
        data.load("cifar10", binary, protokol="25k")


def test_a_folder_is_refused_where_none_is_read(tmp_path):
    with pytest.raises(HarnessError, match="`folder` must not be given for 'digits'"):
        data.load("digits", tmp_path)


def test_digits_are_split_once_and_for_all():
    from sklearn.datasets import load_digits

    digits = data.load("digits")
    assert [len(digits.labels[split]) for split in SPLITS] == [1097, 350, 350]
    assert digits.shape == (1, 8, 8)
    assert not digits.is_signal
    bunch = load_digits()
    original = sorted(
        (image.astype(np.uint8).tobytes(), label) for image, label in zip(bunch.images, bunch.target, strict=True)
    )
    split = sorted(
        (image.tobytes(), label)
        for part in SPLITS
        for image, label in zip(digits.images[part], digits.labels[part], strict=True)
    )
    assert split == original
    assert min(np.bincount(digits.labels["valid"])) > 20
    assert digits.mean[0] == pytest.approx(bunch.images.mean(), abs=1e-3)
    assert digits.std[0] == pytest.approx(bunch.images.std(), abs=1e-3)


def test_mnist1d_is_the_generators_default_cut_as_documented():
    from mnist1d.data import get_dataset_args, make_dataset

    ours = data.load("mnist1d")
    state = np.random.get_state()  # noqa: NPY002 - the package draws from the global generator
    theirs = make_dataset(get_dataset_args())
    np.random.set_state(state)  # noqa: NPY002 - as above
    assert [ours.images[split].shape for split in SPLITS] == [(3000, 1, 1, 40), (1000, 1, 1, 40), (1000, 1, 1, 40)]
    assert ours.is_signal
    trained = np.concatenate([ours.images["train"], ours.images["valid"]])[:, 0, 0]
    np.testing.assert_array_equal(trained, theirs["x"].astype(np.float32))
    np.testing.assert_array_equal(ours.images["test"][:, 0, 0], theirs["x_test"].astype(np.float32))
    np.testing.assert_array_equal(ours.labels["test"], theirs["y_test"])


def test_generating_signals_is_deterministic_and_leaves_the_global_generators_alone():
    sizes = {"train": 50, "valid": 20, "test": 13}
    state, plain = np.random.get_state(), random.getstate()  # noqa: NPY002 - to see that nobody drew from it
    first, second = packaged.mnist1d(**sizes), packaged.mnist1d(**sizes)
    assert random.getstate() == plain
    after = np.random.get_state()  # noqa: NPY002 - as above
    assert after[2:] == state[2:]
    np.testing.assert_array_equal(after[1], state[1])
    assert first.sha256 == second.sha256
    assert [len(first.labels[split]) for split in SPLITS] == [50, 20, 13]
    assert "num_samples=90" in first.description, "what was drawn is part of the provenance"


@pytest.mark.parametrize(
    "change", [{"seed": 43}, {"corr_noise": 0.5}, {"iid_noise": 0.1}, {"shear": 0.1}, {"train": 60}]
)
def test_every_argument_of_the_generator_changes_signals_and_name(change):
    sizes = {"train": 50, "valid": 20, "test": 10}
    usual, changed = packaged.mnist1d(**sizes), packaged.mnist1d(**sizes | change)
    assert usual.sha256 != changed.sha256
    assert usual.name != changed.name


def test_impossible_signals_are_refused():
    with pytest.raises(HarnessError, match="`train` must be at least 1"):
        packaged.mnist1d(train=0)
    with pytest.raises(HarnessError, match="`translation` must be at most 48"):
        packaged.mnist1d(translation=49)


def test_signals_other_than_those_known_are_refused(monkeypatch):
    monkeypatch.setattr(packaged, "_MNIST1D_SHA256", "0" * 64)
    with pytest.raises(HarnessError, match="generates other signals"):
        data.load("mnist1d")


def test_the_variant_of_the_micro_table_is_known():
    hard = data.load("mnist1d-hard")
    assert hard.name == "mnist1d-hard"
    assert [len(hard.labels[split]) for split in SPLITS] == [4000, 2000, 4000]


def test_an_exported_dataset_comes_back_as_it_was(binary, tmp_path):
    before = data.load("cifar10", binary, official=False)
    exported.save(before, tmp_path / "cifar.npz")
    after = data.load(str(tmp_path / "cifar.npz"))
    assert after.sha256 == before.sha256
    assert (after.name, after.classes, after.flip, after.padding) == ("cifar10", 10, True, 4)
    assert after.description == before.description
    np.testing.assert_array_equal(after.mean, before.mean)
    np.testing.assert_array_equal(after.std, before.std)


def test_a_damaged_export_is_refused(binary, tmp_path):
    path = tmp_path / "cifar.npz"
    exported.save(data.load("cifar10", binary, official=False), path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["images_test"][0, 0, 0, 0] ^= 1
    np.savez(path, **arrays)
    with pytest.raises(HarnessError, match="is damaged: the sha256"):
        data.load(str(path))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(HarnessError, match=r"is not a whole \.npz file"):
        data.load(str(path))
    with pytest.raises(HarnessError, match="there is no dataset"):
        data.load(str(tmp_path / "other.npz"))


def test_the_command_exports_and_tells_the_sha256(tmp_path, capsys):
    assert main(["digits", str(tmp_path / "digits.npz")]) == 0
    assert data.load("digits").sha256 in capsys.readouterr().out
    assert data.load(str(tmp_path / "digits.npz")).sha256 == data.load("digits").sha256
    assert main(["cifar10", str(tmp_path / "cifar.npz"), "--folder", str(tmp_path)]) == 2
    assert "error: 'cifar10'" in capsys.readouterr().err


def test_reading_files_needs_numpy_alone(binary):
    code = f"""
import sys
for name in ("sklearn", "mnist1d", "scipy", "h5py", "matplotlib", "pandas", "pydantic", "typer", "rich"):
    sys.modules[name] = None
from harness.training import data
data.load("cifar10", {str(binary)!r}, official=False)
for name in ("mnist1d", "digits"):
    try:
        data.load(name)
    except ValueError as error:
        print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "MNIST-1D needs the package mnist1d" in run.stdout
    assert "'digits' needs the package scikit-learn" in run.stdout


def test_shapes_are_known_without_files(binary):
    loaded = {
        "digits": packaged.digits(),
        "mnist1d": packaged.mnist1d(train=20, valid=10, test=10),
        "cifar10": data.load("cifar10", binary, protocol="50k", official=False),
    }
    for name, dataset in loaded.items():
        assert data.shape_of(name) == (dataset.shape, dataset.classes)
    assert data.shape_of("mnist1d-hard") == data.shape_of("mnist1d")


def test_the_shape_of_an_exported_dataset_is_read(tmp_path):
    exported.save(packaged.mnist1d(train=20, valid=10, test=10), tmp_path / "own.npz")
    assert data.shape_of(str(tmp_path / "own.npz")) == ((1, 1, 40), 10)
