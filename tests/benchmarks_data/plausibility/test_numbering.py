"""Numberings of genes, recognised by rows of one function that agree under them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data.plausibility.numbering import idle_cells, recoded, renumbered, share_within
from harness.checks import Archs, FloatArray
from harness.spaces import named


def quality(space_name: str, seed: int = 0) -> tuple[Archs, FloatArray]:
    """Return all cells of a space, and values that depend on their function alone, but for noise."""
    space, rng = named.space(space_name), np.random.default_rng(seed)
    archs = space.decode(np.arange(int(np.prod(space.cardinalities)), dtype=np.uint64))
    archs = archs[space.is_valid(archs)]
    _, function = np.unique(space.key(archs), return_inverse=True)
    values = rng.normal(70, 8, function.max() + 1)[function]
    return archs, values + rng.normal(0, 0.2, len(archs))


@pytest.mark.parametrize("name", ["nb201", "transnas-micro", "asr"])
def test_rows_of_one_function_agree_under_the_right_codes_alone(name: str) -> None:
    space = named.space(name)
    archs, values = quality(name)
    share, degrees = share_within(space.key(archs), values)
    assert share < 0.03
    assert degrees > 1000
    mixed = np.random.default_rng(1).permutation(values)
    assert share_within(space.key(archs), mixed)[0] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("seed", [0, 1])
def test_another_numbering_is_found(seed: int) -> None:
    space, rng = named.space("nb201"), np.random.default_rng(seed)
    archs, values = quality("nb201")
    theirs = rng.permutation(5)[archs][:, rng.permutation(6)].astype(np.uint8)
    stated = share_within(space.key(theirs), values)[0]
    assert stated > 0.2
    found = renumbered(space, theirs, values)
    assert found is not None
    assert found.share < 0.5 * stated
    read = np.array(found.codes)[theirs[:, list(found.genes)]].astype(np.uint8)
    assert share_within(space.key(read), values)[0] == pytest.approx(found.share, abs=0.03)


def test_the_right_numbering_is_the_best() -> None:
    archs, values = quality("transnas-micro")
    found = renumbered(named.space("transnas-micro"), archs, values)
    assert found is not None
    assert found.codes[:2] == (0, 1)
    assert found.genes == tuple(range(6))


def test_recoded_architectures_are_valid() -> None:
    for name, count in (("nb201", 119), ("nats-size", 1), ("macro", 5)):
        space = named.space(name)
        archs = space.sample(50, np.random.default_rng(0))
        orders = list(recoded(space, archs))
        assert len(orders) == count
        assert all(space.is_valid(trial).all() for _, trial in orders)


def test_cells_that_compute_nothing_are_worse_than_others() -> None:
    space = named.space("nb201")
    archs, values = quality("nb201")
    keys = space.key(archs)
    values[keys == space.key(np.zeros((1, 6), dtype=np.uint8))[0]] = 10.0
    idle = idle_cells(space, keys, values, "maximise")
    assert idle is not None
    assert (idle.level, idle.beaten) == (10.0, 0.0)
    reverse = idle_cells(space, keys, values, "minimise")
    assert reverse is not None
    assert reverse.beaten == 1.0
    assert idle_cells(named.space("macro"), keys, values, "maximise") is None
