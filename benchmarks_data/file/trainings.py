"""The trainings of a table: drawing one by a noise seed, always answering with one, or with their mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks_data.file.index import Rows
from benchmarks_data.file.layout import AnyArray, Header
from harness.checks import FloatArray, IntArray, UInt64Array, integer
from harness.errors import HarnessError, must
from harness.seeding import mix64

_ROW_STRIDE = np.uint64(0xD1342543DE82EF95)
_HALF = np.uint64(32)
Choice = Callable[[FloatArray, IntArray], FloatArray]
"""From a column (N, R, A), R > 1, and the schedule of each of the A, to the values that always answer, (N, A)."""


class Drawing:
    """Draws one of the trainings present: hash(noise seed, row, length of the schedule).

    It is the same training for every column and every epoch of a schedule, whatever the order or the batch.  Schedules
    were trained apart, so their trainings are drawn apart.

    Parameters
    ----------
    header : Header
    offered : sequence of int
        Indices of the table's fidelities that questions name by their position.
    """

    def __init__(self, header: Header, offered: Sequence[int]) -> None:
        self._counts = header.array("index/runs").astype(np.uint64).reshape(-1)
        meaning = header.meaning
        self._schedules = len(meaning.schedules)
        lengths = mix64([meaning.fidelities[fidelity].schedule for fidelity in offered])
        places = np.array([meaning.schedule_of[fidelity] for fidelity in offered], dtype=np.intp)
        # where one schedule is offered, the same for every fidelity
        self._single = len(set(places.tolist())) == 1
        self._lengths: UInt64Array = lengths[:1] if self._single else lengths
        self._places: npt.NDArray[np.intp] = places[:1] if self._single else places

    def draw(self, rows: Rows, seeds: UInt64Array, fidelity: IntArray) -> Rows:
        """Return the training that answers, its position along R: (n,) each to (n,)."""
        counters = rows.astype(np.uint64)
        counters *= _ROW_STRIDE
        counters += seeds
        counters += self._lengths if self._single else self._lengths.take(fidelity)
        draws = mix64(counters)
        draws >>= _HALF
        if self._schedules > 1:
            rows = rows * self._schedules + (self._places if self._single else self._places.take(fidelity))
        draws *= self._counts.take(rows)
        draws >>= _HALF
        return draws.view(np.int64)


def mean_over_trainings(values: FloatArray) -> FloatArray:
    """Return the mean over the trainings that exist, NaN where none does: (N, R, A) to (N, A)."""
    present = ~np.isnan(values)
    counts = present.sum(axis=1)
    totals = np.where(present, values, 0.0).sum(axis=1)
    means: FloatArray = np.divide(totals, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return means


def counted(values: AnyArray) -> dict[str, int]:
    """Return how often each value occurs, rising."""
    distinct, counts = np.unique(values, return_counts=True)
    return dict(zip(map(str, distinct.tolist()), counts.tolist(), strict=True))


def mean_training(values: FloatArray, schedules: IntArray) -> FloatArray:
    """Answer with the mean over the trainings that exist; see `Choice`."""
    return mean_over_trainings(values)


def fixed_training(header: Header, offered: Sequence[int], training: int) -> Choice:
    """Answer always with the training at a position; every row must have it in every schedule offered.

    Raises
    ------
    HarnessError
        If a row lacks it; counts them.
    """
    counts = _of_schedules(header.array("index/runs"), header, offered)
    fewest, most = int(counts.min()), int(counts.max())
    if training >= fewest and fewest < most:
        short = int(np.count_nonzero((counts <= training).any(axis=1)))
        rule = f"be at most {fewest - 1} in {header.meaning.name}: {short} rows have no further run"
        raise HarnessError(must("training", rule, training))
    chosen = integer("training", training, low=0, high=fewest - 1)
    return lambda values, schedules: values[:, chosen]


def fixed_seed(header: Header, offered: Sequence[int], seed: int) -> Choice:
    """Answer always with the training of a seed; every row must have it in every schedule offered.

    Raises
    ------
    HarnessError
        If the trainings are not labelled, or a row lacks the seed; counts them.
    """
    name = header.meaning.name
    integer("seed", seed, low=0)
    if "index/seeds" not in header.places:
        raise HarnessError(
            f'the runs of {name} are not labelled by seed; use `training` (in a spec `table_seed = "fixed"`, the first '
            "run), or let a run be drawn"
        )
    seeds = header.array("index/seeds")
    made = (seeds == seed).any(axis=2)
    has = _of_schedules(made, header, offered)
    lacking = int(np.count_nonzero(~has.all(axis=1)))
    if lacking:
        known = sorted(set(np.unique(seeds).tolist()) - {-1})
        raise HarnessError(
            must("seed", f"be one that every row of {name} has in every schedule that answers", seed)
            + f": {lacking} of {len(seeds)} rows lack it (seeds in the table: {known}); leave it out, and one of the "
            "runs present is drawn, or use `training`"
        )
    position = (seeds == seed).argmax(axis=2)

    def choose(values: FloatArray, schedules: IntArray) -> FloatArray:
        trainings = position[:, schedules]
        chosen = values[np.arange(len(values))[:, None], trainings, np.arange(values.shape[2])]
        return np.where(made[:, schedules], chosen, np.nan)

    return choose


def trained_with(header: Header, offered: Sequence[int], seed: int) -> tuple[int, ...]:
    """Return the fidelities offered without those of schedules in which no row was trained with a seed.

    A schedule in which some rows lack it stays, and `fixed_seed` counts them; all stay where no schedule has it.
    """
    if "index/seeds" not in header.places:
        return tuple(offered)
    known = (header.array("index/seeds") == seed).any(axis=(0, 2))
    return tuple(place for place in offered if known[header.meaning.schedule_of[place]]) or tuple(offered)


def _of_schedules(by_schedule: AnyArray, header: Header, offered: Sequence[int]) -> AnyArray:
    """Keep the schedules of the fidelities offered: (N, S) to (N, S')."""
    return by_schedule[:, sorted({header.meaning.schedule_of[fidelity] for fidelity in offered})]
