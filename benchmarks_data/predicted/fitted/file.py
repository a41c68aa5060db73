"""The file of a surrogate benchmark: one HDF5 of plain arrays and one JSON text, sealed, without pickles.

Layout of format 1::

    /json              (b,) uint8: JSON of ``facts`` (what the numbers mean) and ``about`` (for people)
    /model/...         the arrays of `benchmarks_data.predicted.fitted.model.Model`
    /evidence/...      those of `Fitted`

The digest of the benchmark covers ``facts`` and ``/model``: what answers depend on, and nothing else.  Before the HDF5
stands a block with the SHA-256 of all bytes after it (`harness.files.sealed`), compared before HDF5 sees them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from benchmarks_data import checked
from benchmarks_data.file.content import Content, head_of, opened_content
from benchmarks_data.predicted.fitted.model import Model, model_of
from harness import registry
from harness.benchmark import Column
from harness.errors import HarnessError, TableError, reason
from harness.files import sealed
from harness.files.reading import parse_json
from harness.files.whole import replacing
from harness.guard import refuse
from harness.problem import Fidelity, Objective
from harness.space import SearchSpace
from harness.spaces import named

_TITLE = "nas-harness sealed surrogate benchmark "
FORMAT = 1
"""Bump when the layout changes, or what its numbers mean."""
SEAL = f"{_TITLE}{FORMAT}"
_REMEDY = "put a sound copy in its place, or fit it again with `nas-harness table fit`"
_REMEMBERED = 8
_LARGEST_JSON = 2**22
_Made = TypeVar("_Made")


@dataclass(frozen=True, eq=False)
class Fitted:
    """A surrogate benchmark before it is a file.

    Attributes
    ----------
    model : Model
    facts : mapping
        What the numbers mean, plain data; see `benchmarks_data.predicted.fitted.file`.
    about : mapping
        For people: where it comes from.
    evidence : mapping of str to array
        The sample, and what was said of it by models that were not told of it: ``archs`` (n, L); ``observed``,
        ``first`` (n,) float64, the mean and the first training at the full fidelity; ``runs`` (n,) and ``squares``
        (n,), the trainings and the sum of their squared deviations; ``origin`` (n,); ``predicted`` and ``doubt``
        (n,), out of fold, NaN where a row is in none of the folds that were left out; ``elsewhere`` (n,), by a model
        that was told of no row of the same origin; ``seconds`` and ``seconds_predicted`` (n,), out of fold.
    """

    model: Model
    facts: Mapping[str, Any]
    about: Mapping[str, Any]
    evidence: Mapping[str, Any]


class _UnusableError(TableError):
    """A sound file that cannot be used here."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A surrogate benchmark as its file gives it.

    Attributes
    ----------
    path : Path
    digest : str
        SHA-256 of what answers, hexadecimal.
    model : Model
    column : Column
        Of the validation results.
    fidelities : tuple of Fidelity
    facts, about : mapping
    evidence : mapping of str to array
    """

    path: Path
    digest: str
    model: Model
    column: Column
    fidelities: tuple[Fidelity, ...]
    facts: Mapping[str, Any]
    about: Mapping[str, Any]
    evidence: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """The benchmark's own name."""
        return str(self.facts["name"])


def is_fitted(path: Path) -> bool:
    """Say whether a file begins like a surrogate benchmark of any format; what else is wrong is told on opening."""
    return head_of(path).startswith(_TITLE.encode())


def write(path: Path, fitted: Fitted) -> None:
    """Write a surrogate benchmark, whole or not at all."""
    text = json.dumps({"facts": fitted.facts, "about": fitted.about}, sort_keys=True).encode()
    arrays = {f"model/{name}": values for name, values in fitted.model.arrays().items()}
    arrays |= {f"evidence/{name}": values for name, values in fitted.evidence.items()}
    with replacing(path) as temporary:
        with h5py.File(temporary, "w", libver=("v110", "v110"), userblock_size=sealed.BLOCK) as file:
            file.create_dataset("json", data=np.frombuffer(text, dtype=np.uint8))
            for name, values in sorted(arrays.items()):
                file.create_dataset(name, data=np.asarray(values))
        sealed.seal(temporary, SEAL)


def read(path: Path, *, check_content: bool = False) -> Opened:
    """Open a surrogate benchmark: check all its bytes, then make its model.

    Parameters
    ----------
    path : Path
    check_content : bool
        Read it again, whatever is remembered.

    Raises
    ------
    TableError
        If it is missing, of another format, damaged, or says what cannot be.
    """
    refuse(str(path))
    known = None if check_content else checked.settled(path)
    return _read(path, _opened) if known is None else _remembered(path, known)


