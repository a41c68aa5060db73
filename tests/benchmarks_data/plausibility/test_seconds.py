"""Seconds: what they count from, and how they are summed from the start."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data.plausibility.seconds import KINDS, cumulated, other_unit, stalled

EPOCHS = [1, 2, 3, 5, 9]
TRUE = np.array([[[2.0, 4.0, 6.0, 10.0, 18.0]], [[1.0, 2.0, 3.0, 5.0, 9.0]]])
TOLD = {
    "cumulated": TRUE,
    "per_epoch": np.array([[[2.0] * 5], [[1.0] * 5]]),
    "since_previous": np.diff(TRUE, axis=2, prepend=0.0),
    # taken up again after epochs 2 and 5, where the clock begins anew
    "restarting": np.array([[[2.0, 4.0, 2.0, 6.0, 8.0 + 6.0]], [[1.0, 2.0, 1.0, 3.0, 7.0]]]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_sums_to_what_training_from_scratch_costs(kind: str) -> None:
    assert np.array_equal(cumulated(TOLD[kind], EPOCHS, kind), TRUE)


@pytest.mark.parametrize("kind", ["per_epoch", "since_previous"])
def test_what_is_missing_stays_missing(kind: str) -> None:
    told = TOLD[kind].copy()
    told[0, 0, 1] = np.nan
    told[1, 0, 3:] = np.nan
    sums = cumulated(told, EPOCHS, kind)
    assert np.isnan(sums).tolist() == np.isnan(told).tolist()
    assert sums[1, 0, 2] == 3.0
    assert sums[0, 0, 4] == (18.0 if kind == "per_epoch" else 16.0)  # a line stands for the epochs before it


@pytest.mark.parametrize(("values", "few"), [(TRUE, 0), (TOLD["per_epoch"], 2), (TRUE + 1000.0, 2), (TRUE + 2.0, 0)])
def test_seconds_that_hardly_grow_are_counted(values: np.ndarray, few: int) -> None:
    assert stalled(values, EPOCHS) == (few, 2)


def test_one_epoch_grows_nowhere() -> None:
    assert stalled(TRUE[:, :, :1], [1]) == (0, 0)
    assert stalled(np.full((2, 1, 5), np.nan), EPOCHS) == (0, 0)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("hours", "hours"), ("train_time_min", "min"), ("t (ms)", "ms"), ("time", ""), ("min_s", ""), ("mine", "")],
)
def test_names_that_speak_of_other_units(name: str, unit: str) -> None:
    assert other_unit(name) == unit
