"""Verification: train what a search found, and a stratified sample of its table, with seeds the table has not seen.

This module picks, trains and writes raw measurements and a table of them; verdicts are the reports' business.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from harness.checks import FloatArray
from harness.errors import HarnessError, IncompleteError, ResultError, unknown
from harness.experiments.results import Results, read_results
from harness.files.whole import locked, remove_unfinished
from harness.printable import counted
from harness.training.curves import OK, UNFINISHED, Curves
from harness.training.recipe import TrainingSetup
from harness.verification import record as verify_record
from harness.verification.job import Job, Request, device_of, prepare
from harness.verification.record import FOLDER, Measurements
from harness.verification.tools import Tools

TELL_SECONDS = 10.0
"""At least so much time lies between two lines about progress."""


@dataclass(frozen=True)
class Verified:
    """One verified benchmark.

    Attributes
    ----------
    measurements : Measurements
    record, table : Path
        Files written; the table is None where no training finished.
    reused : bool
        Whether the record was there already and nothing was trained.
    """

    measurements: Measurements
    record: Path
    table: Path | None
    reused: bool


@dataclass(frozen=True)
class Outcome:
    """What a verification did.

    Attributes
    ----------
    verified : tuple of Verified
    skipped : mapping of str to str
        Benchmarks that cannot be trained here, and why.
    """

    verified: tuple[Verified, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)


def verify(
    folder: str | Path,
    request: Request | None = None,
    *,
    tools: Tools | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Train the picks of every benchmark of an experiment whose training is known, and write what came out.

    For each benchmark, ``verification/NAME.json`` (raw measurements) and ``verification/NAME.h5`` (a table like any
    other) are written below the results.  A record that already answers the request is kept and nothing is trained.

    Parameters
    ----------
    folder : path
        Results of `run`, complete.
    request : Request
    tools : Tools
    say : callable
        Told what happens, line by line.

    Raises
    ------
    IncompleteError
        If runs are missing.
    HarnessError
        If no benchmark can be trained, data are missing, or a CPU would need too long.
    """
    folder, request, tools = Path(folder), request or Request(), tools or Tools()
    results = read_results(folder)
    if results.missing:
        raise IncompleteError(
            f"{len(results.missing)} shard(s) of '{folder}' have no result: run the spec again before verifying it,"
            " because final incumbents are picked over all runs"
        )
    trainings, skipped = _trainings(results, request, tools)
    device = device_of(request.device, say)
    with locked(folder / FOLDER / ".lock", wait=False) as held:
        if not held:
            raise ResultError(f"another verification is writing to '{folder / FOLDER}'; wait for it")
        remove_unfinished(folder / FOLDER)
        jobs = [_prepared(results, name, training, request, tools) for name, training in trainings.items()]
        todo = [job for job in jobs if _kept(folder, job) is None]
        for job in todo if device == "cpu" and not request.force else ():
            tools.refuse_long(job.archs, len(job.seeds), job.recipe, job.dataset, job.training.network)
        for job in (job for job in jobs if job.left_out):
            runs = counted(job.left_out, "run")
            say(f"{job.facts.task}: what {runs} recommended is left out, it breaks the bounds by the table's means")
        for name, reason in skipped.items():
            say(f"{name}: not verified, {reason}")
        verified = tuple(_verify_one(folder, job, device, request, tools, say) for job in jobs)
    return Outcome(verified, skipped)


def _trainings(results: Results, request: Request, tools: Tools) -> tuple[dict[str, TrainingSetup], dict[str, str]]:
    """Return how each benchmark asked for was trained, and why the others cannot be."""
    trainings, skipped = {}, {}
    searched = [task.name for task in results.spec.tasks]  # what was only judged by has no runs
    for name in request.benchmarks:
        if name not in searched:
            raise HarnessError(unknown("benchmark of this experiment", name, searched))
    for name in request.benchmarks or searched:
        training = tools.training_of(results.benchmarks[name].name)
        if training is None:
            skipped[name] = "because its table does not say how its networks were trained, or this program has no such"\
                            " trainer"  # fmt: skip
        else:
            trainings[name] = training
    if not trainings:
        raise HarnessError(
            "nothing can be verified: " + "; ".join(f"{name} is skipped {reason}" for name, reason in skipped.items())
        )
    return trainings, skipped


def _prepared(results: Results, name: str, training: TrainingSetup, request: Request, tools: Tools) -> Job:
    """Make a benchmark ready; where one of several cannot be, say how to leave it out."""
    try:
        return prepare(results, name, training, request, tools)
    except HarnessError as error:
        if len(results.spec.tasks) == 1 or request.benchmarks == (name,):
            raise
        raise type(error)(
            f"{name} cannot be verified: {error}\nTo verify others without it, name them: --benchmark NAME"
        ) from error


def _kept(folder: Path, job: Job) -> Measurements | None:
    """Return the record on disk if it answers this very request."""
    try:
        earlier = verify_record.read(verify_record.record_path(folder, job.facts.task))
    except ResultError:
        return None
    same = (
        earlier.table_digest == job.facts.table_digest
        and earlier.training == job.training
        and (earlier.margin_percent, earlier.margin_source) == job.margin
        and earlier.picks == job.picks
        and earlier.seeds == job.seeds
        and earlier.provenance.get("recipe") == job.recipe.as_dict()
        and earlier.provenance.get("dataset_sha256") == job.dataset.sha256
    )
    return earlier if same and not np.any(earlier.status == UNFINISHED) else None


