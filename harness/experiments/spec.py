"""What to run: TOML text to frozen dataclasses, and the digest by which a shard of work is known.

The digest of a shard covers everything that its result depends on, so a result file that carries it is the result.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.checks import choice, integer
from harness.digests import identity, sha256_of
from harness.errors import HarnessError, SpecError, must, nearest
from harness.names import absolute, read
from harness.problem import Budget, Constraint

_STORED_KEY = "replicates_per_cell"
"""How manifests spell `replicates_per_shard`, and what specs may still write."""
SCHEMA = 1
"""Version of the shard file and of what its digest covers."""
DEVICES = ("cpu", "cuda")
"""Device classes on which learners compute; part of the digest."""


@dataclass(frozen=True)
class StrategySpec:
    """A strategy as a spec names it.

    Attributes
    ----------
    name : str
        Registered name, or ``"path/to/file.py:Class"``.
    label : str
        How reports call it; one strategy may appear twice under two labels.
    hyperparameters : mapping
        Given ones; the others take the strategy's defaults.
    surrogate : mapping or None
        ``name``, ``encoding`` and hyperparameters of the learner; None for the strategy's default.
    """

    name: str
    label: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    surrogate: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ReportSpec:
    """How the report draws; not part of any digest.

    Attributes
    ----------
    centre : {"median", "iqm"}
        Centre line of curves.
    checkpoints : tuple of float
        At most three budgets, in the budget's unit, declared beforehand, at which tests are made; the default is the
        end.
    """

    centre: str = "median"
    checkpoints: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        choice("centre", self.centre, ("median", "iqm"))
        if len(self.checkpoints) > 3:
            raise HarnessError(must("checkpoints", "name at most three budgets", list(self.checkpoints)))


@dataclass(frozen=True)
class Spec:
    """An experiment: every benchmark with every strategy, under one budget.

    Attributes
    ----------
    name : str
        Folder of the results; letters, digits, ``.``, ``_`` and ``-``.
    benchmarks : tuple of str
    strategies : tuple of StrategySpec
    budget : Budget
    replicates : int
        Independent runs of each strategy on each benchmark.
    replicates_per_shard : int
        Replicates that run side by side in one unit of work and one result file.
    n_workers : int
        Simulated parallel workers.
    seed : int
        Root of all random streams.
    objectives : tuple of str or None
        Columns to optimise; None for the benchmark's validation metric.
    constraints : tuple of Constraint
    report : ReportSpec
    """

    name: str
    benchmarks: tuple[str, ...]
    strategies: tuple[StrategySpec, ...]
    budget: Budget
    replicates: int = 50
    replicates_per_shard: int = 25
    n_workers: int = 1
    seed: int = 0
    objectives: tuple[str, ...] | None = None
    constraints: tuple[Constraint, ...] = ()
    report: ReportSpec = field(default_factory=ReportSpec)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise HarnessError(must("name", "consist of letters, digits, '.', '_' and '-'", self.name))
        labels = tuple(strategy.label for strategy in self.strategies)
        named = {"benchmarks": self.benchmarks, "strategies": labels, "objectives": self.objectives}
        if not all(labels):
            raise HarnessError(must("label", "not be empty", list(labels)))
        for name, values in named.items():
            if values is not None and not values:
                raise HarnessError(must(name, "name at least one", list(values)))
            twice = {value for value in values or () if (values or ()).count(value) > 1}
            if twice and name == "strategies":
                raise HarnessError(must("label", "be given once each; give one of them another `label`", sorted(twice)))
            if twice:
                raise HarnessError(must(name, "be given once each", sorted(twice)))
        integer("replicates", self.replicates, low=1)
        integer("replicates_per_shard", self.replicates_per_shard, low=1)
        integer("n_workers", self.n_workers, low=1)
        integer("seed", self.seed, low=0)
        end = self.budget.evaluations or self.budget.seconds or 0.0
        if not all(0 < checkpoint <= end for checkpoint in self.report.checkpoints):
            rule = f"lie above 0 and within the budget of {end:g}"
            raise HarnessError(must("checkpoints", rule, list(self.report.checkpoints)))

    def as_dict(self) -> dict[str, Any]:
        """Return the spec as plain JSON data, with the keys of stored manifests; `from_dict` reads it back."""
        plain = _plain(self)
        plain[_STORED_KEY] = plain.pop("replicates_per_shard")
        return plain


@dataclass(frozen=True)
class Shard:
    """One unit of work: a strategy on a benchmark, for one block of replicates.

    Attributes
    ----------
    benchmark, table_digest : str
    strategy : str
        Registered name, or ``"path/to/file.py:Class"``.
    strategy_version : int
    strategy_sha256 : str or None
        Of the file, where the strategy comes from one.
    hyperparameters : mapping
        All of them, defaults filled in.
    surrogate : mapping or None
    learner : str or None
        Signature of the surrogate.
    objectives : tuple of str
    constraints : tuple of Constraint
    budget : Budget
    n_workers : int
    seed : int
    first, stop : int
        The block holds the replicates ``range(first, stop)``.
    device : str
        Device class: ``"cpu"`` or ``"cuda"``.
    versions : mapping
        Of the libraries on which the numbers depend.
    """

    benchmark: str
    table_digest: str
    strategy: str
    strategy_version: int
    strategy_sha256: str | None
    hyperparameters: Mapping[str, Any]
    surrogate: Mapping[str, Any] | None
    learner: str | None
    objectives: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    budget: Budget
    n_workers: int
    seed: int
    first: int
    stop: int
    device: str
    versions: Mapping[str, str]

    @property
    def strategy_name(self) -> str:
        """The strategy's name wherever its file lies: what random streams are addressed by."""
        return read(self.strategy).key

    def as_dict(self) -> dict[str, Any]:
        """Return the shard as plain JSON data."""
        return _plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Shard:
        """Read what `as_dict` wrote."""
        given = dict(data)
        given["constraints"] = tuple(Constraint.parse(text) for text in given["constraints"])
        given["objectives"] = tuple(given["objectives"])
        given["budget"] = Budget(**given["budget"])
        return cls(**given)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that the result depends on, hexadecimal."""
        covered = identity(self) | {"strategy": self.strategy_name, "schema": SCHEMA}
        covered["constraints"] = [str(constraint) for constraint in self.constraints]
        if read(self.benchmark).path is not None:
            del covered["benchmark"]  # a path is only an address: the table's digest says which one it is
        del covered["surrogate"]  # the learner's signature says it with all defaults filled in
        return sha256_of(covered)


def _plain(record: Spec | Shard) -> dict[str, Any]:
    """Return a record as what JSON can hold: lists for tuples, text for constraints."""
    data = asdict(record) | {"constraints": [str(constraint) for constraint in record.constraints]}
    plain: dict[str, Any] = json.loads(json.dumps(data))
    return plain


def load(path: str | Path) -> Spec:
    """Read a spec from a TOML file.

    Raises
    ------
    SpecError
        Names the file, the key, the rule and, for an unknown key, the nearest match.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"no such spec file: '{path}'") from None
    except OSError as error:
        raise SpecError(f"cannot read the spec '{path}': {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: not valid TOML: {error}") from None
    if isinstance(data.get("benchmarks"), list):
        data["benchmarks"] = [_resolved(name, path.parent) for name in data["benchmarks"]]
    for strategy in data.get("strategies", []) if isinstance(data.get("strategies"), list) else []:
        if isinstance(strategy, dict) and "name" in strategy:
            strategy["name"] = _resolved(strategy["name"], path.parent)
    return from_dict({"name": path.stem} | data, source=str(path))


