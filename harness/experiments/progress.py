"""The progress of a run: what is counted, how long it will take, and how a notebook shows it."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any

from harness.experiments.kind import Unit
from harness.printable import counted, duration, printable

_AFTER_SECONDS, _EVERY_SECONDS = 0.5, 0.2
"""When a notebook begins to show progress, and how often it shows it anew."""


@dataclass(frozen=True)
class Progress:
    """The state of a run; sent at the start, when a shard ends, and during a shard that runs in this process.

    Attributes
    ----------
    done, reused, total : int
        Shards: finished (reused ones included), found on disk, of the spec.
    label, benchmark : str
        Of the shard that ended or runs; empty at the start.
    first, stop : int
        Its replicates.
    evaluations : int
        Told so far in that shard, all replicates together.
    eta_seconds : float or None
        Until the end; None while unknown.
    """

    done: int
    reused: int
    total: int
    label: str = ""
    benchmark: str = ""
    first: int = 0
    stop: int = 0
    evaluations: int = 0
    eta_seconds: float | None = None


@dataclass(frozen=True)
class Failure:
    """A shard that could not be computed, and why."""

    label: str
    shard: Unit
    error: BaseException


@dataclass
class Ledger:
    """Counts shards and estimates the time that is left."""

    shards: Mapping[str, tuple[str, Unit]]
    send: Callable[[Progress], None]
    reused: int = 0
    computed: int = 0
    parallel: int = 1
    failed: list[Failure] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def waits_for(self, digests: Iterable[str]) -> None:
        """Note the shards that are to be computed, by which the time that is left is told."""
        self.left = Counter(self.shards[digest][0] for digest in digests)

    def start(self, reused: int) -> None:
        """Note how many shards have a result already."""
        self.reused = reused
        self.send(Progress(reused, reused, len(self.shards)))

    def note(self, digest: str, evaluations: int = 0) -> None:
        """Send how far the run is, as seen from one shard."""
        label, shard = self.shards[digest]
        done = self.reused + self.computed + len(self.failed)
        total = len(self.shards)
        self.send(
            Progress(
                done,
                self.reused,
                total,
                label,
                shard.benchmark,
                shard.first,
                shard.stop,
                evaluations,
                self._eta_seconds(),
            )
        )

    def finished(self, digest: str, seconds: float) -> None:
        """Count a shard that was computed, in so many real seconds."""
        self.computed += 1
        label = self.shards[digest][0]
        self.left[label] -= 1
        self.counts[label] += 1
        self.seconds[label] = self.seconds.get(label, 0.0) + seconds
        self.note(digest)

    def broke(self, digest: str, error: BaseException) -> None:
        """Count a shard that could not be computed."""
        self.left[self.shards[digest][0]] -= 1
        self.failed.append(Failure(*self.shards[digest], error))
        self.note(digest)

    def mean_seconds(self, label: str) -> float | None:
        """Return the mean of a strategy's shards that were computed; None where there is none."""
        return self.seconds[label] / self.counts[label] if self.counts[label] else None

    def _eta_seconds(self) -> float | None:
        """Estimate from the mean of each strategy's finished shards; strategies not seen yet count as the slowest."""
        if not self.seconds:
            return None
        means = {label: self.mean_seconds(label) or 0.0 for label in self.seconds}
        slowest = max(means.values())
        left = sum(count * means.get(label, slowest) for label, count in self.left.items())
        return left / self.parallel


def sentence(now: Progress) -> str:
    """Return what is running, how far it is, and when all will be done."""
    left = "time left unknown yet" if now.eta_seconds is None else f"about {duration(now.eta_seconds)} left"
    parts = [left]  # first, where a narrow terminal shows it
    if now.label:
        parts.append(f"{printable(now.label)} on {printable(now.benchmark)}, replicates {now.first} to {now.stop - 1}")
        if now.evaluations:
            parts.append(counted(now.evaluations, "evaluation"))
    return " · ".join(parts)


@contextmanager
def in_notebook() -> Iterator[Callable[[Progress], None]]:
    """Give the callback that shows progress below the cell of a notebook, and takes it away at the end.

    It shows nothing outside of a notebook, nor of what takes less than half a second.
    """
    display, last = _display(), time.monotonic() + _AFTER_SECONDS - _EVERY_SECONDS
    bar: Any = None

    def show(now: Progress) -> None:
        nonlocal bar, last
        if display is None or time.monotonic() < last + _EVERY_SECONDS:
            return
        if bar is None:
            bar = display(_Shown(now), display_id=True)
        else:
            bar.update(_Shown(now))
        last = time.monotonic()

    try:
        yield show
    finally:
        if bar is not None:
            bar.update(_Shown(None))


def _display() -> Any:
    """Return what shows an object below the cell that runs; None where no notebook runs, which loads IPython itself."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return sys.modules["IPython.display"].display if getattr(shell, "kernel", None) is not None else None


@dataclass(frozen=True)
class _Shown:
    """Progress as notebooks show it: a bar and a sentence, or nothing any more."""

    now: Progress | None

    def __repr__(self) -> str:
        if self.now is None:
            return ""
        return f"{self.now.done} of {counted(self.now.total, 'shard')} · {sentence(self.now)}"

    def _repr_html_(self) -> str:
        if self.now is None:
            return ""
        bar = f'<progress value="{self.now.done}" max="{max(self.now.total, 1)}"></progress>'
        return f"<div>{bar} {escape(repr(self))}</div>"
