"""The command `nas-harness status`."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from harness.cli.exit import INCOMPLETE
from harness.cli.output import print_json, print_table, say
from harness.printable import counted, duration

if TYPE_CHECKING:
    from harness.experiments.status import Status

_BAR = 20
"""Letters of the bar of a line."""


def status(
    folder: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder of results made by `run`.")],
    watch: Annotated[
        Optional[float],  # noqa: UP045  # typer reads the annotation at run time
        typer.Option(min=0.1, help="Show it again every so many seconds, until nothing is running."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Say what is there of an experiment, running or not, what is missing, and how long that takes."""
    from harness.experiments.status import status as look

    found = look(folder)
    while watch is not None and found.running and not as_json:
        _print(folder, found)
        time.sleep(watch)
        found = look(folder)
    if as_json:
        print_json({**asdict(found), "done": found.done, "total": found.total, "left_seconds": found.left_seconds})
    else:
        _print(folder, found)
    if found.done < found.total and not found.running:
        raise typer.Exit(INCOMPLETE)


def _print(folder: Path, found: Status) -> None:
    rows: list[dict[str, Any]] = [
        {
            "benchmark": line.benchmark,
            "strategy": line.label,
            "replicates": f"{line.replicates} of {line.of}",
            "": "#" * (_BAR * line.replicates // line.of) + "." * (_BAR - _BAR * line.replicates // line.of),
        }
        for line in found.lines
    ]
    print_table(rows)
    say(f"{folder}: {found.done} of {counted(found.total, 'shard')}, {_state(found)}")


def _state(found: Status) -> str:
    """Say what goes on."""
    if found.done == found.total:
        return "complete"
    said = "running" if found.running else "nothing is running; `run` with its spec continues"
    if found.last_seconds is not None:
        said += f", last result {duration(max(0.0, time.time() - found.last_seconds))} ago"
    if found.running and found.left_seconds is not None:
        said += f", about {duration(found.left_seconds)} left"
    return said
