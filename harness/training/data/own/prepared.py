"""The dataset that is made of one's own items and labels: checked, split, padded, measured, and told what is odd."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.checks import IntArray, boolean, integer
from harness.errors import HarnessError
from harness.printable import counted
from harness.training.data.dataset import SPLITS, Dataset
from harness.training.data.own import splits as own_splits
from harness.training.data.own.items import AnyArray, arranged, checked_labels, checked_values, numbered, padded, sides
from harness.training.data.own.splits import GIVEN_NOWHERE, TEST, TRAIN, VALID, Shares

UNEVEN = 3
"""Times that the largest class has to have the items of the smallest for this to be told."""
_NAMED = 5
"""Classes that a sentence names."""
_WHERE = {TRAIN: "training", VALID: "validation", TEST: "test"}


def prepare(
    items: AnyArray,
    labels: AnyArray,
    *,
    name: str,
    given: IntArray | None = None,
    layout: str = "",
    shape: Sequence[int] = (),
    kind: str = "",
    valid: float = Shares.valid,
    test: float = Shares.test,
    seed: int = Shares.seed,
    flip: bool = False,
    padding: int = 0,
    what: tuple[str, str] = ("items", "labels"),
    keep_in: Path | None = None,
) -> Dataset:
    """Make a dataset of items and labels.

    Parameters
    ----------
    items : (n, ...) numbers
        Images or signals; see `harness.training.data.own.items.arranged`.
    labels : (n,) integers or text
        Any classes; they are numbered in ascending order of their names.
    name : str
        Of the dataset, for people.
    given : (n,) int64, optional
        See `harness.training.data.own.splits.made`.
    layout : str
        Of the axes of `items`, where their shape does not tell.
    shape : sequence of int
        Of an item, for items that are flat rows.
    kind : {"", "images", "signals"}
        What the data call the items.
    valid, test, seed
        See `harness.training.data.own.splits.Shares`.
    flip : bool
        Whether a recipe that augments mirrors training items at random.
    padding : int
        Zeros around a training item before a recipe that augments crops it at random.
    what : (str, str)
        What errors call items and labels.
    keep_in : Path, optional
        File of the splits.

    Raises
    ------
    HarnessError
        If something is no item, no label or no split; the message says the rule, the value and the remedy.
    """
    shares = Shares(valid, test, seed)
    boolean("flip", flip)
    integer("padding", padding, low=0, high=64)
    whole = arranged(np.asarray(items), what[0], layout=layout, shape=sides("shape", shape), kind=kind)
    whole = checked_values(whole, what[0])
    classes, names = numbered(checked_labels(labels, len(whole), what[1]), what[1])
    known = np.full(len(whole), GIVEN_NOWHERE, dtype=np.int64) if given is None else given
    split = known if GIVEN_NOWHERE not in known else own_splits.kept(keep_in, whole, classes, names, known, shares)
    _check_classes(classes, names, split)
    mean, std = _statistics(whole[split == TRAIN])
    ready = padded(whole)
    sizes = ", ".join(f"{int((split == code).sum()):,} {word}" for code, word in _WHERE.items())
    how = "splits as given"
    if GIVEN_NOWHERE in known:
        cut = " and ".join(_WHERE[code] for code in (TEST, VALID) if code not in known)
        how = f"{cut} cut, seed {seed}"
    each = " x ".join(map(str, whole.shape[1:]))
    return Dataset(
        name=name,
        images={key: np.ascontiguousarray(ready[split == code]) for code, key in enumerate(SPLITS)},
        labels={key: classes[split == code] for code, key in enumerate(SPLITS)},
        classes=len(names),
        mean=mean,
        std=std,
        flip=flip,
        padding=padding,
        description=f"{name}: {len(whole):,} items of {each} in {len(names)} classes; {sizes} ({how})",
        class_names=names,
        notes=tuple(_notes(whole, ready, classes, names, split, how)),
    )


def _check_classes(classes: IntArray, names: Sequence[str], split: IntArray) -> None:
    for code, word in _WHERE.items():
        if code not in split:
            raise HarnessError(f"there are no {word} items: each of {', '.join(SPLITS)} needs some")
    missing = sorted(set(range(len(names))) - set(classes[split == TRAIN].tolist()))
    if missing:
        raise HarnessError(
            f"no training item is of {_listed('class', [names[label] for label in missing])}, which validation or test "
            "items are of: a network cannot learn it. Leave the class out, or give it training items"
        )


def _statistics(train: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Return mean and standard deviation of each channel over training items alone: (C,) float32 each."""
    values = train.reshape(*train.shape[:2], -1)
    mean = values.mean(axis=(0, 2), dtype=np.float64)
    std = np.sqrt(np.square(values - mean[:, None]).mean(axis=(0, 2), dtype=np.float64))
    constant = np.flatnonzero(~(std > 1e-7 * np.maximum(1.0, np.abs(mean))))
    if len(constant):
        channel = int(constant[0])
        raise HarnessError(
            f"channel {channel} of {train.shape[1]} is {mean[channel]:g} everywhere in the training items: it tells "
            "nothing and cannot be normalised. Leave it out"
        )
    return mean.astype(np.float32), std.astype(np.float32)


