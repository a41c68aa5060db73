"""The kind of work `scaling`: one architecture at several sizes, trained from scratch with several seeds.

A family says how networks grow: in depth, in width, in resolution, or in all three (`harness.training.scaling`).  Each
different network of a spec is one unit of work, whichever families it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np

from harness.benchmark import Benchmark
from harness.checks import integer
from harness.digests import identity, sha256_of
from harness.errors import HarnessError, SpecError, must, unknown
from harness.experiments.columns import check_columns, check_finite
from harness.experiments.families import KIND, ScalingSpec
from harness.experiments.kind import Kind, Output, at
from harness.experiments.spec import ReportSpec, Spec, StrategySpec, held, plain_data
from harness.experiments.supernets import setup_of
from harness.files.reading import parse_json, record_of
from harness.problem import Constraint
from harness.seeding import generator
from harness.spaces.named import NETWORKS
from harness.training import data as datasets
from harness.training import networks
from harness.training.choice import load_level
from harness.training.curves import OK
from harness.training.data.dataset import SPLITS, Dataset
from harness.training.data.resampled import resampled
from harness.training.devices import choose_device
from harness.training.engines.engine import Task
from harness.training.levels import REFERENCE
from harness.training.recipe import Recipe, TrainingSetup
from harness.training.scaling import TARGET, Coefficients, Size, alone, check_base, grid, published, scaled
from harness.training.trainer import train

SCHEMA = 1
"""Version of what the digest of a unit covers."""
SINGLE, COMPOUND, GRID = ("width", "depth", "resolution"), "compound", "grid"
"""Families that grow in one dimension; in all three; and all coefficients of a grid, at phi = 1."""
STEP, TOLERANCE = 0.1, 0.1
"""Of the grid, and how far a product of coefficients may be from 2."""
PACKED = "R3"
"""The level at which the seeds of a network train side by side, where it fits."""
_NOT_THEIRS = ("deployments", "constraints", "transfer", "report_on", "auxiliary", "objectives", "prediction", "report")
"""Keys of a spec that mean nothing to families of sizes."""

_FORMS = {
    **dict.fromkeys(("train_accuracy", "valid_accuracy", "held_out/test_accuracy", "seconds"), "f R"),
    "seeds": "i R",
    "macs": "n",
    "params": "n",
}
"""Of the columns of R trainings; see `harness.experiments.columns`."""


@dataclass(frozen=True)
class Scaled:
    """The unit of work: one network, trained with a block of seeds.

    Attributes
    ----------
    benchmark : str
        Whose network, recipe and data these are.
    arch : tuple of int
    training : mapping
        `harness.training.recipe.TrainingSetup` as plain data.
    epochs : int
    channels, cells, length : int
    level : str
        Of the trainer.
    constraints : tuple of Constraint
        Always none.
    seed : int
    first, stop : int
        Replicates are ``range(first, stop)``; each has a seed of its own, the same for all networks.
    device : str
    versions : mapping
        Of the libraries on which the numbers depend.
    """

    benchmark: str
    arch: tuple[int, ...]
    training: Mapping[str, Any]
    epochs: int
    channels: int
    cells: int
    length: int
    level: str
    constraints: tuple[Constraint, ...]
    seed: int
    first: int
    stop: int
    device: str
    versions: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the unit as plain JSON data."""
        return plain_data(self)

    @property
    def size(self) -> Size:
        """The size of the network."""
        return Size(self.channels, self.cells, self.length)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that the result depends on, hexadecimal; the name of the table is not."""
        facts = identity(self) | {"schema": SCHEMA, "kind": KIND, "constraints": []}
        facts["training"] = TrainingSetup.from_dict(self.training).content
        del facts["benchmark"]
        return sha256_of(facts)


class Scaling(Kind[Scaled]):
    """Trains networks of the sizes that families name."""

    columns = tuple(_FORMS)
    texts = ("facts",)
    listed = "families"

    def check(self, spec: Spec) -> None:
        """Refuse families that do not exist, and keys that mean nothing to them."""
        if spec.scaling is None:
            raise SpecError("`scaling`: the kind of work 'scaling' needs the table [scaling], which names `arch`")
        for index, item in enumerate(spec.strategies):
            with at(f"families[{index}]"):
                check_family(item)
                for key, value in (("surrogate", item.surrogate), ("warm_up", item.warm_up)):
                    if value is not None:
                        raise HarnessError(f"`{key}` is for strategies, not for families of sizes; leave it out")
        for key in _NOT_THEIRS:
            if getattr(spec, key) and getattr(spec, key) != ReportSpec():
                raise SpecError(f"`{key}`: families of sizes know nothing of it; leave it out")
        if spec.n_workers > 1:
            raise SpecError(f"`n_workers`: nothing is simulated here; leave it out, got {spec.n_workers}")

    def units(self, spec: Spec, benchmark: Benchmark, device: str) -> Iterator[tuple[int, Scaled]]:
        """Yield each network once for every block of replicates, under the first family that has it."""
        with at("scaling"):
            setup, arch = _setup(benchmark), arch_of(spec.scaling, benchmark)
        sizes = sizes_of(spec, *own_size(setup))
        assert spec.scaling is not None, "`check` has seen to it"  # noqa: S101 - a fault of ours
        recipe = recipe_of(setup, spec.scaling)
        seen = set[Size]()
        for index, item in enumerate(spec.strategies):
            for size in dict.fromkeys(sizes[item.label]):
                if size in seen:
                    continue
                seen.add(size)
                for first in range(0, spec.replicates, spec.replicates_per_shard):
                    yield (
                        index,
                        Scaled(
                            benchmark=benchmark.name,
                            arch=arch,
                            training=setup.as_dict(),
                            epochs=recipe.epochs,
                            channels=size.channels,
                            cells=size.cells,
                            length=size.length,
                            level=_level(setup, recipe, size, device),
                            constraints=(),
                            seed=spec.seed,
                            first=first,
                            stop=min(first + spec.replicates_per_shard, spec.replicates),
                            device=device,
                            versions={library: version(library) for library in ("numpy", "torch")},
                        ),
                    )

    def unit(self, data: Mapping[str, Any]) -> Scaled:
        """Read what `as_dict` of a unit wrote."""
        return Scaled(**held(data, Scaled))

    def check_output(self, unit: Scaled, output: Output) -> None:
        """Refuse what is not of the trainings of a network."""
        columns = output.columns
        check_columns(columns, _FORMS, {"R": unit.stop - unit.first}, self.columns)
        for name in ("seconds", "macs", "params"):
            check_finite(name, columns[name])
        finished = [np.isfinite(np.asarray(columns[name])) for name in _FORMS if name.endswith("accuracy")]
        if any(not np.array_equal(one, finished[0]) for one in finished):
            raise HarnessError("its accuracies must be missing in the same trainings, those that diverged")
        facts = parse_json(output.texts["facts"], "`facts`")
        own = facts.get("own") if isinstance(facts, dict) else None
        if own is None or facts.get("dimensions") not in (1, 2) or not isinstance(facts.get("level"), str):
            raise HarnessError(must("facts", "say `own`, `dimensions` (1 or 2) and the `level`", facts))
        record_of(Size, own, "own")

    def run(self, unit: Scaled, on_step: Callable[[int], None] | None = None) -> Output:
        """Train a network with its seeds.

        Columns, over R replicates: accuracies in percent after the last epoch, ``train_accuracy``, ``valid_accuracy``
        and ``held_out/test_accuracy`` (R,), NaN where a training diverged; real ``seconds`` (R,); ``seeds`` (R,);
        ``macs`` and ``params`` () of the network.  The text ``facts`` is JSON: the ``level``, and of the table's own
        networks the size (``own``) and the ``dimensions`` of their items.
        """
        setup = TrainingSetup.from_dict(unit.training)
        recipe = _sized(setup.load_recipe().but(epochs=unit.epochs), unit.size)
        dataset = resampled(datasets.of(setup), unit.length)
        own, dimensions = own_size(setup)
        seeds = seeds_of(unit.seed, range(unit.first, unit.stop))
        archs = np.array([unit.arch])
        curves = train(
            archs, seeds, recipe, dataset, unit.device, network=setup.network, level=unit.level, force=True,
            on_progress=None if on_step is None else lambda now: on_step(now.done),
        )  # fmt: skip
        cost = networks.cost(setup.network, archs, recipe, dataset.shape, dataset.classes)
        good = curves.status[0] == OK
        columns = {
            "train_accuracy": curves.train_accuracy[0, :, -1],
            "valid_accuracy": curves.valid_accuracy[0, :, -1],
            "held_out/test_accuracy": curves.test_accuracy[0],
        }
        return Output(
            {name: np.where(good, values, np.nan) for name, values in columns.items()}
            | {
                "seconds": curves.seconds[0],
                "seeds": np.array(seeds, dtype=np.int64),
                "macs": np.array(cost.macs[0]),
                "params": np.array(cost.params[0]),
            },
            {"facts": json.dumps({"level": curves.level, "own": vars(own), "dimensions": dimensions})},
        )


def check_family(item: StrategySpec) -> None:
    """Refuse a family that does not exist, and keys that it does not have.

    ``"width"``, ``"depth"`` and ``"resolution"`` put all growth into one dimension; ``"compound"`` has the published
    coefficients, or those that it is given as ``depth``, ``width`` and ``resolution``; ``"grid"`` has the coefficients
    of a grid of ``step``.

    Raises
    ------
    HarnessError
        Names the family or the key, and the nearest that there is.
    """
    if item.name not in (*SINGLE, COMPOUND, GRID):
        raise HarnessError(unknown("family", item.name, (*SINGLE, COMPOUND, GRID)))
    known = {COMPOUND: SINGLE, GRID: ("step",)}.get(item.name, ())
    for key in item.hyperparameters:
        if key not in known and key in ScalingSpec.__dataclass_fields__:
            raise HarnessError(f"`{key}` is the same for all families: write it in [scaling]")
        if key not in known:
            raise HarnessError(unknown(f"key of the family '{item.name}'", key, known or ("name", "label")))


def coefficients_of(item: StrategySpec, dimensions: int) -> list[Coefficients]:
    """Return the coefficients of a family: one, or of a grid all.

    Parameters
    ----------
    item : StrategySpec
    dimensions : int
        1 for signals, 2 for images.

    Raises
    ------
    HarnessError
        If the coefficients do not double the cost.
    """
    if item.name in SINGLE:
        return [alone(item.name, dimensions)]
    if item.name == GRID:
        return grid(item.hyperparameters.get("step", STEP), TOLERANCE, dimensions)
    found = Coefficients(**item.hyperparameters) if item.hyperparameters else published(dimensions)
    if abs(found.product(dimensions) - TARGET) > TOLERANCE + 1e-9:
        rule = f"make depth x width^2 x resolution{'^2' * (dimensions == 2)} about {TARGET:g}, within {TOLERANCE:g}"
        raise HarnessError(must("coefficients", rule, round(found.product(dimensions), 3)))
    return [found]


def own_size(setup: TrainingSetup) -> tuple[Size, int]:
    """Return the size of a table's own networks, and the dimensions of its items: 1 for signals, 2 for images.

    Raises
    ------
    SpecError
        If its items are neither signals nor square images.
    """
    recipe, (shape, _) = setup.load_recipe(), datasets.shape_of(setup.dataset, **setup.dataset_options)
    if shape[1] not in (1, shape[2]):
        raise SpecError(f"`benchmarks`: {must('items', 'be signals or square images, which keep their shape', shape)}")
    return Size(recipe.channels, recipe.cells, shape[2]), 1 if shape[1] == 1 else 2


def sizes_of(spec: Spec, own: Size, dimensions: int) -> dict[str, list[Size]]:
    """Return the sizes of each family, by label: at each phi, and of a grid at phi = 1, equal ones repeated.

    Parameters
    ----------
    spec : Spec
    own : Size
        Of the table's networks.
    dimensions : int

    Raises
    ------
    SpecError
        If the smallest network cannot be scaled: channels or length are not of the multiples; or coefficients do not
        double the cost.
    """
    chosen = spec.scaling
    assert chosen is not None, "`check` has seen to it"  # noqa: S101 - a fault of ours
    with at("scaling"):
        base = Size(chosen.channels or own.channels, chosen.cells or own.cells, own.length)
        check_base(base, chosen.multiple)
    found = dict[str, list[Size]]()
    for place, item in enumerate(spec.strategies):
        phis = (1.0,) if item.name == GRID else chosen.phis
        with at(f"families[{place}]"):
            family = coefficients_of(item, dimensions)
        found[item.label] = [scaled(base, each, phi, chosen.multiple) for each in family for phi in phis]
    return found


def _setup(benchmark: Benchmark) -> TrainingSetup:
    """Return how the networks of a table were trained, refused where they have no width of their own to change."""
    setup = setup_of(benchmark, "none can be trained at another size")
    if setup.network == NETWORKS["nats-size"]:
        raise HarnessError(f"'{benchmark.name}' is about widths itself; name a table of another space")
    return setup


def arch_of(chosen: ScalingSpec | None, benchmark: Benchmark) -> tuple[int, ...]:
    """Return the architecture that a spec names."""
    (arch,) = benchmark.space.parse([chosen.arch if chosen else ""])
    return tuple(int(gene) for gene in arch)


def recipe_of(setup: TrainingSetup, chosen: ScalingSpec) -> Recipe:
    """Return the recipe of a table, for as many epochs as a spec says."""
    recipe = setup.load_recipe()
    return recipe if chosen.epochs is None else recipe.but(epochs=chosen.epochs)


def seeds_of(root: int, replicates: Sequence[int]) -> list[int]:
    """Return the seed of each replicate's trainings."""
    return [int(generator(root, KIND, integer("replicate", one, low=0)).integers(2**31)) for one in replicates]


def _sized(recipe: Recipe, size: Size) -> Recipe:
    return recipe.but(channels=size.channels, cells=size.cells)


def _level(setup: TrainingSetup, recipe: Recipe, size: Size, device: str) -> str:
    """Return the packed level where it fits the network, else the reference: never what a clock says."""
    shape, classes = datasets.shape_of(setup.dataset, **setup.dataset_options)
    blank = np.zeros((1, shape[0], min(shape[1], size.length), size.length), dtype=np.float32)
    zeros, labels = np.zeros(shape[0], dtype=np.float32), np.zeros(1, dtype=np.int64)
    dataset = Dataset("blank", dict.fromkeys(SPLITS, blank), dict.fromkeys(SPLITS, labels), classes, zeros, zeros + 1)
    task = Task(setup.network, _sized(recipe, size), dataset, choose_device(device))
    return PACKED if load_level(PACKED).unfit(task) is None else REFERENCE
