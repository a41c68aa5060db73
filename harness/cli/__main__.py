"""The command `nas-harness`: the way in.

The commands themselves stand in `harness.cli.app`; ``--version`` is answered here, before anything slow is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from harness import __version__
from harness.cli.signals import handled

MISTAKE, CUT_PIPE = 2, 141
"""Exit codes; see `harness.cli.exit`, which takes longer to import."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the program's name; the default is those the process was started with.
    """
    with handled(to_the_end=arguments is None):
        given = list(sys.argv[1:] if arguments is None else arguments)
        _open_streams()
        code = _run(given)
        return _flushed(code) if arguments is None else code


def _run(given: list[str]) -> int:
    if given == ["--version"]:
        return _said(f"nas-harness {__version__}")

    # One compute thread in each process, before numpy is imported: shards run side by side, and sums keep their order.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")

    from harness.cli.app import build  # typer and rich take a quarter of a second

    try:
        build(next(iter(given), None))(args=given, prog_name="nas-harness")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def _open_streams() -> None:
    """Put something in the place of streams that were closed before the start (`>&-`)."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # until the process ends


def _said(line: str) -> int:
    try:
        print(line)
    except OSError as error:
        return _cut(error, 0)
    return 0


def _flushed(code: int) -> int:
    """Write what is left to be written, while it can still be told that it cannot be; return the exit code."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return _cut(error, code)
    return code


def _cut(error: OSError, code: int) -> int:
    """Say that standard output takes nothing, unless its reader has read enough, as `head` does."""
    if not isinstance(error, BrokenPipeError):
        sys.stderr.write(f"error: cannot write to standard output: {error.strerror}\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter tries again, and complains
    return code or (CUT_PIPE if isinstance(error, BrokenPipeError) else MISTAKE)


if __name__ == "__main__":
    sys.exit(main())
