"""Numbers packed into a page: they are those of the frame, to six digits, as long as there is room."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np
import pandas as pd

from reports.page import packed
from reports.page.packed import Packed, pack


def unpacked(text: str) -> str:
    return zlib.decompress(base64.b64decode(text)).decode("utf-8")


def test_a_text_comes_back():
    assert unpacked(pack("né\n" * 1000)) == "né\n" * 1000


def test_cells_are_those_of_a_csv_column_by_column():
    frame = pd.DataFrame({
        "row": ["=a", "b,c"], "x": [1.23456789, np.nan], "n": [3, 4], "significant": [True, False],
    })  # fmt: skip
    assert json.loads(unpacked(Packed().add(frame))) == [
        ["row", "'=a", "b,c"], ["x", "1.23457", ""], ["n", "3", "4"], ["significant", "True", "False"],
    ]  # fmt: skip


def test_steps_that_say_nothing_new_are_left_out_but_for_the_last():
    frame = pd.DataFrame({"series": list("aaaab"), "x": range(5), "centre": [1.0, 1, 1, 1, 1], "low": 0.0, "high": 2.0})
    columns = json.loads(unpacked(Packed().add(frame)))
    assert columns[:2] == [["series", "a", "a", "b"], ["x", "0", "3", "4"]]


def test_what_finds_no_room_is_left_to_the_file_beside_the_page(monkeypatch):
    frame = pd.DataFrame({"x": np.arange(50.0)})
    monkeypatch.setattr(packed, "_ROOM", len(Packed().add(frame)) + 60)
    room = Packed()
    assert room.add(frame)
    assert room.add(frame) == ""
    assert room.add(frame[:2]), "a smaller one still finds room"