@lru_cache(maxsize=_REMEMBERED)
def _remembered(path: Path, status: tuple[int, ...]) -> Opened:
    """Read a file once while it has one status: the shards of an experiment open it one after the other."""
    return _read(path, _opened)


def read_facts(path: Path) -> tuple[Mapping[str, Any], Mapping[str, Any], int]:
    """Return what a surrogate benchmark and what it is fitted to say of themselves, and how many rows these are.

    All its bytes are checked; its model is not made, which imports the learner.

    Raises
    ------
    TableError
        As `read` does, but for what the model says.
    """

    def said(_: Path, content: Content, arrays: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any], int]:
        told = _told(content, arrays)
        return told["facts"], told["about"], len(arrays["evidence/archs"])

    refuse(str(path))
    return _read(path, said)


def _read(path: Path, made: Callable[[Path, Content, Mapping[str, Any]], _Made]) -> _Made:
    what = "the surrogate benchmark"
    number = re.match(rf"{_TITLE}(\d+)\n".encode(), head_of(path))
    if number and int(number[1]) != FORMAT:
        raise TableError(
            f"{what} {path} is of format {int(number[1])}, this program reads format {FORMAT}: use the version of "
            "nas-harness that wrote it, or fit it again"
        )
    content = opened_content(path, seal=SEAL, what=what)
    try:
        with content.hdf5() as file:
            opened = made(path, content, dict(_arrays(file, content.size)))
        content.check_unchanged()
    except _UnusableError as error:
        raise TableError(f"{what} {path} cannot be used here: {reason(error)}") from error
    except Exception as error:  # what HDF5, JSON and learners raise on what they were not meant for can be anything
        raise TableError(f"{what} {path} is damaged: {reason(error)}; {_REMEDY}") from error
    return opened


def _arrays(file: h5py.File, size: int) -> Iterator[tuple[str, Any]]:
    """Yield every dataset of the file, by its path."""

    def below(group: h5py.Group, path: str) -> Iterator[tuple[str, Any]]:
        for name in sealed.names(group):
            inside = f"{path}{name}"
            if isinstance(group[name], h5py.Group):
                yield from below(group[name], f"{inside}/")
            else:
                yield inside, sealed.dataset(file, inside, size)[...]

    yield from below(file, "")


def _told(content: Content, arrays: Mapping[str, Any]) -> Any:
    """Return the JSON of a file: what the benchmark says of itself, and what it is fitted to."""
    if not content.is_sealed:
        raise HarnessError("it has no seal")
    text = np.asarray(arrays["json"], dtype=np.uint8).tobytes()
    if len(text) > _LARGEST_JSON:
        raise HarnessError(f"its JSON has {len(text)} bytes")
    return parse_json(text, "its JSON", TableError)


def _opened(path: Path, content: Content, arrays: Mapping[str, Any]) -> Opened:
    told = _told(content, arrays)
    facts = told["facts"]
    model = {name.removeprefix("model/"): values for name, values in arrays.items() if name.startswith("model/")}
    evidence = {
        name.removeprefix("evidence/"): values for name, values in arrays.items() if name.startswith("evidence/")
    }
    space, objective = _space(facts), Objective(**facts["objective"])
    fidelities = tuple(Fidelity(**fields) for fields in facts["fidelities"])
    column = Column(**facts["column"] | {"at": tuple(facts["column"]["at"])})
    if column.held_out or column.name != objective.name:
        raise HarnessError(f"it tells the column {column.name}, which no search may be told")
    try:
        learner = registry.surrogate(facts["learner"], space)
        seconds = registry.surrogate(facts["seconds"], space) if facts["seconds"] else None
    except HarnessError as error:  # a package that is not installed
        raise _UnusableError(reason(error)) from error
    numbers = {"transform": facts["transform"], "fidelities": len(fidelities)}
    numbers |= {"shared": facts["shared"], "trainings": facts["trainings"], "canonical": facts["canonical"]}
    made = model_of(model, space, objective, learner, seconds, numbers)
    return Opened(path, _digest(facts, model), made, column, fidelities, facts, told["about"], evidence)


def _space(facts: Mapping[str, Any]) -> SearchSpace:
    return named.defined(facts["space_definition"]) if facts["space_definition"] else named.space(facts["space"])


def _digest(facts: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(model):
        values = np.ascontiguousarray(model[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(values.data)
    return digest.hexdigest()
