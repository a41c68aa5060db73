"""A table of one's own: the worked example, every rule for the description and the lines, and searching it by path."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness as nh
from benchmarks_data.file import layout
from benchmarks_data.importers.own import table as own_table
from benchmarks_data.provider import PROVIDER
from harness.errors import TableError
from harness.records import Proposals
from harness.spaces import named
from harness.testing.conformance import check_benchmark, check_space
from tests.paths import ROOT

EXAMPLE = ROOT / "examples" / "own_table"
DESCRIPTION = """
name = "grid"
title = "A grid"
epoch = "epoch"
seed = "seed"
schedule = 4
validation = "valid"
test = "test"
seconds = "time"
[space.genes]
kernel = [3, 5]
pool = ["max", "avg"]
[columns.valid]
unit = "percent"
direction = "maximise"
split = "x-valid"
best = 100
[columns.test]
column = "Test (%)"
unit = "percent"
direction = "maximise"
split = "x-test"
[columns.time]
unit = "s"
direction = "minimise"
split = "cost"
[columns.size]
unit = "M"
direction = "minimise"
split = "cost"
"""
NUMBERS = """operations = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
edges = ["0-1", "0-2", "1-2", "0-3", "1-3", "2-3"]
"""
LINES = """kernel,pool,seed,epoch,valid,Test (%),time,size,note
3,max,7,2,50,,10,1.5,a
3,max,7,4,60,58,20,1.5,b
3,max,9,2,52,,11,1.5,
3,max,9,4,64,61,21,1.5,
5,avg,7,2,70,,30,2.5,
5,avg,7,4,nan,,60,2.5,diverged
"""


@pytest.fixture
def made(tmp_path):
    """Return a function that writes data and description, with a change in each, and reads the table."""

    def read(lines=(), description=(), text=LINES):
        told = DESCRIPTION
        for old, new in [description] if description else []:
            assert old in told
            told = told.replace(old, new, 1)
        for old, new in [lines] if lines else []:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / "data.csv").write_text(text)
        (tmp_path / "data.toml").write_text(told)
        return own_table.read(tmp_path / "data.csv", tmp_path / "data.toml")

    return read


def test_every_line_stands_in_its_place(made):
    table = made()
    assert table.meaning.name == table.meaning.space == "grid"
    assert [(f.schedule, f.epoch, f.continues) for f in table.meaning.fidelities] == [(4, 2, None), (4, 4, 0)]
    assert table.archs.tolist() == [[0, 0], [1, 1]]
    assert table.trainings.tolist() == [[2], [1]]
    assert table.seeds.tolist() == [[[7, 9]], [[7, -1]]]
    values = {name: array for name, (_, array) in table.columns.items()}
    nan = np.nan
    assert np.array_equal(values["valid"], [[[50, 60], [52, 64]], [[70, nan], [nan, nan]]], equal_nan=True)
    assert np.array_equal(values["time"], [[[10, 20], [11, 21]], [[30, 60], [nan, nan]]], equal_nan=True)
    assert np.array_equal(values["test"], [[[58], [61]], [[nan], [nan]]], equal_nan=True)
    assert values["size"].tolist() == [[[1.5]], [[2.5]]]
    assert table.columns["test"][0].at == (1,)
    assert table.columns["test"][0].held_out
    assert "note" not in table.columns
    assert table.meaning.partial


@given(st.permutations(LINES.splitlines()[1:]))
def test_the_order_of_lines_changes_the_order_of_rows_only(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("order")
    (folder / "data.toml").write_text(DESCRIPTION)
    (folder / "data.csv").write_text("\n".join([LINES.splitlines()[0], *lines]) + "\n")
    table = own_table.read(folder / "data.csv", folder / "data.toml")
    (folder / "data.csv").write_text(LINES)
    wanted = own_table.read(folder / "data.csv", folder / "data.toml")
    order = [table.archs.tolist().index(arch) for arch in wanted.archs.tolist()]
    for name, (column, array) in wanted.columns.items():
        assert table.columns[name][0] == column
        assert np.array_equal(table.columns[name][1][order], array, equal_nan=True)
    assert np.array_equal(table.seeds[order], wanted.seeds)


def test_a_file_a_frame_and_a_shuffled_header_say_the_same(made, tmp_path):
    table = made()
    frame = pd.read_csv(tmp_path / "data.csv")
    frame = frame[sorted(frame.columns)]
    other = own_table.read(frame, tmp_path / "data.toml")
    assert np.array_equal(table.archs, other.archs)
    for name, (_, array) in table.columns.items():
        assert np.array_equal(array, other.columns[name][1], equal_nan=True)


def test_without_seed_and_epoch_a_line_is_an_architecture(made):
    text = "kernel,pool,valid,Test (%),time,size\n3,max,50,49,10,1\n3,avg,60,59,20,2\n"
    told = ('epoch = "epoch"\nseed = "seed"\nschedule = 4\n', "")
    table = made(description=told, text=text)
    (fidelity,) = table.meaning.fidelities
    assert (fidelity.schedule, fidelity.epoch) == (1, 1)
    assert table.seeds is None
    assert table.columns["valid"][1].tolist() == [[[50.0]], [[60.0]]]


def test_the_same_cost_at_all_epochs_is_one_and_another_is_not(made):
    assert made().columns["size"][1].shape == (2, 1, 1)
    assert made(lines=("4,60,58,20,1.5", "4,60,58,20,1.6")).columns["size"][1].shape == (2, 2, 2)
    assert made(lines=("50,,10,1.5", "50,,10,")).columns["size"][1].ravel().tolist() == [1.5, 2.5]


def test_a_known_space_is_named(tmp_path):
    space = named.space("nb201")
    archs = space.sample(5, np.random.default_rng(0))
    told = DESCRIPTION.replace('[space.genes]\nkernel = [3, 5]\npool = ["max", "avg"]\n', "")
    for column, cells in (
        ("arch", {"arch": space.format(archs)}),
        (list("abcdef"), dict(zip("abcdef", archs.T, strict=True))),
    ):
        (tmp_path / "t.toml").write_text(f"space = 'nb201'\narchitecture = {column}\n{NUMBERS}" + told)
        frame = pd.DataFrame(cells | {"seed": 1, "epoch": 4, "valid": range(5), "Test (%)": 1, "time": 1, "size": 1})
        if column == "arch":
            (tmp_path / "t.toml").write_text("space = 'nb201'\narchitecture = 'arch'\n" + told)
        table = own_table.read(frame, tmp_path / "t.toml")
        assert np.array_equal(table.archs, archs)
        assert table.meaning.space == "nb201"
        assert not table.meaning.space_definition
        own_table.write(tmp_path / "t.h5", frame, tmp_path / "t.toml")
        opened = PROVIDER.open(str(tmp_path / "t.h5"))
        assert set(map(tuple, opened.space.sample(50, np.random.default_rng(0)).tolist())) == set(
            map(tuple, archs.tolist())
        )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("kernel,pool", "kernal,pool"), "has no column 'kernel'. Did you mean 'kernal'?"),
        (("Test (%)", "Test"), "has no column 'Test (%)'. Did you mean 'Test'?"),
        (("time,size", "time,time"), "it has time twice"),
        (("9,4,64", "9,2,64"), "line 5 repeats kernel=3, pool=max, seed 9, epoch 2 of line 4"),
        (("5,avg,7,2", "4,avg,7,2"), "line 6, column 'kernel': unknown value of kernel '4'"),
        (("5,avg,7,2", "5,Avg,7,2"), "line 6, column 'pool': unknown value of pool 'Avg'. Did you mean 'avg'?"),
        (
            ("9,4,64", "9,4,sixty"),
            "line 5, column 'valid': `value` must be a finite number, or empty, or `nan`, got 'sixty'",
        ),
        (("9,4,64", "9,4,inf"), "line 5, column 'valid': `value` must be a finite number"),
        (("9,4,64", "9,4,101"), "line 5, column 'valid': 101.0 is better than the `best` of valid, 100.0"),
        (("9,4,64", "9,5,64"), "line 5, column 'epoch': `epoch` must be an integer from 1 to 4, got '5'"),
        (("9,4,64", "9,2.5,64"), "line 5, column 'epoch': `epoch` must be an integer"),
        (("9,4,64", ",4,64"), "line 5, column 'seed': `seed` must be an integer"),
        (("9,4,64,61,21", "9,4,64,61,-21"), "line 5, column 'time': `seconds` must be"),
        (("9,4,64,61,21", "9,4,64,61,8"), "line 5, column 'time': `seconds` must be"),
        (
            ("52,,11,1.5,\n3,max,9,4,64,61,21", "52,,11,1.5,\n3,max,9,4,64,61,10.5"),
            "line 5, column 'time': `seconds` must",
        ),
        (
            ("3,max,9,4,64,61,21,1.5,\n", ""),
            "line 4: kernel=3, pool=max, seed 9 has no epoch 4: give it, or write `nan`",
        ),
        (("3,max,9,2,52,,11,1.5,\n", ""), "line 4: kernel=3, pool=max, seed 9 has no epoch 2: give it, or write `nan`"),
        (("4,nan,,60", "4,,,60"), "line 7, column 'valid': nothing is told, as if it had not been run: give it, or"),
        (("9,4,64,61,21,1.5,", "9,4,64,61,21,1.5"), "line 5 must have 9 fields, has 8"),
        ((LINES.partition("\n")[2], ""), "must have at least one row"),
        ((LINES, ""), "must begin with a line of column names"),
        (("50,,10,1.5,a", '50,,10,1.5,"a'), "is no CSV file"),
    ],
)
def test_a_line_that_breaks_a_rule_is_named(made, lines, message):
    with pytest.raises(TableError) as caught:
        made(lines=lines)
    assert message in str(caught.value)
    assert "data.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (('unit = "percent"\n', ""), "`unit of [columns.valid]` must be given"),
        (('direction = "maximise"\n', ""), "`direction of [columns.valid]` must be given"),
        (('split = "x-valid"\n', ""), "`split of [columns.valid]` must be given"),
        (('"maximise"', '"up"'), "`direction of valid` must be one of maximise, minimise, got 'up'"),
        (('"x-valid"', '"validation"'), "'x-valid' is validation"),
        (('"x-test"', '"test"'), "`split of test` must be one of train, x-valid, x-test, ori-test, valid+test, cost"),
        (('"x-valid"', '"x-test"'), "`split of valid` must be x-valid, for it is the `validation` column"),
        (('"x-valid"', '"valid+test"'), "`split of valid` must be x-valid"),
        (('"x-test"', '"train"'), "`split of test` must be x-test, ori-test, valid+test"),
        (('unit = "s"', 'unit = "h"'), "`unit of time` must be 's'"),
        (('validation = "valid"\n', ""), "`validation` must name the column"),
        (('test = "test"', 'test = "tset"'), "unknown column for `test` 'tset'. Did you mean 'test'?"),
        (('title = "A grid"\n', ""), "`title` must be text that is not empty"),
        (('name = "grid"', 'name = "my grid"'), "`name` must be made of letters"),
        (("schedule = 4", "schedule = 0"), "`schedule` must be a number of epochs"),
        (("schedule = 4", "epochs = 4"), "unknown key 'epochs'. Did you mean 'epoch'?"),
        (("best = 100", "limit = 100"), "unknown key of [columns.valid] 'limit'"),
        (("best = 100", 'best = "100"'), "`best of valid` must be a number"),
        (("best = 100", "best = nan"), "`best of valid` must be finite"),
        (
            ("best = 100", 'best = 100\ncolumn = "Test (%)"'),
            "[columns.valid] and [columns.test] are the one column 'Test",
        ),
        (('split = "x-test"', 'split = "cost"\nbest = 100'), "`split of test` must say what it was evaluated on"),
        (("kernel = [3, 5]", 'kernel = ["3", "3.0"]'), "`values of kernel` must be all different"),
        (("kernel = [3, 5]", "kernel = [3, 3]"), "`values of kernel` must be one or more, all different"),
        (("kernel = [3, 5]", "kernel = []"), "`values of kernel` must be one or more"),
        (("kernel = [3, 5]", "kernel = 3"), "`space` must name a known space, or list values"),
        (("kernel = [3, 5]", "kernel = [[3], [5]]"), "`value of kernel` must be text, a number"),
        (("[space.genes]", "architecture = 'kernel'\n[space.genes]"), "nothing else"),
        (("[space.genes]", "[spaces.genes]"), "unknown key 'spaces'. Did you mean 'space'?"),
        (('epoch = "epoch"', 'epoch = "epoch'), "is no TOML file"),
    ],
)
def test_a_description_that_breaks_a_rule_is_told(made, description, message):
    with pytest.raises(TableError) as caught:
        made(description=description)
    assert message in str(caught.value)
    assert "data.toml" in str(caught.value)


def test_seconds_that_fall_beside_a_gap_are_refused(made):
    text = "kernel,pool,seed,epoch,valid,Test (%),time,size\n"
    text += "".join(f"3,max,7,{epoch},50,49,{time},1\n" for epoch, time in ((1, 9), (2, ""), (3, 8), (4, 10)))
    with pytest.raises(TableError, match=r"line 4, column 'time': `seconds` must be .* never less"):
        made(text=text)


def test_an_epoch_at_which_nothing_was_evaluated_may_be_blank(made):
    blank = LINES.replace("7,2,50", "7,2,").replace("9,2,52", "9,2,").replace("7,2,70", "7,2,")
    assert made(text=blank).columns["valid"][0].at == (1,)


def test_flags_are_read_as_python_writes_them(made):
    told = ('["max", "avg"]', "[true, false]")
    assert made(description=told, text=LINES.replace("max", "True").replace("avg", "False")).archs.tolist()[1] == [1, 1]


def test_a_told_column_that_repeats_a_held_out_one_is_noted(made):
    text = LINES.replace("7,4,60,58", "7,4,58,58").replace("9,4,64,61", "9,4,61,61")
    with pytest.warns(UserWarning, match="valid equals test value for value, and test is held out"):
        made(text=text)


@pytest.mark.parametrize("code", ["9" * 20, "5", "-1", "1.5", "9" * 5000])
def test_a_code_that_is_none_is_named(tmp_path, code):
    told = DESCRIPTION.replace('[space.genes]\nkernel = [3, 5]\npool = ["max", "avg"]\n', "")
    (tmp_path / "t.toml").write_text(f"space = 'nb201'\narchitecture = ['a', 'b', 'c', 'd', 'e', 'f']\n{NUMBERS}{told}")
    (tmp_path / "t.csv").write_text(f"a,b,c,d,e,f,seed,epoch,valid,Test (%),time,size\n0,0,{code},0,0,0,1,4,1,1,1,1\n")
    with pytest.raises(TableError, match=r"t\.csv, line 2, column 'c'"):
        own_table.read(tmp_path / "t.csv", tmp_path / "t.toml")


def test_a_table_that_cannot_be_written_is_named(made, tmp_path, monkeypatch):
    made()
    with pytest.raises(TableError, match=r"cannot write the table /proc/none/t\.h5: .*No such file"):
        own_table.write(Path("/proc/none/t.h5"), tmp_path / "data.csv", tmp_path / "data.toml")
    monkeypatch.setattr(layout.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(TableError, match=r"cannot write the table .*t\.h5: .*Errno 28"):
        own_table.write(tmp_path / "t.h5", tmp_path / "data.csv", tmp_path / "data.toml")
    assert not list(tmp_path.glob("*t.h5*"))


def test_a_known_space_needs_its_architecture(tmp_path):
    told = DESCRIPTION.replace('[space.genes]\nkernel = [3, 5]\npool = ["max", "avg"]\n', "")
    for head, message in (
        ("space = 'nb201'\n", "the 6 columns of its genes' codes"),
        ("space = 'nb202'\narchitecture = 'a'\n", "unknown search space 'nb202'. Did you mean 'nb201'?"),
    ):
        (tmp_path / "t.toml").write_text(head + told)
        with pytest.raises(TableError) as caught:
            own_table.read(pd.DataFrame(), tmp_path / "t.toml")
        assert message in str(caught.value)


def test_a_column_without_any_value_is_refused(made):
    text = "\n".join(line.replace(",1.5,", ",,").replace(",2.5,", ",,") for line in LINES.splitlines())
    with pytest.raises(TableError, match="the column 'size' must have a value"):
        made(text=text)


def test_parquet_without_pyarrow_names_the_remedy(made, tmp_path, monkeypatch):
    made()
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(TableError, match="needs pyarrow: pip install pyarrow"):
        own_table.read(tmp_path / "data.parquet", tmp_path / "data.toml")


def test_parquet_says_what_csv_says(made, tmp_path):
    pytest.importorskip("pyarrow")
    table = made()
    pd.read_csv(tmp_path / "data.csv").to_parquet(tmp_path / "data.parquet")
    other = own_table.read(tmp_path / "data.parquet", tmp_path / "data.toml")
    assert np.array_equal(table.columns["valid"][1], other.columns["valid"][1], equal_nan=True)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    path = tmp_path_factory.mktemp("example") / "digits.h5"
    return own_table.write(path, EXAMPLE / "digits.csv", EXAMPLE / "digits.toml")


def test_the_example_says_what_its_lines_say(example):
    benchmark, oracle = PROVIDER.open(str(example)), PROVIDER.oracle(str(example))
    assert len(oracle.archs) == 24
    with (EXAMPLE / "digits.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    last = [line for line in lines if line["epoch"] == "20"]
    for line in last[::7]:
        same = [other for other in last if all(other[k] == line[k] for k in ("hidden", "layers", "activation"))]
        arch = oracle.space.parse([", ".join(f"{k}={line[k]}" for k in ("hidden", "layers", "activation"))])
        for name in ("valid_accuracy", "test_accuracy"):
            assert oracle.mean(arch, name)[0] == pytest.approx(np.mean([float(other[name]) for other in same]))
        told = benchmark.query(Proposals.of(arch, 2), noise_seed=None)
        assert told.seconds[0] == pytest.approx(np.mean([float(other["seconds"]) for other in same]))
    assert PROVIDER.describe(str(example))["licence"] == "Apache-2.0"


def test_the_example_keeps_the_rules_of_a_benchmark(example):
    benchmark = PROVIDER.open(str(example))
    check_space(benchmark.space, np.random.default_rng(0))
    check_benchmark(benchmark, np.random.default_rng(0))


def test_the_example_is_searched_by_path(example):
    results = nh.run("random_search", str(example), evaluations=8, replicates=2)
    frame = nh.frame(results)
    assert len(frame) == 16
    genes = frame["architecture"].str.fullmatch(r"hidden=\d+, layers=\d, activation=(relu|tanh)")
    assert genes.all()


def test_a_partial_grid_is_searched_by_its_rows_only(tmp_path):
    frame = pd.read_csv(EXAMPLE / "digits.csv")
    part = frame[(frame["hidden"] + frame["layers"]) % 3 != 0]
    own_table.write(tmp_path / "part.h5", part, EXAMPLE / "digits.toml")
    benchmark = PROVIDER.open(str(tmp_path / "part.h5"))
    rows = {tuple(row) for row in layout.read_header(tmp_path / "part.h5").array("archs").tolist()}
    assert 0 < len(rows) < 24
    assert {tuple(row) for row in benchmark.space.sample(500, np.random.default_rng(0)).tolist()} == rows
    check_space(benchmark.space, np.random.default_rng(0))
    check_benchmark(benchmark, np.random.default_rng(0))


def test_a_failed_import_leaves_the_table_as_it_was(example, tmp_path):
    path = tmp_path / "digits.h5"
    path.write_bytes(example.read_bytes())
    (tmp_path / "cut.csv").write_text((EXAMPLE / "digits.csv").read_text()[:-12])
    with pytest.raises(TableError):
        own_table.write(path, tmp_path / "cut.csv", EXAMPLE / "digits.toml")
    assert path.read_bytes() == example.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cut.csv", "digits.h5"]


def test_another_list_of_values_is_another_table(made):
    digests = set()
    for description in ((), ("kernel = [3, 5]", "kernel = [3, 5, 7]"), ("kernel = [3, 5]", "kernel = [5, 3]")):
        digests.add(made(description=description).meaning.space_definition)
    assert len(digests) == 3


def test_more_seeds_than_a_table_counts_are_refused(made):
    rows = "".join(f"3,max,{seed},4,60,58,20,1.5,\n" for seed in range(256))
    with pytest.raises(TableError, match="at most 255 seeds for an architecture, has 256"):
        made(text=LINES.partition("\n")[0] + "\n" + rows)


def test_a_space_in_a_file_of_ones_own_is_found_beside_the_description(tmp_path):
    (tmp_path / "space.toml").write_text(
        '[genes]\nkernel = [3, 5]\npool = { values = ["max", "avg"], when = { kernel = 5 } }\n'
    )
    told = DESCRIPTION.replace('[space.genes]\nkernel = [3, 5]\npool = ["max", "avg"]\n', "")
    head = 'space = "space.toml"\narchitecture = ["kernel", "pool"]\n'
    (tmp_path / "data.toml").write_text(head + told)
    (tmp_path / "data.csv").write_text(LINES.replace("max", ""))
    table = own_table.read(tmp_path / "data.csv", tmp_path / "data.toml")
    assert table.archs.tolist() == [[0, 2], [1, 1]]  # `pool` is not there at kernel 3
    assert '"kind": "conditional"' in table.meaning.space_definition
    (tmp_path / "data.csv").write_text(LINES)
    with pytest.raises(TableError, match="is no architecture of 'space'"):
        own_table.read(tmp_path / "data.csv", tmp_path / "data.toml")
