"""What all tests share: a cache of converted tables, and which tests this machine can run."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from harness import registry
from tests.paths import ROOT, SHARED_DATA

settings.register_profile(
    "harness",
    deadline=None,
    max_examples=30,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("harness")


def pytest_configure(config: pytest.Config) -> None:
    """Keep converted tables between test runs, apart from the user's own; processes that tests start see them too."""
    cache = getattr(config, "cache", None)  # pytest can run without its cache
    home = ROOT / ".pytest_cache" / "d" / "nas-harness-home" if cache is None else cache.mkdir("nas-harness-home")
    os.environ["NAS_HARNESS_HOME"] = str(home)
    os.environ.pop("FORCE_COLOR", None)
    # Modules are compiled as for most users; without it each run compiles all tests again, which takes ten seconds.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep what collecting made out of the garbage collector: it lives until the end, and each full pass took 0.4 s."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("data") and not SHARED_DATA.is_dir():
            reason = "the folder of real tables is not here; name it in NAS_HARNESS_SHARED_DATA"
            item.add_marker(pytest.mark.skip(reason=reason))
        if item.get_closest_marker("gpu") and not _has_cuda():
            item.add_marker(pytest.mark.skip(reason="torch finds no CUDA device on this machine"))


@cache
def _has_cuda() -> bool:
    """Ask torch in another process, and only when a test needs to know and it could: importing it takes seconds."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.version.cuda is torch.version.hip is None:
        return False
    question = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", question], capture_output=True, check=False).returncode == 0


@pytest.fixture(autouse=True)
def _pipes_as_python_has_them() -> Iterator[None]:
    """Undo what the command line does to a process of its own: a cut connection in a later test would end them all."""
    yield
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str, Callable[[], object]], None]]:
    """Add a provider of somebody else's to the registry: its kind, its name, and what loads it."""
    real, added = registry.entry_points, list[tuple[str, SimpleNamespace]]()

    def entry_points(*, group: str) -> list[Any]:
        return [*real(group=group), *(entry for theirs, entry in added if theirs == group)]

    def add(kind: str, name: str, load: Callable[[], object]) -> None:
        added.append((registry.GROUPS[kind], SimpleNamespace(name=name, load=load, dist=None)))
        registry.forget()

    monkeypatch.setattr(registry, "entry_points", entry_points)
    yield add
    added.clear()
    registry.forget()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real tables; for tests marked `data`."""
    return SHARED_DATA
