"""Predictions and weights of networks, kept while they are trained: for the ensemble, and for use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from harness.errors import HarnessError
from harness.files.arrays import ArraysError, read_npz
from harness.files.whole import replacing
from harness.training.engines.engine import PREDICTED
from harness.training.ensemble import EnsembleResult, compare
from harness.training.exports import trained
from harness.training.exports.design import Design, space_of
from harness.training.exports.trained import TrainedNetwork
from harness.verification.job import Job


@dataclass(frozen=True)
class Keeper:
    """What the trainer calls with each network that it has trained.

    Attributes
    ----------
    job : Job
    predictions : Path or None
        Folder of what they predict of validation and test items, a file for each training; None keeps none.
    weights : mapping of int to Path
        Files of those whose weights are kept.
    """

    job: Job
    predictions: Path | None
    weights: Mapping[int, Path]

    def __call__(
        self, number: int, tensors: Mapping[str, Tensor], predicted: Mapping[str, npt.NDArray[np.float32]]
    ) -> None:
        """Keep a training; written whole or not at all, and the same if it is written again."""
        job = self.job
        arch, seed = job.picks[number // len(job.seeds)].arch, job.seeds[number % len(job.seeds)]
        if self.predictions is not None:
            with replacing(self._predicted(number)) as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **predicted)
        if number in self.weights:
            dataset = job.dataset
            design = Design(space_of(job.training.network), arch, job.recipe, dataset.shape, dataset.classes)
            trained.save(self.weights[number], TrainedNetwork.of(design, seed, dataset, tensors))

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
            valid, test = (np.stack([arrays[split] for arrays in kept]) for split in PREDICTED)
        except (OSError, ArraysError, KeyError, ValueError):
            return None
        labels, seeds = self.job.dataset.labels, len(self.job.seeds)
        names = [(number // seeds, number % seeds) for number in numbers]
        return compare(valid, test, labels["valid"], labels["test"], names)


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
