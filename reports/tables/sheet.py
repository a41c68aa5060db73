"""The CSV of a frame: all digits, and texts that no spreadsheet takes for a formula."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from harness.printable import guarded


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame; a text that a spreadsheet would compute has an apostrophe in front, numbers have none."""
    texts = [column for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column])]
    guarded_texts = {column: frame[column].map(guarded) for column in texts}
    frame.assign(**guarded_texts).to_csv(path, index=False, lineterminator="\n")
