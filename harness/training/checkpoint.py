"""Checkpoints of a training: written whole or not at all, two kept, damage noticed."""

from __future__ import annotations

import hashlib
import io
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness.errors import HarnessError
from harness.files import opened, remove_unfinished, replacing
from harness.training.engines.engine import MEMBER_COLUMNS, State

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
    """

    def __init__(self, path: Path, run: str, *, every_seconds: float = 30.0) -> None:
        self.path, self.run, self.every_seconds = path, run, every_seconds
        self.previous = path.with_name(f"{path.name}.previous")
        self._sound = False
        self._written = time.monotonic()

    def load(self) -> Progressed | None:
        """Read the newest sound checkpoint; None where there is none.

        A damaged one is told in a warning and the one before it is taken; if both are damaged the training starts
        again, which is told too.

        Raises
        ------
        HarnessError
            If it belongs to another training.
        """
        remove_unfinished(self.path.parent, self.path.name)
        for path in (self.path, self.previous):
            try:
                progressed = self._read(path)
            except FileNotFoundError:
                continue
            except _DamagedError as error:
                older = path == self.path and self.previous.exists()
                instead = "the one before it is used" if older else "the training starts again"
                warnings.warn(f"checkpoint '{path}' is damaged ({error}): {instead}", stacklevel=4)
                continue
            self._sound = path == self.path
            return progressed
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

    def _read(self, path: Path) -> Progressed:
        with opened(path) as file:
            content = file.read()
        start = len(_MAGIC) + 65
        if not content.startswith(_MAGIC) or len(content) < start:
            raise _DamagedError("it does not begin like a checkpoint")
        if hashlib.sha256(content[start:]).hexdigest().encode() != content[len(_MAGIC) : start - 1]:
            raise _DamagedError("its SHA-256 is not the one it carries")
        saved: dict[str, Any] = torch.load(io.BytesIO(content[start:]), map_location="cpu", weights_only=True)
        if saved["run"] != self.run:
            raise HarnessError(
                f"checkpoint '{path}' belongs to another training (other architectures, seeds, recipe, data or level):"
                " give another path, or remove it"
            )
        pack = None if saved["pack"] is None else _state(saved["pack"])
        return Progressed(_state(saved["ledger"]), saved["queue"], pack)


class _DamagedError(Exception):
    """A file that is not a whole checkpoint."""


def _plain(state: State) -> dict[str, Any]:
    """Return tensors and numbers only, which is all that a checkpoint may hold."""
    return {
        "epoch": state.epoch,
        "step": state.step,
        "metrics": {name: torch.from_numpy(values) for name, values in state.metrics.items()},
        "tensors": {name: tensor.detach().cpu() for name, tensor in state.tensors.items()},
        **{name: torch.from_numpy(getattr(state, name)) for name in MEMBER_COLUMNS},
    }


def _state(plain: dict[str, Any]) -> State:
    metrics = {name: metric.numpy() for name, metric in plain["metrics"].items()}
    return State(**plain | {"metrics": metrics} | {name: plain[name].numpy() for name in MEMBER_COLUMNS})
