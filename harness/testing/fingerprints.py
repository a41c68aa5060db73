"""Fingerprints of what all replicates share, to see whether a run left anything there.

A strategy's state belongs to the strategy: what hangs on the space, the problem, a class or a module is seen by the
other replicates of the block, and by every later run of the process.
"""

from __future__ import annotations

import builtins
import dis
import hashlib
import logging
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cached_property
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from harness.own.classes import PACKAGE
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.space import SearchSpace
from harness.strategy import Strategy

WATCHED = {"plan", "tell"}
"""Methods of the class that a run is watched through, see `harness.testing.honesty`: they hold what they saw."""
_LOADED = "module "
_DEPTH = 8
_IMPORTING = {"__own__", "__paths__", "__builtins__", "__loader__", "__spec__", "__cached__", "__warningregistry__"}
_NO_STATE = _IMPORTING | {"__dict__", "__weakref__", "__doc__", "__annotations__", "_abc_impl", "__slotnames__"}
_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.generic, np.dtype)


def fingerprint(value: Any) -> Any:
    """Return something that changes when a value does, by content as far as it is plain data, arrays or functions."""
    return _of(value, _DEPTH, {})


def _of(value: Any, depth: int, seen: dict[int, Any]) -> Any:
    try:
        return _content_of(value, depth, seen)
    except Exception:  # noqa: BLE001  # an object of somebody else's can refuse to be looked at in any way
        return id(value)


def _content_of(value: Any, depth: int, seen: dict[int, Any]) -> Any:
    if isinstance(value, _PLAIN):
        return type(value), repr(value)
    # a space fills its own caches, and is looked at by itself; a logger notes what it logs
    if isinstance(value, ModuleType | type | SearchSpace | logging.Logger) or depth == 0 or id(value) in seen:
        return id(value)
    seen[id(value)] = value  # kept alive, or another could get its number

    def inside(*parts: Any) -> tuple[Any, ...]:
        return tuple(_of(part, depth - 1, seen) for part in parts)

    if isinstance(value, np.ndarray):
        content = repr(value.tolist()) if value.dtype.hasobject else hashlib.sha256(value.tobytes()).digest()
        return "array", value.shape, str(value.dtype), content
    if isinstance(value, np.random.Generator):
        return "generator", repr(value.bit_generator.state)
    if isinstance(value, Mapping):
        return "mapping", inside(*(part for key in value for part in (key, value[key])))
    if isinstance(value, Set):
        return "set", frozenset(inside(*value))
    if isinstance(value, Sequence | deque):
        return "sequence", inside(*value)
    if isinstance(value, FunctionType):
        cells = [_in_cell(cell) for cell in value.__closure__ or ()]
        return id(value), inside(value.__defaults__, value.__kwdefaults__, vars(value), cells)
    if isinstance(value, MethodType):
        return id(value.__func__), inside(value.__self__)
    if isinstance(value, staticmethod | classmethod):
        return id(value), inside(value.__func__)
    if isinstance(value, property):
        return id(value), inside(value.fget, value.fset)
    if hasattr(value, "getstate"):  # random.Random
        return id(value), repr(value.getstate())
    slots = [name for base in type(value).__mro__ for name in _slots(base) if hasattr(value, name)]
    if slots or hasattr(value, "__dict__"):
        return id(value), inside(getattr(value, "__dict__", {}), *(getattr(value, name) for name in slots))
    return id(value), repr(value)  # a counter of itertools shows in its repr where it is


def _slots(kind: type) -> list[str]:
    named = vars(kind).get("__slots__", ())
    return [name for name in ([named] if isinstance(named, str) else named) if name not in _NO_STATE]


