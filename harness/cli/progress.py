"""Progress of a run on a terminal: one line that says what runs, how far it is and how long it will take."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Column
from rich.text import Text

from harness.cli.output import error_console
from harness.experiments.progress import Progress, sentence
from harness.printable import printable


@contextmanager
def shown() -> Iterator[Callable[[Progress], None] | None]:
    """Give the callback that draws progress on stderr; None, and nothing drawn, when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    bar = Bar(
        BarColumn(bar_width=16),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("shards", table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
        expand=True,
        console=error_console(),
        transient=True,
    )
    task = bar.add_task("", total=None)
    with bar:
        yield lambda now: bar.update(task, completed=now.done, total=now.total, description=sentence(now))


@contextmanager
def working() -> Iterator[Callable[[str], None]]:
    """Give a callback that says on stderr what is done now; it draws nothing when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda what: None
        return
    with error_console().status("") as status:
        yield lambda what: status.update(Text(printable(what)))
