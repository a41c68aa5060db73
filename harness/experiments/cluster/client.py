"""Clients of Dask: of a scheduler that runs already, of one on this machine, or of one that submits batch jobs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from harness import interrupts
from harness.errors import HarnessError, must, reason
from harness.experiments.cluster.executor import Cluster
from harness.experiments.cluster.slurm import Jobs
from harness.experiments.processes import MOST_WORKERS

EXTRA = "cluster"
_ADDRESS = re.compile(r"(tcp|tls)://[^\s:]+:\d+")
_LOCAL = re.compile(r"local:([1-9]\d*)")
_RULE = "be an address such as tcp://login1:8786, or local:N for N workers of this machine"
_CONNECT_SECONDS = 30.0
LEAN: Mapping[str, Any] = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.cycle": "10s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.log-length": 100,
    "distributed.admin.low-level-log-length": 10,
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
}
"""Settings of Dask, of this process and of what it starts: work for its own dashboards is left out.

It would sample the stack of each worker 100 times a second, keep the last 1,000 messages with the units that they
carry, and have workers give memory back to the system at every shard, which costs a seventh of a small one.
"""


def check_address(address: str) -> str:
    """Return the address of `connected` if it is one.

    Raises
    ------
    HarnessError
        If it is neither ``tcp://HOST:PORT``, ``tls://HOST:PORT`` nor ``local:N``.
    """
    local = _LOCAL.fullmatch(address)
    if local and not int(local[1]) <= MOST_WORKERS:
        raise HarnessError(must("N of local:N", f"be at most {MOST_WORKERS}", local[1]))
    if not local and not _ADDRESS.fullmatch(address):
        raise HarnessError(must("--dask", _RULE, address))
    return address


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Give an executor of a Dask cluster, and let go of it at the end; workers of this machine are ended.

    Parameters
    ----------
    address : str
        See `check_address`.

    Raises
    ------
    HarnessError
        If dask is not installed, or nothing answers at the address.
    """
    check_address(address)
    distributed = _distributed()
    local = _LOCAL.fullmatch(address)
    if local:
        with _lean():  # also for workers in place of those that die
            with interrupts.held_back():  # of which the processes never hear: their parent ends them
                cluster = distributed.LocalCluster(
                    n_workers=int(local[1]),
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=":0",
                    scheduler_kwargs={"dashboard": False},
                    memory_limit=0,
                    silence_logs=logging.CRITICAL,  # what goes wrong is said by the run
                )
            with cluster, _client(distributed, cluster) as client:
                yield Cluster(client)
        return
    with _client(distributed, address) as client:
        yield Cluster(client, connect=lambda: _client(distributed, address))


@contextmanager
def submitted(jobs: Jobs) -> Iterator[Cluster]:
    """Give an executor whose workers are batch jobs of Slurm; they are cancelled at the end.

    Raises
    ------
    HarnessError
        If dask-jobqueue is not installed, or Slurm's ``sbatch`` is not found.
    """
    with _lean(), _slurm_cluster(jobs) as cluster:
        try:
            if jobs.at_least == jobs.at_most:
                cluster.scale(jobs=jobs.at_most)
            else:
                cluster.adapt(minimum_jobs=jobs.at_least, maximum_jobs=jobs.at_most)
        except (OSError, RuntimeError) as error:
            raise HarnessError(f"cannot submit jobs: {reason(error)}") from error
        with _client(_distributed(), cluster) as client:
            yield Cluster(client)


def job_script(jobs: Jobs) -> str:
    """Return the script that `submitted` gives to ``sbatch``, without submitting it."""
    with _slurm_cluster(jobs) as cluster:
        return str(cluster.job_script())


def _slurm_cluster(jobs: Jobs) -> Any:
    """Make the cluster of dask-jobqueue; its scheduler runs in this process, and no job is submitted yet."""
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError as error:
        raise HarnessError(f"batch jobs need dask-jobqueue: pip install 'nas-harness[{EXTRA}]'") from error
    return SLURMCluster(**jobs.keywords())


def _lean() -> Any:
    """Set `LEAN` for what is made meanwhile."""
    import dask

    return dask.config.set(LEAN)


def _client(distributed: Any, where: Any) -> Any:
    """Connect to a scheduler; raises HarnessError if nothing answers."""
    try:
        with _lean():
            return distributed.Client(where, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise HarnessError(f"no Dask scheduler answers at {where}: {reason(error)}") from error


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise HarnessError(f"a cluster needs distributed: pip install 'nas-harness[{EXTRA}]'") from error
    return distributed
