"""The kind of work `search`: shards of strategies on benchmarks, each a pure function, the same in every process.

The digest of a shard covers everything that its result depends on, so a result file that carries it is the result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.metadata import version
from itertools import chain, pairwise
from typing import Any

import numpy as np

from harness import registry
from harness.benchmark import Benchmark
from harness.digests import identity, later, sha256_of, without
from harness.errors import HarnessError, SpecError, StrategyError, UnfitError, must
from harness.experiments.building import Inner, check_learner, covered, inner_settings, make_inner, make_learner
from harness.experiments.columns import check_columns, check_offsets
from harness.experiments.kind import Kind, Output, at, charges_pass, open_benchmark, table_name
from harness.experiments.spec import Spec, StrategySpec, WarmUp, held, plain_data
from harness.experiments.transfer import Sources, Transfer, informed, transfer_to
from harness.files.reading import parse_json
from harness.files.spool import Column, Pieces, Spool
from harness.names import read
from harness.own.classes import file_sha256
from harness.problem import Budget, Constraint, Problem
from harness.records import Recommended, Run, Trace
from harness.search.beginning import check_draws, warmed
from harness.search.beside import COLUMNS as OTHER
from harness.search.beside import LATER, Paid
from harness.search.known import known_constraints, offered
from harness.search.loop import make_problem, run_block
from harness.search.mishaps import Mishaps
from harness.seeding import generator, noise_seed
from harness.strategy import Strategy
from harness.surrogate import Surrogate

SCHEMA = 1
"""Version of what the digest of a shard covers."""
BESIDE = ("epochs", "wasted_seconds", "attempts", *OTHER, *LATER)
"""Names of columns beside a trace, see `Run.beside`."""
_RECOMMENDED_FORMS = {"recommended/after": "i k", "recommended/archs": "i k L", "recommended/offsets": "i B"}
_FORMS = {
    "trace/archs": "i T L",
    **dict.fromkeys(("trace/fidelity", "trace/tag", "trace/worker"), "i T"),
    "trace/objectives": "f T m",
    "trace/constraints": "f T c",
    **dict.fromkeys(("trace/seconds", "trace/started_seconds", "trace/finished_seconds"), "f T"),
    "trace/charged": "b T",
    "offsets": "i B",
    "overhead_seconds": "f R",
    **{f"beside/{name}": "n T" for name in BESIDE},
    **_RECOMMENDED_FORMS,
}
"""Of the columns of a shard of R runs, B offsets and T rows; see `harness.experiments.columns`."""
AT_ONCE = 250
"""Replicates that run side by side without a learner: more save no time, and each holds its strategy in memory."""


@dataclass(frozen=True)
class Shard:
    """The unit of work of a search: a strategy on a benchmark, for one block of replicates.

    Attributes
    ----------
    benchmark, table_digest : str
    strategy : str
        Registered name, or ``"path/to/file.py:Class"``.
    strategy_version : int
    strategy_sha256 : str or None
        Of the file, where the strategy comes from one.
    hyperparameters : mapping
        All of them, defaults filled in.
    surrogate : mapping or None
    learner : str or None
        Signature of the surrogate.
    objectives : tuple of str
    constraints : tuple of Constraint
    budget : Budget
    n_workers : int
    seed : int
    first, stop : int
        The block holds the replicates ``range(first, stop)``.
    device : str
        Device class: ``"cpu"`` or ``"cuda"``.
    versions : mapping
        Of the libraries on which the numbers depend.
    validation_pass : bool
        Whether a pass over the validation images is charged, whose time the table records.
    transfer : Transfer or None
        Of strategies that learn from finished trainings of other tables.
    warm_up : WarmUp or None
    free_signals : bool
        Of strategies that read signals.
    simulate : Mishaps or None
        What goes wrong on the simulated cluster.
    known : tuple of str
        Columns of constraints that are known before training: strategies are posed the space that keeps these.
    auxiliary : tuple of str
        Columns told beside the objectives, of strategies that read them.
    """

    benchmark: str
    table_digest: str
    strategy: str
    strategy_version: int
    strategy_sha256: str | None
    hyperparameters: Mapping[str, Any]
    surrogate: Mapping[str, Any] | None
    learner: str | None
    objectives: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    budget: Budget
    n_workers: int
    seed: int
    first: int
    stop: int
    device: str
    versions: Mapping[str, str]
    validation_pass: bool = later(False)
    transfer: Transfer | None = later(None)
    warm_up: WarmUp | None = later(None)
    free_signals: bool = later(False)
    simulate: Mishaps | None = later(None)
    known: tuple[str, ...] = later(())
    auxiliary: tuple[str, ...] = later(())

    @property
    def strategy_name(self) -> str:
        """The strategy's name wherever its file lies: what random streams are addressed by."""
        return read(self.strategy).own

    @property
    def version(self) -> str:
        """What of the strategy runs, in words: its version, and of a file of one's own what its bytes are."""
        file = f", file {self.strategy_sha256[:12]}" if self.strategy_sha256 else ""
        return f"{self.strategy_version}{file}"

    def as_dict(self) -> dict[str, Any]:
        """Return the shard as plain JSON data."""
        return plain_data(self)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that the result depends on, hexadecimal."""
        facts = identity(self) | {"strategy": self.strategy_name, "schema": SCHEMA}
        facts["constraints"] = [str(constraint) for constraint in self.constraints]
        facts["benchmark"] = read(self.benchmark).own
        if read(self.benchmark).path is not None:
            del facts["benchmark"]  # a path is only an address: the table's digest says which one it is
        del facts["surrogate"]  # the learner's signature says it with all defaults filled in
        facts["hyperparameters"] = covered(facts["hyperparameters"])
        facts.get("transfer", {}).pop("sources", None)  # addresses: the digests say which tables they are
        facts["budget"].pop("validation_pass", None)  # asked for; the shard's own says whether there is one
        return sha256_of(facts)


def make_strategy(
    factory: type[Strategy],
    shard: Shard,
    problem: Problem,
    learner: Surrogate | None,
    inner: Inner | None,
    table: str,
    replicate: int,
) -> Strategy:
    """Build the strategy of a replicate, with the random stream that its names address."""
    rng = generator(shard.seed, "strategy", shard.strategy_name, table, replicate)
    hyperparameters = {**factory.later_hyperparameters, **shard.hyperparameters}
    hyperparameters.pop("inner", None)
    return registry.build_strategy(factory, problem, rng, hyperparameters, learner, inner)


def resolve(
    spec: Spec, strategy: StrategySpec, benchmark: Benchmark, device: str, factory: type[Strategy] | None = None
) -> list[Shard]:
    """Return the shards of a strategy on a benchmark, after building the strategy once to check its values.

    Raises
    ------
    HarnessError
        If the strategy, its hyperparameters, its surrogate or the budget do not fit the benchmark.
    """
    has_name = factory is None
    factory = factory or registry.strategy(strategy.name)
    known = registry.keywords(factory)
    learner = make_learner(factory, strategy.surrogate, benchmark, device)
    problem = make_problem(benchmark, spec.budget, spec.n_workers, free_signals=spec.free_signals)
    if not factory.takes.auxiliary:
        problem = replace(problem, auxiliary=())
    bounds = known_constraints(benchmark) if spec.known_constraints == "kept" else ()
    problem = offered(problem, benchmark) if bounds else problem
    transfer = None
    if spec.transfer is not None and factory.takes.prior:
        transfer = transfer_to(spec.transfer, benchmark, len(spec.benchmarks), spec.budget)
        problem = _with_example(problem, transfer, benchmark, spec)
    given = {name: value for name, value in strategy.hyperparameters.items() if name != "inner"}
    settings = inner_settings(factory, strategy.hyperparameters.get("inner"), benchmark, device)
    inner = make_inner(settings, benchmark, device)
    hyperparameters = {name: value for name, value in known.items() if name not in ("surrogate", "inner")} | given
    if settings is not None:
        hyperparameters["inner"] = settings
    learners = [item for item in (learner, *(inner.learners if inner else ())) if item is not None]
    learning = chain.from_iterable(item.libraries for item in learners) if learners else ("numpy",)
    libraries = (
        *learning,
        *factory.libraries,
        *(inner.libraries if inner else ()),
        *getattr(benchmark, "libraries", ()),
    )
    try:
        _built_once(partial(registry.build_strategy, factory), problem, strategy, (given, learner, inner))
    except UnfitError as error:
        fitting = registry.strategies_for(problem)
        raise UnfitError(f"{error}. Strategies that can: {', '.join(fitting) or 'none'}") from None
    _check_plain(hyperparameters)
    return [
        Shard(
            benchmark=benchmark.name,
            table_digest=benchmark.digest,
            strategy=strategy.name,
            strategy_version=factory.version,
            strategy_sha256=file_sha256(strategy.name) if has_name else None,
            hyperparameters=without(hyperparameters, factory.later_hyperparameters),
            surrogate=strategy.surrogate,
            learner=None if learner is None else learner.signature,
            objectives=tuple(objective.name for objective in benchmark.objectives),
            constraints=spec.constraints,
            budget=spec.budget,
            n_workers=spec.n_workers,
            seed=spec.seed,
            first=first,
            stop=min(first + spec.replicates_per_shard, spec.replicates),
            device=next((item.device for item in learners if item.device != "cpu"), "cpu"),
            versions={library: version(library) for library in libraries},
            validation_pass=charges_pass(benchmark),
            transfer=transfer,
            warm_up=strategy.warm_up,
            free_signals=spec.free_signals and (factory.takes.signals or strategy.warm_up is not None),
            simulate=spec.simulate,
            known=tuple(item.name for item in bounds),
            auxiliary=tuple(item.name for item in problem.auxiliary),
        )
        for first in range(0, spec.replicates, spec.replicates_per_shard)
    ]


def _built_once(build: Callable[..., Strategy], problem: Problem, strategy: StrategySpec, given: Sequence[Any]) -> None:
    """Build a strategy to check its values, and that it can be warmed up where that is asked for."""

    def make(problem: Problem, rng: np.random.Generator) -> Strategy:
        return build(problem, rng, *given)

    make(problem, np.random.default_rng(0))
    if strategy.warm_up is not None:
        problem.signal(strategy.warm_up.signal)
        check_draws(make, problem)


def _with_example(problem: Problem, transfer: Transfer, benchmark: Benchmark, spec: Spec) -> Problem:
    """Return the problem with the prior of the first replicate; refuse sources that cost the whole budget."""
    priors, paid = Sources(transfer, benchmark, spec.budget, spec.seed).priors(0)
    for key, cost, limit in (
        ("evaluations", paid.trainings, None if spec.budget.evaluations is None else spec.budget.evaluations - 1),
        ("seconds", paid.seconds / spec.n_workers, spec.budget.seconds),
        ("epochs", paid.epochs, spec.budget.epochs),
    ):
        if limit is not None and cost > 0 and cost >= limit:
            raise HarnessError(
                f"the sources cost {cost:,.6g} {key}, which leaves nothing of the budget to search with: ask for fewer "
                '`rows`, or set `charge` to "amortised" or "free"'
            )
    return informed(problem, priors)


def _check_plain(hyperparameters: Mapping[str, Any]) -> None:
    """Hyperparameters are part of the digest, so they must be what JSON can hold."""
    for name, value in hyperparameters.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            raise HarnessError(must(f"hyperparameter {name}", "be plain data (numbers, texts, lists)", value)) from None


def run_shard(
    shard: Shard, *, factory: type[Strategy] | None = None, on_step: Callable[[int], None] | None = None
) -> tuple[Run, ...]:
    """Run a shard and return one run for each replicate, in order; as `run_parts`."""
    return tuple(chain.from_iterable(run_parts(shard, factory=factory, on_step=on_step)))


def run_parts(
    shard: Shard, *, factory: type[Strategy] | None = None, on_step: Callable[[int], None] | None = None
) -> Iterator[tuple[Run, ...]]:
    """Run a shard, so many replicates side by side that memory does not grow with their number.

    Where replicates share a learner, all run side by side: its arithmetic may depend on what it is given at once.

    Parameters
    ----------
    shard : Shard
    factory : type, optional
        The strategy's class, where it has no name of its own.
    on_step : callable, optional
        Called with the evaluations told so far, all replicates together.

    Returns
    -------
    iterator of tuple of Run
        One run for each replicate, in order, under the name of the strategy.

    Raises
    ------
    HarnessError
        If the table, or the strategy's file, is not the one that the shard names.
    StrategyError
        If the strategy breaks a rule.
    """
    budget = replace(shard.budget, validation_pass=shard.validation_pass)
    benchmark = open_benchmark(shard.benchmark, shard.objectives, shard.constraints, budget, auxiliary=shard.auxiliary)
    if benchmark.digest != shard.table_digest:
        raise HarnessError(f"the table '{shard.benchmark}' changed after the run was prepared; run again")
    if factory is None:
        if file_sha256(shard.strategy) != shard.strategy_sha256:
            raise HarnessError(f"the file of '{shard.strategy}' changed after the run was prepared; run again")
        factory = registry.strategy(shard.strategy)
    return _parts(shard, factory, benchmark, on_step)


def _parts(
    shard: Shard, factory: type[Strategy], benchmark: Benchmark, on_step: Callable[[int], None] | None
) -> Iterator[tuple[Run, ...]]:
    problem = make_problem(benchmark, shard.budget, shard.n_workers, free_signals=shard.free_signals)
    if shard.warm_up is not None:
        factory = warmed(factory, **vars(shard.warm_up))
    posed = offered(problem, benchmark) if shard.known else problem
    learner = make_learner(factory, shard.surrogate, benchmark, shard.device)
    check_learner(learner, shard.learner)
    inner = make_inner(shard.hyperparameters.get("inner"), benchmark, shard.device)
    table, told = table_name(benchmark), 0
    learns = learner is not None or (inner is not None and bool(inner.learners))
    together = shard.stop - shard.first if learns else AT_ONCE
    budget = replace(shard.budget, validation_pass=shard.validation_pass)
    sources = None if shard.transfer is None else Sources(shard.transfer, benchmark, budget, shard.seed)
    for first in range(shard.first, shard.stop, together):
        replicates = range(first, min(first + together, shard.stop))
        problems, paid = [posed] * len(replicates), list[Paid]()
        if sources is not None:
            known = [sources.priors(replicate) for replicate in replicates]
            problems = [informed(posed, priors) for priors, _ in known]
            paid = [spent for _, spent in known]
        strategies = [
            make_strategy(factory, shard, one, learner, inner, table, replicate)
            for one, replicate in zip(problems, replicates, strict=True)
        ]
        seeds = np.array([noise_seed(shard.seed, table, replicate) for replicate in replicates])
        noise = seeds if shard.budget.draws else None
        mishaps = None if shard.simulate is None else (shard.simulate, seeds)
        step = None if on_step is None else partial(_from, told, on_step)
        try:
            runs = run_block(benchmark, problem, strategies, noise, step, mishaps, paid)
        except StrategyError:
            raise
        except Exception as error:
            error.add_note(
                f"while running {shard.strategy} on {shard.benchmark}, replicates {shard.first} to {shard.stop - 1}"
            )
            raise
        told += sum(len(run.trace) for run in runs)
        yield tuple(
            replace(run, benchmark=shard.benchmark, label=shard.strategy_name, replicate=first + run.replicate)
            for run in runs
        )


def _from(told: int, on_step: Callable[[int], None], evaluations: int) -> None:
    """Tell evaluations of a part on top of those of the parts before it."""
    on_step(told + evaluations)


def output_of(runs: Sequence[Run]) -> Output:
    """Return the runs of a shard as columns: their traces end to end, and where each begins."""
    return _collected([runs])


def _collected(parts: Iterable[Sequence[Run]]) -> Output:
    """Return the runs of a shard, part by part, as columns.

    A part is let go as soon as its columns are taken, and what is taken does not stay in memory.
    """
    spool = Spool()
    pieces = {f"trace/{name}": Pieces(spool) for name in Trace._names}
    lengths, overhead, stopped = [0], list[float](), list[str]()
    said = [0]
    for runs in parts:
        new = {f"trace/{name}": [getattr(run.trace, name) for run in runs] for name in Trace._names}
        # what this part has nothing of, or those before it had nothing of, is zero there
        for name in {key: None for run in runs for key in run.beside}:
            new[f"beside/{name}"] = [run.beside.get(name, np.zeros(len(run.trace))) for run in runs]
            if lengths[1:] and f"beside/{name}" not in pieces:
                kind = new[f"beside/{name}"][0].dtype
                pieces[f"beside/{name}"] = Pieces(spool)
                pieces[f"beside/{name}"].append(np.zeros(sum(lengths), dtype=kind))
        rows = sum(len(run.trace) for run in runs)
        for name in pieces:
            if name.startswith("beside/") and name not in new:
                new[name] = [np.zeros(rows, dtype=pieces[name].dtype)]
        recommended = [run.recommended for run in runs if run.recommended is not None]
        if recommended:
            said += [len(item) for item in recommended]
            new |= {f"recommended/{name}": [getattr(item, name) for item in recommended] for name in Recommended._names}
        for name, parts_of in new.items():
            pieces.setdefault(name, Pieces(spool)).append(np.concatenate(parts_of))
        lengths += [len(run.trace) for run in runs]
        overhead += [run.overhead_seconds for run in runs]
        stopped += [run.stopped for run in runs]
    columns: dict[str, Column] = dict(pieces)
    if len(said) > 1:
        columns["recommended/offsets"] = np.cumsum(said, dtype=np.int64)
    columns["offsets"] = np.cumsum(lengths, dtype=np.int64)
    columns["overhead_seconds"] = np.array(overhead)
    return Output(columns, {"stopped": json.dumps(stopped)})


def runs_of(shard: Shard, output: Output) -> tuple[Run, ...]:
    """Return the runs of a shard from its columns: what `output_of` was given."""
    columns = {name: np.asarray(column) for name, column in output.columns.items()}
    merged = Trace(**{name: columns[f"trace/{name}"] for name in Trace._names}).lean()
    beside = {name: columns[f"beside/{name}"] for name in BESIDE if f"beside/{name}" in columns}
    stopped, overhead = json.loads(output.texts["stopped"]), columns["overhead_seconds"].tolist()
    bounds = pairwise(columns["offsets"].tolist())
    said = _said(columns, shard.stop - shard.first)
    return tuple(
        Run(
            shard.benchmark,
            shard.strategy_name,
            shard.first + place,
            merged.part(start, stop),
            stopped[place],
            overhead[place],
            {name: column[start:stop] for name, column in beside.items()},
            said[place],
        )
        for place, (start, stop) in enumerate(bounds)
    )


def _said(columns: Mapping[str, Any], count: int) -> list[Recommended | None]:
    """Return what each of so many runs recommended, from the columns of their shard."""
    if "recommended/offsets" not in columns:
        return [None] * count
    whole = Recommended(*[columns[f"recommended/{name}"] for name in Recommended._names])
    return [whole.part(start, stop) for start, stop in pairwise(columns["recommended/offsets"].tolist())]


def _those_that_take(what: str) -> str:
    """Return the names of the strategies whose `Takes` say so, "none" if there are none."""
    fitting = []
    for name in registry.names("strategy"):
        with suppress(ImportError, HarnessError):  # an extra that is not installed
            if getattr(registry.strategy(name).takes, what):
                fitting.append(name)
    return ", ".join(fitting) or "none"


class Search(Kind[Shard]):
    """The kind of work `search`: every strategy on every benchmark, through the search loop."""

    columns = (*(f"trace/{name}" for name in Trace._names), "offsets", "overhead_seconds")
    optional = (*(f"beside/{name}" for name in BESIDE), *_RECOMMENDED_FORMS)
    texts = ("stopped",)

    def check(self, spec: Spec) -> None:
        """Refuse strategies that do not exist, and sources and columns that do not exist or that nobody would read."""
        factories = list[type[Strategy]]()
        for index, strategy in enumerate(spec.strategies):
            with at(f"strategies[{index}]"):
                factories.append(registry.strategy(strategy.name))
        for index, name in enumerate(() if spec.transfer is None else spec.transfer.sources):
            with at(f"transfer.from[{index}]"):
                registry.table_provider(name)
        if spec.transfer is not None and not any(factory.takes.prior for factory in factories):
            raise SpecError(
                "`transfer`: no strategy of the spec learns from finished trainings of other tables; those that do: "
                f"{_those_that_take('prior')}"
            )
        if spec.auxiliary and not any(factory.takes.auxiliary for factory in factories):
            raise SpecError(
                "`auxiliary`: no strategy of the spec reads columns beside the objectives; those that do: "
                f"{_those_that_take('auxiliary')}"
            )

    def units(self, spec: Spec, benchmark: Benchmark, device: str) -> Iterator[tuple[int, Shard]]:
        """Yield the shards of all strategies, each strategy's after it was built once."""
        with at("budget / n_workers"):
            make_problem(benchmark, spec.budget, spec.n_workers)
        if spec.transfer is not None:
            with at("transfer"):
                transfer_to(spec.transfer, benchmark, len(spec.benchmarks), spec.budget)
        for index, strategy in enumerate(spec.strategies):
            with at(f"strategies[{index}]"):
                shards = resolve(spec, strategy, benchmark, device)
            yield from ((index, shard) for shard in shards)

    def unit(self, data: Mapping[str, Any]) -> Shard:
        """Read what `Shard.as_dict` wrote."""
        return Shard(**held(data, Shard))

    def check_output(self, unit: Shard, output: Output) -> None:
        """Refuse traces, and what goes with them, that are not of the runs of a shard."""
        runs, columns = unit.stop - unit.first, output.columns
        further = _RECOMMENDED_FORMS if any(name in columns for name in _RECOMMENDED_FORMS) else ()
        lengths = check_columns(
            columns,
            _FORMS,
            {"R": runs, "B": runs + 1, "m": len(unit.objectives), "c": len(unit.constraints)},
            (*self.columns, *further),
        )
        check_offsets("offsets", columns["offsets"], lengths["T"])
        if further:
            check_offsets("recommended/offsets", columns["recommended/offsets"], lengths["k"])
        stopped = parse_json(output.texts["stopped"], "`stopped`")
        if not isinstance(stopped, list) or len(stopped) != runs or not all(isinstance(one, str) for one in stopped):
            raise HarnessError(must("stopped", f"be {runs} texts", stopped))

    def small(self, unit: Shard) -> Shard:
        """Return the first two replicates of a shard."""
        return replace(unit, stop=min(unit.first + 2, unit.stop))

    def steps(self, unit: Shard) -> int | None:
        """Return the evaluations of all replicates, where the budget says how many."""
        return unit.budget.evaluations and unit.budget.evaluations * (unit.stop - unit.first)

    def run(self, unit: Shard, on_step: Callable[[int], None] | None = None) -> Output:
        """Run a shard; its columns are read back by `runs_of`."""
        return _collected(run_parts(unit, on_step=on_step))
