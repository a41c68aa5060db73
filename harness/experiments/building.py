"""Builders of what a strategy is given beside its problem: the learner it learns with, the strategy that it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness import registry
from harness.benchmark import Benchmark, trains
from harness.checks import Archs, FloatArray
from harness.digests import without
from harness.errors import HarnessError, must
from harness.guard import running
from harness.names import read
from harness.own.classes import file_sha256
from harness.problem import Problem
from harness.records import Proposals
from harness.strategy import Strategy
from harness.surrogate import Informed, Surrogate

_NOT_ITS_OWN = ("name", "surrogate")
"""Keys of what a spec says of an inner strategy that are not its hyperparameters."""


def make_learner(factory: type[Strategy], surrogate: Any, benchmark: Benchmark, device: str) -> Surrogate | None:
    """Build the learner that a strategy takes: the one named, or the strategy's default; None if it takes none."""
    if "surrogate" not in registry.keywords(factory):
        if surrogate is not None:
            raise HarnessError(f"the strategy {factory.__name__} takes no `surrogate`, got {dict(surrogate)!r}")
        return None
    settings = factory.default_surrogate if surrogate is None else surrogate
    if settings is None:
        raise HarnessError(f"the strategy {factory.__name__} needs a `surrogate`: name one in the spec")
    encoding, known = settings.get("encoding"), benchmark.space.encodings
    if surrogate is None and encoding is not None and encoding not in known:
        remedy = ", ".join(f'{key} = "{value}"' for key, value in {**settings, "encoding": known[0]}.items())
        raise HarnessError(
            f"the strategy {factory.__name__} learns from the encoding '{encoding}' by default, and the space "
            f"'{benchmark.space.name}' has only {', '.join(known)}: choose another, for example "
            f"`surrogate = {{ {remedy} }}`"
        )
    learner = registry.surrogate(settings, benchmark.space, device=device)
    return informed(learner, benchmark) if isinstance(learner, Informed) else learner


def check_learner(learner: Surrogate | None, signature: str | None) -> None:
    """Refuse a learner that is not the one of a signature: its file has changed.

    Raises
    ------
    HarnessError
        If it is another one.
    """
    if learner is not None and signature not in (None, learner.signature):
        raise HarnessError(f"the learner {type(learner).__name__} changed after the run was prepared; run again")


def informed(learner: Informed, benchmark: Benchmark) -> Informed:
    """Return a learner that is told the means of a benchmark's objectives, by answers without noise.

    Raises
    ------
    HarnessError
        If a constraint would have to be learnt, of which it is told nothing, or the benchmark would have to train what
        the learner asks.
    """
    if trains(benchmark):
        rule = "be one that learns on a benchmark that trains: what is told the means of all would train all"
        raise HarnessError(must("surrogate", rule, type(learner).__name__))
    known = benchmark.space.costs(np.empty((0, benchmark.space.genes), dtype=benchmark.space.dtype))
    learnt = [item.name for item in benchmark.constraints if item.name not in known]
    if learnt:
        rule = "bound only what the space knows in closed form with a learner that is told the objectives"
        raise HarnessError(must("constraints", f"{rule} ({', '.join(known) or 'nothing here'})", ", ".join(learnt)))

    def means(archs: Archs) -> FloatArray:
        asked = Proposals.of(archs, len(benchmark.fidelities) - 1)
        with running(""):  # the harness answers, and it alone holds the benchmark
            return benchmark.query(asked, noise_seed=None).objectives

    return learner.told_by(means)


@dataclass(frozen=True)
class Inner:
    """The strategy inside another, ready to be made: called with a problem and a generator it returns one.

    Attributes
    ----------
    factory : type
    hyperparameters : mapping
    learner : Surrogate or None
    inner : Inner or None
        Of a strategy inside it.
    """

    factory: type[Strategy]
    hyperparameters: Mapping[str, Any]
    learner: Surrogate | None
    inner: Inner | None

    def __call__(self, problem: Problem, rng: np.random.Generator) -> Strategy:
        """Return a fresh strategy."""
        return registry.build_strategy(self.factory, problem, rng, self.hyperparameters, self.learner, self.inner)

    @property
    def learners(self) -> tuple[Surrogate, ...]:
        """The learners of it and of what is inside it."""
        return tuple(filter(None, (self.learner,))) + (() if self.inner is None else self.inner.learners)

    @property
    def libraries(self) -> tuple[str, ...]:
        """Distributions on whose versions the strategies depend, and those inside it."""
        return (*self.factory.libraries, *(() if self.inner is None else self.inner.libraries))


