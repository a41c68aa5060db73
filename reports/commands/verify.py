"""The command `nas-harness verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from harness.cli.app import AsJson, Command, Device
from harness.cli.exit import code_of
from harness.cli.output import complain, print_json, say
from harness.errors import typed


def verify(
    results: Annotated[Path, typer.Argument(help="Folder of results made by `run`.", show_default=False)],
    top: Annotated[
        int,
        typer.Option(
            min=0,
            help="Final incumbents, members of fronts, what one-shot methods derived, to train; most frequent first.",
        ),
    ] = 3,
    stratified: Annotated[int, typer.Option(min=0, help="Architectures drawn from equal parts of the table.")] = 6,
    seeds: Annotated[int, typer.Option(min=2, help="Fresh trainings of each architecture.")] = 3,
    benchmark: Annotated[
        Optional[list[str]],  # noqa: UP045  # typer reads the annotation at run time
        typer.Option(help="Verify this benchmark; may be given several times.", show_default="all"),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where to train; auto takes CUDA where torch can use it.")] = (
        Device.AUTO
    ),
    data: Annotated[
        Optional[Path],  # noqa: UP045  # as above
        typer.Option(help="Folder of the dataset's official files, where it needs them.", show_default=False),
    ] = None,
    margin: Annotated[
        Optional[float],  # noqa: UP045  # as above
        typer.Option(help="Equivalence margin in points, for a table that carries none.", show_default=False),
    ] = None,
    level: Annotated[
        str, typer.Option("--level", "--rung", help="Speed level of the trainer: auto, R0, R1 ...")
    ] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the trainer.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Train on a CPU however long it takes.")] = False,
    ensemble: Annotated[
        bool, typer.Option(help="Select an ensemble of the trained networks, beside the best single one.")
    ] = True,
    keep_weights: Annotated[
        bool,
        typer.Option("--keep-weights", help="Keep the trained networks of the top picks, for `build` and `predict`."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train what a search found, and say whether the table told the truth.

    Writes RESULTS/verification: a table of the trained rows (.h5), the raw measurements (.json) and the verdicts
    (-verdicts.csv, -verdicts.json); with --keep-weights the networks of top picks too (-networks). The same command
    trains nothing twice; `report` shows the outcome on its page.
    """
    from harness.verification.job import Request
    from reports.sections.verification.run import run  # brings pandas and scipy, which `--help` does not need

    request = Request(
        top=top, stratified=stratified, seeds=seeds, benchmarks=tuple(benchmark or ()), device=device.value, data=data,
        margin_percent=margin, level=level, threads=threads, force=force, ensemble=ensemble, keep_weights=keep_weights,
    )  # fmt: skip
    try:
        answer = run(results, request, say=complain)
    except KeyboardInterrupt as stop:  # the trainer keeps a checkpoint first
        complain("interrupted: the same command continues from the last checkpoint")
        raise typer.Exit(code_of(stop)) from None
    if as_json:
        print_json(answer)
        return
    for item in answer["verified"]:
        for row in item["architectures"]:
            say(_line(row))
        say(item["sentence"])
        say(f"written: {item['files']['verdicts']}")
        if networks := item["files"].get("networks"):
            say(f"networks kept: {len(networks)}, the first of them: {networks[0]}")
    say(f"next: {typed('report', results)}")


def _line(row: dict[str, Any]) -> str:
    """Return one architecture in one line."""
    means = (row["table_mean"], row["real_mean"])
    table, real = ("   --" if mean is None else f"{mean:5.2f}" for mean in means)
    return f"{row['pick']:<13}  table {table}  real {real}  {row['verdict_words']}  {row['architecture']}"


COMMAND = Command(
    verify,
    ("nas-harness verify results/NAME --top 3 --stratified 6 --seeds 3 --data path/to/cifar-10",),
    has_workers=True,
)
