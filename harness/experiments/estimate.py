"""The estimate of a run: what is there, what is missing, and how long that takes by a small run of each strategy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.experiments.kind import Kind, Unit, kind_of
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
    seconds, cut = dict[str, float](), list[str]()
    for label, units in missing.items():
        on_step(label)
        one, part = _seconds_of_one(kind, units[0])
        seconds[label] = one * sum(unit.stop - unit.first for unit in units)
        cut += [label] if part < 1 else []
    count = sum(map(len, missing.values()))
    return Estimate(count, len(prepared.shards) - count, seconds, tuple(cut))


def _seconds_of_one(kind: Kind[Any], unit: Unit) -> tuple[float, float]:
    """Return the real seconds of one replicate, NaN where nothing tells, and the part of it that was run."""
    small = kind.small(unit)
    if small is None:
        return math.nan, 1.0
    began = time.monotonic()
    told = list[tuple[int, float]]()  # how much was done, when: what comes before the first is not repeated

    def stop(done: int) -> None:
        told.append((done, time.monotonic()))
        if told[-1][1] - told[0][1] > MOST_SECONDS:
            raise _EnoughError

    replicates, steps, part = small.stop - small.first, kind.steps(small), 1.0
    try:
        kind.run(small, stop)
        spent = time.monotonic() - began
    except _EnoughError:
        (first, then), (last, now) = told[0], told[-1]
        part = min(last / steps, math.nextafter(1.0, 0.0)) if steps else 0.0
        spent = then - began + (now - then) / max(last - first, 1) * (steps - first) if steps else math.nan
    return spent / replicates, part
