"""The commands `nas-harness table …`: train a table of this project's own, measure one here, fit look-up tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from harness.cli.app import Command
from harness.cli.exit import guarded
from harness.cli.output import complain, print_json, print_table, say

table = typer.Typer(no_args_is_help=True, help="Train tables of this project, and measure networks on this machine.")

Name = Annotated[str, typer.Argument(help="A table by name, or the path of one (.h5).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@table.command("build")
@guarded
def build_table(
    name: Annotated[str, typer.Argument(help="The table, for example micro-mnist1d.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes, one compute thread each.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")] = "cpu",
    out: Annotated[Path, typer.Option(help="Folder of the parts and of the finished table.")] = Path("build/tables"),
    parts: Annotated[
        Optional[int],  # noqa: UP045  # typer reads the annotation at run time
        typer.Option(min=1, help="Train at most so many parts in this call."),
    ] = None,
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
    say(str(written) if written else f"parts are missing: run `nas-harness table build {name}` again")


@table.command("measure")
@guarded
def measure_table(
    name: Name,
    batch: Annotated[int, typer.Option(min=1, help="Items in one pass.")] = 1,
    sample: Annotated[int, typer.Option(min=10, help="Rows that are measured; the others by a look-up table.")] = 300,
    repeats: Annotated[int, typer.Option(min=2, help="Timed passes of each network.")] = 50,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    device_name: Annotated[str, typer.Option(help="What columns call this machine.")] = "cpu",
    out: Annotated[
        Optional[Path],  # noqa: UP045  # as above
        typer.Option(help="The table to write; the default is NAME-DEVICE.h5 in this folder."),
    ] = None,
    parts: Annotated[Path, typer.Option(help="Folder of what is measured so far.")] = Path("build/latency"),
    as_json: AsJson = False,
) -> None:
    """Measure the latency of a table's networks on this machine, and write the table with that column.

    The same command continues after an interruption. The table that is named stays as it is.
    """
    from importlib.metadata import version

    from benchmarks_data import provider
    from benchmarks_data.measured import measure as measuring
    from harness.errors import HarnessError, must
    from harness.printable import counted
    from harness.training import latency

    measuring.check_device_name(device_name)
    path = out or measuring.default_path(name, device_name)
    if path.suffix != ".h5":
        raise HarnessError(must("--out", "end in .h5, so that its name is read as a path", str(path)))
    header = provider.whole(name)
    plan = measuring.Plan(
        header.digest, sample, batch, repeats, threads, machine=latency.machine(), torch=version("torch")
    )

    def progress(done: int, total: int, seconds: float) -> None:
        complain(f"{done} of {total} parts, {seconds:.0f} s in this call")

    measured = measuring.measure(header, plan, parts, timed=latency.measure, on_progress=progress)
    column = measuring.write(path, header, plan, measured, device=device_name)
    rows = len(measured.values_ms)
    told = {
        "table": str(path),
        "column": column,
        "machine": plan.machine,
        "threads": threads,
        "batch": batch,
        "repeats": repeats,
        "measured": len(measured.rows),
        "rows": rows,
        "smallest_ms": float(measured.median_ms.min()),
        "largest_ms": float(measured.median_ms.max()),
        "interval_percent": measured.interval_percent,
        "repeatability_percent": measured.repeatability_percent,
        "lookup": {"n": measured.quality.n, **measuring.told(measured.quality)},
    }
    if as_json:
        print_json(told)
        return
    how = f"{counted(threads, 'thread')}, batch {batch}, the median of {repeats} passes"
    say(f"{path}: {column}, {len(measured.rows):,} of {rows:,} networks measured on {plan.machine} ({how})")
    say(f"{told['smallest_ms']:.4g} to {told['largest_ms']:.4g} ms, {measured.interval_words}")
    if measured.repeatability_percent is None:
        say(measured.repeatability_words)
    else:
        say(
            f"one network, measured again in each part, differs by up to {measured.repeatability_percent:.2g} %: a"
            " bound that is closer is no bound"
        )
    if len(measured.rows) < rows:
        fitted = ", of a table fitted without them" if measured.quality.is_told else ""
        say(f"the others are sums of a look-up table: {measured.quality_words}{fitted}")
    say(f'search it with: benchmarks = ["{path}"], constraints = ["{column} <= ..."]')


@table.command("lookup")
@guarded
def lookup_table(
    name: Name,
    column: Annotated[str, typer.Argument(help="A column of costs, for example latency_seconds.")],
    cells: Annotated[int, typer.Option(min=2, help="Rows that the table is fitted to; all others judge it.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Draws these rows.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Fit an additive look-up table to a column of costs, and say how well it predicts what it has not seen."""
    import numpy as np

    from benchmarks_data import provider
    from benchmarks_data.file import recorded
    from benchmarks_data.measured import lookup
    from harness.errors import HarnessError, must, unknown

    header = provider.whole(name)
    costs = [key for key, item in header.columns.items() if not item.split]
    if column not in header.columns:
        raise HarnessError(unknown(f"column of {name}", column, costs))
    if column not in costs:
        raise HarnessError(must("column", f"be one of costs ({', '.join(costs)}), for results are not sums", column))
    values = np.asarray(header.values(column))[:, :, -1]
    means = np.nanmean(np.where(np.isfinite(values).any(axis=1, keepdims=True), values, 0.0), axis=1)
    means[~np.isfinite(values).any(axis=1)] = np.nan
    archs = np.asarray(header.array("archs"))
    fitted, judged = lookup.split(np.flatnonzero(np.isfinite(means)), cells, seed)
    found = lookup.fit(recorded.whole_space_of(header), archs[fitted], means[fitted])
    how = lookup.quality(found, archs[judged], means[judged])
    unit = header.columns[column].unit
    if as_json:
        print_json({"table": name, "column": column, "unit": unit, "cells": cells, "base": found.base,
                    "parts": found.by_gene(), "r2": how.r2, "tau": how.tau, "judged_by": how.n})  # fmt: skip
        return
    say(f"{column} of {name} in {unit}, fitted to {cells} rows: {how}")
    say(f"base {found.base:.6g}, and of each gene:")
    rows = [{"gene": gene, "value": value, "adds": f"{part:+.4g}"}
            for gene, values in found.by_gene().items() for value, part in values.items()]  # fmt: skip
    print_table(rows)


COMMAND = Command(
    table,
    (
        "nas-harness table measure micro-mnist1d --batch 1",
        "nas-harness table lookup nb201-cifar10 latency_seconds",
        "nas-harness table build micro-mnist1d --workers 2",
    ),
    has_workers=True,
)
