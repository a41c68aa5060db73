"""The command `nas-harness report`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer

from harness import registry
from harness.cli.app import Command
from harness.cli.output import complain, print_json, say
from harness.cli.progress import working
from harness.errors import HarnessError


class Direction(StrEnum):
    """Which values are better."""

    MAXIMISE = "maximise"
    MINIMISE = "minimise"


def report(
    results: Annotated[
        Optional[list[Path]],  # noqa: UP045  # typer reads the annotation at run time
        typer.Argument(
            help="Folder of results made by `run`; several of one protocol go on one page.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045  # as above
        typer.Option("--out", help="Where the report goes; the default is RESULTS/report.", show_default=False),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Report an incomplete experiment; missing runs are marked.")
    ] = False,
    given: Annotated[
        Optional[Path],  # noqa: UP045  # as above
        typer.Option(
            "--results",
            help="Final values from elsewhere in place of a folder: CSV with the columns benchmark, strategy,"
            " replicate, value, and perhaps budget.",
            show_default=False,
        ),
    ] = None,
    direction: Annotated[
        Optional[Direction],  # noqa: UP045  # as above
        typer.Option(help="Of --results: which values are better.", show_default=False),
    ] = None,
    paired: Annotated[
        bool, typer.Option("--paired", help="Of --results: replicates of one number met the same conditions.")
    ] = False,
    paper: Annotated[
        bool,
        typer.Option("--paper", help="Write the folder `paper` beside the page too: LaTeX, BibTeX, the checklist."),
    ] = False,
    against: Annotated[
        Optional[list[str]],  # noqa: UP045  # as above
        typer.Option(
            help="An archive whose strategies are compared too: one that comes along (zoo), or a file of `archive"
            " build`; may be given several times.",
            show_default=False,
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the paths written as JSON.")] = False,
) -> None:
    """Write the page, the figures and the tables of an experiment, and print the path of the page."""
    for kind in ("section", "figure"):
        complain(*(f"warning: {sentence}" for sentence in registry.unavailable(kind)))
    with working() as on_step:
        if given is not None:
            if paper:
                raise HarnessError("`--paper` is for folders of results: a file of final values has no methods to cite")
            if against:
                raise HarnessError(
                    "`--against` is for folders of results: of a file of final values no protocol is known"
                )
            page = _of_given(given, results or [], out, direction, on_step, paired=paired)
        else:
            page = _of_results(
                results or [], against or [], out, direction, on_step,
                allow_missing=allow_missing, paired=paired, paper=paper,
            )  # fmt: skip
    if json_:
        parts = {kind: sorted(str(path) for path in (page.parent / kind).glob("*")) for kind in ("figures", "tables")}
        print_json({"page": str(page), **parts})
    else:
        say(str(page))


def _of_results(
    results: list[Path],
    against: list[str],
    out: Path | None,
    direction: Direction | None,
    on_step: Callable[[str], None],
    *,
    allow_missing: bool,
    paired: bool,
    paper: bool,
) -> Path:
    from reports.page.build import build  # brings pandas, scipy and matplotlib, which `--help` does not need

    if not results and not against:
        raise HarnessError("`report` needs a folder of results made by `run`, or `--results FILE.csv`")
    if direction is not None or paired:
        raise HarnessError("`--direction` and `--paired` are for `--results FILE.csv`: folders of results say both")
    from reports.paper.folder import write

    beside = write if paper else None
    return build(results, out, allow_missing=allow_missing, on_step=on_step, beside=beside, against=against)


def _of_given(
    given: Path,
    results: list[Path],
    out: Path | None,
    direction: Direction | None,
    on_step: Callable[[str], None],
    *,
    paired: bool,
) -> Path:
    from reports.given.read import read
    from reports.page.build import build_given

    if results:
        raise HarnessError("give folders of results or `--results FILE.csv`, not both")
    if direction is None:
        raise HarnessError("`--results` needs `--direction maximise` or `--direction minimise`: nothing else says it")
    on_step(f"reading {given}")
    return build_given(read(given, str(direction), paired=paired), out or given.with_suffix(".report"), on_step=on_step)


COMMAND = Command(
    report,
    (
        "nas-harness report results/quickstart",
        "nas-harness report results/mine results/zoo --out results/together",
        "nas-harness report results/mine --against zoo",
        "nas-harness report results/quickstart --paper",
        "nas-harness report --results final.csv --direction maximise --out final-report",
    ),
    has_workers=True,
)
