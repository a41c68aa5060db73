"""The description that a user gives of a table of their own: a short TOML file, checked before any number is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks_data.file.meaning import TEST_SPLITS
from benchmarks_data.importers.own.questions import ANSWERS, Answers, answers_of, check_unit, misplaced
from harness.benchmark import Column
from harness.checks import real
from harness.errors import HarnessError, TableError, must, unknown
from harness.problem import DIRECTIONS
from harness.reading import read_toml
from harness.space import SearchSpace
from harness.spaces import named
from harness.spaces.categorical import CategoricalSpace

COST = "cost"
SPLITS = ("train", "x-valid", *TEST_SPLITS, COST)
TEXTS = ("title", "dataset", "replicates", "licence", "citation", "source")
_KEYS = ("name", "space", "architecture", "epoch", "schedule", "seed", "validation", "test", "seconds", "columns")
_COLUMN_KEYS = ("column", "unit", "direction", "split", "trained_on", "best", "description", *ANSWERS)
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_MEANINGS = (
    "'x-valid' is validation; 'x-test', 'ori-test' and 'valid+test' hold test images; a size or a time is a 'cost'"
)


@dataclass(frozen=True)
class Description:
    """A checked description.

    Attributes
    ----------
    name : str
        Of the benchmark.
    space : SearchSpace
    architecture : tuple of str
        Column with the field's own string of a known space; or one column for each gene.
    columns : mapping of str to Column
        By name in the table.
    sources : mapping of str to str
        Column of the data for each of them.
    validation : str
    test, seconds, epoch, seed : str or None
        `test` and `seconds` are names in the table; `epoch` and `seed` are columns of the data.
    schedule : int or None
        Epochs of the whole training; None: the largest epoch in the data.
    about : mapping of str to str
        For people.
    answers : Answers
        To questions about the numbers.
    """

    name: str
    space: SearchSpace
    architecture: tuple[str, ...]
    columns: Mapping[str, Column]
    sources: Mapping[str, str]
    validation: str
    test: str | None
    seconds: str | None
    epoch: str | None
    seed: str | None
    schedule: int | None
    about: Mapping[str, str]
    answers: Answers = field(default_factory=Answers)

    def needed(self) -> list[str]:
        """Return every column that the data must have, in order."""
        optional = [column for column in (self.epoch, self.seed) if column]
        return [*self.architecture, *optional, *self.sources.values()]


def read_description(path: Path) -> Description:
    """Read and check a description.

    Raises
    ------
    TableError
        Names the file, the key, the rule and the value.
    """
    try:
        fields = read_toml(path)
    except (FileNotFoundError, HarnessError) as error:
        reason = f"there is no file '{path}'" if isinstance(error, FileNotFoundError) else error
        raise TableError(f"the description is no TOML file that can be read: {reason}") from None
    try:
        return _description(fields)
    except HarnessError as error:
        raise TableError(f"{path}: {error}") from error


def _description(fields: Mapping[str, Any]) -> Description:
    _check_keys("key", fields, (*_KEYS, *TEXTS))
    name = _text(fields, "name", required=True)
    if not _NAME.fullmatch(name):
        raise TableError(must("name", "be made of letters, digits, '_', '.' and '-'", name))
    space, architecture = _space(name, fields)
    columns, sources = _columns(fields.get("columns"))
    named_columns = {
        role: _named_column(fields, role, columns, splits)
        for role, splits in (("validation", ("x-valid",)), ("test", TEST_SPLITS), ("seconds", ("",)))
    }
    validation, seconds = named_columns["validation"], named_columns["seconds"]
    if validation is None:
        raise TableError("`validation` must name the column that searches optimise; its split is 'x-valid'")
    if seconds is not None:
        check_unit(columns[seconds])
    schedule = fields.get("schedule")
    if schedule is not None and (isinstance(schedule, bool) or not isinstance(schedule, int) or schedule < 1):
        raise TableError(must("schedule", "be a number of epochs", schedule))
    return Description(
        name=name,
        space=space,
        architecture=architecture,
        columns=columns,
        sources=sources,
        validation=validation,
        test=named_columns["test"],
        seconds=seconds,
        epoch=_text(fields, "epoch") or None,
        seed=_text(fields, "seed") or None,
        schedule=schedule,
        about={key: _text(fields, key, required=key == "title") for key in TEXTS},
        answers=answers_of(fields["columns"], seconds),
    )


def _check_keys(kind: str, fields: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in fields:
        if key not in known:
            raise TableError(unknown(kind, key, known))


def _text(fields: Mapping[str, Any], key: str, *, required: bool = False) -> str:
    value = fields.get(key, "")
    if not isinstance(value, str) or (required and not value.strip()):
        raise TableError(must(key, "be text that is not empty" if required else "be text", value))
    return value


def _space(name: str, fields: Mapping[str, Any]) -> tuple[SearchSpace, tuple[str, ...]]:
    """Return the space, and the columns of the data that tell the architecture."""
    given = fields.get("space")
    if isinstance(given, str):
        space = named.space(given)
        return space, _architecture(fields, space)
    known = given if isinstance(given, dict) else {}
    genes = known.get("genes")
    if not isinstance(genes, dict) or not genes or any(not isinstance(values, list) for values in genes.values()):
        raise TableError(must("space", "name a known space, or list values under [space.genes]", given))
    if set(known) != {"genes"} or "architecture" in fields:
        raise TableError("a space of one's own has [space.genes] and nothing else; its genes are columns of the data")
    space = CategoricalSpace(name, {gene: _values(gene, values) for gene, values in genes.items()})
    return space, tuple(genes)


def _values(gene: str, values: Sequence[Any]) -> list[str]:
    for value in values:
        if not isinstance(value, str | int | float):
            raise TableError(must(f"value of {gene}", "be text, a number, true or false", value))
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
    numbers = [number for text in set(texts) if (number := _number(text)) is not None]
    if len(set(numbers)) < len(numbers):
        raise TableError(must(f"values of {gene}", "be all different, numbers that are equal too", texts))
    return texts


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _architecture(fields: Mapping[str, Any], space: SearchSpace) -> tuple[str, ...]:
    names = fields.get("architecture")
    if isinstance(names, str) and names:
        return (names,)
    if isinstance(names, list) and len(names) == space.genes and all(isinstance(column, str) for column in names):
        return tuple(names)
    rule = f"name the column of the architecture's string, or the {space.genes} columns of its genes' codes"
    raise TableError(must("architecture", rule, names))


def _columns(tables: Any) -> tuple[dict[str, Column], dict[str, str]]:
    if not isinstance(tables, dict) or not tables:
        raise TableError(must("columns", "describe each column of the table under [columns.NAME]", tables))
    columns = {name: _column(name, fields) for name, fields in tables.items()}
    sources = {name: str(fields.get("column", name)) for name, fields in tables.items()}
    for name, source in sources.items():
        for other in (other for other in sources if sources[other] == source and columns[other].held_out):
            if not columns[name].held_out:
                raise TableError(
                    f"[columns.{name}] and [columns.{other}] are the one column '{source}' of the data: what is held "
                    "out cannot be told under another name"
                )
    return columns, sources


def _column(name: str, fields: Any) -> Column:
    if not _NAME.fullmatch(name) or not isinstance(fields, dict):
        raise TableError(
            must("columns", "have names of letters, digits, '_', '.' and '-'; `column` gives another", name)
        )
    _check_keys(f"key of [columns.{name}]", fields, _COLUMN_KEYS)
    for key in ("unit", "direction", "split"):
        if not isinstance(fields.get(key), str) or not fields[key]:
            raise TableError(must(f"{key} of [columns.{name}]", "be given", fields.get(key)))
    if fields["direction"] not in DIRECTIONS:
        raise TableError(must(f"direction of {name}", f"be one of {', '.join(DIRECTIONS)}", fields["direction"]))
    split = fields["split"]
    if split not in SPLITS:
        raise TableError(must(f"split of {name}", f"be one of {', '.join(SPLITS)} ({_MEANINGS})", split))
    best = None if fields.get("best") is None else real(f"best of {name}", fields["best"])
    if split == COST and best is not None and (fields["unit"], fields["direction"]) == ("percent", "maximise"):
        rule = f"say what it was evaluated on, for percent that are maximised up to a best are a score ({_MEANINGS})"
        raise TableError(must(f"split of {name}", rule, split))
    return Column(
        name,
        fields["unit"],
        fields["direction"],
        "" if split == COST else split,
        str(fields.get("trained_on", "")),
        split in TEST_SPLITS,
        best,
        str(fields.get("description", "")),
    )


def _named_column(
    fields: Mapping[str, Any], role: str, columns: Mapping[str, Column], splits: Sequence[str]
) -> str | None:
    name = _text(fields, role)
    if not name:
        return None
    if name not in columns:
        raise TableError(unknown(f"column for `{role}`", name, columns) + misplaced(role, name))
    if columns[name].split not in splits:
        allowed = ", ".join(split or COST for split in splits)
        raise TableError(
            must(f"split of {name}", f"be {allowed}, for it is the `{role}` column", columns[name].split or COST)
        )
    return name
