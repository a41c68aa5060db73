"""Weisfeiler-Lehman kernels: known answers, GraKeL and a dictionary of labels as witnesses, isomorphic graphs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.graphs import GraphBatch, chain, reduced
from harness.spaces.nb101.space import NB101Space
from harness.spaces.nb201.space import NB201Space
from surrogates.gaussian_process.weisfeiler_lehman import KERNELS, features, gram_matrices, kernel_matrix, shared
from tests.surrogates.support import SPACE

NB101, NB201 = NB101Space(), NB201Space()
GRAKEL = json.loads((Path(__file__).parents[2] / "peers" / "grakel_kernels.json").read_text(encoding="utf-8"))


def batch(graphs, places=8):
    """Return graphs given as lists of labels and of edges."""
    adjacency = np.zeros((len(graphs), places, places), dtype=bool)
    kinds, mask = np.zeros((2, len(graphs), places), dtype=np.int64)
    for row, (labels, edges) in enumerate(graphs):
        kinds[row, : len(labels)], mask[row, : len(labels)] = labels, 1
        for source, target in edges:
            adjacency[row, source, target] = True
    return GraphBatch(adjacency, kinds, mask.astype(bool), ("input", "output", "a", "b", "c"))


def path(*inner):
    labels = [0, *inner, 1]
    return labels, [(place, place + 1) for place in range(len(labels) - 1)]


def by_dictionary(graph, iterations, kernel):
    """Return the kernel matrix as the papers have it: labels are the strings that they stand for."""
    histograms = []
    for row in range(len(graph)):
        places = np.flatnonzero(graph.mask[row]).tolist()
        labels = {place: graph.labels[graph.kinds[row, place]] for place in places}
        counts = Counter(labels.values())
        for _ in range(iterations):
            following = {place: np.flatnonzero(graph.adjacency[row, place]).tolist() for place in places}
            labels = {
                place: f"({labels[place]}|{','.join(sorted(labels[other] for other in following[place]))})"
                for place in places
            }
            counts += Counter(labels.values())
        histograms.append(counts)
    if kernel == "subtree":
        values = [[sum(x[label] * y[label] for label in x) for y in histograms] for x in histograms]
    else:
        values = [[(x & y).total() for y in histograms] for x in histograms]
    gram = np.array(values, dtype=float)
    return gram / np.sqrt(np.outer(gram.diagonal(), gram.diagonal()))


KNOWN = [
    (0, (4, 3, 6), 0.942809, 0.866025, 0.666667),
    (1, (7, 6, 10), 0.903696, 0.866025, 0.500000),
    (2, (9, 9, 14), 0.801784, 0.769800, 0.444444),
]


@pytest.mark.parametrize(("iterations", "products", "cosine", "least", "other"), KNOWN)
def test_paths_share_what_the_definition_says(iterations, products, cosine, least, other):
    graphs = batch([path(2), path(2, 2), path(3)])
    told = features(graphs, iterations)
    counts, gram = shared(told, told), gram_matrices(told)[iterations]
    assert (counts[0, 1], counts[0, 0], counts[1, 1]) == products
    assert gram[0, 1] == pytest.approx(cosine, abs=1e-6)
    assert gram[0, 2] == pytest.approx(other, abs=1e-6)
    assignment = gram_matrices(features(graphs, iterations, "assignment"))[iterations]
    assert assignment[0, 1] == pytest.approx(least, abs=1e-6)


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_the_kernel_is_that_of_grakel(iterations):
    told, asked = (
        features(batch([(graph["labels"], graph["edges"]) for graph in GRAKEL[name]]), iterations)
        for name in ("told", "asked")
    )
    expected = GRAKEL["subtree"][iterations - 1]
    np.testing.assert_allclose(gram_matrices(told)[iterations], expected["gram"], atol=1e-12)
    np.testing.assert_allclose(kernel_matrix(asked, told), expected["cross"], atol=1e-12)


@pytest.mark.parametrize("space", [NB101, NB201], ids=["nb101", "nb201"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_hashes_are_the_labels_of_a_dictionary(space, kernel):
    archs = space.sample(60, np.random.default_rng(0))
    graph = reduced(space.graph(archs), to_fixed_point=True)
    told = features(graph, 3, kernel)
    grams = gram_matrices(told)
    for iterations in range(4):
        np.testing.assert_allclose(grams[iterations], by_dictionary(graph, iterations, kernel), atol=1e-12)
        np.testing.assert_allclose(
            kernel_matrix(told.up_to(iterations), told.up_to(iterations)), grams[iterations], atol=1e-12
        )


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), iterations=st.integers(0, 3))
def test_kernels_are_positive_semidefinite_and_at_most_one_and_depend_on_two_graphs_alone(kernel, seed, iterations):
    graph = NB201.graph(NB201.sample(30, np.random.default_rng(seed)))
    told = features(graph, iterations, kernel)
    gram = gram_matrices(told)[iterations]
    assert np.linalg.eigvalsh(gram).min() > -1e-9
    np.testing.assert_allclose(gram.diagonal(), 1)
    assert gram.max() <= 1 + 1e-12
    backwards = features(graph.take(np.arange(30)[::-1]), iterations, kernel)
    np.testing.assert_array_equal(kernel_matrix(backwards, told)[::-1], kernel_matrix(told, told))
    np.testing.assert_array_equal(backwards.labels[:, ::-1], told.labels)


def test_isomorphic_encodings_of_nb101_give_equal_rows():
    a, b = "conv3x3-bn-relu", "maxpool3x3"
    diamonds = NB101.parse(
        [
            f"0110000100010000 input,{a},{b},output",
            f"0110000100010000 input,{b},{a},output",
            f"0111000001000000000100000 input,{a},{b},{b},output",  # the second vertex is on no path
        ]
    )
    assert len(np.unique(NB101.key(diamonds, "functional"))) == 1
    archs = np.concatenate([diamonds, NB101.sample(20, np.random.default_rng(0))])
    for kernel in KERNELS:
        gram = gram_matrices(features(reduced(NB101.graph(archs), to_fixed_point=True), 3, kernel))[3]
        np.testing.assert_array_equal(gram[:3], gram[[0, 0, 0]])
        assert gram[0, 1] == pytest.approx(1)


@pytest.mark.parametrize("kernel", KERNELS)
def test_cells_of_equal_unique_graphs_have_the_kernel_one(kernel):
    """Trading the inner nodes of a cell of NAS-Bench-201, where no edge leads from one to the other."""
    archs = NB201.sample(50, np.random.default_rng(0))
    archs[:, 2] = 0
    traded = archs[:, [1, 0, 2, 3, 5, 4]]
    one, other = (features(reduced(NB201.graph(rows), to_fixed_point=True), 3, kernel) for rows in (archs, traded))
    np.testing.assert_array_equal(np.sort(one.labels, axis=2), np.sort(other.labels, axis=2))
    np.testing.assert_allclose(kernel_matrix(one, other).diagonal(), 1)


def test_all_cells_of_constant_output_are_one_graph():
    everything = NB201.decode(np.arange(5**6, dtype=np.uint64))
    dead = everything[NB201.key(everything, "functional") == NB201.key(np.zeros((1, 6), dtype=np.uint8))]
    graph = reduced(NB201.graph(dead), to_fixed_point=True)
    assert len(dead) == 341
    assert not graph.adjacency.any()
    assert np.array_equal(np.flatnonzero(graph.mask.all(axis=0)), [0, 7])
    assert np.array_equal(np.flatnonzero(graph.mask.any(axis=0)), [0, 7])


def test_without_iterations_a_chain_counts_the_genes_that_agree():
    archs = SPACE.sample(30, np.random.default_rng(0))
    told = features(chain(archs, SPACE.cardinalities, ["?"] * 20), 0)
    np.testing.assert_allclose(gram_matrices(told)[0], (archs[:, None] == archs[None]).mean(axis=2))


def test_labels_that_were_not_told_count_in_the_length_alone():
    told, asked = features(batch([path(2)]), 1), features(batch([path(3), path(4)]), 1)
    np.testing.assert_array_equal(shared(asked, told), [[3], [3]])  # input, output, the output that leads nowhere
    np.testing.assert_allclose(kernel_matrix(asked, told), 0.5)
