"""What may become a table: every rule is broken once."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest

from benchmarks_data import provider
from benchmarks_data.file import layout
from benchmarks_data.file.content import SEAL
from benchmarks_data.file.index import first_row
from harness.benchmark import Column
from harness.errors import HarnessError, TableError
from harness.files import sealed
from harness.problem import Fidelity
from tests.benchmarks_data.made_up import SHORT_AND_LONG, Bags, accuracy, bags, made, scheduled

NAN = np.nan


class Defined(Bags):
    """A space that goes with its table."""

    def definition(self):
        return '{"kind": "x"}'


def with_columns(**changed):
    """Return the columns of `made` for three rows, some of them changed or more."""
    values = np.ones((3, 2, 1))
    plain = {"valid_accuracy": (accuracy(), values), "test_accuracy": (accuracy("test_accuracy"), values)}
    return {"columns": plain | changed}


def test_a_table_is_written_and_read_as_it_is(tmp_path):
    table = scheduled(about={"title": "Made up"})
    layout.write(tmp_path / "t.h5", table)
    layout.check_content(tmp_path / "t.h5")
    header = layout.read_header(tmp_path / "t.h5", held_out=True)
    assert header.meaning == table.meaning
    assert header.columns == {name: column for name, (column, _) in table.columns.items()}
    assert header.columns["valid_accuracy"].at == (0, 1, 4)
    for name, values in table.datasets():
        np.testing.assert_array_equal(header.array(name), values)
    assert set(header.places) >= {"index/keys", "index/key_rows", "index/runs", "index/seeds"}
    assert layout.read_about(tmp_path / "t.h5") == {"title": "Made up"}


def test_trainings_are_counted_for_each_schedule():
    assert scheduled(3).trainings.tolist() == [[2, 3], [2, 2], [2, 3]]
    assert made(bags(2)).trainings.tolist() == [[2], [2]]


def test_trainings_are_counted_in_what_was_measured_where_validation_was_not():
    train = np.ones((2, 3, 5))
    train[:, 1:, :2] = NAN
    valid = np.ones((2, 3, 1))
    valid[0, 2] = NAN
    train[0, 2] = NAN
    columns = {
        "valid_accuracy": (accuracy(at=(4,)), valid),
        "train_accuracy": (accuracy("train_accuracy"), train),
    }
    table = made(bags(2), fidelities=SHORT_AND_LONG, columns=columns, test=None)
    assert table.trainings.tolist() == [[1, 2], [1, 3]]


def test_the_digest_covers_what_was_measured_where_and_who_ran_it(tmp_path):
    digests = set()
    seeds = scheduled().seeds
    for number, table in enumerate(
        (
            scheduled(),
            scheduled(seeds=None),
            scheduled(seeds=np.where(seeds == 111, 112, seeds)),
            scheduled(partial=True),
            scheduled(space=Defined()),
        )
    ):
        layout.write(tmp_path / f"{number}.h5", table)
        digests.add(layout.read_header(tmp_path / f"{number}.h5").digest)
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"archs": np.full((3, 10), 5)}, "architectures of the space 'bags': row 0 is not"),
        ({"archs": np.empty((0, 10), np.uint8)}, "at least one row"),
        ({"archs": np.array([[0] * 9 + [1], [2] * 10, [1] + [0] * 9])}, "rows 0 and 2 are the same .*: 0000000001"),
        ({"fidelities": []}, "name at least one"),
        ({"fidelities": [Fidelity("a", 2, 1), Fidelity("b", 2, 1)]}, "differ in schedule, epoch or scale"),
        ({"fidelities": [Fidelity("a", 1, 1), Fidelity("b", 2, 2, continues=0)]}, "earlier epoch of the same schedule"),
        ({"fidelities": [Fidelity("a", 2, 1, continues=1), Fidelity("b", 2, 2)]}, "earlier epoch of the same schedule"),
        ({"validation": "valid_acuracy"}, "unknown validation column 'valid_acuracy'. Did you mean 'valid_accuracy'"),
        ({"validation": "test_accuracy"}, "test_accuracy` must be not held out"),
        ({"test": "valid_accuracy"}, "valid_accuracy` must be held out"),
        ({"seconds": "time"}, "unknown seconds column"),
        ({"trainings": np.array([[2, 2]] * 3)}, r"shape \(3, 1\)"),
        ({"trainings": np.array([[3]] * 3)}, "lie in 0 to 2"),
        ({"trainings": np.array([[2], [1], [2]])}, "NaN where a run is absent, row 1 has more than its 1"),
        ({"seeds": np.array([[1, 2]] * 3)}, r"shape \(3, 1, 2\)"),
        ({"seeds": np.array([[[1, 2]], [[3, 3]], [[1, 2]]])}, r"name each run of a row once \(row 1\)"),
        ({"rows": np.zeros(7, int)}, "of at most 1048576 codings"),
        (with_columns(valid_accuracy=(accuracy(split="x-val"), np.ones((3, 2, 1)))), "Did you mean 'x-valid'"),
        (with_columns(valid_accuracy=(accuracy(split="train"), np.ones((3, 2, 1)))), "be of the split 'x-valid'"),
        (with_columns(other=(accuracy(), np.ones((3, 2, 1)))), "column other` must have its own name"),
        (with_columns(train_accuracy=(accuracy("train_accuracy"), np.ones((3, 3, 1)))), "the same number of runs"),
        (with_columns(train_accuracy=(accuracy("train_accuracy"), np.ones((2, 1, 1)))), r"shape \(3, runs, 1 or 1\)"),
        (with_columns(train_accuracy=(accuracy("train_accuracy", at=(1,)), np.ones((3, 1, 1)))), "within 0 to 0"),
        (with_columns(train_accuracy=(accuracy("train_accuracy"), np.ones((3, 1)))), "shape"),
    ],
)
def test_a_broken_rule_is_named(changes, message):
    with pytest.raises(HarnessError, match=message):
        made(**{"archs": bags(3)} | changes)


@pytest.mark.parametrize("split", ["x-test", "ori-test", "valid+test"])
def test_test_images_are_held_out(split):
    leak = accuracy("train_accuracy", split=split, held_out=False)
    with pytest.raises(TableError, match="held out: its split"):
        made(bags(3), **with_columns(train_accuracy=(leak, np.ones((3, 2, 1)))))


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        ([1.0, 2.0, 1.0, 2.0, 1.5], r"run 0 of row 2 has 1\.5 s at 'epoch 3 of 3' after 2 s"),
        ([1.0, 2.0, 5.0, NAN, 3.0], r"run 0 of row 2 has 3 s at 'epoch 3 of 3' after 5 s"),
        ([1.0, 2.0, 0.5, 0.5, NAN], None),
        ([1.0, NAN, 0.5, NAN, 0.5], None),
    ],
)
def test_seconds_never_fall_in_the_course_of_a_training(seconds, message):
    values = np.broadcast_to(np.arange(1.0, 6.0), (4, 1, 5)).copy()
    values[2, 0] = seconds
    columns = {**scheduled(4).columns, "train_seconds": (Column("train_seconds", "s", "minimise"), values)}
    if message is None:
        scheduled(4, columns=columns, seconds="train_seconds")
        return
    with pytest.raises(TableError, match=message):
        scheduled(4, columns=columns, seconds="train_seconds")
    partly = Column("train_seconds", "s", "minimise", at=(2, 4))
    columns["train_seconds"] = (partly, np.array([5.0, 3.0]) * np.ones((4, 1, 1)))
    with pytest.raises(TableError, match="after 5 s"):
        scheduled(4, columns=columns, seconds="train_seconds")


def test_a_table_that_could_tell_a_test_is_neither_written_nor_read(tmp_path):
    table, path = scheduled(), tmp_path / "t.h5"
    column, values = table.columns["test_accuracy"]
    told = {**table.columns, "test_accuracy": (replace(column, held_out=False), values)}
    with pytest.raises(TableError, match="test_accuracy` must be held out: its split 'x-test'"):
        layout.write(path, replace(table, columns=told))
    assert not path.exists()
    layout.write(path, table)
    _changed(path, lambda file: file["columns/valid_accuracy"].attrs.modify("split", "x-test"))
    with pytest.raises(TableError, match="valid_accuracy` must be held out: its split 'x-test' has test images"):
        layout.read_header(path)


@pytest.mark.parametrize("link", [h5py.SoftLink("/held_out/test_accuracy"), h5py.ExternalLink("o.h5", "/held_out/x")])
@pytest.mark.parametrize("name", ["columns/leak", "index/leak", "leak"])
def test_links_are_refused(link, name, tmp_path):
    path = tmp_path / "t.h5"
    layout.write(path, scheduled())
    _changed(path, lambda file: file.__setitem__(name, link))
    with pytest.raises(TableError, match=f"{name} is a link"):
        layout.read_header(path)


def test_numbers_in_another_file_are_refused(tmp_path):
    path = tmp_path / "t.h5"
    layout.write(path, scheduled())
    np.ones((6, 3, 1)).tofile(tmp_path / "raw")

    def change(file):
        stored = file["columns"].create_dataset("away", (6, 3, 1), "f8", external=[(str(tmp_path / "raw"), 0, 144)])
        stored.attrs.update({"unit": "s", "direction": "minimise"})

    _changed(path, change)
    with pytest.raises(TableError, match="away does not lie in the file as one piece"):
        layout.read_header(path)


def _changed(path, change):
    """Change a table, let it say its new size, and seal it as if it had been written so."""
    with h5py.File(path, "r+") as file:
        change(file)
    with h5py.File(path, "r+") as file:
        file.attrs.modify("file_bytes", path.stat().st_size)
    sealed.seal(path, SEAL)


def test_trainings_with_a_hole_before_them_are_refused():
    values = np.ones((3, 2, 1))
    values[2, 0] = NAN
    with pytest.raises(TableError, match=r"come first, row 2 has \[False, True\]"):
        made(bags(3), **with_columns(valid_accuracy=(accuracy(), values)))


def test_seeds_of_absent_trainings_are_refused():
    seeds = scheduled().seeds
    seeds[1, 1, 2] = 777
    with pytest.raises(TableError, match=r"-1 where a run is absent \(row 1\)"):
        scheduled(seeds=seeds)


def test_small_spaces_are_indexed_by_every_coding_and_found_to_be_partial():
    space = provider.space("nb201")
    classes = space.decode(np.unique(space.key(space.all_codings)))
    whole = made(classes, space)
    assert whole.index["rows"].shape == (15625,)
    np.testing.assert_array_equal(space.key(space.all_codings), space.key(classes)[whole.index["rows"]])
    assert not whole.meaning.partial
    assert made(classes[1:], space).meaning.partial
    assert not made(space.all_codings, space, identity="exact").meaning.partial
    with pytest.raises(TableError, match="same architecture"):
        made(space.all_codings, space)
    assert made(classes[1:], space, rows=made(classes[1:], space).index["rows"]).meaning.partial
    with pytest.raises(TableError, match="lead from the coding of row 0"):
        made(classes, space, rows=np.full(15625, -1))


def test_a_large_space_is_taken_to_be_whole_unless_said_otherwise():
    assert not made(bags(3)).meaning.partial
    assert made(bags(3), partial=True).meaning.partial
    keys = made(bags(30)).index["keys"]
    assert (np.diff(keys) > 0).all()
    assert keys.dtype == np.uint64
    assert Bags().key(bags(30))[made(bags(30)).index["key_rows"]].tolist() == keys.tolist()


def test_the_first_row_of_which_anything_is_marked_is_found():
    marked = np.zeros((4, 2, 3), dtype=bool)
    assert first_row(marked) is None
    assert first_row(marked[:0]) is None
    marked[3, 0, 1] = marked[2, 1, 2] = True
    assert first_row(marked) == 2
    assert first_row(marked[:, 0, 1]) == 3
