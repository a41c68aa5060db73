"""How every bench shows what it measured: a table on stdout and, if asked, JSON."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Row = dict[str, Any]
"""``what``, ``value``, ``unit``, and ``target`` as text (empty where there is none)."""


def parser(about: str | None) -> argparse.ArgumentParser:
    """Return the options that every bench takes."""
    made = argparse.ArgumentParser(description=about)
    made.add_argument("--json", type=Path, help="also write the figures to this file")
    return made


def show(measures: Iterable[Callable[[], Iterable[Row]]], json_path: Path | None) -> None:
    """Run measures one after the other, print each row as it comes, and write all of them."""
    rows: list[Row] = []
    for measure in measures:
        for row in measure():
            rows.append(row)
            line = f"{row['what']:<66} {row['value']:>11.4g} {row['unit']:<16} {row['target']}"
            sys.stdout.write(line.rstrip() + "\n")
            sys.stdout.flush()
    if json_path is not None:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
        json_path.write_text(json.dumps({"machine": machine, "figures": rows}, indent=1) + "\n", encoding="utf-8")
