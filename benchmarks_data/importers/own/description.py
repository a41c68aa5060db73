"""The description that a user gives of a table of their own: a short TOML file, checked before any number is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks_data.file.meaning import TEST_SPLITS
from benchmarks_data.importers.own.genes import Architecture, architecture
from benchmarks_data.importers.own.questions import ANSWERS, Answers, answers_of, check_unit, misplaced
from benchmarks_data.importers.own.reading import form
from benchmarks_data.importers.own.reading.form import Form
from benchmarks_data.importers.own.reading.numbers import FAILED, MISSING, Words
from harness.benchmark import Column
from harness.checks import integer, real
from harness.errors import HarnessError, TableError, clipped, must, unknown
from harness.files.reading import read_toml
from harness.names import absolute
from harness.problem import DIRECTIONS

COST = "cost"
SPLITS = ("train", "x-valid", *TEST_SPLITS, COST)
TEXTS = ("title", "dataset", "replicates", "licence", "citation", "source")
EPOCH = "{epoch}"
"""In the name of a column: a number of epochs, for columns that are one metric at different epochs."""
REPEATS = ("refused", "trainings", "first")
MISSING_EPOCHS = ("refused", "missing")
LEFT_OUT = "left out"
_KEYS = (
    "name",
    "space",
    "architecture",
    "operations",
    "edges",
    "epoch",
    "schedule",
    "seed",
    "repeats",
    "missing_epochs",
    "missing",
    "failed",
    "validation",
    "test",
    "seconds",
    "file",
    "columns",
)
_COLUMN_KEYS = (
    "column",
    "unit",
    "direction",
    "split",
    "trained_on",
    "best",
    "description",
    "spread",
    "device",
    "batch",
    *ANSWERS,
)
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
    architecture : Architecture
        The space, and how the data say an architecture of it.
    columns : mapping of str to Column
        By name in the table.
    sources : mapping of str to str
        Column of the data for each of them; with `EPOCH` in it, a column for each epoch.
    validation : str
    test, seconds, epoch, seed : str or None
        `test` and `seconds` are names in the table; `epoch` and `seed` are columns of the data.
    schedule : int or None
        Epochs of the whole training; None: the largest epoch in the data.
    repeats : {"refused", "trainings", "first"}
        What lines are that repeat an architecture, seed and epoch.
    missing_epochs : {"refused", "missing"}
        Whether a training may lack epochs that others have.
    spread : frozenset of str
        Columns of the data in which what follows ± is left out.
    form : Form
        Of the file.
    words : Words
        For what is missing and what failed.
    about : mapping of str to str
        For people.
    answers : Answers
        To questions about the numbers.
    """

    name: str
    architecture: Architecture
    columns: Mapping[str, Column]
    sources: Mapping[str, str]
    validation: str
    test: str | None
    seconds: str | None
    epoch: str | None
    seed: str | None
    schedule: int | None
    repeats: str = REPEATS[0]
    missing_epochs: str = MISSING_EPOCHS[0]
    spread: frozenset[str] = frozenset()
    form: Form = field(default_factory=Form)
    words: Words = field(default_factory=Words)
    about: Mapping[str, str] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)

    @property
    def wide(self) -> bool:
        """Whether a line tells several epochs, in columns of their own."""
        return any(EPOCH in source for source in self.sources.values())

    def needed(self) -> list[str]:
        """Return every column that the data must have, in order; those of a pattern are not among them."""
        optional = [column for column in (self.epoch, self.seed) if column]
        genes = [] if self.architecture.pattern else list(self.architecture.columns)
        return [*genes, *optional, *(source for source in self.sources.values() if EPOCH not in source)]


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
        fault = f"there is no file '{path}'" if isinstance(error, FileNotFoundError) else error
        raise TableError(f"the description is no TOML file that can be read: {fault}") from None
    try:
        if isinstance(fields.get("space"), str):
            fields["space"] = absolute(fields["space"], path.parent)
        return _description(fields)
    except HarnessError as error:
        raise TableError(f"{path}: {error}") from error


