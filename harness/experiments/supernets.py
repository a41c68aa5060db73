"""The kind of work `supernet`: one-shot methods on the data of tables, beside strategies that search the tables.

A one-shot method trains by itself and is never told what a table holds: what it recommends after each epoch is stored
with what it has cost, and reports look it up.  Its cost stands on two axes: real seconds, and units of one training of
the table, by multiply-adds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import registry
from harness.benchmark import Benchmark, trains
from harness.checks import Archs
from harness.digests import identity, sha256_of, without
from harness.errors import HarnessError, SpecError, must, raised, unknown
from harness.experiments import answers
from harness.experiments.columns import check_columns, check_finite
from harness.experiments.epochs import FORMS, IF_ALONE, NEEDED, Epochs
from harness.experiments.kind import Kind, Output, at, open_benchmark, table_name
from harness.experiments.recommendations import ALONE, MOST_LISTED, representatives
from harness.experiments.shards import Search, Shard
from harness.experiments.spec import SUPERNET, ReportSpec, Spec, StrategySpec, held, plain_data
from harness.files.reading import parse_json
from harness.guard import running
from harness.names import read
from harness.one_shot import SPLITS, OneShot, SearchData
from harness.own.classes import file_sha256
from harness.problem import Budget, Constraint
from harness.records import Proposals
from harness.seeding import generator
from harness.space import SearchSpace
from harness.training import data as datasets
from harness.training import networks
from harness.training.devices import compute_threads
from harness.training.engines.reference import deterministic
from harness.training.recipe import TrainingSetup

SCHEMA = 2
"""Version of what the digest of a unit covers, and of how its columns are made."""
SAMPLED = 100
"""Architectures whose inherited accuracy is compared with the table's at the end, each of another functional class."""
_NOT_THEIRS = ("deployments", "constraints", "prediction", "transfer", "report_on", "auxiliary")
"""Keys of a spec that mean nothing to one-shot methods, nor beside them."""


@dataclass(frozen=True)
class Training:
    """The unit of work of a one-shot method: one supernet, on the data of one table, for one replicate.

    Attributes
    ----------
    benchmark, table_digest : str
    method : str
        Registered name, or ``"path/to/file.py:Class"``.
    method_version : int
    method_sha256 : str or None
        Of the file, where the method comes from one.
    hyperparameters : mapping
        All of them, defaults filled in.
    epochs : int
    constraints : tuple of Constraint
        Always none.
    seed : int
    first, stop : int
        The replicate is `first`, and `stop` the one after it.
    device : str
    versions : mapping
        Of the libraries on which the numbers depend.
    """

    benchmark: str
    table_digest: str
    method: str
    method_version: int
    method_sha256: str | None
    hyperparameters: Mapping[str, Any]
    epochs: int
    constraints: tuple[Constraint, ...]
    seed: int
    first: int
    stop: int
    device: str
    versions: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the unit as plain JSON data."""
        return plain_data(self)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that the result depends on, hexadecimal."""
        facts = identity(self) | {"schema": SCHEMA, "kind": SUPERNET, "constraints": []}
        facts["method"] = read(self.method).own  # random streams are addressed by it
        facts["benchmark"] = read(self.benchmark).own
        if read(self.benchmark).path is not None:
            del facts["benchmark"]
        return sha256_of(facts)


