"""The packing of result columns: what a table answered is stored once, and a trace says which answer each row is.

Runs of one benchmark are told the same answers again and again, and the clock of one worker follows from the seconds of
its trainings.  What is packed is unpacked to the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import FloatArray, IntArray
from harness.experiments.kind import Output
from harness.experiments.shards import Search

Arrays = Mapping[str, npt.NDArray[Any]]
ANSWER = tuple(f"trace/{name}" for name in ("archs", "fidelity", "objectives", "constraints", "seconds"))
"""Columns that are stored once for each distinct row of all of them together."""
CLOCK = ("trace/started_seconds", "trace/finished_seconds")
"""Columns that are left out where `clock` gives them."""
_TRACE = tuple(name for name in Search.columns if name.startswith("trace/") and name not in (*ANSWER, *CLOCK))


def clock(seconds: FloatArray, offsets: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return when trainings began and ended where one worker made them one after the other: two (T,) float64.

    Parameters
    ----------
    seconds : (T,) float64
        Of the trainings of R runs, end to end.
    offsets : (R + 1,) int64
        Where each run begins, and the end.

    >>> clock(np.array([2.0, 3.0, 5.0]), np.array([0, 2, 3]))
    (array([0., 2., 0.]), array([2., 5., 5.]))
    """
    started, finished = np.empty_like(seconds), np.empty_like(seconds)
    for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        ends = np.cumsum(seconds[start:stop])
        finished[start:stop] = ends
        started[start:stop] = np.concatenate([[0.0], ends])[: stop - start]
    started[np.isnan(finished)] = np.nan
    return started, finished


def pack(outputs: Sequence[Output]) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of results of one benchmark as few and small arrays, by name.

    Parameters
    ----------
    outputs : sequence of Output
        Of searches (`harness.experiments.shards.Search`), read from their files; at least one.

    Returns
    -------
    dict of str to array
        ``runs`` (how many each result has), ``lengths`` (of runs), ``overhead_seconds``; ``answers/COLUMN`` and
        ``answer``, which of them each row was told; the other columns of traces as they are; what only some results
        have as ``PLACE/COLUMN``.
    """
    columns = [{name: np.asarray(column) for name, column in output.columns.items()} for output in outputs]

    def whole(name: str) -> npt.NDArray[Any]:
        return np.concatenate([one[name] for one in columns])

    lengths = np.concatenate([np.diff(one["offsets"]) for one in columns])
    packed = {
        "runs": np.array([len(one["overhead_seconds"]) for one in columns]),
        "lengths": lengths,
        "overhead_seconds": whole("overhead_seconds"),
        **{name: whole(name) for name in _TRACE},
    }
    told = [whole(name) for name in ANSWER]
    firsts, answer = _distinct(told)
    packed |= {f"answers/{name}": column[firsts] for name, column in zip(ANSWER, told, strict=True)}
    packed["answer"] = answer.astype(np.min_scalar_type(max(len(firsts) - 1, 0)))
    times = [whole(name) for name in CLOCK]
    expected = clock(told[-1], np.concatenate([[0], np.cumsum(lengths)]))
    if not all(_same(one, other) for one, other in zip(times, expected, strict=True)):
        packed |= dict(zip(CLOCK, times, strict=True))
    for place, one in enumerate(columns):
        packed |= {f"{place}/{name}": column for name, column in one.items() if name in Search.optional}
    return packed


def unpack(packed: Arrays) -> list[Output]:
    """Return what `pack` was given, without texts.

    Raises
    ------
    Exception
        Of nearly any kind, where arrays do not fit each other.
    """
    answer = packed["answer"]
    whole = {name: packed[f"answers/{name}"][answer] for name in ANSWER} | {name: packed[name] for name in _TRACE}
    offsets = np.concatenate([[0], np.cumsum(packed["lengths"])])
    times = [packed[name] for name in CLOCK] if CLOCK[0] in packed else clock(whole[ANSWER[-1]], offsets)
    whole |= dict(zip(CLOCK, times, strict=True))
    outputs, last = [], 0
    for place, runs in enumerate(packed["runs"].tolist()):
        bounds = offsets[last : last + runs + 1]
        columns = {name: column[bounds[0] : bounds[-1]] for name, column in whole.items()}
        columns |= {"offsets": bounds - bounds[0], "overhead_seconds": packed["overhead_seconds"][last : last + runs]}
        columns |= {name: packed[f"{place}/{name}"] for name in Search.optional if f"{place}/{name}" in packed}
        outputs.append(Output(columns))
        last += runs
    return outputs


def _distinct(columns: Sequence[npt.NDArray[Any]]) -> tuple[IntArray, IntArray]:
    """Return the first place of each distinct row of some columns, and which of these each row is; by their bytes."""
    widths = [math.prod(column.shape[1:]) * column.itemsize for column in columns]
    rows = np.empty((len(columns[0]), sum(widths)), dtype=np.uint8)
    for column, stop, width in zip(columns, np.cumsum(widths).tolist(), widths, strict=True):
        rows[:, stop - width : stop] = np.ascontiguousarray(column).view(np.uint8).reshape(len(column), width)
    keys = rows.view(np.dtype((np.void, rows.shape[1]))).ravel()
    _, firsts, which = np.unique(keys, return_index=True, return_inverse=True)
    return firsts, which.ravel()


def _same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return one.tobytes() == other.tobytes()
