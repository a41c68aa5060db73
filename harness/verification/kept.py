"""Predictions and weights of networks, kept while they are trained: for the ensemble, and for use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.errors import HarnessError
from harness.files.arrays import ArraysError, read_npz
from harness.files.whole import replacing
from harness.training import networks
from harness.training.data.augment import resident
from harness.training.devices import choose_device
from harness.training.ensemble import select
from harness.training.exports import trained
from harness.training.exports.design import Design, space_of
from harness.training.exports.trained import TrainedNetwork, with_weights
from harness.verification.job import Job
from harness.verification.record import EnsembleResult

_BATCH = 1000
_SPLITS = ("valid", "test")


@dataclass(frozen=True)
class Keeper:
    """What the trainer calls with each network that it has trained.

    Attributes
    ----------
    job : Job
    device : str
    predictions : Path or None
        Folder of what they predict of validation and test items, a file for each training; None keeps none.
    weights : mapping of int to Path
        Files of those whose weights are kept.
    """

    job: Job
    device: str
    predictions: Path | None
    weights: Mapping[int, Path]

    def __call__(self, number: int, tensors: Mapping[str, Tensor]) -> None:
        """Keep a training; written whole or not at all, and the same if it is written again."""
        job = self.job
        arch, seed = job.picks[number // len(job.seeds)].arch, job.seeds[number % len(job.seeds)]
        if self.predictions is not None:
            with replacing(self._predicted(number)) as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **self._probabilities(arch, tensors))
        if number in self.weights:
            dataset = job.dataset
            design = Design(space_of(job.training.network), arch, job.recipe, dataset.shape, dataset.classes)
            trained.save(self.weights[number], TrainedNetwork.of(design, seed, dataset, tensors))

    @torch.no_grad()
    def _probabilities(self, arch: tuple[int, ...], tensors: Mapping[str, Tensor]) -> dict[str, npt.NDArray[Any]]:
        """Return probabilities (items, K) float32 of both splits, predicted in full precision."""
        job, place = self.job, choose_device(self.device)
        shape, classes = job.dataset.shape, job.dataset.classes
        module = networks.build(job.training.network, arch, job.recipe, shape, classes, seed=0)
        module = with_weights(module, tensors).to(place)
        images = resident(job.dataset, place, augment=job.recipe.augment)
        return {
            split: torch.cat(
                [
                    torch.softmax(module(images[split].plain(start, start + _BATCH)), dim=1)
                    for start in range(0, len(images[split]), _BATCH)
                ]
            )
            .cpu()
            .numpy()
            for split in _SPLITS
        }

    def _predicted(self, number: int) -> Path:
        assert self.predictions is not None, "only asked where they are kept"  # noqa: S101 - a fault of ours
        return self.predictions / f"{number}.npz"

    def ensemble(self, numbers: Collection[int]) -> EnsembleResult | None:
        """Select an ensemble of trainings; None where predictions were not kept of all of them.

        Parameters
        ----------
        numbers : collection of int
            The trainings that came to their end.
        """
        if self.predictions is None or len(numbers) < 2:
            return None
        try:
            kept = [read_npz(self._predicted(number)) for number in numbers]
            valid, test = (np.stack([arrays[split] for arrays in kept]) for split in _SPLITS)
        except (OSError, ArraysError, KeyError, ValueError):
            return None
        labels = self.job.dataset.labels
        chosen = select(valid, labels["valid"])
        best = chosen.members[0]
        ours, alone = chosen.predict(test) == labels["test"], test[best].argmax(axis=1) == labels["test"]
        places = [list(numbers)[member] for member in chosen.members]
        seeds = len(self.job.seeds)
        return EnsembleResult(
            members=tuple((place // seeds, place % seeds) for place in places),
            networks=len(kept),
            valid_items=len(labels["valid"]),
            valid_right=chosen.path[len(places) - 1],
            best_valid_right=chosen.path[0],
            test_items=len(ours),
            test_right=int(ours.sum()),
            best_test_right=int(alone.sum()),
            gained=int((ours & ~alone).sum()),
            lost=int((alone & ~ours).sum()),
        )


def missing(paths: Mapping[int, Path], job: Job) -> list[Path]:
    """Return the files of weights that are not there, or are of other trainings."""

    def there(number: int, path: Path) -> bool:
        try:
            kept = trained.load(path)
        except HarnessError:
            return False
        pick, seed = job.picks[number // len(job.seeds)], job.seeds[number % len(job.seeds)]
        return (kept.design.arch, kept.seed, kept.design.recipe) == (pick.arch, seed, job.recipe)

    return [path for number, path in paths.items() if not there(number, path)]
