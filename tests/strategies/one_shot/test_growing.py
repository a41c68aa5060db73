"""Growing methods: steps, pools and lineages by the book, costs in closed form, weights that are inherited."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.spaces.nb201.space import NB201Space
from harness.training.supernets.weak_learners import candidates
from strategies.one_shot.climbing import NashInherited
from strategies.one_shot.morphism_tree import AutoKerasInherited, distances
from strategies.one_shot.petridish import PetridishInherited
from tests.harness.training.supernets.support import rng, search_data

SPACE = NB201Space()
START = (0, 0, 0, 1, 0, 0)


def climbing(seed=0, **own):
    quick = {"batch_size": 25, "first_epochs": 2, "child_epochs": 2, "children": 3, "steps": 2}
    return NashInherited(SPACE, search_data(), rng(seed), 40, **{**quick, **own})


def petridish(seed=0, **own):
    quick = {"batch_size": 25, "train_epochs": 1, "search_epochs": 2}
    return PetridishInherited(SPACE, search_data(), rng(seed), 40, **{**quick, **own})


def test_a_climb_trains_each_child_and_goes_on_from_the_best():
    method, held, lineage = climbing(), [], []
    while not method.finished:
        method.epoch()
        held.append(tuple(method.recommend()[0]))
        lineage.append(method.observed()["lineage"].astype(int).tolist())
    assert len(held) == 2 + 2 * 3 * 2
    assert set(held[:8]) - {held[7]} == {START}
    first_step = [tuple(child) for _, child in lineage[2:8]]
    assert first_step[4:] == [START, START]  # the last child is the parent, trained on
    assert held[7] in first_step
    assert [tuple(parent) for parent, _ in lineage[8:]] == [held[7]] * 6
    for parent, child in lineage:
        assert all(old == new or (old, new) in ((0, 2), (0, 3), (2, 3)) for old, new in zip(parent, child, strict=True))


def test_the_best_child_by_validation_accuracy_becomes_the_parent():
    method = climbing(children=4)
    scores = iter([50.0, 40.0, 70.0, 70.0, 60.0])
    method.charged_accuracy = lambda trainee: next(scores)
    cells = []
    for _ in range(2 + 4 * 2):
        method.epoch()
        cells.append(method.child)
    assert tuple(method.recommend()[0]) == cells[2 + 1 * 2]  # the second child: the first of the equal ones


def test_children_compute_more_than_their_parent():
    method = climbing(morphisms=2)
    start = np.array(START, dtype=SPACE.dtype)
    cells = np.stack([method._walk(start) for _ in range(30)])
    same = SPACE.key(cells, "functional") == SPACE.key(start[None], "functional")
    assert same.mean() < 0.1
    full = np.array((3, 3, 3, 1, 3, 3), dtype=SPACE.dtype)
    assert np.array_equal(method._walk(full), full)  # nothing can be added


def test_a_child_starts_where_its_parent_is():
    method = climbing(morphisms=3)
    for _ in range(2):
        method.epoch()
    parent = method.trainees["best"]
    child = method._child()
    assert child.arch != parent.arch
    images = torch.randn(6, 1, 1, 12)
    with torch.no_grad():
        for training in (False, True):
            one, other = (each.module.train(training)(images) for each in (parent, child))
            assert float((one - other).abs().max()) < 1e-5
    assert all(float(value.abs().sum()) == 0 for value in child.velocity)


def test_an_epoch_costs_three_passes_of_its_network_and_a_last_one_a_validation_more():
    method = climbing()
    path = method.costs.path(START)
    assert method.epoch().macs == pytest.approx(3 * 50 * path)
    assert method.epoch().macs == pytest.approx((3 * 50 + 24) * path)
    method.epoch()
    assert method.macs == pytest.approx(3 * 50 * method.costs.path(method.child))


def test_the_schedule_of_a_network_falls_from_its_rate_to_nearly_nothing(monkeypatch):
    rates = []
    monkeypatch.setattr("strategies.one_shot.growing.sgd_step", lambda *given: rates.append(given[-1]))
    method = climbing(learning_rate=0.1)
    method.epoch()
    method.epoch()
    assert rates == pytest.approx([0.1, 0.05 * (1 + np.cos(np.pi / 4)), 0.05, 0.05 * (1 + np.cos(3 * np.pi / 4))])


def test_petridish_trains_searches_and_trains_the_child():
    method, phases = petridish(), []
    for _ in range(4):
        macs = method.epoch().macs
        phases.append((method.parent, method.child, macs))
    start = method.costs.path(START)
    beside = sum(method.costs.operations[one.code] for one in candidates(START))
    assert phases[0][2] == pytest.approx((3 * 50 + 24) * start)
    assert [phase[2] for phase in phases[1:3]] == pytest.approx([3 * 50 * (start + beside)] * 2)
    assert phases[2][0] == START
    child = phases[2][1]
    assert child != START
    assert all(old in (0, new) for old, new in zip(START, child, strict=True))
    assert phases[3][2] == pytest.approx((3 * 50 + 24) * method.costs.path(child))
    assert len(method.errors) == 2
    assert method.drawn[0] >= 1


def test_the_pool_hands_over_its_lowest_error_and_draws_parents_near_the_hull():
    method = petridish()
    cells = [START, (3, 0, 0, 1, 1, 0), (3, 2, 0, 1, 1, 1), (3, 3, 0, 3, 1, 1), (3, 3, 3, 3, 3, 3)]
    fresh = method.fresh
    method.trainees = {str(place): fresh(cell) for place, cell in enumerate(cells)}
    method.errors, method.drawn = [50.0, 30.0, 40.0, 10.0, 9.0], [0, 2, 0, 0, 0]
    assert tuple(method.recommend()[0]) == cells[4]
    chances = method.chances()
    assert chances[2] == 0  # above the line from the second to the fourth
    assert chances[4] == 0  # nothing is empty there
    assert chances[0] > chances[3] > 0  # dearer
    assert chances.sum() == pytest.approx(1)
    drawn = method.chances()[1]
    method.drawn = [0, 0, 0, 0, 0]
    assert method.chances()[1] > drawn


def test_petridish_stops_where_nothing_can_grow():
    method = petridish(start=[3, 3, 3, 3, 3, 3])
    assert not method.finished
    method.epoch()
    assert method.finished
    small = petridish(points=1)
    small.epoch()
    assert small.finished


def tree(seed=0, **own):
    return AutoKerasInherited(SPACE, search_data(), rng(seed), 40, **{"batch_size": 25, "most_epochs": 1, **own})


def test_the_tree_trains_a_new_morphism_of_a_trained_network_each_time():
    method, lineage = tree(), []
    for _ in range(4):
        method.epoch()
        lineage.append((method.parent, method.child))
    trained = [method.trainees[str(place)].arch for place in range(4)]
    assert len(set(trained)) == len(set(SPACE.key(np.array(trained), "functional").tolist())) == 4
    assert [child for _, child in lineage[:3]] == trained[1:]
    for place, (parent, child) in enumerate(lineage):
        assert parent in trained[: place + 1]
        assert all(old == new or (old, new) in ((0, 2), (0, 3), (2, 3)) for old, new in zip(parent, child, strict=True))
    assert tuple(method.recommend()[0]) == trained[int(np.argmax(method.values))]


def test_a_network_is_left_after_epochs_without_improvement():
    method = tree(most_epochs=9, patience=2)
    scores = iter([50.0, 60.0, 60.0, 60.0])
    method.charged_accuracy = lambda trainee: next(scores)
    for _ in range(4):
        assert method.values == []
        method.epoch()
    assert method.values == [0.6]


def test_bounds_are_exact_at_what_was_seen_and_wide_far_away():
    method = tree()
    cells = [START, (3, 0, 0, 1, 3, 0), (2, 2, 2, 1, 2, 2)]
    method.trainees = {str(place): method.fresh(cell) for place, cell in enumerate(cells)}
    method.values = [0.2, 0.5, 0.8]
    np.testing.assert_allclose(method.bounds(np.array(cells)), method.values, atol=5e-3)
    far = method.bounds(np.array([(4, 4, 4, 4, 4, 4)]))[0]
    assert far == pytest.approx(0.5 + 2.576 * np.std(method.values), rel=1e-3)


def test_the_distance_of_cells_is_a_metric():
    cells = SPACE.sample(12, rng(3))
    found = distances(cells, cells)
    assert np.array_equal(found, found.T)
    assert (found.diagonal() == 0).all()
    assert (found[:, None, :] <= found[:, :, None] + found[None] + 1e-12).all()


def test_the_tree_ends_where_no_morphism_is_left():
    method = tree(start=[3, 3, 3, 1, 3, 3])
    method.epoch()
    assert method.finished


def test_no_weights_are_held_for_other_cells():
    method = petridish()
    found = method.inherited(np.array([START, (3, 3, 3, 3, 3, 3)]))
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def test_wrong_settings_are_refused():
    with pytest.raises(HarnessError, match="`start` must be a cell that the table has, 6 codes"):
        climbing(start=[1, 2])
    with pytest.raises(HarnessError, match="`children` must be at least 1, got 0"):
        climbing(children=0)
    with pytest.raises(HarnessError, match="`penalty` must be at least 0"):
        petridish(penalty=-1.0)
