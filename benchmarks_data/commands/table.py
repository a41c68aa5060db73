"""The command `nas-harness table`: train a table of this project's own."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.app import Command
from harness.cli.output import complain, say


class Action(StrEnum):
    """What to do with a table."""

    BUILD = "build"


def table(
    action: Annotated[Action, typer.Argument(help="What to do: build trains what is missing of a table.")],
    name: Annotated[str, typer.Argument(help="The table, for example micro-mnist1d.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes, one compute thread each.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")] = "cpu",
    out: Annotated[Path, typer.Option(help="Folder of the parts and of the finished table.")] = Path("build/tables"),
    parts: Annotated[int | None, typer.Option(min=1, help="Train at most so many parts in this call.")] = None,
) -> None:
    """Train a table, or what is missing of it; the same command continues after an interruption."""
    from benchmarks_data import provider
    from benchmarks_data.trained import build
    from harness.errors import HarnessError, must
    from harness.spaces.enumerated import EnumeratedSpace

    def progress(done: int, total: int, seconds: float) -> None:
        complain(f"{done} of {total} parts, {seconds:.0f} s in this call")

    plan = provider.plan(name)
    space = provider.space(plan.space)
    if not isinstance(space, EnumeratedSpace):
        raise HarnessError(must("space", "have few enough codings to train every class of it", plan.space))
    written = build.build(plan, space, out, workers=workers, device=device, limit=parts, on_progress=progress)
    say(str(written) if written else f"parts are missing: run `nas-harness table {action} {name}` again")


COMMAND = Command(table, ("nas-harness table build micro-mnist1d --workers 2",), has_workers=True)
