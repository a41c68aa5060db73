"""Processes that train a task of one's own: started when needed, given a batch each, ended when they hang."""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.errors import HarnessError, typed
from harness.own.classes import class_of
from harness.workers.definition import Definition, definition_of

GIVE_UP = 5
"""Trainings that fail before any has succeeded, after which the rest is not tried."""
_STARTING_SECONDS = 300.0
"""In which a task is imported and made, unless a training may take longer."""
_PRINTED = 300
"""Characters of what a process printed last, where it ended without an answer."""
_PROGRAM = """
import os, sys
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                                 "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"))
sys.path[:] = {path!r}
from harness.workers.child import serve
serve()
"""


@dataclass(frozen=True)
class Request:
    """A training that is asked for.

    Attributes
    ----------
    config : mapping or str
        As `Task.train` takes it.
    seed : int
    fidelity : int
        Index into the fidelities of the task.
    """

    config: Any
    seed: int
    fidelity: int


@dataclass(frozen=True)
class Done:
    """A training that has ended.

    Attributes
    ----------
    values : tuple of float
        One for each column of the task; NaN where there is none.
    reason : str
        Why there is none; "" where it ended well.
    seconds : float
        Real ones.
    """

    values: tuple[float, ...]
    reason: str
    seconds: float


class Workers:
    """The processes of one task; each is made when there is work for it, and made anew where one was ended.

    Parameters
    ----------
    name : str
        ``"path/to/file.py:Class"``.
    sha256 : str
        Of the file and its own modules: a process that finds another one refuses to train.
    definition : Definition

    Attributes
    ----------
    mean_seconds : float
        Real seconds of a training so far; NaN before the first.
    """

    def __init__(self, name: str, sha256: str, definition: Definition) -> None:
        self.name, self._sha256, self._definition = name, sha256, definition
        self._idle = list[_Worker]()
        self._succeeded, self._failed = False, 0
        self._count, self._seconds = 0, 0.0

    @property
    def mean_seconds(self) -> float:
        """Real seconds of a training so far; NaN before the first."""
        return self._seconds / self._count if self._count else float("nan")

    def close(self) -> None:
        """End the processes; further work starts others."""
        while self._idle:
            self._idle.pop().end()

    def train(self, requests: Sequence[Request]) -> Iterator[tuple[int, Done]]:
        """Train what is asked for, and yield the place of each request with what became of it, as they end.

        Raises
        ------
        HarnessError
            If the task cannot be made, or all of the first trainings fail.
        """
        waiting = deque(self._batches(requests))
        busy = dict[_Worker, list[int]]()
        try:
            while waiting or busy:
                while waiting and len(busy) < self._definition.processes:
                    places = waiting.popleft()
                    worker = self._idle.pop() if self._idle else _Worker(self.name, self._sha256, self._definition)
                    busy[worker] = places
                    worker.send([requests[place] for place in places])
                for worker in _answered(list(busy)):
                    places = busy.pop(worker)
                    answers = worker.take()
                    if worker.alive:
                        self._idle.append(worker)
                    if len(places) > 1 and any(done.reason for done in answers):
                        waiting.extendleft([place] for place in reversed(places))
                        continue
                    for place, done in zip(places, answers, strict=True):
                        self._note(done)
                        yield place, done
        finally:
            for worker in busy:
                worker.end()

    def _batches(self, requests: Sequence[Request]) -> Iterator[list[int]]:
        """Yield the places of requests that go together: at most a batch of one fidelity."""
        of_fidelity: dict[int, list[int]] = {}
        for place, request in enumerate(requests):
            of_fidelity.setdefault(request.fidelity, []).append(place)
        size = self._definition.batch
        for places in of_fidelity.values():
            yield from (places[start : start + size] for start in range(0, len(places), size))

    def _note(self, done: Done) -> None:
        self._count, self._seconds = self._count + 1, self._seconds + done.seconds
        if not done.reason:
            self._succeeded = True
            return
        self._failed += 1
        if not self._succeeded and self._failed >= GIVE_UP:
            raise HarnessError(
                f"the first {GIVE_UP} trainings of '{self.name}' failed, the last one because: {done.reason}. "
                f"`{typed('check', self.name)}` trains one and says more"
            )


@lru_cache(maxsize=2)
def workers_of(name: str, sha256: str) -> Workers:
    """Return the processes of a task, the same ones while its file stays as it is: imports and data are loaded once."""
    return Workers(name, sha256, definition_of(class_of(name)))


