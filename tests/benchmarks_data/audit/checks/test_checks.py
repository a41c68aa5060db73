"""Checks on made-up tables, in which what is wrong was put by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks_data.audit.checks import noise
from harness.benchmark import Column
from tests.benchmarks_data.audit.support import about, audited, column, results
from tests.benchmarks_data.made_up import SHORT_AND_LONG, accuracy, bags, made, scheduled


def test_validation_that_is_test_is_a_fault(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((20, 2, 1)) * 100
    found = audited(made(bags(20), columns=results(values, values)), tmp_path)
    wrong = about(found, "splits", "it is test")
    assert (wrong.severity, wrong.numbers) == ("fault", {"equal": 40, "compared": 40})
    assert "valid_accuracy, which strategies may be told, has the numbers of test_accuracy" in wrong.sentence


def test_coarse_accuracies_that_are_equal_by_chance_are_no_fault(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    valid, test = rng.integers(80, 84, (200, 1, 1)), rng.integers(80, 84, (200, 1, 1))
    assert audited(made(bags(200), columns=results(valid, test)), tmp_path).count("fault") == 0


def test_gaps_and_constants(tmp_path: Path) -> None:
    valid = np.random.default_rng(0).random((6, 2, 1)) * 100
    broken = valid + 0.5
    broken[3, 0] = np.nan
    columns = results(valid, valid * 0.9) | column("latency", [1, np.nan, 3, 4, 5, np.inf]) | column("size", [2] * 6)
    columns |= {"train_accuracy": (accuracy("train_accuracy"), broken)}
    found = audited(made(bags(6), columns=columns), tmp_path)
    missing, infinite = about(found, "gaps", "missing"), about(found, "gaps", "infinite")
    assert (missing.severity, missing.numbers["values"]) == ("caution", {"latency": 1, "train_accuracy": 1})
    assert (infinite.severity, infinite.numbers["values"]) == ("fault", {"latency": 1})
    assert "size is 2 in every row" in about(found, "constants").sentence
    told = {item.name: (item.missing, item.infinite) for item in found.columns}
    assert told["latency"] == (1, 1)


def test_trainings_that_do_not_exist_are_no_gap(tmp_path: Path) -> None:
    found = audited(scheduled(), tmp_path)
    assert "Nothing is missing" in about(found, "gaps").sentence
    uneven = about(found, "runs", "uneven")
    assert "schedule of 3 epochs" in uneven.sentence
    assert uneven.numbers["rows_by_runs"] == {"2": 1, "3": 5}
    assert found.schedules[1].seeds == {"777": 5, "888": 6, "999": 6}


def test_a_curve_on_test_images_alone_is_told(tmp_path: Path) -> None:
    source = scheduled()
    whole = source.columns["train_accuracy"][1]
    both = Column("valid_test_accuracy", "percent", "maximise", "valid+test", held_out=True)
    columns = {**source.columns, "valid_test_accuracy": (both, whole - 5.0)}
    columns["test_accuracy"] = (accuracy("test_accuracy", at=(4,)), source.columns["test_accuracy"][1])
    found = audited(scheduled(columns=columns), tmp_path)
    curve = about(found, "splits", "valid_test_accuracy (valid+test)")
    assert "schedule of 3 epochs, epochs 1-2 have" in curve.sentence
    # valid 10 i + r + .4, test one less: their mean is not 10 i + r - 4.6
    assert about(found, "curves", "cannot be halves").severity == "fault"


def test_halfway_values_that_repeat_the_end(tmp_path: Path) -> None:
    valid = np.random.default_rng(0).random((8, 2, 1)) * 100
    halfway = replace(accuracy(), name="halfway_valid_accuracy")
    columns = results(valid, valid * 0.9) | {"halfway_valid_accuracy": (halfway, valid)}
    found = audited(made(bags(8), columns=columns), tmp_path)
    assert about(found, "curves", "there is no halfway measurement").severity == "fault"


def test_noise_and_reliability_against_numbers_by_hand(tmp_path: Path) -> None:
    valid = np.array([[10.0, 12.0], [20.0, 20.0], [30.0, 34.0], [50.0, np.nan]])[:, :, None]
    found = audited(made(bags(4), columns=results(valid, valid * 0.9)), tmp_path)
    spread = about(found, "noise", "valid_accuracy").numbers
    sd = np.sqrt((2.0 + 0.0 + 8.0) / 3)  # variances of three rows with one degree of freedom each
    assert spread["sd"] == pytest.approx(sd)
    assert spread["sd_by_quarter_best_first"][1:] == pytest.approx([np.sqrt(8), 0, np.sqrt(2)])
    means, share = np.array([11.0, 20, 32, 50]), sd**2 * (3 * 0.5 + 1) / 4
    assert spread["reliability_of_means"] == pytest.approx(1 - share / np.var(means, ddof=1))


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 3.0))
def test_the_pooled_deviation_finds_that_of_the_noise(seed: int, sd: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 10, (2000, 1)) + rng.normal(0, sd, (2000, 3))
    values[::2, 2] = np.nan
    assert noise.pooled_sd(values) == pytest.approx(sd, rel=0.1)


@pytest.mark.parametrize(("extra", "severity"), [(0.0, "fact"), (0.01, "fault")])
def test_reported_costs_may_differ_by_a_part_that_all_have(tmp_path: Path, extra: float, severity: str) -> None:
    computed = np.arange(1.0, 7.0)
    reported = computed + 0.25
    reported[2] += extra
    valid = np.random.default_rng(0).random((6, 2, 1)) * 100
    columns = results(valid, valid * 0.9) | column("params_m", computed) | column("params_reported_m", reported)
    finding = about(audited(made(bags(6), columns=columns), tmp_path), "costs", "params_reported_m less params_m")
    assert finding.severity == severity
    assert finding.numbers["rows"] == (1 if extra else 0)


def test_times_that_are_repeated(tmp_path: Path) -> None:
    seconds = Column("train_seconds", "s", "minimise")
    source = scheduled()
    epochs = np.array([item.epoch for item in SHORT_AND_LONG], dtype=float)
    even = np.arange(1.0, 7.0)[:, None, None] * epochs
    rough = even + np.random.default_rng(0).random((6, 1, 5)) / 10
    for values, repeated in ((even, True), (rough, False)):
        table = scheduled(columns={**source.columns, "train_seconds": (seconds, values)}, seconds="train_seconds")
        found = audited(table, tmp_path)
        assert ("every epoch of a run takes exactly as long" in about(found, "times").sentence) is repeated
        assert "all runs of a row have one and the same time" in about(found, "times").sentence
        (tmp_path / "made-up.h5").unlink()


@pytest.mark.parametrize("alike", [True, False])
def test_times_of_trainings_that_are_alike(tmp_path: Path, alike: bool) -> None:
    times = np.arange(1.0, 7.0)[:, None, None] + np.array([0.0, 0.0 if alike else 0.1])[:, None]
    values = np.arange(12.0).reshape(6, 2, 1)
    columns = results(values, values * 0.9) | {"train_seconds": (Column("train_seconds", "s", "minimise"), times)}
    found = audited(made(bags(6), columns=columns, seconds="train_seconds"), tmp_path)
    assert ("all runs of a row have one and the same time" in about(found, "times").sentence) is alike


def test_shares_of_few_images_are_not_rounded(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 400, (30, 2, 1)) / 4.0
    found = audited(made(bags(30), columns=results(values, values * 0.5)), tmp_path)
    assert not [item for item in found.findings if "single precision" in item.sentence]


def test_single_precision_is_told(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((30, 2, 1)) * 100
    columns = results(values, values.astype(np.float32) * np.float32(0.9))
    assert about(audited(made(bags(30), columns=columns), tmp_path), "ties", "single").sentence.startswith("test_acc")


def test_rows_of_one_function(tmp_path: Path) -> None:
    archs = bags(6)
    turned = archs.copy()
    turned[:, [1, 2]] = archs[:, [2, 1]]
    differ = (turned != archs).any(axis=1)
    rows = np.concatenate([archs, turned[differ]])
    extra = int(differ.sum())
    values = np.arange(len(rows), dtype=float)[:, None, None]
    found = audited(made(rows, columns=results(values, values * 0.9), identity="exact"), tmp_path)
    numbers = about(found, "duplicates").numbers
    assert (numbers["classes"], numbers["rows_in_shared_classes"]) == (6, 2 * extra)
    gaps = (np.arange(6, 6 + extra) - np.flatnonzero(differ)).astype(float)
    assert numbers["sd_within_a_class"] == pytest.approx(np.sqrt((gaps**2 / 2).sum() / extra))
