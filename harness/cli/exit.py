"""Exit codes, and the one place that turns an exception into one."""

from __future__ import annotations

import errno
import functools
import signal
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ParamSpec, TextIO

import typer

from harness.cli import signals
from harness.cli.output import CUT_PIPE, complain
from harness.errors import HarnessError, IncompleteError

if TYPE_CHECKING:
    from harness.experiments.progress import Failure

MISTAKE = 2
"""Something given was wrong: a spec, a name, an option, a place to write to, a strategy that breaks a rule."""
INCOMPLETE = 3
"""The command did its work, and results are missing."""
INTERRUPTED = 130
"""Ctrl-C, by the convention of shells (128 + SIGINT)."""

EXPLAINED = (
    "Exit codes: 0 done; 1 a bug in the program (with a traceback); 2 a mistake in what was given; "
    "3 results are incomplete; 130, 143, 129 interrupted by Ctrl-C, SIGTERM, SIGHUP."
)

_OF_THE_PLACE = {
    *(
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EEXIST,
        errno.ENAMETOOLONG,
        errno.ELOOP,
    ),
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
}
"""What the system refuses because of where the user wants to write or read, not because of a bug."""

P = ParamSpec("P")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Return the command with a user's mistakes and interruptions turned into messages and exit codes.

    Any other exception is a bug and leaves the program with its traceback and exit code 1.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with signals.raised(), _told_warnings():
                command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt as stop:
            complain("interrupted")
            raise typer.Exit(code_of(stop)) from None
        except SystemExit as stop:
            if stop.code == CUT_PIPE:
                raise
            complain(f"error: a file of yours called sys.exit({stop.code!r}); a strategy must not end the process")
            raise typer.Exit(MISTAKE) from None
        except HarnessError as error:
            complain(f"error: {error}", *getattr(error, "__notes__", ()))
            raise typer.Exit(INCOMPLETE if isinstance(error, IncompleteError) else MISTAKE) from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise typer.Exit(CUT_PIPE) from None
            if error.errno not in _OF_THE_PLACE:
                raise
            unnamed = "standard output, or a file that the system does not name"
            complain(f"error: {error.strerror}: {error.filename or unnamed}")
            raise typer.Exit(MISTAKE) from None
        except MemoryError as error:
            complain(
                f"error: there is not enough memory for what is asked{f': {error}' if str(error) else ''}; ask for less"
            )
            raise typer.Exit(MISTAKE) from None
        except Exception:
            if signals.received() is None:
                raise
            complain("interrupted")  # inside a library, which made another exception of it
            raise typer.Exit(128 + (signals.received() or 0)) from None

    return run


def code_of(stop: KeyboardInterrupt) -> int:
    """Return the exit code of an interrupt: 128 and the number of its signal."""
    return 128 + getattr(stop, "signal_number", signal.SIGINT)


@contextmanager
def _told_warnings() -> Iterator[None]:
    """Tell warnings at once and in one line, without the place in the code; those for programmers stay as they are."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def tell(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if category is UserWarning:
                complain(f"warning: {message}")
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = tell
        yield


def failures(failed: Iterable[Failure]) -> list[str]:
    """Return what to say about shards that failed: each distinct error once, with the shards that it stopped.

    A broken rule is told in its one message; any other exception comes from a strategy's or learner's own code, and is
    told with its traceback.
    """
    shards: dict[str, list[str]] = {}
    for failure in failed:
        error, shard = failure.error, failure.shard
        known = isinstance(error, HarnessError)
        text = f"error: {error}" if known else _trace(error)
        where = f"{failure.label} on {shard.benchmark}, replicates {shard.first} to {shard.stop - 1}"
        shards.setdefault(text, []).append(where)
    lines = [line for text, places in shards.items() for line in (text, *(f"  failed: {place}" for place in places))]
    return [*lines, "the other shards are kept; once the cause is mended, the same command computes what is missing"]


def _trace(error: BaseException) -> str:
    """Return the traceback of an error without its notes, which say what ran: one fault of many shards is told once."""
    told = traceback.TracebackException.from_exception(error)
    told.__notes__ = None
    return "".join(told.format()).rstrip()
