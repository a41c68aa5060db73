"""The part of a large space that a table has rows for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks_data.file import layout, recorded
from benchmarks_data.provider import PROVIDER
from harness import registry
from harness.errors import HarnessError
from harness.problem import Budget
from harness.search.loop import make_problem, run_block
from harness.space import SearchSpace
from harness.spaces import rows as module
from harness.spaces.rows import RowsSpace
from harness.testing.conformance import check_benchmark, check_space
from tests.benchmarks_data.made_up import Bags, bags, made


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Write a partial table of 60 bags."""
    monkeypatch.setitem(recorded.named.SPACES, "bags", ("tests.benchmarks_data.made_up:Bags",))
    layout.write(tmp_path / "partial.h5", made(bags(60), partial=True))
    return tmp_path / "partial.h5"


def test_a_partial_table_of_a_large_space_is_a_benchmark_by_its_path(path):
    benchmark = PROVIDER.open(str(path), check_content=True)
    assert isinstance(benchmark.space, RowsSpace)
    rng = np.random.default_rng(0)
    assert len(check_space(benchmark.space, rng)) >= 10
    assert len(check_benchmark(benchmark, rng)) >= 5
    assert PROVIDER.describe(str(path))["space"]["valid"] == 60


def test_a_whole_table_of_a_large_space_has_the_whole_space(tmp_path, path):
    layout.write(tmp_path / "whole.h5", made(bags(60)))
    assert isinstance(PROVIDER.open(str(tmp_path / "whole.h5")).space, Bags)


@pytest.mark.parametrize("strategy", ["random_search", "regularized_evolution", "local_search"])
def test_strategies_search_it(path, strategy):
    benchmark = PROVIDER.open(str(path))
    problem = make_problem(benchmark, Budget(evaluations=30), 1)
    run = registry.build_strategy(registry.strategy(strategy), problem, np.random.default_rng(0), {}, None)
    (one,) = run_block(benchmark, problem, [run], np.zeros(1, dtype=np.uint64))
    assert len(one.trace) > 0
    assert benchmark.space.is_valid(one.trace.archs).all()


def test_samples_are_uniform_over_rows():
    archs = bags(20)
    drawn = RowsSpace(Bags(), archs).sample(20_000, np.random.default_rng(0))
    counts = np.unique(Bags().code(drawn), return_counts=True)[1]
    assert len(counts) == 20
    assert ((counts - 1000) ** 2 / 1000).sum() < 50  # chi-square with 19 degrees of freedom: p = 1e-4


@given(st.integers(2, 40), st.integers(0, 10**6))
def test_the_radius_is_the_smallest_that_connects_all_rows(n, seed):
    archs = bags(n, seed)
    space = RowsSpace(Bags(), archs)
    distance = (archs[:, None] != archs[None]).sum(axis=2)
    for radius in (space.radius - 1, space.radius):
        reached = (distance <= radius).astype(float)
        for _ in range(6):
            reached = np.minimum(reached @ reached, 1.0)
        assert reached.all() == (radius == space.radius)


def test_only_exact_rows_are_valid():
    archs = bags(30)
    space = RowsSpace(Bags(), archs)
    assert space.is_valid(archs).all()
    around = np.concatenate([Bags().neighbours(arch) for arch in archs[:5]])
    rows = set(map(tuple, archs.tolist()))
    assert space.is_valid(around).tolist() == [tuple(arch) in rows for arch in around.tolist()]
    assert not space.is_valid(np.full((1, 10), 9)).any()