def _in_cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def shared_state(problem: Problem, factory: type[Strategy], learner: object | None) -> dict[str, Any]:
    """Return a fingerprint of every attribute that replicates share, by its name.

    Left out is what a space or a learner sets on itself: its own caches are no state of a strategy's.
    """
    state: dict[str, Any] = {}
    for where, holder, own in _holders(problem, factory, learner):
        for name, value in list(vars(holder).items()):
            if name not in _NO_STATE and name not in own and not isinstance(value, cached_property):
                key = f"{where}.{name}"  # a class and its base may be called the same
                state[key] = (state.get(key), fingerprint(value))
    for module in _modules(factory):
        state[f"{_LOADED}{_called(module)}"] = True
        for name, value in list(vars(module).items()):
            if name not in _NO_STATE and not isinstance(value, ModuleType | type):  # what is imported late is no state
                state[f"the global '{name}' of {_called(module)}"] = fingerprint(value)
    for module in [builtins, *(known for key, known in list(sys.modules.items()) if key.split(".")[0] == "harness")]:
        state[f"{_LOADED}{module.__name__}"] = True
        for name, value in list(vars(module).items()):
            if not isinstance(value, ModuleType | type | FunctionType):
                state.setdefault(f"the global '{name}' of {module.__name__}", id(value) * (module is builtins))
    return state


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the names of what is new, gone or different, sorted; what a module holds that was imported late is not."""
    late = tuple(f" of {name[len(_LOADED) :]}" for name in after if name.startswith(_LOADED) and name not in before)
    differing = (name for name in {*before, *after} if name not in before or before[name] != after.get(name))
    return sorted(name for name in differing if not name.startswith(_LOADED) and not (late and name.endswith(late)))


def _holders(problem: Problem, factory: type[Strategy], learner: object | None) -> Iterator[tuple[str, Any, set[str]]]:
    """Yield what holds attributes: how it is called, itself, and which attributes it sets by its own code."""
    yield "problem", problem, set()
    for what in ("objectives", "constraints", "fidelities"):
        yield from ((f"problem.{what}[{i}]", item, set()) for i, item in enumerate(getattr(problem, what)))
    yield "problem.budget", problem.budget, set()
    for where, thing in (("space", problem.space), ("surrogate", learner)):
        if thing is not None:
            own = _set_by_itself(type(thing))
            yield where, thing, own
            yield from ((f"class {kind.__name__}", kind, own) for kind in _classes(type(thing)))
    records = {type(problem), type(problem.budget), Proposals, Evaluations}
    records |= {type(item) for item in (*problem.objectives, *problem.constraints, *problem.fidelities)}
    classes = dict.fromkeys([*sorted(records, key=lambda record: record.__name__), *_classes(factory)])
    for module in _modules(factory):  # classes beside that of the strategy
        classes |= dict.fromkeys(
            value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__
        )
    for kind in classes:
        yield f"class {kind.__name__}", kind, WATCHED if kind is factory else set()


def _classes(kind: type) -> Iterator[type]:
    """Yield a class and its bases that were written in Python."""
    yield from (base for base in kind.__mro__ if base.__module__ not in ("builtins", "abc", "typing"))


def _set_by_itself(kind: type) -> set[str]:
    """Return the names of attributes that the code of a class and of its bases sets, cached properties among them."""
    names: set[str] = set()
    for base in _classes(kind):
        for name, value in vars(base).items():
            if isinstance(value, cached_property):
                names.add(name)
            function = getattr(value, "func", getattr(value, "fget", getattr(value, "__func__", value)))
            if isinstance(function, FunctionType):
                names |= _stored(function.__code__)
    return names - {"name", "cardinalities", "dtype"}


def _stored(code: CodeType) -> set[str]:
    names = {step.argval for step in dis.get_instructions(code) if step.opname == "STORE_ATTR"}
    return names.union(*(_stored(inner) for inner in code.co_consts if isinstance(inner, CodeType)))


def _called(module: ModuleType) -> str:
    """Return the name of a module as its author knows it."""
    return module.__name__.partition(".")[2] if module.__name__.startswith(PACKAGE) else module.__name__


def _modules(factory: type[Strategy]) -> list[ModuleType]:
    """Return the module of a strategy, and those beside it that were imported with it."""
    own = factory.__module__.partition(".")[0] if factory.__module__.startswith(PACKAGE) else factory.__module__
    return [known for key, known in list(sys.modules.items()) if key == own or key.startswith(f"{own}.")]
