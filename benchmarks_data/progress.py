"""How a conversion tells where it is."""

from __future__ import annotations

import sys
from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction done, 0 to 1; 1 comes last."""


def on_terminal(what: str, fraction: float) -> None:
    """Draw one line on standard error, and wipe it at the end; quiet unless that is a terminal."""
    if not sys.stderr.isatty():
        return
    done = round(20 * fraction)
    line = "" if fraction >= 1.0 else f"{what} [{'#' * done}{'.' * (20 - done)}]"
    sys.stderr.write(f"\r\x1b[K{line}")
    sys.stderr.flush()
