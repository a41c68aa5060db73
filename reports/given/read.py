"""The CSV of final values from elsewhere: its columns, its rules, and what is wrong with a line."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np

from harness.checks import FloatArray
from harness.errors import ResultError, must, unknown
from harness.experiments.spec import LONGEST_LABEL
from harness.files.whole import opened
from harness.printable import printable
from harness.problem import DIRECTIONS

NEEDED, OPTIONAL = ("benchmark", "strategy", "replicate", "value"), ("budget",)
_MOST_BUDGETS = 3
_MOST_BYTES = 2**28
_LARGEST = 1e150
"""Of a value, whichever its sign: squares of larger ones are no numbers."""


@dataclass(frozen=True)
class Given:
    """Final values of strategies on benchmarks.

    Attributes
    ----------
    name : str
        Of the file, without its ending.
    values : mapping of (benchmark, budget) to mapping of strategy to mapping of replicate to value
        In the order of the file; the budget is 0 where the file has none.
    direction : {"maximise", "minimise"}
        Which values are better.
    paired : bool
        Whether equal replicate numbers met the same conditions, so that they are pairs.
    sha256 : str
        Of the file.
    """

    name: str
    values: Mapping[tuple[str, float], Mapping[str, Mapping[int, float]]]
    direction: str
    paired: bool
    sha256: str

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(dict.fromkeys(benchmark for benchmark, _ in self.values))

    @cached_property
    def strategies(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(dict.fromkeys(strategy for group in self.values.values() for strategy in group))

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """All pairs of strategies."""
        return tuple(combinations(self.strategies, 2))

    def budgets(self, benchmark: str) -> tuple[float, ...]:
        """Return the budgets of a benchmark, ascending."""
        return tuple(sorted(budget for name, budget in self.values if name == benchmark))

    @property
    def ends(self) -> tuple[tuple[str, float], ...]:
        """Each benchmark with its last budget."""
        return tuple((name, self.budgets(name)[-1]) for name in self.benchmarks)

    def minimised(self, key: tuple[str, float], strategy: str) -> dict[int, float]:
        """Return the values of a strategy by replicate, lower for the better."""
        sign = -1.0 if self.direction == "maximise" else 1.0
        return {replicate: sign * value for replicate, value in self.values[key].get(strategy, {}).items()}


def read(path: Path, direction: str, *, paired: bool = False) -> Given:
    """Read final values.

    Parameters
    ----------
    path : Path
        CSV, UTF-8, with a header: the columns `NEEDED`, and ``budget`` where there are several.
    direction : {"maximise", "minimise"}
    paired : bool
        Whether replicates are pairs; never guessed from equal numbers.

    Raises
    ------
    ResultError
        Names the file, the line and the column.
    """
    if direction not in DIRECTIONS:
        raise ResultError(must("direction", f"be one of {', '.join(DIRECTIONS)}", direction))
    content = _content(path)
    rows = csv.reader(io.StringIO(_text(path, content)), strict=True)
    header = [name.strip() for name in next(rows, [])]
    _check_header(path, header)
    values: dict[tuple[str, float], dict[str, dict[int, float]]] = {}
    try:
        for row in rows:
            if row:
                _add(f"{path}, line {rows.line_num}", row, header, values)
    except csv.Error as error:
        raise ResultError(f"{path}, line {rows.line_num}: no CSV: {error}") from None
    if not values:
        raise ResultError(f"{path} must have a line for each run, and has none")
    given = Given(path.stem, values, direction, paired, hashlib.sha256(content).hexdigest())
    _check_budgets(path, given)
    if paired:
        _check_pairs(path, given)
    return given


def _content(path: Path) -> bytes:
    try:
        with opened(path) as file:
            content: bytes = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise ResultError(f"there is no file '{path}'") from None
    except OSError as error:
        raise ResultError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > _MOST_BYTES:
        raise ResultError(f"{path} must have at most {_MOST_BYTES:,} bytes")
    return content


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ResultError(f"{path} must be UTF-8 text: byte {error.start} is none; save it as such") from None


def _check_header(path: Path, header: Sequence[str]) -> None:
    for name in header:
        if len(header) == 1 and not name.isalnum():
            raise ResultError(must(str(path), "have its columns separated by commas", name[:120]))
        if name not in (*NEEDED, *OPTIONAL):
            raise ResultError(unknown(f"column of {path}", name, (*NEEDED, *OPTIONAL)))
    lacking = [name for name in NEEDED if name not in header]
    if lacking or len(set(header)) < len(header):
        rule = f"begin with the names of its columns, each once: {', '.join(NEEDED)} and perhaps budget"
        raise ResultError(must(str(path), rule, ",".join(header)[:120]))


def _add(
    where: str,
    fields: Sequence[str],
    header: Sequence[str],
    values: dict[tuple[str, float], dict[str, dict[int, float]]],
) -> None:
    """Take in one line."""
    if len(fields) != len(header):
        raise ResultError(f"{where} must have {len(header)} fields, it has {len(fields)}")
    row = dict(zip(header, fields, strict=True))
    benchmark, strategy = row["benchmark"].strip(), row["strategy"].strip()
    for name, text in (("benchmark", benchmark), ("strategy", strategy)):
        if not text or printable(text) != text or len(text) > LONGEST_LABEL:
            rule = f"be one line of at most {LONGEST_LABEL} letters that can be printed"
            raise ResultError(f"{where}: {must(name, rule, text)}")
    replicate = _whole(where, row["replicate"])
    value = _number(where, "value", row["value"])
    budget = _number(where, "budget", row["budget"]) if "budget" in header else 0.0
    if "budget" in header and budget <= 0:
        raise ResultError(f"{where}: {must('budget', 'be greater than 0', budget)}")
    runs = values.setdefault((benchmark, budget), {}).setdefault(strategy, {})
    if replicate in runs:
        at = f" at the budget {budget:g}" if "budget" in header else ""
        raise ResultError(f"{where}: replicate {replicate} of '{strategy}' on '{benchmark}'{at} is there already")
    runs[replicate] = value


def _whole(where: str, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ResultError(f"{where}: {must('replicate', 'be a whole number', text)}") from None
    if number < 0:
        raise ResultError(f"{where}: {must('replicate', 'be at least 0', number)}")
    return number


def _number(where: str, name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ResultError(f"{where}: {must(name, 'be a number', text)}") from None
    if not math.isfinite(number):
        rule = "be finite; leave out the line of a run that has no result, and say so beside the tables"
        raise ResultError(f"{where}: {must(name, rule, text)}")
    if abs(number) > _LARGEST:
        raise ResultError(f"{where}: {must(name, f'lie within {_LARGEST:g} of 0; give values in another unit', text)}")
    return number


def _check_budgets(path: Path, given: Given) -> None:
    """Refuse strategies that are compared at other budgets than each other, and tests at too many of them."""
    for benchmark in given.benchmarks:
        budgets = given.budgets(benchmark)
        if len(budgets) > _MOST_BUDGETS:
            rule = f"have at most {_MOST_BUDGETS} on one benchmark, declared before the runs: each one adds its tests"
            raise ResultError(must(f"budgets of {path}", rule, f"{len(budgets)} on '{benchmark}'"))
        known = {
            strategy: listed
            for strategy in given.strategies
            if (listed := [budget for budget in budgets if strategy in given.values[benchmark, budget]])
        }
        odd = [strategy for strategy, listed in known.items() if len(listed) < len(budgets)]
        if odd:
            raise ResultError(
                f"{path}: strategies are compared at equal budgets, and '{odd[0]}' has only {known[odd[0]]} of"
                f" {list(budgets)} on '{benchmark}'"
            )


def _check_pairs(path: Path, given: Given) -> None:
    """Refuse pairs that are none: two strategies without a replicate in common."""
    for key, group in given.values.items():
        for a, b in combinations(group, 2):
            if not group[a].keys() & group[b].keys():
                raise ResultError(
                    f"{path}: paired replicates of '{a}' and '{b}' on '{key[0]}' must share numbers, and none is"
                    " shared; leave `--paired` out where replicates are independent"
                )


def sample(runs: Mapping[int, float]) -> FloatArray:
    """Return the values of runs by ascending replicate: (n,)."""
    return np.array([runs[replicate] for replicate in sorted(runs)], dtype=np.float64)
