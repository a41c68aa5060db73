"""The command `nas-harness why`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from harness import registry
from harness.cli.app import Command
from harness.cli.output import print_json, print_table, say
from harness.errors import HarnessError, must

if TYPE_CHECKING:
    from reports.why.explained import Explained


def why(
    benchmark: Annotated[str, typer.Argument(help="A benchmark: a name, or the path of a table.", show_default=False)],
    arch: Annotated[
        Optional[str],  # noqa: UP045  # typer reads the annotation at run time
        typer.Option(help="The architecture to explain, in a form that its space reads; the default is the best."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts, with all genes and edits.")] = False,
) -> None:
    """Say what makes an architecture of a benchmark good: genes by variance, the way from the median, single edits."""
    from reports.sections.why import edits_words, importance_words
    from reports.study.wording import split_word
    from reports.tables import explained as shown
    from reports.tables.numbers import regret_words
    from reports.why.explained import BEST_WORDS, FINEST_WORDS
    from reports.why.frames import importance_rows, neighbour_rows, path_rows

    found = _explained(benchmark, arch)
    text = found.space.format(found.winner[None])[0]
    scale = found.landscape.truth.scales["validation"]
    if as_json:
        print_json(_plain(benchmark, text, found))
        return
    say(f"{benchmark}: {text}", "bold")
    truth = found.landscape.truth
    say(f"Regret {regret_words(found.loss, scale)} {truth.unit('validation')}, by {split_word(truth, 'validation')}.")
    say(f"Of {found.landscape.words}, {importance_words(found)}. {edits_words(found)}.")
    say("\nvariance explained", "bold")
    columns = ("genes", "of the regret, %", f"{BEST_WORDS}, %", f"{FINEST_WORDS} of these, %")
    rows = [shown.importance_cells(row) for row in shown.foremost(importance_rows(found))]
    print_table([dict(zip(columns, row, strict=True)) for row in rows])
    heads = ("edit", "regret", "gain", "noise", "the difference is")
    for title, edits in (("from the median", path_rows(found)), ("one edit away", neighbour_rows(found))):
        say(f"\n{title}", "bold")
        kept = edits if title == "from the median" else edits[: shown.MOST_ROWS]
        print_table([dict(zip(heads, shown.edit_cells(row, scale), strict=True)) for row in kept])


def _explained(name: str, arch: str | None) -> Explained:
    """Explain an architecture of a benchmark, the best where none is given."""
    from harness.experiments.manifest import BenchmarkFacts
    from reports.study.truth import Truth
    from reports.why.explained import explain
    from reports.why.landscape import landscape

    opened = registry.benchmark(name)
    truth = Truth(BenchmarkFacts.of(opened), registry.oracle(name))
    found = landscape(truth)
    if isinstance(found, str):
        raise HarnessError(f"what makes architectures of '{name}' good cannot be said: {found}")
    if arch is None:
        return explain(found, truth.oracle.optimum(truth.objective.name).arch)
    given = found.space.parse([arch])
    if not found.is_known(given)[0]:
        raise HarnessError(must("--arch", f"be an architecture that '{name}' has a value for", arch))
    return explain(found, given[0])


def _plain(name: str, text: str, found: Explained) -> dict[str, Any]:
    """Return everything as plain data."""
    from reports.why.frames import importance_rows, neighbour_rows, path_rows

    return {
        "benchmark": name,
        "architecture": text,
        "regret": found.loss,
        "unit": found.landscape.truth.unit("validation"),
        "analysed": found.landscape.words,
        "covers": found.landscape.covers,
        "importance": importance_rows(found),
        "path": path_rows(found),
        "neighbours": neighbour_rows(found),
    }


COMMAND = Command(
    why,
    (
        "nas-harness why nb201-cifar10",
        "nas-harness why graph-cora --arch '[0,0,1,3] gat gcn gin skip'",
    ),
)
