"""The registry of all that has a name: entry-point groups of providers, one door for built-ins and third parties.

Each entry of a group is a provider.  In ``harness.benchmarks`` it is a `harness.benchmark.BenchmarkProvider`; in every
other group a mapping from names to what they stand for, or to where that is: ``"module:attribute"``, imported when it
is asked for; or a `Provider`, which also makes what it does not list.  A provider that cannot be imported hides no
other: errors about unknown names say so.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from harness.benchmark import Benchmark, BenchmarkProvider, Oracle
from harness.errors import HarnessError, TableError, must, unknown
from harness.guard import refuse, running
from harness.learners.settings import SETTINGS, Setting, wrapped
from harness.names import BUILT_IN, DISTRIBUTION, read
from harness.one_shot import OneShot, check_declared
from harness.own.classes import class_of, file_sha256
from harness.problem import Constraint, Problem
from harness.space import SearchSpace
from harness.strategy import Strategy
from harness.surrogate import Surrogate
from harness.task import Task

GROUPS = {
    "benchmark": "harness.benchmarks",
    "strategy": "harness.strategies",
    "one_shot": "harness.one_shot",
    "surrogate": "harness.surrogates",
    "kind": "harness.kinds",
    "section": "harness.sections",
    "figure": "harness.figures",
    "command": "harness.commands",
    "view": "harness.views",
}
"""The entry-point group of each kind of thing that has a name."""
_LEARNING = ("strategy", "one_shot", "surrogate")
"""Kinds whose code must not open what answers."""


class Provider(ABC):
    """A provider that makes what names stand for, those that it does not list too.

    Its names are always written with it, ``PROVIDER:NAME``; a name may be the import path of a class,
    ``PROVIDER:package.module:Class``.
    """

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Return the names to list, without their provider; none of what cannot be used here."""

    @abstractmethod
    def load(self, name: str) -> Any:
        """Return what a name stands for, written without its provider.

        Raises
        ------
        HarnessError
            If there is nothing of that name, or it cannot be used here; names the remedy.
        """


