"""Copies of held-out columns in made-up tables, written in every way that numbers can be written otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks_data.audit.checks.copies import MANY
from benchmarks_data.audit.findings import Audit, Finding
from benchmarks_data.plausibility.likeness import CLOSE, SAME_ORDER, likeness
from harness.benchmark import Column
from tests.benchmarks_data.audit.support import audited, results
from tests.benchmarks_data.made_up import accuracy, bags, made, scheduled

ROWS = 120
RNG = np.random.default_rng(0)
QUALITY = 60 + 30 * RNG.beta(4, 1, (ROWS, 1, 1))
TEST = np.round(QUALITY + RNG.normal(0, 0.5, (ROWS, 2, 1)), 2)


def of_splits(found: Audit, severity: str) -> list[Finding]:
    return [item for item in found.findings if item.topic == "splits" and item.severity == severity]


def audit_of(folder: Path, valid: Any, test: Any, **more: Any) -> Audit:
    return audited(made(bags(ROWS), columns=results(valid, test) | more), folder)


@pytest.mark.parametrize(
    "way",
    [
        lambda v: v.astype(np.float32).astype(float),
        lambda v: v + 3e-6,
        lambda v: np.round(v + RNG.integers(0, 2, v.shape) / 100, 2),
        lambda v: 100 - v,
        lambda v: v / 100,
        lambda v: v[:, ::-1],
        lambda v: 100 - v[:, ::-1],
        lambda v: v + RNG.normal(0, 0.003, v.shape),
        lambda v: v.mean(axis=1, keepdims=True),
        lambda v: v[:, 1:],
    ],
    ids=[
        "single", "digits", "last digit", "error", "fraction", "other order of trainings", "error, other order",
        "tiny noise", "mean", "one training",
    ],
)  # fmt: skip
def test_a_copy_otherwise_written_is_a_fault(tmp_path: Path, way: Any) -> None:
    (wrong,) = of_splits(audit_of(tmp_path, way(TEST), TEST), "fault")
    assert wrong.sentence.startswith("valid_accuracy, which strategies may be told, ")
    assert (
        "test_accuracy otherwise written: test_accuracy = " in wrong.sentence or "has the numbers of" in wrong.sentence
    )
    assert wrong.sentence.endswith("it is test.")


def test_a_copy_held_out_by_training_and_told_as_a_mean(tmp_path: Path) -> None:
    assert of_splits(audit_of(tmp_path, TEST, TEST.mean(axis=1, keepdims=True)), "fault")


def test_a_copy_in_seven_of_ten_rows_is_a_fault(tmp_path: Path) -> None:
    part = np.where(RNG.random((ROWS, 1, 1)) < 0.7, TEST / 100, RNG.random(TEST.shape))
    assert of_splits(audit_of(tmp_path, part, TEST), "fault")


def test_a_copy_that_is_shifted_by_an_epoch_is_a_fault(tmp_path: Path) -> None:
    source = scheduled(40)
    curve = 50 + 40 * np.random.default_rng(0).random((40, 3, 5))
    columns = {
        **source.columns,
        "valid_accuracy": (accuracy(), np.roll(curve, 1, axis=2)),
        "test_accuracy": (accuracy("test_accuracy"), curve),
        "train_accuracy": (accuracy("train_accuracy"), 100 * np.random.default_rng(1).random(curve.shape)),
    }
    (wrong,) = of_splits(audited(scheduled(40, columns=columns), tmp_path), "fault")
    assert "(epoch 3 beside epoch 2)" in wrong.sentence


def test_validation_and_its_average_with_test_give_test_away(tmp_path: Path) -> None:
    valid = np.round(QUALITY + RNG.normal(0, 0.5, TEST.shape), 2)
    mixed = Column("mixed_accuracy", "percent", "maximise", "x-valid")
    found = audit_of(tmp_path, valid, TEST, mixed_accuracy=(mixed, (valid + TEST) / 2))
    (wrong,) = of_splits(found, "fault")
    assert "make test_accuracy together" in wrong.sentence


def test_what_is_nearer_than_measurements_are_is_a_caution(tmp_path: Path) -> None:
    near = TEST + np.random.default_rng(1).normal(0, 0.03, TEST.shape)
    (caution,) = of_splits(audit_of(tmp_path, near, TEST), "caution")
    assert "nearer to test_accuracy than two measurements are" in caution.sentence


def test_the_same_order_is_a_fault(tmp_path: Path) -> None:
    (wrong,) = of_splits(audit_of(tmp_path, np.exp(TEST / 10), TEST), "fault")
    assert "in the order of test_accuracy" in wrong.sentence


def test_nearly_the_same_order_is_a_caution(tmp_path: Path) -> None:
    (caution,) = of_splits(
        audit_of(tmp_path, np.exp(TEST / 10) + np.random.default_rng(1).normal(0, 1.0, TEST.shape), TEST), "caution"
    )
    assert "in the order of test_accuracy" in caution.sentence


@pytest.mark.parametrize("sd", [0.2, 0.5, 2.0])
def test_two_measurements_are_no_fault_and_nothing_is_certified(tmp_path: Path, sd: float) -> None:
    valid = np.round(QUALITY + np.random.default_rng(1).normal(0, sd, TEST.shape), 2)
    found = audit_of(tmp_path, valid, TEST)
    assert not of_splits(found, "fault")
    assert not of_splits(found, "caution")
    (clean,) = of_splits(found, "fact")
    assert "comes nearest to what is held out" in clean.sentence
    assert "an average of validation and test cannot be told from validation" in clean.remedy
    assert not any("No column" in item.sentence for item in found.findings)


def test_few_rows_are_said_to_be_few(tmp_path: Path) -> None:
    found = audited(made(bags(5), columns=results(TEST[:5] + 1.0, TEST[:5])), tmp_path)
    (clean,) = of_splits(found, "fact")
    assert clean.sentence == "5 rows are too few to compare what is told with what is held out."


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "valid", "test"),
    [
        ("nb201_tss.npz", "{0}__val_acc_200_v11", "{0}__test_acc_200_v11"),
        ("nb201_tss.npz", "{0}__val_acc_12", "{0}__test_acc_12"),
    ],
)
def test_published_validation_and_test_are_far_from_copies(shared_data: Path, file: str, valid: str, test: str) -> None:
    arrays = np.load(shared_data / file)
    for name in ("cifar10", "cifar100", "imagenet16_120"):
        found = likeness(arrays[valid.format(name)].astype(float), arrays[test.format(name)].astype(float))
        assert found.distance > 2 * CLOSE
        assert found.rank > 10 * SAME_ORDER
        assert found.rounded < MANY / 5


@pytest.mark.data
def test_every_published_pair_of_transnas_is_far_from_a_copy(shared_data: Path) -> None:
    arrays = np.load(shared_data / "transnasbench101.npz")
    pairs = [(name, name.replace("__valid_", "__test_")) for name in arrays.files if "__valid_" in name]
    assert len(pairs) >= 15
    for valid, test in pairs:
        for rows in (slice(0, 3256), slice(3256, None)):
            found = likeness(arrays[valid][rows].astype(float), arrays[test][rows].astype(float))
            assert found.distance > 2 * CLOSE, valid
            assert found.rank > 10 * SAME_ORDER, valid
