"""Datasets at another resolution: linear interpolation between neighbouring values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import integer
from harness.training.data.dataset import Dataset


def resampled(dataset: Dataset, length: int) -> Dataset:
    """Return a dataset whose signals have another length, or whose images have other sides, square ones.

    Positions are the middles of equal parts of a side, as where images are resized; beyond the first and the last the
    value stays.  Nothing new is known of an item: only its grid is finer, or coarser.

    Parameters
    ----------
    dataset : Dataset
    length : int
        Of a signal, or of both sides of an image.

    Returns
    -------
    Dataset
        Itself where nothing changes; else float32.
    """
    integer("length", length, low=1)
    _, height, width = dataset.shape
    wanted = (1 if dataset.is_signal else length, length)
    if wanted == (height, width):
        return dataset
    images = {split: _along(_along(values, 2, wanted[0]), 3, wanted[1]) for split, values in dataset.images.items()}
    return replace(dataset, name=f"{dataset.name}, resampled to {length}", images=images)


def _along(values: npt.NDArray[Any], axis: int, length: int) -> npt.NDArray[Any]:
    """Interpolate along an axis."""
    before = values.shape[axis]
    if before == length:
        return values
    places = np.clip((np.arange(length) + 0.5) * before / length - 0.5, 0, before - 1)
    low = np.floor(places).astype(np.int64)
    share = (places - low).astype(np.float32)
    share = share.reshape([-1 if each == axis else 1 for each in range(values.ndim)])
    left = np.take(values, low, axis).astype(np.float32)
    right = np.take(values, np.minimum(low + 1, before - 1), axis).astype(np.float32)
    return np.ascontiguousarray(left + share * (right - left))
