"""Checkpoints of a training: written whole or not at all, two kept, damage noticed."""

from __future__ import annotations

import hashlib
import io
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from harness.errors import HarnessError
from harness.files.whole import opened, remove_unfinished, replacing
from harness.training.curves import STATUS
from harness.training.engines.engine import EPOCH_METRICS, FINAL_METRICS, MEMBER_COLUMNS, State
from harness.training.tensors import DamagedError, check_whole, read_tensors

_MAGIC = b"nas-harness training checkpoint 1\n"


@dataclass
class Progressed:
    """How far a training is.

    Attributes
    ----------
    ledger : State
        Metrics, seconds and status of all its networks; no tensors.
    queue : list of list of int
        Packs that are not done, as positions in the ledger; `pack` belongs to the first.
    pack : State or None
        Of the pack in work.
    """

    ledger: State
    queue: list[list[int]]
    pack: State | None = None


class Checkpoint:
    """The checkpoint file of one training, ``path``, and the one before it, ``path.previous``.

    Parameters
    ----------
    path : Path
    run : str
        Identity of the training: another one's checkpoint is refused.
    every_seconds : float
        `save` writes at most this often, unless told to write now.
    most_bytes : int
        A larger file is damaged, and is not read.
    """

    def __init__(self, path: Path, run: str, *, every_seconds: float = 30.0, most_bytes: int = 2**40) -> None:
        self.path, self.run, self.every_seconds = path, run, every_seconds
        self.previous = path.with_name(f"{path.name}.previous")
        self.most_bytes = most_bytes
        self._sound = False
        self._written = time.monotonic()

    def load(self, size: tuple[int, int] | None = None) -> Progressed | None:
        """Read the newest sound checkpoint; None where there is none.

        A damaged one is told in a warning and the one before it is taken; if both are damaged the training starts
        again, which is told too.

        Parameters
        ----------
        size : (int, int), optional
            Networks and epochs of the training; a checkpoint of others is damaged.

        Raises
        ------
        HarnessError
            If it belongs to another training.
        """
        remove_unfinished(self.path.parent, self.path.name)
        for path in (self.path, self.previous):
            try:
                progressed = self._read(path, size)
            except FileNotFoundError:
                continue
            except DamagedError as error:
                older = path == self.path and self.previous.exists()
                instead = "the one before it is used" if older else "the training starts again"
                warnings.warn(f"checkpoint '{path}' is damaged ({error}): {instead}", stacklevel=4)
                continue
            self._sound = path == self.path
            return progressed
        return None

    def written_by(self) -> str | None:
        """Return the identity of the training that left the newest sound checkpoint; None where there is none."""
        for path in (self.path, self.previous):
            try:
                run = _saved(path, self.most_bytes).get("run")
            except (FileNotFoundError, DamagedError):
                continue
            return run if isinstance(run, str) else None
        return None

    def save(self, progressed: Progressed, *, now: bool = False) -> None:
        """Write a checkpoint if it is time, or `now`; the last sound one is kept beside it."""
        if not now and time.monotonic() - self._written < self.every_seconds:
            return
        buffer = io.BytesIO()
        ledger, pack = progressed.ledger, progressed.pack
        plain = {"ledger": _plain(ledger), "queue": progressed.queue, "pack": None if pack is None else _plain(pack)}
        torch.save(plain | {"run": self.run}, buffer)
        payload = buffer.getbuffer()
        with replacing(self.path) as temporary:
            with temporary.open("wb") as file:
                file.write(_MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n")
                file.write(payload)
            if self._sound:
                self.path.replace(self.previous)
        self._sound = True
        self._written = time.monotonic()

    def _read(self, path: Path, size: tuple[int, int] | None) -> Progressed:
        saved = _saved(path, self.most_bytes)
        if saved.get("run") != self.run:
            raise HarnessError(
                f"checkpoint '{path}' belongs to another training (other architectures, seeds, recipe, data or level):"
                " give another path, or remove it"
            )
        try:
            return _progressed(saved, size)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError, RuntimeError) as error:
            raise DamagedError(f"its content is not a training's: {type(error).__name__}: {error}") from None


