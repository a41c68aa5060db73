"""The definition of a task: what its class says of itself, checked, and the numbers that a training may return."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from harness.benchmark import Column
from harness.checks import Archs, boolean, choice, integer, real
from harness.digests import identity
from harness.errors import HarnessError, must, shown, unknown
from harness.problem import DIRECTIONS, Fidelity
from harness.space import SearchSpace
from harness.spaces import named
from harness.task import Task

SPLITS = {"validation": "x-valid", "test": "x-test", "train": "train", "": ""}
"""What a column of a task is evaluated on, and how tables write it; those names are taken too."""
_MOST_SEEDS, _MOST_BATCH, _MOST_PROCESSES = 1000, 1000, 256
_LONGEST_SECONDS = 1e7


@dataclass(frozen=True)
class Definition:
    """What a class of tasks says of itself, checked.

    Attributes
    ----------
    name, title : str
    space : SearchSpace
    columns : dict of str to Column
        As tables have them: splits by their names there, those of tests held out.
    fidelities : tuple of Fidelity
    levels : tuple
        What `Task.train` is given at each of them; empty where it is given none.
    seeds, batch, processes : int
    timeout_seconds : float
    has_seconds : bool
    libraries : tuple of str
    """

    name: str
    title: str
    space: SearchSpace
    columns: dict[str, Column]
    fidelities: tuple[Fidelity, ...]
    levels: tuple[Any, ...]
    seeds: int
    batch: int
    processes: int
    timeout_seconds: float
    has_seconds: bool
    libraries: tuple[str, ...]

    @property
    def validation(self) -> str:
        """The column that is optimised by default: the first of validation, or else the first that can be told."""
        told = [name for name, column in self.columns.items() if not column.held_out]
        return next((name for name in told if self.columns[name].split == "x-valid"), told[0])

    @property
    def test(self) -> str | None:
        """The first column that is held out."""
        return next((name for name, column in self.columns.items() if column.held_out), None)

    @property
    def trainings(self) -> tuple[tuple[int, ...], ...]:
        """The fidelities of each training, by index, see `Fidelity.training`."""
        groups: dict[Any, list[int]] = {}
        for place, item in enumerate(self.fidelities):
            groups.setdefault(item.training, []).append(place)
        return tuple(map(tuple, groups.values()))

    def configurations(self, archs: Archs) -> list[Any]:
        """Return what `Task.train` is given: (n, L) to n mappings of named values, or texts."""
        named_values = getattr(self.space, "configurations", None)
        found: list[Any] = self.space.format(archs) if named_values is None else named_values(archs)
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return what reports need, as plain JSON data; `from_dict` reads it back."""
        definition = getattr(self.space, "definition", None)
        return {
            "name": self.name,
            "title": self.title,
            "space": self.space.name if definition is None else "",
            "definition": "" if definition is None else definition(),
            "columns": [asdict(column) for column in self.columns.values()],
            "fidelities": [identity(item) for item in self.fidelities],
            "seeds": self.seeds,
            "timeout_seconds": self.timeout_seconds,
            "has_seconds": self.has_seconds,
            "libraries": list(self.libraries),
        }


def from_dict(data: Mapping[str, Any]) -> Definition:
    """Read what `Definition.as_dict` wrote; how it is trained is not in it."""
    columns = [Column(**{**item, "at": tuple(item["at"])}) for item in data["columns"]]
    return Definition(
        name=str(data["name"]),
        title=str(data["title"]),
        space=named.space(data["space"]) if data["space"] else named.defined(data["definition"]),
        columns={column.name: column for column in columns},
        fidelities=tuple(Fidelity(**item) for item in data["fidelities"]),
        levels=(),
        seeds=int(data["seeds"]),
        batch=1,
        processes=1,
        timeout_seconds=float(data["timeout_seconds"]),
        has_seconds=bool(data["has_seconds"]),
        libraries=tuple(data["libraries"]),
    )


def definition_of(task: type[Task]) -> Definition:
    """Return what a class of tasks says of itself.

    Raises
    ------
    HarnessError
        If it leaves something out, or says what cannot be; names the class, the rule and the value.
    """
    name = task.__name__
    try:
        fidelities, levels = _fidelities(task)
        _check_parameters("train", task.train, ("config", "seed"), bool(levels))
        if task.train_many is not Task.train_many:
            _check_parameters("train_many", task.train_many, ("configs", "seeds"), bool(levels))
        has_seconds = task.seconds is not Task.seconds
        if has_seconds:
            if not isinstance(inspect.getattr_static(task, "seconds"), staticmethod):
                raise HarnessError("`seconds` must be a static method: put @staticmethod before it")
            _check_parameters("seconds", task.seconds, ("config",), bool(levels), bound="")
        return Definition(
            name=name,
            title=(_text("title", task.title) or (inspect.getdoc(task) if task.__doc__ else "") or name).partition(
                "\n"
            )[0],
            space=_space(task),
            columns=_columns(task, _space(task)),
            fidelities=fidelities,
            levels=levels,
            seeds=integer("seeds", task.seeds, low=1, high=_MOST_SEEDS),
            batch=integer("batch", task.batch, low=1, high=_MOST_BATCH),
            processes=integer("processes", task.processes, low=1, high=_MOST_PROCESSES),
            timeout_seconds=real(
                "timeout_seconds", task.timeout_seconds, low=0.0, high=_LONGEST_SECONDS, open_low=True
            ),
            has_seconds=has_seconds,
            libraries=_libraries(task),
        )
    except HarnessError as error:
        raise HarnessError(f"the task {name}: {error}") from None


