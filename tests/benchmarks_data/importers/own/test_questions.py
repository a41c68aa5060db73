"""Questions to a table of one's own: what contradicts its description is asked before anything is written."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks_data.file.layout import Table
from benchmarks_data.importers.own import table as own_table
from harness.errors import TableError
from harness.spaces import named

DESCRIPTION = """
name = "grid"
title = "A grid"
epoch = "epoch"
schedule = 4
validation = "valid"
seconds = "time"
[space.genes]
depth = [1, 2, 3, 4]
width = [8, 16, 32]
[columns.valid]
unit = "percent"
direction = "maximise"
split = "x-valid"
[columns.time]
unit = "s"
direction = "minimise"
split = "cost"
"""
CELLS = """
name = "cells"
title = "Cells"
space = "nb201"
architecture = "arch"
validation = "valid"
[columns.valid]
unit = "percent"
direction = "maximise"
split = "x-valid"
"""


def lines(time: Any = lambda depth, epoch: 1.5 * depth * epoch, valid: Any = lambda d, w, e: 20 + d + w + 4 * e) -> Any:
    rows = [
        {"depth": d, "width": w, "epoch": e, "valid": valid(d, w, e), "time": time(d, e)}
        for d, w, e in product((1, 2, 3, 4), (8, 16, 32), (1, 2, 3, 4))
    ]
    return pd.DataFrame(rows)


def read(folder: Path, frame: pd.DataFrame, *changes: tuple[str, str], description: str = DESCRIPTION) -> Table:
    for old, new in changes:
        assert old in description
        description = description.replace(old, new)
    frame.to_csv(folder / "data.csv", index=False)
    (folder / "t.toml").write_text(description)
    return own_table.read(folder / "data.csv", folder / "t.toml")


def answer(column: str, text: str) -> tuple[str, str]:
    return f"[columns.{column}]\n", f"[columns.{column}]\n{text}\n"


def test_seconds_of_single_epochs_are_asked_for_and_summed(tmp_path: Path) -> None:
    frame = lines(time=lambda depth, epoch: 1.5 * depth)
    with pytest.raises(TableError, match=r"they hardly grow in 12 of 12 trainings.*seconds = \"per_epoch\""):
        read(tmp_path, frame)
    table = read(tmp_path, frame, answer("time", 'seconds = "per_epoch"'))
    true = read(tmp_path, lines())
    assert np.array_equal(table.columns["time"][1], true.columns["time"][1])


def test_seconds_that_restart_are_summed(tmp_path: Path) -> None:
    frame = lines(time=lambda depth, epoch: depth * (epoch if epoch < 3 else epoch - 2))
    with pytest.raises(TableError, match=r"line 4, column 'time'.*never less.*\"restarting\""):
        read(tmp_path, frame)
    table = read(tmp_path, frame, answer("time", 'seconds = "restarting"'))
    assert table.columns["time"][1][0, 0].tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("said", ['seconds = "cumulated"', "certain = true"])
def test_slow_starts_are_taken_when_they_are_meant(tmp_path: Path, said: str) -> None:
    frame = lines(time=lambda depth, epoch: 1000.0 + epoch)
    with pytest.raises(TableError, match="hardly grow"):
        read(tmp_path, frame)
    assert read(tmp_path, frame, answer("time", said)).columns["time"][1][0, 0, 3] == 1004.0


def test_a_negative_part_is_refused_with_its_line(tmp_path: Path) -> None:
    frame = lines(time=lambda depth, epoch: -1.0 if epoch == 2 else 1.0)
    with pytest.raises(TableError, match="line 3, column 'time'"):
        read(tmp_path, frame, answer("time", 'seconds = "per_epoch"'))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([('seconds = "time"', 'seconds = "per_epoch"')], r"\[columns.NAME\] seconds = \"per_epoch\""),
        ([answer("time", 'seconds = "each"')], "must be one of cumulated, per_epoch, since_previous, restarting"),
        ([answer("valid", 'seconds = "per_epoch"')], "the column that `seconds` names, which is time"),
        ([answer("valid", "certain = 1")], "must be true or false"),
        ([('unit = "s"', 'unit = "min"')], "multiply the values by 60"),
        ([('unit = "s"', 'unit = "bytes"')], "be 's'; `seconds` is what an evaluation costs"),
    ],
)
def test_answers_that_are_none(tmp_path: Path, changes: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(TableError, match=words):
        read(tmp_path, lines(), *changes)


def test_seconds_that_are_called_hours_are_asked(tmp_path: Path) -> None:
    frame = lines().rename(columns={"time": "time_h"})
    source = answer("time", 'column = "time_h"')
    with pytest.raises(TableError, match=r"speaks of 'h'.*multiply by 3600"):
        read(tmp_path, frame, source)
    assert read(tmp_path, frame, answer("time", 'column = "time_h"\ncertain = true'))


TO_FRACTION, TO_MINIMISE = ('unit = "percent"', 'unit = "fraction"'), ("maximise", "minimise")


@pytest.mark.parametrize(
    ("valid", "changes", "words"),
    [
        (lambda d, w, e: (d + w + 4 * e) / 100, [], "as fractions do: write unit 'fraction'"),
        (lambda d, w, e: d + w + 4 * e, [TO_FRACTION], "as percent do: write unit 'percent'"),
        (lambda d, w, e: -1.0 if d * w * e == 384 else 50 + e, [], r"line \d+, column 'valid'.* outside 0 to 100"),
        (lambda d, w, e: 90 - d - 4 * e, [], "gets worse in the course of 12 of 12 trainings"),
        (lambda d, w, e: d + w + 4 * e, [TO_MINIMISE], "gets worse in the course"),
    ],
)
def test_units_and_directions_are_asked_and_answered(
    tmp_path: Path, valid: Any, changes: list[tuple[str, str]], words: str
) -> None:
    frame = lines(valid=valid)
    with pytest.raises(TableError, match=words) as caught:
        read(tmp_path, frame, *changes)
    assert "If it is as meant, write `certain = true` under [columns.valid]" in str(caught.value)
    assert read(tmp_path, frame, *changes, answer("valid", "certain = true"))


def test_a_name_in_the_data_against_the_direction(tmp_path: Path) -> None:
    frame = lines().rename(columns={"valid": "val_err"})
    with pytest.raises(TableError, match="'err' is better when it is lower"):
        read(tmp_path, frame, answer("valid", 'column = "val_err"'))


def test_an_error_under_accuracy_is_seen_by_cells_that_compute_nothing(tmp_path: Path) -> None:
    space, rng = named.space("nb201"), np.random.default_rng(0)
    archs = np.concatenate([np.zeros((1, 6), dtype=np.uint8), space.sample(80, rng)])
    archs = np.unique(archs, axis=0)
    idle = space.key(archs) == space.key(archs[:1])
    accuracy = np.where(idle, 10.0, 60 + 30 * rng.random(len(archs)))
    right = pd.DataFrame({"arch": space.format(archs), "valid": accuracy})
    assert read(tmp_path, right, description=CELLS)
    wrong = right.assign(valid=100 - right["valid"])
    with pytest.raises(TableError, match="cells that compute nothing beat 100% of the others"):
        read(tmp_path, wrong, description=CELLS)
    assert read(tmp_path, wrong, ("maximise", "minimise"), description=CELLS)


def test_all_questions_are_counted(tmp_path: Path) -> None:
    frame = lines(time=lambda d, e: 2.0, valid=lambda d, w, e: (90 - d - 4 * e) / 100)
    with pytest.raises(TableError) as caught:
        read(tmp_path, frame)
    text = str(caught.value)
    assert "as fractions do" in text
    assert "gets worse" in text
    assert "hardly grow" in text
    assert text.endswith("write `certain = true` under [columns.valid], [columns.time]")
