"""The measurement of a table's networks on this machine, in parts that survive a stop, and the table that has it.

A sample of the rows is measured; the others get a look-up table's sum (`benchmarks_data.measured.lookup`), and what
that is worth is told: the table is fitted to four fifths of the sample first, and judged by the rest.  In each part
the same network is timed again, so that what the machine does by itself is seen beside what networks differ by.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.file import recorded
from benchmarks_data.file.layout import Header
from benchmarks_data.joins import widened
from benchmarks_data.measured.lookup import FEWEST_JUDGES, Lookup, Quality, fit, quality
from harness.benchmark import Column
from harness.checks import Archs, FloatArray, IntArray, integer
from harness.errors import HarnessError, TableError, must
from harness.files.arrays import ArraysError, read_npz
from harness.files.whole import locked, remove_unfinished, replacing
from harness.printable import counted

PART = 25
"""Networks measured at once: what a stop can cost."""
_JUDGES = 5  # one in so many of the sample judges the look-up table
_FLOOR = 10.0
FEWEST_PASSES = 6
"""Timed passes from which on they have a 95 % interval of their median: even their extremes miss it with 2 / 2**n."""

Measure = Callable[..., Any]
"""`harness.training.latency.measure`; tests put their own in its place."""


@dataclass(frozen=True)
class Plan:
    """What is measured, and how.

    Attributes
    ----------
    table_digest : str
    sample : int
        Rows that are measured, at most all of the table.
    batch, repeats, threads : int
        See `harness.training.latency.measure`.
    seed : int
        Of the sample.
    machine : str
        Name of the processor.
    torch : str
        Version.
    """

    table_digest: str
    sample: int
    batch: int = 1
    repeats: int = 50
    threads: int = 1
    seed: int = 0
    machine: str = ""
    torch: str = ""

    def __post_init__(self) -> None:
        integer("sample", self.sample, low=2 * _JUDGES)
        integer("batch", self.batch, low=1, high=4096)
        integer("repeats", self.repeats, low=2, high=100_000)
        integer("threads", self.threads, low=1, high=1024)
        integer("seed", self.seed, low=0)

    @property
    def digest(self) -> str:
        """SHA-256 of the plan, hexadecimal: parts of another plan, or of another machine, are not taken for its own."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Measured:
    """What came of a plan.

    Attributes
    ----------
    rows : (k,) int64
        Rows of the table that were measured, ascending.
    median_ms, low_ms, high_ms : (k,) float64
        Median of repeats, and its 95 % bootstrap interval.
    reference_ms : (parts,) float64
        Median of one and the same network in each part.
    lookup : Lookup
        Fitted to all that was measured.
    quality : Quality
        Of the table fitted to four fifths of it, on the rest.
    values_ms : (N,) float64
        Of every row: measured, or the sum of the look-up table, at least a tenth of the smallest that was measured.
    repeats : int
        Timed passes of each network.
    """

    rows: IntArray
    median_ms: FloatArray
    low_ms: FloatArray
    high_ms: FloatArray
    reference_ms: FloatArray
    lookup: Lookup
    quality: Quality
    values_ms: FloatArray
    repeats: int

    @property
    def interval_percent(self) -> float | None:
        """Half the width of the interval in percent of the median, the median over networks; None of too few passes."""
        if self.repeats < FEWEST_PASSES:
            return None
        return float(np.median(50.0 * (self.high_ms - self.low_ms) / self.median_ms))

    @property
    def repeatability_percent(self) -> float | None:
        """How far the reference lay from its own median, at most, in percent: a closer bound is no bound.

        None where it was measured once.
        """
        if len(self.reference_ms) < 2:
            return None
        middle = float(np.median(self.reference_ms))
        return float(100.0 * np.abs(self.reference_ms / middle - 1.0).max())

    @property
    def interval_words(self) -> str:
        """The interval, or why it cannot be told."""
        if self.interval_percent is None:
            return f"interval unknown: {self.repeats} passes have none, and it takes {FEWEST_PASSES} (`--repeats`)"
        return f"95 % interval +-{self.interval_percent:.2g} %"

    @property
    def repeatability_words(self) -> str:
        """How far a measurement repeats, or why it cannot be told."""
        if self.repeatability_percent is None:
            return f"how far it repeats is unknown: that takes a sample of more than {PART} (`--sample`)"
        return f"repeatable to {self.repeatability_percent:.2g} %"

    @property
    def quality_words(self) -> str:
        """What the sums of the look-up table are worth, or why it cannot be told."""
        more = "" if self.quality.is_told else f" (`--sample {_JUDGES * FEWEST_JUDGES}`)"
        return f"{self.quality}{more}"


