"""The preparation of an experiment: a spec checked whole, its tables in place, its units of work known."""

from __future__ import annotations

from dataclasses import dataclass

from harness import registry
from harness.checks import choice
from harness.errors import HarnessError, SpecError
from harness.experiments.kind import Unit, at, kind_of, open_benchmark
from harness.experiments.spec import DEVICES, Spec, check_labels
from harness.experiments.store import BenchmarkFacts


@dataclass(frozen=True)
class Prepared:
    """A spec that has been checked whole, with its tables in place.

    Attributes
    ----------
    spec : Spec
    shards : dict of str to (str, Unit)
        Label and unit of work by digest, in the order of the spec.
    benchmarks : dict of str to BenchmarkFacts
    """

    spec: Spec
    shards: dict[str, tuple[str, Unit]]
    benchmarks: dict[str, BenchmarkFacts]


def prepare(spec: Spec, *, device: str = "cpu", source: str = "spec") -> Prepared:
    """Check a spec whole and bring its tables into place, before anything runs.

    Parameters
    ----------
    spec : Spec
    device : {"cpu", "cuda"}
        Where learners compute.
    source : str
        Named in errors, for example the file of the spec.

    Raises
    ------
    SpecError
        Names the source, the key, the rule and the value or the nearest match.
    """
    choice("device", device, DEVICES)
    try:
        return _prepared(spec, device)
    except SpecError as error:
        raise SpecError(f"{source}: {error}") from None


def _prepared(spec: Spec, device: str) -> Prepared:
    check_labels(spec)
    with at("kind"):
        kind = kind_of(spec.kind)
    for index, name in enumerate(spec.benchmarks):
        with at(f"benchmarks[{index}]"):
            registry.table_provider(name)
    kind.check(spec)
    shards: dict[str, tuple[str, Unit]] = {}
    benchmarks = {}
    for name in spec.benchmarks:
        with at("benchmarks / objectives / constraints"):
            benchmark = open_benchmark(name, spec.objectives, spec.constraints, spec.budget, check_content=True)
        benchmarks[name] = BenchmarkFacts.of(benchmark)
        for index, unit in kind.units(spec, benchmark, device):
            label = spec.strategies[index].label
            twin = shards[unit.digest][1].benchmark if unit.digest in shards else name
            if twin != name:
                raise SpecError(f"`benchmarks`: '{twin}' and '{name}' are one table; name it once")
            with at(f"strategies[{index}]"):
                if unit.digest in shards:
                    raise HarnessError(
                        f"'{label}' is the same run as '{shards[unit.digest][0]}'; "
                        "change a hyperparameter or remove one of them"
                    )
            shards[unit.digest] = (label, unit)
    return Prepared(spec, shards, benchmarks)
