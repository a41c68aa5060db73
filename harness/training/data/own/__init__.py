"""Datasets of one's own: an ``.npz`` file, a folder of images, or arrays in a notebook.

`items` arranges and checks, `splits` splits once and for all, `prepared` makes the dataset and tells what is odd,
`archive` and `pictures` read files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import HarnessError, reason, unknown
from harness.files.arrays import ArraysError, read_npz
from harness.training.data import exported
from harness.training.data.dataset import SPLITS, Dataset
from harness.training.data.own import archive, pictures
from harness.training.data.own.archive import SPLIT_NAMES, to_cut
from harness.training.data.own.prepared import prepare
from harness.training.data.own.splits import Shares

OPTIONS = ("layout", "shape", "size", "valid", "test", "seed", "flip", "padding")
"""What may be said of data of one's own."""
_REMEDY = (
    "data of your own are an .npz file with items X and labels y, or a folder of images with a folder for each class"
)


def load(path: Path, **options: Any) -> Dataset:
    """Return the dataset of an ``.npz`` file or a folder of images; read once while the file stays as it is.

    Parameters
    ----------
    path : Path
    **options
        Of `OPTIONS`, see `dataset`; `size` is for folders of images, `layout` and `shape` are for ``.npz`` files.

    Raises
    ------
    HarnessError
        If there is no such file, or it holds no dataset; the message says the rule, the value and the remedy.
    """
    for option in options:
        if option not in OPTIONS:
            raise HarnessError(unknown("option of a dataset of one's own", option, OPTIONS))
    if not path.exists():
        raise HarnessError(f"there is no dataset {path}: {_REMEDY}")
    if not path.is_dir() and path.suffix != ".npz":
        raise HarnessError(f"{path} is neither an .npz file nor a folder: {_REMEDY}")
    return _loaded(str(path.resolve()), _status(path), json.dumps(options, sort_keys=True))


def _status(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of change of a file, or of all files of a folder."""
    paths = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    known = [(str(file), os.stat(file)) for file in paths]
    return tuple((name, status.st_size, status.st_mtime_ns) for name, status in known)


@lru_cache(maxsize=4)
def _loaded(path: str, status: object, options: str) -> Dataset:
    place, given = Path(path), json.loads(options)
    if place.is_dir():
        return pictures.read(place, **given)
    if "size" in given:
        raise HarnessError(f"`size` scales the images of a folder; those of {place} stay as they are: leave it out")
    try:
        arrays = read_npz(place)
    except (OSError, ArraysError) as error:
        raise HarnessError(f"{place} is not a whole .npz file: {reason(error)}") from error
    if "about" in arrays:
        if given:
            raise HarnessError(f"an exported dataset (.npz) takes no options, got {', '.join(given)}")
        return exported.loaded(place, arrays)
    return archive.read(place, arrays, **given)


def dataset(
    items: npt.ArrayLike,
    labels: npt.ArrayLike,
    split: Sequence[str] | None = None,
    *,
    name: str = "own",
    to: str | Path | None = None,
    layout: str = "",
    shape: Sequence[int] = (),
    valid: float = Shares.valid,
    test: float = Shares.test,
    seed: int = Shares.seed,
    flip: bool = False,
    padding: int = 0,
) -> Dataset:
    """Make a dataset of arrays, for example in a notebook.

    Splits are drawn class by class; equal items are in one split, and the split of an item depends on what it is, not
    on its place.  Mean and standard deviation are those of training items alone.

    Parameters
    ----------
    items : (n, ...) numbers
        Images, (n, H, W), (n, H, W, C) or (n, C, H, W); or signals, (n, L), or (n, C, L) with ``layout="NCL"``.  Sides
        that networks cannot halve twice get zeros around them.
    labels : (n,) integers or text
        Any classes.
    split : (n,) sequence of {"train", "valid", "test"}, optional
        Without it, and for a split that it does not name, splits are cut from the items that train.
    name : str
        For people.
    to : path, optional
        An ``.npz`` file to write, which then stands wherever the name of a dataset does.
    layout : str
        "NHW", "NHWC", "NCHW", "NL", "NLC" or "NCL", where the shape does not tell.
    shape : sequence of int
        Of an item, where each is a flat row: [8, 8].
    valid, test : float
        Shares of the items that are cut.
    seed : int
        Of the splits.
    flip : bool
        Whether recipes that augment mirror training items at random.
    padding : int
        Zeros around a training item before such a recipe crops it at random.

    Returns
    -------
    Dataset
        Its `description` and `notes` say what was made of the arrays; `sha256` is its digest.

    Raises
    ------
    HarnessError
        If something is no item, no label or no split.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> made = dataset(rng.normal(size=(60, 40)), ["a", "b", "c"] * 20)
    >>> made.description
    'own: 60 items of 1 x 1 x 40 in 3 classes; 36 training, 12 validation, 12 test (test and validation cut, seed 0)'
    """
    given = None
    if split is not None:
        texts = [str(text).lower() for text in split]
        for text in dict.fromkeys(texts):
            if text not in SPLIT_NAMES:
                raise HarnessError(unknown("split", text, SPLIT_NAMES))
        given = to_cut(np.array([SPLITS.index(SPLIT_NAMES[text]) for text in texts], dtype=np.int64))
    whole, classes = _array("items", items), _array("labels", labels)
    if given is not None and len(given) != len(whole):
        raise HarnessError(f"`split` must be one text for each of {len(whole)} items, got {len(given)}")
    options: Mapping[str, Any] = {"layout": layout, "shape": shape, "valid": valid, "test": test, "seed": seed}
    made = prepare(whole, classes, name=name, given=given, flip=flip, padding=padding, **options)
    if to is not None:
        if Path(to).suffix != ".npz":
            raise HarnessError(f"`to` must end in .npz, so that it is read as a dataset, got {str(to)!r}")
        try:
            exported.save(made, Path(to))
        except OSError as error:
            raise HarnessError(f"the dataset cannot be written: {reason(error)}") from error
    return made


def _array(name: str, given: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return what is given as an array, with nothing masked."""
    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise HarnessError(f"`{name}` must be an array, every item of one shape: {error}") from None
    if np.ma.is_masked(given):
        raise HarnessError(f"`{name}` must have no masked values: leave these items out, or put in what is meant")
    return array
