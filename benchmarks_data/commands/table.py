"""The commands `nas-harness table …`: train a table of this project's own, measure one here, fit look-up tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

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
    name: Annotated[str, typer.Argument(help="A table of the program, or my_table.toml, which describes one.")],
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
    from benchmarks_data.trained import build, own, sample
    from harness.errors import typed
    from harness.names import read
    from harness.printable import counted

    def progress(done: int, total: int, seconds: float) -> None:
        complain(f"{done} of {total} parts, {seconds:.0f} s in this call")

    described = own.read(read(name).path) if read(name).path is not None else None
    plan = provider.plan(name) if described is None else described.plan
    space = provider.space(plan.space) if described is None else described.space
    if described is not None:
        complain(*described.told())
    options: dict[str, Any] = {"workers": workers, "device": device, "limit": parts, "on_progress": progress}
    if plan.sample is None:
        written = build.build(plan, space, out, **options)
        finished = written is not None
    else:
        written, finished = sample.build(plan, space, out, say=complain, **options)
        if written and (described is None or not finished):
            say(f"{written} holds all that is trained so far")
    if not finished:
        say(f"parts are missing: run `{typed('table', 'build', name)}` again")
    elif described is not None and written is not None:
        path = own.write(described, written)
        say(f"{path}: the table, {counted(len(plan.training.seeds), 'training')} of each architecture")
        say(f'search it with: benchmarks = ["{path}"]')
    elif written is not None and plan.sample is None:
        say(str(written))


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
    from benchmarks_data.joins import widened
    from benchmarks_data.measured import measure as measuring
    from harness.printable import counted
    from harness.training import latency

    measuring.check_device_name(device_name)
    header = provider.whole(name)
    path = out or widened.default_path(name, device_name)
    widened.check_path(path, header)
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


@table.command("score")
@guarded
def score_table(
    name: Name,
    proxies: Annotated[str, typer.Option(help="Names of proxies with commas between; all but gennas by default.")] = "",
    inits: Annotated[int, typer.Option(min=1, help="Initial weights that a score is the mean over.")] = 3,
    batch: Annotated[int, typer.Option(min=2, help="Items of the minibatch, the same for all networks.")] = 32,
    workers: Annotated[int, typer.Option(min=1, help="Processes, one compute thread each.")] = 1,
    out: Annotated[
        Optional[Path],  # noqa: UP045  # as above
        typer.Option(help="The table to write; the default is NAME-zc.h5 in this folder."),
    ] = None,
    scores: Annotated[Path, typer.Option(help="Folder of the parts, and of the compact file.")] = Path("build/scores"),
    join: Annotated[
        Optional[Path],  # noqa: UP045  # as above
        typer.Option(help="A compact file of other proxies, measured alike: its scores are kept beside these."),
    ] = None,
    parts: Annotated[
        Optional[int],  # noqa: UP045  # as above
        typer.Option(min=1, help="Do at most so many parts in this call."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score a table's networks without training, by zero-cost proxies, and write the table with these columns.

    The same command continues after an interruption; proxies that are named later are added to what is there. The
    table that is named stays as it is.
    """
    import json

    import numpy as np

    from benchmarks_data import provider
    from benchmarks_data.file import recorded
    from benchmarks_data.file.trainings import mean_over_trainings
    from benchmarks_data.importers.columns import own_scores
    from benchmarks_data.joins import widened
    from benchmarks_data.scored import score as scoring
    from harness.errors import typed
    from harness.printable import counted
    from harness.training.proxies.setting import Setting

    def progress(done: int, total: int, seconds: float) -> None:
        complain(f"{done} of {total} parts, {seconds:.0f} s in this call")

    header = provider.whole(name)
    path = out or widened.default_path(name, "zc")
    widened.check_path(path, header)
    names = scoring.wanted([each.strip() for each in proxies.split(",") if each.strip()], header)
    plan = scoring.plan_of(header, Setting(widened.setup_of(header), batch, inits=tuple(range(inits))))
    older = None if join is None else scoring.read_older(join, plan, np.asarray(header.array("archs")))
    scored = scoring.score(header, plan, scores, names, workers=workers, limit=parts, on_progress=progress)
    if scored is None:
        say(f"parts are missing: run `{typed('table', 'score', name)}` again, with the same options")
        return
    compact = scores / f"{header.meaning.name}-zc.npz"
    scoring.save(compact, plan, scored, older)
    space = recorded.whole_space_of(header)
    _, columns = own_scores.read_columns([compact], space, lambda what, fraction: None)
    about = {"scored": json.dumps(plan.setting.as_dict() | {"machine": plan.machine, "torch": plan.torch})}
    widened.write(path, header, columns, suffix="zc", label="scores", title="with zero-cost scores", about=about)
    truth = np.full(len(scored.archs), np.nan)
    if header.meaning.validation:
        truth = mean_over_trainings(header.values(header.meaning.validation)[:, :, -1:])[:, 0]
    rows = [
        {"proxy": each, "ms": float(1e3 * scored.seconds[each].sum(axis=1).mean())}
        | {key: None if np.isnan(value) else value for key, value in found.items()}
        for each in names
        for found in [scoring.agreement(columns[own_scores.PREFIX + each][1][:, 0, 0], truth)]
    ]
    if as_json:
        print_json({"table": str(path), "scores": str(compact), "batch": batch, "inits": inits, "proxies": rows})
        return
    written = [
        {
            key: value
            if isinstance(value, str)
            else ""
            if value is None
            else format(value, ".3g" if key == "ms" else "+.3f")
            for key, value in row.items()
        }
        for row in rows
    ]
    how = f"mean over {counted(inits, 'initialisation')}, batch {batch}"
    say(f"{path}: {counted(len(names), 'proxy', 'proxies')} of {len(scored.archs):,} networks, {how}")
    say(f"the scores alone: {compact}; milliseconds of a network, and how scores agree with validation over all rows:")
    print_table(written)
    say(f'search it with: benchmarks = ["{path}"], and signals such as zc_{names[0]}')


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


