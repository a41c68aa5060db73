"""The execution of an experiment: units of work times an executor, continued where a killed run stopped."""

from __future__ import annotations

import math
import pickle
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.checks import integer
from harness.errors import DamagedError, HarnessError, IncompleteError, IrregularError, PlaceError, ResultError
from harness.experiments.cluster import workers as cluster_workers
from harness.experiments.cluster.executor import Cluster, WorkersDiedError
from harness.experiments.kind import Kind, Output, UnitT, kind_of
from harness.experiments.manifest import write_manifest
from harness.experiments.prepare import Prepared
from harness.experiments.processes import MOST_WORKERS, Pool, spawned, without_sudden_end
from harness.experiments.progress import Failure, Ledger, Progress
from harness.experiments.store import part_path, read_unit, unit_path, write_unit
from harness.files.confined import Confined
from harness.files.whole import locked, remove_unfinished, replacing, unmade
from harness.interrupts import is_real

LOCK = ".lock"
"""The file in a folder of results that is locked while a run writes there."""
AHEAD, CLUSTER_AHEAD = 8, 3
"""Calls that are handed to an executor for each of its workers: memory stays the same however many there are.

Fewer to a cluster, where they are longer: Dask blames all that a worker had for its death, also what it had not begun.
"""
CALL_SECONDS, MOST_TOGETHER = 1.0, 64
"""Of a call to a cluster, and the units in it: a scheduler takes milliseconds for each call."""


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
        Of the results; it must be visible to the workers of an executor that is no `Cluster`.
    workers : int
        Processes of this machine; 1 runs everything in this process.
    executor : concurrent.futures.Executor, optional
        Instead of `workers`: `harness.experiments.cluster.executor.Cluster`, or another.  It is not shut down.
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
        raise ResultError(f"cannot make the folder of results '{folder}': {unmade(folder, error)}") from None
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
            _drain(executor, prepared, folder, missing, ledger)
        elif missing and workers > 1:
            try:
                with spawned(min(workers, len(missing))) as pool:
                    _drain(pool, prepared, folder, missing, ledger)
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


@dataclass(frozen=True)
class _Done:
    """The answer of a worker: the real seconds that a unit took, and its result file where it could not write it."""

    seconds: float
    content: bytes | None = None


def _compute_each(
    kind_name: str, units: Sequence[dict[str, Any]], folder: str | None, facts: Mapping[str, str]
) -> list[_Done | Exception]:
    """Run some units in a worker, one after another, and store them; only plain data crosses.

    Without a folder the files are sent back.  What one unit raises is its answer, and the others are computed.
    """
    if dict(facts) != dict(cluster_workers.facts()):
        raise HarnessError(f"a worker has {dict(cluster_workers.facts())}, not {dict(facts)}: results would differ")
    answers: list[_Done | Exception] = []
    for data in units:
        try:
            answers.append(_compute(kind_name, data, folder))
        except PlaceError:
            raise
        except Exception as error:  # noqa: BLE001  # what a strategy raises
            answers.append(error)
    return answers


def _compute(kind_name: str, data: dict[str, Any], folder: str | None) -> _Done:
    """Run a unit and store it; an error is one that can cross."""
    began = time.monotonic()
    content = None
    try:
        kind = kind_of(kind_name)
        unit = kind.unit(data)
        with without_sudden_end():
            output = kind.run(unit) if folder is None else kind.resume(unit, part_path(Path(folder), unit.digest))
        if folder is not None:
            _write(Path(folder), kind, unit, output)
        else:
            with TemporaryDirectory() as place:
                content = write_unit(Path(place), kind, unit, output).read_bytes()
    except BaseException as error:  # a worker ignores Ctrl-C: what looks like it comes from the strategy
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301  # our own exception, to see whether it can cross
            if not isinstance(error, Exception):
                raise TypeError  # it would end the worker, or the parent
        except Exception:  # noqa: BLE001  # an exception class can fail in any way
            raise RuntimeError("".join(traceback.format_exception(error))) from None
        raise
    return _Done(time.monotonic() - began, content)


