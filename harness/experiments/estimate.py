"""The estimate of a run: what is there, what is missing, and how long that takes by a small run of each strategy."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.experiments.kind import Unit, kind_of
from harness.experiments.prepare import Prepared
from harness.experiments.store import unit_path

MOST_SECONDS = 5.0
"""Real seconds after which a small run is given up, and the rest extrapolated."""


@dataclass(frozen=True)
class Estimate:
    """What a run has before it.

    Attributes
    ----------
    missing, found : int
        Shards that have to be computed, and that have a file already (whose content was not read).
    seconds : mapping of str to float
        Real seconds of one process that the missing shards of each strategy take, by label; NaN where it is not known.
    cut : tuple of str
        Labels of strategies whose small run was given up: models slow down as they learn, so these may take longer.
    """

    missing: int
    found: int
    seconds: dict[str, float]
    cut: tuple[str, ...]


class _EnoughError(Exception):
    """A small run that was given up."""


def estimate(prepared: Prepared, folder: Path, on_step: Callable[[str], None] = lambda label: None) -> Estimate:
    """Time a small run of each strategy that has missing shards, on the first benchmark where it has; store nothing.

    Parameters
    ----------
    prepared : Prepared
    folder : Path
        Of the results.
    on_step : callable
        Told the label of the strategy that is timed now.
    """
    kind = kind_of(prepared.spec.kind)
    missing: dict[str, list[Unit]] = {}
    for digest, (label, unit) in prepared.shards.items():
        if not unit_path(folder, digest).exists():
            missing.setdefault(label, []).append(unit)
    seconds, cut = {}, []
    for label, units in missing.items():
        on_step(label)
        told, small = [0], kind.small(units[0])
        seconds[label] = float("nan")
        if small is None:
            continue
        began, part = time.monotonic(), 1.0

        def stop(evaluations: int, told: list[int] = told) -> None:
            told[0] = evaluations
            if time.monotonic() - began > MOST_SECONDS:  # noqa: B023  # called before it changes
                raise _EnoughError

        try:
            kind.run(small, stop)
        except _EnoughError:
            cut.append(label)
            whole = (prepared.spec.budget.evaluations or 0) * (small.stop - small.first)
            part = min(told[0] / whole, 1.0) if whole else float("nan")
        one = (time.monotonic() - began) / part / (small.stop - small.first)
        seconds[label] = one * sum(unit.stop - unit.first for unit in units)
    count = sum(map(len, missing.values()))
    return Estimate(count, len(prepared.shards) - count, seconds, tuple(cut))
