"""The status of an experiment, running or not, from its folder alone: what is there, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ResultError
from harness.experiments.execute import LOCK
from harness.experiments.manifest import read_manifest
from harness.experiments.store import unit_path, written_seconds
from harness.files.whole import is_locked

_FEW = 2


@dataclass(frozen=True)
class Line:
    """What is there of one strategy on one benchmark.

    Attributes
    ----------
    benchmark, label : str
    replicates, of : int
        Whose results have a file, and all.
    shards, shards_of : int
        The same of shards.
    """

    benchmark: str
    label: str
    replicates: int
    of: int
    shards: int
    shards_of: int


@dataclass(frozen=True)
class Status:
    """What is there of an experiment.

    Attributes
    ----------
    name : str
    lines : tuple of Line
        In the order of the spec.
    running : bool
        Whether a process is writing to the folder now.
    last_seconds : float or None
        When the last result was written, in seconds since the epoch; None where there is none.
    seconds_per_shard : float or None
        Real seconds between the last results, by which the rest can be estimated; None of fewer than three.
    """

    name: str
    lines: tuple[Line, ...]
    running: bool
    last_seconds: float | None
    seconds_per_shard: float | None

    @property
    def done(self) -> int:
        """Shards that have a result."""
        return sum(line.shards for line in self.lines)

    @property
    def total(self) -> int:
        """Shards of the spec."""
        return sum(line.shards_of for line in self.lines)

    @property
    def left_seconds(self) -> float | None:
        """Real seconds that the rest takes at the rate of the last results; None where that is not known."""
        return None if self.seconds_per_shard is None else self.seconds_per_shard * (self.total - self.done)


def status(folder: Path) -> Status:
    """Say what is there of an experiment; of results only the length is looked at, not the content.

    Raises
    ------
    ResultError
        If the folder holds no experiment.
    """
    manifest = read_manifest(folder)
    counts: dict[tuple[str, str], list[int]] = {}
    written: list[float] = []
    for entry in manifest.entries:
        line = counts.setdefault((entry.benchmark, entry.label), [0, 0, 0, 0])
        line[1] += entry.stop - entry.first
        line[3] += 1
        try:
            seconds = written_seconds(unit_path(folder, entry.digest))
        except OSError as error:
            raise ResultError(f"cannot look into '{folder}': {error.strerror}") from None
        if seconds is None:
            continue
        written.append(seconds)
        line[0] += entry.stop - entry.first
        line[2] += 1
    return Status(
        manifest.spec.name,
        tuple(Line(*key, *line) for key, line in counts.items()),
        is_locked(folder / LOCK),
        max(written, default=None),
        _rate(sorted(written)),
    )


def _rate(times: Sequence[float]) -> float | None:
    """Return the mean time between the later half of results, at least two gaps; None of fewer.

    A pause between two runs of a spec lies in the earlier half, or counts.

    >>> _rate([0.0, 1000.0, 1010.0, 1020.0]), _rate([0.0, 5.0])
    (10.0, None)
    """
    if len(times) <= _FEW:
        return None
    later = times[-max(_FEW + 1, len(times) // 2) :]
    return (later[-1] - later[0]) / (len(later) - 1)
