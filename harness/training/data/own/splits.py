"""Splits of one's own items into training, validation and test: made once, and kept with their digest.

Equal items are never in two splits.  Which split an item comes into depends on its content, on the seed and on the
other items of its class, not on the order of the items: in each class the items that come first by a hash test, the
next validate, the rest train.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.checks import IntArray, integer, real
from harness.errors import HarnessError, must
from harness.files.reading import read_json
from harness.files.whole import home_folder, replacing
from harness.training.data.dataset import SPLITS
from harness.training.data.own.items import AnyArray

SUFFIX = ".splits.json"
_FORMAT = "splits of a dataset, 1"
TRAIN, VALID, TEST = range(3)
GIVEN_NOWHERE = -1
"""The split of an item that none is given for."""


@dataclass(frozen=True)
class Shares:
    """How items are split for which nothing is given.

    Attributes
    ----------
    valid, test : float
        Shares of each class, in (0, 1), together below 1.
    seed : int
    """

    valid: float = 0.2
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("valid", "test"):
            real(name, getattr(self, name), low=0.0, high=0.9, open_low=True)
        if self.valid + self.test >= 0.95:
            raise HarnessError(must("valid + test", "leave items to train: be below 0.95", self.valid + self.test))
        integer("seed", self.seed, low=0)


def fingerprints(items: AnyArray, seed: int = 0) -> npt.NDArray[np.void]:
    """Return 16 bytes for each item, equal for equal ones: (n,)."""
    key = str(seed).encode()
    whole = b"".join(hashlib.blake2b(item.tobytes(), digest_size=16, key=key).digest() for item in items)
    return np.frombuffer(whole, dtype="V16")


def sha256_of(items: AnyArray, labels: IntArray, names: Sequence[str]) -> str:
    """Return the SHA-256 of items and their classes, hexadecimal."""
    digest = hashlib.sha256(json.dumps(list(names)).encode())
    for array in (items, labels):
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def made(items: AnyArray, labels: IntArray, names: Sequence[str], given: IntArray, shares: Shares) -> IntArray:
    """Split items, class by class.

    Parameters
    ----------
    items : (n, C, H, W)
    labels : (n,) int64
    names : sequence of str
        Of the classes.
    given : (n,) int64
        Index into `SPLITS` of the items whose split is known, `GIVEN_NOWHERE` of the others, from which the splits are
        cut that nothing is given for.
    shares : Shares

    Returns
    -------
    (n,) int64
        Index into `SPLITS`.

    Raises
    ------
    HarnessError
        If a class has too few different items for all splits.
    """
    splits = given.copy()
    _, first, group = np.unique(fingerprints(items, shares.seed), return_index=True, return_inverse=True)
    cut = [(split, share) for split, share in ((TEST, shares.test), (VALID, shares.valid)) if split not in given]
    for label, name in enumerate(names):
        free = np.flatnonzero((labels[first[group]] == label) & (given == GIVEN_NOWHERE))
        if not len(free):
            continue
        free = free[np.argsort(group[free], kind="stable")]  # in the order of hashes, equal items together
        starts = np.unique(group[free], return_index=True)[1]
        ends = np.append(starts[1:], len(free))
        if len(starts) <= len(cut):
            rule = f"have at least {len(cut) + 1} different items, one for each split to make"
            raise HarnessError(must(f"class '{name}'", rule, len(starts)))
        begin = 0
        for place, (split, share) in enumerate(cut):
            end, most = begin + 1, len(starts) - (len(cut) - place)  # of the rest, each later split gets some
            while end < most and ends[end - 1] - starts[begin] < round(share * len(free)):
                end += 1
            splits[free[starts[begin] : ends[end - 1]]] = split
            begin = end
        splits[free[starts[begin] :]] = TRAIN
    return splits


def kept(
    where: Path | None, items: AnyArray, labels: IntArray, names: Sequence[str], given: IntArray, shares: Shares
) -> IntArray:
    """Return the splits that are kept of these items, making and keeping them where there are none.

    Parameters
    ----------
    where : Path or None
        File to keep them in, beside the data; where nothing can be written there, the user's folder of this program is
        taken.  None to keep nothing: what is made of equal items is equal.
    items, labels, names, given, shares
        As for `made`.

    Raises
    ------
    HarnessError
        If the splits that are kept are of other items or other shares, or their file is damaged.
    """
    if where is None:
        return made(items, labels, names, given, shares)
    sha256 = sha256_of(items, labels, names)
    asked = {"valid": shares.valid, "test": shares.test, "seed": shares.seed}
    elsewhere = home_folder() / "splits" / f"{where.name.removesuffix(SUFFIX)}-{sha256[:16]}{SUFFIX}"
    for path in (where, elsewhere):
        if path.is_file():
            return _read(path, sha256, asked, len(labels))
    splits = made(items, labels, names, given, shares)
    about = {
        "format": _FORMAT,
        "data_sha256": sha256,
        **asked,
        "sizes": {name: int((splits == code).sum()) for code, name in enumerate(SPLITS)},
        "splits": "".join(map(str, splits.tolist())),
    }
    text = json.dumps(about | {"sha256": _digest(about["splits"], sha256)}, indent=1) + "\n"
    for path in (where, elsewhere):
        try:
            with replacing(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
            return splits
        except OSError as error:
            refusal = error
    raise HarnessError(f"splits can be kept neither beside the data nor in the user's folder: {refusal}") from refusal


def _digest(splits: object, data_sha256: str) -> str:
    return hashlib.sha256(f"{data_sha256} {splits}".encode()).hexdigest()


def _read(path: Path, sha256: str, asked: dict[str, float], count: int) -> IntArray:
    about = read_json(path, remedy="remove it, and splits are made anew")
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise HarnessError(f"{path} is no file of splits; remove it, and splits are made anew")
    if about.get("data_sha256") != sha256:
        raise HarnessError(
            f"{path} splits other items than there are now (sha256 {str(about.get('data_sha256'))[:12]}…, now "
            f"{sha256[:12]}…): the data changed since. Bring them back, or remove the file and split anew; "
            "results that were made before are of the data before"
        )
    other = {key: about.get(key) for key in asked}
    if other != asked:
        raise HarnessError(
            f"{path} was made with {_words(other)}, and {_words(asked)} is asked for: leave these options as they "
            "were, or remove the file and split anew"
        )
    text = str(about.get("splits"))
    if len(text) != count or set(text) - set("012") or about.get("sha256") != _digest(text, sha256):
        raise HarnessError(
            f"{path} is damaged: its digest is not that of its splits; remove it, and they are made anew"
        )
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64) - ord("0")


def _words(options: dict[str, object] | dict[str, float]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in options.items())
