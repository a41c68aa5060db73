"""The execution of an experiment: units of work times an executor, continued where a killed run stopped."""

from __future__ import annotations

import pickle
import time
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.checks import integer
from harness.errors import DamagedError, IncompleteError, IrregularError, PlaceError, ResultError
from harness.experiments.kind import Kind, Output, UnitT, kind_of
from harness.experiments.manifest import write_manifest
from harness.experiments.prepare import Prepared
from harness.experiments.processes import MOST_WORKERS, Pool, spawned, without_sudden_end
from harness.experiments.progress import Failure, Ledger, Progress
from harness.experiments.store import read_unit, unit_path, write_unit
from harness.files.confined import Confined
from harness.files.whole import locked, remove_unfinished
from harness.interrupts import is_real

LOCK = ".lock"
"""The file in a folder of results that is locked while a run writes there."""


@dataclass(frozen=True)
class Outcome:
    """The account of a run.

    Attributes
    ----------
    folder : Path
    computed, reused : int
        Shards computed now, and found from earlier runs.
    failed : tuple of Failure
    seconds : float
        Real, of this run.
    """

    folder: Path
    computed: int
    reused: int
    failed: tuple[Failure, ...]
    seconds: float


def execute(
    prepared: Prepared,
    folder: Path,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Compute the shards that have no result yet.

    Parameters
    ----------
    prepared : Prepared
    folder : Path
        Of the results; it must be visible to the workers of the executor.
    workers : int
        Processes of this machine; 1 runs everything in this process.
    executor : concurrent.futures.Executor, optional
        Instead of `workers`, for example Dask's ``Client.get_executor()``.  It is not shut down.
    on_progress : callable, optional

    Raises
    ------
    ResultError
        If another process is writing to the folder.
    """
    integer("workers", workers, low=1, high=MOST_WORKERS)
    began = time.monotonic()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultError(f"cannot make the folder of results '{folder}': {error.strerror}") from None
    with locked(folder / LOCK, wait=False) as held:
        if not held:
            raise ResultError(f"another run is writing to '{folder}'; wait for it, or choose another folder")
        remove_unfinished(folder)
        write_manifest(folder, prepared.spec, prepared.benchmarks, prepared.shards, prepared.tasks)
        ledger = Ledger(prepared.shards, on_progress or (lambda progress: None))
        kind = kind_of(prepared.spec.kind)
        with Confined() as confined:
            missing = [digest for digest in prepared.shards if not _is_done(folder, kind, digest, confined)]
        ledger.start(len(prepared.shards) - len(missing))
        if missing and executor is not None:
            _drain(executor, prepared.spec.kind, folder, missing, ledger)
        elif missing and workers > 1:
            try:
                with spawned(min(workers, len(missing))) as pool:
                    _drain(pool, prepared.spec.kind, folder, missing, ledger)
            finally:
                remove_unfinished(folder)  # of workers that were ended
        else:
            _run_here(kind, folder, missing, ledger)
    return Outcome(folder, ledger.computed, ledger.reused, tuple(ledger.failed), time.monotonic() - began)


def _is_done(folder: Path, kind: Kind[Any], digest: str, confined: Confined) -> bool:
    """Say whether a unit has a whole result; a damaged one is told and removed, to be computed again."""
    path = unit_path(folder, digest)
    try:
        read_unit(path, kind, confined)
    except FileNotFoundError:
        return False
    except IrregularError as error:
        raise ResultError(f"{error}: where a result goes; move it away and run again") from None
    except DamagedError as error:
        warnings.warn(f"{str(error).removesuffix('; delete it and run again')}; it is computed again", stacklevel=3)
        path.unlink()
        return False
    return True


def _compute(kind_name: str, data: dict[str, Any], folder: str) -> float:
    """Run a unit and store it, in a worker; return the real seconds that it took.  Only plain data crosses."""
    began = time.monotonic()
    try:
        kind = kind_of(kind_name)
        unit = kind.unit(data)
        with without_sudden_end():
            output = kind.run(unit)
        _write(Path(folder), kind, unit, output)
    except BaseException as error:  # a worker ignores Ctrl-C: what looks like it comes from the strategy
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301  # our own exception, to see whether it can cross
            if not isinstance(error, Exception):
                raise TypeError  # it would end the worker, or the parent
        except Exception:  # noqa: BLE001  # an exception class can fail in any way
            raise RuntimeError("".join(traceback.format_exception(error))) from None
        raise
    return time.monotonic() - began


def _write(folder: Path, kind: Kind[UnitT], unit: UnitT, output: Output) -> None:
    try:
        write_unit(folder, kind, unit, output)
    except OSError as error:
        raise PlaceError(
            f"cannot write results to '{folder}': {error.strerror or error}; whole shards are kept"
        ) from None


def _run_here(kind: Kind[Any], folder: Path, missing: list[str], ledger: Ledger) -> None:
    ledger.waiting = list(missing)
    for digest in missing:
        began = time.monotonic()
        noted = [began]

        def on_step(evaluations: int, digest: str = digest, noted: list[float] = noted) -> None:
            if time.monotonic() - noted[0] > 0.2:
                noted[0] = time.monotonic()
                ledger.note(digest, evaluations)

        try:
            unit = ledger.shards[digest][1]
            with without_sudden_end():
                output = kind.run(unit, on_step)
            _write(folder, kind, unit, output)
        except BaseException as error:  # what a strategy raises must not lose the other shards
            if isinstance(error, PlaceError) or (isinstance(error, KeyboardInterrupt) and is_real(error)):
                raise
            ledger.broke(digest, error)
        else:
            ledger.finished(digest, time.monotonic() - began)


def _drain(executor: Executor, kind_name: str, folder: Path, missing: list[str], ledger: Ledger) -> None:
    """Submit all units and take them in as they complete."""
    ledger.waiting = list(missing)
    ledger.parallel = getattr(executor, "_max_workers", 1)
    futures: dict[Future[float], str] = {
        executor.submit(_compute, kind_name, ledger.shards[digest][1].as_dict(), str(folder)): digest
        for digest in missing
    }
    waiting = set(futures)
    try:
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                _take_in(future, futures[future], ledger)
    except BaseException:
        if not isinstance(executor, Pool):  # which is ended with all its work
            for future in waiting:
                future.cancel()
        raise


def _take_in(future: Future[float], digest: str, ledger: Ledger) -> None:
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        label, shard = ledger.shards[digest]
        raise IncompleteError(
            "a worker process died (killed, out of memory, or ended by a strategy), perhaps while it ran "
            f"'{label}' on {shard.benchmark}; whole shards are kept: run the same command again"
        ) from error
    if isinstance(error, PlaceError):
        raise error
    if error is not None:
        ledger.broke(digest, error)
    else:
        ledger.finished(digest, future.result())
