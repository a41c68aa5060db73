"""Fashion-MNIST from the four official idx files, gzip or raw.

Xiao, Rasul & Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms",
arXiv:1708.07747; the layout is that of MNIST: big-endian magic number, sizes, bytes.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import HarnessError
from harness.training.data.dataset import Dataset
from harness.training.data.official import OfficialFile, check, folder_of, listing

IMAGES, LABELS = 0x0803, 0x0801
VALID_SHARE = 6
"""One training image in so many, the last ones, is kept for validation: 10,000 of 60,000."""

FILES = (
    OfficialFile(
        "train-images-idx3-ubyte", 47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    OfficialFile("train-labels-idx1-ubyte", 60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    OfficialFile(
        "t10k-images-idx3-ubyte", 7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    OfficialFile("t10k-labels-idx1-ubyte", 10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
)
_REMEDY = (
    "Put these four files into one folder, raw or with gzip as NAME.gz (sizes and sha256 are of the unpacked data), "
    f"and name the folder:\n{listing(FILES)}"
)


def fashion_mnist(*, folder: Path | None = None, official: bool = True) -> Dataset:
    """Read Fashion-MNIST: the first 50,000 training images train, the last 10,000 validate, 10,000 test.

    Mean and standard deviation are those of the 60,000 training images.

    Parameters
    ----------
    folder : Path
        With the four files.
    official : bool
        Whether the files must be the published ones, by size and SHA-256; else any whole idx files will do.

    Raises
    ------
    HarnessError
        If a file is missing, truncated or not what it should be.
    """
    folder = folder_of("fashion-mnist", folder, _REMEDY)
    arrays = [_read(folder, file, official) for file in FILES]
    images, labels, test_images, test_labels = arrays
    train = len(labels) - len(labels) // VALID_SHARE
    return Dataset(
        name="fashion-mnist",
        images={"train": images[:train], "valid": images[train:], "test": test_images},
        labels={"train": labels[:train], "valid": labels[train:], "test": test_labels},
        classes=10,
        mean=np.array([72.94], dtype=np.float32),
        std=np.array([90.02], dtype=np.float32),
        flip=True,
        padding=4,
        description=f"Fashion-MNIST; first {train:,} training images train, the last {len(labels) - train:,} validate"
        + ("" if official else "; not checked to be the official files"),
    )


def _read(folder: Path, expected: OfficialFile, official: bool) -> npt.NDArray[Any]:
    """Return (n, 1, 28, 28) uint8 images or (n,) int64 labels of a file."""
    path, content = _content(folder, expected)
    is_images = "idx3" in expected.name
    magic, dimensions = (IMAGES, 3) if is_images else (LABELS, 1)
    header = 4 * (1 + dimensions)
    if len(content) < header:
        raise HarnessError(f"{path} is truncated: {len(content)} bytes, its header alone has {header}")
    tag, *shape = struct.unpack(f">{1 + dimensions}i", content[:header])
    if tag != magic:
        raise HarnessError(f"{path} is no idx file of {'images' if is_images else 'labels'}: it starts with "
                           f"{tag & 0xFFFFFFFF:#010x}, expected {magic:#010x}")  # fmt: skip
    if official:
        check(path, content, expected)
    if len(content) - header != np.prod(shape, dtype=np.int64):
        raise HarnessError(f"{path} is truncated or damaged: {len(content) - header:,} bytes for the shape {shape}")
    array = np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape).copy()
    return array[:, None] if is_images else array.astype(np.int64)


def _content(folder: Path, expected: OfficialFile) -> tuple[Path, bytes]:
    raw, packed = folder / expected.name, folder / f"{expected.name}.gz"
    if raw.is_file():
        return raw, raw.read_bytes()
    if not packed.is_file():
        raise HarnessError(f"'fashion-mnist': there is neither {raw} nor {packed.name}. {_REMEDY}")
    try:
        return packed, gzip.decompress(packed.read_bytes())
    except (EOFError, OSError, zlib.error) as error:
        raise HarnessError(f"{packed} is not a whole gzip file: {error}. Copy it again.") from error
