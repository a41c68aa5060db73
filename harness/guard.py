"""The guard between searching and answering: while code of a strategy or a learner runs, nothing else answers.

A context variable is set around that code (import, constructor, ask, tell, fit, predict), and whoever opens a
benchmark, an oracle or a table, or answers from one, asks it first.  It is a rule with a clear answer and no sandbox:
other threads and other shards of the process, and what a benchmark does inside its own query, are free.  A thread that
a strategy starts by itself begins in an empty context, as Python has it, and is not watched; one that is started in a
copy of the context (`asyncio.to_thread`) is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token

from harness.errors import StrategyError

_RUNNING: ContextVar[str] = ContextVar("nas_harness_running", default="")
_REFUSED: ContextVar[list[str] | None] = ContextVar("nas_harness_refused", default=None)


class running:  # used like a function, and a class because it stands around every ask and tell
    """Say whose code runs in a ``with`` block.

    Parameters
    ----------
    who : str
        For the error, for example ``"the strategy Mine"``; "" lifts the guard, for code of somebody else.

    Examples
    --------
    >>> with running("the strategy Mine"):
    ...     refuse("nb201-cifar10")
    Traceback (most recent call last):
    harness.errors.StrategyError: 'nb201-cifar10' must not be opened or asked while the strategy Mine runs: ...
    """

    __slots__ = ("_token", "_who")

    def __init__(self, who: str) -> None:
        self._who = who

    def __enter__(self) -> None:
        self._token: Token[str] = _RUNNING.set(self._who)

    def __exit__(self, *raised: object) -> None:
        _RUNNING.reset(self._token)


def refuse(name: str) -> None:
    """Refuse to open a benchmark, an oracle or a table, or to answer from it, while code of a strategy runs.

    Raises
    ------
    StrategyError
        Names what was asked for and whose code runs.
    """
    who = _RUNNING.get()
    if not who:
        return
    refused = _REFUSED.get()
    if refused is not None:
        refused.append(name)
    raise StrategyError(
        f"'{name}' must not be opened or asked while {who} runs: a strategy is told validation results of what it "
        "proposes and nothing else; take what you need from `problem`, or look it up after the run"
    )


@contextmanager
def refusals() -> Iterator[list[str]]:
    """Collect the names that are refused in a ``with`` block, those whose error the strategy swallows too."""
    names: list[str] = []
    token = _REFUSED.set(names)
    try:
        yield names
    finally:
        _REFUSED.reset(token)
