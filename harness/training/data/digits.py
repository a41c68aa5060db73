"""Handwritten digits that come with scikit-learn: 1,797 images of 8 x 8; a smoke test, it saturates."""

from __future__ import annotations

import numpy as np

from harness.errors import HarnessError
from harness.seeding import mix64
from harness.training.data.dataset import Dataset

_TRAIN, _VALID = 1097, 350
_SHA256 = "a063ecb37511664f5e4bcff9aa73c3435056d58934db8b738e4ccdc984abbf65"


def digits() -> Dataset:
    """Return the digits: 1,097 for training, 350 for validation, 350 for the test.

    The splits are cut from one fixed order (a hash of the image's index), because the file is ordered by writer.

    Raises
    ------
    HarnessError
        If scikit-learn is missing or brings other images.
    """
    try:
        from sklearn.datasets import load_digits  # here, so that other datasets work without scikit-learn
    except ImportError as error:
        raise HarnessError("'digits' needs the package scikit-learn; elsewhere, use an exported .npz file") from error
    bunch = load_digits()
    order = np.argsort(mix64(np.arange(len(bunch.target))))
    images = np.ascontiguousarray(bunch.images[order][:, None], dtype=np.uint8)
    labels = bunch.target[order].astype(np.int64)
    cut = {"train": slice(_TRAIN), "valid": slice(_TRAIN, _TRAIN + _VALID), "test": slice(_TRAIN + _VALID, None)}
    dataset = Dataset(
        name="digits",
        images={split: images[rows] for split, rows in cut.items()},
        labels={split: labels[rows] for split, rows in cut.items()},
        classes=10,
        mean=np.array([4.884], dtype=np.float32),
        std=np.array([6.017], dtype=np.float32),
        description="scikit-learn digits, 1,097 / 350 / 350 in a fixed order (own split); test images seen by nobody",
    )
    if dataset.sha256 != _SHA256:
        raise HarnessError(f"scikit-learn brings other digits: sha256 {dataset.sha256}, expected {_SHA256}")
    return dataset
