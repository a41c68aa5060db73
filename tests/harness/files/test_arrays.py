"""Arrays from `.npz` files: what was written is read, and damage is one error."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from harness.files.arrays import ArraysError, read_npz
from tests.damage import outcomes

ARRAYS = {
    "numbers": np.arange(600.0).reshape(20, 30),
    "turned": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    "text": np.array("déjà vu"),
    "none": np.empty((0, 4), np.uint8),
}


@pytest.fixture(params=[np.savez, np.savez_compressed])
def path(request, tmp_path):
    request.param(tmp_path / "a.npz", **ARRAYS)
    return tmp_path / "a.npz"


def numbers(path: Path) -> dict:
    return {name: (array.dtype.str, array.tolist()) for name, array in read_npz(path).items()}


def test_what_was_written_is_read_and_may_be_changed(path):
    read = read_npz(path)
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype
        assert read[name].flags.writeable


def test_whatever_byte_is_damaged_no_other_number_is_read(path):
    content = path.read_bytes()
    counts = outcomes(content, path.write_bytes, lambda: numbers(path), (ArraysError,), step=23)
    assert set(counts) <= {"refused", "same"}, counts
    assert counts["refused"] > 0


def test_a_claim_is_not_believed(path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**13,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header.getvalue() + b"0" * 16)
    with pytest.raises(ArraysError, match="ValueError: cannot reshape"):
        read_npz(path)


def test_objects_other_archives_and_what_is_no_file_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, a=np.array([None, {}]))
    with pytest.raises(ArraysError, match="objects"):
        read_npz(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.npy", b"x" * 100)
    with pytest.raises(ArraysError, match=r"a\.npy claims 100 bytes"):
        read_npz(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ArraysError, match="is a pipe"):
        read_npz(path)
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "none.npz")
