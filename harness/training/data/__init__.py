"""Datasets by name: arrays in fixed splits, never downloaded.

>>> from harness.training import data
>>> data.names()
['cifar10', 'digits', 'fashion-mnist', 'mnist1d', 'mnist1d-hard']
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, must, unknown
from harness.names import read
from harness.training.data import own
from harness.training.data.dataset import Dataset
from harness.training.recipe import TrainingSetup

_SHAPES: dict[str, tuple[tuple[int, int, int], int]] = {
    "cifar10": ((3, 32, 32), 10),
    "digits": ((1, 8, 8), 10),
    "fashion-mnist": ((1, 28, 28), 10),
    "mnist1d": ((1, 1, 40), 10),
    "mnist1d-hard": ((1, 1, 40), 10),
}
"""Shape of an item, (C, H, W), and number of classes: without files of the user's, and without making the items."""
_MAKERS = {
    "cifar10": ("harness.training.data.cifar10", "cifar10"),
    "digits": ("harness.training.data.packaged", "digits"),
    "fashion-mnist": ("harness.training.data.fashion_mnist", "fashion_mnist"),
    "mnist1d": ("harness.training.data.packaged", "mnist1d_default"),
    "mnist1d-hard": ("harness.training.data.packaged", "mnist1d_hard"),
}
"""Module and function that make a dataset: packages of one dataset are not asked of those who use another."""


def names() -> list[str]:
    """Return the names that `load` knows."""
    return sorted(_MAKERS)


def shape_of(name: str | Dataset, folder: Path | None = None, **options: Any) -> tuple[tuple[int, int, int], int]:
    """Return the shape of an item, (C, H, W), and the number of classes: all that a network needs to be built.

    No files of the user's are needed for the datasets that come with the program; the parameters are those of `load`.
    """
    if isinstance(name, str) and name in _SHAPES:
        return _SHAPES[name]
    dataset = load(name, folder, **options)
    return dataset.shape, dataset.classes


def load(name: str | Dataset, folder: str | Path | None = None, **options: Any) -> Dataset:
    """Return a dataset.

    Parameters
    ----------
    name : str or Dataset
        One of `names`; the path of data of one's own, an ``.npz`` file or a folder of images; or of an ``.npz`` file
        that `exported.save` wrote.  A dataset is returned as it is.
    folder : str or Path, optional
        Where the user has put the official files, for datasets that are read from files; for a path that leads nowhere,
        where the file of that name lies now.
    **options
        Of the dataset, for example ``protocol="50k"`` of ``"cifar10"``; of data of one's own, see `own.dataset`.

    Raises
    ------
    HarnessError
        If the name or an option is unknown, a folder is needed or of no use, or a file is missing or not the official
        one; the message names the files, their sizes and their SHA-256.
    """
    if isinstance(name, Dataset):
        return name
    path = read(name).path
    if path is not None:
        moved = None if folder is None else Path(folder) / path.name
        return own.load(moved if moved is not None and not path.exists() else path, **options)
    if name not in _MAKERS:
        known = unknown("dataset", name, names())
        raise HarnessError(f"{known} A folder of your own images is written as a path: './{name}'."
                           if Path(name).is_dir() else known)  # fmt: skip
    module, function = _MAKERS[name]
    make: Callable[..., Dataset] = getattr(import_module(module), function)
    parameters = list(inspect.signature(make).parameters)
    if "folder" in parameters:
        options["folder"] = None if folder is None else Path(folder)
    elif folder is not None:
        raise HarnessError(must("folder", f"not be given for '{name}', which reads no files", str(folder)))
    for option in options:
        if option not in parameters:
            raise HarnessError(unknown(f"option of '{name}'", option, parameters))
    return make(**options)


def of(training: TrainingSetup, folder: Path | None = None) -> Dataset:
    """Return the dataset that networks were, or are to be, trained on.

    Parameters
    ----------
    training : TrainingSetup
    folder : Path, optional
        As for `load`; tried where it cannot be loaded without.

    Raises
    ------
    HarnessError
        As `load`; and if it is not the one that `training` names by its digest.
    """
    try:
        dataset = load(training.dataset, **training.dataset_options)
    except HarnessError:
        if folder is None:
            raise
        dataset = load(training.dataset, folder, **training.dataset_options)
    if training.dataset_sha256 not in ("", dataset.sha256):
        raise HarnessError(
            f"the dataset {training.dataset} must be the one that was trained on, of sha256 "
            f"{training.dataset_sha256[:16]}…, got {dataset.sha256[:16]}…: the data, its splits or its options changed "
            "since; bring them back, or train anew"
        )
    return dataset
