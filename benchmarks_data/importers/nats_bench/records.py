"""The official records of NATS-Bench and NAS-Bench-201, one for each architecture, and how they become columns.

A record is ``{schedule: {"arch_index", "arch_str", "dataset_seed", "all_results": {(dataset, seed): result}}}``; a
result holds a dictionary from epoch to value for each curve, and one from ``"<set>@<epoch>"`` for each evaluation.
Epochs count from 0 there, from 1 here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks_data.file.problem import epochs_of
from benchmarks_data.importers.parts import score
from harness.benchmark import Column
from harness.errors import TableError, must
from harness.problem import Fidelity

Record = Mapping[str, Any]
Array = npt.NDArray[np.float64]
SETS = ("x-valid", "x-test", "ori-test")


@dataclass(frozen=True)
class Schedule:
    """One training schedule of a benchmark.

    Attributes
    ----------
    key : str
        Of the record, for example ``"01"``.
    epochs : int
    trainings : int
        Most trainings that an architecture can have.
    last_only : frozenset of (str, str)
        Which (dataset, set) were evaluated after the last epoch only; all others after each.
    """

    key: str
    epochs: int
    trainings: int
    last_only: frozenset[tuple[str, str]] = frozenset()


_LAST = frozenset(
    {("cifar10-valid", "ori-test")}
    | {(dataset, part) for dataset in ("cifar100", "ImageNet16-120") for part in ("x-valid", "x-test")}
)
TOPOLOGY = (Schedule("12", 12, 3), Schedule("200", 200, 3, _LAST))
SIZE = (Schedule("01", 1, 1), Schedule("12", 12, 3), Schedule("90", 90, 1))


@dataclass(frozen=True)
class Part:
    """Where a column comes from: one curve or evaluation of one dataset.

    Attributes
    ----------
    column : Column
        Its `at` is not set yet.
    dataset : str
        Official name of the training, for example ``"cifar10-valid"``.
    source : str
        Field of a result, for example ``"eval_acc1es"``.
    evaluated_on : str
        One of `SETS`; "" for curves of training.
    """

    column: Column
    dataset: str
    source: str
    evaluated_on: str = ""

    def epochs(self, schedule: Schedule) -> range:
        """Return the epochs, from 0, after which this was measured."""
        last = (self.dataset, self.evaluated_on) in schedule.last_only
        return range(schedule.epochs - 1 if last else 0, schedule.epochs)

    def keys(self, schedule: Schedule) -> list[Any]:
        """Return the keys of those epochs in a result."""
        epochs = self.epochs(schedule)
        return [f"{self.evaluated_on}@{epoch}" for epoch in epochs] if self.evaluated_on else list(epochs)


def parts(official: str) -> tuple[Part, ...]:
    """Return the curves of the table of one dataset: ``"cifar10"``, ``"cifar100"`` or ``"ImageNet16-120"``."""
    model = "cifar10-valid" if official == "cifar10" else official
    saw = "train25k" if official == "cifar10" else "full"
    mine = f"{official}: after each epoch, by run."
    listed = [
        *_pair("train", model, "", "train", saw, f"On the training images of {mine}"),
        *_pair("valid", model, "x-valid", "x-valid", saw, f"On the validation images of {mine}"),
    ]
    if official != "cifar10":
        halves = "half of the original test set that is not the validation half"
        whole = "whole original test set, whose one half is the validation set"
        return (
            *listed,
            *_pair("test", model, "x-test", "x-test", saw, f"On the {halves}; {mine}"),
            *_pair("valid_test", model, "ori-test", "valid+test", saw, f"On the {whole}; {mine}"),
        )
    other = "On the test set, of other models: those trained on all 50,000 images, as the official API reports."
    same = "On the test set, of the very models whose validation is told, trained on 25,000 images."
    return (
        *listed,
        *_pair("test", "cifar10", "ori-test", "ori-test", "train50k", other),
        *_pair("test", model, "ori-test", "ori-test", saw, same, suffix="_25k"),
    )


def _pair(
    name: str, dataset: str, part: str, split: str, saw: str, text: str, *, suffix: str = ""
) -> tuple[Part, Part]:
    """Return accuracy and loss of one evaluation."""
    prefix = "eval" if part else "train"
    accuracy = score(f"{name}_accuracy{suffix}", split, saw, text)
    loss = score(f"{name}_loss{suffix}", split, saw, text, unit="nats", direction="minimise", best=0.0)
    return Part(accuracy, dataset, f"{prefix}_acc1es", part), Part(loss, dataset, f"{prefix}_losses", part)


def fidelities(schedules: Sequence[Schedule]) -> tuple[Fidelity, ...]:
    """Return every epoch of every schedule; only the epoch before in the same schedule may be continued."""
    listed: list[Fidelity] = []
    for schedule in schedules:
        listed += epochs_of(schedule.epochs, first=len(listed))
    return tuple(listed)


class Gathered:
    """The columns of one table while records come in.

    Arrays lie in unnamed temporary files, so that memory stays bounded by what the system keeps of them.

    Parameters
    ----------
    official : str
        Dataset of the table.
    schedules : sequence of Schedule
    rows : int
    """

    def __init__(self, official: str, schedules: Sequence[Schedule], rows: int) -> None:
        self.official = official
        self.model = "cifar10-valid" if official == "cifar10" else official
        self.schedules = tuple(schedules)
        self.parts = parts(official)
        self.most = max(schedule.trainings for schedule in schedules)
        widths = [sum(len(part.epochs(schedule)) for schedule in schedules) for part in self.parts]
        self.curves = [mapped((rows, self.most, width)) for width in widths]
        self.seconds = mapped((rows, self.most, sum(schedule.epochs for schedule in schedules)))
        self.costs = {name: np.full((rows, self.most, 1), np.nan) for name in ("params", "flop", "latency")}
        self.pass_seconds = np.full((rows, self.most, 1), np.nan)
        self.seeds = np.full((rows, len(schedules), self.most), -1, dtype=np.int32)
        self.absent = np.zeros(len(self.parts), dtype=np.int64)
        self.left_out = 0

    @cached_property
    def _plan(self) -> list[tuple[Schedule, int, list[tuple[int, Part, slice, list[Any]]]]]:
        """For each schedule: where its epochs begin, and for each part its place in its array and its keys."""
        plan, begins, used = [], 0, [0] * len(self.parts)
        for schedule in self.schedules:
            placed = []
            for number, part in enumerate(self.parts):
                keys = part.keys(schedule)
                placed.append((number, part, slice(used[number], used[number] + len(keys)), keys))
                used[number] += len(keys)
            plan.append((schedule, begins, placed))
            begins += schedule.epochs
        return plan

    def add(self, row: int, record: Record) -> None:
        """Take what a record holds for this table.

        Raises
        ------
        TableError
            If the record has another layout.
        """
        for number, (schedule, begins, placed) in enumerate(self._plan):
            if schedule.key not in record:
                continue
            results = record[schedule.key]["all_results"]
            seeds = sorted(seed for dataset, seed in results if dataset == self.model)
            if len(seeds) > schedule.trainings:
                raise TableError(must(f"runs of schedule {schedule.key}", f"be at most {schedule.trainings}", seeds))
            self.seeds[row, number, : len(seeds)] = seeds
            for training, seed in enumerate(seeds):
                result = results[self.model, seed]
                _check_result(result, seed, schedule)
                self._add_costs(row, training, result, schedule, begins)
            for index, part, place, keys in placed:
                self._add_curve(row, results, seeds, (index, part, place, keys))

    def _add_curve(
        self, row: int, results: Mapping[Any, Any], seeds: list[int], placed: tuple[int, Part, slice, list[Any]]
    ) -> None:
        index, part, place, keys = placed
        for training, seed in enumerate(seeds):
            result = results.get((part.dataset, seed))
            if result is None:
                continue
            values = result[part.source]
            try:
                self.curves[index][row, training, place] = list(map(values.__getitem__, keys))
            except KeyError:
                known = [values.get(key, np.nan) for key in keys]
                self.curves[index][row, training, place] = known
                self.absent[index] += sum(key not in values for key in keys)
        if part.dataset != self.model:
            self.left_out += sum(dataset == part.dataset and seed not in seeds for dataset, seed in results)

    def _add_costs(self, row: int, training: int, result: Mapping[str, Any], schedule: Schedule, begins: int) -> None:
        times = result["train_times"]
        if times is not None:
            spent = list(accumulate(times.get(epoch, np.nan) for epoch in range(schedule.epochs)))
            self.seconds[row, training, begins : begins + schedule.epochs] = spent
        if schedule is not self.schedules[-1]:
            return
        self.costs["params"][row, training] = result["params"]
        self.costs["flop"][row, training] = result["flop"]
        latency = result["latency"]
        self.costs["latency"][row, training] = sum(latency) / len(latency) if latency else np.nan
        passed = result["eval_times"].get(f"x-valid@{schedule.epochs - 1}", np.nan)
        self.pass_seconds[row, training] = np.nan if passed is None else passed

    def at(self, part: Part) -> tuple[int, ...]:
        """Return the fidelities at which a part was measured; empty for all."""
        measured, begins = [], 0
        for schedule in self.schedules:
            measured += [begins + epoch for epoch in part.epochs(schedule)]
            begins += schedule.epochs
        return () if len(measured) == begins else tuple(measured)


def _check_result(result: Mapping[str, Any], seed: int, schedule: Schedule) -> None:
    """Check that a result is the training that it is filed as."""
    if int(result["seed"]) != seed or result["epochs"] != schedule.epochs:
        filed = f"seed {seed} of the schedule of {schedule.epochs} epochs"
        raise TableError(f"the run filed as {filed} says seed {result['seed']!r}, {result['epochs']} epochs")
    for evaluated in result["eval_names"]:
        if evaluated not in SETS:
            raise TableError(must("evaluated set", f"be one of {', '.join(SETS)}", evaluated))


def mapped(shape: tuple[int, ...]) -> Array:
    """Return an array of NaN in a temporary file that vanishes with it."""
    with tempfile.TemporaryFile() as file:
        array = np.memmap(file, dtype=np.float64, mode="w+", shape=shape)
    array[...] = np.nan
    return array.view(np.ndarray)
