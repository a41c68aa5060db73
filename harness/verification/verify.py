"""Verification: train what a search found, and a stratified sample of its table, with seeds the table has not seen.

This module picks, trains and writes raw measurements and a table of them; verdicts are the reports' business.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.checks import FloatArray
from harness.errors import HarnessError, IncompleteError, ResultError, unknown
from harness.experiments.results import Results, read_ended
from harness.files.whole import locked, remove_unfinished
from harness.printable import counted
from harness.spaces import named
from harness.training.curves import OK, UNFINISHED, Curves
from harness.training.recipe import TrainingSetup
from harness.verification import record as verify_record
from harness.verification.job import MOST_BYTES, Job, Request, device_of, predictions_bytes, prepare, weights_paths
from harness.verification.record import FOLDER, Measurements
from harness.verification.tools import Tools

if TYPE_CHECKING:
    from harness.verification.kept import Keeper

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
    networks : tuple of Path
        Files of the networks whose weights were kept.
    """

    measurements: Measurements
    record: Path
    table: Path | None
    reused: bool
    networks: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a verification did.

    Attributes
    ----------
    verified : tuple of Verified
    skipped : mapping of str to str
        Benchmarks that cannot be trained here, and why.
    searched : bool
        Whether searches are among what was verified: what one-shot methods derive is not picked by noisy values.
    """

    verified: tuple[Verified, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    searched: bool = True


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
    With `keep_weights` the networks of top picks are kept in ``verification/NAME-networks``.

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
    results = read_ended(folder)
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
        todo = [job for job in jobs if _kept(folder, job, request) is None]
        for job in todo if device == "cpu" and not request.force else ():
            tools.refuse_long(job.archs, len(job.seeds), job.recipe, job.dataset, job.training.network)
        for job in (job for job in jobs if job.left_out):
            runs = counted(job.left_out, "run")
            say(f"{job.name}: what {runs} recommended is left out, it breaks the bounds by the table's means")
        for name, reason in skipped.items():
            say(f"{name}: not verified, {reason}")
        verified = tuple(_verify_one(folder, job, device, request, tools, say) for job in jobs)
    return Outcome(verified, skipped, searched=bool(results.runs))


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


def _kept(folder: Path, job: Job, request: Request) -> Measurements | None:
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
    if not same or np.any(earlier.status == UNFINISHED):
        return None
    return earlier if not _lacking(folder, job, request, earlier) else None


def _weights(folder: Path, job: Job, request: Request) -> dict[int, Path]:
    """Return the files of weights that are asked for, by number of the training."""
    networks = verify_record.record_path(folder, job.facts.task, "-networks")
    return weights_paths(networks, job) if request.keep_weights else {}


def _lacking(folder: Path, job: Job, request: Request, measured: Measurements) -> list[Path]:
    """Return the files of weights that are asked for and not there, of trainings that came to their end."""
    from harness.verification.kept import missing  # brings torch

    done = measured.finished.ravel()
    return missing({number: path for number, path in _weights(folder, job, request).items() if done[number]}, job)


def _verify_one(
    folder: Path, job: Job, device: str, request: Request, tools: Tools, say: Callable[[str], None]
) -> Verified:
    record, table = (verify_record.record_path(folder, job.facts.task, suffix) for suffix in (".json", ".h5"))
    kept = _kept(folder, job, request)
    if kept is not None:
        said = "" if kept.ensemble or not request.ensemble else "; without predictions, so there is no ensemble"
        say(f"{job.name}: verified before, nothing to train{said}")
        networks = tuple(path for path in _weights(folder, job, request).values() if path.exists())
        return Verified(kept, record, table if table.exists() else None, True, networks)
    n, s = len(job.picks), len(job.seeds)
    how = f"{job.training.recipe} on {job.dataset.name}"
    say(f"{job.name}: training {counted(n, 'architecture')} x {s} seeds ({how})")
    # named after the work, so that what another request left unfinished is not in the way
    checkpoint = record.with_name(f".{record.stem}-{job.digest[:12]}.checkpoint")
    keeper = _keeper(checkpoint.with_suffix(".predictions"), job, request, say, _weights(folder, job, request))
    curves = tools.train(
        job.archs, job.seeds, job.recipe, job.dataset, device,
        network=job.training.network, level=request.level, checkpoint=checkpoint, on_progress=_teller(say),
        on_trained=keeper, threads=request.threads, force=True,
    )  # fmt: skip
    measurements = _measurements(job, curves)
    if keeper is not None:
        done = np.flatnonzero(measurements.finished).tolist()
        measurements = replace(measurements, ensemble=keeper.ensemble(done))
    table.unlink(missing_ok=True)
    written = bool(measurements.finished.any())
    if written:
        _record_table(table, job, measurements, tools)
    verify_record.write(record, measurements)
    for left in record.parent.glob(f".{record.stem}-*.checkpoint*"):
        left.unlink()
    for left in record.parent.glob(f".{record.stem}-*.predictions"):
        rmtree(left)
    lacking = _lacking(folder, job, request, measurements)
    if lacking:
        what = counted(len(lacking), "network")
        say(f"  the weights of {what} are not kept: trained before `keep_weights` was asked for, and then interrupted")
    networks = tuple(path for path in _weights(folder, job, request).values() if path not in lacking and path.exists())
    return Verified(measurements, record, table if written else None, False, networks)


def _keeper(
    predictions: Path, job: Job, request: Request, say: Callable[[str], None], weights: dict[int, Path]
) -> Keeper | None:
    """Return what keeps something of each network that is trained; None where nothing is asked for."""
    wanted = request.ensemble and all(len(job.dataset.labels[split]) for split in ("valid", "test"))
    if wanted and predictions_bytes(job) > MOST_BYTES:
        say(f"  no ensemble: predictions would take {predictions_bytes(job) / 2**20:,.0f} MiB, more than"
            f" {MOST_BYTES // 2**20}")  # fmt: skip
        wanted = False
    if not (wanted or weights):
        return None
    from harness.verification.kept import Keeper  # brings torch

    return Keeper(job, predictions if wanted else None, weights)


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
        space=named.content_of(job.oracle.space),
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
