"""Predictions of live trainings: kept for the best, found without reading, judged as the trainings were."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data.live import predictions
from benchmarks_data.live.predictions import Predictions
from harness.errors import TableError
from harness.training.ensemble import compare

LABELS = {"valid": np.arange(20) % 2, "test": np.arange(30) % 2}


def guesses(right):
    """Return the predictions of a network that gets so many items right, the first ones."""
    rng, found = np.random.default_rng(right), {}
    for split, labels in LABELS.items():
        said = np.where(np.arange(len(labels)) < right, labels, 1 - labels)
        sure = rng.uniform(0.6, 0.9, (len(labels), 1))
        found[split] = np.where(said[:, None] == [0, 1], sure, 1 - sure)
    return found


def test_the_ensemble_is_that_of_the_networks_that_are_asked_for(tmp_path):
    kept = Predictions(tmp_path)
    assert kept.ensemble({1: 0}) is None
    given = {(key, seed): guesses(10 + key + seed) for key in (1, 2, 3) for seed in (0, 1)}
    for (key, seed), found in given.items():
        kept.keep(key, seed, found, LABELS)
    names = [(3, 1), (3, 0), (1, 1), (1, 0)]  # by validation, the best first
    stacked = [np.stack([given[name][split].astype(np.float32) for name in names]) for split in LABELS]
    wanted = compare(*stacked, *LABELS.values(), [(30, 1), (30, 0), (10, 1), (10, 0)])
    assert kept.ensemble({3: 30, 1: 10, 9: 90}) == wanted
    assert (wanted.networks, wanted.best_valid_right, wanted.members[0]) == (4, 14, (30, 1))
    assert kept.ensemble({9: 90}) is None


def test_a_training_that_is_made_again_is_one_network(tmp_path):
    kept = Predictions(tmp_path)
    for right in (12, 11):
        kept.keep(1, 0, guesses(right), LABELS)
    kept.keep(2, 0, guesses(9), LABELS)
    found = kept.ensemble({1: 0, 2: 1})
    assert (found.networks, found.best_valid_right) == (2, 11)


def test_the_worst_make_room_and_many_items_mean_few_networks(tmp_path, monkeypatch):
    kept = Predictions(tmp_path)
    kept.keep(0, 0, guesses(10), LABELS)
    size = next(tmp_path.iterdir()).stat().st_size
    monkeypatch.setattr(predictions, "MOST_BYTES", 3 * size)
    for key, right in enumerate((5, 15, 12, 3), start=1):
        kept.keep(key, 0, guesses(right), LABELS)
    assert [int(path.name.split("-")[1], 16) for path in sorted(tmp_path.iterdir())] == [0, 3, 2]
    rows = {key: key for key in range(9)}
    assert kept.ensemble(rows).networks == 3
    monkeypatch.setattr(predictions, "_MOST_VALUES", 2 * 40)
    assert kept.ensemble(rows).networks == 2


def test_without_test_items_nothing_is_kept_and_damage_is_told(tmp_path):
    kept = Predictions(tmp_path)
    kept.keep(1, 0, guesses(10), LABELS | {"test": LABELS["test"][:0]})
    assert not list(tmp_path.iterdir())
    for key in (1, 2):
        kept.keep(key, 0, guesses(10 + key), LABELS)
    next(tmp_path.iterdir()).write_bytes(b"no")
    with pytest.raises(TableError, match=r"is damaged: .*; remove it"):
        kept.ensemble({1: 0, 2: 1})
    other = {split: np.zeros((len(labels), 7)) for split, labels in LABELS.items()}
    next(tmp_path.iterdir()).unlink()
    for key in (1, 2):
        kept.keep(key, 0, guesses(10 + key) if key == 1 else other, LABELS)
    with pytest.raises(TableError, match=r"is damaged: its predictions are of other items or classes"):
        kept.ensemble({1: 0, 2: 1})