def _space(task: type[Task]) -> SearchSpace:
    given = getattr(task, "space", None)
    space = named.space(given) if isinstance(given, str) else given
    if not isinstance(space, SearchSpace):
        rule = "be given: Genes(width=[16, 32, 64], activation=['relu', 'tanh']), or the name of a space"
        raise HarnessError(must("space", rule, given))
    return space


def _columns(task: type[Task], space: SearchSpace) -> dict[str, Column]:
    given = getattr(task, "columns", None)
    example = "Column('valid_accuracy', 'percent', 'maximise', 'validation')"
    if not isinstance(given, Sequence) or not given or not all(isinstance(item, Column) for item in given):
        raise HarnessError(must("columns", f"list at least one column: ({example},)", given))
    columns = {}
    counted = space.costs(np.zeros((0, space.genes), dtype=space.dtype))
    for column in given:
        if not column.name.isidentifier():
            raise HarnessError(must("name of a column", "be a word, as in Python", column.name))
        if column.name in columns:
            raise HarnessError(must("columns", "have different names", column.name))
        if column.name in counted:
            rule = f"be called otherwise: the space '{space.name}' counts this for its own networks"
            raise HarnessError(must("column", rule, column.name))
        choice(f"direction of {column.name}", column.direction, DIRECTIONS)
        split = SPLITS.get(column.split, column.split)
        if split not in SPLITS.values():
            raise HarnessError(unknown(f"split of {column.name}", column.split, filter(None, SPLITS)))
        columns[column.name] = replace(column, split=split, held_out=split == SPLITS["test"])
    if all(column.held_out for column in columns.values()):
        raise HarnessError(f"`columns` must have one that a search may be told, of validation: ({example},)")
    return columns


def _fidelities(task: type[Task]) -> tuple[tuple[Fidelity, ...], tuple[Any, ...]]:
    """Return the fidelities, and what `train` is given at each; nothing where it says none."""
    listed: Any = task.fidelities
    if not isinstance(listed, Sequence | np.ndarray | range) or isinstance(listed, str):
        raise HarnessError(must("fidelities", "list numbers that rise, (5, 15, 45)", listed))
    given = tuple(listed)
    if not given:
        return (Fidelity("full training", 1, 1),), ()
    named = tuple(item for item in given if isinstance(item, Fidelity))
    if len(named) == len(given):
        for place, item in enumerate(named):
            if item.continues is not None and not 0 <= item.continues < place:
                raise HarnessError(must("continues", "name an earlier fidelity, by its index", item.continues))
        return named, named
    counts, unit = [integer("fidelities", item, low=1) for item in given], _text("fidelity_unit", task.fidelity_unit)
    if any(low >= high for low, high in pairwise(counts)):
        raise HarnessError(must("fidelities", "rise, from cheap to full", list(given)))
    last = counts[-1]
    if boolean("continues", task.continues):
        rungs = [
            Fidelity(f"{count} of {last} {unit}", last, count, place - 1 if place else None)
            for place, count in enumerate(counts)
        ]
    else:
        rungs = [Fidelity(f"{count} {unit}", count, count) for count in counts]
    return tuple(rungs), tuple(counts)


def _text(name: str, given: object) -> str:
    if not isinstance(given, str):
        raise HarnessError(must(name, "be a text", given))
    return given


def _libraries(task: type[Task]) -> tuple[str, ...]:
    given: Any = task.libraries
    if not isinstance(given, Sequence) or isinstance(given, str) or not all(isinstance(item, str) for item in given):
        raise HarnessError(must("libraries", "list names of installed packages, ('scikit-learn',)", given))
    return tuple(given)


def _check_parameters(name: str, method: Any, wanted: tuple[str, ...], levels: bool, bound: str = "self") -> None:
    """Refuse a method that does not take exactly what it is given."""
    names = tuple(filter(None, (bound, *wanted, "fidelity" if levels else "")))
    signature = inspect.signature(method)
    try:
        signature.bind(*names)
    except TypeError:
        why = "" if levels else "; `fidelity` is given where there are `fidelities`"
        raise HarnessError(must(name, f"be written {name}({', '.join(names)}){why}", str(signature))) from None


def numbers_of(definition: Definition, returned: Any) -> tuple[list[float], str]:
    """Return what a training returned as a number for each column, and what is wrong with it.

    Returns
    -------
    list of float
        In the order of the columns; NaN where there is no finite number.
    str
        The reason for what is NaN; "" where nothing is.
    """
    columns = definition.columns
    missing = [math.nan] * len(columns)
    if not isinstance(returned, Mapping):
        return missing, f"it must return a number for each of {', '.join(columns)}, by its name, got {_said(returned)}"
    for name in returned:
        if name not in columns:
            return missing, unknown("column", name, columns)
    for name in columns:
        if name not in returned:
            return missing, f"the column '{name}' is missing in what it returned: {', '.join(map(str, returned))}"
    values, wrong = list[float](), list[str]()
    for name in columns:
        value = _number(returned[name])
        if value is None:
            wrong.append(f"'{name}' must be one number, got {_said(returned[name])}")
        elif not math.isfinite(value):
            wrong.append(f"'{name}' is {value}")
        values.append(value if value is not None and math.isfinite(value) else math.nan)
    return values, "; ".join(wrong)


def _number(value: Any) -> float | None:
    """Return a scalar of any library as a float; None for anything else."""
    if isinstance(value, str | bytes | complex) or value is None or np.ndim(value) != 0:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _said(value: Any) -> str:
    shape = tuple(getattr(value, "shape", ()))
    return f"an array of shape {shape}" if shape else shown(value)