def sampled(header: Header, plan: Plan) -> IntArray:
    """Return the rows that a plan measures, ascending: drawn uniformly; all where there are no more.

    Where the draw has not every value of every gene that the table has, rows that have it stand in front: of a value
    that was never measured a look-up table knows nothing.
    """
    archs = np.asarray(header.array("archs"))
    count = min(plan.sample, len(archs))
    order = np.random.default_rng(plan.seed).permutation(len(archs))
    hot = recorded.whole_space_of(header).one_hot(archs[order]) > 0
    lacking = np.flatnonzero(hot.any(axis=0) & ~hot[:count].any(axis=0))
    front = np.unique(hot[:, lacking].argmax(axis=0)) if len(lacking) else np.empty(0, dtype=np.intp)
    chosen = np.concatenate([front, np.arange(count)])[:count]  # places of `front` lie behind `count`
    drawn: IntArray = np.sort(order[chosen])
    return drawn


def measure(
    header: Header,
    plan: Plan,
    folder: Path,
    *,
    timed: Measure,
    on_progress: Callable[[int, int, float], None] = lambda done, total, seconds: None,
) -> Measured:
    """Measure what is missing of a plan and fit the look-up table.

    Parameters
    ----------
    header : Header
        Of the table.
    plan : Plan
    folder : Path
        Of the parts, which are kept: the same call continues after a stop.
    timed : callable
        `harness.training.latency.measure`.
    on_progress : callable
        Called with parts done, parts in all, and the seconds of this call.

    Raises
    ------
    HarnessError
        If the table does not say what its networks are, or another process measures in the same folder.
    """
    from harness.training import data

    setup = widened.setup_of(header)
    shape, classes = data.shape_of(setup.dataset, **setup.dataset_options)
    recipe, space = setup.load_recipe(), recorded.whole_space_of(header)
    archs, rows = np.asarray(header.array("archs")), sampled(header, plan)
    order = np.random.default_rng([plan.seed, 1]).permutation(rows)  # so that the hour of the day is in no part of them
    cut = [order[start : start + PART] for start in range(0, len(order), PART)]
    work = folder / f"{header.meaning.name}-latency-{plan.digest[:16]}"
    began = time.monotonic()
    with locked(work / ".lock", wait=False) as held:
        if not held:
            raise TableError(f"another process is measuring in '{work}'; wait for it")
        remove_unfinished(work)
        for number, part in enumerate(cut):
            on_progress(number, len(cut), time.monotonic() - began)
            if _part(work, number, part) is None:
                with_reference = np.concatenate([archs[rows[:1]], archs[part]])
                answer = timed(
                    with_reference, recipe, shape, classes, network=setup.network, batch=plan.batch,
                    repeats=plan.repeats, threads=plan.threads,
                )  # fmt: skip
                columns = {name: getattr(answer, name) for name in ("median_ms", "low_ms", "high_ms")}
                with replacing(_path(work, number)) as temporary, temporary.open("wb") as file:
                    np.savez(file, rows=part, **columns)
        on_progress(len(cut), len(cut), time.monotonic() - began)
        loaded = [_part(work, number, part) for number, part in enumerate(cut)]
    found = [part for part in loaded if part is not None]
    if len(found) < len(cut):
        raise TableError(f"parts in '{work}' are damaged; measure again")
    return _together(space, archs, order, found, plan.repeats)


def _path(work: Path, number: int) -> Path:
    return work / f"part-{number:04d}.npz"


