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
from harness.training.data import exported
from harness.training.data.dataset import Dataset

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


def shape_of(name: str, **options: Any) -> tuple[tuple[int, int, int], int]:
    """Return the shape of an item, (C, H, W), and the number of classes: all that a network needs to be built.

    No files of the user's are needed for the datasets that come with the program; the parameters are those of `load`.
    """
    if name in _SHAPES:
        return _SHAPES[name]
    dataset = load(name, **options)
    return dataset.shape, dataset.classes


def load(name: str, folder: str | Path | None = None, **options: Any) -> Dataset:
    """Return a dataset.

    Parameters
    ----------
    name : str
        One of `names`, or the path of an ``.npz`` file that `exported.save` wrote.
    folder : str or Path, optional
        Where the user has put the official files; for datasets that are read from files.
    **options
        Of the dataset, for example ``protocol="50k"`` of ``"cifar10"``.

    Raises
    ------
    HarnessError
        If the name or an option is unknown, a folder is needed or of no use, or a file is missing or not the official
        one; the message names the files, their sizes and their SHA-256.
    """
    if name.endswith(".npz"):
        if options or folder is not None:
            raise HarnessError("an exported dataset (.npz) takes neither a folder nor options")
        return exported.load(Path(name))
    if name not in _MAKERS:
        raise HarnessError(unknown("dataset", name, names()))
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
