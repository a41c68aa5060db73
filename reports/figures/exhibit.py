"""The exhibit: a figure as data, drawn again from its CSV and JSON alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.errors import ResultError
from harness.files.reading import read_json
from harness.printable import unguarded
from reports.tables.sheet import write_csv

_WORDS = ["benchmark", "series", "row", "column"]
"""Columns of plotted frames that hold names."""
_NUMBERS = {"": np.nan, "True": True, "False": False}


@dataclass(frozen=True)
class Exhibit:
    """One figure as data: it can be drawn from its CSV and JSON alone.

    Attributes
    ----------
    name : str
        File stem.
    kind : str
        Name of the `FigureKind` that draws it; see `reports.figures.render.kind_of`.
    frame : pandas.DataFrame
        Exactly the plotted numbers; one panel for each value of ``benchmark``. The columns ``benchmark``, ``series``,
        ``row`` and ``column`` hold names, all others numbers.
    meta : mapping
        JSON data: ``title``, ``caption``, ``alt``, ``x_label`` (one, or by panel), ``y_label`` (by panel), ``styles``
        (by name), ``left_out`` (reason by benchmark), the provenance, and what the kind needs besides.
    """

    name: str
    kind: str
    frame: pd.DataFrame
    meta: Mapping[str, Any]

    @property
    def panels(self) -> list[str]:
        """Names of the panels, in order."""
        return [*self.frame["benchmark"].unique()]

    def write(self, folder: Path) -> None:
        """Write ``NAME.csv`` and ``NAME.json``."""
        write_csv(self.frame, folder / f"{self.name}.csv")
        data = {"name": self.name, "kind": self.kind, **self.meta}
        (folder / f"{self.name}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path, name: str) -> Exhibit:
        """Read what `write` wrote."""
        meta = read_json(folder / f"{name}.json", ResultError, remedy="write the report again")
        frame = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        for column in frame.columns.difference(_WORDS):  # float() gives back the very number that was written
            frame[column] = [_NUMBERS[text] if text in _NUMBERS else float(text) for text in frame[column]]
        for column in frame.columns.intersection(_WORDS):
            frame[column] = frame[column].map(unguarded)
        return cls(meta.pop("name"), meta.pop("kind"), frame, meta)
