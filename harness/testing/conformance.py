"""Public checks that spaces, benchmarks, strategies and surrogates keep the rules; our tests run them on all names.

Each check returns the rules that it found kept, and raises a `HarnessError` that names the first one broken.
"""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np

from harness import registry
from harness.benchmark import Benchmark, trains
from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, must, unknown
from harness.guard import refusals, running
from harness.names import read
from harness.records import Proposals
from harness.space import IDENTITIES, KINDS, SearchSpace
from harness.spaces import named
from harness.surrogate import Fit, Informed, Predict, Prediction, Surrogate
from harness.testing.honesty import DRAWS_OWN, OPENS_NOTHING, global_generators
from harness.testing.rules import Rules, same
from harness.testing.searches import check_strategy
from harness.testing.tasks import check_task
from harness.testing.toy import ToyBenchmark


def check(name: str, benchmark: str | None = None) -> list[str]:
    """Check what a name stands for: benchmark, strategy, surrogate, space or task, or ``"path/to/file.py:Class"``.

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
    is_space = kind == "space" or named.is_space(name)
    if (is_space or kind in ("benchmark", "one_shot")) and benchmark is not None:
        what = "a search space" if is_space else "a benchmark" if kind == "benchmark" else "a one-shot method"
        raise HarnessError(f"`--benchmark` is for strategies and surrogates, and '{name}' is {what}: leave it out")
    if is_space and (kind in ("space", None) or parts.path is not None):  # else the benchmark of the same name
        return check_space(named.space(name), rng)
    if kind in ("strategy", "surrogate"):
        on = None if benchmark is None else registry.benchmark(benchmark)
        if kind == "strategy":
            factory = registry.strategy(name)
            if benchmark is not None and factory.takes.fewest_objectives > 1:
                on = _with_objectives(benchmark, factory.takes.fewest_objectives)
            return check_strategy(factory, benchmark=on)
        space = ToyBenchmark().space if on is None else on.space
        encoded = {"encoding": "one_hot"} if "encoding" in registry.keywords(registry.learner(name)) else {}
        return check_surrogate(registry.surrogate({"name": name, **encoded}, space), rng)
    if kind == "one_shot":
        from harness.testing.one_shot import check_named  # brings torch

        return check_named(name)
    if kind == "benchmark":
        table = registry.benchmark(name)
        if parts.is_python:
            return check_space(table.space, rng) + check_task(name)
        return check_space(table.space, rng) + check_benchmark(table, rng)
    known = [known for kind in ("strategy", "one_shot", "benchmark", "surrogate") for known in registry.names(kind)]
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
    rules = Rules(f"space '{space.name}'")
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


def _check_genes(rules: Rules, space: SearchSpace) -> None:
    kinds, nodes = space.gene_kinds, np.asarray(space.gene_nodes)
    rules("gene_kinds has a kind for each gene", len(kinds) == space.genes and set(kinds) <= set(KINDS))
    rules("gene_nodes is (L,) integers", nodes.shape == (space.genes,) and nodes.dtype.kind in "iu")


def _check_crossover(rules: Rules, space: SearchSpace, archs: Archs, rng: np.random.Generator) -> None:
    others, kept = archs[rng.permutation(len(archs))], archs.copy()
    children = space.crossover(archs, others, rng)
    rules(
        "crossover gives (n, L) of the space's dtype", children.shape == archs.shape and children.dtype == space.dtype
    )
    rules("crossover gives valid architectures", space.is_valid(children))
    rules("every gene of a child is that of a parent", (children == archs) | (children == others))
    rules("crossover leaves the parents as they are", np.array_equal(archs, kept))
    rules("a child of equal parents is their copy", np.array_equal(space.crossover(archs, archs, rng), archs))


def _check_graph(rules: Rules, space: SearchSpace, archs: Archs) -> None:
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


def _check_growth(rules: Rules, space: SearchSpace, archs: Archs) -> None:
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


def _check_morphisms(rules: Rules, space: SearchSpace, archs: Archs) -> None:
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


def _check_keys(rules: Rules, space: SearchSpace, archs: Archs) -> None:
    keys = {identity: space.key(archs, identity) for identity in IDENTITIES}
    same = {identity: key[:, None] == key[None] for identity, key in keys.items()}
    equal = np.all(archs[:, None] == archs[None], axis=2)
    rules("exact keys are equal exactly for equal rows", np.array_equal(same["exact"], equal))
    rules("the same string means the same function", ~same["string"] | same["functional"])
    rules("the same row means the same string", ~same["exact"] | same["string"])


def check_benchmark(benchmark: Benchmark, rng: np.random.Generator) -> list[str]:
    """Check that a benchmark answers purely: independent of order, batch and repetition."""
    rules = Rules(f"benchmark '{benchmark.name}'")
    archs = benchmark.space.sample(5 if trains(benchmark) else 30, rng)
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
        rules("answers do not depend on the order", same(shuffled.objectives, told.objectives[order]))
        single = [
            benchmark.query(proposals.take([i]), noise_seed=None if seeds is None else seeds[i : i + 1]).objectives
            for i in range(5)
        ]
        rules("answers do not depend on the batch", same(np.concatenate(single), told.objectives[:5]))
    return list(dict.fromkeys(rules.kept))


def check_surrogate(learner: Surrogate, rng: np.random.Generator) -> list[str]:
    """Check an unfitted learner on a space of its own: shapes, immutability, repetition, batching."""
    rules = Rules(f"surrogate {type(learner).__name__}")
    with refusals() as refused:
        try:
            with running(f"the learner {type(learner).__name__}"):
                _check_learning(rules, learner, rng)
        finally:
            if refused:
                rules(OPENS_NOTHING, False, f"it asked for {', '.join(map(repr, refused))}")
    rules(OPENS_NOTHING, True)
    return list(dict.fromkeys(rules.kept))


def _some_function(archs: Archs) -> FloatArray:
    """Return what learners are checked on, (n,)."""
    values: FloatArray = 5.0 + archs.astype(np.float64).sum(axis=1)
    return values


def _check_learning(rules: Rules, learner: Surrogate, rng: np.random.Generator) -> None:
    if isinstance(learner, Informed):
        learner = learner.told_by(lambda archs: _some_function(archs)[:, None])
    archs, pool = learner.space.sample(40, rng), learner.space.sample(15, rng)
    targets = _some_function(archs)
    try:
        learner.predict(pool)
    except HarnessError:
        rules("predict before fit is refused", True)
    except Exception as error:  # noqa: BLE001  # of someone else's file, where a model has no weights yet
        rules("predict before fit is refused", False, f"{type(error).__name__} in place of harness.HarnessError")
    else:
        rules("predict before fit is refused", False)
    first = learner.fit(archs, targets, np.random.default_rng(1))
    rules("fit returns a copy", first is not learner)
    said, drawn = first.predict(pool), global_generators()  # libraries that the first fit imports may draw
    rules("mean and std are (q,)", said.mean.shape == said.std.shape == (15,))
    rules(
        "predictions are finite and std is not negative",
        np.isfinite(said.mean) & np.isfinite(said.std) & (said.std >= 0),
    )
    rules(
        "the same generator gives the same model",
        _agree(learner.fit(archs, targets, np.random.default_rng(1)).predict(pool), said),
    )
    sizes = (40, 25, 10)
    together = learner.fit_many([Fit(learner, archs[:n], targets[:n], np.random.default_rng(1)) for n in sizes])
    served = together[0].predict_many([Predict(model, pool) for model in together])
    alone = [said, *(learner.fit(archs[:n], targets[:n], np.random.default_rng(1)).predict(pool) for n in sizes[1:])]
    for one, prediction in zip(alone, served, strict=True):
        rules("a task does not depend on the batch it is served in", _agree(one, prediction, 1e-3))
    rules(
        "the signature names the learner", isinstance(learner.signature, str) and learner.signature == first.signature
    )
    rules(DRAWS_OWN, drawn == global_generators())


def _agree(a: Prediction, b: Prediction, tolerance: float = 1e-9) -> bool:
    return bool(np.allclose(a.mean, b.mean, rtol=tolerance, atol=tolerance))