@cache
def _providers(kind: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the providers of a kind by name, and why others cannot be used."""
    usable, broken = dict[str, Any](), dict[str, str]()
    entries = list(entry_points(group=GROUPS[kind]))
    if sum(entry.name == BUILT_IN for entry in entries) > 1:  # whoever takes the name of ours is told
        entries.sort(key=lambda entry: entry.dist is None or entry.dist.name != DISTRIBUTION)
    for entry in entries:
        try:
            with running(""):  # a provider is no code of a strategy that happens to be the first to need it
                provider = entry.load()
                _check(kind, entry.name, provider)
            if entry.name in usable:
                raise ValueError("another package has a provider of this name")
        except Exception as error:  # noqa: BLE001  # a file of someone else can fail in any way
            broken[entry.name] = str(error)
        else:
            usable[entry.name] = provider
    return usable, broken


def _check(kind: str, name: str, provider: Any) -> None:
    """Refuse what is no provider, or offers names that read as something else; ours are not asked, it takes a while."""
    offered: Iterable[str]
    if kind == "benchmark":
        if not isinstance(provider, BenchmarkProvider):
            raise TypeError(f"it must be a BenchmarkProvider, got {provider!r}")
        offered = () if name == BUILT_IN else provider.names()
    elif isinstance(provider, Mapping):
        offered = provider
    elif isinstance(provider, Provider):
        offered = provider.names()
    else:
        raise TypeError(f"it must map names to what they stand for, or be a Provider, got {provider!r}")
    for key in offered:
        if read(key).key != key or read(key).path is not None:
            raise ValueError(f"a name must be without dots, slashes and colons, got '{key}'")


def forget() -> None:
    """Forget what was found, for processes in which packages are installed while they run."""
    _providers.cache_clear()


def providers(kind: str) -> Mapping[str, Any]:
    """Return the providers of a kind that can be imported, by the name of their entry point; see `GROUPS`."""
    return _providers(kind)[0]


def unavailable(kind: str) -> list[str]:
    """Return a sentence for each provider of a kind that cannot be used."""
    return [f"What '{name}' offers is not available: {why}." for name, why in _providers(kind)[1].items()]


def names(kind: str) -> list[str]:
    """Return the registered names of a kind, sorted; those of a `Provider` with its own."""
    return sorted({name for entry, item in providers(kind).items() for name in _listed(entry, item)})


def _listed(entry: str, provider: Any) -> Iterable[str]:
    if isinstance(provider, Provider):
        return [f"{entry}:{name}" for name in provider.names()]
    listed: Iterable[str] = provider if isinstance(provider, Mapping) else provider.names()
    return listed


def kind_of(text: str) -> str | None:
    """Return what a text names, in this order: a "strategy", "one_shot", a "surrogate", a "benchmark"; None if nothing.

    What ``"path/to/file.py:Class"`` names is imported to tell; it may be a "space", too.

    Raises
    ------
    HarnessError
        If that fails.
    """
    name = read(text)
    if name.path is not None:
        return _kind_of_class(class_of(text)) if name.is_python else "benchmark"
    kinds = ("strategy", "one_shot", "surrogate", "benchmark")
    return next((kind for kind in kinds if _offering(kind, name.provider, name.key)), None)


def _kind_of_class(found: Any) -> str:
    bases = {SearchSpace: "space", OneShot: "one_shot", Surrogate: "surrogate", Task: "benchmark"}
    kinds = (kind for base, kind in bases.items() if isinstance(found, type) and issubclass(found, base))
    return next(kinds, "strategy")


def _offering(kind: str, named: str, key: str) -> dict[str, Any]:
    return {
        entry: item
        for entry, item in providers(kind).items()
        if (named == entry if isinstance(item, Provider) else named in ("", entry) and key in item)
    }


def _provider_of(kind: str, text: str) -> tuple[str, str]:
    """Return the name of the provider that offers a name, and the name as it knows it.

    Raises
    ------
    HarnessError
        If none offers it (names the nearest match), or several do, none is named and none is built in.
    """
    name = read(text)
    offering = _offering(kind, name.provider, name.key)
    if not offering:
        raise HarnessError(" ".join([unknown(kind, text, names(kind)), *unavailable(kind)]))
    if len(offering) > 1 and BUILT_IN not in offering:
        known = " or ".join(f"'{entry}:{name.key}'" for entry in offering)
        raise HarnessError(f"the {kind} '{name.key}' is offered by several providers: write {known}")
    return BUILT_IN if BUILT_IN in offering else next(iter(offering)), name.key


def load(kind: str, text: str) -> Any:
    """Import what a registered name stands for; not for benchmarks, which are opened.

    Raises
    ------
    HarnessError
        If the name is unknown (names the nearest match), or what it stands for cannot be imported.
    """
    entry, key = _provider_of(kind, text)
    provider = providers(kind)[entry]
    target = key if isinstance(provider, Provider) else provider[key]
    if not isinstance(target, str):
        return target
    try:
        with running(f"the file of the {kind} '{text}'" if kind in _LEARNING else ""):
            return provider.load(key) if isinstance(provider, Provider) else resolve_name(target)
    except Exception as error:  # what a file of someone else raises must not look like a fault of ours
        if isinstance(provider, Provider) and isinstance(error, HarnessError):
            raise
        raise HarnessError(f"the {kind} '{text}' is not available: {type(error).__name__}: {error}") from error


def table_provider(text: str) -> tuple[BenchmarkProvider, str]:
    """Return who opens a benchmark, by its name, the path of a file or a class in one, and the name that it knows.

    Raises
    ------
    HarnessError
        If nobody does.
    """
    refuse(text)
    path, key = read(text).path, read(text).key
    if path is None:
        entry, key = _provider_of("benchmark", text)
        return providers("benchmark")[entry], key
    if read(text).is_python:
        if key == text:
            raise HarnessError(f"a task is named by its class, '{text}:MyTask', got '{text}'")
        return providers("benchmark")[BUILT_IN], text
    for provider in providers("benchmark").values():
        if provider.reads(path):
            return provider, text
    refusals = [provider.refusal(path) for provider in providers("benchmark").values()]
    raise TableError(next(filter(None, refusals), f"no benchmark can be read from the file '{path}'"))


def benchmark(
    name: str,
    *,
    objectives: Sequence[str] | None = None,
    constraints: Sequence[Constraint | str] = (),
    training: int | None = None,
    check_content: bool = False,
    seed: int | None = None,
    auxiliary: Sequence[str] = (),
    schedule: int | None = None,
) -> Benchmark:
    """Open a benchmark.

    Parameters
    ----------
    name : str
        One of ``names("benchmark")``, ``PROVIDER:NAME``, the path of a table, or ``"path/to/file.py:Class"``, a `Task`.
    objectives : sequence of str, optional
        Columns to optimise; the default is the validation metric of the table.
    constraints : sequence of Constraint or str
        For example ``"params_m <= 0.5"``.
    training : int, optional
        Always answer with this training (counted among those present) instead of drawing one.
    check_content : bool
        Compare the whole content of the table with its checksum, which takes longer than opening it.
    seed : int, optional
        Always answer with the training of this seed, at the schedules that were trained with it.
    auxiliary : sequence of str
        Columns that are told with every evaluation beside the objectives, for example ``["train_loss"]``; never ones
        that are held out.
    schedule : int, optional
        Offer the fidelities of the training schedule of so many epochs alone.
    """
    provider, key = table_provider(name)
    if seed is not None and "seed" not in keywords(provider.open):
        raise HarnessError(f"the trainings of '{name}' cannot be chosen by their seed, got {seed}; leave it out")
    if auxiliary and "auxiliary" not in keywords(provider.open):
        raise HarnessError(f"'{name}' tells objectives and constraints alone, got {list(auxiliary)}; leave it out")
    further: dict[str, Any] = {} if seed is None else {"seed": seed}
    if auxiliary:
        further["auxiliary"] = auxiliary
    if schedule is not None:
        if "schedule" not in keywords(provider.open):
            raise HarnessError(f"'{name}' has one schedule of training alone, got {schedule}; leave it out")
        further["schedule"] = schedule
    parsed = tuple(item if isinstance(item, Constraint) else Constraint.parse(item) for item in constraints)
    opened: Any = provider.open(
        key, objectives=objectives, constraints=parsed, training=training, check_content=check_content, **further
    )
    if key != name:
        opened.name = name  # so that it can be opened again; digests and random streams see the key
    named: Benchmark = opened
    return named


def oracle(name: str) -> Oracle:
    """Open the held-out truth of a benchmark; for reports and verification only."""
    provider, key = table_provider(name)
    return provider.oracle(key)


def describe_benchmark(name: str) -> dict[str, Any]:
    """Say what a benchmark is, as plain data; see `BenchmarkProvider.describe`."""
    provider, key = table_provider(name)
    return provider.describe(key)


def summary_of_benchmark(name: str) -> dict[str, Any]:
    """Say of a benchmark what a list of all shows; see `BenchmarkProvider.summary`."""
    provider, key = table_provider(name)
    return provider.summary(key)


def write_table(path: Path, **facts: Any) -> None:
    """Write trained architectures as a table, by the provider that reads such tables; see `BenchmarkProvider.write`."""
    providers("benchmark")[BUILT_IN].write(path, **facts)


def strategy(name: str) -> type[Strategy]:
    """Return a strategy class by registered name or as ``"path/to/file.py:Class"``."""
    path = read(name).path
    named = read(name).provider, read(name).key
    if path is None and not _offering("strategy", *named) and _offering("one_shot", *named):
        raise HarnessError(
            f"'{name}' trains a supernet by itself and cannot be asked: run it by a spec with `budget.supernet_epochs`"
        )
    found = load("strategy", name) if path is None else class_of(name)
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        raise HarnessError(f"'{name}' must be a subclass of harness.Strategy, got {found!r}")
    return found


def task(name: str) -> type[Task]:
    """Return the class of a task, ``"path/to/file.py:Class"``."""
    found = class_of(name)
    if not _trains(found):
        raise HarnessError(f"'{name}' must be a subclass of harness.Task to be searched, got {found!r}")
    classed: type[Task] = found
    return classed


def _trains(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, Task)


def one_shot(name: str) -> type[OneShot]:
    """Return the class of a one-shot method by registered name or as ``"path/to/file.py:Class"``."""
    found = load("one_shot", name) if read(name).path is None else class_of(name)
    if not (isinstance(found, type) and issubclass(found, OneShot)):
        raise HarnessError(f"'{name}' must be a subclass of harness.one_shot.OneShot, got {found!r}")
    check_declared(found)
    return found


def learner(name: str) -> Any:
    """Return what makes a learner, by registered name or as ``"path/to/file.py:Class"``."""
    if read(name).path is None:
        return load("surrogate", name)
    found = class_of(name)
    if not _learns(found):
        raise HarnessError(f"'{name}' must be a subclass of harness.Surrogate, got {found!r}")
    return found


def _learns(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, Surrogate)


def strategies_for(problem: Problem) -> list[str]:
    """Return the names of the strategies that take a problem, of those that can be used here."""
    fitting = []
    for name in names("strategy"):
        try:
            found = strategy(name)
        except (ImportError, HarnessError):  # an extra that is not installed
            continue
        if not found.takes.refusal(problem):
            fitting.append(name)
    return fitting


def surrogate(settings: Mapping[str, Any], space: SearchSpace, *, device: str = "cpu") -> Surrogate:
    """Build an unfitted learner.

    Parameters
    ----------
    settings : mapping
        ``name``, registered or ``"path/to/file.py:Class"``, and any of ``encoding``, the learner's hyperparameters and
        `harness.learners.settings.SETTINGS`.  Of a class in a file the signature names the content of the file.
    space : SearchSpace
    device : str
        ``"cpu"`` or ``"cuda"``; given to learners that take a device.
    """
    chosen = dict(settings)
    if "name" not in chosen:
        raise HarnessError(f"a surrogate must have a `name`, got {dict(settings)!r}")
    name = chosen.pop("name")
    if not isinstance(name, str):
        raise HarnessError(must("name of a surrogate", "be text", name))
    factory = learner(name)
    outer = {key: chosen.pop(key) for key in settings_of(factory) if key in chosen}
    if "device" in chosen:
        raise HarnessError(
            must("device", "be left out: `--device` says where all learners of a run compute", chosen["device"])
        )
    if "device" in keywords(factory):
        chosen["device"] = device
    check_keywords(factory, f"surrogate '{name}'", chosen, also=settings_of(factory))
    with running(f"the learner {name}"):
        built: Surrogate = call(factory, "surrogate", space, **chosen)
    if read(name).path is not None:
        built.identity = f"{read(name).key} {file_sha256(name)}"
    elif _provider_of("surrogate", name)[0] == BUILT_IN:
        built.identity = type(built).__dict__.get("identity") or read(name).key
    return wrapped(built, outer)


def settings_of(learner: Callable[..., Any]) -> dict[str, Setting]:
    """Return the settings that a spec may give to a learner beside its own keywords, of which none has their name."""
    own = keywords(learner)
    return {name: setting for name, setting in SETTINGS.items() if name not in own}


def build_strategy(
    factory: type[Strategy],
    problem: Any,
    rng: Any,
    hyperparameters: Mapping[str, Any],
    learner: Surrogate | None,
    inner: Callable[..., Strategy] | None = None,
) -> Strategy:
    """Construct a strategy, giving it the learner if it takes one, and what makes the strategy that it runs."""
    extra: dict[str, Any] = {} if learner is None else {"surrogate": learner}
    if inner is not None:
        extra["inner"] = inner
    with running(f"the strategy {factory.__name__}"):
        built: Strategy = call(factory, f"strategy {factory.__name__}", problem, rng, **hyperparameters, **extra)
    return built


def keywords(factory: Callable[..., Any]) -> dict[str, Any]:
    """Return the keyword-only parameters of a factory and their defaults (`inspect.Parameter.empty` if none)."""
    return dict(_keywords_of_class(factory)) if isinstance(factory, type) else _keywords(factory)


def _keywords(factory: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(factory).parameters.values()
    return {item.name: item.default for item in parameters if item.kind is inspect.Parameter.KEYWORD_ONLY}


_keywords_of_class = lru_cache(maxsize=256)(_keywords)  # asked for each replicate


def call(factory: Callable[..., Any], what: str, *args: Any, **given: Any) -> Any:
    """Call a factory after checking the keywords given, so that a typo is answered with the nearest parameter."""
    check_keywords(factory, what, given)
    for name, default in keywords(factory).items():
        if default is inspect.Parameter.empty and name not in given:
            raise HarnessError(f"{what} needs the parameter '{name}'")
    return factory(*args, **given)


def check_keywords(factory: Callable[..., Any], what: str, given: Iterable[str], also: Iterable[str] = ()) -> None:
    """Refuse keywords that a factory does not take; names the nearest, `also` among those that are known."""
    known = (*keywords(factory), *also)
    for name in given:
        if name not in known:
            raise HarnessError(unknown(f"parameter of {what}", name, known))
