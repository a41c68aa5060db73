"""The runner of cases: a process of its own for each, with limits, and the verdict on how it ended."""

from __future__ import annotations

import faulthandler
import io
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from benchmarks_data.importers.safe import confined
from harness.errors import HarnessError

OK, REFUSED = "ok", "refused"
FAULTS = ("traceback", "hang", "crash", "memory", "changed", "litter", "message")
"""Anything else than the right result or an error of ours: what a case must not end with."""
SECONDS, WALL_SECONDS = 10, 90.0
"""Of processor time for a case; and by the clock, on a machine that is busy with others."""
MEMORY_BYTES = 5 * 2**28
"""That a case, or a process that it started, may add."""
LONGEST_MESSAGE = 5_000
_BETWEEN = ".unfinished"


class ChangedError(AssertionError):
    """A damaged input that was accepted, with other numbers than the whole one has."""


class Draw(random.Random):
    """The choices of one case; `edits` says how many changes are made, fewer when a fault is made smaller."""

    most: int = sys.maxsize

    def edits(self, least: int, most: int) -> int:
        """Return a number of changes."""
        return min(self.randint(least, most), self.most)

    def nasty(self, things: Sequence[Any]) -> Any:
        """Return one of some things."""
        return things[self.randrange(len(things))]


class Kind(ABC):
    """A kind of input, and what is done with it.

    Attributes
    ----------
    name : str
    weight : float
        Share of all cases.
    corpus : int
        How many cases come first that are the same for every seed: inputs that once failed.
    """

    name: str
    weight: float = 1.0
    corpus: int = 0

    def prepare(self, folder: Path) -> None:  # noqa: B027  # most kinds need nothing
        """Make what all cases read, once, in a folder of this kind."""

    @abstractmethod
    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Make the input of a case in an empty folder, give it to the program, and say what happened.

        Raises
        ------
        HarnessError
            If the program refuses it, as it should.
        ChangedError
            If it was accepted, and gives other numbers.
        """


@dataclass(frozen=True)
class Verdict:
    """How a case ended.

    Attributes
    ----------
    kind : str
    index : int
    outcome : str
        "ok", "refused", or one of `FAULTS`.
    message : str
    seconds : float
        By the clock.
    """

    kind: str
    index: int
    outcome: str
    message: str
    seconds: float = 0.0

    @property
    def is_fault(self) -> bool:
        """Whether the program did what it must not do."""
        return self.outcome in FAULTS


@dataclass
class _Running:
    kind: Kind
    index: int
    process: int
    receiving: Connection
    folder: Path
    begun: float = field(default_factory=time.monotonic)


class Runner:
    """Runs cases, some at a time.

    Parameters
    ----------
    kinds : sequence of Kind
        Prepared here.
    seed : int
    folder : Path
        For what is prepared and for the cases; each case is removed when it has ended, unless it is a fault.
    kept : Path, optional
        Where the inputs of faults go.
    """

    def __init__(self, kinds: Sequence[Kind], seed: int, folder: Path, kept: Path | None = None) -> None:
        self.kinds: Mapping[str, Kind] = {kind.name: kind for kind in kinds}
        self.seed, self.folder, self.kept = seed, folder, kept
        for kind in kinds:
            place = folder / "prepared" / kind.name
            place.mkdir(parents=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                kind.prepare(place)
        confined.LIMITS = replace(confined.LIMITS, decode_seconds=0.3, seconds=5.0)

    def cases(self, cases: Sequence[tuple[str, int]], jobs: int = 1) -> Iterator[Verdict]:
        """Yield the verdict of each case, as they end."""
        left, running = iter(cases), list[_Running]()
        try:
            while True:
                while len(running) < jobs and (case := next(left, None)) is not None:
                    running.append(self._start(*case))
                if not running:
                    return
                wait([each.receiving for each in running], timeout=1.0)
                for each in list(running):
                    late = time.monotonic() - each.begun > WALL_SECONDS
                    if each.receiving.poll() or late:
                        running.remove(each)
                        yield self._end(each, late=late and not each.receiving.poll())
        finally:
            self.kept = self.kept if not running else None  # interrupted: what is cut off is no fault
            for each in running:
                self._end(each, late=True)

    def case(self, kind: str, index: int, most: int = sys.maxsize) -> Verdict:
        """Return the verdict of one case, of which only the first `most` changes are made."""
        started = self._start(kind, index, most)
        while not started.receiving.poll(1.0):
            if time.monotonic() - started.begun > WALL_SECONDS:
                return self._end(started, late=True)
        return self._end(started, late=False)

    def smallest(self, verdict: Verdict) -> tuple[int, Verdict]:
        """Return how few of its changes are enough for a fault of the same sort, and that fault."""
        for most in (0, 1, 2, 3, 4, 8):
            again = self.case(verdict.kind, verdict.index, most)
            if again.outcome == verdict.outcome:
                return most, again
        return sys.maxsize, verdict

    def _start(self, kind: str, index: int, most: int = sys.maxsize) -> _Running:
        folder = Path(tempfile.mkdtemp(prefix=f"{kind}-{index}-", dir=self.folder))
        receiving, sending = Pipe(duplex=False)
        process = os.fork()
        if process == 0:
            with suppress(BaseException):
                receiving.close()
                before = _own_bytes()  # less than its parent has: what files hold is not there yet
                outcome, message = self._inside(self.kinds[kind], index, most, folder)
                grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
                if not Verdict("", 0, outcome, "").is_fault and grown > MEMORY_BYTES:
                    outcome, message = "memory", f"{grown / 2**30:.1f} GB; {message}"
                sending.send((outcome, message))
            os._exit(0)
        sending.close()
        return _Running(self.kinds[kind], index, process, receiving, folder)

    def _inside(self, kind: Kind, index: int, most: int, folder: Path) -> tuple[str, str]:
        """Run a case, in a process of its own; return outcome and message."""
        os.setsid()
        faulthandler.disable()
        draw = Draw(f"{self.seed}/{kind.name}/{index}")
        draw.most = most
        inside, temporary = folder / "case", folder / "temporary"
        inside.mkdir()
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        os.environ["TMPDIR"] = str(temporary)
        os.chdir(inside)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**31, 2**31))
        with open(folder / "output", "wb") as output:  # what C writes
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        warnings.simplefilter("ignore")
        try:
            message = kind.run(draw, index, inside)
            outcome = OK
        except HarnessError as error:
            outcome, message = REFUSED, str(error)
        except ChangedError as error:
            return "changed", str(error)
        except BaseException as error:  # noqa: BLE001  # all that is no error of ours is a fault
            where = traceback.format_exception(error, limit=-6)
            return "traceback", f"{type(error).__name__}: {error!s:.500}\n{''.join(where)[-4000:]}"
        if len(message) > LONGEST_MESSAGE or "Traceback (most recent" in message:
            return "message", f"{len(message)} characters: {message[:500]}"
        left = [path.name for path in folder.rglob("*") if _BETWEEN in path.name] + os.listdir(temporary)
        return ("litter", f"{left[:5]} stayed; {message}") if left else (outcome, message)

    def _end(self, running: _Running, *, late: bool) -> Verdict:
        """Take what a case said, or see how it died."""
        seconds = time.monotonic() - running.begun
        told: tuple[str, str] | None = None
        with suppress(EOFError, OSError, pickle.UnpicklingError):
            told = running.receiving.recv() if not late else None
        running.receiving.close()
        with suppress(ProcessLookupError, PermissionError):  # whatever it started, too
            os.killpg(running.process, signal.SIGKILL)
        if told is None:
            with suppress(ProcessLookupError):
                os.kill(running.process, signal.SIGKILL)
        status = os.waitpid(running.process, 0)[1]
        if told is not None:
            outcome, message = told
        elif late:
            outcome, message = "hang", f"more than {WALL_SECONDS:.0f} s by the clock"
        else:
            ending = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {status >> 8}"
            outcome, message = ("hang", f"{SECONDS} s of processor time") if ending == "SIGXCPU" else ("crash", ending)
        verdict = Verdict(running.kind.name, running.index, outcome, message, seconds)
        if verdict.is_fault and self.kept is not None:
            goal = self.kept / f"{verdict.kind}-{self.seed}-{verdict.index}"
            shutil.rmtree(goal, ignore_errors=True)
            with suppress(OSError, shutil.Error):
                shutil.copytree(running.folder, goal, symlinks=True)
                (goal / "verdict.txt").write_text(f"{outcome}\n{message}\n", encoding="utf-8", errors="replace")
        shutil.rmtree(running.folder, ignore_errors=True)
        return verdict


def _own_bytes() -> int:
    """Return what this process has in memory now; where that is not told, its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()


def command(*arguments: str) -> str:
    """Run the command line in this process and return what it says.

    Raises
    ------
    HarnessError
        If it ends with 2 or 3 and a message.
    AssertionError
        If it ends in another way than its exit codes allow.
    """
    from harness.cli.__main__ import main

    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        code = main(list(arguments))
    text = output.getvalue()
    if code in (2, 3) and text.strip() and "Traceback (most recent" not in text:
        raise HarnessError(text[:2000])
    if code != 0:
        raise AssertionError(f"exit {code}: {text[-2000:]}")
    return f"exit 0, {len(text)} characters"


@contextmanager
def prepared(kinds: Sequence[Kind], seed: int, kept: Path | None = None) -> Iterator[Runner]:
    """Give a runner of some kinds in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        yield Runner(kinds, seed, Path(folder), kept)
