"""Names as pages show them, of tables and of strategies: printable, and told apart where two would read the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.experiments.results import Results
from harness.names import read
from harness.printable import printable

RANDOM = "random search, exact"
EXPECTED = "random search, expected"
SIMULATED = "random search, simulated"
FLOOR = "best by validation"
WHOLE = "whole table searched"
OVERALL = "mean over benchmarks"
TRUE, IMAGE, ROWS = "true front", "validation front, on test", "architectures of the table"
"""What stands among names of strategies and of benchmarks and is none: no other is called so."""


def told_apart(names: Sequence[str]) -> list[str]:
    r"""Return printable names, all different; of those that read the same, later ones are numbered.

    >>> told_apart(["a\n", "b", "a\\n", "best by validation"])
    ['a\\n', 'b', 'a\\n (2)', 'best by validation (2)']
    """
    taken, shown = {RANDOM, EXPECTED, SIMULATED, FLOOR, WHOLE, OVERALL, TRUE, IMAGE, ROWS}, list[str]()
    for name in map(printable, names):
        number, free = 2, name
        while free in taken:
            free, number = f"{name} ({number})", number + 1
        taken.add(free)
        shown.append(free)
    return shown


def titles(own: Mapping[str, str]) -> dict[str, str]:
    """Return what pages call benchmarks: a table by the name in it and not by its path.

    Where several tables have one name, each is followed by as much of the end of its path as tells them apart.

    Parameters
    ----------
    own : mapping of str to str
        The name in the table, by the name or path under which an experiment knows it.

    >>> titles({"nb201-cifar10": "nb201-cifar10", "/a/x/t.h5": "mine", "/a/y/t.h5": "mine"})
    {'nb201-cifar10': 'nb201-cifar10', '/a/x/t.h5': 'mine (x/t.h5)', '/a/y/t.h5': 'mine (y/t.h5)'}
    """
    names = []
    for address, name in own.items():
        others = [other for other, twin in own.items() if twin == name and other != address]
        path = read(address).path
        if not others:
            names.append(name)
        elif path is None:
            names.append(address)
        else:
            names.append(f"{name} ({_end(path, [Path(other) for other in others])})")
    return dict(zip(own, told_apart(names), strict=True))


def _end(path: Path, others: Sequence[Path]) -> str:
    """Return the shortest end of a path that is the end of no other."""
    for length in range(1, len(path.parts)):
        end = path.parts[-length:]
        if all(other.parts[-length:] != end for other in others):
            return "/".join(end)
    return path.as_posix()


def with_shown_labels(results: Results) -> Results:
    """Return results whose strategies have the labels that pages show; the same object where all can be shown."""
    shown = dict(zip(results.labels, told_apart(results.labels), strict=True))
    if all(label == name for label, name in shown.items()):
        return results
    strategies = tuple(replace(strategy, label=shown[strategy.label]) for strategy in results.spec.strategies)
    return replace(
        results,
        spec=replace(results.spec, strategies=strategies),
        runs=tuple(replace(run, label=shown[run.label]) for run in results.runs),
        missing=tuple((benchmark, shown[label], first, stop) for benchmark, label, first, stop in results.missing),
    )
