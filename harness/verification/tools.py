"""The tools of a verification: trainer, datasets, counts, tables; loaded when they are used, replaced in tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from harness import registry
from harness.benchmark import Oracle
from harness.checks import Archs, IntArray
from harness.errors import HarnessError, TableError
from harness.training.curves import Curves
from harness.training.data.dataset import Dataset
from harness.training.recipe import Recipe, TrainingSetup


class Train(Protocol):
    """What trains: `harness.training.trainer.train`."""

    def __call__(
        self,
        archs: Archs,
        seeds: Sequence[int],
        recipe: Recipe,
        dataset: Dataset,
        device: str,
        *,
        network: str,
        level: str,
        checkpoint: Path | None,
        on_progress: Callable[[Any], None] | None,
        on_trained: Callable[[int, Mapping[str, Any], Mapping[str, Any]], None] | None,
        threads: int,
        force: bool,
    ) -> Curves:
        """Train every architecture with every seed."""
        ...


def registered_training(name: str) -> TrainingSetup | None:
    """Return how the networks of a benchmark's table were trained, as its description says; None if it does not."""
    try:
        facts = registry.describe_benchmark(name)
    except TableError:
        raise
    except HarnessError:
        return None
    return TrainingSetup.from_dict(facts["training"]) if facts.get("training") else None


def _train(*arguments: Any, **options: Any) -> Curves:
    from harness.training.trainer import train  # brings torch

    return train(*arguments, **options)


def _refuse_long(archs: Archs, seeds: int, recipe: Recipe, dataset: Dataset, network: str) -> None:
    from harness.training import estimate

    estimate.refuse_long(archs, seeds, recipe, dataset, network=network)


def _load_dataset(training: TrainingSetup, data: Path | None) -> Dataset:
    """Load a dataset; the folder goes to those that are read from files."""
    from harness.training import data as datasets

    return datasets.of(training, data)


def _count(network: str, archs: Archs, recipe: Recipe, dataset: Dataset) -> tuple[IntArray, IntArray]:
    """Return parameters, counted on the networks as built, and multiply-adds: (n,) each."""
    from harness.training import networks

    built = [networks.build(network, arch, recipe, dataset.shape, dataset.classes, seed=0) for arch in archs.tolist()]
    params = np.array([networks.parameters(module) for module in built], dtype=np.int64)
    return params, networks.cost(network, archs, recipe, dataset.shape, dataset.classes).macs


@dataclass(frozen=True)
class Tools:
    """What a verification works with; tests put others in their place.

    Attributes
    ----------
    train : Train
    refuse_long : callable
        From architectures, seeds, recipe, dataset and network: raises HarnessError where a CPU would need hours.
    training_of : callable
        From the name of a benchmark to how it was trained, or None.
    load_dataset : callable
        From how it was trained and the user's folder to the dataset.
    count : callable
        From network, architectures, recipe and dataset to parameters and multiply-adds.
    open_oracle : callable
    write_table : callable
        Writes the trained rows as a table; see `benchmarks_data.file.recorded.write`.
    """

    train: Train = _train
    refuse_long: Callable[[Archs, int, Recipe, Dataset, str], None] = _refuse_long
    training_of: Callable[[str], TrainingSetup | None] = registered_training
    load_dataset: Callable[[TrainingSetup, Path | None], Dataset] = _load_dataset
    count: Callable[[str, Archs, Recipe, Dataset], tuple[IntArray, IntArray]] = _count
    open_oracle: Callable[[str], Oracle] = registry.oracle
    write_table: Callable[..., None] = registry.write_table
