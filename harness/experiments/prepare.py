"""The preparation of an experiment: a spec checked whole, its tables in place, its units of work known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness import registry
from harness.benchmark import Benchmark
from harness.checks import choice
from harness.errors import HarnessError, SpecError
from harness.experiments.kind import Unit, at, kind_of, open_benchmark
from harness.experiments.manifest import BenchmarkFacts
from harness.experiments.objectives import check_objectives
from harness.experiments.spec import DEVICES, Spec, Task, check_labels
from harness.problem import Budget


@dataclass(frozen=True)
class Prepared:
    """A spec that has been checked whole, with its tables in place.

    Attributes
    ----------
    spec : Spec
    shards : dict of str to (str, Unit)
        Label and unit of work by digest, in the order of the spec.
    benchmarks : dict of str to BenchmarkFacts
    notices : tuple of str
        What can be run and will hardly be what was meant.
    tasks : dict of str to str
        Name of the task of each unit, by digest; see `harness.experiments.spec.Task`.
    """

    spec: Spec
    shards: dict[str, tuple[str, Unit]]
    benchmarks: dict[str, BenchmarkFacts]
    notices: tuple[str, ...] = ()
    tasks: dict[str, str] = field(default_factory=dict)


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
    with at("kind"):
        kind = kind_of(spec.kind)
    check_labels(spec, kind.listed)
    for index, name in enumerate(spec.benchmarks):
        with at(f"benchmarks[{index}]"):
            registry.table_provider(name)
    for index, name in enumerate(spec.report_on):
        with at(f"report_on[{index}]"):
            registry.table_provider(name)
    kind.check(spec)
    shards: dict[str, tuple[str, Unit]] = {}
    benchmarks, notices, tasks = dict[str, BenchmarkFacts](), [*kind.notices(spec)], dict[str, str]()
    for task in spec.tasks:
        name, posed = task.benchmark, spec.posed(task)
        benchmark = _opened(spec, task)
        benchmarks[task.name] = BenchmarkFacts.of(benchmark, spec.known_constraints, task.deployment)
        with at("objectives"):
            said = [too_small(benchmark, spec.budget), *check_objectives(benchmark, spec.report.log)]
        notices += [notice for notice in said if notice and notice not in notices]
        for index, unit in kind.units(posed, benchmark, device):
            label = spec.strategies[index].label
            tasks.setdefault(unit.digest, task.name)
            other = shards[unit.digest][1].benchmark if unit.digest in shards else name
            if other != name:
                raise SpecError(f"`benchmarks`: '{other}' and '{name}' are one table; name it once")
            with at(f"{kind.listed}[{index}]"):
                if unit.digest in shards:
                    raise HarnessError(
                        f"'{label}' is the same run as '{shards[unit.digest][0]}'; "
                        "change one of its settings or remove one of them"
                    )
            shards[unit.digest] = (label, unit)
        for index, other in enumerate(spec.report_on):
            with at(f"report_on[{index}]"):
                benchmarks.setdefault(other, _judging(other, benchmark, spec))
    return Prepared(spec, shards, benchmarks, tuple(notices), tasks)


def _judging(name: str, searched: Benchmark, spec: Spec) -> BenchmarkFacts:
    """Return the facts of a benchmark by which architectures found on another are judged too."""
    objectives = [objective.name for objective in searched.objectives]
    other = open_benchmark(name, objectives, (), spec.budget, check_content=True)
    here, there = searched.space, other.space
    if here.name != there.name or here.cardinalities.tolist() != there.cardinalities.tolist():
        raise HarnessError(
            f"'{name}' is of the space '{there.name}', and '{searched.name}' of '{here.name}': architectures are judged"
            " by tables of their own space"
        )
    return BenchmarkFacts.of(other)


def too_small(benchmark: Benchmark, budget: Budget) -> str:
    """Say what the cheapest training costs where a budget of simulated seconds is below it; "" where it is not."""
    cheapest: Callable[[int], float] | None = getattr(benchmark, "cheapest_seconds", None)
    if budget.seconds is None or cheapest is None:
        return ""
    full = cheapest(len(benchmark.fidelities) - 1)
    if not budget.seconds < full:
        return ""
    label = benchmark.fidelities[-1].label
    begin = (
        f"`budget.seconds` = {budget.seconds:g} is below what the cheapest training of '{benchmark.name}' costs, "
        f"{full:,.6g} s ({label}): "
    )
    firsts = [place for place, item in enumerate(benchmark.fidelities) if item.continues is None]
    if budget.seconds < min(map(cheapest, firsts)):
        return f"{begin}strategies will be told nothing, and no run will have a result"
    return f"{begin}no run will have a result at the full fidelity, by which reports judge"


def _opened(spec: Spec, task: Task) -> Benchmark:
    """Open a benchmark of a spec; an error names the key at which it goes wrong."""
    try:
        return open_benchmark(
            task.benchmark,
            spec.objectives,
            task.constraints,
            spec.budget,
            auxiliary=spec.auxiliary,
            check_content=True,
        )
    except HarnessError as error:
        raise SpecError(f"`{_wrong_key(spec, task)}`: {error}") from None


def _wrong_key(spec: Spec, task: Task) -> str:
    """Return the key without which a benchmark can be opened: of its columns, the nearest first, or its own."""
    deployed = [item.name for item in spec.deployments].index(task.deployment) if task.deployment else 0
    for key, objectives, constraints in (
        ("auxiliary", spec.objectives, task.constraints),
        *([(f"deployments[{deployed}].constraints", spec.objectives, spec.constraints)] if task.deployment else []),
        ("constraints", spec.objectives, ()),
        ("objectives", None, ()),
    ):
        try:
            open_benchmark(task.benchmark, objectives, constraints, spec.budget, check_content=False)
        except HarnessError:
            continue
        return key
    return f"benchmarks[{spec.benchmarks.index(task.benchmark)}]"
