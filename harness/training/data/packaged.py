"""Datasets that Python packages bring: the digits of scikit-learn, and MNIST-1D, generated here by ``mnist1d``.

Greydanus & Kobak, "Scaling down deep learning with MNIST-1D", ICML 2024: signals of length 40 in ten classes.  The
package can also download the dataset; that part of it is never called.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np

from harness.checks import integer, real
from harness.errors import HarnessError
from harness.seeding import mix64
from harness.training.data.dataset import SPLITS, Dataset

_DIGITS_SHA256 = "a063ecb37511664f5e4bcff9aa73c3435056d58934db8b738e4ccdc984abbf65"
_MNIST1D_SHA256 = "a6c8b9409355959e977d4be2bae008f2ab9e335c93338374e9c0c4e5933dc642"
_MNIST1D_HARD_SHA256 = "612a40f2e13af57a0c77d1363399c36f674641c34f9403ac9365c1636e50e250"
_HARD: dict[str, Any] = {"train": 4000, "valid": 2000, "test": 4000, "corr_noise": 0.75}


def digits() -> Dataset:
    """Return scikit-learn's handwritten digits, 8 x 8: 1,097 for training, 350 for validation, 350 for the test.

    A smoke test: networks saturate on it.  The splits are cut from one fixed order (a hash of the image's index),
    because the file is ordered by writer.

    Raises
    ------
    HarnessError
        If scikit-learn is missing or brings other images.
    """
    try:
        from sklearn.datasets import load_digits  # here, so that other datasets work without scikit-learn
    except ImportError as error:
        raise HarnessError("'digits' needs the package scikit-learn; elsewhere, use an exported .npz file") from error
    bunch = load_digits()
    order = np.argsort(mix64(np.arange(len(bunch.target))))
    images = np.ascontiguousarray(bunch.images[order][:, None], dtype=np.uint8)
    labels = bunch.target[order].astype(np.int64)
    cut = {"train": slice(1097), "valid": slice(1097, 1447), "test": slice(1447, None)}
    dataset = Dataset(
        name="digits",
        images={split: images[rows] for split, rows in cut.items()},
        labels={split: labels[rows] for split, rows in cut.items()},
        classes=10,
        mean=np.array([4.884], dtype=np.float32),
        std=np.array([6.017], dtype=np.float32),
        description="scikit-learn digits, 1,097 / 350 / 350 in a fixed order (own split); test images seen by nobody",
    )
    if dataset.sha256 != _DIGITS_SHA256:
        raise HarnessError(f"scikit-learn brings other digits: sha256 {dataset.sha256}, expected {_DIGITS_SHA256}")
    return dataset


def mnist1d_default() -> Dataset:
    """Return the default of MNIST-1D: 4,000 signals cut into 3,000 + 1,000 for validation, and 1,000 for the test.

    Raises
    ------
    HarnessError
        If the package is missing or generates other signals than it did for the tables that were made with it.
    """
    return _known(mnist1d(name="mnist1d"), _MNIST1D_SHA256)


def mnist1d_hard(*, share: float = 1.0) -> Dataset:
    """Return MNIST-1D as the micro table has it: three times the smooth noise, so that good cells are told apart.

    4,000 signals train, 2,000 validate, 4,000 test.

    Parameters
    ----------
    share : float
        Of the signals that train: the first so many of them, in (0, 1]; validation and test stay whole.

    Raises
    ------
    HarnessError
        As for `mnist1d_default`.
    """
    real("share", share, low=0.0, high=1.0, open_low=True)
    whole = _known(mnist1d(name="mnist1d-hard", **_HARD), _MNIST1D_HARD_SHA256)
    if share == 1.0:
        return whole
    kept = max(1, round(share * len(whole.labels["train"])))
    return replace(
        whole,
        name=f"mnist1d-hard, {kept:,} signals",
        images={**whole.images, "train": np.ascontiguousarray(whole.images["train"][:kept])},
        labels={**whole.labels, "train": whole.labels["train"][:kept].copy()},
        description=f"{whole.description}; the first {kept:,} signals train",
    )


def mnist1d(
    *,
    train: int = 3000,
    valid: int = 1000,
    test: int = 1000,
    corr_noise: float = 0.25,
    iid_noise: float = 0.02,
    shear: float = 0.75,
    scale: float = 0.4,
    translation: int = 48,
    seed: int = 42,
    name: str = "",
) -> Dataset:
    """Generate a variant of MNIST-1D; the default values are the package's own.

    Equal arguments give equal arrays; other numbers of signals give other signals, because the generator normalises all
    of them together.

    Parameters
    ----------
    train, valid, test : int
        Signals in each split, cut in this order from the generator's shuffled output.
    corr_noise, iid_noise : float
        Standard deviations of the smooth noise around the pattern and of the white noise on the whole signal.
    shear, scale : float
        Ranges of the random slope and of the random amplitude.
    translation : int
        Range of the random shift, in samples before the signal is cut to length 40.
    seed : int
        Of the generator.
    name : str
        Of the dataset; by default the arguments are spelt out.

    Raises
    ------
    HarnessError
        If an argument is out of range or the package is missing.
    """
    sizes = {"train": train, "valid": valid, "test": test}
    for split, size in sizes.items():
        integer(split, size, low=1)
    changed = {
        "num_samples": -(-sum(sizes.values()) // 10) * 10,
        "corr_noise_scale": real("corr_noise", corr_noise, low=0.0),
        "iid_noise_scale": real("iid_noise", iid_noise, low=0.0),
        "shear_scale": real("shear", shear, low=0.0),
        "scale_coeff": real("scale", scale, low=0.0),
        "max_translation": integer("translation", translation, low=1, high=48),
        "seed": integer("seed", seed, low=0, high=2**32 - 1),
    }
    signals, labels = _generate(changed)
    ends = np.cumsum(list(sizes.values()))
    cuts = {split: slice(end - sizes[split], end) for split, end in zip(SPLITS, ends, strict=True)}
    spelt = ", ".join(f"{key}={value:g}" for key, value in changed.items())
    return Dataset(
        name=name or f"mnist1d({train}/{valid}/{test}, {spelt})",
        images={split: np.ascontiguousarray(signals[rows]) for split, rows in cuts.items()},
        labels={split: labels[rows] for split, rows in cuts.items()},
        classes=10,
        mean=np.zeros(1, dtype=np.float32),
        std=np.ones(1, dtype=np.float32),
        description=f"generated by mnist1d {version('mnist1d')} with {spelt}, cut into {train} / {valid} / {test}",
    )


def _generate(changed: dict[str, Any]) -> tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, Any]]:
    """Return (n, 1, 1, 40) float32 signals and (n,) int64 labels."""
    try:
        from mnist1d import data  # here: it imports scipy and matplotlib, and bare machines have none of them
    except ImportError as error:
        raise HarnessError("MNIST-1D needs the package mnist1d; elsewhere, use an exported .npz file") from error
    arguments = data.get_dataset_args()
    for key, value in changed.items():
        setattr(arguments, key, value)
    with _global_generators_kept():
        made = data.make_dataset(arguments)
    signals = np.concatenate([made["x"], made["x_test"]]).astype(np.float32)
    return signals[:, None, None], np.concatenate([made["y"], made["y_test"]]).astype(np.int64)


@contextmanager
def _global_generators_kept() -> Iterator[None]:
    """Give back the global generators as they were: the package seeds and draws from them."""
    legacy, plain = np.random.get_state(), random.getstate()  # noqa: NPY002 - the package knows no other
    try:
        yield
    finally:
        np.random.set_state(legacy)  # noqa: NPY002 - as above
        random.setstate(plain)


def _known(dataset: Dataset, sha256: str) -> Dataset:
    if dataset.sha256 != sha256:
        raise HarnessError(
            f"the package mnist1d {version('mnist1d')} with numpy {np.__version__} generates other signals for "
            f"'{dataset.name}': sha256 {dataset.sha256}, expected {sha256}. Install the versions of constraints.txt, "
            "or use a dataset exported where they are installed."
        )
    return dataset