@table.command("fit")
@guarded
def fit_table(
    name: Name,
    out: Annotated[Path, typer.Option(help="The surrogate benchmark to write, .h5.")],
    learner: Annotated[str, typer.Option(help="Its name; it must be one that can be kept in a file.")] = "mlp_ensemble",
    settings: Annotated[
        str, typer.Option(help="Hyperparameters of the learner, as in a spec: 'layers = 4, width = 64'.")
    ] = "",
    rows: Annotated[str, typer.Option(help="How many rows are drawn to learn from, or 'all'.")] = "all",
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random.")] = 0,
    judge: Annotated[bool, typer.Option("--judge", help="Judge it afterwards, as `table judge` does.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fit a surrogate benchmark to a table, or to a sample of it: one file that is opened like a table.

    The table may be one of the catalogue, or the path of one: of your own data, of a build, or what `verify` trained.
    """
    from benchmarks_data import provider
    from benchmarks_data.predicted.fitted import fit as fitting
    from benchmarks_data.predicted.fitted.file import read, write
    from benchmarks_data.predicted.fitted.sample import sample_of
    from harness.errors import HarnessError, must, typed
    from harness.files.reading import parse_toml
    from harness.files.whole import check_place

    if out.suffix != ".h5":
        raise HarnessError(must("out", "end in .h5", str(out)))
    check_place(out)
    if rows != "all" and not rows.isdigit():
        raise HarnessError(must("rows", "be a number, or 'all'", rows))
    given = parse_toml(f"settings = {{ {settings} }}", "--settings")["settings"] if settings else {}
    sample = sample_of(provider.told(name), None if rows == "all" else int(rows), seed)
    fitted = fitting.fit(sample, {**given, "name": learner}, name=out.stem, seed=seed, tell=complain)
    write(out, fitted)
    opened = read(out, check_content=True)
    told = {
        "surrogate": str(out),
        "bytes": out.stat().st_size,
        "sha256": opened.digest,
        "learner": dict(opened.facts["learner"]),
        "rows": len(sample.archs),
        "directions": len(opened.model.curves.directions),
        "repeated_trainings": opened.model.noise.trainings,
        **fitting.summary(opened.evidence),
    }
    if judge:
        told["page"] = str(judged(out, table_name=name))
    if as_json:
        print_json(told)
        return
    say(f"{out}: {learner} fitted to {told['rows']:,} rows of {name}, {out.stat().st_size / 1e6:.2g} MB")
    noisy = "as those of the table" if told["repeated_trainings"] else "none: no row was trained twice"
    say(f"noise: {noisy}; out of fold R2 {told['r2']:.3f}, root mean squared error {told['rmse']:.3g}")
    say(f'search it with: benchmarks = ["{out}"]; judge it with: {typed("table", "judge", out)}')
    if judge:
        say(f"the page: {told['page']}")


@table.command("judge")
@guarded
def judge_table(
    path: Annotated[Path, typer.Argument(help="A surrogate benchmark, as `table fit` wrote it, or the name of one.")],
    out: Annotated[
        Optional[Path],  # noqa: UP045  # as above
        typer.Option(help="Folder of the page; the default is NAME-audit, beside the file."),
    ] = None,
    table_name: Annotated[
        Optional[str],  # noqa: UP045  # as above
        typer.Option("--table", help="The table that it was fitted to, where that is known by another name or path."),
    ] = None,
    replicates: Annotated[int, typer.Option(min=2, help="Searches of each strategy.")] = 50,
) -> None:
    """Judge a surrogate benchmark: held-out agreement, noise, extrapolation, and searches on it and on its table."""
    say(str(judged(path, out, table_name, replicates)))


def judged(path: Path, out: Path | None = None, table_name: str | None = None, replicates: int = 50) -> Path:
    """Write the audit page of a surrogate benchmark and return where it lies."""
    from harness import registry

    folder = path.with_name(f"{path.stem}-audit") if out is None else out
    judge = registry.load("view", "judge")
    page: Path = judge(path, folder, table=table_name, replicates=replicates, tell=complain)
    return page


COMMAND = Command(
    table,
    (
        "nas-harness table fit micro-mnist1d --learner mlp_ensemble --rows 2000 --out micro.h5",
        "nas-harness table judge micro.h5",
        "nas-harness table measure micro-mnist1d --batch 1",
        "nas-harness table score micro-mnist1d --proxies synflow,nwot",
        "nas-harness table lookup nb201-cifar10 latency_seconds",
        "nas-harness table build micro-mnist1d --workers 2",
        "nas-harness table build my_table.toml --workers 2",
    ),
    has_workers=True,
)
