"""Digests of trainings are for good: checkpoints, parts of tables and records of an earlier version are found again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from benchmarks_data.catalogue.entries import builds
from harness.digests import later
from harness.training import recipe
from harness.training.campaign import Campaign
from harness.training.data.dataset import SPLITS, Dataset
from harness.training.devices import compute_threads
from harness.training.engines.engine import Task
from harness.training.engines.reference import ReferenceLevel
from harness.training.recipe import Recipe, TrainingSetup
from harness.training.schedule import Member

CELL = (3, 2, 1, 4, 0, 3)


def ramp() -> Dataset:
    """Return signals whose values are the same on every machine."""
    images = {split: np.arange(64, dtype=np.float32).reshape(4, 1, 1, 16) for split in SPLITS}
    labels = {split: np.arange(4) for split in SPLITS}
    mean, std = np.full(1, 31.5, np.float32), np.full(1, 18.5, np.float32)
    return Dataset("ramp", images, labels, 4, mean, std, flip=True, padding=2)


def test_the_identity_of_a_campaign_is_what_it_was():
    task = Task("nb201", recipe.load("micro"), ramp(), torch.device("cpu"))
    members = [Member(CELL, 0), Member(CELL, 7)]
    with compute_threads(1):
        campaign = Campaign(members, task, ReferenceLevel(), None)
        assert campaign.identity() == "e32dd74b2972920d252a4c6f5f1f196b687aaf99c6a19ec657208d07982677ca"


def test_the_digest_of_a_build_is_what_it_was():
    assert builds()["micro-mnist1d"].digest == "6f5e51b8b31a11ae2fd04fad0ba25179950c1b491d3100f8783aa9b7f8d91fa1"


@dataclass(frozen=True)
class LongerRecipe(Recipe):
    warm_up: int = later(0)


@dataclass(frozen=True)
class LongerSetup(TrainingSetup):
    teacher: str = later("")


def test_a_later_field_enters_the_digests_only_where_it_differs():
    assert LongerRecipe("any", epochs=3).as_dict() == Recipe("any", epochs=3).as_dict()
    assert LongerRecipe("any", epochs=3, warm_up=1).as_dict() == Recipe("any", epochs=3).as_dict() | {"warm_up": 1}
    facts = ("nb201", "micro", "digits", (0, 1))
    assert LongerSetup(*facts).as_dict() == TrainingSetup(*facts).as_dict()
    assert LongerSetup(*facts, teacher="large").as_dict() == TrainingSetup(*facts).as_dict() | {"teacher": "large"}
    assert TrainingSetup.from_dict(LongerSetup(*facts).as_dict()) == TrainingSetup(*facts)
