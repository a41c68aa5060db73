"""The Gaussian process on graphs: its posterior and its choices by hand, and what it takes for the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from harness.errors import HarnessError
from harness.graphs import reduced
from harness.spaces.nb101.space import NB101Space
from harness.spaces.nb201.space import NB201Space
from surrogates.gaussian_process.graphs import LEAST_NOISE, MOST_NOISE, NOISE, GraphProcess, likeliest_noise
from surrogates.gaussian_process.weisfeiler_lehman import features, gram_matrices
from tests.surrogates.support import SPACE, truth

NB201 = NB201Space()
EVERYTHING = NB201.decode(np.arange(5**6, dtype=np.uint64))


def rng(seed=0):
    return np.random.default_rng(seed)


def cells(n, seed=0):
    """Return cells and the number of 3x3 convolutions that do something, with noise."""
    archs = NB201.sample(n, rng(seed))
    kinds = reduced(NB201.graph(archs), to_fixed_point=True).kinds
    return archs, -(kinds == 2 + 3).sum(axis=1) + rng(seed + 1).normal(0, 0.3, n)


def grams_of(archs, kernel="subtree", iterations=3):
    return gram_matrices(features(reduced(NB201.graph(archs), to_fixed_point=True), iterations, kernel))


@pytest.mark.parametrize("kernel", ["subtree", "assignment"])
def test_iterations_are_the_likeliest_and_the_posterior_is_that_of_the_formula(kernel):
    archs, targets = cells(40)
    pool = NB201.sample(25, rng(5))
    model = GraphProcess(NB201, kernel=kernel).fit(archs, targets, rng())
    said = model.predict(pool)
    standard = (targets - targets.mean()) / targets.std()
    grams = grams_of(np.concatenate([archs, pool]), kernel)
    likelihoods = [multivariate_normal(cov=gram[:40, :40] + NOISE * np.eye(40)).logpdf(standard) for gram in grams[1:]]
    gram, (process,) = grams[1 + np.argmax(likelihoods)], model._fitted.processes
    inverse = np.linalg.inv(gram[:40, :40] + process.noise * np.eye(40))
    cross = gram[40:, :40]
    np.testing.assert_allclose(said.mean, targets.mean() + targets.std() * cross @ inverse @ standard, atol=1e-6)
    variance = 1 - np.einsum("qn,nm,qm->q", cross, inverse, cross)
    np.testing.assert_allclose(said.std, targets.std() * np.sqrt(np.maximum(variance, 0)), atol=1e-6)
    assert LEAST_NOISE <= process.noise <= MOST_NOISE


@pytest.mark.parametrize("seed", range(4))
def test_the_noise_is_what_adam_finds_on_differences_of_the_likelihood(seed):
    archs, targets = cells(20, seed)
    standard = (targets - targets.mean()) / targets.std()
    gram = grams_of(archs)[2]

    def likelihood(noise):
        return multivariate_normal(cov=gram + noise * np.eye(20)).logpdf(standard)

    noise, first, second = NOISE, 0.0, 0.0
    for step in range(1, 21):
        slope = (likelihood(noise * 1.001) - likelihood(noise * 0.999)) / (0.002 * noise)
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        noise += 0.1 * first / (1 - 0.9**step) / np.sqrt(second / (1 - 0.999**step))
        noise = min(max(noise, LEAST_NOISE), MOST_NOISE)
    assert likeliest_noise(gram, standard) == pytest.approx(noise, rel=1e-3)


def test_the_noise_can_be_given():
    archs, targets = cells(20)
    (process,) = GraphProcess(NB201, noise=0.05).fit(archs, targets, rng())._fitted.processes
    assert process.noise == 0.05


def test_cells_of_equal_graph_are_one_point():
    archs, targets = cells(40)
    model = GraphProcess(NB201).fit(archs, targets, rng())
    dead = EVERYTHING[NB201.key(EVERYTHING, "functional") == NB201.key(EVERYTHING[:1], "functional")]
    said = model.predict(dead)
    np.testing.assert_allclose(said.mean, said.mean[0])
    np.testing.assert_allclose(said.std, said.std[0])


def test_isomorphic_cells_of_nb101_are_one_point():
    space = NB101Space()
    archs = space.sample(30, rng())
    model = GraphProcess(space, kernel="assignment").fit(archs, space.costs(archs)["params_m"], rng())
    a, b = "conv3x3-bn-relu", "maxpool3x3"
    said = model.predict(
        space.parse([f"0110000100010000 input,{a},{b},output", f"0110000100010000 input,{b},{a},output"])
    )
    assert said.mean[0] == pytest.approx(said.mean[1])


def test_renaming_the_values_of_a_gene_changes_nothing():
    archs, pool = SPACE.sample(40, rng()), SPACE.sample(20, rng(1))
    names = np.argsort(rng(2).random((5, 4)), axis=1)
    genes = np.arange(5)
    one, other = (
        GraphProcess(SPACE).fit(rename(archs), truth(archs), rng()).predict(rename(pool))
        for rename in (lambda rows: rows, lambda rows: names[genes, rows])
    )
    np.testing.assert_allclose(one.mean, other.mean)
    np.testing.assert_allclose(one.std, other.std)


def test_the_order_of_rows_changes_nothing():
    archs, targets = cells(30)
    order = rng(3).permutation(30)
    one = GraphProcess(NB201).fit(archs, targets, rng()).predict(archs)
    other = GraphProcess(NB201).fit(archs[order], targets[order], rng()).predict(archs)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-8)


def test_operations_are_learnt():
    archs, targets = cells(60)
    pool, expected = cells(200, 7)
    mean = GraphProcess(NB201).fit(archs, targets, rng()).predict(pool).mean
    assert np.corrcoef(mean, expected)[0, 1] > 0.8


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"kernel": "paths"}, "`kernel` must be one of 'subtree', 'assignment'"),
        ({"deepest": 0}, "`deepest` must be at least 1"),
        ({"deepest": 11}, "`deepest` must be at most 10"),
        ({"noise": 0.0}, "`noise` must be at least 1e-08"),
        ({"encoding": "path"}, "`encoding` must be 'one_hot' with a kernel that reads graphs"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(given, rule):
    with pytest.raises(HarnessError, match=rule):
        GraphProcess(NB201, **given)
