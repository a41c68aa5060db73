"""The reading of JSON and TOML from files that may be damaged: bounded, and every fault told with the file's name."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from harness.errors import HarnessError, IrregularError, must, unknown
from harness.files.whole import opened

MAX_JSON_BYTES, MAX_TOML_BYTES = 2**26, 2**20
"""Of one file; a manifest of a hundred thousand units of work has 25 million."""
MAX_DEPTH = 64
"""Of arrays and tables in each other; ours have ten at most."""
MAX_BITS = 128
"""Of an integer: the widest that anything here means is a seed."""
_WORDS = {str: "text", bool: "true or false", int: "an integer", float: "a number"}
Told = type[HarnessError]
RecordT = TypeVar("RecordT")
_KEY = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_CHAIN = re.compile(rf"(?<![\w-]){_KEY}(?:[ \t]*+\.[ \t]*+{_KEY}){{{MAX_DEPTH}}}")
"""A key of many dotted parts: the standard parser takes a time that grows as the square of their number."""


def read_json(path: Path, error: Told = HarnessError, *, remedy: str = "", largest: int = MAX_JSON_BYTES) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : Path
    error : type of HarnessError
        What to raise for a file that cannot be read or is not whole JSON; its message begins with the path.
    remedy : str
        Ends the message.
    largest : int
        Bytes that the file may have.

    Raises
    ------
    FileNotFoundError
        If there is no such file: only the caller knows what that means.
    """
    return parse_json(_content(path, error, remedy, largest), str(path), error, remedy=remedy)


def read_toml(path: Path, error: Told = HarnessError, *, remedy: str = "") -> dict[str, Any]:
    """Read a TOML file; as `read_json`."""
    return parse_toml(_content(path, error, remedy, MAX_TOML_BYTES), str(path), error, remedy=remedy)


def parse_json(content: str | bytes, where: str, error: Told = HarnessError, *, remedy: str = "") -> Any:
    """Read JSON, of which no object may repeat a key.

    Parameters
    ----------
    content : str or bytes
        UTF-8.
    where : str
        Begins the message of an error.
    error, remedy
        As in `read_json`.

    Examples
    --------
    >>> parse_json('{"a": 1, "a": 2}', "facts.json", remedy="write it again")
    Traceback (most recent call last):
    harness.errors.HarnessError: facts.json: damaged, no whole JSON file: the key 'a' is there twice; write it again
    """

    def parse(text: str) -> Any:
        value = json.loads(text, object_pairs_hook=_once)
        if "\\ud" in text.lower():  # half a character, which no terminal and no file takes
            json.dumps(value, ensure_ascii=False).encode()
        return value

    return _parsed(parse, content, where, error, "damaged, no whole JSON file", remedy)


def parse_toml(content: str | bytes, where: str, error: Told = HarnessError, *, remedy: str = "") -> dict[str, Any]:
    """Read TOML; as `parse_json`."""

    def parse(text: str) -> dict[str, Any]:
        if _CHAIN.search(text):
            raise RecursionError
        return tomllib.loads(text)

    table: dict[str, Any] = _parsed(parse, content, where, error, "not valid TOML", remedy)
    return table


def record_of(record: type[RecordT], data: Any, name: str) -> RecordT:
    """Return plain data as a dataclass, after a look at every key and the type of every value.

    Parameters
    ----------
    record : type
        A dataclass of texts, numbers, mappings, tuples of these and of dataclasses, and what may be None.
    data : object
        As JSON holds it: a mapping, lists for tuples.
    name : str
        What errors call it.

    Raises
    ------
    HarnessError
        Names the key, the rule and the value.
    """
    if not isinstance(data, Mapping):
        raise HarnessError(must(name, "be a table of keys and values", data))
    hints = get_type_hints(record)
    known = {item.name: item for item in fields(record)}  # type: ignore[arg-type]  # it is a dataclass
    for key in data:
        if key not in known:
            raise HarnessError(unknown(f"key of `{name}`", str(key)[:80], known))
    for key, item in known.items():
        if key not in data and item.default is MISSING and item.default_factory is MISSING:
            raise HarnessError(f"`{name}` must have the key '{key}'")
    return record(**{key: _held(hints[key], value, f"{name}.{key}") for key, value in data.items()})


def _held(hint: Any, value: Any, name: str) -> Any:
    """Return a value as a field of a record holds it."""
    if isinstance(hint, UnionType):
        inner = [option for option in get_args(hint) if option is not type(None)]
        return None if value is None and len(inner) < len(get_args(hint)) else _held(inner[0], value, name)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise HarnessError(must(name, "be a list", value))
        kinds = get_args(hint)
        items = kinds if kinds[-1] is not ... else (kinds[0],) * len(value)
        if len(items) != len(value):
            raise HarnessError(must(name, f"be a list of {len(items)}", value))
        return tuple(_held(one, item, f"{name}[{i}]") for i, (one, item) in enumerate(zip(items, value, strict=True)))
    if get_origin(hint) is Mapping:
        if not isinstance(value, Mapping):
            raise HarnessError(must(name, "be a table of keys and values", value))
        return value
    if is_dataclass(hint):
        return record_of(hint, value, name)  # type: ignore[arg-type]  # a class
    numbers = (int, float) if hint is float else hint
    if not isinstance(value, numbers) or (isinstance(value, bool) and hint is not bool):
        raise HarnessError(must(name, f"be {_WORDS[hint]}", value))
    if isinstance(value, float) and not math.isfinite(value):
        raise HarnessError(must(name, "be finite", value))
    return value


def _content(path: Path, error: Told, remedy: str, largest: int) -> bytes:
    try:
        with opened(path) as file:
            content = file.read(largest + 1)
    except FileNotFoundError:
        raise
    except IrregularError as irregular:
        raise error(_ended(str(irregular), remedy)) from None
    except OSError as refused:
        raise error(f"{path}: cannot be read: {refused.strerror}") from None
    if len(content) > largest:
        raise error(_ended(f"{path} must have at most {largest:,} bytes", remedy))
    return content


def _parsed(parse: Callable[[str], Any], content: str | bytes, where: str, error: Told, fault: str, remedy: str) -> Any:
    try:
        value = parse(content if isinstance(content, str) else content.decode("utf-8-sig"))
        _check(value)
    except RecursionError:
        reason = f"it nests more than {MAX_DEPTH} deep"
    except (ValueError, ArithmeticError, MemoryError) as caught:  # integers of too many digits among them
        reason = str(caught)[:200] or type(caught).__name__
    else:
        return value
    raise error(_ended(f"{where}: {fault}: {reason}", remedy))


def _ended(message: str, remedy: str) -> str:
    return f"{message}; {remedy}" if remedy else message


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"the key {twice[:40]!r} is there twice")
    return content


def _check(value: Any) -> None:
    """Refuse what is nested too deep, and integers that nothing can mean; level by level, without recursion."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 2):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, int) and item.bit_length() > MAX_BITS:
                raise ValueError(f"an integer has more than {MAX_BITS} bits")
            inside: Iterable[Any] = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
            inner.extend(inside)
        if not inner:
            return
        level = inner
    raise RecursionError
