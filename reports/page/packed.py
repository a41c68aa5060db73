"""Plotted numbers inside of a page, so that a page that was sent alone still gives the CSV of its figures."""

from __future__ import annotations

import base64
import zlib

import pandas as pd

from harness.printable import guarded

_ROOM = 300_000
"""Letters that the numbers of all figures of a page may take; what finds no room lies in a file beside the page."""
_STEPS = ("centre", "low", "high")


class Packed:
    """Takes the frames of a page, in their order, until there is no more room."""

    def __init__(self) -> None:
        self._room = _ROOM

    def add(self, frame: pd.DataFrame) -> str:
        """Return a frame as CSV, six digits, deflated, in base64; "" where there is no room for it.

        Of curves, which are steps, rows that say what the row before them says are left out, but for the last.
        """
        data = frame
        if {"series", "x", *_STEPS} <= set(frame.columns):
            same = (frame.drop(columns="x").fillna(-1.0) == frame.drop(columns="x").fillna(-1.0).shift()).all(axis=1)
            last = frame["series"] != frame["series"].shift(-1)
            data = frame[~same | last]
        texts = {
            name: data[name].map(guarded) for name in data.columns if not pd.api.types.is_numeric_dtype(data[name])
        }
        csv = data.assign(**texts).to_csv(index=False, lineterminator="\n", float_format="%.6g")
        text = base64.b64encode(zlib.compress(csv.encode("utf-8"), 9)).decode("ascii")
        if len(text) > self._room:
            return ""
        self._room -= len(text)
        return text
