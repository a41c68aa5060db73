"""The growing table of one task: a folder of finished trainings, for several processes at a time, kill or no kill.

Rows come in batches.  A batch is a file with a number, written whole or not at all under the lock of the folder, by
whoever made the rows; many files are put into one from time to time.  What is held out lies in files of its own.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.grown import claims
from benchmarks_data.grown.rows import Name, Rows, joined, names_of, read, write
from harness.checks import BoolArray, FloatArray, IntArray, UInt64Array
from harness.digests import sha256_of
from harness.errors import HarnessError, TableError, must, shown
from harness.files.reading import read_json
from harness.files.whole import locked, remove_unfinished, replacing

MOST_FILES = 64
"""Batches that lie side by side before they are put into one file."""
_BATCH = re.compile(r"rows-(\d{9})-(\d{9})\.npz")


class Grown:
    """Finished trainings of one task, which grow while they are used.

    Parameters
    ----------
    folder : Path
        Of this table alone; made where it is not there.
    identity : mapping
        Plain JSON data on which the numbers depend: task, recipe, dataset, space, level, class of device.
    columns : sequence of str
        m of them, which may be told.
    held_out : sequence of str
        h of them, which may not.

    Raises
    ------
    TableError
        If the folder holds trainings of another task, or a file in it is damaged.

    Examples
    --------
    >>> import tempfile
    >>> grown = Grown(Path(tempfile.mkdtemp()), {"task": "toy"}, ["accuracy"])
    >>> def make(places):  # of the rows that nobody has made
    ...     n = len(places)
    ...     values = np.full((n, 1), 90.0)
    ...     return Rows(keys[places], archs[places], zeros[places], seeds[places], values, np.empty((n, 0)),
    ...                 ("",) * n, np.zeros(n))
    >>> keys, seeds, zeros = np.array([7, 8, 7], dtype=np.uint64), np.array([0, 0, 0]), np.array([0, 0, 0])
    >>> archs = np.array([[7], [8], [7]], dtype=np.uint8)
    >>> grown.fetch(keys, zeros, seeds, make)
    2
    >>> found, values, reasons = grown.get(keys, zeros, seeds)
    >>> found.tolist(), values[:, 0].tolist(), len(grown)
    ([True, True, True], [90.0, 90.0, 90.0], 2)
    """

    def __init__(
        self, folder: Path, identity: Mapping[str, Any], columns: Sequence[str], held_out: Sequence[str] = ()
    ) -> None:
        self.folder, self.columns, self.held_out = Path(folder), tuple(columns), tuple(held_out)
        self._claims = self.folder / "claims"
        self._parts: list[Rows] = []
        self._place: dict[Name, tuple[int, int]] = {}
        self._last = 0
        self._thread = threading.RLock()
        self._check_identity(identity)
        self.refresh()

    def _check_identity(self, identity: Mapping[str, Any]) -> None:
        wanted = {"identity": dict(identity), "columns": list(self.columns), "held_out": list(self.held_out)}
        wanted = json.loads(json.dumps(wanted))
        path = self.folder / "identity.json"
        with self._locked():
            if not path.exists():
                with replacing(path) as temporary:
                    temporary.write_text(json.dumps(wanted, indent=1, sort_keys=True))
                return
            there = read_json(path, TableError, remedy=f"remove {self.folder}, and what it held is trained again")
        if sha256_of(wanted) != sha256_of(there):
            known = there if isinstance(there, dict) else {}
            differing = [f"{key} {shown(known.get(key))}" for key, value in wanted.items() if known.get(key) != value]
            raise TableError(
                f"the growing table in '{self.folder}' is of another task: it was made with {', '.join(differing)};"
                " give another folder, or remove this one"
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the folder, for moments only."""
        with self._thread, locked(self.folder / ".lock"):
            yield

    def __len__(self) -> int:
        return len(self._place)

    def refresh(self) -> None:
        """Read what others have put since."""
        with self._thread:
            try:
                complete = self._read_new(gaps=False)
            except FileNotFoundError:  # put into one file meanwhile
                complete = False
            if not complete:
                with locked(self.folder / ".lock"):
                    self._read_new(gaps=True)

    def _read_new(self, *, gaps: bool) -> bool:
        """Read batches after the last; without `gaps`, stop and return False where one between is not seen."""
        for first, last in _whole_batches(self.folder):
            if last <= self._last:
                continue
            if first > self._last + 1 and not gaps:
                return False
            self._add(self._read(first, last))
            self._last = last
        return True

    def _read(self, first: int, last: int, *, held_out: bool = False) -> Rows:
        """Return the rows of a file, refused where they are not of the columns of this table."""
        path, held = self._path("rows", first, last), self._path("held", first, last)
        rows = read(path, held if held_out else None, len(self.held_out))
        for what, there, wanted in (
            ("columns", rows.values.shape[1], len(self.columns)),
            ("columns that are held out", rows.held_out.shape[1], len(self.held_out)),
            ("genes", rows.archs.shape[1], (self._parts[0] if self._parts else rows).archs.shape[1]),
        ):
            if there != wanted:
                raise TableError(f"{path} is damaged: {must(what, f'be {wanted}', there)}; remove it, and what it held"
                                 " is trained again when it is asked for")  # fmt: skip
        return rows

    def _add(self, rows: Rows) -> None:
        fresh = [name not in self._place for name in rows.names]
        rows = rows if all(fresh) else rows.take(np.flatnonzero(fresh))
        self._place |= {name: (len(self._parts), place) for place, name in enumerate(rows.names)}
        self._parts.append(rows)

    def get(
        self, keys: UInt64Array, fidelities: IntArray, seeds: IntArray
    ) -> tuple[BoolArray, FloatArray, tuple[str, ...]]:
        """Return what is there of rows.

        Parameters
        ----------
        keys : (n,) uint64
        fidelities, seeds : (n,) int64

        Returns
        -------
        found : (n,) bool
        values : (n, m) float64
            NaN where nothing is there, or the training failed.
        reasons : tuple of n str
            Why it failed.
        """
        names = names_of(keys, fidelities, seeds)
        with self._thread:
            if any(name not in self._place for name in names):
                self.refresh()
            found = np.zeros(len(names), dtype=bool)
            values = np.full((len(names), len(self.columns)), np.nan)
            reasons = [""] * len(names)
            for row, name in enumerate(names):
                if (at := self._place.get(name)) is not None:
                    part, place = self._parts[at[0]], at[1]
                    found[row], values[row], reasons[row] = True, part.values[place], part.reasons[place]
            return found, values, tuple(reasons)

    def put(self, rows: Rows) -> int:
        """Keep finished rows, as one batch; return how many were new: what is there stays as it is.

        Raises
        ------
        HarnessError
            If they do not have the columns of this table.
        """
        for name, there, expected in (
            ("values", rows.values.shape[1], len(self.columns)),
            ("held_out", rows.held_out.shape[1], len(self.held_out)),
        ):
            if there != expected:
                raise HarnessError(must(name, f"have {expected} columns", there))
        with self._locked():
            self._read_new(gaps=True)
            fresh = {name: place for place, name in reversed(list(enumerate(rows.names))) if name not in self._place}
            if not fresh:
                return 0
            rows = rows.take(sorted(fresh.values()))
            number = self._last + 1
            write(self._path("rows", number, number), self._path("held", number, number), rows)
            self._add(rows)
            self._last = number
            if len(_whole_batches(self.folder)) > MOST_FILES:
                self._compact()
            return len(rows)

    def _path(self, what: str, first: int, last: int) -> Path:
        return self.folder / f"{what}-{first:09d}-{last:09d}.npz"

    def _compact(self) -> None:
        """Put all batches into one file; a stop in between leaves both, of which the longer counts."""
        batches = _whole_batches(self.folder)
        first, last = batches[0][0], batches[-1][1]
        write(self._path("rows", first, last), self._path("held", first, last), self._read_whole(held_out=True))
        kept = {self._path(what, first, last) for what in ("rows", "held")}
        for what in ("rows", "held"):
            for path in self.folder.glob(f"{what}-*.npz"):
                if path not in kept:
                    path.unlink(missing_ok=True)
        remove_unfinished(self.folder)

    def _read_whole(self, *, held_out: bool) -> Rows:
        return joined(self._read(first, last, held_out=held_out) for first, last in _whole_batches(self.folder))

    def rows(self, *, held_out: bool = False) -> Rows | None:
        """Return all that is there, in the order in which it came, None of an empty table.

        Parameters
        ----------
        held_out : bool
            With what no strategy may be told, which is NaN else; for reports alone.
        """
        with self._locked():
            return self._read_whole(held_out=held_out) if _whole_batches(self.folder) else None

    @contextmanager
    def claim(
        self, keys: UInt64Array, fidelities: IntArray, seeds: IntArray, *, most: int | None = None
    ) -> Iterator[BoolArray]:
        """Claim rows that are not there and that nobody is making, for as long as the context lasts.

        Whoever claims them makes them and calls `put` inside.

        Parameters
        ----------
        keys, fidelities, seeds : (n,)
        most : int, optional
            Claim at most so many.

        Yields
        ------
        (n,) bool
            Which rows are this process' to make; of equal ones the first.
        """
        names = names_of(keys, fidelities, seeds)
        mine = np.zeros(len(names), dtype=bool)
        with self._locked():
            self._read_new(gaps=True)
            others = claims.held(self._claims)
            chosen: set[Name] = set()
            for row, name in enumerate(names):
                if most is not None and len(chosen) == most:
                    break
                mine[row] = name not in self._place and name not in others and name not in chosen
                if mine[row]:
                    chosen.add(name)
            taken = claims.Claim(self._claims, sorted(chosen)) if chosen else None
        try:
            yield mine
        finally:
            if taken is not None:
                taken.release()

    def fetch(
        self,
        keys: UInt64Array,
        fidelities: IntArray,
        seeds: IntArray,
        make: Callable[[IntArray], Rows],
        *,
        at_once: int | None = None,
    ) -> int:
        """See to it that rows are there: make what nobody has made, wait for what others are making.

        Parameters
        ----------
        keys, fidelities, seeds : (n,)
        make : callable
            From the places of rows, (k,), to these rows finished; others may come with them.
        at_once : int, optional
            Rows that are made before they are kept; what is in work is lost when the process is killed.

        Returns
        -------
        int
            How many rows were made here.

        Raises
        ------
        HarnessError
            If `make` leaves one out.
        """
        made = 0
        names = names_of(keys, fidelities, seeds)
        with self._thread:
            there = all(name in self._place for name in names)
        while not there:
            with self.claim(keys, fidelities, seeds, most=at_once) as mine:
                places = np.flatnonzero(mine)
                if len(places):
                    rows = make(places)
                    if missing := {names[place] for place in places} - set(rows.names):
                        rule = f"be made as they are asked for; {len(missing)} of {len(places)} were not"
                        raise HarnessError(must("rows", rule, sorted(missing)[:3]))
                    self.put(rows)
                    made += len(places)
            found, _, _ = self.get(keys, fidelities, seeds)
            there = bool(found.all())
            if not there and not len(places):
                self._wait({name for name, has in zip(names, found, strict=True) if not has})
        return made

    def _wait(self, names: set[Name]) -> None:
        """Wait until someone who is making one of these rows is done, or is no more."""
        with self._locked():
            paths = {path for name, path in claims.held(self._claims).items() if name in names}
        with suppress(StopIteration):
            claims.wait(next(iter(sorted(paths))))


def _whole_batches(folder: Path) -> list[tuple[int, int]]:
    """Return the first and last number of each batch, in order, without those that lie in a longer one."""
    matches = filter(None, map(_BATCH.fullmatch, os.listdir(folder)))
    found = [(int(match[1]), int(match[2])) for match in matches]
    found.sort(key=lambda item: (item[0], -item[1]))
    kept: list[tuple[int, int]] = []
    for item in found:
        if not kept or item[1] > kept[-1][1]:
            kept.append(item)
    return kept
