"""The reading of a spec: a TOML file or plain data, checked whole against the dataclasses that hold its keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, reduce
from operator import or_
from pathlib import Path
from types import GenericAlias, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin

from harness.errors import HarnessError, SpecError, clipped, must, nearest
from harness.experiments import families, prediction
from harness.experiments.paths import resolve
from harness.experiments.spec import STORED_KEY, SUPERNET, Spec, held, hints_of
from harness.files.reading import read_toml
from harness.problem import Budget, Constraint

if TYPE_CHECKING:
    from pydantic import BaseModel

_OTHER_KEYS = {"replicates_per_shard": STORED_KEY, "sources": "from"}
"""How specs may spell a field too; ``from`` is no name in Python."""
_SHOWN = {"sources": "from"}
"""How errors spell fields that have another name in specs."""
_MOST_TOLD = 20
"""Mistakes of one spec that are told one by one."""


def load(path: str | Path) -> Spec:
    """Read a spec from a TOML file.

    Raises
    ------
    SpecError
        Names the file, the key, the rule and, for an unknown key, the nearest match.
    """
    path = Path(path)
    try:
        data = read_toml(path, SpecError)
    except FileNotFoundError:
        raise SpecError(f"no such spec file: '{path}'") from None
    resolve(data, path.parent)
    return from_dict({"name": _name_from(path)} | data, source=str(path))


def _with_kind(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return plain data whose budget names `supernet_epochs` with the kind of work that it asks for.

    Five replicates are its default: each trains a network.
    """
    budget = data.get("budget")
    if not isinstance(budget, Mapping) or budget.get("supernet_epochs") is None:
        return data
    return {"kind": SUPERNET, "replicates": 5, **data}


def _name_from(path: Path) -> str:
    """Return the name of a spec that names itself not: that of its file, with ``-`` for what a name may not hold.

    >>> _name_from(Path("my first (search).toml"))
    'my-first-search'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._") or "experiment"


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

    models = _models()
    try:
        data = _with_kind(families.as_spec(prediction.as_spec(data)))
    except HarnessError as error:
        raise SpecError(f"{source}: {error}") from None
    required = ("benchmarks", "strategies", "budget")
    if not any(key in data for key in required):
        keys = ", ".join(f"'{clipped(key)}'" for key in [*data][:6]) + (" ..." if len(data) > 6 else "")
        raise SpecError(
            f"{source}: this is no spec: it has none of the keys {', '.join(required)}, but {keys or 'nothing'} (the"
            " description of a table goes with its data: nas-harness data import NAME FILE --describe TOML)"
        )
    try:
        values = models[""].model_validate(data).model_dump(exclude_unset=True)
    except ValidationError as error:
        known = {table: [_SHOWN.get(key, key) for key in model.model_fields] for table, model in models.items()}
        known[""] += ["learners", "families"]
        lines = [prediction.as_listed(data, _explain(source, item, known)) for item in error.errors()[:_MOST_TOLD]]
        more = error.error_count() - len(lines)
        raise SpecError("\n".join([*lines, *([f"{source}: and {more:,} more"] if more else [])])) from None
    try:
        return Spec(**held(values))
    except HarnessError as error:
        raise SpecError(prediction.as_listed(data, f"{source}: {error}")) from None


@cache
def _models() -> dict[str, type[BaseModel]]:
    """Return the schema of specs: the keys of the whole, under "", and those of each of its tables, under its key.

    Keys, types and whether a key is required are those of the dataclasses; rules on values stand there too.
    """
    from pydantic import AliasChoices, ConfigDict, Field, create_model

    tables: dict[str, type[BaseModel]] = {}

    def model(key: str, record: type) -> type[BaseModel]:
        hints, keys = hints_of(record), dict[str, Any]()
        for item in fields(record):
            required = item.default is MISSING and item.default_factory is MISSING
            names = AliasChoices(item.name, _OTHER_KEYS[item.name]) if item.name in _OTHER_KEYS else None
            keys[item.name] = (
                _AS_GIVEN.get((record, item.name)) or written(item.name, hints[item.name]),
                Field(... if required else None, validation_alias=names),
            )
        tables[key] = create_model(
            f"{record.__name__}Model", __config__=ConfigDict(extra="forbid", strict=True), **keys
        )
        return tables[key]

    def written(key: str, hint: Any) -> Any:
        """Return the type of a value as TOML and JSON write it: lists for tuples, text for constraints, tables."""
        if get_origin(hint) is tuple:
            return GenericAlias(list, written(key, get_args(hint)[0]))
        if get_origin(hint) is UnionType:
            return reduce(or_, [written(key, item) for item in get_args(hint)])
        if get_origin(hint) is Mapping:
            return dict[str, Any]
        if is_dataclass(hint) and isinstance(hint, type) and hint is not Constraint:
            return model(key, hint)
        return str if hint is Constraint else hint

    model("", Spec)
    return tables


_AS_GIVEN: Mapping[tuple[type, str], Any] = {(Budget, "table_seed"): Any}
"""Types of keys that their record checks in one sentence: a text or a number."""


def _explain(source: str, item: Any, known: Mapping[str, list[str]]) -> str:
    """Word one error of the schema check."""
    parts = [clipped(_SHOWN.get(part, part)) if isinstance(part, str) else f"[{part}]" for part in item["loc"]]
    place = ".".join(parts).replace(".[", "[")
    if item["type"] == "extra_forbidden":
        table = str(item["loc"][0]) if len(item["loc"]) > 1 else ""
        keys = known[table]
        return f"{source}: unknown key '{place}'.{nearest(str(item['loc'][-1]), keys)} Known: {', '.join(keys)}."
    if item["type"] == "missing":
        return f"{source}: the key '{place}' is required"
    if item["type"] == "model_type":
        return f"{source}: {must(place, 'be a table', item['input'])}"
    return f"{source}: {must(place, item['msg'][:1].lower() + item['msg'][1:], item['input'])}".replace(
        "must input should", "must"
    )