class Supernets(Kind[Training | Shard]):
    """Trains supernets, and runs the searches that stand beside them in a spec."""

    columns = ()
    optional = (*FORMS, *Search.columns, *Search.optional)
    texts = ("facts", *Search.texts)

    def check(self, spec: Spec) -> None:
        """Refuse methods that do not exist, and keys that mean nothing to them."""
        if spec.budget.supernet_epochs is None:
            raise SpecError("`budget.supernet_epochs`: the kind of work 'supernet' needs the epochs of its methods")
        others = list[StrategySpec]()
        for index, item in enumerate(spec.strategies):
            with at(f"strategies[{index}]"):
                if not _is_one_shot(item.name):
                    if registry.kind_of(item.name) is None:
                        known = [*registry.names("one_shot"), *registry.names("strategy")]
                        raise HarnessError(unknown("strategy", item.name, known))
                    registry.strategy(item.name)
                    others.append(item)
                    continue
                registry.one_shot(item.name).set_to(item.hyperparameters)
                for key, value in (("surrogate", item.surrogate), ("warm_up", item.warm_up)):
                    if value is not None:
                        raise HarnessError(f"`{key}` is for strategies that are asked, not for '{item.name}'")
        if len(others) == len(spec.strategies):
            raise SpecError("`budget.supernet_epochs`: no strategy of the spec trains a supernet; leave it out")
        for key in _NOT_THEIRS:
            if getattr(spec, key):
                raise SpecError(f"`{key}`: one-shot methods know nothing of it; leave it out")
        if spec.n_workers > 1:
            raise SpecError(f"`n_workers`: one-shot methods train one network; leave it out, got {spec.n_workers}")
        if spec.objectives is not None and len(spec.objectives) > 1:
            raise SpecError(f"`objectives`: one-shot methods have one, got {list(spec.objectives)}")
        for key, is_given in (("report", spec.report != ReportSpec()), ("simulate", spec.simulate is not None)):
            if is_given and not others:
                raise SpecError(f"`{key}`: it is about searches, and no strategy of the spec is asked; leave it out")
        if others and not _asked(spec.budget):
            raise SpecError(
                f"`budget`: '{others[0].label}' is asked and told, and needs `evaluations` or `seconds` beside "
                "`supernet_epochs`"
            )

    def notices(self, spec: Spec) -> list[str]:
        """Say which methods learn nothing of architectures in as few epochs, and of which budget nothing is spent."""
        epochs, said = spec.budget.supernet_epochs, list[str]()
        assert epochs is not None, "`check` has seen to it"  # noqa: S101 - a fault of ours
        for item in spec.strategies:
            if _is_one_shot(item.name):
                factory = registry.one_shot(item.name)
                said.append(factory.too_few(factory.set_to(item.hyperparameters), epochs))
                said[-1] = said[-1] and f"'{item.label}': {said[-1]}"
        if _asked(spec.budget) and all(_is_one_shot(item.name) for item in spec.strategies):
            said.append("nothing is spent of `evaluations`, `seconds` or `epochs`: no strategy of the spec is asked")
        return [*filter(None, said)]

    def units(self, spec: Spec, benchmark: Benchmark, device: str) -> Iterator[tuple[int, Training | Shard]]:
        """Yield the units of all methods, each after it was built once, and the shards of the others."""
        for index, item in enumerate(spec.strategies):
            if not _is_one_shot(item.name):
                alone = replace(spec, strategies=(item,), budget=searching(spec.budget), report=ReportSpec())
                try:
                    yield from ((index, shard) for _, shard in Search().units(alone, benchmark, device))
                except SpecError as error:
                    raise SpecError(str(error).replace("strategies[0]", f"strategies[{index}]", 1)) from None
                continue
            with at(f"strategies[{index}]"):
                yield from ((index, unit) for unit in _trainings(spec, item, benchmark, device))

    def unit(self, data: Mapping[str, Any]) -> Training | Shard:
        """Read what `as_dict` of a unit wrote."""
        return Training(**held(data, Training)) if "method" in data else Search().unit(data)

    def check_output(self, unit: Training | Shard, output: Output) -> None:
        """Refuse what is not of a supernet of as many epochs, or of the runs of a shard."""
        if isinstance(unit, Shard):
            Search().check_output(unit, output)
            return
        facts = parse_json(output.texts["facts"], "`facts`")
        said: Any = facts.get("derivations") if isinstance(facts, dict) else None
        derivations = {one for one in said if isinstance(one, str)} if isinstance(said, list) else set[str]()
        if not derivations or len(derivations) != len(said) or not isinstance(facts.get("stopped"), bool):
            raise HarnessError(must("facts", "say the derivations and whether the method stopped", facts))
        columns = output.columns
        needed = (*NEEDED, *IF_ALONE) if any(name in columns for name in IF_ALONE) else NEEDED
        lengths = check_columns(columns, FORMS, {}, needed)
        if not 1 <= lengths["T"] <= unit.epochs:
            raise HarnessError(must("epochs", f"be from 1 to the {unit.epochs} that were asked for", lengths["T"]))
        for name in ("units", "seconds"):
            check_finite(name, columns[name])
        epochs, order = np.asarray(columns["recommended/epoch"]), np.asarray(columns["recommended/derivation"])
        each, count = np.unique(epochs), len(derivations)
        known = np.isin(each, np.arange(1, lengths["T"] + 1)).all()
        if not known or [*zip(epochs.tolist(), order.tolist(), strict=True)] != [*product(each.tolist(), range(count))]:
            rule = f"name epochs up to {lengths['T']}, ascending, each with a row for each of {count} derivations"
            raise HarnessError(must("column recommended/epoch", rule, epochs.tolist()[:12]))

    def small(self, unit: Training | Shard) -> Training | Shard:
        """Return the first replicates of a shard, and a supernet as it is: its first epochs tell how long all take."""
        return Search().small(unit) if isinstance(unit, Shard) else unit

    def steps(self, unit: Training | Shard) -> int | None:
        """Return the evaluations of a shard, and the epochs of a supernet."""
        return Search().steps(unit) if isinstance(unit, Shard) else unit.epochs

    def run(self, unit: Training | Shard, on_step: Callable[[int], None] | None = None) -> Output:
        """Train a supernet, or run a shard.

        Columns of a supernet, over T epochs: ``units`` (T,) of one training of the table and real ``seconds`` (T,);
        ``recommended/archs`` (n, L) with the epoch, from 1, and the derivation of each; ``log/NAME`` (T, ...) of
        `harness.experiments.answers.OBSERVED`, and ``log/inherited`` (T,), the accuracy in percent of what is
        recommended, with the weights of the supernet; ``sample/archs`` (k, L) with ``sample/inherited`` (k,) at the
        end.  Where the benchmark trains what it is asked, what was recommended last and the first of the sample, with
        their inherited accuracies, are trained by themselves then, with every seed: ``alone/archs`` (n, L) and
        ``alone/inherited`` (n,).
        """
        return self._run(unit, None, on_step)

    def resume(self, unit: Training | Shard, place: Path, on_step: Callable[[int], None] | None = None) -> Output:
        """Train a supernet from where a killed run was; a shard is run from its beginning."""
        return self._run(unit, place, on_step)

    @staticmethod
    def _run(unit: Training | Shard, place: Path | None, on_step: Callable[[int], None] | None) -> Output:
        if isinstance(unit, Shard):
            output = Search().run(unit, on_step)
            return Output(output.columns, {**output.texts, "facts": "{}"})
        return _trained(unit, place, on_step)


