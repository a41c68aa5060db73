"""Rows of a growing table: what one training gave at one fidelity, and their form in a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, FloatArray, IntArray, UInt64Array
from harness.errors import HarnessError, TableError, must, reason
from harness.files.arrays import read_npz
from harness.files.whole import replacing

Name = tuple[int, int, int]
"""What tells rows apart: key of the architecture, index of the fidelity, seed."""


@dataclass(frozen=True, eq=False)
class Rows:
    """n finished evaluations, each of one architecture at one fidelity with one seed.

    Attributes
    ----------
    keys : (n,) uint64
        Of the architectures; what has one key is trained once.
    archs : (n, L) unsigned integers
    fidelities : (n,) int64
        Indices of fidelities.
    seeds : (n,) int64
        Of the training.
    values : (n, m) float64
        Columns, in their published units; NaN where the training failed.
    held_out : (n, h) float64
        Columns that no strategy may be told.
    reasons : tuple of n str
        Why a training failed; "" where it did not.
    real_seconds : (n,) float64
        What it took on the machine that did it.
    """

    keys: UInt64Array
    archs: Archs
    fidelities: IntArray
    seeds: IntArray
    values: FloatArray
    held_out: FloatArray
    reasons: tuple[str, ...]
    real_seconds: FloatArray

    def __post_init__(self) -> None:
        n = len(self.keys)
        for name, dtype in (("keys", np.uint64), ("fidelities", np.int64), ("seeds", np.int64)):
            object.__setattr__(self, name, _integers(name, getattr(self, name), dtype))
        for name, axes in (("values", 2), ("held_out", 2), ("real_seconds", 1)):
            array = np.asarray(getattr(self, name), dtype=np.float64)
            if array.ndim != axes or len(array) != n:
                raise HarnessError(must(name, f"have {n} rows and {axes} axes", f"shape {array.shape}"))
            object.__setattr__(self, name, array)
        archs = np.asarray(self.archs)
        if archs.ndim != 2 or len(archs) != n or archs.dtype.kind != "u":
            rule = f"be unsigned integers in {n} rows"
            raise HarnessError(must("archs", rule, f"{archs.dtype} of shape {archs.shape}"))
        object.__setattr__(self, "archs", archs)
        for name in ("fidelities", "seeds", "reasons"):
            if len(getattr(self, name)) != n:
                raise HarnessError(must(name, f"have {n} rows", len(getattr(self, name))))
        object.__setattr__(self, "reasons", tuple(map(str, self.reasons)))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def names(self) -> list[Name]:
        """What tells each row apart."""
        return names_of(self.keys, self.fidelities, self.seeds)

    def take(self, places: Sequence[int] | IntArray) -> Rows:
        """Return some of the rows, in the order of their places."""
        chosen = np.asarray(places, dtype=np.int64)
        return Rows(
            self.keys[chosen],
            self.archs[chosen],
            self.fidelities[chosen],
            self.seeds[chosen],
            self.values[chosen],
            self.held_out[chosen],
            tuple(self.reasons[place] for place in chosen.tolist()),
            self.real_seconds[chosen],
        )


def _integers(name: str, given: npt.ArrayLike, dtype: type[np.integer[Any]]) -> npt.NDArray[Any]:
    array = np.asarray(given)
    if array.ndim != 1 or (array.dtype.kind not in "ui" and array.size):
        raise HarnessError(must(name, "be one axis of integers", f"{array.dtype} of shape {array.shape}"))
    return array.astype(dtype)


def names_of(keys: UInt64Array, fidelities: IntArray, seeds: IntArray) -> list[Name]:
    """Return what tells rows apart, n of them."""
    return list(zip(keys.tolist(), fidelities.tolist(), seeds.tolist(), strict=True))


def joined(parts: Iterable[Rows]) -> Rows:
    """Return the rows of all parts, at least one, in order; of equal ones the first alone."""
    given = list(parts)
    whole = Rows(
        np.concatenate([part.keys for part in given]),
        np.concatenate([part.archs for part in given]),
        np.concatenate([part.fidelities for part in given]),
        np.concatenate([part.seeds for part in given]),
        np.concatenate([part.values for part in given]),
        np.concatenate([part.held_out for part in given]),
        tuple(text for part in given for text in part.reasons),
        np.concatenate([part.real_seconds for part in given]),
    )
    first: dict[Name, int] = {}
    for place, name in enumerate(whole.names):
        first.setdefault(name, place)
    return whole if len(first) == len(whole) else whole.take(list(first.values()))


def write(path: Path, held_path: Path, rows: Rows) -> None:
    """Write rows as one file, whole or not at all; what is held out as another, before it."""
    texts = sorted({"", *rows.reasons})
    if rows.held_out.shape[1]:
        with replacing(held_path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, held_out=rows.held_out)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            keys=rows.keys,
            archs=rows.archs,
            fidelities=rows.fidelities,
            seeds=rows.seeds,
            values=rows.values,
            reasons=np.array(texts),
            reason=np.array([texts.index(text) for text in rows.reasons], dtype=np.int64),
            real_seconds=rows.real_seconds,
        )


def read(path: Path, held_path: Path | None, held_columns: int) -> Rows:
    """Read rows that were written; without a path of what is held out, that is NaN.

    Raises
    ------
    TableError
        If a file is damaged.
    FileNotFoundError
        If that of the rows is not there.
    """
    at = path
    try:
        arrays = read_npz(path)
        held_out = np.full((len(arrays["keys"]), held_columns), np.nan)
        if held_path is not None and held_columns:
            at = held_path
            held_out = read_npz(held_path)["held_out"]
        texts, which = arrays["reasons"].tolist(), arrays["reason"].tolist()
        if min(which, default=0) < 0:
            raise IndexError("a reason before the first")
        return Rows(
            arrays["keys"],
            arrays["archs"],
            arrays["fidelities"],
            arrays["seeds"],
            arrays["values"],
            held_out,
            tuple(texts[place] for place in which),
            arrays["real_seconds"],
        )
    except (OSError, KeyError, IndexError, TypeError, ValueError) as error:  # also what is raised in words
        if isinstance(error, FileNotFoundError) and at == path:
            raise
        raise TableError(
            f"{at} is damaged: {reason(error)}; remove {path}, and what it held is trained again when it is asked for"
        ) from error
