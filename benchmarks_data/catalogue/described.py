"""Descriptions of trainings of one's own: networks of a space on a dataset, each known by name or one's own, in TOML.

The file holds what `Description` has; paths in it are relative to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.builds import Build, Origin, Sample
from harness.checks import integer, real
from harness.errors import HarnessError, must, unknown
from harness.files.reading import read_toml, record_of
from harness.names import absolute
from harness.names import read as read_name
from harness.space import SearchSpace
from harness.spaces import named
from harness.training.data.dataset import Dataset
from harness.training.recipe import Recipe, TrainingSetup
from harness.training.recipe import load as load_recipe

MOST_SEEDS = 100
PART = 8
"""Architectures that are trained as one, and lost at most where a process is killed."""


@dataclass(frozen=True)
class Description:
    """The keys of such a file.

    Attributes
    ----------
    space : str
        Of a published benchmark, or the path of one's own.
    dataset : str
        A name, or the path of one's own data.
    recipe : str
        A shipped recipe, or the path of a TOML file.
    name, title : str
        Of the table; the name is that of the file where none is given.
    seeds : tuple of int
        Trainings of each architecture.
    architectures : int
        How many are drawn at random and trained; 0 trains one of each functional class of the space.
    margin_percent : float or None
        Difference of accuracies, in percentage points, below which a verification takes two trainings as equal.
    dataset_options, recipe_changes : mapping
        Arguments of the dataset, and what differs from the recipe.
    """

    space: str
    dataset: str
    recipe: str = "micro"
    name: str = ""
    title: str = ""
    seeds: tuple[int, ...] = (0, 1, 2)
    architectures: int = 0
    margin_percent: float | None = None
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    recipe_changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name and not re.fullmatch(r"\w[\w.-]*", self.name):
            raise HarnessError(must("name", "be made of letters, digits, '_', '.' and '-'", self.name))
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or len(self.seeds) > MOST_SEEDS:
            raise HarnessError(must("seeds", f"name one to {MOST_SEEDS} seeds, each once", list(self.seeds)))
        for seed in self.seeds:
            integer("seeds", seed, low=0)
        integer("architectures", self.architectures, low=0)
        if self.margin_percent is not None:
            real("margin_percent", self.margin_percent, low=0.0, open_low=True)


@dataclass(frozen=True, eq=False)
class Own:
    """Trainings of one's own made ready: everything that can be refused has been looked at.

    Attributes
    ----------
    plan : Build
    space : SearchSpace
    dataset : Dataset
    title : str
    """

    plan: Build
    space: SearchSpace
    dataset: Dataset
    title: str

    def told(self) -> Iterator[str]:
        """Yield what people should know before anything is trained."""
        yield self.dataset.description
        yield f"sha256 of the dataset {self.dataset.sha256}"
        for note in self.dataset.notes:
            yield f"warning: {note}"


def is_description(path: Path) -> bool:
    """Say whether a TOML file is there and describes trainings: its content says so.

    What is no TOML counts too, so that `read` tells what is wrong with it.
    """
    try:
        fields = read_toml(path)
    except FileNotFoundError:
        return False
    except HarnessError:
        return True
    return "dataset" in fields and "space" in fields and "columns" not in fields


def read(path: Path | None) -> Own:
    """Read a description, and look at all that it names.

    Raises
    ------
    HarnessError
        If there is no such file, a key or a value is none, the space has no networks, or the data cannot be trained on.
    """
    if path is None or path.suffix != ".toml":
        raise HarnessError(must("table", "be a name, or the path of a description, 'my_table.toml'", str(path)))
    try:
        fields = read_toml(path)
    except FileNotFoundError:
        raise HarnessError(f"there is no description of trainings {path}") from None
    described = record_of(Description, fields, path.name)
    space = named.space(absolute(described.space, path.parent))
    dataset_name = absolute(described.dataset, path.parent)
    recipe, changes = _recipe(described, path.parent)
    setup = TrainingSetup(
        network=named.network_of(space),
        recipe=recipe,
        dataset=dataset_name,
        seeds=described.seeds,
        margin_percent=described.margin_percent,
        recipe_changes=changes,
        dataset_options=described.dataset_options,
    )
    from harness.training import data

    dataset = data.of(setup)
    if read_name(dataset_name).path is not None:
        setup = replace(setup, dataset_sha256=dataset.sha256)
    _check(setup, space, dataset)
    sample = None
    if described.architectures:
        sample = Sample(1, described.architectures, (Origin("random_search", described.architectures),))
    name = described.name or path.stem
    plan = Build(name, named.content_of(space), setup, PART, sample)
    return Own(plan, space, dataset, described.title or name)


def _recipe(described: Description, folder: Path) -> tuple[str, dict[str, Any]]:
    """Return a shipped recipe and what differs from it: a file is taken apart, so that nobody needs it later."""
    name = absolute(described.recipe, folder)
    recipe = load_recipe(name)
    for key in described.recipe_changes:
        if key not in Recipe.__dataclass_fields__:
            raise HarnessError(unknown("key of `recipe_changes`", key, Recipe.__dataclass_fields__))
    changed = recipe.but(**described.recipe_changes)
    if read_name(name).path is None:
        return name, dict(described.recipe_changes)
    base = load_recipe("micro").as_dict()
    return "micro", {key: value for key, value in changed.as_dict().items() if value != base.get(key)}


def _check(setup: TrainingSetup, space: SearchSpace, dataset: Dataset) -> None:
    """Refuse what would be refused after hours of training."""
    from harness.training import networks

    recipe = setup.load_recipe()
    networks.check_shape(dataset.shape)
    archs = space.sample(1, np.random.default_rng(0))
    networks.cost(setup.network, archs, recipe, dataset.shape, dataset.classes)
