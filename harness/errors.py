"""Errors that a user can act on, and their wording.

An error states the rule, the value that broke it and, where there is one, the remedy.  The classes exist because
something catches them: the CLI prints a `HarnessError` without a traceback, `data` rebuilds a table on a `TableError`.
"""

from __future__ import annotations

import re
import shlex
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path
from reprlib import Repr

_LONGEST_NAME = 200
"""Letters of a name that is nobody's, as an error repeats them."""
_LONGEST_LIST = 3000
"""Letters of the names that there are, as an error lists them."""
_NEAR = 3
"""Names that an error offers in place of an unknown one."""
_FEW = 12
"""Names that an error lists besides the nearest."""
_SHOWN = {
    "benchmark": "`nas-harness list benchmarks` and `nas-harness data list` show",
    "table": "`nas-harness data list` shows",
    "strategy, benchmark or surrogate": "`nas-harness list benchmarks`, `list strategies` and `list surrogates` show",
}
"""What lists the names of a kind that has many."""


class HarnessError(ValueError):
    """A mistake in what the user gave, told in one message; the CLI prints it without a traceback."""


class SpecError(HarnessError):
    """A spec that cannot be run as written."""


class UnfitError(HarnessError):
    """A problem that asks for more than a strategy takes; whoever knows other strategies names those that can."""


class StrategyError(HarnessError):
    """A strategy that broke a rule of the ask/tell contract."""


class IrregularError(HarnessError):
    """Something that is no regular file where one is read: a folder, a link, a pipe, a device."""


class TableError(HarnessError):
    """A table file that is missing, damaged or of another version."""


class ResultError(HarnessError):
    """A result file that is damaged, or results that may not be compared."""


class DamagedError(ResultError):
    """A result file whose content is not what was written; it can only be computed again."""


class PlaceError(ResultError):
    """A place where nothing can be written, as a full disk: no other result can be written either."""


class IncompleteError(ResultError):
    """Results of which a part is missing; the CLI answers with an exit code of its own."""


def must(name: str, rule: str, value: object) -> str:
    """Word a broken rule: "`name` must be rule, got value".

    Parameters
    ----------
    name : str
        What was given, as the user knows it.
    rule : str
        The rule, completing "must ...", for example ``"be at least 1"``.
    value : object
        What was given; see `shown`.
    """
    return f"`{name}` must {rule}, got {shown(value)}"


def shown(value: object, width: int = 80) -> str:
    """Return the ``repr`` of a value, cut at `width` characters; of a large one only the beginning is made.

    What is read from a file may hold gigabytes, or some lists that hold each other so often that their text never ends.

    >>> shown([1] * 10**8, 20)
    '[1, 1, 1, 1, 1, 1...'
    """
    text = repr(value) if _weight(value, width) <= _SHORT else _BRIEF.repr(value)
    return text if len(text) <= width else text[: width - 3] + "..."


def reason(error: BaseException) -> str:
    """Return what an error says, cut; of what is no text, such as a missing key, as `shown` cuts it."""
    one = len(error.args) == 1
    text = shown(error.args[0]) if one and not isinstance(error.args[0], str) else str(error)
    return text if len(text) <= _SHORT else text[: _SHORT - 3] + "..."


_SHORT = 1000
"""Characters, or parts, of what is turned into text at once."""


def _weight(value: object, depth: int) -> int:
    """Return about how long the text of plain data is, counted no further than `_SHORT`."""
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    if isinstance(value, int):
        return value.bit_length() // 3
    if not isinstance(value, list | tuple | dict | set | frozenset):
        return 1
    if depth == 0 or len(value) > _SHORT:
        return _SHORT + 1
    weight = 1
    for part in chain.from_iterable(value.items()) if isinstance(value, dict) else value:
        weight += _weight(part, depth - 1)
        if weight > _SHORT:
            break
    return weight


