"""The verdict on a published value: reproduced or not, by how much, within which tolerance, and why not where known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports.reproductions.recipe import Cell, Order, Part

REPRODUCED, DIFFERS, EXPLAINED, ABSENT = "reproduced", "not reproduced", "not reproduced, as known", "not run"
POSSIBLE, IMPOSSIBLE = "possible", "impossible"
"""Of what papers claim: whether any architecture of the table has as much."""


@dataclass(frozen=True)
class Here:
    """A value as it is here.

    Attributes
    ----------
    value : float
    sd : float or None
        Over runs, of the population.
    runs : int
        1 where it is no mean.
    """

    value: float
    sd: float | None = None
    runs: int = 1


@dataclass(frozen=True)
class Verdict:
    """What became of a published value.

    Attributes
    ----------
    part, row, quantity : str
    published, here : str
        As people write them; `here` is "" where nothing was run.
    difference, allowed : float or None
        Here minus published, and how much of it is allowed; None of what is no number.
    state : {"reproduced", "not reproduced", "not reproduced, as known", "not run", "possible", "impossible"}
    reason : str
        Why not, where that is known.
    """

    part: str
    row: str
    quantity: str
    published: str
    here: str
    difference: float | None
    allowed: float | None
    state: str
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return dict(vars(self))


def of_cell(part: Part, cell: Cell, here: Here) -> Verdict:
    """Compare a published value with the one here: it is reproduced where they differ by what `Part.allowed` says."""
    allowed = part.allowed(cell, here.sd or 0.0, here.runs)
    difference = here.value - cell.value
    good = abs(difference) <= allowed + 1e-9
    reason = "" if good else part.reason(cell)
    state = REPRODUCED if good else EXPLAINED if reason else DIFFERS
    return Verdict(
        part.name,
        cell.row,
        cell.quantity,
        words(cell.value, cell.sd),
        words(here.value, here.sd),
        round(difference, 6),
        round(allowed, 6),
        state,
        reason,
    )


def of_order(part: Part, order: Order, values: dict[str, float]) -> Verdict:
    """Compare a published order of strategies with the one here; `values` are lower for the better."""
    pairs = zip(order.labels, order.labels[1:], strict=False)
    wrong = [f"{better} is not before {worse}" for better, worse in pairs if not values[better] < values[worse]]
    here = sorted(order.labels, key=lambda label: values[label])
    cell = Cell("order", order.quantity, 0.0)
    reason = part.reason(cell) if wrong else ""
    said = "; ".join(wrong) if not reason else f"{'; '.join(wrong)}: {reason}"
    state = REPRODUCED if not wrong else EXPLAINED if reason else DIFFERS
    listed = [f"{label} {abs(values[label]):.4g}" for label in here]
    return Verdict(
        part.name, "order", order.quantity, ", ".join(order.labels), ", ".join(listed), None, None, state, said
    )


def absent(part: Part, why: str) -> Verdict:
    """Say of a part that it was not run."""
    return Verdict(part.name, "", "", "", "", None, None, ABSENT, why)


def words(value: float, sd: float | None = None) -> str:
    """Return a value with its spread as tables print it.

    >>> words(91.0714, 0.26), words(0.735), words(-0.37), words(178.2)
    ('91.07 ± 0.26', '0.735', '-0.370', '178.20')
    """
    digits = 3 if abs(value) < 1 else 2
    return f"{value:.{digits}f}" if sd is None else f"{value:.{digits}f} ± {sd:.{digits}f}"