def _description(fields: Mapping[str, Any]) -> Description:
    _check_keys("key", fields, (*_KEYS, *TEXTS))
    name = _text(fields, "name", required=True)
    if not _NAME.fullmatch(name):
        raise TableError(must("name", "be made of letters, digits, '_', '.' and '-'", name))
    genes = architecture(fields)
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
    description = Description(
        name=name,
        architecture=genes,
        columns=columns,
        sources=sources,
        validation=validation,
        test=named_columns["test"],
        seconds=seconds,
        epoch=_text(fields, "epoch") or None,
        seed=_text(fields, "seed") or None,
        schedule=schedule,
        repeats=_one_of(fields, "repeats", REPEATS),
        missing_epochs=_one_of(fields, "missing_epochs", MISSING_EPOCHS),
        spread=frozenset(sources[key] for key, told in fields["columns"].items() if told.get("spread") == LEFT_OUT),
        form=form.checked(fields["file"]) if "file" in fields else Form(),
        words=_words(fields),
        about={key: _text(fields, key, required=key == "title") for key in TEXTS},
        answers=answers_of(fields["columns"], seconds),
    )
    if description.wide and description.epoch:
        raise TableError(f"`epoch` is a column of the data, or columns have {EPOCH} in their names: not both")
    if description.seed and description.repeats == "trainings":
        raise TableError('`repeats = "trainings"` is for trainings without seeds: leave out `seed`')
    return description


def _check_keys(kind: str, fields: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in fields:
        if key not in known:
            raise TableError(unknown(kind, key, known))


def _text(fields: Mapping[str, Any], key: str, *, required: bool = False) -> str:
    value = fields.get(key, "")
    if not isinstance(value, str) or (required and not value.strip()):
        raise TableError(must(key, "be text that is not empty" if required else "be text", value))
    return value


def _one_of(fields: Mapping[str, Any], key: str, known: Sequence[str]) -> str:
    value = fields.get(key, known[0])
    if value not in known:
        raise TableError(must(key, f"be one of {', '.join(map(repr, known))}", value))
    return str(value)


def _words(fields: Mapping[str, Any]) -> Words:
    """Return the words for what is missing and what failed: those that everybody uses, and the user's."""
    told: dict[str, frozenset[str]] = {}
    for key in ("missing", "failed"):
        words = fields.get(key, [])
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise TableError(must(key, "be a list of texts, for example ['diverged']", words))
        told[key] = frozenset(word.strip().lower() for word in words)
    if both := told["missing"] & told["failed"]:
        raise TableError(must("missing", "name no word that `failed` names", sorted(both)))
    return Words((MISSING | told["missing"]) - told["failed"], (FAILED | told["failed"]) - told["missing"])


def _columns(tables: Any) -> tuple[dict[str, Column], dict[str, str]]:
    if not isinstance(tables, dict) or not tables:
        raise TableError(must("columns", "describe each column of the table under [columns.NAME]", tables))
    columns = {name: _column(name, fields) for name, fields in tables.items()}
    sources = {name: str(fields.get("column", name)) for name, fields in tables.items()}
    for name, source in sources.items():
        if source.count(EPOCH) > 1:
            raise TableError(must(f"column of {name}", f"have {EPOCH} once", source))
        for other in (other for other in sources if sources[other] == source and columns[other].held_out):
            if not columns[name].held_out:
                raise TableError(
                    f"[columns.{clipped(name)}] and [columns.{clipped(other)}] are the one column "
                    f"'{clipped(source)}' of the data: what is held "
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
    if fields.get("spread", LEFT_OUT) != LEFT_OUT:
        raise TableError(must(f"spread of {name}", f"be {LEFT_OUT!r}: what follows ± is not read", fields["spread"]))
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
        device=str(fields.get("device", "")),
        batch=integer(f"batch of {name}", fields.get("batch", 0), low=0),
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