class _Worker:
    """A process, and what it does now."""

    def __init__(self, name: str, sha256: str, definition: Definition) -> None:
        self._definition = definition
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self._child = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-I", "-c", _PROGRAM.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            start_new_session=True,  # with a group of its own, so that what a training starts ends with it
        )
        self._finalizer = weakref.finalize(self, _kill, self._child)
        self.alive, self._is_made = True, False
        self._asked, self._answer, self._ended = 0, b"", ""
        self.deadline, self._began = math.inf, 0.0
        self._write({"task": name, "sha256": sha256})

    def _write(self, told: dict[str, Any]) -> None:
        assert self._child.stdin is not None  # noqa: S101  # a pipe was asked for
        with suppress(BrokenPipeError):  # which the answer, or its lack, tells
            self._child.stdin.write(json.dumps(told).encode() + b"\n")
            self._child.stdin.flush()

    def fileno(self) -> int:
        """Return the descriptor on which the process answers."""
        assert self._child.stdout is not None  # noqa: S101  # a pipe was asked for
        return self._child.stdout.fileno()

    def send(self, requests: Sequence[Request]) -> None:
        """Give the process one batch, all at one fidelity."""
        self._asked, self._answer = len(requests), b""
        if self._is_made:
            os.lseek(self._printed.fileno(), 0, os.SEEK_SET)  # the process writes at the same place
            os.ftruncate(self._printed.fileno(), 0)
        self._set_deadline()
        self._write(
            {
                "configs": [item.config for item in requests],
                "seeds": [item.seed for item in requests],
                "level": requests[0].fidelity,
            }
        )

    def _set_deadline(self) -> None:
        self._began, limit = time.monotonic(), self._definition.timeout_seconds * self._asked
        self.deadline = self._began + (limit if self._is_made else max(limit, _STARTING_SECONDS))

    def receive(self) -> bool:
        """Read what is there, and say whether the answer is complete, or none will come."""
        content = os.read(self.fileno(), 1 << 16)
        self._answer += content
        if not content:
            self.end()
            self._ended = self._ended or self._how_it_ended()
        elif not self._is_made and b"\n" in self._answer:
            first, _, self._answer = self._answer.partition(b"\n")
            told = json.loads(first)
            if "error" in told:
                self.end()
                raise HarnessError(told["error"])
            self._is_made = True
            self._set_deadline()
        return not self.alive or self._answer.endswith(b"\n")

    def expire(self) -> None:
        """End a process that takes too long."""
        limit = self._definition.timeout_seconds
        self._ended = f"it took longer than `timeout_seconds` = {limit:g}, and was ended"
        if not self._is_made:
            self._ended = f"importing and making the task took longer than {_STARTING_SECONDS:g} s"
        self.end()

    def take(self) -> list[Done]:
        """Return what became of the batch.

        Raises
        ------
        HarnessError
            If the process ended before it could train anything.
        """
        columns = len(self._definition.columns)
        if self.alive:
            try:
                told = json.loads(self._answer)
                rows = list(zip(told["values"], told["reasons"], strict=True))
                if len(rows) == self._asked and all(len(values) == columns for values, _ in rows):
                    return [Done(tuple(values), str(reason), float(told["seconds"])) for values, reason in rows]
            except (ValueError, KeyError, TypeError):
                pass
            self._ended = "what its process answered cannot be read: does it write to files that it did not open?"
            self.end()
        if not self._is_made:
            raise HarnessError(f"the task cannot be made: {self._ended}")
        nothing = tuple([math.nan] * columns)
        return [Done(nothing, self._ended, (time.monotonic() - self._began) / self._asked)] * self._asked

    def _how_it_ended(self) -> str:
        status = self._child.returncode
        how = f"ended with exit status {status}"
        if status < 0:
            how = f"was killed by {signal.Signals(-status).name}" + (", out of memory?" if status == -9 else "")
        size = os.lseek(self._printed.fileno(), 0, os.SEEK_END)
        last = os.pread(self._printed.fileno(), _PRINTED, max(0, size - _PRINTED)).decode(errors="replace").split()
        return f"its process {how}" + (f"; it printed: {' '.join(last)}" if last else "")

    def end(self) -> None:
        """End the process and what it has started, whatever it does."""
        self.alive = False
        self._finalizer()
        self._printed.flush()


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End a process with its group, and take its exit status."""
    if child.returncode is None:
        with suppress(ProcessLookupError, PermissionError):  # of one that is gone: what it has started
            os.killpg(child.pid, signal.SIGKILL)
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    with suppress(subprocess.TimeoutExpired):
        child.wait(5.0)


def _answered(workers: Sequence[_Worker]) -> list[_Worker]:
    """Wait until some processes have answered, have ended, or have taken too long."""
    answered = list[_Worker]()
    while not answered:
        with selectors.DefaultSelector() as selector:
            for worker in workers:
                selector.register(worker, selectors.EVENT_READ)
            left = min(worker.deadline for worker in workers) - time.monotonic()
            ready: list[Any] = [key.fileobj for key, _ in selector.select(max(0.0, left))]
        answered = [worker for worker in ready if worker.receive()]
        now = time.monotonic()
        for worker in workers:
            if worker not in answered and worker.deadline < now:
                worker.expire()
                answered.append(worker)
    return answered