def _verify_one(
    folder: Path, job: Job, device: str, request: Request, tools: Tools, say: Callable[[str], None]
) -> Verified:
    record, table = (verify_record.record_path(folder, job.facts.task, suffix) for suffix in (".json", ".h5"))
    kept = _kept(folder, job)
    if kept is not None:
        say(f"{job.facts.task}: verified before, nothing to train")
        return Verified(kept, record, table if table.exists() else None, True)
    n, s = len(job.picks), len(job.seeds)
    how = f"{job.training.recipe} on {job.dataset.name}"
    say(f"{job.facts.task}: training {counted(n, 'architecture')} x {s} seeds ({how})")
    # named after the work, so that what another request left unfinished is not in the way
    checkpoint = record.with_name(f".{record.stem}-{job.digest[:12]}.checkpoint")
    curves = tools.train(
        job.archs, job.seeds, job.recipe, job.dataset, device,
        network=job.training.network, level=request.level, checkpoint=checkpoint, on_progress=_teller(say),
        threads=request.threads, force=True,
    )  # fmt: skip
    measurements = _measurements(job, curves)
    table.unlink(missing_ok=True)
    written = bool(measurements.finished.any())
    if written:
        _record_table(table, job, measurements, tools)
    verify_record.write(record, measurements)
    for left in record.parent.glob(f".{record.stem}-*.checkpoint*"):
        left.unlink()
    return Verified(measurements, record, table if written else None, False)


def _teller(say: Callable[[str], None]) -> Callable[[Any], None]:
    """Return what turns the trainer's progress into a line now and then."""
    shown = [time.monotonic()]

    def tell(progress: Any) -> None:
        if time.monotonic() - shown[0] >= TELL_SECONDS:
            shown[0] = time.monotonic()
            left = progress.seconds_left
            estimate = "" if left is None else f", about {left:.0f} s left"
            say(f"  {progress.done} of {progress.total} networks trained{estimate}")

    return tell


def _measurements(job: Job, curves: Curves) -> Measurements:
    ok = curves.status == OK
    expected = [_expected(job, column) for column in ("params_m", "macs_m")]
    return Measurements(
        benchmark=job.facts.task,
        table_digest=job.facts.table_digest,
        column=job.oracle.validation,
        training=job.training,
        margin_percent=job.margin[0],
        margin_source=job.margin[1],
        picks=job.picks,
        seeds=job.seeds,
        valid_accuracy=np.where(ok, curves.valid_accuracy[:, :, -1], np.nan),
        test_accuracy=np.where(ok, curves.test_accuracy, np.nan),
        seconds=curves.seconds,
        status=curves.status,
        diverged_epoch=curves.diverged_epoch,
        params=job.costs[0],
        macs=job.costs[1],
        params_expected=expected[0],
        macs_expected=expected[1],
        provenance={
            "rung": curves.level,
            "rung_because": curves.level_because,
            **({"rungs_passed_over": list(curves.levels_passed_over)} if curves.levels_passed_over else {}),
            "device": curves.device,
            "machine": platform.machine(),
            "recipe": job.recipe.as_dict(),
            "dataset": job.dataset.description,
            "dataset_sha256": job.dataset.sha256,
            "versions": {name: version(name) for name in ("nas-harness", "torch", "numpy")},
        },
    )


def _expected(job: Job, column: str) -> FloatArray:
    """Return what the table says in units where it holds millions; NaN where it has no such column."""
    if column not in job.oracle.columns:
        return np.full(len(job.picks), np.nan)
    return np.rint(job.oracle.mean(job.archs, column) * 1e6)  # whole, but for binary rounding


def _record_table(path: Path, job: Job, measured: Measurements, tools: Tools) -> None:
    """Write the rows that were trained; a training that diverged is a run without a result."""
    rows = measured.made.any(axis=1)
    column = job.oracle.columns[job.oracle.validation]
    training = TrainingSetup(**{**vars(job.training), "seeds": job.seeds, "margin_percent": measured.margin_percent})
    provenance = measured.provenance
    tools.write_table(
        path,
        name=path.stem + "-verified",
        space=job.oracle.space.name,
        epochs=job.recipe.epochs,
        archs=measured.archs[rows],
        trained_on=column.trained_on,
        seeds=measured.seeds,
        made=measured.made[rows],
        values={
            "valid_accuracy": np.where(measured.finished, measured.valid_accuracy, np.nan)[rows],
            "test_accuracy": np.where(measured.finished, measured.test_accuracy, np.nan)[rows],
            "train_seconds": measured.seconds[rows],
            "params": measured.params[rows],
            "macs": measured.macs[rows],
        },
        training=training.as_dict(),
        about={
            "title": f"Verification of {measured.benchmark} by real training",
            "dataset": job.dataset.description or job.dataset.name,
            "replicates": f"trained with the seeds {', '.join(map(str, measured.seeds))}; failed ones have no result",
            "licence": "your own measurements",
            "citation": "",
            "source": f"nas-harness verify, level {provenance['rung']} on {provenance['device']}, table sha256"
            f" {measured.table_digest}",
            "source_sha256": str(provenance["dataset_sha256"]),
        },
    )