def searching(budget: Budget) -> Budget:
    """Return the budget of strategies that are asked: without the epochs of supernets."""
    return replace(budget, supernet_epochs=None)


def _asked(budget: Budget) -> bool:
    return any(value is not None for value in (budget.evaluations, budget.seconds, budget.epochs))


def _is_one_shot(name: str) -> bool:
    return registry.kind_of(name) == "one_shot"


def _trainings(spec: Spec, item: StrategySpec, benchmark: Benchmark, device: str) -> Iterator[Training]:
    factory, setup = registry.one_shot(item.name), setup_of(benchmark)
    settings = factory.known() | dict(item.hyperparameters)
    epochs = spec.budget.supernet_epochs
    assert epochs is not None, "`check` has seen to it"  # noqa: S101 - a fault of ours
    if spec.objectives is not None:
        own = open_benchmark(benchmark.name, None, (), Budget(evaluations=1)).objectives[0].name
        if spec.objectives != (own,):
            rule = f"be '{own}', by which one-shot methods choose on {benchmark.name}, or left out"
            raise HarnessError(must("objectives", rule, list(spec.objectives)))
    try:
        _build(factory, benchmark.space, _blank(setup), np.random.default_rng(0), epochs, item.hyperparameters)
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"'{item.name}' cannot be made: it raised\n{raised(error)}") from error
    for replicate in range(spec.replicates):
        yield Training(
            benchmark=benchmark.name,
            table_digest=benchmark.digest,
            method=item.name,
            method_version=factory.version,
            method_sha256=file_sha256(item.name),
            hyperparameters=without(settings, factory.later_hyperparameters),
            epochs=epochs,
            constraints=(),
            seed=spec.seed,
            first=replicate,
            stop=replicate + 1,
            device=device,
            versions={library: version(library) for library in ("numpy", *factory.libraries)},
        )


def setup_of(benchmark: Benchmark, consequence: str = "no supernet can be trained on them") -> TrainingSetup:
    """Return how the networks of a table were trained.

    Parameters
    ----------
    benchmark : Benchmark
    consequence : str
        What cannot be done where the table does not say it, for the error.

    Raises
    ------
    HarnessError
        If the table does not say it.
    """
    facts = registry.describe_benchmark(benchmark.name)
    if not facts.get("training"):
        raise HarnessError(
            f"'{benchmark.name}' does not say on which data its networks were trained, so that {consequence}; "
            "`nas-harness describe` shows `training` of tables that do"
        )
    return TrainingSetup.from_dict(facts["training"])


def _blank(setup: TrainingSetup) -> SearchData:
    """Return two items without content of each split: enough to build a method."""
    shape, classes = datasets.shape_of(setup.dataset, **setup.dataset_options)
    images = {split: np.zeros((2, *shape), dtype=np.float32) for split in SPLITS}
    labels = {split: np.zeros(2, dtype=np.int64) for split in SPLITS}
    zeros = np.zeros(shape[0], dtype=np.float32)
    return SearchData(setup.network, setup.load_recipe().as_dict(), images, labels, classes, zeros, zeros + 1)


