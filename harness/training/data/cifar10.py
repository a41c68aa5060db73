"""CIFAR-10 from the official python or binary batches, with the splits of NAS-Bench-201.

Krizhevsky, "Learning multiple layers of features from tiny images", 2009; Dong & Yang, "NAS-Bench-201", ICLR 2020.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import IntArray, choice
from harness.errors import HarnessError, must
from harness.seeding import mix64
from harness.training.data.dataset import Dataset
from harness.training.data.official import OfficialFile, check, folder_of, listing

Records = npt.NDArray[np.uint8]
"""(n, 3073): a label byte and the red, green and blue planes of 32 x 32, row by row."""

RECORD = 3073
FILES = tuple(
    OfficialFile(f"{name}.bin", 30_730_000, sha256)
    for name, sha256 in (
        ("data_batch_1", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
        ("data_batch_2", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
        ("data_batch_3", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
        ("data_batch_4", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
        ("data_batch_5", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
        ("test_batch", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
    )
)
SPLIT_FILE = OfficialFile(
    "cifar-split.txt", 438_970, "986da6174822048d4c5a25ee8ebdb7e754cd5372b51c633ffd4898ace8db9e32"
)
_REMEDY = (
    "Put the six files of CIFAR-10's official archive into one folder and name it: either the binary batches below, or "
    "the python batches (the same names without .bin; the sha256 is then of the records inside, laid out as in the "
    f"binary file). {SPLIT_FILE.name} of NAS-Bench-201 beside them is used if it is there (sha256 {SPLIT_FILE.sha256})."
    f"\n{listing(FILES)}"
)


def cifar10(*, folder: Path | None = None, protocol: str = "25k", official: bool = True) -> Dataset:
    """Read CIFAR-10.

    Parameters
    ----------
    folder : Path
        With the python or the binary batches.
    protocol : {"25k", "50k"}
        ``"25k"`` trains on one half of the training images and validates on the other, as NAS-Bench-201's
        ``cifar10-valid``; ``"50k"`` trains on all of them and has no validation images.  The 10,000 test images are the
        same.
    official : bool
        Whether every batch must be the published one, by size and SHA-256; else any whole records will do.

    Raises
    ------
    HarnessError
        If a file is missing, truncated or not what it should be, or a pickle names more than the format needs.
    """
    choice("protocol", protocol, ("25k", "50k"))
    folder = folder_of("cifar10", folder, _REMEDY)
    *batches, test = (_read(folder, file, official) for file in FILES)
    records = np.concatenate(batches)
    train, valid, split = np.arange(len(records)), np.arange(0), "all 50,000 training images, no validation"
    if protocol == "25k":
        train, valid, split = _split(folder, records[:, 0].astype(np.int64))
    parts = {"train": records[train], "valid": records[valid], "test": test}
    return Dataset(
        name="cifar10" if protocol == "25k" else "cifar10-50k",
        images={key: np.ascontiguousarray(part[:, 1:]).reshape(-1, 3, 32, 32) for key, part in parts.items()},
        labels={key: part[:, 0].astype(np.int64) for key, part in parts.items()},
        classes=10,
        mean=np.array([125.3, 123.0, 113.9], dtype=np.float32),
        std=np.array([63.0, 62.1, 66.7], dtype=np.float32),
        flip=True,
        padding=4,
        description=f"CIFAR-10, {split}" + ("" if official else "; not checked to be the official files"),
    )


def _read(folder: Path, expected: OfficialFile, official: bool) -> Records:
    """Return the records of a batch, from whichever of the two layouts is there."""
    binary, python = folder / expected.name, folder / expected.name.removesuffix(".bin")
    if binary.is_file():
        path, content = binary, binary.read_bytes()
    elif python.is_file():
        path, content = python, _from_pickle(python).tobytes()
    else:
        raise HarnessError(f"'cifar10': there is neither {binary} nor {python.name}. {_REMEDY}")
    if official:
        check(path, content, expected)
    if not content or len(content) % RECORD:
        raise HarnessError(f"{path} is truncated: {len(content):,} bytes are no whole records of {RECORD:,}")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, RECORD)
    if records[:, 0].max() > 9:
        raise HarnessError(f"{path} is no batch of CIFAR-10: it has the label {records[:, 0].max()}, the last one is 9")
    return records


class _Uint8:
    """Stands for ``numpy.dtype``; numpy's own takes flags on trust, with which a pickle could read any address."""

    def __init__(self, code: Any, *_: object) -> None:
        if code not in ("u1", b"u1"):
            raise HarnessError(must("the type of a batch's data", "be 'u1'", code))

    def __setstate__(self, state: Any) -> None:
        """Ignore the byte order: a byte has none."""


