"""The epochs of a one-shot method: what is kept of each, the form of its columns, and the file to continue from."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import Archs
from harness.errors import reason
from harness.experiments import answers
from harness.experiments.answers import OBSERVED
from harness.experiments.kind import Output
from harness.experiments.store import content_sha256
from harness.files.arrays import ArraysError, read_npz
from harness.files.whole import replacing
from harness.one_shot import OneShot

CHECKPOINT_SECONDS = 30.0
_INHERITED = "inherited"
_ALWAYS = {
    **dict.fromkeys(("units", "seconds", f"log/{_INHERITED}"), "f T"),
    "recommended/archs": "u n L",
    **dict.fromkeys(("recommended/epoch", "recommended/derivation"), "i n"),
    "sample/archs": "u k L",
    "sample/inherited": "f k",
}
_ALONE = {"alone/archs": "u a L", "alone/inherited": "f a"}
_LOGGED = dict.fromkeys((f"log/{name}" for name in OBSERVED), "f T") | {
    "log/probabilities": "f T E K",
    "log/lineage": "f T 2 L",
}
FORMS, NEEDED, IF_ALONE = {**_ALWAYS, **_LOGGED, **_ALONE}, tuple(_ALWAYS), tuple(_ALONE)
"""Of the columns of a supernet over T epochs, see `harness.experiments.columns`; those that are always there, and those
that are there together, where what was handed over is trained alone."""
_SEAL = "seal"
"""The name of the SHA-256 of everything else in a file of a state."""


class Epochs:
    """What a one-shot method said of its epochs so far, and its state: written to a file, and continued from it.

    Parameters
    ----------
    digest : str
        Of the unit of work.
    method : OneShot
    place : Path or None
        Of the file, from which a killed run continues; nothing is written where it is None.
    """

    def __init__(self, digest: str, method: OneShot, place: Path | None) -> None:
        self._digest, self._method, self._place = digest, method, place
        self._costs = list[tuple[float, float]]()
        self._archs: list[Archs] = []
        self._rows = list[tuple[int, int]]()
        self._logs: dict[str, list[npt.NDArray[np.float64]]] = {}
        self._written = time.monotonic()
        self._continue()

    def __len__(self) -> int:
        return len(self._costs)

    def epoch(self) -> None:
        """Train for an epoch, keep what it says, and write a checkpoint now and then."""
        method, is_first = self._method, not self._costs
        before = None if is_first else {key: rows[-1] for key, rows in self._logs.items() if key != _INHERITED}
        self._costs.append(answers.trained(method))
        recommended = answers.recommended(method)
        self._archs.append(recommended)
        self._rows += [(len(self), place) for place in range(len(recommended))]
        inherited = answers.inherited(method, recommended[:1], handed_over=True).mean() if len(recommended) else np.nan
        for name, value in {**answers.observed(method, before), _INHERITED: np.asarray(inherited)}.items():
            self._logs.setdefault(name, []).append(value)
        if is_first:
            answers.state(method)  # what cannot be kept is told now, not when it would be written
        if self._place is not None and time.monotonic() - self._written > CHECKPOINT_SECONDS:
            self._write(self._place)

    def columns(self, unit_macs: float) -> dict[str, npt.NDArray[Any]]:
        """Return the columns of the result."""
        costs = np.array(self._costs).reshape(-1, 2)
        rows = np.array(self._rows, dtype=np.int64).reshape(-1, 2)
        genes, dtype = self._method.space.genes, self._method.space.dtype
        return {
            "units": costs[:, 0] / unit_macs,
            "seconds": costs[:, 1],
            "recommended/archs": np.concatenate([np.empty((0, genes), dtype=dtype), *self._archs]),
            "recommended/epoch": rows[:, 0],
            "recommended/derivation": rows[:, 1],
            **{f"log/{name}": np.stack(values) for name, values in self._logs.items()},
        }

    def _write(self, place: Path) -> None:
        """Write the state of the method and what was kept, whole or not at all; training goes on on a full disk."""
        arrays = {f"kept/{name}": values for name, values in self.columns(1.0).items()}
        arrays |= {f"state/{name}": values for name, values in answers.state(self._method).items()}
        try:
            with replacing(place) as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays, **{_SEAL: np.array(self._seal(arrays))})
        except OSError as error:
            warnings.warn(
                f"the state of a training cannot be kept in '{place.parent}' ({error.strerror or error}): it goes on,"
                " and a killed run continues from an earlier epoch",
                stacklevel=2,
            )
        self._written = time.monotonic()

    def _seal(self, arrays: Mapping[str, npt.NDArray[Any]]) -> str:
        """Return the SHA-256 of the unit, of what methods may tell, and of all arrays, with their types and shapes."""
        return content_sha256(Output(arrays, {"digest": self._digest, "observed": " ".join(OBSERVED)}))

    def _continue(self) -> None:
        """Take up what a killed run left; what is damaged is told, and the run begins anew."""
        if self._place is None or not self._place.exists():
            return
        try:
            arrays = read_npz(self._place)
            seal = arrays.pop(_SEAL, None)
            if seal is None or str(seal) != self._seal(arrays):
                raise ArraysError("it holds other arrays than this program writes for this training")
        except (ArraysError, OSError) as error:
            where = f"the state of a killed run in '{self._place}' is damaged"
            warnings.warn(f"{where} ({reason(error)}): the training begins anew", stacklevel=2)
            return
        kept = {name.removeprefix("kept/"): value for name, value in arrays.items() if name.startswith("kept/")}
        state = {name.removeprefix("state/"): value for name, value in arrays.items() if name.startswith("state/")}
        self._method.restore(state)
        costs = np.stack([kept["units"], kept["seconds"]], axis=1)
        rows = np.stack([kept["recommended/epoch"], kept["recommended/derivation"]], axis=1)
        self._costs = [(float(macs), float(seconds)) for macs, seconds in costs]
        self._rows = [(int(epoch), int(place)) for epoch, place in rows]
        self._archs = [np.array(kept["recommended/archs"])]
        self._logs = {name.removeprefix("log/"): [*values] for name, values in kept.items() if name.startswith("log/")}