def _write(folder: Path, kind: Kind[UnitT], unit: UnitT, output: Output) -> None:
    with _writing(folder):
        write_unit(folder, kind, unit, output)
        part_path(folder, unit.digest).unlink(missing_ok=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PlaceError(
            f"cannot write results to '{folder}': {error.strerror or error}; whole shards are kept"
        ) from None


def _run_here(kind: Kind[Any], folder: Path, missing: list[str], ledger: Ledger) -> None:
    ledger.waits_for(missing)
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
                output = kind.resume(unit, part_path(folder, digest), on_step)
            _write(folder, kind, unit, output)
        except BaseException as error:  # what a strategy raises must not lose the other shards
            if isinstance(error, PlaceError) or (isinstance(error, KeyboardInterrupt) and is_real(error)):
                raise
            ledger.broke(digest, error)
        else:
            ledger.finished(digest, time.monotonic() - began)


def _drain(executor: Executor, prepared: Prepared, folder: Path, missing: list[str], ledger: Ledger) -> None:
    """Hand all units to the executor, so many at a time that its workers never wait, and take them in."""
    ledger.waits_for(missing)
    place: str | None = str(folder)
    if isinstance(executor, Cluster):
        tables = {facts.name: facts.table_digest for facts in prepared.benchmarks.values()}
        place = place if cluster_workers.check(executor, tables, folder) else None
    to_submit, alone = deque(missing), set[str]()
    futures = dict[Future[list[_Done | Exception]], list[str]]()
    ahead = CLUSTER_AHEAD if isinstance(executor, Cluster) else AHEAD
    try:
        while True:
            ledger.parallel = _parallel(executor)
            while to_submit and len(futures) < ahead * ledger.parallel:
                digests = _together(to_submit, alone, ledger) if ahead == CLUSTER_AHEAD else [to_submit.popleft()]
                units = [ledger.shards[digest][1].as_dict() for digest in digests]
                call = executor.submit(_compute_each, prepared.spec.kind, units, place, cluster_workers.facts())
                futures[call] = digests
            if not futures:
                return
            done, _ = wait(futures, return_when=FIRST_COMPLETED)
            for future in done:
                digests = futures.pop(future)
                if len(digests) > 1 and isinstance(future.exception(), WorkersDiedError):
                    alone.update(digests)  # one of them did it
                    to_submit.extendleft(reversed(digests))
                else:
                    _take_in(future, digests, folder, ledger)
    except BaseException:
        if not isinstance(executor, Pool):  # which is ended with all its work
            for future in futures:
                future.cancel()
        raise


def _parallel(executor: Executor) -> int:
    """Return how many units an executor computes at a time."""
    return executor.parallel if isinstance(executor, Cluster) else getattr(executor, "_max_workers", 1)


def _together(to_submit: deque[str], alone: set[str], ledger: Ledger) -> list[str]:
    """Take off the units that go to a worker of a cluster in one call.

    Several where a call would take longer than they, by the mean seconds of their strategy; ever fewer at the end, so
    that all workers end together.  A unit of which nothing is known goes by itself, and so does one of `alone`.
    """
    digests, seconds = list[str](), 0.0
    most = min(MOST_TOGETHER, len(to_submit) / (4 * ledger.parallel))
    while to_submit and (not digests or len(digests) < most):
        known = None if to_submit[0] in alone else ledger.mean_seconds(ledger.shards[to_submit[0]][0])
        seconds += math.inf if known is None else known
        if digests and seconds > CALL_SECONDS:
            break
        digests.append(to_submit.popleft())
    return digests


def _take_in(future: Future[list[_Done | Exception]], digests: list[str], folder: Path, ledger: Ledger) -> None:
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        label, shard = ledger.shards[digests[0]]
        raise IncompleteError(
            "a worker process died (killed, out of memory, or ended by a strategy), perhaps while it ran "
            f"'{label}' on {shard.benchmark}; whole shards are kept: run the same command again"
        ) from error
    if isinstance(error, (PlaceError, IncompleteError)):
        raise error
    answers = [error] * len(digests) if error is not None else future.result()
    for digest, answer in zip(digests, answers, strict=True):
        if isinstance(answer, BaseException):
            ledger.broke(digest, answer)
            continue
        if answer.content is not None:
            with _writing(folder), replacing(unit_path(folder, digest)) as temporary:
                temporary.write_bytes(answer.content)
        ledger.finished(digest, answer.seconds)
