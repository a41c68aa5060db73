"""Checks of tasks: a few choices are trained, in two processes, and every rule of tasks is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from harness import registry
from harness.checks import Archs
from harness.errors import HarnessError
from harness.own.classes import file_sha256
from harness.search.beginning import distinct
from harness.testing.rules import Rules
from harness.workers.definition import Definition, definition_of
from harness.workers.workers import Done, Request, Workers

CHOICES = 3
"""Choices that are trained, at the cheapest fidelity and at the full one."""
SAME = "the same choice and seed give the same numbers in another process"
_REMEDY = "is there a generator that `seed` does not start, or a clock, or a set whose order varies?"
_MANY, _HOUR = 100, 3600.0


def check_task(name: str) -> list[str]:
    """Check a task by training a few choices of it; nothing of it is kept.

    Parameters
    ----------
    name : str
        ``"path/to/file.py:Class"``.

    Returns
    -------
    list of str
        The rules that it keeps, and what a full training takes.

    Raises
    ------
    HarnessError
        Names the first rule that it breaks, and what was found.
    """
    factory = registry.task(name)
    rules = Rules(f"task {factory.__name__}")
    definition, sha256 = definition_of(factory), str(file_sha256(name))
    rules("says what can be chosen, what is measured, and how it is trained", True)
    archs = distinct(definition.space, CHOICES, np.random.default_rng(0))
    requests = _requests(definition, archs)
    first, second = Workers(name, sha256, definition), Workers(name, sha256, definition)
    try:
        done = _trained(first, requests)
        rules("can be made in a process of its own, and trained there", True)
        _check_results(rules, definition, requests, done)
        _check_alone(rules, definition, first, requests, done)
        again = [place for place, request in enumerate(requests) if request.seed == 0]
        repeated = _trained(second, [requests[place] for place in reversed(again)])[::-1]
        for place, other in zip(again, repeated, strict=True):
            rules(SAME, done[place].values == other.values, _differing(definition, done[place], other))
    finally:
        first.close()
        second.close()
    _check_numbers(rules, definition, requests, done)
    full = len(definition.fidelities) - 1
    seconds = [one.seconds for one, request in zip(done, requests, strict=True) if request.fidelity == full]
    return [*dict.fromkeys(rules.kept), _cost(definition, median(seconds))]


def _requests(definition: Definition, archs: Archs) -> list[Request]:
    """Return what is trained: some choices at the cheapest and at the full fidelity, each with two seeds."""
    configs, full = definition.configurations(archs), len(definition.fidelities) - 1
    return [
        Request(config, seed, fidelity)
        for fidelity in sorted({0, full})
        for config in configs
        for seed in range(min(2, definition.seeds))
    ]


def _trained(workers: Workers, requests: Sequence[Request]) -> list[Done]:
    """Train all that is asked for, in order; the first failure ends it."""
    done: dict[int, Done] = {}
    for place, one in workers.train(requests):
        done[place] = one
        if one.reason:
            request = requests[place]
            raise HarnessError(
                f"{workers.name} failed on {request.config}, seed {request.seed}: {one.reason}. In a search that "
                "counts as a failed training; a check goes on when these few end well"
            )
    return [done[place] for place in range(len(requests))]


def _check_results(rules: Rules, definition: Definition, requests: Sequence[Request], done: Sequence[Done]) -> None:
    rule = "a training gives one finite number for each column"
    rules(rule, all(np.isfinite(one.values).all() for one in done))
    slowest = max(one.seconds for one in done)
    found = f"one took {slowest:.3g} of {definition.timeout_seconds:g} s: allow more, or the slower ones fail"
    rules("a training takes less than half of `timeout_seconds`", 2 * slowest < definition.timeout_seconds, found)


def _check_alone(
    rules: Rules, definition: Definition, workers: Workers, requests: Sequence[Request], done: Sequence[Done]
) -> None:
    """Check that what `train_many` gives for a choice does not depend on the others."""
    if definition.batch < 2:
        return
    alone = _trained(workers, requests[:1])[0]
    rule = "what `train_many` gives for a choice does not depend on the batch"
    rules(rule, alone.values == done[0].values, _differing(definition, done[0], alone))


def _differing(definition: Definition, one: Done, other: Done) -> str:
    for column, a, b in zip(definition.columns, one.values, other.values, strict=True):
        if a != b:
            return f"{column} {a!r} and {b!r}; {_REMEDY}"
    return ""


def _check_numbers(rules: Rules, definition: Definition, requests: Sequence[Request], done: Sequence[Done]) -> None:
    """Check what numbers say of units, directions, seeds and splits."""
    full = len(definition.fidelities) - 1
    rows = [place for place, request in enumerate(requests) if request.fidelity == full]
    values = np.array([done[place].values for place in rows])
    seeds = np.array([requests[place].seed for place in rows])
    columns = dict(zip(definition.columns, values.T, strict=True))
    for name, column in columns.items():
        about = definition.columns[name]
        if about.unit == "percent" and about.split:
            rule = "percentages lie between 0 and 100, and are no fractions"
            shares = bool(np.all(column <= 1.0) and np.any(column > 0))
            found = f"{name} from {column.min():g} to {column.max():g}" + ("; times 100?" if shares else "")
            rules(rule, bool(np.all((column >= 0) & (column <= 100))) and not shares, found)
        if about.best is not None:
            sign = 1.0 if about.direction == "maximise" else -1.0
            rule = "no result is better than the `best` of its column"
            found = (
                f"{name} {(column * sign).max() * sign:g}, which is to be {about.direction}d, and best {about.best:g}"
            )
            rules(rule, sign * column <= sign * about.best, found)
    told = columns[definition.validation]
    if definition.space.facts()["codings"] != 1:
        found = f"{definition.validation} {told[0]:g} for {CHOICES} of them; is `config` used?"
        rules("different choices give different results", len(set(told.tolist())) > 1, found)
    if definition.seeds > 1 and any(definition.columns[name].split for name in columns):
        same = np.array_equal(values[seeds == 0], values[seeds == 1])
        found = "the same numbers with both; use `seed`, or set `seeds = 1`, or trainings are made for nothing"
        rules("another seed gives another training", not same, found)
    if definition.test is not None:
        found = f"{definition.test} and {definition.validation} have the same values: are they of the same items?"
        rules("test results are not those of validation", not np.array_equal(columns[definition.test], told), found)


def _cost(definition: Definition, seconds: float) -> str:
    """Say what a search will take."""
    whole = _MANY * seconds
    said = f"{whole:.3g} s" if whole < _HOUR else f"{whole / _HOUR:.3g} hours"
    label = definition.fidelities[-1].label
    return f"takes about {seconds:.2g} s for one training ({label}) on one thread: {said} for {_MANY}"
