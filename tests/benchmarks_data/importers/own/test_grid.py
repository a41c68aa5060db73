"""Lines that repeat one another, and trainings that lack epochs: refused, or taken as the description says."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data.importers.own import table as own_table
from harness.errors import TableError

DESCRIPTION = """
name = "toy"
title = "Toy"
validation = "acc"
[space.genes]
depth = [1, 2, 3]
[columns.acc]
unit = "percent"
direction = "maximise"
split = "x-valid"
"""


@pytest.fixture
def taken(tmp_path):
    """Return a function that imports text with keys added to the description."""

    def read(text, keys="", description=DESCRIPTION):
        (tmp_path / "data.csv").write_text(text)
        (tmp_path / "t.toml").write_text(keys + description)
        said = []
        return own_table.read(tmp_path / "data.csv", tmp_path / "t.toml", say=said.append), said

    return read


def test_lines_that_repeat_another_are_counted_and_shown_with_their_own_texts(taken):
    lines = "depth,acc,note\n" + "".join(f"{1 + row // 2},{50 + row},n{row}\n" for row in range(6))
    with pytest.raises(TableError) as caught:
        taken(lines * 1)
    told = str(caught.value)
    assert "data.csv, line 3 repeats depth=1 of line 2: give one line for each. 3 lines repeat another:" in told
    assert "\n  line 3: 1,51,n1\n    repeats line 2: 1,50,n0\n  line 5: 2,53,n3\n" in told
    assert 'repeats = "trainings"' in told
    assert 'repeats = "first"' in told
    many = "depth,acc\n" + "1,50\n" * 50
    with pytest.raises(TableError) as caught:
        taken(many)
    assert "49 lines repeat another" in str(caught.value)
    assert len(str(caught.value).splitlines()) < 12


def test_repeated_lines_are_trainings_without_seeds_or_the_first_is_taken(taken):
    lines = "depth,acc\n1,50\n2,60\n1,51\n1,52\n"
    table, said = taken(lines, 'repeats = "trainings"\n')
    assert table.trainings.tolist() == [[3], [1]]
    assert table.seeds is None
    assert np.array_equal(table.columns["acc"][1][:, :, 0], [[50, 51, 52], [60, np.nan, np.nan]], equal_nan=True)
    assert said == ["repeated lines taken for trainings, in their order; they have no seeds"]
    table, said = taken(lines, 'repeats = "first"\n')
    assert table.columns["acc"][1][:, 0, 0].tolist() == [50, 60]
    assert said == ["2 lines that repeat an earlier one are left out"]


def test_repeated_epochs_are_those_of_the_same_training(taken):
    lines = "depth,epoch,acc\n1,1,10\n1,2,20\n1,1,11\n1,2,21\n"
    table, _ = taken(lines, 'epoch = "epoch"\nrepeats = "trainings"\n')
    assert table.columns["acc"][1].tolist() == [[[10, 20], [11, 21]]]


def test_trainings_that_lack_epochs_are_missing_where_the_description_says_so(taken):
    lines = "depth,epoch,acc\n1,1,10\n1,3,30\n1,9,50\n2,1,11\n3,9,60\n"
    with pytest.raises(TableError) as caught:
        taken(lines, 'epoch = "epoch"\n')
    assert "line 5: depth=2 has no epoch 3: give it, or write `nan`" in str(caught.value)
    assert "2 lines are so:\n  line 5: 2,1,11\n  line 6: 3,9,60\n" in str(caught.value)
    assert 'missing_epochs = "missing"' in str(caught.value)
    table, said = taken(lines, 'epoch = "epoch"\nmissing_epochs = "missing"\n')
    nan = np.nan
    assert np.array_equal(table.columns["acc"][1][:, 0], [[10, 30, 50], [11, nan, nan], [nan, nan, 60]], equal_nan=True)
    assert said == [
        "2 of 3 trainings lack epochs that others have: who asks for one is told `nan`, as of a training that failed"
    ]


def test_seconds_of_epochs_that_are_missing_are_not_known(taken):
    lines = "depth,epoch,acc,time\n1,1,10,1\n1,3,30,3\n3,3,60,9\n"
    cost = '[columns.time]\nunit = "s"\ndirection = "minimise"\nsplit = "cost"\n'
    with pytest.raises(TableError, match="1 trainings lack epochs, and `seconds` must be known for each"):
        taken(lines, 'epoch = "epoch"\nseconds = "time"\nmissing_epochs = "missing"\n', DESCRIPTION + cost)


def test_policies_that_are_none_are_told(taken):
    for keys, message in (
        ('repeats = "mean"\n', "`repeats` must be one of 'refused', 'trainings', 'first'"),
        ('missing_epochs = "imputed"\n', "`missing_epochs` must be one of 'refused', 'missing'"),
        ('seed = "s"\nrepeats = "trainings"\n', "leave out `seed`"),
        ('failed = "x"\n', "`failed` must be a list of texts"),
        ('failed = ["x"]\nmissing = ["X"]\n', "`missing` must name no word that `failed` names"),
    ):
        with pytest.raises(TableError, match=message):
            taken("depth,acc\n1,50\n", keys)


WIDE = """
name = "toy"
title = "Toy"
validation = "acc"
test = "test"
[space.genes]
depth = [1, 2, 3]
[columns.acc]
column = "acc{epoch}"
unit = "percent"
direction = "maximise"
split = "x-valid"
[columns.test]
unit = "percent"
direction = "maximise"
split = "x-test"
[columns.size]
unit = "M"
direction = "minimise"
split = "cost"
"""


def test_wide_columns_are_epochs_of_one_metric(taken):
    lines = "depth,acc10,acc50,size,test\n1,40,60,1.5,58\n2,45,65,2.5,63\n"
    table, said = taken(lines, description=WIDE)
    assert [(f.schedule, f.epoch) for f in table.meaning.fidelities] == [(50, 10), (50, 50)]
    assert table.columns["acc"][1].tolist() == [[[40, 60]], [[45, 65]]]
    assert table.columns["test"][0].at == (1,)
    assert table.columns["test"][1].ravel().tolist() == [58, 63]
    assert table.columns["size"][1].tolist() == [[[1.5]], [[2.5]]]
    assert said == ["read as: epochs 10, 50 from the names of columns"]


def test_a_value_of_a_wide_column_is_named_by_its_own_column_and_line(taken):
    lines = "depth,acc10,acc50,size,test\n1,40,60,1.5,58\n2,45,sixty,2.5,63\n"
    with pytest.raises(TableError) as caught:
        taken(lines, description=WIDE)
    assert "line 3, column 'acc50': `value` must be a finite number" in str(caught.value)
    assert "  line 3: 2,45,sixty,2.5,63" in str(caught.value)
    with pytest.raises(TableError, match="line 3: depth=2 has no epoch 50: give it, or write `nan`"):
        taken(lines.replace("sixty", "").replace(",63", ","), description=WIDE)
    with pytest.raises(TableError, match=r"has no column like 'acc\{epoch\}'"):
        taken("depth,size,test\n1,1,1\n", description=WIDE)
    keys = 'seconds = "time"\n'
    cost = '[columns.time]\nunit = "s"\ndirection = "minimise"\nsplit = "cost"\n'
    with pytest.raises(TableError, match=r"`column of time` must name a column for each epoch, .*'seconds\{epoch\}'"):
        taken("depth,acc1,size,test,time\n1,1,1,1,1\n", keys, WIDE + cost)


def test_a_schedule_that_goes_on_after_the_last_wide_epoch(taken):
    table, _ = taken("depth,acc10,size,test\n1,40,1.5,58\n", "schedule = 200\n", WIDE)
    assert [(f.schedule, f.epoch) for f in table.meaning.fidelities] == [(200, 10), (200, 200)]
    assert table.columns["acc"][0].at == (0,)
    assert table.columns["test"][0].at == (1,)


def test_wide_columns_of_the_same_epoch_and_of_none_are_told(taken):
    with pytest.raises(TableError, match="must be another epoch than 'acc10', got 'acc010'"):
        taken("depth,acc10,acc010,size,test\n1,1,1,1,1\n", description=WIDE)
    with pytest.raises(TableError, match="must be of epoch 1 or later: rename it, got 'acc0'"):
        taken("depth,acc0,acc10,size,test\n1,1,1,1,1\n", description=WIDE)
