"""Items and labels as people have them, arranged as a network takes them: (n, C, H, W) and classes from 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import IntArray, choice, integer
from harness.errors import HarnessError, must
from harness.printable import counted

AnyArray = npt.NDArray[Any]

LAYOUTS = ("NHW", "NHWC", "NCHW", "NL", "NLC", "NCL")
"""Meanings of the axes: items, height, width, channels; a signal has a length L."""
COLOURS = (1, 3)
"""Channels by which an axis is recognised as that of the channels."""
MOST_CLASSES = 1000
_LARGEST_WHOLE = 2.0**53
"""Up to which a float64 holds every whole number."""
SMALLEST, MULTIPLE = 8, 4
"""Sides of an item: at least the first, and divisible by the second, because networks halve them twice."""


def arranged(array: AnyArray, what: str, *, layout: str = "", shape: tuple[int, ...] = (), kind: str = "") -> AnyArray:
    """Return items as (n, C, H, W); signals have H = 1.

    Parameters
    ----------
    array : (n, ...) numbers
    what : str
        What an error calls it.
    layout : str
        One of `LAYOUTS`; "" to tell by the shape, where that can be told.
    shape : tuple of int
        Of an item, for rows that are flat; () for items as they are.
    kind : {"", "images", "signals"}
        What the data call it.

    Raises
    ------
    HarnessError
        If the array has no such axes, or could be read in two ways.
    """
    if layout:
        choice("layout", layout, LAYOUTS)
    if shape:
        if array.ndim != 2 or array.shape[1] != np.prod(shape):
            raise HarnessError(must(what, f"be flat rows of {int(np.prod(shape))} values for shape = {list(shape)}",
                                    array.shape))  # fmt: skip
        array = array.reshape(len(array), *shape)
    axes = layout or _axes(array.shape, what, kind)
    if len(axes) != array.ndim:
        raise HarnessError(must(what, f"have {len(axes)} axes for layout = '{axes}'", array.shape))
    if not all(array.shape):
        raise HarnessError(must(what, "have at least one item, and items of at least one value", array.shape))
    named = dict(zip(axes, range(array.ndim), strict=True))
    order = [named[axis] for axis in ("N", "C", "H", "W", "L") if axis in named]
    whole = array.transpose(order)
    if "C" not in named:
        whole = whole[:, None]
    return np.ascontiguousarray(whole[:, :, None] if "L" in named else whole)


def sides(name: str, given: object, *, high: int | None = None) -> tuple[int, ...]:
    """Return sides of an item; raises HarnessError if they are none."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise HarnessError(must(name, "be a list of integers", given))
    return tuple(integer(name, side, low=1, high=high) for side in given)


def _axes(shape: tuple[int, ...], what: str, kind: str) -> str:
    """Tell the axes of items by their shape."""
    if len(shape) == 2:
        return "NL"
    if len(shape) == 3 and (kind or shape[1] == shape[2]):
        return "NCL" if kind == "signals" else "NHW"
    if len(shape) == 4:
        first, last = shape[1] in COLOURS, shape[3] in COLOURS
        if first != last:
            return "NCHW" if first else "NHWC"
    fitting = [layout for layout in LAYOUTS if len(layout) == len(shape)]
    if not fitting:
        raise HarnessError(must(what, "be items of one to three axes: N x L, N x H x W, N x H x W x C, …", shape))
    listed = " or ".join(f"'{layout}'" for layout in fitting)
    raise HarnessError(f"{what} of shape {shape} can be read in several ways: say layout = {listed}")


def checked_values(items: AnyArray, what: str) -> AnyArray:
    """Return items as uint8 where all values are whole numbers from 0 to 255 in an integer type, else as float32.

    Raises
    ------
    HarnessError
        If values are no numbers, or not finite; says how many, and in which items.
    """
    if items.dtype.kind not in "buif":
        raise HarnessError(must(what, "be numbers", str(items.dtype)))
    if items.dtype.kind in "bui":
        small = items.dtype.kind == "b" or (items.min() >= 0 and items.max() <= 255)
        return items.astype(np.uint8 if small else np.float32)
    with np.errstate(over="ignore"):
        values = items.astype(np.float32)
    wrong = ~np.isfinite(values)
    if wrong.any():
        places = np.flatnonzero(wrong.any(axis=(1, 2, 3)))
        first = ", ".join(map(str, places[:3].tolist())) + (", …" if len(places) > 3 else "")
        raise HarnessError(
            f"{what} must be finite numbers of float32: {counted(int(wrong.sum()), 'value')} in "
            f"{counted(len(places), 'item')} (number {first}) are NaN or infinite; leave these items out, or put in "
            "what is meant"
        )
    return values


def checked_labels(given: AnyArray, items: int, what: str) -> AnyArray:
    """Return labels as (n,) integers or text.

    Raises
    ------
    HarnessError
        If they are not one class for each item.
    """
    labels = np.asarray(given)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        raise HarnessError(must(what, "be one class for each item; of a column for each class, labels.argmax(axis=1)",
                                labels.shape))  # fmt: skip
    if labels.shape != (items,):
        raise HarnessError(must(what, f"be one for each of {counted(items, 'item')}", labels.shape))
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels):
        labels = labels.astype(str)
    if labels.dtype.kind == "U":
        return labels
    if labels.dtype.kind == "f":
        whole = (np.abs(labels) <= _LARGEST_WHOLE) & (labels == np.rint(labels))
        labels = labels.astype(np.int64) if whole.all() else labels[~whole]
    if labels.dtype.kind not in "bui":
        rule = "be classes: whole numbers or text (values to be regressed are not)"
        raise HarnessError(must(what, rule, labels[:1].tolist()[0]))
    return labels if labels.dtype.kind == "u" else labels.astype(np.int64)


def numbered(labels: AnyArray, what: str) -> tuple[IntArray, tuple[str, ...]]:
    """Return classes as numbers from 0, in ascending order of what they are called, and their names.

    Raises
    ------
    HarnessError
        If there is one class, or there are so many that they are none.
    """
    names, classes = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        raise HarnessError(must(what, "name at least two classes", names.tolist()))
    if len(names) > MOST_CLASSES or len(names) > len(labels) / 3:
        rule = f"name at most {MOST_CLASSES} classes, of three items at least in the mean; are they values?"
        raise HarnessError(must(what, rule, f"{len(names)} classes of {len(labels)} items"))
    return classes.astype(np.int64), tuple(map(str, names.tolist()))


def padded(items: AnyArray) -> AnyArray:
    """Return items with zeros around them, where a side is none that networks can halve twice.

    >>> padded(np.ones((2, 1, 1, 30), dtype=np.uint8)).shape, padded(np.ones((2, 3, 5, 28), dtype=np.uint8)).shape
    ((2, 1, 1, 32), (2, 3, 8, 28))
    """
    signal = items.shape[2] == 1
    widths = [(0, 0), (0, 0)]
    for axis in (2, 3):
        side = items.shape[axis]
        missing = 0 if axis == 2 and signal else max(SMALLEST, -(-side // MULTIPLE) * MULTIPLE) - side
        widths.append((missing // 2, missing - missing // 2))
    return np.pad(items, widths) if np.any(widths) else items
