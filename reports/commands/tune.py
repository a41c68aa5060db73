"""The command `nas-harness tune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.app import Command
from harness.cli.output import complain, print_json, print_table, say
from harness.cli.progress import shown
from harness.errors import IncompleteError, SpecError, typed


def tune(
    plan: Annotated[
        Path,
        typer.Argument(help="The plan, a TOML file: strategy, values, on, report_on, budget.", metavar="PLAN.toml"),
    ],
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes that compute shards side by side.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of results; those of the plan are made in it.")] = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Choose hyperparameters of a strategy on some benchmarks, and run the choice on others; the cost is counted."""
    from dataclasses import asdict

    from harness.experiments.execute import execute
    from harness.experiments.prepare import Prepared, prepare
    from harness.experiments.results import read_results
    from harness.experiments.spec import Spec
    from reports.tuning.choice import choose, write
    from reports.tuning.plan import check_apart, in_plan, load

    def ready(spec: Spec) -> Prepared:
        try:
            return prepare(spec, source=str(plan))
        except SpecError as error:
            raise SpecError(in_plan(str(error), spec)) from None

    loaded = load(plan)
    check_apart(loaded)
    ready(loaded.report({}))  # before anything runs

    def run(spec: Spec) -> Path:
        prepared = ready(spec)
        complain(*(f"warning: {notice}" for notice in prepared.notices))
        with shown() as on_progress:
            outcome = execute(prepared, out / spec.name, workers=workers, on_progress=on_progress)
        if outcome.failed:
            first = outcome.failed[0]
            raise IncompleteError(f"{len(outcome.failed)} shards failed, the first ({first.label}): {first.error}")
        return outcome.folder

    tuned = choose(loaded, read_results(run(loaded.search())))
    folder = run(loaded.report(tuned.hyperparameters))
    write(tuned, folder)
    if as_json:
        print_json({**asdict(tuned), "folder": str(folder)})
        return
    print_table([{"configuration": label, "mean rank": f"{rank:.2f}"} for label, rank in tuned.ranks.items()])
    say(f"\n{tuned.sentence()}")
    say(f"next: {typed('report', folder)}")


COMMAND = Command(tune, ("nas-harness tune plan.toml --workers 2",), has_workers=True)
