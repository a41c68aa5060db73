"""Multiply-adds of supernets, and what searches cost in trainings of their table, against numbers counted by hand."""

from __future__ import annotations

import pytest

from harness.training import recipe
from harness.training.recipe import Recipe
from harness.training.supernets.costs import TRAINING_STEP, PathCosts

NB201 = PathCosts.of(recipe.load("nb201-200"), (3, 32, 32), 10)
MICRO = PathCosts.of(Recipe("micro", 10, channels=12, cells=1, reduction="pool"), (1, 1, 40), 10)


def test_the_constants_of_the_table_of_images():
    assert NB201.base == 7_783_050
    assert NB201.operations == (0, 0, 3_932_160, 35_389_440, 0)
    assert sum(NB201.operations) == 39_321_600
    assert NB201.mixture == 243_712_650
    assert NB201.mean == 54_968_970
    assert NB201.mixture / NB201.mean == pytest.approx(4.43, abs=5e-3)


def test_the_constants_of_the_table_of_signals():
    assert (MICRO.base, MICRO.operations) == (19_210, (0, 0, 40_320, 120_960, 0))
    assert (MICRO.mixture, MICRO.mean) == (986_890, 212_746)
    assert (MICRO.path((0,) * 6), MICRO.path((3,) * 6)) == (19_210, 744_970)


@pytest.mark.parametrize(
    ("costs", "epochs", "search", "units"),
    [
        (NB201, 200, lambda costs: 50 * 2 * costs.mixture, 2.2),
        (NB201, 200, lambda costs: 250 * 2 * costs.mean, 2.5),
        (NB201, 200, lambda costs: 250 * costs.mean, 1.25),
        (NB201, 200, lambda costs: 250 * (costs.mean + costs.mixture), 6.8),
        (NB201, 200, lambda costs: (15 + 35 * 2) * partial(costs), 0.174),
        (MICRO, 10, lambda costs: 50 * 2 * costs.mixture, 46.4),
        (MICRO, 10, lambda costs: 250 * 2 * costs.mean, 50),
        (MICRO, 10, lambda costs: 250 * costs.mean, 25),
        (MICRO, 10, lambda costs: (15 + 35 * 2) * partial(costs), 3.2),
    ],
    ids=[f"{table}, {method}" for table, methods in (
        ("images", ("darts", "gdas", "rsps", "setn", "pc_darts")), ("signals", ("darts", "gdas", "rsps", "pc_darts")),
    ) for method in methods],
)  # fmt: skip
def test_searches_cost_so_many_trainings_of_the_mean_cell(costs, epochs, search, units):
    """With as many steps of alpha as of the weights, and as many items in each."""
    one = TRAINING_STEP * costs.mean * epochs
    assert TRAINING_STEP * search(costs) / one == pytest.approx(units, rel=0.02)


def partial(costs):
    return PathCosts(costs.base, costs.operations, 4).mixture
