"""Numbers inside of a page, packed, so that a page that was sent alone still gives the CSV of its figures."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pandas as pd

from harness.printable import guarded

_ROOM = 200_000
"""Letters that the numbers of all figures of a page may take; what finds no room lies in a file beside the page."""
_LEVEL = 9
_STEPS = ("centre", "low", "high")


def pack(text: str) -> str:
    """Return a text deflated, in base64; the page's script reads it in a few milliseconds."""
    return _letters(zlib.compress(text.encode("utf-8"), _LEVEL))


class Packed:
    """Takes the frames of a page, in their order, until there is no more room."""

    def __init__(self) -> None:
        self._room = _ROOM

    def add(self, frame: pd.DataFrame) -> str:
        """Return the cells of a frame's CSV, six digits, packed column by column; "" where there is no room for it.

        Of curves, which are steps, rows that say what the row before them says are left out, but for the last.
        """
        data = frame
        if {"series", "x", *_STEPS} <= set(frame.columns):
            same = (frame.drop(columns="x").fillna(-1.0) == frame.drop(columns="x").fillna(-1.0).shift()).all(axis=1)
            last = frame["series"] != frame["series"].shift(-1)
            data = frame[~same | last]
        packer, packed, opening = zlib.compressobj(_LEVEL), b"", "["
        for name in data.columns:
            cells = [guarded(str(name)), *map(_cell, data[name].tolist())]
            packed += packer.compress((opening + json.dumps(cells, ensure_ascii=False, separators=(",", ":"))).encode())
            opening = ","
            if len(packed) > self._room * 3 // 4:  # four letters are three bytes, and what is to come makes it longer
                return ""
        text = _letters(packed + packer.compress(b"]") + packer.flush())
        if len(text) > self._room:
            return ""
        self._room -= len(text)
        return text


def _letters(packed: bytes) -> str:
    return base64.b64encode(packed).decode("ascii")


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return str(guarded(value))
    return "" if pd.isna(value) else f"{value:.6g}" if isinstance(value, float) else str(value)
