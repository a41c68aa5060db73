"""Datasets as one ``.npz`` file, for machines that have numpy but not the package that makes the dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import HarnessError
from harness.files.reading import parse_json
from harness.files.whole import replacing
from harness.training.data.dataset import SPLITS, Dataset

_ABOUT = ("name", "classes", "flip", "padding", "description")
_LISTS = ("class_names", "notes")
"""Later ones, written where there are any."""


def save(dataset: Dataset, path: Path) -> None:
    """Write a dataset with its SHA-256; compressed, and whole or not at all."""
    about = {key: getattr(dataset, key) for key in _ABOUT} | {"sha256": dataset.sha256}
    about |= {key: list(getattr(dataset, key)) for key in _LISTS if getattr(dataset, key)}
    arrays: dict[str, Any] = {f"images_{split}": dataset.images[split] for split in SPLITS}
    arrays |= {f"labels_{split}": dataset.labels[split] for split in SPLITS}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, about=np.array(json.dumps(about)), mean=dataset.mean, std=dataset.std, **arrays)


def loaded(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> Dataset:
    """Return the dataset that `save` wrote, of the arrays of its file.

    Raises
    ------
    HarnessError
        If they are not all there, or do not have the SHA-256 that was written with them.
    """
    try:
        about = parse_json(str(arrays["about"]), str(path))
        sha256 = about.pop("sha256")
        about |= {key: tuple(about[key]) for key in _LISTS if key in about}
        dataset = Dataset(
            images={split: arrays[f"images_{split}"] for split in SPLITS},
            labels={split: arrays[f"labels_{split}"] for split in SPLITS},
            mean=arrays["mean"],
            std=arrays["std"],
            **about,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise HarnessError(f"{path} is not a whole exported dataset: {error}") from error
    if dataset.sha256 != sha256:
        raise HarnessError(f"{path} is damaged: the sha256 of its arrays is {dataset.sha256}, expected {sha256}")
    return dataset
