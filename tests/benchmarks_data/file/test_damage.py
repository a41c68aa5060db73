"""Damaged tables: no number leaves one, nothing crashes or hangs, whatever byte is hit, and an opening stays cheap."""

from __future__ import annotations

import os
import shutil
import time
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmarks_data import checked, files, provider
from benchmarks_data.file import content, layout, recorded
from harness import registry
from harness.errors import TableError
from harness.files import sealed
from harness.records import Proposals
from tests.damage import outcomes

HELD_OUT = "test_accuracy"


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    path = tmp_path / "t.h5"
    archs = provider.space("nb201").sample(40, np.random.default_rng(0))
    archs = np.unique(archs, axis=0)
    values = np.random.default_rng(1).random((len(archs), 3)) * 90
    recorded.write(
        path,
        name="small",
        space="nb201",
        epochs=12,
        archs=archs,
        values={"valid_accuracy": values, "test_accuracy": values - 1, "train_seconds": values + 9}
        | {"params": values[:, 0] * 1e6, "macs": values[:, 1] * 1e6},
        about={"title": "A small table"},
    )
    return path


def unsealed(path: Path) -> bytes:
    """Return a table as earlier versions wrote it, without a first block."""
    with h5py.File(path, "r") as file, h5py.File(path.with_suffix(".old"), "w", libver=("v110", "v110")) as old:
        for name in file:
            file.copy(name, old)
        old.attrs.update(file.attrs)
    with h5py.File(path.with_suffix(".old"), "r+") as old:
        old.attrs.modify("file_bytes", path.with_suffix(".old").stat().st_size)
    return path.with_suffix(".old").read_bytes()


def numbers(path: Path) -> list:
    """Return what leaves a table, held-out values too."""
    header = layout.read_header(path, held_out=True)
    return [(name, header.values(name).tobytes()) for name in header.columns] + [header.array("archs").tobytes()]


def test_whatever_byte_of_a_table_is_damaged_it_is_refused(table):
    good = table.read_bytes()
    counts = outcomes(good, table.write_bytes, lambda: numbers(table), (TableError,), step=97)
    assert set(counts) == {"refused"}, counts
    assert counts["refused"] > len(good) // 97 - 5


