"""Batch jobs of Slurm as a TOML file says them, and what dask-jobqueue calls it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.errors import SpecError, must, unknown
from harness.experiments.processes import MOST_WORKERS
from harness.files.reading import read_toml

_MEMORY = re.compile(r"\d+(\.\d+)?\s?[KMGT]i?B")
_TIME = re.compile(r"(\d+-)?\d{1,2}:\d{2}:\d{2}")
_MOST_JOBS = 10_000


@dataclass(frozen=True)
class Jobs:
    """What each batch job asks for, and how many there may be.

    Attributes
    ----------
    at_least, at_most : int
        Jobs that are kept, and that may be submitted while work waits; the same number keeps that many.
    workers : int
        Of each job, one core each.
    memory, walltime : str
        Of each job: ``"8GB"``, ``"02:00:00"``.
    partition, account, interface, python, local_directory, log_directory : str, optional
        As ``sbatch`` and Dask call them; the interface is the network that nodes share, for example ``"ib0"``.
    directives : tuple of str
        Further lines ``#SBATCH``: ``"--constraint=avx2"``.
    prologue : tuple of str
        Lines of shell before the worker starts: ``"module load python/3.11"``.
    """

    at_most: int
    memory: str
    walltime: str
    at_least: int = 0
    workers: int = 1
    partition: str | None = None
    account: str | None = None
    interface: str | None = None
    python: str | None = None
    local_directory: str | None = None
    log_directory: str | None = None
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, low, high in (
            ("at_most", 1, _MOST_JOBS),
            ("at_least", 0, self.at_most),
            ("workers", 1, MOST_WORKERS),
        ):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise SpecError(must(name, f"be an integer from {low} to {high}", value))
        for name, pattern, example in (("memory", _MEMORY, "8GB"), ("walltime", _TIME, "02:00:00")):
            value = getattr(self, name)
            if not isinstance(value, str) or not pattern.fullmatch(value):
                raise SpecError(must(name, f'read like "{example}"', value))
        for name in _TEXTS:
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value.strip() or "\n" in value):
                raise SpecError(must(name, "be one line of text", value))
        for name in ("directives", "prologue"):
            for line in getattr(self, name):
                if not isinstance(line, str) or "\n" in line:
                    raise SpecError(must(name, "be a list of lines", line))

    def keywords(self) -> Mapping[str, Any]:
        """Return the arguments of ``dask_jobqueue.SLURMCluster``."""
        return {
            "queue": self.partition,
            "account": self.account,
            "cores": self.workers,
            "processes": self.workers,
            "memory": self.memory,
            "walltime": self.walltime,
            "interface": self.interface,
            "python": self.python,
            "local_directory": self.local_directory,
            "log_directory": self.log_directory,
            "job_extra_directives": list(self.directives),
            "job_script_prologue": list(self.prologue),
            "job_name": "nas-harness",
            "scheduler_options": {"dashboard_address": ":0"},
            "n_workers": 0,
        }


_TEXTS = ("partition", "account", "interface", "python", "local_directory", "log_directory")


def load(path: Path) -> Jobs:
    """Read a TOML file with the keys of `Jobs`.

    Raises
    ------
    SpecError
        Names the file, the key and the rule.
    """
    known = [item.name for item in fields(Jobs)]
    try:
        told = dict(read_toml(path, SpecError))
    except FileNotFoundError:
        raise SpecError(f"there is no file '{path}'; it says what a job asks for: at_most, memory, walltime") from None
    try:
        for key in told:
            if key not in known:
                raise SpecError(unknown("key", key, known))
        for key in ("at_most", "memory", "walltime"):
            if key not in told:
                raise SpecError(f"`{key}` is missing; at least `at_most`, `memory` and `walltime` must be said")
        for key in ("directives", "prologue"):
            if not isinstance(told.get(key, []), list):
                raise SpecError(must(key, "be a list of lines", told[key]))
            told[key] = tuple(told.get(key, ()))
        return Jobs(**told)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None
