"""Public checks that spaces, benchmarks, strategies and surrogates keep the rules; our tests run them on all names.

Each check returns the rules that it found kept, and raises a `HarnessError` that names the first one broken.
"""

from __future__ import annotations

import ast
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness import registry
from harness.benchmark import Benchmark
from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, UnfitError, must, unknown
from harness.experiments.building import inner_settings, make_inner, make_learner
from harness.guard import refusals, running
from harness.names import read
from harness.problem import Budget, Constraint, Prior, Problem
from harness.records import Proposals, Run
from harness.search.beginning import distinct
from harness.search.loop import make_problem, run_block
from harness.search.mishaps import Mishaps
from harness.seeding import mix64
from harness.space import IDENTITIES, KINDS, SearchSpace
from harness.strategy import Strategy
from harness.surrogate import Fit, Predict, Prediction, Surrogate
from harness.testing.altered import Altered
from harness.testing.honesty import DRAWS_OWN, OPENS_NOTHING, Watch, global_generators
from harness.testing.toy import ToyBenchmark

_ELSEWHERE = (
    "(This was on the toy benchmark; a strategy that is written for one space is checked there: "
    "`nas-harness check NAME --benchmark TABLE`.)"
)


_TRAININGS = 60
"""Finished trainings of a source that a check makes up."""


