"""Spools: what is appended is read back, whether it lies in memory or in a file, and a full disk is told."""

from __future__ import annotations

import errno
import tempfile

import numpy as np
import pytest

from harness.errors import PlaceError
from harness.files import spool as spools
from harness.files.spool import Pieces, Spool, chunks_of


@pytest.fixture(params=[2**23, 100], ids=["memory", "file"])
def spool(request, monkeypatch):
    monkeypatch.setattr(spools, "IN_MEMORY", request.param)
    monkeypatch.setattr(spools, "_ROWS", 7)
    return Spool()


def test_columns_come_back_as_if_they_had_been_put_together(spool):
    rng = np.random.default_rng(0)
    shapes = ((), (3,), (2, 0))
    columns = {shape: Pieces(spool) for shape in shapes}
    parts: dict[tuple[int, ...], list[np.ndarray]] = {shape: [] for shape in shapes}
    for rows in (5, 0, 23, 1):
        for shape in shapes:
            part = rng.normal(size=(rows, *shape))
            columns[shape].append(part[::-1])  # not contiguous
            parts[shape].append(part[::-1])
    for shape in shapes:
        whole = np.concatenate(parts[shape])
        assert columns[shape].shape == whole.shape
        assert columns[shape].dtype == whole.dtype
        np.testing.assert_array_equal(np.asarray(columns[shape]), whole)
        np.testing.assert_array_equal(np.concatenate([*chunks_of(columns[shape])]), whole)
        assert all(len(chunk) <= 7 for chunk in chunks_of(columns[shape]))


def test_types_are_joined_and_constant_pieces_cost_nothing(spool):
    column = Pieces(spool)
    for part in (np.full(1000, 3, np.uint8), np.arange(4, dtype=np.uint8), np.array([-1], np.int16)):
        column.append(part)
    assert column.dtype == np.int16
    assert np.asarray(column).tolist() == [3] * 1000 + [0, 1, 2, 3, -1]
    assert spool.append(np.zeros(1)) == 4 + 2  # the bytes before: of the two pieces that are not constant
    assert np.asarray(Pieces(spool)).tolist() == []


def test_arrays_are_given_in_chunks_too(spool):
    assert [len(chunk) for chunk in chunks_of(np.arange(15))] == [7, 7, 1]
    assert [chunk.tolist() for chunk in chunks_of(np.array(3.0))] == [3.0]


def test_a_full_folder_of_temporary_files_is_told_with_the_remedy(spool, monkeypatch):
    def full(content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool._file, "write", full)
    with pytest.raises(PlaceError, match=r"No space left on device; give a folder with room as TMPDIR") as told:
        Pieces(spool).append(np.arange(3.0))
    assert tempfile.gettempdir() in str(told.value)
