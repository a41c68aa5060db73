"""Arrays of one's own in an ``.npz`` file: which of them are items, labels and splits, by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.checks import IntArray
from harness.errors import HarnessError, must, unknown
from harness.training.data.dataset import SPLITS, Dataset
from harness.training.data.own.items import AnyArray
from harness.training.data.own.prepared import prepare
from harness.training.data.own.splits import GIVEN_NOWHERE, SUFFIX, TRAIN

_ITEMS = {"x": "", "items": "", "data": "", "images": "images", "signals": "signals"}
_LABELS = ("y", "labels", "label", "target", "targets")
SPLIT_NAMES = {"train": "train", "valid": "valid", "val": "valid", "validation": "valid", "test": "test"}
"""Names of splits, and the split that each means."""
_NAMES = "|".join(SPLIT_NAMES)
_EXAMPLE = (
    "items are called X, images or signals and labels y or labels, each with _train, _valid and _test behind it or "
    "once for all items, then with or without `split`, a text for each item"
)


def read(path: Path, arrays: Mapping[str, AnyArray], **options: Any) -> Dataset:
    """Make a dataset of the arrays of a file; options are those of `prepare`."""
    items, labels, kind, given = _found(path, arrays)
    what = (f"the items of {path.name}", f"the labels of {path.name}")
    return prepare(items, labels, name=path.stem, given=given, kind=kind, what=what,
                   keep_in=path.with_name(path.name + SUFFIX), **options)  # fmt: skip


def _found(path: Path, arrays: Mapping[str, AnyArray]) -> tuple[AnyArray, AnyArray, str, IntArray | None]:
    """Return items, labels, what the file calls the items, and the splits that it gives."""
    items, labels = dict[str, AnyArray](), dict[str, AnyArray]()
    kinds, listed = set[str](), None
    for name, array in arrays.items():
        key = name.lower()
        match = re.fullmatch(rf"(?:({_NAMES})_)?([a-z]+)(?:_({_NAMES}))?", key)
        split, word = (SPLIT_NAMES.get(match[1] or match[3] or "", ""), match[2]) if match else ("", "")
        if key == "split":
            listed = array
        elif word in _ITEMS and not (match and match[1] and match[3]):
            _put(path, items, split, array, name)
            kinds.add(_ITEMS[word])
        elif word in _LABELS and not (match and match[1] and match[3]):
            _put(path, labels, split, array, name)
        else:
            raise HarnessError(f"{path}: `{name}` is neither items, labels nor `split`: {_EXAMPLE}")
    if not items or set(items) != set(labels) or ("" in items and len(items) > 1):
        raise HarnessError(f"{path} must hold items and labels of the same splits, got {', '.join(arrays)}: {_EXAMPLE}")
    kind = kinds.pop() if len(kinds) == 1 else ""
    if "" in items:
        return items[""], labels[""], kind, None if listed is None else _codes(path, listed, len(items[""]))
    if "train" not in items:
        raise HarnessError(must(f"the splits of {path}", "have training items", sorted(items)))
    if listed is not None:
        raise HarnessError(f"{path} gives `split` beside items by split: leave one of them out")
    order = [split for split in SPLITS if split in items]
    for what, arrays in (("items", items), ("labels", labels)):
        shapes = {split: arrays[split].shape[1:] for split in order}
        if len(set(shapes.values())) > 1:
            raise HarnessError(must(f"the {what} of {path}", "be of one shape in all splits", shapes))
    for split in order:
        if items[split].ndim < 2 or len(items[split]) == 0:
            raise HarnessError(must(f"the {split} items of {path}", "be at least one item", items[split].shape))
        if len(labels[split]) != len(items[split]):
            rule = f"be one for each of {len(items[split])} items"
            raise HarnessError(must(f"the {split} labels of {path}", rule, labels[split].shape))
    codes = np.concatenate([np.full(len(items[split]), SPLITS.index(split), dtype=np.int64) for split in order])
    return (
        np.concatenate([items[split] for split in order]),
        np.concatenate([labels[split] for split in order]),
        kind,
        to_cut(codes),
    )


def _put(path: Path, into: dict[str, AnyArray], split: str, array: AnyArray, name: str) -> None:
    if split in into:
        raise HarnessError(f"{path}: `{name}` is there under another name, too; leave one of them out")
    into[split] = array


def _codes(path: Path, listed: AnyArray, items: int) -> IntArray:
    """Return the splits that texts name: (n,) int64."""
    if listed.shape != (items,) or listed.dtype.kind not in "US":
        raise HarnessError(must(f"split of {path}", f"be a text for each of {items} items", listed.shape))
    texts = [
        str(text).lower()
        for text in (np.char.decode(listed, "utf-8", "replace") if listed.dtype.kind == "S" else listed)
    ]
    for text in dict.fromkeys(texts):
        if text not in SPLIT_NAMES:
            raise HarnessError(f"{path}: {unknown('split', text, SPLIT_NAMES)}")
    return to_cut(np.array([SPLITS.index(SPLIT_NAMES[text]) for text in texts], dtype=np.int64))


def to_cut(codes: IntArray) -> IntArray:
    """Return the splits, with the training items free where another split is to be cut from them."""
    whole = all(code in codes for code in range(len(SPLITS)))
    return codes if whole else np.where(codes == TRAIN, GIVEN_NOWHERE, codes)
