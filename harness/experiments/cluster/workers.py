"""Workers of a cluster: whether they compute what this process would, and what they lack."""

from __future__ import annotations

import platform
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import harness
from harness import registry
from harness.errors import HarnessError, reason
from harness.experiments.cluster.executor import Cluster
from harness.files.whole import home_folder, replacing

MOST_BYTES = 2**31
"""Of all tables that are sent to workers."""


@dataclass(frozen=True)
class Seen:
    """What a worker says of itself; plain data.

    Attributes
    ----------
    facts : mapping
        See `facts`.
    threads : int
    folder : bool
        Whether it sees the folder of results.
    lacking : mapping of str to str
        Benchmarks that it cannot open, or has with other content, and why.
    """

    facts: Mapping[str, str]
    threads: int
    folder: bool
    lacking: Mapping[str, str]


@cache
def facts() -> Mapping[str, str]:
    """Return what must be the same in every process that computes for one experiment."""
    return {"nas-harness": harness.__version__, "python": ".".join(platform.python_version_tuple()[:2])}


def check(cluster: Cluster, tables: Mapping[str, str], folder: Path, *, wait_seconds: float | None = None) -> bool:
    """See to it that every worker computes what this process would; tables of the cache are sent where they lack.

    Parameters
    ----------
    cluster : Cluster
    tables : mapping of str to str
        Digest of each benchmark.
    folder : Path
        Of results.
    wait_seconds : float, optional
        For the first worker; None waits for ever.

    Returns
    -------
    bool
        Whether all workers see the folder; if not, results come back through the scheduler.

    Raises
    ------
    HarnessError
        If no worker comes, one has another version or several threads, or a table is missing that cannot be sent.
    """
    client = cluster.client
    try:
        client.wait_for_workers(1, timeout=wait_seconds)
    except TimeoutError:
        raise HarnessError(
            f"no worker came within {wait_seconds:g} s: start some with `dask worker ADDRESS --nthreads 1`"
        ) from None
    token = folder / f".seen-{uuid.uuid4().hex}"
    token.touch()
    try:
        seen = _seen(client, tables, token)
        lacking = {name for worker in seen.values() for name in worker.lacking}
        if lacking:
            _send(client, lacking)
            seen = _seen(client, tables, token)
    finally:
        token.unlink(missing_ok=True)
    for address, worker in sorted(seen.items()):
        for name, why in worker.lacking.items():
            raise HarnessError(
                f"the worker {address} cannot open '{name}': {why}; put it where all workers see it, with "
                "NAS_HARNESS_HOME on a shared folder"
            )
    return all(worker.folder for worker in seen.values())


def _seen(client: Any, tables: Mapping[str, str], token: Path) -> Mapping[str, Seen]:
    """Ask all workers; raises HarnessError at the first that is not one of ours."""
    asked: dict[str, Any] = {}
    while not asked:
        client.wait_for_workers(1)
        answers = client.run(look, dict(tables), str(token), on_error="return")
        asked = {address: answer for address, answer in answers.items() if not isinstance(answer, OSError)}  # it died
    for address, answer in sorted(asked.items()):
        if isinstance(answer, BaseException):
            raise HarnessError(f"the worker {address} cannot load nas-harness: {reason(answer)}")
        if dict(answer.facts) != dict(facts()):
            here = ", ".join(f"{name} {version}" for name, version in facts().items())
            there = ", ".join(f"{name} {version}" for name, version in answer.facts.items())
            raise HarnessError(f"the worker {address} has {there}, and this process {here}: results would differ")
        if answer.threads != 1:
            raise HarnessError(f"the worker {address} has {answer.threads} threads: start it with `--nthreads 1`")
    return asked


def look(tables: Mapping[str, str], token: str, dask_worker: Any = None) -> Seen:
    """Look around in a worker; `dask_worker` is given by Dask."""
    lacking = {}
    for name, digest in tables.items():
        try:
            found = registry.benchmark(name).digest
        except Exception as error:  # noqa: BLE001  # whatever it is, this worker cannot
            lacking[name] = reason(error)
        else:
            if found != digest:
                lacking[name] = "it has other content there"
    threads = 1 if dask_worker is None else int(dask_worker.state.nthreads)
    return Seen(dict(facts()), threads, Path(token).exists(), lacking)


def _send(client: Any, names: set[str]) -> None:
    """Send tables that lie below the folder of this process to the same place of each worker's, now and later ones."""
    home, content, size = home_folder().resolve(), {}, 0
    for name in sorted(names):
        told = registry.describe_benchmark(name).get("path")
        path = Path(str(told)).resolve() if told else None
        if path is None or not path.is_file() or home not in path.parents:
            continue  # it is said of the worker that lacks it
        size += path.stat().st_size
        if size > MOST_BYTES:
            raise HarnessError(
                f"the tables that workers lack have over {MOST_BYTES:,} bytes: put NAS_HARNESS_HOME on a shared folder"
            )
        content[str(path.relative_to(home))] = path.read_bytes()
    if content:
        client.register_plugin(_plugin(content))


def _plugin(content: Mapping[str, bytes]) -> Any:
    from distributed import WorkerPlugin

    class Tables(WorkerPlugin):  # type: ignore[misc,unused-ignore]  # without Dask's types it is Any
        """Files that a worker needs."""

        name = "nas-harness-tables"

        def setup(self, worker: Any) -> None:
            receive(content)

    return Tables()


def receive(content: Mapping[str, bytes]) -> None:
    """Write files below the folder of this process, whole, where they are not."""
    for name, held in content.items():
        path = home_folder() / name
        if not path.is_file() or path.read_bytes() != held:
            with replacing(path) as temporary:
                temporary.write_bytes(held)
