"""The command `nas-harness report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from harness import registry
from harness.cli.app import Command
from harness.cli.output import complain, print_json, say
from harness.cli.progress import working


def report(
    results: Annotated[
        list[Path],
        typer.Argument(
            help="Folder of results made by `run`; several of one protocol go on one page.", show_default=False
        ),
    ],
    out: Annotated[
        Optional[Path],  # noqa: UP045  # typer reads the annotation at run time
        typer.Option("--out", help="Where the report goes; the default is RESULTS/report.", show_default=False),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Report an incomplete experiment; missing runs are marked.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the paths written as JSON.")] = False,
) -> None:
    """Write the page, the figures and the tables of an experiment, and print the path of the page."""
    from reports.page.build import build  # brings pandas, scipy and matplotlib, which `--help` does not need

    for kind in ("section", "figure"):
        complain(*(f"warning: {sentence}" for sentence in registry.unavailable(kind)))
    with working() as on_step:
        page = build(results, out, allow_missing=allow_missing, on_step=on_step)
    if json_:
        parts = {kind: sorted(str(path) for path in (page.parent / kind).iterdir()) for kind in ("figures", "tables")}
        print_json({"page": str(page), **parts})
    else:
        say(str(page))


COMMAND = Command(
    report,
    ("nas-harness report results/quickstart", "nas-harness report results/mine results/zoo --out results/together"),
    has_workers=True,
)
