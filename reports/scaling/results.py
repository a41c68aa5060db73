"""The results of networks of several sizes, by family, with resamples of their seeds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness.checks import FloatArray
from harness.errors import HarnessError, ResultError
from harness.experiments.families import KIND
from harness.experiments.kind import Output, kind_of
from harness.experiments.manifest import MANIFEST, BenchmarkFacts, Entry, Manifest, check_same, otherwise, read_manifest
from harness.experiments.scaling import GRID, Scaled, coefficients_of, recipe_of, sizes_of
from harness.experiments.spec import Spec
from harness.experiments.store import read_units
from harness.names import read
from harness.printable import counted
from harness.seeding import generator
from harness.spaces import named
from harness.training.exports.design import space_of
from harness.training.recipe import TrainingSetup
from harness.training.scaling import Coefficients, Size
from reports.scaling.laws import Law, fit, macs_at
from reports.statistics.bootstrap import bootstrap_centres, interval, resample_counts

REPETITIONS = 2000
"""Resamples of seeds."""
SPLITS = ("validation", "test")


@dataclass(frozen=True, eq=False)
class Point:
    """A network, trained with several seeds.

    Attributes
    ----------
    size : Size
    macs, params : float
    errors : mapping of str to (n,) float64
        In percent, by split, of the trainings that did not diverge.
    seconds : float
        Real, of one training, the mean.
    diverged : int
        Trainings whose loss was not finite.
    resamples : mapping of str to (REPETITIONS,) float64
        Mean errors of resamples of the seeds.
    """

    size: Size
    macs: float
    params: float
    errors: Mapping[str, FloatArray]
    seconds: float
    diverged: int
    resamples: Mapping[str, FloatArray]

    def mean(self, split: str) -> float:
        """Return the mean error."""
        return float(self.errors[split].mean())

    def interval(self, split: str) -> tuple[float, float]:
        """Return the 95 % interval of the mean error."""
        low, high = interval(self.resamples[split])
        return float(low), float(high)


@dataclass(frozen=True, eq=False)
class Family:
    """Sizes of one family, ascending in multiply-adds, equal ones once.

    Attributes
    ----------
    label : str
    coefficients : Coefficients
    phis : tuple of float
    points : tuple of Point
    """

    label: str
    coefficients: Coefficients
    phis: tuple[float, ...]
    points: tuple[Point, ...]

    @cached_property
    def macs(self) -> FloatArray:
        """Multiply-adds, (n,)."""
        return np.array([point.macs for point in self.points])

    def means(self, split: str) -> FloatArray:
        """Return mean errors, (n,)."""
        return np.array([point.mean(split) for point in self.points])

    def resamples(self, split: str) -> FloatArray:
        """Return mean errors of resamples, (REPETITIONS, n)."""
        return np.stack([point.resamples[split] for point in self.points], axis=-1)

    def law(self, split: str) -> tuple[Law, Law] | None:
        """Return the law of the means, and those of the resamples; None of fewer than three networks."""
        if len(self.points) < 3:
            return None
        return fit(self.macs, self.means(split)), fit(self.macs, self.resamples(split))


@dataclass(frozen=True, eq=False)
class Equal:
    """Multiply-adds of families at one error.

    Attributes
    ----------
    error : float
        In percent: the least that two families reach.
    macs : mapping of str to float
        By label; infinity where a family does not reach it.
    resamples : mapping of str to (REPETITIONS,) float64
    """

    error: float
    macs: Mapping[str, float]
    resamples: Mapping[str, FloatArray]

    @property
    def order(self) -> list[str]:
        """Labels, the cheapest first."""
        return sorted(self.macs, key=lambda label: self.macs[label])

    def share(self, label: str) -> float:
        """Return the share of resamples in which a family is the cheapest; of equal ones each has a part."""
        every = np.stack([*self.resamples.values()])
        first = (every == every.min(0)) & np.isfinite(every)
        mine = first[[*self.resamples].index(label)]
        return float(np.mean(np.divide(mine, first.sum(0), out=np.zeros(len(mine)), where=first.any(0))))

    def ratio(self, label: str) -> tuple[float, float, float]:
        """Return how many times the multiply-adds of the cheapest a family needs, with the 95 % interval of it."""
        first = self.order[0]
        both = np.isfinite(self.resamples[label]) | np.isfinite(self.resamples[first])
        with np.errstate(invalid="ignore"):
            ratios = self.resamples[label][both] / self.resamples[first][both]
        low, high = np.quantile(ratios, [0.025, 0.975], method="inverted_cdf") if both.any() else (np.nan, np.nan)
        return self.macs[label] / self.macs[first], float(low), float(high)


@dataclass(frozen=True, eq=False)
class Panel:
    """All that was trained of one benchmark.

    Attributes
    ----------
    name : str
    facts : BenchmarkFacts
    families : tuple of Family
    grid : tuple of (Coefficients, Point)
        Of the family ``grid``, where there is one.
    levels : tuple of str
        Of the trainer.
    """

    name: str
    facts: BenchmarkFacts
    families: tuple[Family, ...]
    grid: tuple[tuple[Coefficients, Point], ...]
    levels: tuple[str, ...]

    def equal(self, split: str) -> Equal | None:
        """Return the costs of equal error; None of fewer than two families."""
        if len(self.families) < 2:
            return None
        error = float(np.sort([family.means(split).min() for family in self.families])[1])
        return Equal(
            error,
            {one.label: float(macs_at(one.macs, one.means(split), error)) for one in self.families},
            {one.label: macs_at(one.macs, one.resamples(split), error) for one in self.families},
        )


@dataclass(frozen=True, eq=False)
class Scalings:
    """The results of an experiment with families of sizes.

    Attributes
    ----------
    spec : Spec
    panels : tuple of Panel
    missing : tuple of str
        Families that lack results, with the number of networks that they lack.
    """

    spec: Spec
    panels: tuple[Panel, ...]
    missing: tuple[str, ...] = ()


def read_scalings(folder: Path, *, allow_missing: bool = False) -> Scalings:
    """Read the networks of a folder of results.

    Raises
    ------
    ResultError
        If results are missing (unless that is allowed) or damaged.
    """
    manifest = read_manifest(folder)
    if manifest.spec.kind != KIND:
        raise ResultError(f"'{folder}' holds results of the kind '{manifest.spec.kind}', not of families of sizes")
    found: dict[str, list[Any]] = {}
    without = Counter[str]()
    for entry, result in read_units(folder, manifest, kind_of(KIND)):
        if result is None:
            without[f"{entry.label} on {entry.benchmark}"] += 1
        else:
            check_same(str(folder / MANIFEST), entry, result[0], seed=manifest.spec.seed)
            _check_network(str(folder / MANIFEST), manifest.spec, entry, *result)
            found.setdefault(entry.benchmark, []).append(result)
    missing = [f"{where} ({counted(number, 'network')})" for where, number in without.items()]
    if missing and not allow_missing:
        raise ResultError(
            f"'{folder}' is incomplete: {'; '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}; run the spec"
            " again, or report what is there with --allow-missing"
        )
    if not found:
        raise ResultError(f"'{folder}' has no network yet; run the spec")
    return Scalings(manifest.spec, tuple(_panels(manifest, found)), tuple(missing))


def _check_network(where: str, spec: Spec, entry: Entry, unit: Scaled, output: Output) -> None:
    """Refuse a manifest whose architecture, recipe or sizes are not those of a network."""
    setup, facts = TrainingSetup.from_dict(unit.training), json.loads(output.texts["facts"])
    assert spec.scaling is not None, "`check` has seen to it"  # noqa: S101 - a fault of ours
    sizes = sizes_of(spec, Size(**facts["own"]), int(facts["dimensions"]))
    try:
        arch = tuple(map(int, named.space(space_of(setup.network)).parse([spec.scaling.arch])[0]))
    except HarnessError:
        arch = ()
    for key, is_same in (
        ("scaling.arch", arch == unit.arch),
        ("scaling.epochs", recipe_of(setup, spec.scaling).epochs == unit.epochs),
        (f"sizes of '{entry.label}'", unit.size in sizes[entry.label]),
    ):
        if not is_same:
            raise otherwise(where, entry, key)


def _panels(manifest: Manifest, found: Mapping[str, list[Any]]) -> Iterator[Panel]:
    for name, facts in manifest.benchmarks.items():
        parts: dict[Size, list[Any]] = {}
        told: list[dict[str, Any]] = []
        for unit, output in sorted(found.get(name, []), key=lambda pair: int(pair[0].first)):
            parts.setdefault(unit.size, []).append(output)
            told.append(json.loads(output.texts["facts"]))
        if not told:
            continue
        points = {size: point for size, outputs in parts.items() if (point := _point(manifest.spec, size, outputs))}
        dimensions = int(told[0]["dimensions"])
        sizes = sizes_of(manifest.spec, Size(**told[0]["own"]), dimensions)
        families, tried = list[Family](), tuple[tuple[Coefficients, Point], ...]()
        for item in manifest.spec.strategies:
            coefficients = coefficients_of(item, dimensions)
            if item.name == GRID:
                pairs = zip(coefficients, sizes[item.label], strict=True)
                tried = tuple((each, points[size]) for each, size in pairs if size in points)
            elif family := _family(manifest.spec, item.label, coefficients[0], sizes[item.label], points):
                families.append(family)
        levels = tuple(sorted({str(one["level"]) for one in told}))
        yield Panel(read(facts.name).own, facts, tuple(families), tried, levels)


def _family(
    spec: Spec, label: str, coefficients: Coefficients, sizes: list[Size], points: Mapping[Size, Point]
) -> Family | None:
    phis = spec.scaling.phis if spec.scaling else ()
    first = {size: phi for size, phi in reversed([*zip(sizes, phis, strict=True)]) if size in points}
    order = sorted(first, key=lambda size: points[size].macs)
    if not order:
        return None
    return Family(label, coefficients, tuple(first[size] for size in order), tuple(points[size] for size in order))


def _point(spec: Spec, size: Size, outputs: list[Any]) -> Point | None:
    """Return the point of a network; None where all its trainings diverged."""
    columns = {
        name: np.concatenate([np.atleast_1d(one.columns[name]) for one in outputs]) for name in outputs[0].columns
    }
    good = np.isfinite(columns["valid_accuracy"])
    if not good.any():
        return None
    accuracies = {"validation": columns["valid_accuracy"], "test": columns["held_out/test_accuracy"]}
    errors = {split: 100.0 - values[good] for split, values in accuracies.items()}
    rng = generator(spec.seed, "resamples of seeds", *vars(size).values())
    counts = resample_counts(int(good.sum()), REPETITIONS, rng)
    resamples = bootstrap_centres(np.stack([*errors.values()], axis=1), counts, "mean")
    return Point(
        size,
        float(columns["macs"][0]),
        float(columns["params"][0]),
        errors,
        float(columns["seconds"].mean()),
        int((~good).sum()),
        dict(zip(errors, resamples, strict=True)),
    )
