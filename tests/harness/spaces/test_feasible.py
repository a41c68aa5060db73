"""The part of a space that keeps bounds on known costs, listed and not."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.problem import Constraint
from harness.spaces import feasible, named
from harness.spaces.feasible import FeasibleSpace
from harness.testing.conformance import check_space

SMALL = Constraint("params_m", "<=", 0.1)
BETWEEN = (Constraint("params_m", "<=", 0.3), Constraint("macs_m", ">=", 20.0))


@pytest.fixture(params=["listed", "drawn"])
def space(request, monkeypatch):
    """Both ways to find what is feasible."""
    if request.param == "drawn":
        monkeypatch.setattr(feasible, "MOST_LISTED", 0)
    return FeasibleSpace(named.space("nb201"), (SMALL,))


def test_as_many_cells_are_left_as_keep_the_bound():
    assert len(FeasibleSpace(named.space("nb201"), (SMALL,)).rows) == 729
    assert len(FeasibleSpace(named.space("nb201"), (Constraint("params_m", "<=", 0.3),)).rows) == 4096
    assert len(FeasibleSpace(named.space("nb201"), (Constraint("macs_m", "<=", 50.0),)).rows) == 7984


def test_nothing_that_breaks_a_bound_is_drawn_or_edited_to(space):
    rng = np.random.default_rng(1)
    archs = space.sample(500, rng)
    for made in (archs, space.mutate(archs, rng), space.mutate(archs, rng, by="node"), space.neighbours(archs[0])):
        assert (space.costs(made)["params_m"] <= 0.1).all()
        assert space.is_valid(made).all()
    children = space.crossover(archs, archs[::-1], rng)
    assert (space.costs(children)["params_m"] <= 0.1).all()
    assert not space.is_valid(named.space("nb201").sample(200, rng)).all()


def test_samples_are_uniform_over_what_is_feasible(space):
    codes = space.code(space.sample(20_000, np.random.default_rng(2)))
    counts = np.unique(codes, return_counts=True)[1]
    assert len(counts) == 729
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("bounds", [(SMALL,), BETWEEN], ids=["one", "two"])
def test_it_is_a_space_like_any_other(bounds):
    check_space(FeasibleSpace(named.space("nb201"), bounds), np.random.default_rng(3))


def test_a_space_too_large_to_be_listed_is_one_as_well():
    space = FeasibleSpace(named.space("darts"), (Constraint("params_m", "<=", 3.0),))
    assert space.rows is None
    archs = space.sample(64, np.random.default_rng(0))
    assert (space.costs(archs)["params_m"] <= 3.0).all()
    assert (space.costs(space.mutate(archs, np.random.default_rng(1)))["params_m"] <= 3.0).all()


def test_an_island_is_left_for_any_other_feasible_architecture():
    base = named.space("nb201")
    known = np.full(5**6, 9.0)
    known[[0, 15_624]] = 1.0  # no edit leads from one to the other
    space = FeasibleSpace(base, (Constraint("cost", "<=", 2.0),), {"cost": known})
    first, last = space.rows
    assert not len(space.neighbours(first))
    assert np.array_equal(space.mutate(first[None], np.random.default_rng(0))[0], last)
    known = np.full(5**6, np.nan)
    known[7] = 1.0
    alone = FeasibleSpace(base, (Constraint("cost", "<=", 2.0),), {"cost": known})
    assert np.array_equal(alone.mutate(alone.rows, np.random.default_rng(0)), alone.rows)


@pytest.mark.parametrize("listed", [True, False])
def test_a_bound_that_nothing_keeps_is_refused(listed, monkeypatch):
    if not listed:
        monkeypatch.setattr(feasible, "MOST_LISTED", 0)
    with pytest.raises(HarnessError, match=r"params_m <= 0\.01; loosen the"):
        FeasibleSpace(named.space("nb201"), (Constraint("params_m", "<=", 0.01),))
