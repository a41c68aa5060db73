"""Datasets as one ``.npz`` file, for machines that have numpy but not the package that makes the dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.files.arrays import read_npz
from harness.files.reading import parse_json
from harness.files.whole import replacing
from harness.training.data.dataset import SPLITS, Dataset

_ABOUT = ("name", "classes", "flip", "padding", "description")


def save(dataset: Dataset, path: Path) -> None:
    """Write a dataset with its SHA-256; compressed, and whole or not at all."""
    about = {key: getattr(dataset, key) for key in _ABOUT} | {"sha256": dataset.sha256}
    arrays: dict[str, Any] = {f"images_{split}": dataset.images[split] for split in SPLITS}
    arrays |= {f"labels_{split}": dataset.labels[split] for split in SPLITS}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, about=np.array(json.dumps(about)), mean=dataset.mean, std=dataset.std, **arrays)


def load(path: Path) -> Dataset:
    """Read a dataset that `save` wrote.

    Raises
    ------
    HarnessError
        If there is no such file, it is damaged or its arrays do not have the SHA-256 that was written with them.
    """
    if not path.is_file():
        raise HarnessError(f"there is no file {path}. Write it with: python -m harness.training.data NAME {path}")
    try:
        arrays = read_npz(path)
        about = parse_json(str(arrays["about"]), str(path))
        sha256 = about.pop("sha256")
        dataset = Dataset(
            images={split: arrays[f"images_{split}"] for split in SPLITS},
            labels={split: arrays[f"labels_{split}"] for split in SPLITS},
            mean=arrays["mean"],
            std=arrays["std"],
            **about,
        )
    except (OSError, KeyError, TypeError, ValueError) as error:  # ArraysError is a ValueError
        raise HarnessError(f"{path} is not a whole exported dataset: {error}") from error
    if dataset.sha256 != sha256:
        raise HarnessError(f"{path} is damaged: the sha256 of its arrays is {dataset.sha256}, expected {sha256}")
    return dataset
