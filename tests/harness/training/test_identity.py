"""Digests of trainings are for good: checkpoints, parts of tables and records of an earlier version are found again."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks_data.catalogue.entries import builds
from harness.training import recipe
from harness.training.campaign import Campaign
from harness.training.data.dataset import SPLITS, Dataset
from harness.training.engines import reference
from harness.training.engines.engine import Member
from harness.training.threads import compute_threads

CELL = (3, 2, 1, 4, 0, 3)


def ramp() -> Dataset:
    """Return signals whose values are the same on every machine."""
    images = {split: np.arange(64, dtype=np.float32).reshape(4, 1, 1, 16) for split in SPLITS}
    labels = {split: np.arange(4) for split in SPLITS}
    mean, std = np.full(1, 31.5, np.float32), np.full(1, 18.5, np.float32)
    return Dataset("ramp", images, labels, 4, mean, std, flip=True, padding=2)


def test_the_identity_of_a_campaign_is_what_it_was():
    members = [Member(CELL, 0), Member(CELL, 7)]
    with compute_threads(1):
        campaign = Campaign(members, recipe.load("micro"), ramp(), torch.device("cpu"), "nb201", reference, None)
        assert campaign.identity() == "e32dd74b2972920d252a4c6f5f1f196b687aaf99c6a19ec657208d07982677ca"


def test_the_digest_of_a_build_is_what_it_was():
    assert builds()["micro-mnist1d"].digest == "6f5e51b8b31a11ae2fd04fad0ba25179950c1b491d3100f8783aa9b7f8d91fa1"
