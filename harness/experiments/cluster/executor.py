"""An executor of `concurrent.futures` on a Dask cluster, which outlives workers that die and a scheduler that restarts.

Dask itself tries a call again when its worker dies (``distributed.scheduler.allowed-failures`` times).  Calls that a
scheduler took with it are submitted again as soon as one answers at its address: a unit of work is the same wherever
and however often it is computed, and its result is written whole.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError, IncompleteError, reason

PATIENCE_SECONDS = 600.0
"""How long a scheduler may be away."""
MOST_LOSSES = 10
"""Times that one call may be lost: what no scheduler can take or give back is an error, and not tried for ever."""
_PAUSE_SECONDS = 1.0
_COUNT_SECONDS = 2.0


class WorkersDiedError(HarnessError):
    """Every worker that computed a call died, as often as the scheduler allows."""


@dataclass
class _Call:
    """What was submitted, the future that the caller holds, by which client, and how often the call was lost."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    future: Future[Any]
    client: Any = None
    losses: int = 0


class Cluster(Executor):
    """Hands calls to Dask's workers; the caller's futures know nothing of lost workers and schedulers.

    Parameters
    ----------
    client : distributed.Client
        Closed by whoever opened it; one that takes its place is closed here.
    connect : callable, optional
        Makes another client of the same address when the scheduler is gone; without it that ends the run.
    patience : float
        Seconds for which a scheduler may be away.
    """

    def __init__(
        self, client: Any, connect: Callable[[], Any] | None = None, *, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._client, self._connect, self._patience = client, connect, patience
        self._lock = threading.Lock()
        self._lost: list[_Call] = []
        self._reviving: threading.Thread | None = None
        self._mine: list[Any] = []
        self._closed = False
        self._counted = -math.inf, 1

    @property
    def client(self) -> Any:
        """Dask's client, as it is now."""
        return self._client

    @property
    def parallel(self) -> int:
        """Workers that there are now, at least 1."""
        now = time.monotonic()
        if now - self._counted[0] > _COUNT_SECONDS:
            try:
                count = len(self._client.scheduler_info(n_workers=-1)["workers"])
            except Exception:  # noqa: BLE001  # a scheduler that is away has no workers to count
                count = 0
            self._counted = now, max(1, count)
        return self._counted[1]

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit a call of plain data; keyword arguments are not passed on.

        Raises
        ------
        RuntimeError
            After `shutdown`.
        """
        if self._closed:
            raise RuntimeError("no call can be submitted after the shutdown")
        if kwargs:
            raise TypeError(f"keyword arguments are not passed on, got {sorted(kwargs)}")
        call = _Call(function, args, Future())
        self._hand_over(call)
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls and let go of what is not done; the first client stays open."""
        self._closed = True
        reviving = self._reviving
        if wait and reviving is not None:
            reviving.join()
        for client in self._mine:
            _quietly(client.close)

    def _hand_over(self, call: _Call) -> None:
        call.client = self._client
        try:
            inner = call.client.submit(call.function, *call.args, pure=False)
            call.future.add_done_callback(lambda outer: _quietly(inner.cancel) if outer.cancelled() else None)
            inner.add_done_callback(lambda done: self._ended(call, done))
        except Exception as error:  # noqa: BLE001  # a client whose scheduler is gone raises many kinds
            self._was_lost(call, error)

    def _ended(self, call: _Call, inner: Any) -> None:
        """Pass on how a call ended; runs in a thread of the client."""
        if call.future.cancelled() or call.future.done():
            return
        status = inner.status
        try:
            if status == "error":
                _fail(call.future, _told(inner.exception()))
                return
            if status == "finished":
                result = inner.result()
                if call.future.set_running_or_notify_cancel():
                    call.future.set_result(result)
                inner.release()
                return
        except Exception as error:  # noqa: BLE001  # the worker that held the result is gone, or the scheduler
            self._was_lost(call, error)
            return
        self._was_lost(call, RuntimeError(f"the call is {status}"))

    def _was_lost(self, call: _Call, error: Exception) -> None:
        if self._closed:
            _fail(call.future, IncompleteError("the run was ended"))
            return
        if self._connect is None:
            _fail(call.future, _gone(error))
            return
        call.losses += 1
        if call.losses > MOST_LOSSES:
            _fail(call.future, HarnessError(f"the cluster lost it {call.losses} times, last by: {reason(error)}"))
            return
        with self._lock:
            replaced = self._reviving is None and call.client is not self._client
            if not replaced:
                self._lost.append(call)
            if not replaced and self._reviving is None:
                self._reviving = threading.Thread(target=self._revive, daemon=True)
                self._reviving.start()
        if replaced:  # it went with an earlier client, of which it was told late: the one that is here lost nothing
            self._hand_over(call)

    def _revive(self) -> None:
        """Connect again and submit what was lost; give up when patience ends."""
        assert self._connect is not None  # noqa: S101  # `_was_lost` saw to it
        end = time.monotonic() + self._patience
        while True:
            error: Exception
            try:
                client = self._connect()
                break
            except Exception as failure:  # noqa: BLE001  # whatever is in the way, it is tried again
                error = failure
            if self._closed or time.monotonic() > end:
                with self._lock:
                    lost, self._lost, self._reviving = self._lost, [], None
                for call in lost:
                    _fail(call.future, _gone(error))
                return
            time.sleep(_PAUSE_SECONDS)
        with self._lock:
            old, self._client = self._client, client
            self._mine.append(client)
            lost, self._lost, self._reviving = self._lost, [], None
        _quietly(old.close)
        for call in lost:
            self._hand_over(call)


def _fail(future: Future[Any], error: BaseException) -> None:
    if not future.done() and future.set_running_or_notify_cancel():
        future.set_exception(error)


def _gone(error: Exception) -> IncompleteError:
    return IncompleteError(
        f"the Dask scheduler is gone ({reason(error)}); whole shards are kept: run the same command again"
    )


def _told(error: BaseException) -> BaseException:
    """Say in words what Dask's own error means."""
    if type(error).__name__ == "KilledWorker":
        return WorkersDiedError(
            "every worker that computed it died (killed, or out of memory), as often as the scheduler allows; "
            "give workers more memory, or run the same command again"
        )
    return error


def _quietly(function: Callable[[], Any]) -> None:
    """Call what may fail because its other side is gone."""
    with suppress(Exception):
        function()
