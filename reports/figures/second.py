"""A second process that draws figures of a large page from their files, while the first makes and draws the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reports.figures.exhibit import Exhibit
from reports.figures.render import save, save_drawing

_MANY = 60
"""Panels of a page from which on a second process, which needs a second or two to begin, is worth it."""
_ROWS = 4000
"""Rows that take as long to draw as what surrounds a panel."""
_PROGRAM = (
    "import json, sys; told = json.loads(sys.argv[1]); sys.path[:] = told['path'];"
    " from reports.figures.second import draw_from_files; draw_from_files(told['folder'], told['names'], told['taken'])"
)
Take = Callable[[str], bool]
"""Takes a figure by name, to draw it; says whether it was still there to be taken."""


def alone(name: str) -> bool:
    """Take a figure where nobody else draws."""
    return bool(name)


@contextmanager
def drawn_beside(exhibits: Sequence[Exhibit], folder: Path) -> Iterator[Take]:
    """Have a second process draw exhibits into a folder while the body runs, where they are many on two cores.

    Each process takes the next figure when it has drawn one, so that both end at about the same time; the body takes
    what it draws.  What the second process fails at is drawn at the end.  The bytes are those that `save` writes: a
    figure is drawn from its CSV and JSON alone.
    """
    if sum(len(exhibit.panels) for exhibit in exhibits) < _MANY or _cores() < 2:
        yield alone
        return
    folder.mkdir(parents=True, exist_ok=True)
    for exhibit in exhibits:
        exhibit.write(folder)
    order = [exhibit.name for exhibit in sorted(exhibits, key=_work, reverse=True)]  # the small ones even out the end
    ours: set[str] = set()
    with tempfile.TemporaryDirectory(prefix=".taken-", dir=folder) as taken:

        def take(name: str) -> bool:
            if is_taken := _take(taken, name):
                ours.add(name)
            return is_taken

        told = {"path": sys.path, "folder": str(folder), "names": order, "taken": taken}
        command = [sys.executable, "-c", _PROGRAM, json.dumps(told)]
        silent = subprocess.DEVNULL
        with subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent) as child:  # noqa: S603  # our own program
            try:
                yield take
                failed = child.wait() != 0
            finally:
                child.kill()
    for exhibit in exhibits if failed else ():
        if exhibit.name not in ours:
            save(exhibit, folder)


def draw_from_files(folder: str, names: Sequence[str], taken: str) -> None:
    """Draw the figures of which CSV and JSON lie in a folder and that the first process has not taken."""
    for name in names:
        if _take(taken, name):
            save_drawing(Exhibit.read(Path(folder), name), Path(folder))


def _take(taken: str, name: str) -> bool:
    """Leave a mark that a figure is taken; False where there is one."""
    try:
        (Path(taken) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _work(exhibit: Exhibit) -> float:
    return len(exhibit.panels) + len(exhibit.frame) / _ROWS


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
