"""The form of a file as a person states it, where it is not to be recognised: the table ``[file]`` of a description."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from harness.errors import TableError, must, unknown

SEPARATORS: Mapping[str, str] = {",": "','", ";": "';'", "\t": "tab", "|": "'|'", " ": "blanks"}
"""What may stand between fields, and how it is called."""
_MARKS = (".", ",")
_GROUPS = (",", ".", " ", "'")


@dataclass(frozen=True)
class Form:
    """What a person says of a file; None is recognised.

    Attributes
    ----------
    separator : str or None
        A key of `SEPARATORS`.
    decimal, thousands : str or None
        The mark before decimals, "." or ","; and the one between groups of three digits.
    encoding : str or None
        A name that Python knows.
    comment : str or None
        What a line that is no data begins with; "": there is none.
    sheet : str or None
        Of a workbook.
    """

    separator: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    comment: str | None = None
    sheet: str | None = None


def checked(given: Any) -> Form:
    """Return the form that ``[file]`` states.

    Raises
    ------
    TableError
        Names the key, the rule and the value.
    """
    if not isinstance(given, dict):
        raise TableError(must("file", "be a table [file], for example with `separator` and `decimal`", given))
    known = [item.name for item in fields(Form)]
    for key, value in given.items():
        if key not in known:
            raise TableError(unknown("key of [file]", key, known))
        if not isinstance(value, str):
            raise TableError(must(f"{key} of [file]", "be text", value))
    form = Form(**given)
    for key, allowed in (("separator", tuple(SEPARATORS)), ("decimal", _MARKS), ("thousands", _GROUPS)):
        if given.get(key, allowed[0]) not in allowed:
            raise TableError(must(f"{key} of [file]", f"be one of {', '.join(map(repr, allowed))}", given[key]))
    if form.thousands is not None and form.thousands == (form.decimal or "."):
        raise TableError(must("thousands of [file]", "be another mark than `decimal`, which is '.' by default", given))
    if form.encoding is not None:
        try:
            codecs.lookup(form.encoding)
        except (LookupError, ValueError):
            raise TableError(
                must("encoding of [file]", "be one that Python knows, for example 'cp1252'", form.encoding)
            ) from None
    return form
