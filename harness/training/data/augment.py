"""Data on the device, cut into normalised batches there by the plan of an epoch; crops and flips are index gathers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from harness.checks import BoolArray, IntArray
from harness.training.data.dataset import SPLITS, Dataset


@dataclass(frozen=True)
class EpochPlan:
    """The training images of one member in one epoch, in the order in which it sees them.

    Attributes
    ----------
    order : (n,) int64
        Image at each position.
    flip : (n,) bool or None
        Whether the image at a position is mirrored; None where nothing is.
    top, left : (n,) int64 or None
        Corner of the crop in the padded (mirrored) image, in ``range(2 padding + 1)``; None without a crop.  `top` is 0
        for signals, which are padded along their length only.
    """

    order: IntArray
    flip: BoolArray | None
    top: IntArray | None
    left: IntArray | None


@dataclass(frozen=True)
class DevicePlan:
    """An `EpochPlan` on the device; that of a pack has a first axis more, its M members."""

    order: Tensor
    flip: Tensor | None
    top: Tensor | None
    left: Tensor | None

    @classmethod
    def of(cls, plan: EpochPlan, device: torch.device) -> DevicePlan:
        """Copy a plan to the device."""
        drawn = (
            None if part is None else torch.from_numpy(part).to(device) for part in (plan.flip, plan.top, plan.left)
        )
        return cls(torch.from_numpy(plan.order).to(device), *drawn)

    def batch(self, start: int, stop: int) -> DevicePlan:
        """Return positions `start` to `stop`, of each member if the plan is a pack's (M, n), as views."""
        return self.each(lambda part: part[..., start:stop])

    def each(self, change: Callable[[Tensor], Tensor]) -> DevicePlan:
        """Return a plan of changed parts."""
        drawn = (None if part is None else change(part) for part in (self.flip, self.top, self.left))
        return DevicePlan(change(self.order), *drawn)


class DeviceImages:
    """One split on the device: bytes stay bytes until a batch is made, floats are normalised once.

    Parameters
    ----------
    split : str
    padding : int
        Pixels of raw zeros around each image, along the length only for signals.  They are added before normalisation:
        a padded pixel becomes (0 - mean) / std, as in the original code.

    Attributes
    ----------
    labels : (n,) int64 Tensor
    """

    def __init__(self, dataset: Dataset, split: str, device: torch.device, *, padding: int = 0) -> None:
        raw = torch.from_numpy(np.array(dataset.images[split].transpose(0, 2, 3, 1), order="C"))
        across = 0 if dataset.is_signal else padding
        raw = torch.nn.functional.pad(raw, (0, 0, padding, padding, across, across)).to(device)
        self.size = dataset.shape[1:]
        self.labels = torch.from_numpy(np.array(dataset.labels[split])).to(device)
        self._mean = torch.tensor(dataset.mean, dtype=torch.float32, device=device)
        self._std = torch.tensor(dataset.std, dtype=torch.float32, device=device)
        self._ready = raw.dtype != torch.uint8
        self._pixels = self._normalised(raw) if self._ready else raw
        self._rows = torch.arange(self.size[0], device=device)
        self._columns = torch.arange(self.size[1], device=device)

    def __len__(self) -> int:
        return len(self.labels)

    def _normalised(self, pixels: Tensor) -> Tensor:
        return (pixels.float() - self._mean) / self._std

    def plain(self, start: int, stop: int) -> Tensor:
        """Return images `start` to `stop` of an unpadded split: (B, C, H, W) float32 with channels last in memory."""
        pixels = self._pixels[start:stop]
        return (pixels if self._ready else self._normalised(pixels)).permute(0, 3, 1, 2)

    def augmented(self, batch: DevicePlan) -> Tensor:
        """Return the images of a batch, mirrored and cropped by its plan, of its own size.

        Parameters
        ----------
        batch : DevicePlan
            B positions; they may belong to several members one after the other.

        Returns
        -------
        (B, C, H, W) float32, channels last in memory
        """
        if batch.flip is None and batch.top is None:
            pixels = self._pixels[batch.order]
        else:
            rows, columns = self._rows.expand(len(batch.order), -1), self._columns.expand(len(batch.order), -1)
            if batch.top is not None and batch.left is not None:
                rows, columns = rows + batch.top[:, None], columns + batch.left[:, None]
            if batch.flip is not None:  # the mirrored image is cropped: the same as a mirrored look into the padded one
                columns = torch.where(batch.flip[:, None], self._pixels.shape[2] - 1 - columns, columns)
            pixels = self._pixels[batch.order[:, None, None], rows[:, :, None], columns[:, None, :]]
        return (pixels if self._ready else self._normalised(pixels)).permute(0, 3, 1, 2)


_ON_DEVICE: WeakKeyDictionary[Dataset, dict[tuple[torch.device, bool], dict[str, DeviceImages]]] = WeakKeyDictionary()


def resident(dataset: Dataset, device: torch.device, *, augment: bool) -> dict[str, DeviceImages]:
    """Return all splits on the device, the training split padded if `augment`; copied there once, while it is used."""
    copies = _ON_DEVICE.setdefault(dataset, {})
    if (device, augment) not in copies:
        padding = {"train": dataset.padding if augment else 0}
        copies[device, augment] = {
            split: DeviceImages(dataset, split, device, padding=padding.get(split, 0)) for split in SPLITS
        }
    return copies[device, augment]