class _Rules:
    """Collects the rules kept; stops at the first one broken."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.kept: list[str] = []

    def __call__(self, rule: str, kept: Any, found: object = "") -> None:
        if not np.all(kept):
            detail = f"; found {found}" if str(found) else ""
            raise HarnessError(f"{self._what} breaks the rule: {rule}{detail}")
        self.kept.append(rule)


def check(name: str, benchmark: str | None = None) -> list[str]:
    """Check whatever a name stands for: a benchmark, strategy or surrogate, or ``"path/to/file.py:Class"``.

    Parameters
    ----------
    name : str
    benchmark : str, optional
        Name of the benchmark on which a strategy or a surrogate is checked; the default is the toy benchmark.

    Returns
    -------
    list of str
        The rules that it keeps.
    """
    rng = np.random.default_rng(0)
    parts = read(name)
    if parts.is_python and parts.key == name:
        raise HarnessError(must("strategy", f"name its class, '{name}:{_classes(parts.path)}'", name))
    kind = registry.kind_of(name)
    if kind == "benchmark" and benchmark is not None:
        raise HarnessError(f"`--benchmark` is for strategies and surrogates, and '{name}' is a benchmark: leave it out")
    if kind in ("strategy", "surrogate"):
        on = None if benchmark is None else registry.benchmark(benchmark)
        if kind == "strategy":
            factory = registry.strategy(name)
            if benchmark is not None and factory.takes.fewest_objectives > 1:
                on = _with_objectives(benchmark, factory.takes.fewest_objectives)
            return check_strategy(factory, benchmark=on)
        space = ToyBenchmark().space if on is None else on.space
        return check_surrogate(registry.surrogate({"name": name, "encoding": "one_hot"}, space), rng)
    if kind == "benchmark":
        table = registry.benchmark(name)
        return check_space(table.space, rng) + check_benchmark(table, rng)
    known = [known for kind in ("strategy", "benchmark", "surrogate") for known in registry.names(kind)]
    raise HarnessError(unknown("strategy, benchmark or surrogate", name, known))


def _with_objectives(name: str, count: int) -> Benchmark:
    """Open a benchmark with so many objectives: its validation metric, and costs that its space knows.

    Raises
    ------
    HarnessError
        If the space knows fewer.
    """
    plain = registry.benchmark(name)
    costs = plain.space.costs(plain.space.sample(1, np.random.default_rng(0)))
    names = [objective.name for objective in plain.objectives] + [*costs]
    if len(names) < count:
        raise HarnessError(
            f"this strategy needs {count} objectives, and of '{name}' a check knows {', '.join(names)} alone: check it "
            "on a table whose space counts parameters, or without `--benchmark`"
        )
    return registry.benchmark(name, objectives=names[:count])


def _classes(path: Path | None) -> str:
    """Return the names of the classes of a file, as a choice, or a word for them; runs nothing of it."""
    try:
        body = ast.parse(Path(path or "").read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError):
        return "Class"
    return "' or ':".join(node.name for node in body if isinstance(node, ast.ClassDef)) or "Class"


def check_space(space: SearchSpace, rng: np.random.Generator) -> list[str]:
    """Check a search space on random architectures."""
    rules = _Rules(f"space '{space.name}'")
    state = rng.bit_generator.state
    archs = space.sample(40, rng)
    rules("sample gives (n, L) of the space's dtype", archs.shape == (40, space.genes) and archs.dtype == space.dtype)
    rules("sample gives valid architectures", space.is_valid(archs))
    again = np.random.Generator(type(rng.bit_generator)())
    again.bit_generator.state = state
    rules("sample depends on the generator alone", np.array_equal(space.sample(40, again), archs))
    rules("parse inverts format", np.array_equal(space.parse(space.format(archs)), archs))
    outside = archs[:1].astype(np.int64)
    outside[0, 0] = space.cardinalities[0]
    rules("is_valid refuses a gene out of range", not space.is_valid(outside)[0])
    children = space.mutate(archs, rng)
    rules("mutate gives valid architectures", space.is_valid(children))
    rules("mutate changes every row", np.any(children != archs, axis=1))
    by_node = space.mutate(archs, rng, by="node")
    rules("mutate by node gives valid architectures", space.is_valid(by_node))
    rules("mutate by node changes every row", np.any(by_node != archs, axis=1))
    for arch, child, other in zip(archs[:5], children[:5], by_node[:5], strict=True):
        around = space.neighbours(arch)
        rules("neighbours are valid", space.is_valid(around))
        rules(
            "neighbours are distinct and leave out the architecture",
            len(_rows(around) - _rows(arch[None])) == len(around),
        )
        rules("a mutation is a neighbour", _rows(np.stack([child, other])) <= _rows(around))
        rules("neighbourhood is symmetric", _rows(arch[None]) <= _rows(space.neighbours(around[0])))
    _check_genes(rules, space)
    _check_crossover(rules, space, archs, rng)
    _check_graph(rules, space, archs)
    _check_morphisms(rules, space, archs)
    _check_growth(rules, space, archs)
    _check_keys(rules, space, np.concatenate([archs, children, archs[:3]]))
    legend = [len(values) for values in space.legend().values()]
    rules("legend names every gene and every value once", legend == space.cardinalities.tolist())
    costs = space.costs(archs)
    rules("costs are (n,) float64, above zero", [_is_cost(cost, len(archs)) for cost in costs.values()])
    for encoding in space.encodings:
        features = space.features(archs, encoding)
        rules(f"features '{encoding}' are (n, d) and finite", features.ndim == 2 and np.isfinite(features).all())
        alone = np.concatenate([space.features(arch[None], encoding) for arch in archs[:5]])
        rules(f"features '{encoding}' of a row do not depend on the others", np.array_equal(alone, features[:5]))
    return list(dict.fromkeys(rules.kept))


def _is_cost(cost: FloatArray, n: int) -> bool:
    return cost.shape == (n,) and cost.dtype == np.float64 and bool((cost > 0).all())


def _rows(archs: Archs) -> set[tuple[int, ...]]:
    return set(map(tuple, archs.tolist()))


def _check_genes(rules: _Rules, space: SearchSpace) -> None:
    kinds, nodes = space.gene_kinds, np.asarray(space.gene_nodes)
    rules("gene_kinds has a kind for each gene", len(kinds) == space.genes and set(kinds) <= set(KINDS))
    rules("gene_nodes is (L,) integers", nodes.shape == (space.genes,) and nodes.dtype.kind in "iu")


def _check_crossover(rules: _Rules, space: SearchSpace, archs: Archs, rng: np.random.Generator) -> None:
    others, kept = archs[rng.permutation(len(archs))], archs.copy()
    children = space.crossover(archs, others, rng)
    rules(
        "crossover gives (n, L) of the space's dtype", children.shape == archs.shape and children.dtype == space.dtype
    )
    rules("crossover gives valid architectures", space.is_valid(children))
    rules("every gene of a child is that of a parent", (children == archs) | (children == others))
    rules("crossover leaves the parents as they are", np.array_equal(archs, kept))
    rules("a child of equal parents is their copy", np.array_equal(space.crossover(archs, archs, rng), archs))


def _check_graph(rules: _Rules, space: SearchSpace, archs: Archs) -> None:
    graph = space.graph(archs)
    arrays = (graph.adjacency, graph.kinds, graph.mask)
    wanted = graph.adjacency.dtype == np.bool_ and graph.mask.dtype == np.bool_ and graph.kinds.dtype.kind in "iu"
    rules("graph has one of n graphs for each row, of bool, integers, bool", wanted and len(graph) == len(archs))
    named = (graph.kinds >= 0) & (graph.kinds < len(graph.labels))
    rules("every node of a graph has one of its labels, which differ", named)
    rules("every node of a graph has one of its labels, which differ", len(set(graph.labels)) == len(graph.labels))
    joined = graph.mask[:, :, None] & graph.mask[:, None, :]
    rules("edges of a graph join nodes that are there", joined | ~graph.adjacency)
    rules("edges of a graph lead to later places", not np.tril(graph.adjacency).any())
    alone = space.graph(archs[3:4])
    parts = zip(arrays, (alone.adjacency, alone.kinds, alone.mask), strict=True)
    same = alone.labels == graph.labels and all(np.array_equal(array[3:4], part) for array, part in parts)
    rules("the graph of a row does not depend on the others", same)


def _check_growth(rules: _Rules, space: SearchSpace, archs: Archs) -> None:
    try:
        growth = space.growth
    except HarnessError:
        rules("growth is refused where there is no order from simple to complex", True)
        return
    smallest = growth.smallest()
    rules("the smallest architectures are valid and of the lowest level", space.is_valid(smallest))
    rules("the smallest architectures are valid and of the lowest level", growth.level(smallest) == growth.lowest)
    levels = growth.level(archs)
    rules("levels lie between the lowest and the highest", (levels >= growth.lowest) & (levels <= growth.highest))
    for arch, level in zip(archs[:5], levels[:5].tolist(), strict=True):
        children = growth.grow(arch)
        rules("children are valid and one level above", space.is_valid(children))
        rules("children are valid and one level above", growth.level(children) == level + 1)


def _check_morphisms(rules: _Rules, space: SearchSpace, archs: Archs) -> None:
    if not space.has_morphisms:
        try:
            space.morphisms(archs[0])
        except HarnessError:
            rules("morphisms are refused where none are known", True)
        else:
            rules("morphisms are refused where none are known", False)
        return
    for arch in archs[:10]:
        children = space.morphisms(arch)
        rules(
            "morphisms are (k, L) of the space's dtype",
            children.shape[1:] == arch.shape and children.dtype == space.dtype,
        )
        rules("morphisms are valid", space.is_valid(children))
        rules("morphisms differ, from the architecture too", len(_rows(children) - _rows(arch[None])) == len(children))


def _check_keys(rules: _Rules, space: SearchSpace, archs: Archs) -> None:
    keys = {identity: space.key(archs, identity) for identity in IDENTITIES}
    same = {identity: key[:, None] == key[None] for identity, key in keys.items()}
    equal = np.all(archs[:, None] == archs[None], axis=2)
    rules("exact keys are equal exactly for equal rows", np.array_equal(same["exact"], equal))
    rules("the same string means the same function", ~same["string"] | same["functional"])
    rules("the same row means the same string", ~same["exact"] | same["string"])


def check_benchmark(benchmark: Benchmark, rng: np.random.Generator) -> list[str]:
    """Check that a benchmark answers purely: independent of order, batch and repetition."""
    rules = _Rules(f"benchmark '{benchmark.name}'")
    archs = benchmark.space.sample(30, rng)
    n = len(archs)
    proposals = Proposals(archs, np.arange(n) % len(benchmark.fidelities), np.arange(n))
    noise = rng.integers(0, 2**63, size=n, dtype=np.uint64)
    for seeds in (noise, None):
        told = benchmark.query(proposals, noise_seed=seeds)
        shape = (n, len(benchmark.objectives))
        rules("objectives are (n, m) float64", told.objectives.shape == shape and told.objectives.dtype == np.float64)
        rules("constraints are (n, c)", told.constraints.shape == (n, len(benchmark.constraints)))
        rules(
            "archs, fidelity and tag are echoed",
            np.array_equal(told.archs, archs) and np.array_equal(told.tag, proposals.tag),
        )
        rules("arrays handed out are read-only", not told.objectives.flags.writeable)
        timed = np.isfinite(told.seconds) & (told.seconds >= 0)
        rules(
            "seconds are there exactly if has_seconds says so",
            timed if benchmark.has_seconds else np.isnan(told.seconds),
        )
        order = rng.permutation(n)
        shuffled = benchmark.query(proposals.take(order), noise_seed=None if seeds is None else seeds[order])
        rules("answers do not depend on the order", _same(shuffled.objectives, told.objectives[order]))
        single = [
            benchmark.query(proposals.take([i]), noise_seed=None if seeds is None else seeds[i : i + 1]).objectives
            for i in range(5)
        ]
        rules("answers do not depend on the batch", _same(np.concatenate(single), told.objectives[:5]))
    return list(dict.fromkeys(rules.kept))


def _same(a: Any, b: Any) -> bool:
    return bool(np.array_equal(a, b, equal_nan=True))


def check_strategy(
    factory: type[Strategy],
    hyperparameters: Mapping[str, Any] | None = None,
    surrogate: Mapping[str, Any] | None = None,
    benchmark: Benchmark | None = None,
) -> list[str]:
    """Check a strategy by running it: honesty, budgets, workers, failures, constraints, repetition.

    Parameters
    ----------
    factory : type
        The strategy's class.
    hyperparameters : mapping, optional
        Others than the defaults.
    surrogate : mapping, optional
        For strategies that learn a model; the default is a small ridge regression, so that the check is quick.
    benchmark : Benchmark, optional
        On which to run it; the default is the toy benchmark.
    """
    rules = _Rules(f"strategy {factory.__name__}")
    settings = surrogate or {"name": "ridge", "encoding": "one_hot"}
    plain: Benchmark = benchmark or ToyBenchmark(objectives=factory.takes.fewest_objectives)

    def made(benchmark: Benchmark, budget: Budget, n_workers: int) -> tuple[Problem, Surrogate | None]:
        takes_one = "surrogate" in registry.keywords(factory)
        learner = make_learner(factory, settings if takes_one else None, benchmark, "cpu")
        problem = make_problem(benchmark, budget, n_workers)
        return replace(problem, prior=made_up_priors(benchmark)) if factory.takes.prior else problem, learner

    def run_on(
        problem: Problem,
        learner: Surrogate | None,
        on: Benchmark,
        kind: type[Strategy],
        rule: str,
        count: int,
        mishaps: Mishaps | None = None,
    ) -> tuple[Run, ...]:
        try:
            given = dict(hyperparameters or {})
            inner = make_inner(inner_settings(kind, given.pop("inner", None), on), on)
            strategies = [
                registry.build_strategy(kind, problem, np.random.default_rng(seed), given, learner, inner)
                for seed in range(count)
            ]
            seeds = np.arange(count, dtype=np.uint64)
            return run_block(on, problem, strategies, seeds, mishaps=None if mishaps is None else (mishaps, seeds))
        except HarnessError:
            raise
        except Exception as error:
            place = "".join(traceback.format_exception(error, limit=-2)).strip()
            raise HarnessError(f"strategy {factory.__name__} breaks the rule: {rule}; it raised\n{place}") from error

    def run(rule: str, on: Benchmark, budget: Budget, n_workers: int = 1, count: int = 2) -> tuple[Run, ...]:
        problem, learner = made(on, budget, n_workers)
        return run_on(problem, learner, on, factory, rule, count)

    budget, within = _budget(factory, plain), "proposes valid architectures within its budget"
    problem, learner = made(plain, budget, 1)

    def first(kind: type[Strategy]) -> None:
        try:
            run_on(problem, learner, plain, kind, within, 2)
        except HarnessError as error:
            if benchmark is None:
                raise HarnessError(f"{error}\n{_ELSEWHERE}") from error.__cause__
            raise

    Watch(factory).over(rules, problem, learner, first)
    block = run(within, plain, budget)
    rules(within, [_kept(budget, one) for one in block])
    if factory.takes.fidelities:
        rule = "trains something fully with what 60 full trainings cost"
        full = len(plain.fidelities) - 1
        what = "no row is at the full fidelity: `evaluations.fidelity` holds indices, see `Problem.index_of`"
        rules(rule, [bool((one.trace.fidelity == full).any()) for one in block], what)
    again = run("the same generator gives the same run", plain, budget)
    own = "another run: is there a generator of its own, as np.random.default_rng() in place of self.rng, or a clock?"
    rules("the same generator gives the same run", _same_traces(block, again), own)
    rules("another generator gives another run", not np.array_equal(block[0].trace.archs, block[1].trace.archs))
    alone = run("a run does not depend on its neighbours in the block", plain, budget, count=1)
    rules("a run does not depend on its neighbours in the block", _same_traces(alone, block))
    for rule, on, spent, n_workers in (
        *_variants(factory, benchmark, budget),
        *_several(factory, benchmark, _halved(budget)),
    ):
        if factory.takes.refusal(made(on, spent, n_workers)[0]):
            continue
        run(rule, on, spent, n_workers)
        rules(rule, True)
    rule = "copes with a cluster that misbehaves"
    workers = 4 if factory.takes.workers and plain.has_seconds else 1
    run_on(*made(plain, _halved(budget), workers), plain, factory, rule, 2, _MISHAPS)
    rules(rule, True)
    if factory.recommend is not Strategy.recommend:
        rule = "recommends without drawing anything"
        run_on(problem, learner, plain, _silent(factory), rule, 1)
        rules(rule, True)
    if factory.takes.fidelities:
        rule = "trains from scratch, or refuses to"
        with suppress(UnfitError):
            run(rule, plain, replace(budget, multi_fidelity="from_scratch"), 2)
        rules(rule, True)
    if factory.takes.signals:
        rule = "works with signals that are missing for some architectures (NaN)"
        problem, learner = made(_Blinded(plain), budget, 1)
        run_on(problem, learner, _Blinded(plain), factory, rule, 2)
        rules(rule, True)
    if factory.takes.prior:
        _check_prior(rules, factory, made(plain, budget, 1), run_on, plain, block)
    return rules.kept


_MISHAPS = Mishaps(stragglers=1.0, failures=0.2, hangs=0.05, retries=1, timeout=3.0)


def _silent(factory: type[Strategy]) -> type[Strategy]:
    """Return a strategy that breaks a rule where its recommendation draws from its generator."""

    class Silent(factory):  # type: ignore[misc, valid-type]  # a class that is known now
        def recommend(self) -> Archs:
            before = self.rng.bit_generator.state
            archs: Archs = super().recommend()
            if self.rng.bit_generator.state != before:
                raise HarnessError(f"strategy {factory.__name__} breaks the rule: recommend draws nothing")
            return archs

    return Silent


class _Blinded(Altered):
    """A benchmark whose signals are missing for half of the architectures, drawn by their codes."""

    def look(self, signal: str, archs: Archs) -> FloatArray:
        """Return a signal, NaN where it is missing."""
        missing = mix64(self.space.code(archs)) % np.uint64(2) == 0
        return np.where(missing, np.nan, super().look(signal, archs))


def _check_prior(
    rules: _Rules,
    factory: type[Strategy],
    made: tuple[Problem, Surrogate | None],
    run_on: Callable[..., tuple[Run, ...]],
    on: Benchmark,
    block: Sequence[Run],
) -> None:
    """Check that a strategy learns from finished trainings, that their names say nothing, and that it asks for them."""
    problem, learner = made
    rule = "does not depend on the names of its sources"
    renamed = tuple(replace(prior, source=f"other {place}") for place, prior in enumerate(problem.prior))
    rules(rule, _same_traces(block, run_on(replace(problem, prior=renamed), learner, on, factory, rule, 2)))
    rule = "works with sources that tell nothing"
    run_on(replace(problem, prior=problem.prior[-1:]), learner, on, factory, rule, 1)
    rules(rule, True)
    refused = bool(factory.takes.refusal(replace(problem, prior=())))
    rules("is refused without finished trainings of other tables", refused)


def made_up_priors(benchmark: Benchmark) -> tuple[Prior, ...]:
    """Return sources for a check: results of the benchmark itself, the same turned round, one result, and none."""
    archs = distinct(benchmark.space, _TRAININGS, np.random.default_rng(1))
    told = benchmark.query(Proposals.of(archs, len(benchmark.fidelities) - 1), noise_seed=None)
    good = np.isfinite(told.objectives).all(axis=1)
    archs, values, seconds = archs[good], told.objectives[good], told.seconds[good]
    parts = {
        "alike": (archs, values, seconds),
        "turned round": (archs, values.max(axis=0) + values.min(axis=0) - values, seconds),
        "one": (archs[:1], values[:1], seconds[:1]),
        "none": (archs[:0], values[:0], seconds[:0]),
    }
    for columns in parts.values():
        for column in columns:
            column.flags.writeable = False
    return tuple(Prior(name, *columns) for name, columns in parts.items())


def _budget(factory: type[Strategy], on: Benchmark) -> Budget:
    """Return a budget of 60 evaluations, or of what they cost where a strategy trains at lower fidelities."""
    if not factory.takes.fidelities:
        return Budget(evaluations=60)
    if on.has_seconds:
        return Budget(seconds=60 * _typical_seconds(on), multi_fidelity="resumable")
    return Budget(epochs=60 * on.fidelities[-1].epoch, multi_fidelity="resumable")


def _halved(budget: Budget) -> Budget:
    """Return a budget of half the size, for what needs no long run."""
    if budget.evaluations is not None:
        return replace(budget, evaluations=budget.evaluations // 2)
    if budget.seconds is not None:
        return replace(budget, seconds=budget.seconds / 2)
    return replace(budget, epochs=(budget.epochs or 0.0) / 2)


def _kept(budget: Budget, run: Run) -> bool:
    """Say whether a run kept its budget."""
    if budget.evaluations is not None:
        return len(run.trace) <= budget.evaluations
    return budget.seconds is None or bool(np.all(run.trace.finished_seconds <= budget.seconds))


def _variants(
    factory: type[Strategy], benchmark: Benchmark | None, budget: Budget
) -> Iterator[tuple[str, Benchmark, Budget, int]]:
    """Yield what else a strategy must cope with: rule, benchmark, budget, workers."""
    failing: Benchmark
    constrained: Benchmark
    if benchmark is None:
        m = factory.takes.fewest_objectives
        plain: Benchmark = ToyBenchmark(objectives=m)
        failing, time = ToyBenchmark(failing=True, objectives=m), 500.0
        constrained = ToyBenchmark(constraints=(Constraint("size", "<=", 7.0),), objectives=m)
    else:
        plain = benchmark
        failing, constrained = Altered(benchmark, failing=True), Altered(benchmark, constrained=True)
        time = 20 * _typical_seconds(benchmark)
    if plain.has_seconds:
        yield "works with parallel workers and results in any order", plain, budget, 4
        yield "works under a time budget", plain, replace(budget, evaluations=None, seconds=time), 3
    yield "survives failed trainings (NaN)", failing, budget, 1
    yield "works under constraints", constrained, budget, 1


def _several(
    factory: type[Strategy], benchmark: Benchmark | None, budget: Budget
) -> Iterator[tuple[str, Benchmark, Budget, int]]:
    """Yield several objectives on the toy benchmark, for strategies that take them: as `_variants`."""
    takes = factory.takes
    if benchmark is not None:
        return
    bounded = (Constraint("size", "<=", 7.0),)
    for count in range(max(2, takes.fewest_objectives), 4):
        if takes.objectives is None or count <= takes.objectives:
            rule = f"works with {count} objectives"
            yield rule, ToyBenchmark(objectives=count), budget, 1
            harder = ToyBenchmark(objectives=count, failing=True, constraints=bounded)
            yield f"{rule}, parallel workers, failed trainings and constraints", harder, budget, 4


def _typical_seconds(benchmark: Benchmark) -> float:
    """Return the median seconds of a training at the full fidelity; 1 where none is known."""
    archs = benchmark.space.sample(50, np.random.default_rng(0))
    told = benchmark.query(Proposals.of(archs, len(benchmark.fidelities) - 1), noise_seed=None)
    known = told.seconds[told.seconds > 0]
    return float(np.median(known)) if len(known) else 1.0


def _same_traces(a: Sequence[Run], b: Sequence[Run]) -> list[bool]:
    pairs = [(x.trace, y.trace) for x, y in zip(a, b, strict=False)]
    return [_same(x.archs, y.archs) and _same(x.objectives, y.objectives) for x, y in pairs]


def check_surrogate(learner: Surrogate, rng: np.random.Generator) -> list[str]:
    """Check an unfitted learner on a space of its own: shapes, immutability, repetition, batching."""
    rules = _Rules(f"surrogate {type(learner).__name__}")
    drawn = global_generators()
    with refusals() as refused:
        try:
            with running(f"the learner {type(learner).__name__}"):
                _check_learning(rules, learner, rng)
        finally:
            if refused:
                rules(OPENS_NOTHING, False, f"it asked for {', '.join(map(repr, refused))}")
    rules(OPENS_NOTHING, True)
    rules(DRAWS_OWN, drawn == global_generators())
    return list(dict.fromkeys(rules.kept))


def _check_learning(rules: _Rules, learner: Surrogate, rng: np.random.Generator) -> None:
    archs, pool = learner.space.sample(40, rng), learner.space.sample(15, rng)
    targets = 5.0 + archs.astype(np.float64).sum(axis=1)
    try:
        learner.predict(pool)
    except HarnessError:
        rules("predict before fit is refused", True)
    else:
        rules("predict before fit is refused", False)
    first = learner.fit(archs, targets, np.random.default_rng(1))
    rules("fit returns a copy", first is not learner)
    said = first.predict(pool)
    rules("mean and std are (q,)", said.mean.shape == said.std.shape == (15,))
    rules(
        "predictions are finite and std is not negative",
        np.isfinite(said.mean) & np.isfinite(said.std) & (said.std >= 0),
    )
    rules(
        "the same generator gives the same model",
        _agree(learner.fit(archs, targets, np.random.default_rng(1)).predict(pool), said),
    )
    tasks = [Fit(learner, archs[:n], targets[:n], np.random.default_rng(n)) for n in (40, 25, 10)]
    together = learner.fit_many(tasks)
    served = together[0].predict_many([Predict(model, pool) for model in together])
    for n, prediction in zip((40, 25, 10), served, strict=True):
        alone = learner.fit(archs[:n], targets[:n], np.random.default_rng(n)).predict(pool)
        rules("a task does not depend on the batch it is served in", _agree(alone, prediction, 1e-3))
    rules(
        "the signature names the learner", isinstance(learner.signature, str) and learner.signature == first.signature
    )


def _agree(a: Prediction, b: Prediction, tolerance: float = 1e-9) -> bool:
    return bool(np.allclose(a.mean, b.mean, rtol=tolerance, atol=tolerance))
