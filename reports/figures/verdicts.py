"""Verdicts in figures: the rows that can be drawn, the mark of each verdict, and the provenance of a verification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness.verification.record import ROLES
from reports.figures.exhibit import Exhibit
from reports.figures.style import style_map
from reports.study.verdicts import DRIFTED, FAILED, INCONCLUSIVE, Verification

MARGIN: dict[str, Any] = {"color": "#000000", "alpha": 0.07, "linewidth": 0}
LINE: dict[str, Any] = {"color": "#444444", "linestyle": (0, (1, 1.4)), "linewidth": 0.9}
_STYLES = style_map(ROLES)
_MARKERS = {DRIFTED: "X", FAILED: "P"}
"""Markers of verdicts that have one of their own; the others take that of the role."""


def mark(style: Mapping[str, Any], verdict: str) -> dict[str, Any]:
    """Return the marker of a role under a verdict."""
    return {
        "marker": _MARKERS.get(verdict, style["marker"]),
        "color": style["color"],
        "markerfacecolor": "white" if verdict == INCONCLUSIVE else style["color"],
        "markersize": 4.2,
        "markeredgewidth": 0.9,
    }


def drawn_rows(item: Verification) -> pd.DataFrame:
    """Return the rows that can be drawn: whose trainings finished and whose costs agree."""
    return item.rows[(item.rows["verdict"] != FAILED) & item.rows["low"].notna()]


def points(item: Verification, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what names and marks every point, and the margin, one row for each of `rows`."""
    return pd.DataFrame(
        {
            "benchmark": item.measurements.benchmark,
            "series": rows["role"],
            "row": rows["pick"],
            "column": rows["verdict"],
            "margin": item.measurements.margin_percent,
        }
    )


def joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the frame of an exhibit from those of its panels, empty where there are none."""
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["benchmark"])


def verification_exhibit(
    origin: Mapping[str, Any], verified: Sequence[Verification], kind: str, frame: pd.DataFrame, caption: str,
    meta: Mapping[str, Any],
) -> Exhibit:  # fmt: skip
    """Return an exhibit with what all of a verification share: styles of roles, provenance of results and training."""
    verification = {
        item.measurements.benchmark: {
            "margin_percent": item.measurements.margin_percent,
            "margin_source": item.measurements.margin_source,
            "seeds": list(item.measurements.seeds),
            **item.measurements.provenance,
        }
        for item in verified
    }
    common = {"caption": caption, "styles": _STYLES, "left_out": {}}
    provenance = {**origin, "verification": verification}
    return Exhibit(f"verification-{kind}", kind, frame, {**meta, **common, "provenance": provenance})
