"""The memory of proofs and timings of levels: small files in the cache folder, one for each device, version and task.

A file is read only where everything that its content depends on is the same; what is not such a file is no memory.
Faults are not remembered: they are looked for again, so that a mended driver is noticed.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from harness import spaces, training
from harness.digests import sha256_of
from harness.files.whole import home_folder, replacing
from harness.training.engines.engine import Task

_LARGEST = 65536
"""Bytes of a file, at most."""


class Memory:
    """What is known about the levels for a task on its device.

    Parameters
    ----------
    task : Task
    folder : Path, optional
        The default is ``levels`` in the cache folder.
    """

    def __init__(self, task: Task, folder: Path | None = None) -> None:
        self._facts = facts_of(task)
        self._folder = home_folder() / "levels" if folder is None else folder

    def is_proven(self, level: str) -> bool:
        """Return whether a level has proven itself."""
        return self._read({"proof": level}) is True

    def keep_proof(self, level: str) -> None:
        """Remember that a level has proven itself."""
        self._write({"proof": level}, True)

    def seconds(self, level: str, cells: int, seeds: int) -> float | None:
        """Return what a network's step takes; None if it was not timed."""
        found = self._read(_timing(level, cells, seeds))
        sound = isinstance(found, float) and math.isfinite(found) and found > 0
        return found if sound else None

    def keep_seconds(self, level: str, cells: int, seeds: int, seconds: float) -> None:
        """Remember what a network's step takes."""
        self._write(_timing(level, cells, seeds), seconds)

    def _read(self, question: dict[str, Any]) -> Any:
        path, facts = self._place(question)
        try:
            if path.stat().st_size > _LARGEST:
                return None
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        same = isinstance(content, dict) and content.get("facts") == facts
        return content.get("answer") if same else None

    def _write(self, question: dict[str, Any], answer: object) -> None:
        path, facts = self._place(question)
        try:
            with replacing(path) as temporary:
                temporary.write_text(json.dumps({"facts": facts, "answer": answer}, indent=1) + "\n", encoding="utf-8")
        except OSError:
            return  # a cache that cannot be written to costs a proof each time, and nothing else

    def _place(self, question: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
        facts = self._facts | question
        return self._folder / f"{sha256_of(facts)}.json", facts


def _timing(level: str, cells: int, seeds: int) -> dict[str, Any]:
    return {"timing": level, "cells": cells, "seeds": seeds}


def facts_of(task: Task) -> dict[str, Any]:
    """Return as plain data all that decides whether a level is right and how fast it is."""
    dataset = task.dataset
    return {
        "device": device_facts(task.device),
        "versions": {name: _version(name) for name in ("torch", "triton", "numpy")},
        "code": code_sha256(),
        "network": task.network,
        "recipe": task.recipe.as_dict() | {"name": None, "epochs": None},
        "images": [*dataset.shape, str(dataset.images["train"].dtype)],
        "classes": dataset.classes,
        "augmentation": [dataset.flip, dataset.padding],
    }


def device_facts(device: torch.device) -> list[Any]:
    """Return what names a kind of device and what computes on it."""
    threads = torch.get_num_threads()
    if device.type != "cuda":
        return ["cpu", platform.machine(), torch.backends.cpu.get_cpu_capability(), threads]
    major, minor = torch.cuda.get_device_capability(device)
    cudnn: Any = torch.backends.cudnn
    return [torch.cuda.get_device_name(device), major, minor, torch.version.cuda, cudnn.version(), threads]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def code_sha256() -> str:
    """Return the SHA-256 of the program's own code that trains: this package, and the spaces that it reads."""
    digest = hashlib.sha256()
    for package in (training, spaces):
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()