class _Brief(Repr):
    """The beginning of large values."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring = 3, 200
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 8

    def repr_int(self, x: int, level: int) -> str:  # of many digits Python makes no text
        return repr(x) if x.bit_length() < _SHORT else f"an integer of {x.bit_length()} bits"

    def repr_dict(self, x: dict[object, object], level: int) -> str:
        if level <= 0:
            return "{...}"
        pairs = [f"{self.repr1(key, level - 1)}: {self.repr1(x[key], level - 1)}" for key in islice(x, self.maxdict)]
        return f"{{{', '.join(pairs)}{', ...' if len(x) > self.maxdict else ''}}}"

    def repr_set(self, x: set[object], level: int) -> str:
        return self.repr_list(list(islice(x, self.maxset)), level)

    def repr_frozenset(self, x: frozenset[object], level: int) -> str:
        return self.repr_list(list(islice(x, self.maxset)), level)

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(bytes(x[: self.maxstring]))

    repr_bytearray = repr_bytes


_BRIEF = _Brief()


def clipped(name: str) -> str:
    """Return a name as an error repeats it: a long one is cut."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def nearest(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest known names, or an empty string.

    The one that is spelt nearly the same comes first, then all that have its words, then the one spelt most alike.

    Examples
    --------
    >>> tables = ["nats-tss-cifar10", "nats-tss-cifar100", "nb201-cifar10", "nb301"]
    >>> nearest("tss", tables), nearest("nb210-cifar10", tables)
    (" Did you mean 'nats-tss-cifar10' or 'nats-tss-cifar100'?", " Did you mean 'nb201-cifar10'?")
    """
    if len(name) > _LONGEST_NAME:
        return ""
    by_lower = {candidate.lower(): candidate for candidate in known}
    words = _words(name)
    near = get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.85)
    near = near or sorted(
        (text for text in by_lower if words and words <= _words(text)), key=lambda text: (len(text), text)
    )
    near = near or get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.5)
    shown = [f"'{clipped(by_lower[text])}'" for text in near[:_NEAR]]
    if len(near) > _NEAR:
        shown.append(f"another of {len(near)}")
    listed = " or ".join([", ".join(shown[:-1]), *shown[-1:]] if len(shown) > 1 else shown)
    return f" Did you mean {listed}?" if listed else ""


def _words(name: str) -> set[str]:
    """Return the words that a name consists of."""
    return set(re.split(r"[^a-z0-9]+", name.lower())) - {""}


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """Word an unknown name: the kind, the name, the nearest match, and all known names or what lists them.

    Parameters
    ----------
    kind : str
        What the name should name, for example ``"strategy"``.
    name : object
        The unknown name; what is no text is near to none.
    known : iterable of str
        The names that exist; where one has a comma, all stand in quotes.
    """
    names = sorted(known)
    quote = "'" if any("," in item for item in names) else ""
    listed = ", ".join(f"{quote}{clipped(item)}{quote}" for item in names)
    if len(listed) > _LONGEST_LIST:
        listed = f"{listed[:_LONGEST_LIST].rpartition(', ')[0]} and others"
    near = nearest(name, names) if isinstance(name, str) else ""
    said = f"'{clipped(name)}'" if isinstance(name, str) else shown(name)
    begin = f"unknown {kind} {said}.{near}"
    if kind in _SHOWN and len(names) > _FEW:
        return f"{begin} {_SHOWN[kind]} the names."
    return begin if near and len(names) > _FEW else f"{begin} Known: {listed or 'none'}."


def raised(error: BaseException) -> str:
    """Return the last two places at which an error was raised, and the error, as Python tells them."""
    return "".join(traceback.format_exception(error, limit=-2)).strip()


def typed(*words: object) -> str:
    """Return a command of this program as it can be pasted into a shell; no path is taken for an option.

    >>> typed("report", "results/my run")
    "nas-harness report 'results/my run'"
    >>> typed("report", Path("-results"), "--out", Path("page"))
    'nas-harness report ./-results --out page'
    """
    paths = (f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word) for word in words)
    return shlex.join(["nas-harness", *paths])
