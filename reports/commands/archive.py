"""The commands `nas-harness archive …`: results of whole experiments in one small file, to compare later ones with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from harness.cli.app import Command
from harness.cli.exit import guarded
from harness.cli.output import print_facts, print_json, print_table, say
from harness.errors import typed
from harness.printable import counted

if TYPE_CHECKING:
    from reports.archive.file import Archive

archive = typer.Typer(no_args_is_help=True, help="Keep results as one small file, and compare later ones with it.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@archive.command("build")
@guarded
def build_archive(
    results: Annotated[
        list[str],
        typer.Argument(
            help="Folders of results made by `run`, whole, and archives; of one protocol. A strategy that several have"
            " is taken from the first.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write.", show_default=False)],
    name: Annotated[str, typer.Option(help="What pages call it; the default is the name of the file.")] = "",
    machine: Annotated[
        str, typer.Option(help="Where the runs were made, in words; the default is this machine's processor.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Write results, and archives, into one sealed file, which `report --against FILE` compares others with."""
    from reports.archive.build import build

    if not machine:
        from harness.training.latency import machine as processor

        machine = processor()
    made = build(results, out, machine=machine, name=name)
    if as_json:
        print_json(_facts(made))
        return
    runs = len(made.results.runs)
    strategies = counted(len(made.results.labels), "strategy", "strategies")
    say(f"{out}: {counted(runs, 'run')} of {strategies}, {out.stat().st_size:,} bytes")
    say(f"next: {typed('report', 'results/mine', '--against', out)}")


@archive.command("show")
@guarded
def show_archive(
    name: Annotated[
        Optional[str],  # noqa: UP045  # typer reads the annotation at run time
        typer.Argument(help="One that comes along, or the path of a file; without, those that come along."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what an archive holds: its protocol, tables and strategies, each with the version that was run."""
    from reports.archive.file import find, read_archive, shipped

    if name is None:
        names = [{"archive": one} for one in shipped()]
        print_json(names) if as_json else print_table(names)
        return
    facts = _facts(read_archive(find(name)))
    if as_json:
        print_json(facts)
        return
    strategies = facts.pop("strategies")
    print_facts(facts | {"benchmarks": ", ".join(facts["benchmarks"])})
    print_table(strategies)


def _facts(made: Archive) -> dict[str, Any]:
    from reports.archive.standing import installed
    from reports.study.provenance import budget_words

    spec = made.results.spec
    return {
        "name": made.name,
        "sha256": made.digest,
        "date": made.date,
        "machine": "; ".join(made.machines),
        "made with": f"nas-harness {made.made_with}",
        "budget": budget_words(spec),
        "replicates": spec.replicates,
        "seed": spec.seed,
        "benchmarks": {name: facts.table_digest for name, facts in made.results.benchmarks.items()},
        "strategies": [
            {"strategy": label, "version": version, "installed": installed(made, label)}
            for label, version in made.results.versions.items()
        ],
    }


COMMAND = Command(
    archive,
    (
        "nas-harness archive build results/zoo results/zoo-guided --out zoo.npz",
        "nas-harness archive build results/mine zoo --out with-mine.npz",
        "nas-harness archive show zoo",
    ),
)
