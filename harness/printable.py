r"""The printable form of what somebody else wrote: what would steer a terminal, hide or break a file is escaped.

Names, labels, units and paths come from users and from files.  Where they are shown, control characters, marks that
turn the direction of writing, lone surrogates and what has no meaning in Unicode are written as escapes, ``\x1b``.
"""

from __future__ import annotations

import re
import unicodedata

_JOINERS = "\u200c\u200d"
"""Invisible, and needed by some scripts and by emoji."""
_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""How a text begins that spreadsheets compute, the wide forms of East Asian keyboards included."""


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
    if text.isascii() and "\x7f" not in text:
        return text
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


def counted(number: int, one: str, many: str = "") -> str:
    """Write how many there are of something.

    >>> counted(1, "benchmark"), counted(2_500, "run"), counted(2, "strategy", "strategies")
    ('1 benchmark', '2,500 runs', '2 strategies')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def duration(seconds: float) -> str:
    """Return seconds as people say them.

    >>> duration(0.4), duration(75), duration(7300)
    ('0.4 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if round(seconds) < 60:
        return f"{round(seconds)} s"
    if round(seconds) < 3600:
        return f"{round(seconds) // 60} min {round(seconds) % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def guarded(value: object) -> object:
    """Return a cell as it is written: of a text the printable form, with an apostrophe where it needs one.

    >>> guarded("=1+1"), guarded("-x"), guarded("'=1"), guarded("plain"), guarded(-1.5)
    ("'=1+1", "'-x", "''=1", 'plain', -1.5)
    """
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if _FORMULA.match(shown) or value[:1] in ("\t", "\r") else shown


def unguarded(text: str) -> str:
    """Return a text as it was before `guarded`.

    >>> unguarded("'=1+1"), unguarded("'quoted'")
    ('=1+1', "'quoted'")
    """
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
