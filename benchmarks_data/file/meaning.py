"""The meaning of the numbers of a table: its fidelities, its special columns, its space."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from harness.benchmark import Column
from harness.digests import identity
from harness.errors import TableError, must
from harness.files.reading import parse_json
from harness.problem import Fidelity

TEST_SPLITS = ("x-test", "ori-test", "valid+test")
"""What contains test images: held out, always."""
VALIDATION_SECONDS = "valid_seconds"
"""The column, where a table has it, of what one pass over the validation images takes; charged with an evaluation."""
_NAMED = ("name", "space", "validation", "test", "seconds", "identity", "space_definition")


@dataclass(frozen=True)
class Meaning:
    """What gives the numbers of a table their meaning; part of its digest.

    Attributes
    ----------
    name, space : str
        Of the benchmark and of its search space.
    fidelities : tuple of Fidelity
        F of them, every (schedule, epoch) at which anything was measured; the last is the one that reports judge by.
    validation : str
        Column of the default objective; "" where the table has none.
    test : str or None
        Held-out column that reports judge by.
    seconds : str or None
        Column of what an evaluation costs, from scratch.
    partial : bool
        Whether valid architectures of the space may be missing.
    identity : {"functional", "string", "exact"}
        Architectures that are the same in this sense share a row; see `SearchSpace.key`.
    space_definition : str
        JSON of a space that is defined by the table itself, with its ``kind``; "" for a space known by name.
    """

    name: str
    space: str
    fidelities: tuple[Fidelity, ...]
    validation: str
    test: str | None = None
    seconds: str | None = None
    partial: bool = False
    identity: str = "functional"
    space_definition: str = ""

    @cached_property
    def schedules(self) -> tuple[int, ...]:
        """The S different trainings (`Fidelity.training`), in order of first appearance: the epochs of each.

        Runs are counted for each of them.  Two have the same number of epochs where one is smaller in something else.
        """
        return tuple(epochs for epochs, _ in dict.fromkeys(fidelity.training for fidelity in self.fidelities))

    @cached_property
    def schedule_of(self) -> tuple[int, ...]:
        """For each fidelity, the position of its schedule in `schedules`."""
        known = dict.fromkeys(fidelity.training for fidelity in self.fidelities)
        position = {training: place for place, training in enumerate(known)}
        return tuple(position[fidelity.training] for fidelity in self.fidelities)

    def places(self, column: Column, width: int) -> dict[int, int]:
        """Say where a column was measured: the index of each such fidelity, to its place along the column's last axis.

        Parameters
        ----------
        column : Column
        width : int
            Length A of the column's last axis.
        """
        if column.at:
            return {fidelity: place for place, fidelity in enumerate(column.at)}
        return {fidelity: fidelity if width > 1 else 0 for fidelity in range(len(self.fidelities))}

    def to_attributes(self) -> dict[str, Any]:
        """Return plain values for a file."""
        named: dict[str, Any] = {key: getattr(self, key) or "" for key in _NAMED}
        listed = json.dumps([identity(fidelity) for fidelity in self.fidelities])
        return named | {"partial": int(self.partial), "fidelities": listed}

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> Meaning:
        """Read what `to_attributes` wrote."""
        named: dict[str, Any] = {key: str(attributes[key]) for key in _NAMED}
        listed = parse_json(attributes["fidelities"], "the list of fidelities", TableError)
        return cls(
            **named | {key: named[key] or None for key in ("test", "seconds")},
            partial=bool(attributes["partial"]),
            fidelities=tuple(Fidelity(**fields) for fields in listed),
        )


def records_pass(meaning: Meaning, columns: Mapping[str, Column]) -> bool:
    """Say whether a table records, beside the seconds of training, what a pass over the validation images takes."""
    column = columns.get(VALIDATION_SECONDS)
    return column is not None and column.unit == "s" and meaning.seconds not in (None, VALIDATION_SECONDS)


def check_held_out(column: Column) -> None:
    """Refuse a column that holds test results and could be told; raises TableError."""
    if column.split in TEST_SPLITS and not column.held_out:
        rule = f"be held out: its split '{column.split}' has test images"
        raise TableError(must(f"column {column.name}", rule, "held_out=False"))


def column_attributes(column: Column) -> dict[str, Any]:
    """Return what a column is, as plain values for a file, whose layout tells its name and whether it is held out."""
    fields = {key: value for key, value in asdict(column).items() if key not in ("name", "held_out")}
    fields["batch"] = column.batch or None
    return {key: value for key, value in fields.items() if value not in ("", None, ())}


def column_of(name: str, held_out: bool, attributes: Mapping[str, Any]) -> Column:
    """Read what `column_attributes` wrote."""
    fields = {"unit": "", **attributes}  # what is empty is not written
    fields["at"] = tuple(int(fidelity) for fidelity in fields.get("at", ()))
    if "batch" in fields:
        fields["batch"] = int(fields["batch"])
    if "best" in fields:  # HDF5 gives a numpy number, which could not be written again
        fields["best"] = float(fields["best"])
    return Column(name, held_out=held_out, **fields)
