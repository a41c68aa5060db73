"""Output of the commands: tables for people, JSON for scripts, complaints on stderr.

Colours and boxes appear on a terminal only; `NO_COLOR` turns colours off.  Whatever text is printed, a name
or a path of a user's, it steers no terminal: see `harness.printable`.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.printable import json_text, printable, printable_lines

_PIPED_WIDTH = 200
"""Columns when stdout is no terminal: wide, so that a line of a table stays one line for `grep`."""


CUT_PIPE = 141
"""Exit code where nobody reads the output any more (128 + SIGPIPE): `head` has read enough."""


class _Quiet(Console):
    """A console that ends the program without a word where nobody reads it any more."""

    def on_broken_pipe(self) -> None:
        """Send what is left to nowhere, and end."""
        try:
            super().on_broken_pipe()
        except SystemExit:
            raise SystemExit(CUT_PIPE) from None


def console() -> Console:
    """Return the console of stdout."""
    return _Quiet(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False, soft_wrap=True)


def error_console() -> Console:
    """Return the console of stderr."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def complain(*lines: str) -> None:
    """Print lines on stderr as they are."""
    out = error_console()
    for line in lines:
        out.print(Text(printable_lines(line)))


def say(line: str = "", style: str = "") -> None:
    """Print a line on stdout as it is."""
    console().print(Text(printable_lines(line), style=style))


def print_json(data: Any) -> None:
    """Print data as JSON on stdout, null in place of a number that is not finite: JSON has none."""
    text = json.dumps(_finite(data), indent=2, ensure_ascii=False, default=str, allow_nan=False)
    sys.stdout.write(json_text(text) + "\n")


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows under the headings of their keys; what is missing or None is shown as an empty cell."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(Text(printable(column.replace("_", " "))), overflow="fold")
    for row in rows:
        values = [row.get(column) for column in columns]
        table.add_row(*[Text("" if value is None else printable_lines(plain(value))) for value in values])
    console().print(table, soft_wrap=False)


def print_facts(facts: Mapping[str, Any], indent: int = 0) -> None:
    """Print nested data for people: a mapping as ``key: value`` lines, a list of mappings as a table."""
    pad = "  " * indent
    for key, value in facts.items():
        if value is None or value == "" or value == [] or value == {}:
            continue
        heading = f"{pad}{key if indent else key.replace('_', ' ')}:"
        if isinstance(value, Mapping):
            say(heading, "bold")
            print_facts(value, indent + 1)
        elif isinstance(value, list | tuple) and value and all(isinstance(row, Mapping) for row in value):
            say(heading, "bold")
            print_table(value)
        elif isinstance(value, str) and "\n" in value:
            say(heading, "bold")
            for line in value.splitlines():
                say(f"{pad}  {line}" if line else "")
        else:
            console().print(Text.assemble((f"{printable(heading)} ", "bold"), printable(plain(value))))


def plain(value: object) -> str:
    """Return a value as people write it.

    >>> plain(True), plain(15625), plain(["a", "b"]), plain(0.5)
    ('yes', '15,625', 'a, b', '0.5')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={plain(item)}" for key, item in value.items())
    return str(value)
