"""The command `nas-harness compare`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from harness.cli.app import Command
from harness.cli.output import complain, print_json, print_table, say
from harness.errors import HarnessError, must, typed
from harness.printable import counted


def compare(
    first: Annotated[Path, typer.Argument(help="Folder of results made by `run`.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another, of the same protocol.", show_default=False)],
    pair: Annotated[
        Optional[list[str]],  # noqa: UP045  # typer reads the annotation at run time
        typer.Option(help="FIRST=SECOND, labels of strategies to compare; the default is those that both have."),
    ] = None,
    margin: Annotated[
        Optional[float],  # noqa: UP045  # as above
        typer.Option(help="A difference that does not matter, in the unit of the results: equivalence is tested too."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Test two sets of results against each other, replicate by replicate: two versions, or two strategies."""
    from harness.experiments.results import read_results
    from reports.study.against import against

    if margin is not None and not 0 < margin < math.inf:
        raise HarnessError(must("--margin", "be finite and greater than 0", margin))
    pairs = [_pair(text) for text in pair or ()]
    ours, theirs = read_results(first), read_results(second)
    for one in (ours, theirs):
        if missing := sum(stop - start for *_, start, stop in one.missing):
            complain(f"warning: '{one.folder}' lacks {counted(missing, 'run')}: what both have is compared")
    if ours.derived or theirs.derived:
        page = typed("report", first, second, "--out", "PAGE")
        complain(f"one-shot methods are not compared, searches alone are; `{page}` shows both on one page")
    found = against(ours, theirs, pairs, margin=margin)
    if as_json:
        print_json(found.to_dict("records"))
        return
    say(f"{first} (first) against {second} (second); positive differences speak for the second")
    for split, rows in found.groupby("split", sort=False):
        say(f"\n{split}", "bold")
        print_table([_shown(row, margin) for row in rows.to_dict("records")])
    within = (
        ""
        if margin is None
        else (f"; equivalent: two one-sided t tests of the mean difference against {margin:g}, Holm-adjusted likewise")
    )
    say(
        "\nfirst, second: mean value of what runs ended with; difference: median over pairs of replicates of the"
        " regret of the first minus that of the second, 95 % bootstrap interval; won: by the second; two-sided"
        f" signed-rank test (Pratt's zeros), Holm-adjusted over the rows of a split{within}"
    )


def _pair(text: str) -> tuple[str, str]:
    first, equals, second = text.partition("=")
    if not equals or not first or not second:
        raise HarnessError(must("--pair", "be FIRST=SECOND, two labels", text))
    return first, second


def _shown(row: dict[Any, Any], margin: float | None) -> dict[str, Any]:
    from reports.tables.numbers import NONE, bracket, p_value

    ends = (NONE if math.isnan(row[key]) else f"{row[key]:+.3g}" for key in ("difference", "low", "high"))
    label = row["first"] if row["first"] == row["second"] else f"{row['first']} = {row['second']}"
    shown = {
        "benchmark": row["benchmark"],
        "strategy": label,
        "n": row["n"],
        "first": f"{row['mean_first']:.4g}",
        "second": f"{row['mean_second']:.4g}",
        "difference [95 % CI]": bracket(*ends),
        "won, tied, lost": f"{row['wins']}, {row['ties']}, {row['losses']}",
        "p, Holm": p_value(row["p_holm"]),
    }
    if margin is not None:
        shown["p, equivalent, Holm"] = p_value(row["p_equivalent_holm"])
    return {**shown, "verdict": row["verdict"]}


COMMAND = Command(
    compare,
    (
        "nas-harness compare results/before results/after",
        "nas-harness compare results/mine results/mine --pair mine=random_search --margin 0.1",
    ),
)
