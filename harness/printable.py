r"""The printable form of what somebody else wrote: what would steer a terminal, hide or break a file is escaped.

Names, labels, units and paths come from users and from files.  Where they are shown, control characters, marks that
turn the direction of writing, lone surrogates and what has no meaning in Unicode are written as escapes, ``\x1b``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"
"""Invisible, and needed by some scripts and by emoji."""


def printable(text: str) -> str:
    r"""Return a text as one line that can be shown anywhere.

    >>> printable("a\x1b[31mb\n"), printable("caf\xe9\xa0au lait")
    ('a\\x1b[31mb\\n', 'café au lait')
    """
    if text.isprintable():
        return text
    return "".join(_shown(letter) for letter in text)


def printable_lines(text: str) -> str:
    """Return a text of several lines that can be shown anywhere: as `printable`, with line feeds and tabs kept."""
    if text.isprintable():
        return text
    return "".join(part if part in ("\n", "\t") else printable(part) for part in re.split(r"([\n\t])", text))


def json_text(text: str) -> str:
    r"""Return JSON whose letters can all be shown: others are written as JSON's own escapes, the data is the same.

    >>> json_text('"\x9b \u202e"')
    '"\\u009b \\u202e"'
    """
    return "".join(letter if letter == "\n" or _shown(letter) == letter else _units(letter) for letter in text)


def _shown(letter: str) -> str:
    if letter.isprintable() or letter in _JOINERS:
        return letter
    if unicodedata.category(letter) == "Zs":
        return " "
    return letter.encode("unicode_escape").decode("ascii")


def _units(letter: str) -> str:
    data = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[place : place + 2].hex()}" for place in range(0, len(data), 2))


def printable_data(data: Any) -> Any:
    """Return plain data whose texts, keys of mappings included, are printable."""
    if isinstance(data, str):
        return printable(data)
    if isinstance(data, dict):
        return {printable_data(key): printable_data(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [printable_data(item) for item in data]
    return data


def counted(number: int, one: str, many: str = "") -> str:
    """Write how many there are of something.

    >>> counted(1, "benchmark"), counted(2_500, "run"), counted(2, "strategy", "strategies")
    ('1 benchmark', '2,500 runs', '2 strategies')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
