"""The program of a worker process: it makes a task once, and trains what it is sent until its parent is gone."""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from harness.errors import HarnessError
from harness.names import read
from harness.own.classes import PACKAGE, class_of, file_sha256
from harness.task import Task
from harness.workers.definition import Definition, definition_of, numbers_of

_LONGEST = 600
"""Characters of a reason."""


def serve() -> None:
    """Answer requests, a line of JSON each, on standard input.

    The first one names the task.  What anything prints goes where errors go, and is no answer; what reads gets nothing.
    """
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr  # which keeps no line back
    faulthandler.enable()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, lines), daemon=True).start()
    process = os.getpid()
    try:
        name, task, definition = _made(**json.loads(lines.get()))
    except BaseException as error:  # noqa: BLE001  # of somebody's file
        _answer(sink, {"error": str(error) if isinstance(error, HarnessError) else why(error, "")})
        return
    told: Mapping[str, Any] = {}
    while True:
        if os.getpid() != process:  # a copy that the task made of this process, and forgot
            os._exit(0)
        _answer(sink, told)
        told = _trained(name, task, definition, **json.loads(lines.get()))


def _listen(source: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    """Hand lines on; where they end the parent is gone, and this process ends with all that it has started."""
    for line in source:
        lines.put(line)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _answer(sink: IO[bytes], told: Mapping[str, Any]) -> None:
    sink.write(json.dumps(told).encode() + b"\n")
    sink.flush()


def _made(task: str, sha256: str) -> tuple[str, Task, Definition]:
    if file_sha256(task) != sha256:
        raise HarnessError(f"the file of '{task}' changed while it was used; run again")
    factory = class_of(task)
    try:
        return task, factory(), definition_of(factory)
    except Exception as error:
        raise HarnessError(f"the task '{task}' cannot be made: {why(error, task)}") from error


def _trained(
    name: str, task: Task, definition: Definition, configs: Sequence[Any], seeds: Sequence[int], level: int
) -> dict[str, Any]:
    """Train configurations at one fidelity, and say what each gave and what is wrong with it."""
    began = time.perf_counter()
    fidelity = definition.levels[level : level + 1]
    try:
        if definition.batch > 1:
            returned = list(task.train_many(configs, seeds, *fidelity))
            if len(returned) != len(configs):
                raise HarnessError(
                    f"`train_many` must return {len(configs)} results, one a choice, got {len(returned)}"
                )
        else:
            returned = [task.train(configs[0], seeds[0], *fidelity)]
    except BaseException as error:  # noqa: BLE001  # a training can fail in any way, SystemExit too
        found = [numbers_of(definition, dict.fromkeys(definition.columns, float("nan")))[0]] * len(configs)
        reasons = [why(error, name)] * len(configs)
    else:
        found, reasons = map(list, zip(*(numbers_of(definition, item) for item in returned), strict=True))
    seconds = (time.perf_counter() - began) / len(configs)
    return {"values": found, "reasons": [text[:_LONGEST] for text in reasons], "seconds": seconds}


def why(error: BaseException, name: str) -> str:
    """Return in one line what was raised, and where in the file of a task, or the modules beside it."""
    frames = traceback.extract_tb(error.__traceback__)
    path = read(name).path if name else None
    if path is not None:
        folder = str(Path(path).resolve().parent)
        frames = traceback.StackSummary([frame for frame in frames if frame.filename.startswith(folder)] or frames)
    said = "".join(traceback.format_exception_only(error)).strip().replace("\n", " ")
    said = re.sub(rf"^{PACKAGE}\w+\.", "", said)  # its own exceptions, as its file calls them
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{said[: _LONGEST - len(place)]}{place}"