def _saved(path: Path, most_bytes: int) -> dict[str, Any]:
    """Read what `Checkpoint.save` wrote; nothing is unpickled, or made larger than the file, before it is looked at."""
    if path.exists() and not path.is_file():
        raise HarnessError(f"checkpoint '{path}' is no regular file: give another path")
    start = len(_MAGIC) + 65
    if path.stat().st_size > most_bytes:
        raise DamagedError(f"it has {path.stat().st_size} bytes, more than such a training leaves")
    with opened(path) as file:
        head = file.read(start)
        if not head.startswith(_MAGIC) or len(head) < start:
            raise DamagedError("it does not begin like a checkpoint")
        if hashlib.file_digest(file, "sha256").hexdigest().encode() != head[len(_MAGIC) : start - 1]:
            raise DamagedError("its SHA-256 is not the one it carries")
        file.seek(start)
        payload = io.BytesIO(file.read())
    return read_tensors(payload)


def _progressed(saved: dict[str, Any], size: tuple[int, int] | None) -> Progressed:
    """Check what was read and put it together."""
    ledger = _state(saved["ledger"], size)
    members = len(ledger.status)
    queue = [[int(position) for position in positions] for positions in saved["queue"]]
    waiting = [position for positions in queue for position in positions]
    if not all(queue) or len(set(waiting)) < len(waiting) or not set(waiting) <= set(range(members)):
        raise ValueError("its queue is none")
    epochs = ledger.metrics[EPOCH_METRICS[0]].shape[1]
    pack = None if saved["pack"] is None else _state(saved["pack"], (len(queue[0]), epochs))
    return Progressed(ledger, queue, pack)


def _plain(state: State) -> dict[str, Any]:
    """Return tensors and numbers only, which is all that a checkpoint may hold."""
    return {
        "epoch": state.epoch,
        "step": state.step,
        "metrics": {name: torch.from_numpy(values) for name, values in state.metrics.items()},
        "tensors": {name: tensor.detach().cpu() for name, tensor in state.tensors.items()},
        **{name: torch.from_numpy(getattr(state, name)) for name in MEMBER_COLUMNS},
    }


def _state(plain: dict[str, Any], size: tuple[int, int] | None) -> State:
    """Return the state of so many members and epochs, of as many as it says where `size` is not given."""
    members, epochs = size or tuple(plain["metrics"][EPOCH_METRICS[0]].shape)
    shapes = dict.fromkeys(EPOCH_METRICS, (members, epochs)) | dict.fromkeys(FINAL_METRICS, (members,))
    metrics = {name: _array(plain["metrics"][name], shape, torch.float64) for name, shape in shapes.items()}
    kinds = dict.fromkeys(MEMBER_COLUMNS, torch.int64) | {"seconds": torch.float64}
    columns = {name: _array(plain[name], (members,), kind) for name, kind in kinds.items()}
    if not np.isin(columns["status"], range(len(STATUS))).all():
        raise ValueError("its status is none")
    epoch, step = int(plain["epoch"]), int(plain["step"])
    if not 0 <= epoch <= epochs or step < 0:
        raise ValueError("its epoch or step is none")
    tensors = dict(plain["tensors"])
    check_whole(tensors)
    return State(epoch, step, metrics, **columns, tensors=tensors)


def _array(tensor: torch.Tensor, shape: tuple[int, ...], kind: torch.dtype) -> npt.NDArray[Any]:
    if tensor.shape != shape or tensor.dtype != kind or not tensor.is_contiguous():
        raise ValueError(f"{tuple(tensor.shape)} {tensor.dtype} where {shape} {kind} should be")
    return tensor.numpy()