def inner_settings(
    factory: type[Strategy], given: Any, benchmark: Benchmark, device: str = "cpu"
) -> dict[str, Any] | None:
    """Return all that decides what the strategy inside another does, as plain data; None if it takes none.

    Parameters
    ----------
    factory : type
        Of the outer strategy.
    given : mapping, str or None
        ``{"name": ..., "surrogate": {...}, hyperparameters}``, as a spec says it, the name alone, or None for
        `Strategy.default_inner`.
    benchmark : Benchmark
    device : str

    Returns
    -------
    dict or None
        ``name``, ``version``, ``hyperparameters`` with all defaults filled in, and where there are any ``sha256`` (of
        its file), ``surrogate`` (as given) and ``learner`` (its signature).

    Raises
    ------
    HarnessError
        If there is no such strategy, or it has no such hyperparameter.
    """
    if "inner" not in registry.keywords(factory):
        if given is not None:
            raise HarnessError(f"the strategy {factory.__name__} takes no `inner` strategy, got {given!r}")
        return None
    chosen: Any = factory.default_inner if given is None else {"name": given} if isinstance(given, str) else given
    if not isinstance(chosen, Mapping) or not isinstance(chosen.get("name"), str):
        rule = 'be the name of a strategy, or a table with it: `inner = { name = "regularized_evolution" }`'
        raise HarnessError(must("inner", rule, chosen))
    name, surrogate = chosen["name"], chosen.get("surrogate")
    own = {key: value for key, value in chosen.items() if key not in _NOT_ITS_OWN}
    inside = registry.strategy(name)
    known = registry.keywords(inside)
    registry.check_keywords(inside, f"strategy {inside.__name__}", own)
    learner = make_learner(inside, surrogate, benchmark, device)
    hyperparameters = {key: value for key, value in known.items() if key not in ("surrogate", "inner")}
    hyperparameters |= {key: value for key, value in own.items() if key != "inner"}
    deeper = inner_settings(inside, own.get("inner"), benchmark, device)
    facts = {
        "sha256": file_sha256(name),
        "surrogate": None if surrogate is None else dict(surrogate),
        "learner": None if learner is None else learner.signature,
    }
    return {
        "name": name,
        "version": inside.version,
        "hyperparameters": without(hyperparameters, inside.later_hyperparameters)
        | ({} if deeper is None else {"inner": deeper}),
        **{key: value for key, value in facts.items() if value is not None},
    }


def make_inner(settings: Mapping[str, Any] | None, benchmark: Benchmark, device: str = "cpu") -> Inner | None:
    """Return what makes the strategy that `inner_settings` says; None of None.

    Raises
    ------
    HarnessError
        If the file of the strategy is not the one that the settings name.
    """
    if settings is None:
        return None
    name = settings["name"]
    if file_sha256(name) != settings.get("sha256"):
        raise HarnessError(f"the file of '{name}' changed after the run was prepared; run again")
    factory = registry.strategy(name)
    own = {**factory.later_hyperparameters, **settings["hyperparameters"]}
    inner = make_inner(own.pop("inner", None), benchmark, device)
    learner = make_learner(factory, settings.get("surrogate"), benchmark, device)
    check_learner(learner, settings.get("learner"))
    return Inner(factory, own, learner, inner)


def covered(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what hyperparameters add to a digest: of an inner strategy its own name, never the path of its file.

    Its learner is covered by its signature.
    """
    found = dict(hyperparameters)
    settings = found.get("inner")
    if isinstance(settings, Mapping) and "hyperparameters" in settings:
        kept = {key: value for key, value in settings.items() if key != "surrogate"}
        name, own = read(settings["name"]).own, covered(settings["hyperparameters"])
        found["inner"] = kept | {"name": name, "hyperparameters": own}
    return found
