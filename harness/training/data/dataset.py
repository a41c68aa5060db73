"""The dataset that a network is trained on: arrays with fixed splits, kept raw until they are on the device."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import HarnessError, must

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images or signals with labels, in fixed splits.

    Attributes
    ----------
    name : str
    images : mapping of str to (n, C, H, W) uint8 or float32
        Raw values for each of `SPLITS`; signals of length W are (n, 1, 1, W).
    labels : mapping of str to (n,) int64
        In ``range(classes)``.
    classes : int
    mean, std : (C,) float32
        Of the raw values; the network sees ``(raw - mean) / std``.
    flip : bool
        Whether training images are mirrored at random.
    padding : int
        Pixels of raw zeros around a training image before a random crop of its own size; 0 for no crop.
    description : str
        Where the splits come from and who saw which images.
    class_names : tuple of str
        What each class is called, where it has a name of its own.
    notes : tuple of str
        Sentences about what people should know of data of their own: leakage, uneven classes, padding.
    """

    name: str
    images: Mapping[str, npt.NDArray[Any]]
    labels: Mapping[str, npt.NDArray[np.int64]]
    classes: int
    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]
    flip: bool = False
    padding: int = 0
    description: str = ""
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for split in SPLITS:
            images, labels = self.images[split], self.labels[split]
            if images.ndim != 4 or len(images) != len(labels):
                raise HarnessError(must(f"images[{split!r}]", f"be ({len(labels)}, C, H, W)", images.shape))
            if len(labels) and not (labels.min() >= 0 and labels.max() < self.classes):
                raise HarnessError(must(f"labels[{split!r}]", f"be in range({self.classes})", labels.max()))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.images["train"].shape[1:]
        return int(channels), int(height), int(width)

    @property
    def is_signal(self) -> bool:
        """Whether the images are signals of height 1, trained with (1, k) kernels."""
        return self.shape[1] == 1

    @property
    def sha256(self) -> str:
        """SHA-256 over all arrays and labels in the order of `SPLITS`, hexadecimal."""
        digest = hashlib.sha256()
        for split in SPLITS:
            for array in (self.images[split], self.labels[split]):
                digest.update(f"{array.dtype.str} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