def test_a_table_of_many_rows_is_searched_in_bounded_memory(monkeypatch):
    """The radius comes from a sample; a row without a neighbour within it is left by its nearest rows."""
    monkeypatch.setattr(module, "EXACT_ROWS", 100)
    monkeypatch.setattr(module, "_PAIRS", 4000)
    archs = bags(600)
    alone = np.array([[3, 4, 4, 4, 4, 4, 4, 4, 4, 4]], dtype=np.uint8)
    archs = np.concatenate([archs[(archs != alone).sum(axis=1) > 6], alone])
    space = RowsSpace(Bags(), archs)
    exact = RowsSpace(Bags(), archs)._widest_gap()
    assert space.radius <= exact
    largest = 0
    compare = module._differing

    def watched(some, by_gene):
        nonlocal largest
        largest = max(largest, len(some) * by_gene.shape[1])
        return compare(some, by_gene)

    monkeypatch.setattr(module, "_differing", watched)
    rng = np.random.default_rng(0)
    children = space.mutate(archs[:200], rng)
    assert largest <= 4000
    differ = (children != archs[:200]).sum(axis=1)
    assert differ.min() > 0
    assert space.is_valid(children).all()
    around = space.neighbours(alone[0])
    assert len(around) > 0
    assert len(np.unique((around != alone).sum(axis=1))) == 1
    assert (around != alone).sum(axis=1).min() > 6 or space.radius > 6


def test_a_child_is_a_row_between_its_parents_whatever_their_distance():
    """Of rows that are between two parents each is as likely: chi-square, 99.9 % point of 3 degrees of freedom."""
    between = np.zeros((4, 10), dtype=np.uint8)
    between[1, :5], between[2, 5:], between[3] = 1, 1, 1
    archs = np.concatenate([between, bags(30) + (bags(30) == 0)])
    space = RowsSpace(Bags(), np.unique(archs, axis=0))
    a, b = np.repeat(archs[:1], 4000, axis=0), np.repeat(archs[3:4], 4000, axis=0)
    children = space.crossover(a, b, np.random.default_rng(0))
    found, counts = np.unique(children, axis=0, return_counts=True)
    assert set(map(tuple, found.tolist())) == set(map(tuple, between.tolist()))
    assert np.sum((counts - 1000) ** 2 / 1000) < 16.3


def test_rows_exchange_what_their_base_exchanges():
    class Halves(Bags):
        def __init__(self) -> None:
            SearchSpace.__init__(self, "bags", [5] * 10, exchanged=[0] * 5 + [1] * 5, nodes=[0] * 5 + [1] * 5)

    archs = np.array([[0] * 10, [1] * 10, [0] * 5 + [1] * 5, [0] + [1] * 9], dtype=np.uint8)
    space = RowsSpace(Halves(), archs)
    children = space.crossover(
        np.repeat(archs[:1], 400, axis=0), np.repeat(archs[1:2], 400, axis=0), np.random.default_rng(0)
    )
    assert set(map(tuple, children.tolist())) == set(map(tuple, archs[:3].tolist()))
    assert space.gene_nodes.tolist() == [0] * 5 + [1] * 5
    parents = np.repeat(archs[2:3], 400, axis=0)  # two of its neighbours differ in the first node, one in the other
    drawn, counts = np.unique(space.mutate(parents, np.random.default_rng(0), by="node"), axis=0, return_counts=True)
    assert dict(zip(map(tuple, drawn.tolist()), (counts / 400).round(1).tolist(), strict=True)) == {
        tuple(archs[0].tolist()): 0.5, tuple(archs[1].tolist()): 0.2, tuple(archs[3].tolist()): 0.3,
    }  # fmt: skip


def test_what_else_the_base_knows_is_answered():
    class Own(Bags):
        graph_shape = (3, 4)

    assert RowsSpace(Own(), bags(5)).graph_shape == (3, 4)
    with pytest.raises(AttributeError):
        RowsSpace(Bags(), bags(5)).graph_shape  # noqa: B018  # asking is what must be refused
    assert isinstance(RowsSpace(Bags(), bags(5)), SearchSpace)
    with pytest.raises(HarnessError, match="one architecture"):
        RowsSpace(Bags(), bags(1)).mutate(bags(1), np.random.default_rng(0))
