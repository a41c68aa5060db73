"""Numberings, counts, units, directions and times that contradict what a table says of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks_data.audit.checks.costs import unlike
from benchmarks_data.audit.checks.numbering import idle_cells
from benchmarks_data.audit.findings import Audit, Finding
from harness.benchmark import Column
from harness.checks import Archs, FloatArray
from harness.problem import Fidelity
from harness.spaces import named
from harness.spaces.nats_size import costs as nats_size
from harness.spaces.nb101 import costs as nb101
from harness.spaces.nb201 import costs as nb201
from tests.benchmarks_data.audit.support import about, audited, results
from tests.benchmarks_data.made_up import accuracy, bags, made, scheduled

SPACE = named.space("nb201")
CURVE = tuple(Fidelity(f"epoch {epoch}", 3, epoch, continues=epoch - 2 if epoch > 1 else None) for epoch in (1, 2, 3))


def cells(seed: int = 0) -> tuple[Archs, FloatArray]:
    """Return all cells, and accuracies that depend on their function, chance for the cell that computes nothing."""
    rng = np.random.default_rng(seed)
    archs = SPACE.decode(np.arange(5**6, dtype=np.uint64))
    functions, function = np.unique(SPACE.key(archs), return_inverse=True)
    level = np.clip(rng.normal(88, 8, len(functions)), 12, 94.4)
    level[functions == SPACE.key(np.zeros((1, 6), dtype=np.uint8))[0]] = 10.0
    return archs, np.round(level[function] + rng.normal(0, 0.2, len(archs)), 3)


def told(folder: Path, archs: Archs, values: FloatArray, **columns: Any) -> Audit:
    shape = (len(archs), 1, 1)
    whole = {"valid_accuracy": (accuracy(), values.reshape(shape))} | columns
    return audited(made(archs, SPACE, columns=whole, test=None, identity="exact"), folder)


def of_topic(found: Audit, topic: str, severity: str) -> list[Finding]:
    return [item for item in found.findings if (item.topic, item.severity) == (topic, severity)]


def test_cells_by_their_own_numbering_are_no_fault(tmp_path: Path) -> None:
    found = told(tmp_path, *cells())
    assert found.count("fault") == 0
    assert "Rows of one function agree" in about(found, "numbering").sentence
    assert "cannot tell apart" in about(found, "numbering").sentence


def test_codes_of_another_numbering_are_a_fault_that_names_the_right_one(tmp_path: Path) -> None:
    archs, values = cells()
    # 0 skip, 1 none, 2 conv 3x3, 3 conv 1x1, 4 pool; edges 0-1, 0-2, 0-3, 1-2, 1-3, 2-3
    theirs = np.array([1, 0, 3, 2, 4], dtype=np.uint8)[archs][:, [0, 1, 3, 2, 4, 5]]
    found = told(tmp_path, theirs, values)
    wrong = about(found, "numbering", "if codes are read as")
    assert wrong.severity == "fault"
    assert "0 skip_connect, 1 none" in wrong.sentence
    assert "gene 2 from column 3, gene 3 from column 2" in wrong.sentence


@pytest.mark.parametrize("edges", [[1, 0, 2, 3, 4, 5], [0, 1, 3, 2, 4, 5], [3, 4, 5, 0, 1, 2]])
def test_edges_in_another_order_are_a_fault(tmp_path: Path, edges: list[int]) -> None:
    archs, values = cells()
    assert of_topic(told(tmp_path, archs[:, edges], values), "numbering", "fault")


def test_rows_that_are_mixed_up_are_a_fault(tmp_path: Path) -> None:
    archs, values = cells()
    found = told(tmp_path, archs, np.random.default_rng(0).permutation(values))
    assert "as if values stood beside any architectures" in of_topic(found, "numbering", "fault")[0].sentence


def test_a_noisy_table_is_asked_and_not_accused(tmp_path: Path) -> None:
    archs, values = cells()
    noisy = np.clip(values + np.random.default_rng(0).normal(0, 10, len(values)), 0, 100)
    noisy[values < 11] = 10.0
    found = told(tmp_path, archs, noisy)
    assert not of_topic(found, "numbering", "fault")


def test_an_error_called_accuracy_is_a_fault(tmp_path: Path) -> None:
    archs, values = cells()
    found = told(tmp_path, archs, 100 - values)
    wrong = of_topic(found, "numbering", "fault")
    assert any("better the other way round" in item.sentence for item in wrong)


def test_idle_cells_need_a_space_that_has_any() -> None:
    keys = np.arange(30, dtype=np.uint64)
    assert idle_cells(named.space("macro"), keys, "x", np.arange(30.0), "maximise") is None


def counts(name: str, unit: str, values: Any) -> dict[str, tuple[Column, FloatArray]]:
    return {name: (Column(name, unit, "minimise"), np.asarray(values, dtype=np.float64))}


@pytest.mark.parametrize("codes", [(0, 1, 3, 2, 4), (0, 1, 4, 3, 2), (0, 2, 1, 3, 4), (4, 0, 3, 1, 2)])
@pytest.mark.parametrize(("name", "unit", "factor"), [("n_params", "M", 1e-6), ("MFLOPs", "flops", 2.0)])
def test_counts_find_operations_that_trade_codes(codes: tuple[int, ...], name: str, unit: str, factor: float) -> None:
    archs = SPACE.sample(500, np.random.default_rng(0))
    true = nb201.cost(archs, classes=100)
    stored = counts(name, unit, factor * (true.params if unit == "M" else true.macs))
    (right,) = unlike(SPACE, archs, stored)
    assert right.severity == "fact"
    (wrong,) = unlike(SPACE, np.array(codes, dtype=np.uint8)[archs], stored)
    assert wrong.severity == "fault"
    assert "they are of another numbering" in wrong.sentence


def test_counts_of_other_spaces() -> None:
    rng = np.random.default_rng(0)
    space = named.space("nb101")
    archs = space.sample(300, rng)
    (right,) = unlike(space, archs, counts("trainable_parameters", "weights", nb101.params(archs)))
    assert right.severity == "fact"
    (wrong,) = unlike(space, archs, counts("trainable_parameters", "weights", rng.permutation(nb101.params(archs))))
    assert wrong.severity == "fault"
    size = named.space("nats-size")
    archs = size.sample(300, rng)
    stored = counts("params", "M", nats_size.cost(archs, classes=100).params)
    assert next(unlike(size, archs, stored)).severity == "fact"
    assert next(unlike(size, (7 - archs).astype(np.uint8), stored)).severity == "fault"


@pytest.mark.parametrize("name", ["latency", "macro_score", "params_seconds"])
def test_other_columns_are_no_counts(name: str) -> None:
    archs = SPACE.sample(100, np.random.default_rng(0))
    unit = "s" if name.endswith("seconds") else "M"
    assert not list(unlike(SPACE, archs, counts(name, unit, np.random.default_rng(1).random(100))))


def test_a_fraction_under_percent_is_a_fault(tmp_path: Path) -> None:
    fractions = np.random.default_rng(0).random((20, 2, 1))
    found = audited(made(bags(20), columns=results(fractions, 100 - fractions)), tmp_path)
    wrong = about(found, "scales", "as fractions do")
    assert (wrong.severity, wrong.sentence.split()[0]) == ("fault", "valid_accuracy")


def test_a_direction_against_the_name_and_against_test(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    quality = 60 + 30 * rng.random((40, 1, 1))
    error = replace(accuracy("test_accuracy"), name="test_accuracy", direction="minimise", best=0.0)
    columns = {
        "valid_accuracy": (accuracy(), quality),
        "test_accuracy": (error, quality + rng.normal(0, 1, (40, 1, 1))),
    }
    found = audited(made(bags(40), columns=columns), tmp_path)
    assert about(found, "scales", "'accuracy' is better when it is higher").severity == "caution"
    assert about(found, "scales", "worse by the other").severity == "fault"


@pytest.mark.parametrize(
    ("kind", "severity"), [("from the start", "fact"), ("per epoch", "fault"), ("one for all epochs", "fault")]
)
def test_seconds_that_do_not_grow_are_a_fault(tmp_path: Path, kind: str, severity: str) -> None:
    rng = np.random.default_rng(0)
    step = 2 + rng.random((12, 1, 3))
    seconds = {
        "from the start": np.cumsum(step, axis=2),
        "per epoch": np.sort(step),
        "one for all epochs": step[:, :, :1],
    }
    columns = {
        "valid_accuracy": (accuracy(), 50 + 40 * rng.random((12, 2, 3))),
        "train_seconds": (Column("train_seconds", "s", "minimise"), seconds[kind]),
    }
    table = made(bags(12), columns=columns, test=None, seconds="train_seconds", fidelities=CURVE)
    found = audited(table, tmp_path)
    wrong = [item for item in found.findings if item.topic == "times" and "hardly grows" in item.sentence]
    assert [item.severity for item in wrong] == ([severity] if severity == "fault" else [])


def test_seconds_that_are_hours_are_asked(tmp_path: Path) -> None:
    source = scheduled()
    hours = np.arange(1.0, 7.0)[:, None, None] * np.array([1.0, 2.0, 1.0, 2.0, 3.0]) / 100
    columns = {**source.columns, "hours": (Column("hours", "s", "minimise"), hours)}
    for dataset, asked in (("CIFAR-10, 50,000 images", True), ("Digits", False)):
        table = scheduled(columns=columns, seconds="hours", about={"dataset": dataset})
        found = audited(table, tmp_path)
        (tmp_path / "made-up.h5").unlink()
        assert any("minutes or hours" in item.sentence for item in found.findings) is asked
