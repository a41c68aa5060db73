"""Predictions of a trained network: items from a file or a data set, and a line of CSV for each."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import IntArray, choice
from harness.errors import HarnessError, must
from harness.files.arrays import ArraysError, read_npz
from harness.files.whole import replacing
from harness.training import data
from harness.training.data.dataset import SPLITS, Dataset

_DIGITS = 6


@dataclass(frozen=True, eq=False)
class Items:
    """What is predicted: raw images (n, ...), and their labels (n,) where they are known."""

    images: npt.NDArray[Any]
    labels: IntArray | None = None


def read_items(where: str, split: str | None = None) -> Items:
    """Return the items of a data set's split, or of an ``.npz`` file.

    Parameters
    ----------
    where : str
        A data set's name, a data set that `exported.save` wrote, or an ``.npz`` file with the array ``images``, or one
        array alone, and perhaps ``labels``.
    split : str, optional
        Of a data set; "test" if not given.

    Raises
    ------
    HarnessError
        If there is no such data set, the file is damaged, or its arrays are others.
    """
    if split is not None:
        choice("split", split, SPLITS)
    if not where.endswith(".npz"):
        return _of(data.load(where), split)
    try:
        arrays = read_npz(Path(where))
    except FileNotFoundError:
        raise HarnessError(f"there is no file '{where}'") from None
    except ArraysError as error:
        raise HarnessError(f"'{where}' is no whole .npz file: {error}") from None
    if "about" in arrays:
        return _of(data.load(where), split)
    if split is not None:
        raise HarnessError(f"`--split` is for data sets, and '{where}' is a file of items: leave it out")
    labels = arrays.pop("labels", None)
    images = next(iter(arrays.values())) if len(arrays) == 1 else arrays.get("images")
    if images is None or images.ndim < 2:
        raise HarnessError(must(f"'{where}'", "hold the array `images`, a row for each item", sorted(arrays)))
    if labels is not None and (labels.shape != (len(images),) or labels.dtype.kind not in "ui"):
        raise HarnessError(must("labels", f"be {len(images)} whole numbers", f"{labels.shape} {labels.dtype}"))
    return Items(images, None if labels is None else labels.astype(np.int64))


def _of(dataset: Dataset, split: str | None) -> Items:
    chosen = split or "test"
    return Items(dataset.images[chosen], dataset.labels[chosen])


def write(path: Path, probabilities: npt.NDArray[np.float32], labels: IntArray | None) -> dict[str, Any]:
    """Write the predictions; return ``accuracy`` in percent, None where no labels are known.

    Parameters
    ----------
    probabilities : (n, K)
    labels : (n,) or None

    Raises
    ------
    HarnessError
        If a probability is no number.
    """
    wrong = int(np.count_nonzero(~np.isfinite(probabilities).all(axis=1)))
    if wrong:
        raise HarnessError(
            f"{wrong} of {len(probabilities)} items have probabilities that are no numbers: the items, or the network's"
            " weights, hold what is not finite"
        )
    predicted = probabilities.argmax(1)
    head = ["item", "predicted", *(["label"] if labels is not None else [])]
    head += [f"probability_{number}" for number in range(probabilities.shape[1])]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(head)
        for item, row in enumerate(probabilities):
            known = [] if labels is None else [int(labels[item])]
            lines.writerow([item, int(predicted[item]), *known, *(f"{value:.{_DIGITS}f}" for value in row)])
    right = None if labels is None or not len(labels) else 100.0 * float(np.mean(predicted == labels))
    return {"accuracy": right}
