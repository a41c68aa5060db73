"""A second process that draws some figures of a large page from their files, while the first draws the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
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
    " from reports.figures.second import draw_from_files; draw_from_files(told['folder'], told['names'])"
)


def half_of(exhibits: Sequence[Exhibit]) -> list[Exhibit]:
    """Return what a second process should draw: about half of the work where it is much and there are two cores."""
    if sum(len(exhibit.panels) for exhibit in exhibits) < _MANY or _cores() < 2:
        return []
    here, there, chosen = 0.0, 0.5, list[Exhibit]()
    for exhibit in sorted(exhibits, key=_work, reverse=True):
        if there + _work(exhibit) <= here + _work(exhibit) and there <= here:
            there += _work(exhibit)
            chosen.append(exhibit)
        else:
            here += _work(exhibit)
    return chosen


def _work(exhibit: Exhibit) -> float:
    return len(exhibit.panels) + len(exhibit.frame) / _ROWS


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def drawn_beside(exhibits: Sequence[Exhibit], folder: Path) -> Iterator[None]:
    """Draw exhibits into a folder by a second process, while the body runs; what it fails at is drawn at the end.

    The bytes are those that `save` writes: a figure is drawn from its CSV and JSON alone.
    """
    if not exhibits:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    for exhibit in exhibits:
        exhibit.write(folder)
    told = {"path": sys.path, "folder": str(folder), "names": [exhibit.name for exhibit in exhibits]}
    command = [sys.executable, "-c", _PROGRAM, json.dumps(told)]
    silent = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent) as child:  # noqa: S603  # our own program
        try:
            yield
            failed = child.wait() != 0
        finally:
            child.kill()
    for exhibit in exhibits if failed else ():
        save(exhibit, folder)


def draw_from_files(folder: str, names: Sequence[str]) -> None:
    """Draw figures of which CSV and JSON lie in a folder."""
    for name in names:
        save_drawing(Exhibit.read(Path(folder), name), Path(folder))