def _resolved(name: Any, folder: Path) -> Any:
    """Make the path in a name absolute: it is written relative to the spec; what is no text is refused later."""
    return absolute(name, folder) if isinstance(name, str) else name


def from_dict(data: Mapping[str, Any], source: str = "spec") -> Spec:
    """Check plain data and return the spec.

    Parameters
    ----------
    data : mapping
        As read from TOML, or from `Spec.as_dict`.
    source : str
        Named in errors, for example the file.
    """
    from pydantic import ValidationError  # takes a tenth of a second to import

    from harness.experiments.spec_schema import TABLES, SpecModel

    try:
        given = SpecModel.model_validate(data).model_dump()
    except ValidationError as error:
        known = {"": list(SpecModel.model_fields)} | {key: list(table.model_fields) for key, table in TABLES.items()}
        raise SpecError("\n".join(_explain(source, item, known) for item in error.errors())) from None
    try:
        return _freeze(given)
    except HarnessError as error:
        raise SpecError(f"{source}: {error}") from None


def _freeze(given: dict[str, Any]) -> Spec:
    """Return the frozen dataclasses of checked data; they check the values."""
    given["benchmarks"] = tuple(given["benchmarks"])
    given["strategies"] = tuple(
        StrategySpec(**item | {"label": item["label"] or read(item["name"]).key}) for item in given["strategies"]
    )
    given["budget"] = Budget(**given["budget"])
    given["objectives"] = None if given["objectives"] is None else tuple(given["objectives"])
    given["constraints"] = tuple(Constraint.parse(text) for text in given["constraints"])
    given["report"] = ReportSpec(given["report"]["centre"], tuple(given["report"]["checkpoints"]))
    return Spec(**given)


def _explain(source: str, item: Any, known: Mapping[str, list[str]]) -> str:
    """Word one error of the schema check."""
    place = ".".join(str(part) if isinstance(part, str) else f"[{part}]" for part in item["loc"]).replace(".[", "[")
    if item["type"] == "extra_forbidden":
        table = str(item["loc"][0]) if len(item["loc"]) > 1 else ""
        keys = known[table]
        return f"{source}: unknown key '{place}'.{nearest(str(item['loc'][-1]), keys)} Known: {', '.join(keys)}."
    if item["type"] == "missing":
        return f"{source}: the key '{place}' is required"
    return f"{source}: `{place}`: {item['msg'].lower()}, got {item['input']!r}"
