"""The opening of the tables behind results, wherever they lie now: a table is known by its digest, not by its path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from harness import registry
from harness.benchmark import Oracle
from harness.errors import HarnessError, ResultError
from harness.names import read

OpenOracle = Callable[[str], Oracle]
_OUTER = 3
"""So many folders around the results are looked through."""


def open_truth(
    name: str, digest: str, folder: Path | None = None, open_oracle: OpenOracle = registry.oracle
) -> tuple[Oracle, str]:
    """Open the table that runs were made on.

    A table of one's own is looked for where it was, and then beside the results and around them, under the end of its
    old path: results and tables may have been moved together.

    Parameters
    ----------
    name : str
        Of the benchmark, or path of its table, as the results know it.
    digest : str
        Of the table, as the results know it.
    folder : Path, optional
        Of the results.
    open_oracle : callable
        Opens the held-out truth of a benchmark by name.

    Returns
    -------
    oracle : Oracle
    str
        The name or path under which it was opened.

    Raises
    ------
    ResultError
        If the table is not the one that the runs were made on, or is not there.
    """
    path = read(name).path
    other = ""
    try:
        oracle = open_oracle(name)
        if oracle.digest == digest:
            return oracle, name
        other = oracle.digest
    except HarnessError:
        if path is None or path.exists():
            raise
    if path is not None and folder is not None:
        for candidate in _candidates(path, folder):
            address = f"{candidate}:{read(name).key}" if read(name).is_python else str(candidate)
            try:
                oracle = open_oracle(address)
            except HarnessError:
                continue
            if oracle.digest == digest:
                return oracle, address
    if other:
        raise ResultError(
            f"the table of '{name}' is not the one these runs were made on (digest {other[:12]}, results"
            f" have {digest[:12]}); run the experiment again, or restore the table"
        )
    beside = "" if folder is None or path is None else f" as '{folder / path.name}'"
    raise ResultError(
        f"the table '{name}', on which these runs were made, is not there, and no table of its content (digest"
        f" {digest[:12]}) lies beside the results; put it back, or beside the results{beside}"
    )


def digest_of(name: str) -> str:
    """Return the digest of a table as it is now, "" where it is not there."""
    try:
        return registry.oracle(name).digest
    except HarnessError:
        return ""


def own_name(name: str, oracle: Oracle) -> str:
    """Return what a table calls itself, where an experiment knows it by a path; else its registered name."""
    return str(getattr(oracle, "table_name", oracle.name) if read(name).path is not None else oracle.name)


def _candidates(path: Path, folder: Path) -> Iterator[Path]:
    """Yield files that the table may be now: in the folder of results and around it, longer ends of the path first."""
    around = folder.resolve()
    for base in (around, *list(around.parents)[:_OUTER]):
        for length in range(min(4, len(path.parts) - 1), 0, -1):
            candidate = base.joinpath(*path.parts[-length:])
            if candidate != path and candidate.is_file():
                yield candidate
