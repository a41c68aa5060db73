"""Workers of a run, as the options of a command say: processes of this machine, those of Dask, or batch jobs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from harness.errors import HarnessError
from harness.experiments.cluster.client import check_address, connected, submitted
from harness.experiments.cluster.slurm import Jobs, load

Cluster = str | Jobs | None
"""An address of Dask, batch jobs, or neither."""


def said(workers: int, dask: str | None, slurm: Path | None) -> Cluster:
    """Return what options say, checked.

    Raises
    ------
    HarnessError
        If they contradict each other, or one is wrong.
    """
    if (workers > 1) + (dask is not None) + (slurm is not None) > 1:
        raise HarnessError("give one of --workers, --dask and --slurm")
    if dask is not None:
        return check_address(dask)
    return None if slurm is None else load(slurm)


@contextmanager
def executor_of(cluster: Cluster) -> Iterator[Executor | None]:
    """Give the executor of a cluster, None for processes of this machine."""
    if cluster is None:
        yield None
        return
    with connected(cluster) if isinstance(cluster, str) else submitted(cluster) as executor, executor:
        yield executor