def _notes(
    items: AnyArray, ready: AnyArray, classes: IntArray, names: Sequence[str], split: IntArray, how: str
) -> list[str]:
    """Return sentences about what people should know of the data."""
    notes = []
    if ready.shape != items.shape:
        before, after = (" x ".join(map(str, array.shape[1:])) for array in (items, ready))
        notes.append(f"items of {before} have zeros around them to {after}, so that networks can halve them twice")
    counts = np.bincount(classes, minlength=len(names))
    if counts.max() >= UNEVEN * counts.min():
        largest, smallest = int(counts.argmax()), int(counts.argmin())
        always = 100.0 * float(np.mean(classes[split == VALID] == largest))
        notes.append(
            f"classes are uneven, from {counts[largest]:,} items ('{names[largest]}') to {counts[smallest]:,} "
            f"('{names[smallest]}'): always saying '{names[largest]}' is right for {always:.1f} % of validation items"
        )
    for code in (VALID, TEST):
        lacking = [name for label, name in enumerate(names) if label not in classes[split == code]]
        if lacking:
            notes.append(f"no {_WHERE[code]} item is of {_listed('class', lacking)}: nothing is said of it there")
    return notes + _duplicates(items, classes, split) + _blank(items)


def _duplicates(items: AnyArray, classes: IntArray, split: IntArray) -> list[str]:
    """Tell equal items: those in two splits, then those of several classes."""
    _, group = np.unique(own_splits.fingerprints(items), return_inverse=True)
    notes = []
    for code, among in ((TEST, (TRAIN, VALID)), (VALID, (TRAIN,))):
        for other in among:
            shared = int(np.isin(group[split == code], group[split == other]).sum())
            if shared:
                notes.append(
                    f"leakage: {counted(shared, f'{_WHERE[code]} item')} of {int((split == code).sum()):,} "
                    f"{'is' if shared == 1 else 'are'} among the {_WHERE[other]} items too, so accuracies are too good"
                )
    pairs = np.unique(np.stack([group, classes]), axis=1)
    several = int((np.bincount(pairs[0]) > 1).sum())
    if several:
        notes.append(f"{counted(several, 'item')} {'is' if several == 1 else 'are'} there with more than one label")
    return notes


def _blank(items: AnyArray) -> list[str]:
    flat = items.reshape(len(items), -1)
    blank = int((flat.min(axis=1) == flat.max(axis=1)).sum())
    return [f"{counted(blank, 'item')} {'has' if blank == 1 else 'have'} one value everywhere"] if blank else []


def _listed(kind: str, names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return f"{kind} {shown}" if len(names) == 1 else f"{len(names)} {kind}es: {shown}"
