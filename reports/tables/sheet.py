"""The CSV of a frame: all digits, and texts that no spreadsheet takes for a formula."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from harness.printable import printable

_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""How a text begins that spreadsheets compute, the wide forms of East Asian keyboards included."""


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame; a text that a spreadsheet would compute has an apostrophe in front, numbers have none."""
    texts = [column for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column])]
    guarded_texts = {column: frame[column].map(guarded) for column in texts}
    frame.assign(**guarded_texts).to_csv(path, index=False, lineterminator="\n")


def guarded(value: object) -> object:
    """Return a cell as it is written: of a text the printable form, with an apostrophe where it needs one.

    >>> guarded("=1+1"), guarded("-x"), guarded("'=1"), guarded("plain"), guarded(-1.5)
    ("'=1+1", "'-x", "''=1", 'plain', -1.5)
    """
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if _FORMULA.match(shown) or value[:1] in ("\t", "\r") else shown


def unguarded(text: str) -> str:
    """Return a text as it was before `guarded`.

    >>> unguarded("'=1+1"), unguarded("'quoted'")
    ('=1+1', "'quoted'")
    """
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
