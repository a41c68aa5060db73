"""The command `nas-harness`: the way in.

The commands themselves stand in `harness.cli.app`; ``--version`` is answered here, before anything slow is imported.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from harness import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after the program's name; the default is those the process was started with.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        print(f"nas-harness {__version__}")
        return 0

    # One compute thread in each process, before numpy is imported: shards run side by side, and sums keep their order.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")

    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"  # one line, without a place in our code

    from harness.cli.app import build  # typer and rich take a quarter of a second

    try:
        build()(args=given, prog_name="nas-harness")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
