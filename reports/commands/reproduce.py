"""The command `nas-harness reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from harness.cli.app import Command
from harness.cli.exit import INCOMPLETE
from harness.cli.output import print_json, print_table, say
from harness.cli.progress import shown
from harness.printable import counted

if TYPE_CHECKING:
    from reports.reproductions.reproduce import Reproduction

LIST = "list"
"""The argument in place of a name."""


def _complete(incomplete: str) -> list[str]:
    from reports.reproductions.recipe import names

    return [name for name in (LIST, *names()) if name.startswith(incomplete)]


def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            help="A published table, or the path of a recipe (.toml); 'list' lists those that ship.",
            autocompletion=_complete,
        ),
    ],
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes that compute shards side by side.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of results; those of each search are made in it.")] = Path(
        "results"
    ),
    replicates: Annotated[
        Optional[int],  # noqa: UP045  # typer reads the annotation at run time
        typer.Option(min=1, help="Runs of each search in place of the published number, for a quick look."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Run a published table, and say of each of its values whether it is reproduced."""
    from reports.reproductions.recipe import STANDING, load, names
    from reports.reproductions.reproduce import VERDICTS
    from reports.reproductions.reproduce import reproduce as run

    if name == LIST:
        rows = [
            {
                "name": key,
                "values": ", ".join(dict.fromkeys(map(recipe.values_of, recipe.parts))),
                "title": recipe.title,
                "paper": recipe.paper,
            }
            for key, recipe in zip(names(), map(load, names()), strict=True)
        ]
        if as_json:
            print_json(rows)
        else:
            print_table([{key: row[key] for key in ("name", "values", "title")} for row in rows])
            for standing, meaning in STANDING.items():
                say(f"{standing}: {meaning}")
        return
    recipe = load(name)
    with shown() as on_progress:
        made = run(recipe, out, workers=workers, replicates=replicates, on_progress=on_progress)
    if as_json:
        print_json(made.as_dict())
    else:
        _print(made)
        say(f"\n{out / f'{recipe.name}-{VERDICTS}'}")
    if any(verdict.state == "not run" for verdict in made.verdicts):
        raise typer.Exit(INCOMPLETE)


def _print(made: Reproduction) -> None:
    from reports.reproductions.recipe import STANDING

    recipe = made.recipe
    say(recipe.title, "bold")
    for key, text in (("paper", recipe.paper), ("source", recipe.source)):
        say(f"  {key:<8}{text}")
    known = {part.name: recipe.values_of(part) for part in recipe.parts}
    for standing in dict.fromkeys(known.values()):
        of = "" if len(set(known.values())) == 1 else f"{', '.join(p for p in known if known[p] == standing)}: "
        say(f"  {'values':<8}{of}{standing} ({STANDING[standing]})")
    say(f"  {'tables':<8}{', '.join(dict.fromkeys(made.tables.values()))}")
    for note in recipe.notes:
        say(f"  {'note':<8}{note}")
    say()
    numbers: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    for verdict in made.verdicts:
        mark = ""
        if verdict.reason:
            mark = f" [{numbers.setdefault(verdict.reason, len(numbers) + 1)}]"
        rows.append(
            {
                "part": verdict.part,
                "row": verdict.row,
                "value": verdict.quantity,
                "published": verdict.published,
                "here": verdict.here,
                "differs by": "" if verdict.difference is None else f"{verdict.difference:+.3f}",
                "allowed": "" if verdict.allowed is None else f"{verdict.allowed:.3f}",
                "verdict": verdict.state + mark,
            }
        )
    print_table(rows)
    for reason, number in numbers.items():
        say(f"[{number}] {reason}")
    states = [verdict.state for verdict in made.verdicts]
    said = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    say(f"\n{counted(len(states), 'value')}: {said}")


COMMAND = Command(
    reproduce,
    (
        "nas-harness reproduce list",
        "nas-harness reproduce darts-family",
        "nas-harness reproduce nats-tss-multitrial --workers 2",
    ),
    has_workers=True,
)
