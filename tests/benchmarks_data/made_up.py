"""A made-up large space and tables in it, small enough to compute every answer by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.layout import Table
from harness.benchmark import Column
from harness.checks import Archs, UInt64Array
from harness.errors import HarnessError
from harness.problem import Fidelity
from harness.space import SearchSpace

SHORT_AND_LONG = (
    Fidelity("epoch 1 of 2", 2, 1),
    Fidelity("epoch 2 of 2", 2, 2, continues=0),
    Fidelity("epoch 1 of 3", 3, 1),
    Fidelity("epoch 2 of 3", 3, 2, continues=2),
    Fidelity("epoch 3 of 3", 3, 3, continues=3),
)
"""Two schedules."""


class Bags(SearchSpace):
    """Ten items of five kinds, in any order: 5**10 codings; a first item of kind 4 is not valid."""

    def __init__(self) -> None:
        super().__init__("bags", [5] * 10)

    def is_valid(self, archs: Archs) -> Any:
        return super().is_valid(archs) & (np.asarray(archs)[:, 0] != 4)

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        archs = super().sample(n, rng)
        archs[:, 0] %= 4
        return archs

    def key(self, archs: Archs, identity: str = "functional") -> UInt64Array:
        if not self.is_valid(archs).all():
            raise AssertionError("only valid architectures have a key")
        return self.code(archs if identity == "exact" else np.sort(archs, axis=1))

    def format(self, archs: Archs) -> list[str]:
        return ["".join(map(str, arch)) for arch in archs.tolist()]

    def parse(self, texts: Sequence[str]) -> Archs:
        if any(len(text) != 10 for text in texts):
            raise HarnessError("`text` must have ten digits")
        return np.array([list(map(int, text)) for text in texts], dtype=self.dtype)


def bags(n: int, seed: int = 0) -> Archs:
    """Return `n` different bags, of the thousand or so that there are."""
    space = Bags()
    archs = space.sample(20 * n + 50, np.random.default_rng(seed))
    found = archs[np.sort(np.unique(space.key(archs), return_index=True)[1])[:n]]
    assert len(found) == n, "that many there are not"
    return found


def accuracy(name: str = "valid_accuracy", **changes: Any) -> Column:
    """Return an accuracy in percent."""
    split = {"valid_accuracy": "x-valid", "test_accuracy": "x-test", "train_accuracy": "train"}[name]
    told = {"split": split, "held_out": split == "x-test", "best": 100.0} | changes
    return Column(name, "percent", "maximise", **told)


def made(archs: Archs, space: SearchSpace | None = None, **changes: Any) -> Table:
    """Return a table of one fidelity and two runs; the validation accuracy of row i, run r is i + r / 10."""
    n = len(archs)
    values = np.arange(n)[:, None, None] + np.array([0.0, 0.1])[:, None]
    facts = {
        "name": "made-up",
        "space": space or Bags(),
        "archs": archs,
        "fidelities": [Fidelity("full", 1, 1)],
        "columns": {
            "valid_accuracy": (accuracy(), values),
            "test_accuracy": (accuracy("test_accuracy"), values - 1.0),
        },
        "validation": "valid_accuracy",
        "test": "test_accuracy",
        "seconds": None,
    }
    return assemble(**facts | changes)


def scheduled(n: int = 6, **changes: Any) -> Table:
    """Return a table of two schedules: two runs of the short one, three of the long one but for row 1, which has two.

    The value of row i, run r, fidelity f is 10 i + r + f / 10.  Validation was measured at all of the short schedule
    and at the end of the long one; training accuracy everywhere.
    """
    rows, runs, fidelities = np.arange(n)[:, None, None], np.arange(3)[:, None], np.arange(5) / 10
    whole = 10.0 * rows + runs + fidelities
    whole[:, 2, :2] = np.nan
    whole[1, 2] = np.nan
    seeds = np.broadcast_to(np.array([[111, 777, -1], [777, 888, 999]]), (n, 2, 3)).copy()
    seeds[1, 1] = [888, 999, -1]
    facts = {
        "fidelities": SHORT_AND_LONG,
        "columns": {
            "valid_accuracy": (accuracy(at=(0, 1, 4)), whole[:, :, [0, 1, 4]]),
            "train_accuracy": (accuracy("train_accuracy"), whole),
            "test_accuracy": (accuracy("test_accuracy", at=(4,)), whole[:, :, 4:] - 1.0),
            "size": (Column("size", "M", "minimise"), rows + 1.0),
        },
        "seeds": seeds,
    }
    return made(bags(n), **facts | changes)


def one_of(convert_all: Callable[..., Iterator[Table]], entry: Any, paths: Sequence[Path], space: SearchSpace) -> Table:
    """Return the table of one entry from a converter that makes several in one pass."""
    (table,) = convert_all([entry], paths, [space], lambda *_: None)
    return table
