"""A child process with limits of time and memory, for readers that damaged bytes could crash, hang or bloat.

The child runs a function of ours by its name, on plain data and on open files, and answers with plain data and arrays.
Nothing is pickled, either way.  It starts with the first call and serves all further ones; one that ends it, or is not
answered in time, is told as a `ConfinedError`, and the next call starts another child.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pkgutil import resolve_name
from types import TracebackType
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from harness.errors import HarnessError

SECONDS = 5
"""Of computing, for a call; more for large files."""
BYTES_A_SECOND = 20e6
"""That a call may take for each byte of the file besides."""
MEMORY = 2**29
"""Bytes that a call may take besides those of its file."""
_PATIENCE = 30
"""Real seconds for each second of computing: a busy machine is no damage."""

Answer = tuple[Any, dict[str, npt.NDArray[Any]]]
"""Plain JSON data, and arrays by name."""


class ConfinedError(HarnessError):
    """What a confined function raised, or how the child that ran it ended."""


class Confined:
    """A child process to be; used as a context, and started when it is first needed.

    Parameters
    ----------
    files : sequence of int
        Descriptors that the child inherits, under the same numbers.
    """

    def __init__(self, files: Sequence[int] = ()) -> None:
        self._files = tuple(files)
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Confined:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child, if there is one; a further call starts another."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            with suppress(OSError):
                child.communicate()

    def call(self, target: str, content: bytes = b"", *, size: int | None = None, **data: Any) -> Answer:
        """Run a function in the child.

        Parameters
        ----------
        target : str
            ``"module:function"``; called with `content` and `data`, it returns an `Answer`.
        content : bytes
        size : int, optional
            Bytes of the file that is read, which its limits follow; by default those of `content`.
        **data
            Plain JSON data.

        Raises
        ------
        ConfinedError
            If the function raises, or takes more time or memory than it may, or ends the child.
        """
        size = len(content) if size is None else size
        seconds = SECONDS + round(size / BYTES_A_SECOND)
        limits = {"seconds": seconds, "bytes": MEMORY + 4 * size}
        request = {"target": target, "data": data, "length": len(content)} | limits
        child = self._started()
        timer = threading.Timer(_PATIENCE * seconds, child.kill)
        timer.start()
        try:
            answer = _exchange(child, json.dumps(request).encode(), content)
        except (OSError, ValueError, EOFError):
            self.close()
            raise ConfinedError("reading it crashes or never ends, or takes too much memory") from None
        finally:
            timer.cancel()
        if isinstance(answer, str):
            raise ConfinedError(answer)
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            # the same modules, whatever the current folder holds
            program = f"import sys; sys.path[:] = {sys.path!r}; from harness.files.confined import serve; serve()"
            self._child = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-c", program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=self._files,
            )
        return self._child


def _exchange(child: subprocess.Popen[bytes], request: bytes, content: bytes) -> Answer | str:
    """Send a request and take the answer; raises OSError, EOFError or ValueError where there is none."""
    assert child.stdin is not None  # noqa: S101  # a pipe was asked for
    assert child.stdout is not None  # noqa: S101  # a pipe was asked for
    child.stdin.write(request + b"\n" + content)
    child.stdin.flush()
    answer = json.loads(child.stdout.readline())
    if "error" in answer:
        return str(answer["error"])
    arrays = {}
    for name, kind, shape in answer["arrays"]:
        dtype = np.dtype(kind)
        content = _exactly(child.stdout, int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
        arrays[name] = np.frombuffer(content, dtype).reshape(shape)
    return answer["value"], arrays


def _exactly(stream: IO[bytes], length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


def serve() -> None:
    """Answer requests on standard input until it ends; the program of the child."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what anything else prints is no answer
    while line := source.readline():
        request = json.loads(line)
        content = _exactly(source, request["length"])
        value: Any = None
        arrays: dict[str, npt.NDArray[Any]] = {}
        try:
            function = resolve_name(request["target"])
            limit(1 + request["seconds"], request["bytes"])
            value, arrays = function(content, **request["data"])
            listed = [[name, array.dtype.str, array.shape] for name, array in arrays.items()]
            answer = json.dumps({"value": value, "arrays": listed})
        except Exception as error:  # noqa: BLE001  # damaged bytes can raise nearly anything
            text = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
            answer, arrays = json.dumps({"error": text[:1000]}), {}
        sink.write(answer.encode() + b"\n")
        for array in arrays.values():
            sink.write(np.ascontiguousarray(array).tobytes())
        sink.flush()


def limit(seconds: float, memory: int) -> None:
    """Allow this process so much more than it took by now; no core is left behind.

    Parameters
    ----------
    seconds : float
        Of computing.
    memory : int
        Bytes; left alone where the system does not tell how much there is.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + seconds))
    with suppress(OSError, ValueError), open("/proc/self/statm", encoding="ascii") as file:
        _lower(resource.RLIMIT_AS, int(file.read().split()[0]) * resource.getpagesize() + memory)


def _lower(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
