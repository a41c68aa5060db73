"""The work of one call of the trainer: packs of networks, one after the other, with a ledger of what came out."""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from harness.digests import sha256_of
from harness.training import networks
from harness.training.checkpoint import Checkpoint, Progressed
from harness.training.curves import OUT_OF_MEMORY, UNFINISHED
from harness.training.engines.engine import MEMBER_COLUMNS, Level, OnTrained, State, Task
from harness.training.engines.loop import UnfitError, train_pack
from harness.training.interrupts import Requests
from harness.training.schedule import Member

_BYTES_PER_VALUE, _ROOM = 64, 2**26
"""Of a checkpoint, at most: a parameter has a momentum and statistics, an epoch four metrics; and room for the rest."""


@dataclass(frozen=True)
class Progress:
    """How far a training is; sent after each epoch of a pack.

    Attributes
    ----------
    done, total : int
        Networks.
    pack, epoch, epochs : int
        Networks in work, and how many of the epochs they have behind them.
    seconds_left : float or None
        At the pace of this call so far; None while unknown.
    """

    done: int
    total: int
    pack: int
    epoch: int
    epochs: int
    seconds_left: float | None


@dataclass
class Campaign:
    """All that the trainer was asked for, and its loop over packs."""

    members: Sequence[Member]
    task: Task
    level: Level
    on_progress: Callable[[Progress], None] | None
    on_trained: OnTrained | None = None

    def identity(self) -> str:
        """Return the SHA-256 of all that a training's numbers depend on, machine and versions apart."""
        task, dataset = self.task, self.task.dataset
        facts = {
            "members": [(member.arch, member.seed) for member in self.members],
            "recipe": task.recipe.as_dict() | {"name": None},
            "dataset": [dataset.sha256, dataset.mean.tolist(), dataset.std.tolist(), dataset.flip, dataset.padding],
            "network": task.network,
            "rung": self.level.name,
            "device": task.device.type,
            "threads": torch.get_num_threads(),
        }
        if task.epochs is not None:
            facts["epochs"] = task.epochs
        return sha256_of(facts)

    def checkpoint(self, path: Path, *, every_seconds: float = 30.0) -> Checkpoint:
        """Return the file that this training is kept in."""
        task, archs = self.task, np.array([member.arch for member in self.members])
        values = 0
        if len(archs):
            shape, classes = task.dataset.shape, task.dataset.classes
            values = int(networks.cost(task.network, archs, task.recipe, shape, classes).params.sum())
        epochs = len(archs) * (task.recipe.epochs + 1)
        most = _ROOM + _BYTES_PER_VALUE * (values + epochs)
        return Checkpoint(path, self.identity(), every_seconds=every_seconds, most_bytes=most)

    def do(self, file: Checkpoint | None, asked: Requests) -> State:
        """Train all packs, continuing from the file; return the ledger of all networks."""
        now = file.load((len(self.members), self.task.recipe.epochs)) if file else None
        if now is None:
            packs = self.level.packs(self.members, self.task)
            now = Progressed(State.fresh(len(self.members), self.task.recipe.epochs), packs)
        started, begun = time.perf_counter(), self._epochs_done(now)
        while now.queue:
            positions = now.queue[0]

            def on_epoch(state: State, positions: list[int] = positions, now: Progressed = now) -> bool:
                stop = asked.came()  # once: a signal that comes while this runs is seen before the next step
                _write(now.ledger, positions, state)
                now.pack = state
                if file:
                    file.save(now, now=stop)
                self._tell(now, started, begun)
                return stop

            state = self._try_pack(positions, now, on_epoch, asked)
            if state is not None and np.all(state.status != UNFINISHED):
                _write(now.ledger, positions, state)
                now.queue, now.pack = now.queue[1:], None
                if file:
                    file.save(now, now=asked.came() or not now.queue)
            asked.raise_if_any()
        return now.ledger

    def _try_pack(
        self, positions: list[int], now: Progressed, on_epoch: Callable[[State], bool], asked: Requests
    ) -> State | None:
        """Train the first pack; where memory runs out, put its halves in its place and return None."""
        fresh = State.fresh(len(positions), self.task.recipe.epochs)
        try:
            members = [self.members[position] for position in positions]
            return train_pack(
                self.level, members, self.task, state=now.pack, on_epoch=on_epoch, interrupted=asked.came,
                on_trained=self._told(positions),
            )  # fmt: skip
        except UnfitError as error:
            warnings.warn(f"the checkpoint does not fit its networks ({error}): they start again", stacklevel=5)
            now.pack = None
            _write(now.ledger, positions, fresh)
            return None
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        gc.collect()  # what failed may still hold its tensors in cycles
        if self.task.device.type == "cuda":
            torch.cuda.empty_cache()
        now.pack = None
        if len(positions) == 1:
            fresh.status[:] = OUT_OF_MEMORY
            return fresh
        _write(now.ledger, positions, fresh)
        half = len(positions) // 2
        now.queue = [positions[:half], positions[half:], *now.queue[1:]]
        return None

    def _told(self, positions: list[int]) -> OnTrained | None:
        """Return what is called with positions in a pack, and passes on those in the work."""
        on_trained = self.on_trained
        return None if on_trained is None else lambda place, *given: on_trained(positions[place], *given)

    def _epochs_done(self, now: Progressed) -> float:
        return float(np.sum(~np.isnan(now.ledger.metrics["train_loss"])))

    def _tell(self, now: Progressed, started: float, begun: float) -> None:
        if self.on_progress is None or now.pack is None:
            return
        behind, total = self._epochs_done(now), len(self.members) * self.task.last
        pace = (time.perf_counter() - started) / (behind - begun) if behind > begun else None
        self.on_progress(
            Progress(
                done=int(np.sum(now.ledger.status != UNFINISHED)),
                total=len(self.members),
                pack=len(now.pack.status),
                epoch=now.pack.epoch,
                epochs=self.task.last,
                seconds_left=None if pace is None else pace * (total - behind),
            )
        )


def out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out, on a GPU or a CPU."""
    texts = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(text in str(error) for text in texts)


def _write(ledger: State, positions: list[int], state: State) -> None:
    """Copy a pack's results to its places in the ledger."""
    for name, values in state.metrics.items():
        ledger.metrics[name][positions] = values
    for name in MEMBER_COLUMNS:
        getattr(ledger, name)[positions] = getattr(state, name)
