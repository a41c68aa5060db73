"""The trainings of a live benchmark: kept in a growing table, made when they are asked for, many side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmarks_data.grown import Grown, Rows, joined
from benchmarks_data.live.entries import Live, Offer
from benchmarks_data.live.predictions import Predictions
from harness.checks import Archs, FloatArray, IntArray, UInt64Array
from harness.errors import HarnessError, TableError
from harness.files.whole import home_folder
from harness.space import SearchSpace
from harness.spaces import named
from harness.spaces.enumerated import EnumeratedSpace
from harness.training.curves import DIVERGED, OK, STATUS, Curves
from harness.training.recipe import TrainingSetup

if TYPE_CHECKING:
    from harness.training.data.dataset import Dataset

TOLD = ("valid_accuracy", "train_accuracy", "params_m", "macs_m")
HELD_OUT = ("test_accuracy",)
AT_ONCE = {"cpu": 16, "cuda": 512}
"""Trainings that are made before they are kept: what a kill loses."""
_BACKWARD = 3
"""Multiply-adds of a training step in those of a forward pass: the backward pass takes twice as many."""


class Trained:
    """What a live benchmark has trained, and its training.

    A row of the growing table is an architecture after one epoch of one training with one seed.  What has the same
    functional key is one architecture where the space can name it by its first coding, as tables do; elsewhere each
    coding is one.  What a lower epoch asks for is trained up to that epoch and, when a later one is asked for, again
    from the beginning, with the same start and batches.

    Parameters
    ----------
    live : Live
    folder : Path, optional
        Of the growing table; the default is in the folder of everything that is kept between runs.
    """

    def __init__(self, live: Live, folder: Path | None = None) -> None:
        self.live = live
        self.space: SearchSpace = named.space(live.space)
        bare = live.name.replace("@", "-")
        self.folder = folder or home_folder() / "live" / f"{bare}-{live.digest[:16]}"
        self._training_of = np.array(live.training_of)
        self._epochs = np.array([fidelity.epoch for fidelity in live.fidelities])

    @cached_property
    def grown(self) -> Grown:
        """The growing table."""
        return Grown(self.folder, self.live.facts, TOLD, HELD_OUT)

    @property
    def predictions(self) -> Predictions:
        """What its full networks predict."""
        return Predictions(self.folder / "predictions")

    def canonical(self, archs: Archs) -> tuple[Archs, UInt64Array]:
        """Return the architectures that are trained for others, (n, L), and their keys, (n,)."""
        if isinstance(self.space, EnumeratedSpace):
            keys = self.space.key(archs, "functional")
            return self.space.decode(keys), keys
        return archs.astype(self.space.dtype), self.space.key(archs, "exact")

    def values(self, archs: Archs, fidelities: IntArray, seeds: IntArray) -> FloatArray:
        """Return what is told, trained now where it is missing.

        Parameters
        ----------
        archs : (n, L) integers
        fidelities, seeds : (n,) int64

        Returns
        -------
        (n, 4) float64
            Columns of `TOLD`; accuracies of a failed training are NaN.
        """
        trained_as, keys = self.canonical(archs)

        def make(places: IntArray) -> Rows:
            return self._make(trained_as[places], keys[places], fidelities[places], seeds[places])

        self.grown.fetch(keys, fidelities, seeds, make, at_once=AT_ONCE[self.live.device])
        return self.grown.get(keys, fidelities, seeds)[1]

    def seconds(self, macs_m: FloatArray, fidelities: IntArray) -> FloatArray:
        """Return simulated seconds of trainings from scratch: millions of multiply-adds (n,), (n,) to (n,)."""
        items = np.array([offer.items for offer in self.live.trainings], dtype=np.float64)
        passes = items[self._training_of[fidelities]] * self._epochs[fidelities]
        return np.asarray(_BACKWARD * 1e6 * macs_m * passes / self.live.multiply_adds_per_second)

    def costs(self, archs: Archs) -> dict[str, FloatArray]:
        """Return parameters and multiply-adds of the full networks in millions, in closed form: (n, L) to (n,) each."""
        return self._costs(archs, self.live.full)

    def known(self, archs: Archs) -> dict[str, FloatArray]:
        """Return what full trainings of architectures cost, as the ones that are trained for them: (n, L) to (n,) each.

        Columns ``params_m``, ``macs_m`` and ``train_seconds``, which is simulated.
        """
        costs = self.costs(self.canonical(archs)[0])
        full = np.full(len(archs), len(self.live.fidelities) - 1)
        return costs | {"train_seconds": self.seconds(costs["macs_m"], full)}

    def _costs(self, archs: Archs, offer: Offer) -> dict[str, FloatArray]:
        from harness.training import data, networks  # brings torch

        setup = offer.setup
        shape, classes = data.shape_of(setup.dataset, **setup.dataset_options)
        return dict(networks.cost(setup.network, archs, setup.load_recipe(), shape, classes).millions())

    def _make(self, archs: Archs, keys: UInt64Array, fidelities: IntArray, seeds: IntArray) -> Rows:
        """Train rows, each up to its highest epoch: rows of all epochs up to it."""
        highest: dict[tuple[int, int, int], int] = {}
        for row, (key, fidelity, seed) in enumerate(
            zip(keys.tolist(), fidelities.tolist(), seeds.tolist(), strict=True)
        ):
            name = (key, int(self._training_of[fidelity]), seed)
            if name not in highest or fidelities[highest[name]] < fidelity:
                highest[name] = row
        chosen = np.array(sorted(highest.values()))
        parts = [
            self._train(archs[same], keys[same], int(fidelity), seeds[same])
            for fidelity in np.unique(fidelities[chosen])
            for same in [chosen[fidelities[chosen] == fidelity]]
        ]
        return joined(parts)

    def _train(self, archs: Archs, keys: UInt64Array, fidelity: int, seeds: IntArray) -> Rows:
        """Train architectures, one seed each, up to a fidelity."""
        from harness.training.trainer import train  # brings torch

        place = self.live.training_of[fidelity]
        offer, first = self.live.trainings[place], self.live.training_of.index(place)
        epochs = int(self._epochs[fidelity])
        setup, dataset, device = offer.setup, load(offer), self.live.device
        recipe = setup.load_recipe()

        def keep(row: int, tensors: object, predicted: Mapping[str, npt.NDArray[np.float32]]) -> None:
            self.predictions.keep(int(keys[row]), int(seeds[row]), predicted, dataset.labels)

        curves = train(
            archs, seeds, recipe, dataset, device, network=setup.network, level=self.live.level, paired=True,
            epochs=epochs, on_trained=keep if offer is self.live.full else None,
        )  # fmt: skip
        return _rows(curves, archs, keys, first, epochs, self._costs(archs, offer))


def _rows(
    curves: Curves, archs: Archs, keys: UInt64Array, first: int, epochs: int, costs: dict[str, FloatArray]
) -> Rows:
    """Return the epochs of trainings as rows: epoch 1 of all, epoch 2 of all, ...; the last has the real seconds."""
    n = len(archs)
    status, diverged = curves.status[:, 0], curves.diverged_epoch[:, 0]
    reasons: list[str] = []
    values, held_out = [], []
    for epoch in range(epochs):
        told = [curves.valid_accuracy[:, 0, epoch], curves.train_accuracy[:, 0, epoch], *costs.values()]
        values.append(np.stack(told, axis=1))
        is_last = epoch + 1 == curves.valid_accuracy.shape[2]
        held_out.append(curves.test_accuracy if is_last else np.full((n, 1), np.nan))
        for code, at in zip(status.tolist(), diverged.tolist(), strict=True):
            if code == DIVERGED and at <= epoch:
                reasons.append(f"diverged in epoch {at + 1}")
            else:
                reasons.append("" if code in (OK, DIVERGED) else STATUS[code])
    seconds = np.zeros((epochs, n))
    seconds[-1] = curves.seconds[:, 0]
    return Rows(
        np.tile(keys, epochs),
        np.tile(archs, (epochs, 1)),
        np.repeat(np.arange(first, first + epochs), n),
        np.tile(curves.seeds, epochs),
        np.concatenate(values),
        np.concatenate(held_out),
        tuple(reasons),
        seconds.reshape(-1),
    )


def load(offer: Offer) -> Dataset:
    """Return the dataset of a training, made once in a process.

    Raises
    ------
    TableError
        If it is not of the size that was declared.
    HarnessError
        If files of the user's are missing.
    """
    setup = offer.setup
    dataset = _load(json.dumps(setup.as_dict(), sort_keys=True))
    if (items := len(dataset.labels["train"])) != offer.items:
        raise TableError(f"the dataset {setup.dataset} must have {offer.items} training items, got {items}")
    if not len(dataset.labels["valid"]):
        raise HarnessError(f"the dataset {setup.dataset} must have validation items: strategies are told nothing else")
    return dataset


@cache
def _load(setup: str) -> Dataset:
    from harness.training import data

    return data.of(TrainingSetup.from_dict(json.loads(setup)))
