"""Noise that is fitted to repeats has their variance, and is drawn by counters."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data.predicted.fitted import noise as noises

SEEDS = np.arange(20_000, dtype=np.uint64)
NONE = np.zeros(len(SEEDS), dtype=np.int64)


def repeats(n=2000, spread=lambda x: 0.2 + 0.1 * x):
    """Return results, (n, 3, 1), around predicted values, (n, 1), from 0 to 10."""
    rng = np.random.default_rng(0)
    predicted = np.linspace(0, 10, n)[:, None]
    return predicted[:, None] + spread(predicted)[:, None] * rng.normal(size=(n, 3, 1)), predicted


def test_the_mean_variance_of_what_was_fitted_is_that_of_the_repeats():
    results, predicted = repeats()
    noise = noises.fit(results, predicted, np.zeros(1, dtype=np.int64))
    drawn = noise.deviations(predicted[:, 0], np.zeros(len(predicted), dtype=np.int64)) ** 2
    assert drawn.mean() == pytest.approx(results[:, :, 0].var(axis=1, ddof=1).mean())
    assert noise.trainings == 6000


def test_deviations_follow_the_predicted_value():
    results, predicted = repeats()
    noise = noises.fit(results, predicted, np.zeros(1, dtype=np.int64))
    found = noise.deviations(np.array([1.0, 5.0, 9.0]), np.zeros(3, dtype=np.int64))
    assert found == pytest.approx([0.3, 0.7, 1.1], rel=0.1)


def test_without_repeats_there_is_no_noise():
    results, predicted = repeats(50)
    results[:, 1:] = np.nan
    noise = noises.fit(results, predicted, np.zeros(1, dtype=np.int64))
    assert noise.trainings == 0
    assert not noise.deviations(predicted[:, 0], np.zeros(50, dtype=np.int64)).any()


def test_trainings_that_are_missing_count_for_nothing():
    results, predicted = repeats(500)
    results[::2, 2] = np.nan
    results[::5, 1:] = np.nan
    noise = noises.fit(results, predicted, np.zeros(1, dtype=np.int64))
    counts = np.isfinite(results[:, :, 0]).sum(axis=1)
    assert noise.trainings == counts[counts > 1].sum()


@pytest.mark.parametrize(("common", "schedules"), [(1.0, [0, 0]), (0.5, [0, 0]), (0.0, [0, 0]), (1.0, [0, 1])])
def test_what_fidelities_of_a_schedule_share_is_fitted_and_drawn(common, schedules):
    rng = np.random.default_rng(1)
    shared, own = rng.normal(size=(3000, 3, 1)), rng.normal(size=(3000, 3, 2))
    results = np.sqrt(common) * shared + np.sqrt(1 - common) * own
    numbers = np.array(schedules)
    noise = noises.fit(results, np.zeros((3000, 2)), numbers)
    assert noise.shared == pytest.approx(common, abs=0.05)
    first, second = (noise.draw(7, SEEDS, SEEDS, NONE + numbers[at], NONE + at) for at in (0, 1))
    wanted = common if schedules == [0, 0] else 0.0
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(wanted, abs=0.05)


def test_draws_are_standard_normal_and_independent_of_each_other():
    noise = noises.Noise(np.zeros((1, 1)), np.ones((1, 1)), 1.0, 9)
    by_seed = noise.draw(7, SEEDS * np.uint64(0), SEEDS, NONE, NONE)
    by_key = noise.draw(7, SEEDS, SEEDS * np.uint64(0), NONE, NONE)
    by_digest = noise.draw(8, SEEDS, SEEDS * np.uint64(0), NONE, NONE)
    for drawn in (by_seed, by_key, by_digest):
        assert abs(drawn.mean()) < 0.03
        assert drawn.std() == pytest.approx(1, abs=0.02)
        assert np.mean(np.abs(drawn) > 1.96) == pytest.approx(0.05, abs=0.006)
    for one, other in ((by_seed, by_key), (by_key, by_digest), (by_seed[:-1], by_seed[1:])):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.03


def test_a_draw_depends_on_its_question_alone():
    noise = noises.Noise(np.zeros((1, 1)), np.ones((1, 1)), 1.0, 9)
    order = np.random.default_rng(2).permutation(len(SEEDS))
    whole = noise.draw(7, SEEDS, SEEDS, NONE, NONE)
    assert np.array_equal(noise.draw(7, SEEDS[order], SEEDS[order], NONE, NONE), whole[order])
    assert noise.draw(7, SEEDS[:1], SEEDS[:1], NONE[:1], NONE[:1])[0] == whole[0]
