"""Lazy look-up of everything that has a name, through entry points; built-ins use the same door as third parties.

Groups: ``harness.benchmarks``, ``harness.oracles``, ``harness.strategies``, ``harness.surrogates``,
``harness.commands``, ``harness.views``, ``harness.descriptions``, ``harness.recorded``.  A benchmark entry point is a
factory ``(name, *, objectives, constraints, training[, check_content]) -> Benchmark``, an oracle entry point a factory
``(name) -> Oracle``; strategies and surrogates are classes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from harness.benchmark import Benchmark, Oracle
from harness.errors import HarnessError, unknown
from harness.problem import Constraint
from harness.space import SearchSpace
from harness.strategy import Strategy
from harness.surrogate import Surrogate

KINDS = (
    *("benchmark", "oracle", "strategy", "surrogate", "command", "view", "description", "recorded"),
    *("section", "figure"),  # of reports: `reports.sections.section`, `reports.figures.render.kind_of`
)
_PLURAL = {kind: f"{kind}s" for kind in KINDS} | {"strategy": "strategies", "recorded": "recorded"}


@cache
def _entries(kind: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"harness.{_PLURAL[kind]}")}


def names(kind: str) -> list[str]:
    """Return the registered names of a kind, sorted; see `KINDS`."""
    return sorted(_entries(kind))


def load(kind: str, name: str) -> Any:
    """Import what a registered name stands for.

    Raises
    ------
    HarnessError
        If the name is unknown; names the nearest match.
    """
    entries = _entries(kind)
    if name not in entries:
        raise HarnessError(unknown(kind, name, entries))
    return entries[name].load()


def benchmark(
    name: str,
    *,
    objectives: Sequence[str] | None = None,
    constraints: Sequence[Constraint | str] = (),
    training: int | None = None,
    check_content: bool = False,
) -> Benchmark:
    """Open a benchmark by name.

    Parameters
    ----------
    name : str
        One of ``names("benchmark")``, or the path of a table that this program wrote (``.h5``).
    objectives : sequence of str, optional
        Columns to optimise; the default is the validation metric of the table.
    constraints : sequence of Constraint or str
        For example ``"params_m <= 0.5"``.
    training : int, optional
        Always answer with this training run (counted among the runs present) instead of drawing one.
    check_content : bool
        Check the whole content of the table, which takes longer than opening it.
    """
    parsed = tuple(item if isinstance(item, Constraint) else Constraint.parse(item) for item in constraints)
    factory = load("recorded", "benchmark") if is_table(name) else load("benchmark", name)
    options = {"check_content": True} if check_content and "check_content" in keywords(factory) else {}
    opened: Benchmark = factory(name, objectives=objectives, constraints=parsed, training=training, **options)
    return opened


def oracle(name: str) -> Oracle:
    """Open the held-out truth of a benchmark by name; for reports and training/verify only."""
    opened: Oracle = (load("recorded", "oracle") if is_table(name) else load("oracle", name))(name)
    return opened


def strategy(name: str) -> type[Strategy]:
    """Return a strategy class by registered name or as ``"path/to/file.py:Class"``."""
    found = _from_file(name) if is_file(name) else load("strategy", name)
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        raise HarnessError(f"'{name}' must be a subclass of harness.Strategy, got {found!r}")
    return found


def is_table(name: str) -> bool:
    """Say whether a benchmark is named by the path of its table, ``"path/to/table.h5"``."""
    return name.endswith(".h5")


def is_file(name: str) -> bool:
    """Say whether a strategy name is of the form ``"path/to/file.py:Class"``."""
    return ".py:" in name


def file_sha256(name: str) -> str | None:
    """Return the SHA-256 of the file of ``"path/to/file.py:Class"``, None for a registered name."""
    return hashlib.sha256(_file_of(name).read_bytes()).hexdigest() if is_file(name) else None


def surrogate(settings: Mapping[str, Any], space: SearchSpace, *, device: str = "cpu") -> Surrogate:
    """Build an unfitted learner.

    Parameters
    ----------
    settings : mapping
        ``name``, and any of ``encoding`` and the learner's hyperparameters.
    space : SearchSpace
    device : str
        ``"cpu"`` or ``"cuda"``; given to learners that take a device.
    """
    chosen = dict(settings)
    if "name" not in chosen:
        raise HarnessError(f"a surrogate must have a `name`, got {dict(settings)!r}")
    name = chosen.pop("name")
    learner = load("surrogate", name)
    if "device" in keywords(learner):
        chosen["device"] = device
    built: Surrogate = call(learner, "surrogate", space, **chosen)
    built.identity = built.identity or name
    return built


def build_strategy(
    factory: type[Strategy], problem: Any, rng: Any, hyperparameters: Mapping[str, Any], learner: Surrogate | None
) -> Strategy:
    """Construct a strategy, giving it the learner if it takes one."""
    extra = {} if learner is None else {"surrogate": learner}
    built: Strategy = call(factory, f"strategy {factory.__name__}", problem, rng, **hyperparameters, **extra)
    return built


def keywords(factory: Callable[..., Any]) -> dict[str, Any]:
    """Return the keyword-only parameters of a factory and their defaults (`inspect.Parameter.empty` if none)."""
    parameters = inspect.signature(factory).parameters.values()
    return {item.name: item.default for item in parameters if item.kind is inspect.Parameter.KEYWORD_ONLY}


def call(factory: Callable[..., Any], what: str, *args: Any, **given: Any) -> Any:
    """Call a factory after checking the keywords given, so that a typo is answered with the nearest parameter."""
    known = keywords(factory)
    for name in given:
        if name not in known:
            raise HarnessError(unknown(f"parameter of {what}", name, known))
    for name, default in known.items():
        if default is inspect.Parameter.empty and name not in given:
            raise HarnessError(f"{what} needs the parameter '{name}'")
    return factory(*args, **given)


def _file_of(name: str) -> Path:
    path = Path(name.rpartition(":")[0])
    if not path.is_file():
        raise HarnessError(f"no such strategy file: '{path}' (from '{name}'); give 'path/to/file.py:Class'")
    return path.resolve()


def _from_file(name: str) -> Any:
    path, class_name = _file_of(name), name.rpartition(":")[2]
    module_name = f"_strategy_{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise HarnessError(f"'{path}' cannot be imported as a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            place = "".join(traceback.format_exception(error, limit=-1)).strip()
            raise HarnessError(f"'{path}' cannot be imported:\n{place}") from error
    module = sys.modules[module_name]
    if not hasattr(module, class_name):
        own = {key: value for key, value in vars(module).items() if isinstance(value, type)}
        classes = [key for key, value in own.items() if value.__module__ == module_name]
        raise HarnessError(unknown(f"class in {path.name}", class_name, classes))
    return getattr(module, class_name)