def test_a_table_without_a_seal_is_read_and_its_damages_end_a_child_at_most(table, monkeypatch):
    right, old = numbers(table), unsealed(table)
    table.write_bytes(old)
    assert numbers(table) == right
    checked.forget()
    monkeypatch.setattr(layout, "Confined", None)  # it is remembered, on disk too
    assert numbers(table) == right
    monkeypatch.undo()
    counts = outcomes(old, table.write_bytes, lambda: numbers(table), (TableError,), step=len(old) // 12)
    assert set(counts) <= {"refused", "same"}, counts


def test_a_crash_of_the_reader_is_a_refusal(table, monkeypatch):
    table.write_bytes(unsealed(table))
    monkeypatch.setattr(layout, "_CHILD", "tests.harness.faults:crash")
    checked.forget()
    with pytest.raises(TableError, match=r"t\.h5 is damaged: reading it crashes"):
        layout.read_header(table)


def test_a_flipped_bit_in_a_held_out_column_reaches_no_oracle_and_its_table_is_named(table):
    good = table.read_bytes()
    place = layout.read_header(table, held_out=True).places[f"held_out/{HELD_OUT}"]
    table.write_bytes(good[: place.offset] + bytes([good[place.offset] ^ 1]) + good[place.offset + 1 :])
    for use in (registry.oracle, registry.benchmark, registry.describe_benchmark):
        with pytest.raises(TableError, match=r"t\.h5 is damaged: its content") as caught:
            use(str(table))
        assert caught.value.__notes__ == ["put a sound copy in its place, or make it again from what it was made of"]


def test_places_lie_behind_the_block_and_are_aligned(table):
    header = layout.read_header(table, held_out=True)
    raw = table.read_bytes()
    with h5py.File(table, "r") as file:
        assert file.userblock_size == sealed.BLOCK
        for name, place in header.places.items():
            stored = file[name][()]
            assert raw[place.offset : place.offset + stored.nbytes] == stored.tobytes()
            assert place.offset % 64 == 0 or not stored.nbytes


@pytest.fixture
def mapped(table, monkeypatch):
    monkeypatch.setattr(content, "SMALL", 0)
    return table


def test_a_large_table_is_hashed_once_and_again_when_its_file_changes(mapped, monkeypatch):
    right = numbers(mapped)
    hashed = []
    real = sealed.sha256
    monkeypatch.setattr(sealed, "sha256", lambda file, *start: hashed.append(1) or real(file, *start))
    checked.forget()
    assert numbers(mapped) == right
    assert hashed == [], "what another process recorded is taken"
    before = mapped.stat()
    good = mapped.read_bytes()
    mapped.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    os.utime(mapped, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(TableError, match="recorded sha256"):
        numbers(mapped)
    mapped.write_bytes(good)
    assert numbers(mapped) == right
    assert len(hashed) == 2


def test_what_is_remembered_of_checks_survives_garbage(mapped, monkeypatch):
    right = numbers(mapped)
    folder = files.checked_folder()
    for garbage in (b"", b"\xff" * 5000, b"nas-harness checked 1 0\nabc", bytes(10)):
        for record in folder.iterdir():
            record.write_bytes(garbage)
        checked.forget()
        assert numbers(mapped) == right
    shutil.rmtree(folder)
    folder.write_text("in the way")
    checked.forget()
    assert numbers(mapped) == right
    monkeypatch.setattr(sealed, "sha256", None)
    assert numbers(mapped) == right, "hashed once in a process"


def test_records_are_bounded(table, monkeypatch):
    monkeypatch.setattr(checked, "MOST", 10)
    for number in range(30):
        checked.record(f"file {number}", "x")
    assert len(list(files.checked_folder().iterdir())) <= 10
    checked.forget()
    assert checked.recall("file 29") == "x"


def test_a_file_whose_time_is_to_come_is_not_remembered(table):
    now = time.time_ns()
    assert checked.settle((0, 0, 0, 0, now - 10**12))
    assert not checked.settle((0, 0, 0, 0, now + 10**12))


def test_numbers_of_a_table_that_changes_while_it_is_open_are_refused(mapped):
    benchmark, oracle = registry.benchmark(str(mapped)), registry.oracle(str(mapped))
    archs = oracle.archs[:2].copy()
    asked = Proposals.of(archs)
    right = benchmark.query(asked, noise_seed=None).objectives.tolist()
    assert benchmark.query(asked, noise_seed=None).objectives.tolist() == right
    with mapped.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")
    uses = (
        lambda: benchmark.query(asked, noise_seed=None),
        lambda: oracle.mean(archs, HELD_OUT),
        lambda: oracle.trainings(archs, HELD_OUT),
        lambda: oracle.values(HELD_OUT),
        lambda: oracle.optimum(HELD_OUT),
    )
    for use in uses:
        with pytest.raises(TableError, match="changed while it was open"):
            use()


def test_a_table_that_is_replaced_while_it_is_open_gives_its_own_numbers(mapped):
    benchmark = registry.benchmark(str(mapped))
    asked = Proposals.of(layout.read_header(mapped).array("archs")[:2].copy())
    right = benchmark.query(asked, noise_seed=None).objectives.tolist()
    mapped.with_suffix(".new").write_bytes(b"x" * 100)
    mapped.with_suffix(".new").replace(mapped)
    assert benchmark.query(asked, noise_seed=None).objectives.tolist() == right


def test_what_is_no_file_is_refused_by_name_without_waiting(tmp_path, table):
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "loop.h5").symlink_to("loop.h5")
    (tmp_path / "gone.h5").symlink_to("nothing")
    (tmp_path / "device.h5").symlink_to("/dev/zero")
    whats = {"pipe": "a pipe", "folder": "a folder", "loop": "", "gone": "no such file", "device": "a device"}
    for name, what in whats.items():
        for use in (registry.benchmark, registry.oracle, lambda name: layout.read_header(Path(name))):
            with pytest.raises(TableError, match=rf"{name}\.h5.*{what}"):
                use(str(tmp_path / f"{name}.h5"))
    (tmp_path / "link.h5").symlink_to(table)
    assert numbers(tmp_path / "link.h5") == numbers(table)


def test_a_damaged_table_of_the_catalogue_is_made_again_and_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path))
    path = provider.ensure("graph-cora")
    good = path.read_bytes()
    place = layout.read_header(path, held_out=True).places[f"held_out/{HELD_OUT}"]
    for use in (provider.PROVIDER.oracle, provider.PROVIDER.open):
        path.write_bytes(good[: place.offset] + bytes([good[place.offset] ^ 64]) + good[place.offset + 1 :])
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            use("graph-cora")
        assert [str(line.message).endswith("it is converted again") for line in told] == [True]
        assert path.read_bytes() == good


def test_a_claim_larger_than_the_file_is_refused_before_it_is_believed(table):
    with h5py.File(table, "r+") as file:
        del file["columns/valid_accuracy"]
        file["columns"].create_dataset("valid_accuracy", (6, 10**9, 1), "f8", chunks=(6, 10**6, 1), compression="gzip")
    sealed.seal(table, content.SEAL)
    with pytest.raises(TableError, match="one piece"):
        layout.read_header(table)


def test_an_edited_table_is_refused_though_its_seal_was_made_anew(table):
    with h5py.File(table, "r+") as file:
        file["columns/valid_accuracy"][0] = 33.0
    sealed.seal(table, content.SEAL)
    for use in (registry.benchmark, registry.oracle, registry.describe_benchmark):
        with pytest.raises(TableError, match="does not have the recorded sha256"):
            use(str(table))


def test_the_sum_of_a_table_is_what_it_was(table):
    header = layout.read_header(table, held_out=True)
    old = table.with_name("again.h5")
    old.write_bytes(unsealed(table))
    assert layout.read_header(old).digest == header.digest
    assert np.array_equal(layout.read_header(old).array("archs"), header.array("archs"))


def test_a_table_is_opened_once_while_its_file_has_one_status(table, monkeypatch):
    os.utime(table)
    time.sleep(0.1)  # until another change must show in its status
    opened = []
    real = layout.opened_content
    monkeypatch.setattr(layout, "opened_content", lambda path: opened.append(path) or real(path))
    first = layout.read_header(table)
    assert layout.read_header(table) is first
    assert HELD_OUT not in first.columns
    truth = layout.read_header(table, held_out=True)
    assert HELD_OUT in truth.columns
    assert layout.read_header(table) is first
    assert len(opened) == 2
    table.write_bytes(table.read_bytes())
    assert layout.read_header(table) is not first
    assert layout.read_header(table).digest == first.digest
    monkeypatch.setattr(checked, "_SETTLED_SECONDS", 3600.0)
    assert layout.read_header(table) is not layout.read_header(table), "what was changed just now is read each time"
