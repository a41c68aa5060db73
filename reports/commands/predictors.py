"""The command `nas-harness predictors`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import app
from harness.cli.app import Command
from harness.errors import SpecError, typed
from harness.experiments.prediction import KIND
from harness.experiments.schema import load


def predictors(
    spec: Annotated[Path, typer.Argument(help=r"The spec, a TOML file with \[\[learners]].", metavar="SPEC.toml")],
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes that compute shards side by side.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of results; the experiment's folder is made in it.")] = Path(
        "results"
    ),
    device: Annotated[
        app.Device, typer.Option(help="Where learners compute; auto takes CUDA where torch can use it.")
    ] = app.Device.CPU,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compute nothing; say how many shards are missing and how long they take.")
    ] = False,
) -> None:
    """Evaluate learners on benchmarks, what is missing of it, and write the page."""
    loaded = load(spec)
    if loaded.kind != KIND:
        raise SpecError(f"{spec}: this is a spec of searches, without [[learners]]: {typed('run', spec)}")
    app.run(spec, workers, out, device, dry_run=dry_run)
    if not dry_run:
        from reports.commands.report import report

        report([out / loaded.name])


COMMAND = Command(
    predictors,
    (
        "nas-harness predictors examples/predictors.toml --workers 2",
        "nas-harness predictors examples/predictors-full.toml --dry-run",
    ),
    has_workers=True,
)
