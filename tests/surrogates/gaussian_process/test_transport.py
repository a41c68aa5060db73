"""The transport of layers, against a linear program and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from harness.errors import HarnessError
from harness.graphs import GraphBatch
from harness.spaces.nb101.space import NB101Space
from harness.spaces.nb201.space import NB201Space
from surrogates.gaussian_process.kernels import KERNELS
from surrogates.gaussian_process.process import GaussianProcess
from surrogates.gaussian_process.transport import label_costs, layer_tables, masses, path_lengths, transported

NB201 = NB201Space()
NONE, SKIP, CONV1, CONV3, POOL = range(5)


def distances(archs, space=NB201):
    tables = layer_tables(space)(np.asarray(archs, dtype=np.uint8), np.zeros(0))
    return transported(space)(tables, tables)


def test_known_distances():
    one = [NONE, NONE, NONE, CONV3, NONE, NONE]
    same = [CONV3, NONE, NONE, NONE, SKIP, NONE]
    smaller = [NONE, NONE, NONE, CONV1, NONE, NONE]
    empty = [NONE] * 6
    found = distances([one, same, smaller, empty])
    assert found[0, 1] == 0  # the same network
    assert found[0, 2] == pytest.approx(np.sqrt(2) / 10 * np.sqrt(2))  # one convolution for another
    assert found[0, 3] == pytest.approx(1 + 2 * 0.1)  # nothing to go to: a cost of 1 for each mass


def test_it_is_a_metric():
    found = distances(NB201.sample(30, np.random.default_rng(0)))
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    np.testing.assert_array_equal(np.diag(found), 0)
    assert (found[:, None] <= found[:, :, None] + found.T[None] + 1e-9).all()


def test_the_cheapest_transport_is_that_of_a_linear_program():
    space = NB101Space()
    archs = space.sample(2, np.random.default_rng(3))
    graph = space.graph(archs)
    mass, lengths = masses(graph), path_lengths(graph)
    places = mass.shape[1]
    labels = label_costs(graph.labels)[graph.kinds[0][:, None], graph.kinds[1][None]]
    apart = np.abs(lengths[0][:, None] - lengths[1][None]).mean(axis=2)
    supplies, demands = np.append(mass[0], mass[1].sum()), np.append(mass[1], mass[0].sum())
    found = []
    for weight in (0.1, 0.25, 0.61, 1.5):
        costs = np.ones((places + 1, places + 1))
        costs[:-1, :-1] = labels + weight * apart
        costs[-1, -1] = 0
        rows = np.kron(np.eye(places + 1), np.ones(places + 1))
        columns = np.kron(np.ones(places + 1), np.eye(places + 1))
        found.append(
            linprog(costs.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([supplies, demands])).fun
        )
    assert distances(archs, space)[0, 1] == pytest.approx(np.mean(found))
    assert np.mean(found) > 0


def test_lengths_of_paths():
    """Input to a to output, and input to b, c to output: a pool and two convolutions."""
    adjacency = np.zeros((1, 5, 5), dtype=bool)
    for source, target in [(0, 1), (1, 4), (0, 2), (2, 3), (3, 4)]:
        adjacency[0, source, target] = True
    graph = GraphBatch(
        adjacency, np.array([[0, 3, 2, 2, 1]]), np.ones((1, 5), bool), ("input", "output", "conv", "pool")
    )
    shortest, longest, mean = path_lengths(graph)[0, 0, :9].reshape(3, 3)
    assert shortest.tolist() == [3, 0, 0]  # all layers, convolutions, pools
    assert longest.tolist() == [4, 2, 1]
    assert mean.tolist() == [3.5, 1, 0.5]
    np.testing.assert_array_equal(path_lengths(graph)[0, 4, 9:].reshape(3, 3), [shortest, longest, mean])
    np.testing.assert_allclose(masses(graph), [[0.3, 1, 1, 1, 0.3]])


def test_gram_matrices_are_projected():
    archs = NB201.sample(120, np.random.default_rng(1))
    kernel = KERNELS["otmann"](NB201)
    points = kernel.inputs(archs, NB201.one_hot(archs))
    apart = kernel.distances(points, points)
    plain, projected = (of(apart, np.array(0.75 / apart.mean())) for of in (kernel.of_distances, kernel.gram))
    assert np.linalg.eigvalsh(plain).min() < -1e-3
    assert np.linalg.eigvalsh(projected).min() > -1e-9
    assert np.abs(plain - projected).max() < 0.05


def test_the_learner_predicts_with_it():
    archs = NB201.sample(40, np.random.default_rng(2))
    targets = (archs == CONV3).sum(axis=1) + 0.1 * (archs == SKIP).sum(axis=1)
    learner = GaussianProcess(NB201, kernel="otmann")
    pool = NB201.sample(30, np.random.default_rng(3))
    said = learner.fit(archs, targets, np.random.default_rng()).predict(pool)
    truth = (pool == CONV3).sum(axis=1) + 0.1 * (pool == SKIP).sum(axis=1)
    assert np.corrcoef(said.mean, truth)[0, 1] > 0.5
    assert (said.std >= 0).all()
    with pytest.raises(HarnessError, match="`covariates` must be left out with the kernel 'otmann'"):
        learner.fit(archs, targets, np.random.default_rng(), np.ones((40, 1)))
