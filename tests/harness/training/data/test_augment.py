"""Batches gathered on the device equal images flipped, padded and cropped one at a time."""

from __future__ import annotations

import numpy as np
import pytest

from harness.training.data.augment import DeviceImages, DevicePlan, EpochPlan
from harness.training.data.dataset import Dataset
from harness.training.recipe import Recipe
from harness.training.schedule import Member, epoch_plan
from tests.harness.training.support import CELL, CPU, pictures, signals


def augmented_plainly(data: Dataset, plan: EpochPlan) -> np.ndarray:
    """Flip, pad with raw zeros, crop, normalise: one image after the other."""
    _, height, width = data.shape
    across, along = (0 if data.is_signal else data.padding), data.padding
    out = []
    for position, image in enumerate(plan.order):
        raw = data.images["train"][image].astype(np.float32)
        if plan.flip is not None and plan.flip[position]:
            raw = raw[:, :, ::-1]
        if plan.top is not None:
            raw = np.pad(raw, ((0, 0), (across, across), (along, along)))
            top, left = plan.top[position], plan.left[position]
            raw = raw[:, top : top + height, left : left + width]
        out.append((raw - data.mean[:, None, None]) / data.std[:, None, None])
    return np.stack(out)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("kind", ["pictures", "signals"])
def test_gathered_batches_equal_one_image_at_a_time(kind, flip, padding):
    data = pictures() if kind == "pictures" else signals()
    data = Dataset(data.name, data.images, data.labels, 4, data.mean + 1, data.std, flip=flip, padding=padding)
    plan = epoch_plan(Member(CELL, 0), 0, Recipe("any", epochs=1), data, network="nb201")
    images = DeviceImages(data, "train", CPU, padding=padding)
    batch = images.augmented(DevicePlan.of(plan, CPU).batch(5, 25))
    np.testing.assert_allclose(batch.numpy(), augmented_plainly(data, plan)[5:25], rtol=1e-6)


def test_padded_pixels_are_raw_zeros():
    data = pictures(padding=8, flip=False)
    corner = np.zeros(1, dtype=np.int64)
    plan = EpochPlan(order=corner, flip=None, top=corner, left=corner)
    image = DeviceImages(data, "train", CPU, padding=8).augmented(DevicePlan.of(plan, CPU))
    np.testing.assert_allclose(image[0, :, 0, 0].numpy(), (0 - data.mean) / data.std, rtol=1e-6)