class _Images:
    """Stands for ``numpy.ndarray`` and what makes one."""

    values: Records

    def __init__(self, *_: object) -> None:
        """Begin empty, whatever the pickle says of the beginning."""

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, content = state
        if not isinstance(kind, _Uint8) or not isinstance(content, bytes):
            raise HarnessError("its data are no bytes")
        self.values = np.frombuffer(content, dtype=np.uint8).reshape(shape, order="F" if fortran else "C")


def _encode(text: Any, encoding: Any) -> bytes:
    """Stand for ``_codecs.encode``, by which Python 3 writes bytes in protocol 2."""
    if encoding != "latin1":
        raise HarnessError(must("the encoding of bytes", "be latin1", encoding))
    return bytes(text, encoding)


_GLOBALS = {
    "numpy._core.multiarray._reconstruct": _Images,
    "numpy.ndarray": _Images,
    "numpy.dtype": _Uint8,
    "_codecs.encode": _encode,
}
"""All that a pickled batch names: how numpy 1 and 2 write an array, and how Python 3 writes bytes."""


class _Batch(pickle.Unpickler):
    """An unpickler that knows only what a batch is made of."""

    def find_class(self, module: str, name: str) -> Any:
        """Resolve a listed global; numpy 1 wrote `numpy.core` for what is `numpy._core` today."""
        if module == "numpy.core" or module.startswith("numpy.core."):
            module = "numpy._core" + module.removeprefix("numpy.core")
        if f"{module}.{name}" not in _GLOBALS:
            raise HarnessError(f"the pickle names the global '{module}.{name}', which a CIFAR batch does not use")
        return _GLOBALS[f"{module}.{name}"]


def _from_pickle(path: Path) -> Records:
    """Return the records of a python batch: a dict of b"data" (n, 3072) uint8 and b"labels", n integers."""
    try:
        with path.open("rb") as file:
            batch = _Batch(file, encoding="bytes").load()
        data, labels = batch[b"data"].values, batch[b"labels"]
        if data.ndim != 2 or data.shape[1] != RECORD - 1:
            raise HarnessError(f"its data are of shape {data.shape}, expected (n, {RECORD - 1})")
        if len(labels) != len(data) or not all(type(label) is int and 0 <= label <= 9 for label in labels):
            raise HarnessError(f"its labels are not {len(data)} integers from 0 to 9")
    except HarnessError as error:
        raise HarnessError(f"{path} was not read: {error}") from None
    except Exception as error:  # damaged bytes can raise nearly anything from the unpickler
        raise HarnessError(f"{path} is not a whole python batch: {type(error).__name__}: {error}") from error
    return np.concatenate([np.array(labels, dtype=np.uint8)[:, None], data], axis=1)


def _split(folder: Path, labels: IntArray) -> tuple[IntArray, IntArray, str]:
    """Return the indices that train and validate, ascending, and what to call the split."""
    path = folder / SPLIT_FILE.name
    if path.is_file():
        return _official_split(path, len(labels))
    order = np.argsort(mix64(np.arange(len(labels))))
    by_class = [order[labels[order] == label] for label in range(10)]
    train = np.sort(np.concatenate([rows[: len(rows) // 2] for rows in by_class]))
    valid = np.setdiff1d(np.arange(len(labels)), train)
    return train, valid, f"own split: half of each class trains, {SPLIT_FILE.name} was not there"


def _official_split(path: Path, count: int) -> tuple[IntArray, IntArray, str]:
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != SPLIT_FILE.sha256:
        raise HarnessError(
            f"{path} is not NAS-Bench-201's: its sha256 is {sha256}, expected {SPLIT_FILE.sha256}. "
            "Replace it, or remove it to use a split of our own."
        )
    parsed = {key: np.array(value[1], dtype=np.int64) for key, value in json.loads(content).items()}
    train, valid = parsed["train"], parsed["valid"]
    if not np.array_equal(np.sort(np.concatenate([train, valid])), np.arange(count)):
        raise HarnessError(f"{path} splits {len(train) + len(valid):,} images, the batches have {count:,}")
    return train, valid, "split of NAS-Bench-201"
