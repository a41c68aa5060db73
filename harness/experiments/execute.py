"""Shards times an executor: prepare a spec, compute what is missing, continue where a killed run stopped."""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import registry
from harness.checks import choice, integer
from harness.errors import DamagedError, HarnessError, IncompleteError, ResultError, SpecError
from harness.experiments.processes import spawned
from harness.experiments.progress import Failure, Ledger, Progress
from harness.experiments.shards import open_benchmark, resolve, run_shard
from harness.experiments.spec import DEVICES, Shard, Spec
from harness.experiments.store import BenchmarkFacts, read_shard, shard_path, write_manifest, write_shard
from harness.files import locked, remove_unfinished
from harness.search.loop import make_problem


@dataclass(frozen=True)
class Prepared:
    """A spec that has been checked whole, with its tables in place.

    Attributes
    ----------
    spec : Spec
    shards : dict of str to (str, Shard)
        Label and shard by digest, in the order of the spec.
    benchmarks : dict of str to BenchmarkFacts
    """

    spec: Spec
    shards: dict[str, tuple[str, Shard]]
    benchmarks: dict[str, BenchmarkFacts]


@dataclass(frozen=True)
class Outcome:
    """What a run did.

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


@contextmanager
def _at(source: str, key: str) -> Iterator[None]:
    """Say where in the spec an error lies."""
    try:
        yield
    except HarnessError as error:
        raise SpecError(f"{source}: `{key}`: {error}") from None


def prepare(spec: Spec, *, device: str = "cpu", source: str = "spec") -> Prepared:
    """Check a spec whole and bring its tables into place, before anything runs.

    Parameters
    ----------
    spec : Spec
    device : {"cpu", "cuda"}
        Where learners compute.
    source : str
        Named in errors, for example the file of the spec.

    Raises
    ------
    SpecError
        Names the source, the key, the rule and the value or the nearest match.
    """
    choice("device", device, DEVICES)
    for index, name in enumerate(spec.benchmarks):
        with _at(source, f"benchmarks[{index}]"):
            registry.table_provider(name)
    for index, strategy in enumerate(spec.strategies):
        with _at(source, f"strategies[{index}]"):
            registry.strategy(strategy.name)
    shards: dict[str, tuple[str, Shard]] = {}
    benchmarks = {}
    for name in spec.benchmarks:
        with _at(source, "benchmarks / objectives / constraints"):
            benchmark = open_benchmark(spec, name, check_content=True)
        with _at(source, "budget / n_workers"):
            make_problem(benchmark, spec.budget, spec.n_workers)
        benchmarks[name] = BenchmarkFacts.of(benchmark)
        for index, strategy in enumerate(spec.strategies):
            with _at(source, f"strategies[{index}]"):
                for shard in resolve(spec, strategy, benchmark, device):
                    if shard.digest in shards:
                        raise HarnessError(
                            f"'{strategy.label}' is the same run as '{shards[shard.digest][0]}'; "
                            "change a hyperparameter or remove one of them"
                        )
                    shards[shard.digest] = (strategy.label, shard)
    return Prepared(spec, shards, benchmarks)


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
    integer("workers", workers, low=1)
    began = time.monotonic()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultError(f"cannot make the folder of results '{folder}': {error.strerror}") from None
    with locked(folder / ".lock", wait=False) as held:
        if not held:
            raise ResultError(f"another run is writing to '{folder}'; wait for it, or choose another folder")
        remove_unfinished(folder)
        write_manifest(folder, prepared.spec, prepared.benchmarks, prepared.shards)
        ledger = Ledger(prepared.shards, on_progress or (lambda progress: None))
        missing = [digest for digest, (_, shard) in prepared.shards.items() if not _is_done(folder, shard)]
        ledger.start(len(prepared.shards) - len(missing))
        if missing and executor is not None:
            _drain(executor, folder, missing, ledger)
        elif missing and workers > 1:
            with spawned(min(workers, len(missing))) as pool:
                _drain(pool, folder, missing, ledger)
        else:
            _run_here(folder, missing, ledger)
    return Outcome(folder, ledger.computed, ledger.reused, tuple(ledger.failed), time.monotonic() - began)


def _is_done(folder: Path, shard: Shard) -> bool:
    """Say whether a shard has a whole result; a damaged one is removed, to be computed again."""
    path = shard_path(folder, shard)
    if not path.exists():
        return False
    try:
        read_shard(path)
    except DamagedError:
        path.unlink()
        return False
    return True


def _compute(shard: dict[str, Any], folder: str) -> float:
    """Run a shard and store it, in a worker; return the real seconds that it took.  Only plain data crosses."""
    began = time.monotonic()
    try:
        write_shard(Path(folder), run_shard(Shard.from_dict(shard)))
    except (Exception, SystemExit) as error:
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301  # our own exception, to see whether it can cross
            if isinstance(error, SystemExit):
                raise TypeError  # it would end the worker
        except Exception:  # noqa: BLE001  # an exception class can fail in any way
            raise RuntimeError("".join(traceback.format_exception(error))) from None
        raise
    return time.monotonic() - began


def _run_here(folder: Path, missing: list[str], ledger: Ledger) -> None:
    ledger.waiting = list(missing)
    for digest in missing:
        began = time.monotonic()
        noted = [began]

        def on_step(told: int, digest: str = digest, noted: list[float] = noted) -> None:
            if time.monotonic() - noted[0] > 0.2:
                noted[0] = time.monotonic()
                ledger.note(digest, told)

        try:
            write_shard(folder, run_shard(ledger.shards[digest][1], on_step=on_step))
        except (Exception, SystemExit) as error:  # noqa: BLE001  # what a strategy raises must not lose the other shards
            ledger.broke(digest, error)
        else:
            ledger.finished(digest, time.monotonic() - began)


def _drain(executor: Executor, folder: Path, missing: list[str], ledger: Ledger) -> None:
    """Submit all shards and take them in as they complete."""
    ledger.waiting = list(missing)
    ledger.parallel = getattr(executor, "_max_workers", 1)
    futures: dict[Future[float], str] = {
        executor.submit(_compute, ledger.shards[digest][1].as_dict(), str(folder)): digest for digest in missing
    }
    waiting = set(futures)
    try:
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                _take_in(future, futures[future], ledger)
    except BaseException:
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
    if error is not None:
        ledger.broke(digest, error)
    else:
        ledger.finished(digest, future.result())