def _part(work: Path, number: int, rows: IntArray) -> Mapping[str, Any] | None:
    """Return a whole part; None where there is none."""
    try:
        part = read_npz(_path(work, number))
        whole = np.array_equal(part["rows"], rows) and all(
            part[name].shape == (len(rows) + 1,) and bool(np.isfinite(part[name]).all())
            for name in ("median_ms", "low_ms", "high_ms")
        )
    except (OSError, KeyError, ArraysError):
        return None
    return part if whole else None


def _together(space: Any, archs: Archs, order: IntArray, parts: list[Mapping[str, Any]], repeats: int) -> Measured:
    columns = {name: np.concatenate([part[name][1:] for part in parts]) for name in ("median_ms", "low_ms", "high_ms")}
    judges = np.arange(len(order)) % _JUDGES == 0  # `order` is random
    medians = columns["median_ms"]
    judged = quality(fit(space, archs[order[~judges]], medians[~judges]), archs[order[judges]], medians[judges])
    lookup = fit(space, archs[order], medians)
    values = np.maximum(lookup.predict(archs), medians.min() / _FLOOR)  # no sum is a time below zero
    values[order] = medians
    ascending = np.argsort(order)
    return Measured(
        order[ascending],
        columns["median_ms"][ascending],
        columns["low_ms"][ascending],
        columns["high_ms"][ascending],
        np.array([part["median_ms"][0] for part in parts]),
        lookup,
        judged,
        values,
        repeats,
    )


def told(judged: Quality) -> dict[str, float | None]:
    """Return R^2 and tau by name, None where they cannot be told."""
    return {
        name: value if judged.is_told and np.isfinite(value) else None
        for name, value in (("r2", judged.r2), ("tau", judged.tau))
    }


def column_name(device: str, batch: int) -> str:
    """Return what the column of a device is called.

    >>> column_name("cpu", 1), column_name("cpu", 8)
    ('cpu_latency_ms', 'cpu_batch8_latency_ms')
    """
    return f"{device}_latency_ms" if batch == 1 else f"{device}_batch{batch}_latency_ms"


def write(path: Path, header: Header, plan: Plan, measured: Measured, *, device: str) -> str:
    """Write the table with the column added, under a name of its own, and return the name of the column.

    Parameters
    ----------
    path : Path
        A file ending in ``.h5``.
    header : Header
        Of the table, opened with its held-out columns; it stays as it is.
    plan : Plan
    measured : Measured
    device : str
        Short name of this machine: letters, digits and ``_``.

    Raises
    ------
    TableError
        If the table has such a column, or the path is that of the table.
    """
    name = column_name(device, plan.batch)
    if name in header.columns:
        raise TableError(f"the table {header.meaning.name} has a column '{name}': give another `--device-name`")
    count, rows = len(measured.rows), len(measured.values_ms)
    how = f"{counted(plan.threads, 'thread')}, torch {plan.torch}, median of {plan.repeats} passes"
    text = (
        f"Latency of one pass of {plan.batch} on {plan.machine} ({how}), {measured.interval_words}; "
        f"{measured.repeatability_words}. "
    )
    text += (
        "Every row was measured."
        if count == rows
        else f"{count:,} of {rows:,} rows were measured; the others are sums of a look-up table"
        f" ({measured.quality_words})."
    )
    column = Column(name, "ms", "minimise", description=text, device=plan.machine, batch=plan.batch)
    added = asdict(plan) | {
        "column": name, "rows": count, "platform": platform.platform(), **told(measured.quality),
        "judged_by": measured.quality.n, "numpy": np.__version__, "nas-harness": version("nas-harness"),
    }  # fmt: skip
    widened.write(
        path,
        header,
        {name: (column, measured.values_ms[:, None, None])},
        suffix=device,
        label=f"latency on {device}",
        title=f"with latency on {plan.machine}",
        about={"measured": json.dumps(added)},
    )
    return name


def check_device_name(device: str) -> str:
    """Return a short name of a machine, or refuse it."""
    if not device.isascii() or not device.replace("_", "").isalnum() or device[0].isdigit():
        raise HarnessError(must("--device-name", "consist of letters, digits and '_', a letter first", device))
    return device
