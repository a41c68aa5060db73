"""Reserved files: to a writer they are files that were empty, and no byte of them can fail for want of room."""

from __future__ import annotations

import os
import subprocess
import sys

from harness.files.reserved import Reserved


def test_it_behaves_as_an_empty_file_that_grows(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"what was there before")
    place = Reserved(path, 1000)
    assert place.seek(0, os.SEEK_END) == 0
    assert place.read() == b""
    assert place.write(b"12345") == 5
    assert place.seek(7) == place.tell() == 7
    assert place.write(memoryview(b"89")) == 2
    assert place.seek(-3, os.SEEK_END) == 6
    assert place.read() == b"\x0089"
    assert place.seek(0) == 0
    assert place.read(2) == b"12"
    assert place.seek(1, os.SEEK_CUR) == 3
    assert path.stat().st_size == 1000
    place.close()
    assert path.read_bytes() == b"12345\0\x0089"


def test_more_than_was_reserved_is_kept_and_a_shorter_length_cuts(tmp_path):
    path = tmp_path / "a"
    for cut, expected in ((None, b"123456"), (4, b"1234"), (8, b"123456\0\0")):
        path.touch()
        place = Reserved(path, 2)
        place.write(b"123456")
        assert cut is None or place.truncate(cut) == cut
        place.close()
        assert path.read_bytes() == expected


def test_want_of_room_is_told_at_once(tmp_path):
    program = (
        "import resource, sys; from pathlib import Path; from harness.files.reserved import Reserved\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: Reserved(Path(sys.argv[1]), 2000)\n"
        "except OSError as error: print(error.strerror)\n"
    )
    (tmp_path / "a").touch()
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a")], capture_output=True, text=True, check=True
    )
    assert told.stdout == "File too large\n"
