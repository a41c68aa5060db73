"""Places for files: made where they can be, refused in words where they cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.files.whole import check_place, make_folder, replacing


@pytest.fixture
def in_the_way(tmp_path):
    """Return places at which no file can be written, with what the error says."""
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere/at/all")
    (tmp_path / "folder.csv").mkdir()
    return {
        tmp_path / "file" / "x.csv": "'.*file' is no folder",
        tmp_path / "link" / "x.csv": "'.*link' is no folder",
        tmp_path / "folder.csv": "a folder stands where the file goes",
    }


def test_what_stands_in_the_way_is_told_before_and_at_writing(in_the_way):
    for path, message in in_the_way.items():
        with pytest.raises(OSError, match=message):
            check_place(path)
        with pytest.raises(OSError, match=message), replacing(path):
            raise AssertionError("nothing is written")


def test_a_folder_that_the_system_refuses_is_no_missing_file():
    with pytest.raises(NotADirectoryError, match=r"the folder cannot be made \(.*\); name another place"):
        make_folder(Path("/proc/no/such"))


def test_a_place_is_checked_without_making_it(tmp_path):
    check_place(tmp_path / "new" / "x.csv")
    assert not (tmp_path / "new").exists()
