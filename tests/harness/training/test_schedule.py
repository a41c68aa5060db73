"""Learning rates, batches and orders are those published, named by network and epoch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.training.recipe import Recipe
from harness.training.schedule import Member, epoch_plan, learning_rate, steps_per_epoch
from tests.harness.training.support import CELL, DISCONNECTED, pictures


def test_learning_rate_falls_as_published():
    by_epoch = Recipe("epoch", epochs=12)
    rates = [learning_rate(by_epoch, epoch, 57, 98) for epoch in range(12)]
    assert rates == pytest.approx([0.05 * (1 + math.cos(math.pi * epoch / 12)) for epoch in range(12)])
    assert rates[0] == 0.1
    assert rates[6] == pytest.approx(0.05)
    by_step = by_epoch.but(anneal="step")
    assert learning_rate(by_step, 6, 0, 98) == pytest.approx(0.05)
    assert 0 < learning_rate(by_step, 11, 97, 98) < 1e-6
    assert learning_rate(by_step, 0, 1, 98) < learning_rate(by_step, 0, 0, 98) == 0.1


@pytest.mark.parametrize(("images", "steps"), [(50_000, 196), (25_000, 98), (151_700, 593), (3_000, 12)])
def test_the_partial_last_batch_is_a_step(images, steps):
    assert steps_per_epoch(images, 256) == steps


def test_plans_are_permutations_named_by_member_and_epoch():
    data, given_recipe = pictures(), Recipe("any", epochs=2)
    member = Member(CELL, 3)
    plan = epoch_plan(member, 1, given_recipe, data, network="nb201")
    assert sorted(plan.order) == list(range(30))
    assert plan.top.min() >= 0
    assert plan.top.max() <= 4
    again = epoch_plan(member, 1, given_recipe.but(epochs=9), data, network="nb201")
    assert np.array_equal(plan.order, again.order)
    assert np.array_equal(plan.left, again.left)
    others = [epoch_plan(Member(CELL, 4), 1, given_recipe, data, network="nb201")]
    others.append(epoch_plan(member, 0, given_recipe, data, network="nb201"))
    others.append(epoch_plan(Member(DISCONNECTED, 3), 1, given_recipe, data, network="nb201"))
    assert not any(np.array_equal(plan.order, other.order) for other in others)
    plain = epoch_plan(member, 1, given_recipe.but(augment=False), data, network="nb201")
    assert plain.flip is None
    assert plain.top is None


def test_numbers_of_a_recipe_that_nothing_could_list_or_count_are_refused():
    for name in ("epochs", "batch_size", "channels", "cells", "stem_stride"):
        for value in (0, 2**62):
            with pytest.raises(HarnessError, match=f"`{name}` must be at"):
                Recipe("own", **{"epochs": 2, name: value})