def search_data(setup: TrainingSetup, device: str = "cpu") -> SearchData:
    """Return the items on which the networks of a table were trained and validated.

    Raises
    ------
    HarnessError
        If the dataset needs files that are not here.
    """
    dataset = datasets.load(setup.dataset, **setup.dataset_options)
    return SearchData(
        setup.network,
        setup.load_recipe().as_dict(),
        {split: dataset.images[split] for split in SPLITS},
        {split: dataset.labels[split] for split in SPLITS},
        dataset.classes,
        dataset.mean,
        dataset.std,
        dataset.flip,
        dataset.padding,
        device,
    )


def training_macs(space: SearchSpace, setup: TrainingSetup, items: int) -> float:
    """Return the multiply-adds of one training of a table, of the mean architecture: epochs x items x 3 forward passes.

    Parameters
    ----------
    space : SearchSpace
    setup : TrainingSetup
    items : int
        Of the training split.
    """
    recipe, (shape, classes) = setup.load_recipe(), datasets.shape_of(setup.dataset, **setup.dataset_options)
    macs = networks.cost(setup.network, representatives(space), recipe, shape, classes).macs
    return 3.0 * float(macs.mean()) * items * recipe.epochs


def _build(
    factory: type[OneShot],
    space: SearchSpace,
    data: SearchData,
    rng: np.random.Generator,
    epochs: int,
    hyperparameters: Mapping[str, Any],
) -> OneShot:
    with running(f"the one-shot method {factory.__name__}"):
        return factory(space, data, rng, epochs, **hyperparameters)


def _trained(unit: Training, place: Path | None, on_step: Callable[[int], None] | None) -> Output:
    benchmark = open_benchmark(unit.benchmark, None, (), Budget(evaluations=1))
    if benchmark.digest != unit.table_digest:
        raise HarnessError(f"the table '{unit.benchmark}' changed after the run was prepared; run again")
    if file_sha256(unit.method) != unit.method_sha256:
        raise HarnessError(f"the file of '{unit.method}' changed after the run was prepared; run again")
    factory, setup = registry.one_shot(unit.method), setup_of(benchmark)
    data, own, table = search_data(setup, unit.device), read(unit.method).own, table_name(benchmark)
    unit_macs = training_macs(benchmark.space, setup, len(data.labels["train"]))
    rng = generator(unit.seed, "one-shot", own, table, unit.first)
    hyperparameters = {**factory.later_hyperparameters, **unit.hyperparameters}
    sample = _sample(benchmark.space, generator(unit.seed, "sample of subnets", table))
    with compute_threads(1), deterministic():
        method = _build(factory, benchmark.space, data, rng, unit.epochs, hyperparameters)
        record = Epochs(unit.digest, method, place)
        while len(record) < unit.epochs and not method.finished:
            with running(f"the one-shot method {factory.__name__}"):
                record.epoch()
            if on_step is not None:
                on_step(len(record))
        with running(f"the one-shot method {factory.__name__}"):
            inherited = answers.inherited(method, sample)
        if not len(record):
            raise HarnessError(must(f"{factory.__name__}.finished", "be false before the first epoch", True))
    facts: dict[str, Any] = {
        "derivations": list(method.derivations),
        "unit_macs": unit_macs,
        "stopped": len(record) < unit.epochs,
    }
    columns = record.columns(unit_macs) | {"sample/archs": sample, "sample/inherited": inherited}
    if trains(benchmark):
        columns |= _judged(benchmark, method, sample[:ALONE])
    return Output(columns, {"facts": json.dumps(facts), "stopped": "[]"})


def _judged(benchmark: Benchmark, method: OneShot, random: Archs) -> dict[str, npt.NDArray[Any]]:
    """Have what a method hands over trained from scratch, and some random architectures, with every seed."""
    archs = np.concatenate([answers.recommended(method), random])
    inherited = answers.inherited(method, archs)
    benchmark.query(Proposals.of(archs, len(benchmark.fidelities) - 1), noise_seed=None)
    return {"alone/archs": archs, "alone/inherited": inherited}


def _sample(space: SearchSpace, rng: np.random.Generator) -> Archs:
    """Draw architectures of different functional classes, uniform over those of the space: (k, L).

    Each is drawn uniformly in its class.  Of a space that is too large to be listed, classes are those of a large draw.
    """
    if math.prod(space.cardinalities.tolist()) <= MOST_LISTED:
        archs = rng.permutation(representatives(space))
    else:
        archs = space.sample(50 * SAMPLED, rng)
    _, first = np.unique(space.key(archs, "functional"), return_index=True)
    return np.asarray(archs[rng.permutation(first)[:SAMPLED]])
