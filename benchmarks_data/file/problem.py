"""The problem that a table or a surrogate benchmark poses: its fidelities, its objectives, and what may be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.benchmark import Column
from harness.checks import IntArray
from harness.errors import HarnessError, must
from harness.problem import Fidelity, Objective


def epochs_of(
    schedule: int,
    epochs: Iterable[int] | None = None,
    *,
    first: int = 0,
    scale: Mapping[str, float] | None = None,
) -> tuple[Fidelity, ...]:
    """Return a fidelity for each epoch of a schedule that was measured, each continuing the one before.

    Parameters
    ----------
    schedule : int
        Its length.
    epochs : iterable of int, optional
        Those that were measured, rising; every one by default.
    first : int
        Index of the first of them among all fidelities of the table.
    scale : mapping of str to float, optional
        What is smaller than in a full training (`Fidelity.scale`).

    Examples
    --------
    >>> [(item.label, item.continues) for item in epochs_of(3, [1, 3])]
    [('epoch 1 of 3', None), ('epoch 3 of 3', 0)]
    >>> epochs_of(3, [3], scale={"data": 0.25})[0].label
    'epoch 3 of 3, 0.25 of the data'
    """
    measured = range(1, schedule + 1) if epochs is None else epochs
    smaller = tuple((scale or {}).items())
    said = "".join(f", {share:g} of the {name}" for name, share in smaller)
    return tuple(
        Fidelity(
            f"epoch {epoch} of {schedule}{said}",
            schedule,
            epoch,
            first + place - 1 if place else None,
            smaller,
        )
        for place, epoch in enumerate(measured)
    )


def objectives_of(items: Sequence[str | Objective], column_of: Callable[[str], Column]) -> tuple[Objective, ...]:
    """Return objectives, those that are names of columns as these say.

    Parameters
    ----------
    items : sequence of str or Objective
    column_of : callable
        Returns what a column is, and refuses one that is unknown or held out.

    Raises
    ------
    HarnessError
        If there is none, or a column is refused.
    """
    if not items:
        raise HarnessError(must("objectives", "name at least one column", list(items)))
    columns = [column_of(item if isinstance(item, str) else item.name) for item in items]
    return tuple(
        item if isinstance(item, Objective) else Objective(item, column.direction, column.unit, column.best)
        for item, column in zip(items, columns, strict=True)
    )


def check_fidelity(fidelity: IntArray, count: int, name: str) -> None:
    """Refuse a fidelity, (n,), that is none of the `count` that the benchmark `name` offers; raises HarnessError."""
    if fidelity.any() and not 0 <= fidelity.min() <= fidelity.max() < count:
        rule = f"be in range({count}): {name} has no other"
        raise HarnessError(must("fidelity", rule, [int(fidelity.min()), int(fidelity.max())]))
