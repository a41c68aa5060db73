"""The drawing of derived cells, beside the best of the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from harness.checks import Archs
from harness.space import SearchSpace
from reports.figures.exhibit import Exhibit
from reports.supernets.exhibit import drawings
from reports.supernets.held import SPLIT, looked_up
from reports.supernets.results import Panel, SupernetResults
from reports.tables.numbers import three_digits

MOST_DRAWN = 12
"""Cells; a table has all."""
_MOST_ROWS = 20_000
"""Architectures of a space, above which its best is not looked for."""


def derived_cells(results: SupernetResults) -> Exhibit | None:
    """Return a drawing of the cell that most replicates of each method handed over, and of the best of each table."""
    shown = [drawing for panel in looked_up(results) for drawing in _panel(panel, several=len(results.panels) > 1)]
    more = f" The first {MOST_DRAWN} are drawn." if len(shown) > MOST_DRAWN else ""
    caption = (
        f"The cell that most replicates of a method handed over at the end, and how many; of several, the first.{more}"
    )
    return drawings(results, shown[:MOST_DRAWN], caption)


def _panel(panel: Panel, *, several: bool) -> Iterator[tuple[str, SearchSpace, Archs]]:
    space, where = panel.truth.oracle.space, f"{panel.truth.name}, " if several else ""
    best = _best(panel)
    if best is not None:
        yield f"{where}best of the table", space, best
    for label, group in panel.supernets.items():
        cells = [tuple(one.last[0].tolist()) for one in group if len(one.last)]
        if not cells:
            continue
        cell, often = Counter(cells).most_common(1)[0]
        arch = np.array(cell, dtype=group[0].last.dtype)
        regret = panel.truth.regrets_of(SPLIT, panel.truth.mean_where_known(arch[None], SPLIT))[0]
        yield f"{where}{label} ({often}/{len(group)}), regret {three_digits(float(regret))}", space, arch


def _best(panel: Panel) -> Archs | None:
    space, size = panel.truth.oracle.space, int(np.prod([float(c) for c in panel.truth.oracle.space.cardinalities]))
    if size > _MOST_ROWS:
        return None
    archs = space.decode(np.arange(size, dtype=np.uint64))
    archs = archs[space.is_valid(archs)]
    losses = panel.truth.sign(SPLIT) * panel.truth.mean(archs, SPLIT)
    best: Archs = archs[int(np.nanargmax(losses))]
    return best
