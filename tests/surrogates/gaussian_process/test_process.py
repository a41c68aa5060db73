"""The Gaussian-process learner: known answers, scikit-learn as a witness, hyperparameters that are kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern

from harness.errors import HarnessError
from harness.spaces.nb101.space import NB101Space
from harness.spaces.nb201.space import NB201Space
from harness.surrogate import Fit, Predict
from surrogates.gaussian_process import process
from surrogates.gaussian_process.kernels import KERNELS, half_squares
from surrogates.gaussian_process.process import NOISES, GaussianProcess
from tests.surrogates.support import SPACE, LetterSpace, truth

NB201 = NB201Space()


def rng(seed=0):
    return np.random.default_rng(seed)


def noisy(n, seed=0):
    archs = SPACE.sample(n, rng(seed))
    return archs, truth(archs) + rng(seed + 1).normal(0, 1, n)


def half(archs, kernel, space=NB201):
    x = KERNELS[kernel](space).inputs(archs, space.one_hot(archs))
    return half_squares(x, x)


def hamming(archs):
    return (archs[:, None] != archs[None]).sum(axis=2)


@pytest.mark.parametrize("kernel", ["hamming", "rbf"])
def test_the_squared_distance_of_one_hot_encodings_is_twice_the_genes_that_differ(kernel):
    archs = NB201.sample(50, rng())
    np.testing.assert_array_equal(half(archs, kernel), hamming(archs))


def test_the_simplified_distance_of_nasbot():
    pool, conv, swapped, other = [4] * 6, [3] * 6, [4, 4, 4, 3, 3, 0], [4, 4, 0, 3, 3, 4]
    distances = half(np.array([pool, conv, swapped, other], dtype=np.uint8), "nasbot")
    assert distances[0, 1] == pytest.approx(12 + 6)
    assert distances[2, 3] == pytest.approx(0 + 2)
    archs = NB201.sample(60, rng())
    counts = (archs[:, :, None] == np.arange(5)).sum(axis=1)
    np.testing.assert_allclose(
        half(archs, "nasbot"), np.abs(counts[:, None] - counts[None]).sum(axis=2) + hamming(archs), atol=1e-9
    )


def test_the_kernel_of_nasbot_is_positive_definite():
    archs = np.unique(NB201.sample(310, rng()), axis=0)[:300]
    assert np.linalg.eigvalsh(np.exp(-half(archs, "nasbot") / 9)).min() > 0.005


def test_the_simplified_distance_of_nasbot_where_the_wiring_is_searched():
    space = NB101Space()
    archs = space.sample(20, rng())
    graph = space.graph(archs)
    vectors = [
        np.concatenate([np.bincount(kinds[mask], minlength=5), np.sort(wired.sum(axis=0)), np.sort(wired.sum(axis=1))])
        for kinds, mask, wired in zip(graph.kinds, graph.mask, graph.adjacency, strict=True)
    ]
    expected = np.abs(np.array(vectors)[:, None] - np.array(vectors)[None]).sum(axis=2)
    np.testing.assert_allclose(half(archs, "nasbot", space), expected, atol=1e-9)


WITNESSES = {
    "hamming": RBF(np.sqrt(1 / 0.7)),
    "rbf": RBF(np.sqrt(1 / 0.7)),
    "matern52": Matern(np.sqrt(1 / 0.7), nu=2.5),
}


@pytest.mark.parametrize("kernel", WITNESSES)
@pytest.mark.parametrize("variance", [None, 1.7])
def test_the_posterior_is_that_of_scikit_learn(kernel, variance):
    archs, targets = noisy(40)
    pool = SPACE.sample(30, rng(5))
    model = GaussianProcess(SPACE, kernel=kernel, rate=0.7, noise=0.05, variance=variance).fit(archs, targets, rng())
    scale = float(model._fitted.regressions[0].variance)
    assert variance in (None, scale)
    witness = GaussianProcessRegressor(
        ConstantKernel(scale) * WITNESSES[kernel], alpha=0.05 * scale, optimizer=None, normalize_y=True
    ).fit(SPACE.one_hot(archs), targets)
    mean, std = witness.predict(SPACE.one_hot(pool), return_std=True)
    said = model.predict(pool)
    np.testing.assert_allclose(said.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(said.std, std, rtol=1e-6)
    expected = witness.log_marginal_likelihood(witness.kernel_.theta)
    assert model._fitted.regressions[0].log_likelihood == pytest.approx(expected, rel=1e-6)


def test_without_noise_a_told_point_is_its_value():
    archs = np.unique(SPACE.sample(40, rng()), axis=0)
    said = GaussianProcess(SPACE, noise=1e-8).fit(archs, truth(archs), rng()).predict(archs)
    np.testing.assert_allclose(said.mean, truth(archs), atol=1e-4)
    np.testing.assert_allclose(said.std, 0, atol=1e-3)


def test_rate_and_noise_are_the_likeliest_of_the_grid():
    archs, targets = noisy(30)
    learner = GaussianProcess(SPACE)
    fitted = learner.fit(archs, targets, rng())._fitted
    z = (targets - targets.mean()) / targets.std()
    found = {}
    for rate in learner._rates:
        for noise in NOISES:
            matrix = np.exp(-rate * hamming(archs)) + noise * np.eye(30)
            scale = z @ np.linalg.solve(matrix, z) / 30
            found[rate, noise] = multivariate_normal(np.zeros(30), scale * matrix).logpdf(z)
    assert (fitted.rates[0], fitted.noise[0]) == max(found, key=found.__getitem__)
    assert fitted.regressions[0].log_likelihood == pytest.approx(max(found.values()))


def test_rates_are_those_of_the_field_on_nas_bench_201():
    np.testing.assert_allclose(GaussianProcess(NB201)._rates, (0.15, 0.25, 0.4, 0.6, 1.0, 1.6), rtol=0.06)


@pytest.mark.parametrize("ard", [False, True])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_renaming_the_values_of_a_gene_changes_nothing(ard, seed):
    names = np.stack([rng(seed + gene).permutation(4) for gene in range(5)])
    renamed = lambda archs: names[np.arange(5), archs].astype(np.uint8)  # noqa: E731 - a table
    archs, targets = noisy(25)
    pool = SPACE.sample(20, rng(9))
    learner = GaussianProcess(SPACE, ard=ard)
    plain = learner.fit(archs, targets, rng()).predict(pool)
    other = learner.fit(renamed(archs), targets, rng()).predict(renamed(pool))
    np.testing.assert_allclose(other.mean, plain.mean, rtol=1e-9)
    np.testing.assert_allclose(other.std, plain.std, rtol=1e-9)


def test_predictions_shift_and_scale_with_the_targets():
    archs, targets = noisy(30)
    plain, moved = (GaussianProcess(SPACE).fit(archs, t, rng()).predict(archs) for t in (targets, 7 - 3 * targets))
    np.testing.assert_allclose(moved.mean, 7 - 3 * plain.mean, rtol=1e-9)
    np.testing.assert_allclose(moved.std, 3 * plain.std, rtol=1e-9)


@pytest.mark.parametrize("given", [{}, {"ard": True}, {"kernel": "linear"}, {"kernel": "nasbot"}])
def test_a_batch_of_replicates_is_its_replicates_one_by_one(given):
    learner = GaussianProcess(SPACE, **given)
    pools = [SPACE.sample(7 + seed, rng(100 + seed)) for seed in range(6)]
    tasks = [Fit(learner, *noisy(20 + seed % 2, seed), rng()) for seed in range(6)]
    together = learner.fit_many(tasks)
    said = learner.predict_many([Predict(model, pool) for model, pool in zip(together, pools, strict=True)])
    for task, pool, one in zip(tasks, pools, said, strict=True):
        alone = learner.fit(task.archs, task.targets, rng()).predict(pool)
        np.testing.assert_array_equal(one.mean, alone.mean)
        np.testing.assert_array_equal(one.std, alone.std)


def test_rate_and_noise_are_kept_until_ten_more_rows_are_told():
    archs, targets = noisy(60)
    learner = GaussianProcess(SPACE)
    first = learner.fit(archs[:20], rng(3).normal(size=20), rng())  # of noise: another rate and noise than of the truth
    kept, fresh = first.fit(archs[:29], targets[:29], rng()), learner.fit(archs[:29], targets[:29], rng())
    settings_of = lambda model: (model._fitted.rates[0], model._fitted.noise[0], model._fitted.tuned_rows)  # noqa: E731
    assert settings_of(kept) == settings_of(first) != settings_of(fresh)
    again, anew = kept.fit(archs[:30], targets[:30], rng()), learner.fit(archs[:30], targets[:30], rng())
    assert settings_of(again) == settings_of(anew)
    mixed = learner.fit_many([Fit(one, archs[:29], targets[:29], rng()) for one in (first, learner, kept)])
    assert [settings_of(model) for model in mixed] == [settings_of(model) for model in (kept, fresh, kept)]


def test_relevance_is_found():
    archs = SPACE.sample(60, rng())
    targets = np.where(archs[:, 2] == 1, 5.0, 0.0) + rng(1).normal(0, 0.1, 60)
    common, own = (GaussianProcess(SPACE, ard=ard).fit(archs, targets, rng())._fitted for ard in (False, True))
    assert own.regressions[0].log_likelihood > common.regressions[0].log_likelihood
    rates = own.rates[0].reshape(5, 4)[:, 0]
    assert rates.argmax() == 2
    assert rates[2] >= 4 * np.delete(rates, 2).max()


def test_the_linear_kernel_is_linear():
    archs = SPACE.sample(80, rng())
    said = GaussianProcess(SPACE, kernel="linear", noise=1e-4).fit(archs, truth(archs), rng()).predict(archs)
    np.testing.assert_allclose(said.mean, truth(archs), atol=0.02)


class Widths(LetterSpace):
    """The first gene is a width."""

    def __init__(self):
        super().__init__()
        self.gene_kinds = ("ordinal", *["categorical"] * 4)


def test_an_ordinal_gene_counts_the_squared_difference_of_its_values():
    archs = np.array([[0, 1, 1, 1, 1], [1, 1, 1, 1, 1], [3, 1, 1, 1, 2]], dtype=np.uint8)
    np.testing.assert_allclose(
        half(archs, "hamming", Widths()), [[0, 1 / 9, 2], [1 / 9, 0, 1 + 4 / 9], [2, 1 + 4 / 9, 0]], atol=1e-12
    )
    model = GaussianProcess(Widths(), ard=True).fit(*noisy(20), rng())
    assert model._fitted.rates.shape == (1, 1 + 4 * 4)


def test_equal_targets_leave_nothing_to_be_unsure_of():
    archs = SPACE.sample(10, rng())
    said = GaussianProcess(SPACE).fit(archs, np.full(10, 3.0), rng()).predict(archs)
    assert said.mean.tolist() == [3.0] * 10
    assert said.std.tolist() == [0.0] * 10


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"kernel": "graph"}, "`kernel` must be one of 'hamming', 'rbf', 'matern52', 'linear', 'nasbot'"),
        ({"ard": 1}, "`ard` must be true or false"),
        ({"ard": True, "kernel": "rbf"}, "`kernel` must be 'hamming' with `ard`"),
        ({"rate": 0.0}, "`rate` must be greater than 0"),
        ({"rate": 1.0, "kernel": "linear"}, "`rate` must be left out with the kernel 'linear'"),
        ({"noise": 1e-9}, "`noise` must be at least 1e-08"),
        ({"variance": -1.0}, "`variance` must be greater than 0"),
        ({"refit": 0}, "`refit` must be at least 1"),
        ({"encoding": "path"}, "`encoding` must be 'one_hot' with the kernel 'hamming'"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(given, rule):
    with pytest.raises(HarnessError, match=rule):
        GaussianProcess(NB201, **given)


def test_the_weight_of_covariates_scales_their_distances():
    """Two architectures of equal genes whose covariates differ by two deviations are two genes apart at weight 1."""
    archs = np.zeros((2, 6), dtype=NB201.dtype)
    for weight in (1.0, 0.25):
        learner = GaussianProcess(NB201, rate=0.5, noise=1e-8, covariate_weight=weight)
        covariates = np.array([[1.0], [3.0]])  # of deviation 1
        fitted = learner.fit(archs, np.array([-1.0, 1.0]), rng(), covariates)
        correlation = np.exp(-0.5 * 2.0 * weight)
        middle = np.exp(-0.5 * 0.5 * weight)
        said = fitted.predict(archs[:1], np.array([[2.0]]))
        np.testing.assert_allclose(said.mean, 0.0, atol=1e-9)
        variance = 1.0 - 2.0 * middle**2 / (1.0 + correlation)
        scale = 1.0 / (1.0 - correlation)  # the profiled variance of targets -1 and 1
        np.testing.assert_allclose(said.std**2, scale * variance, rtol=1e-5)
    assert "covariate_weight" not in GaussianProcess(NB201).signature
    with pytest.raises(HarnessError, match="covariate_weight"):
        GaussianProcess(NB201, covariate_weight=0.0)


def test_draws_are_joint_and_of_the_posterior():
    archs, targets = noisy(30)
    model = GaussianProcess(SPACE, rate=0.3, noise=0.05, draws=4000).fit(archs, targets, rng(1))
    asked = np.repeat(archs[:1], 3, axis=0)
    asked[1, 0], asked[2] = (asked[1, 0] + 1) % SPACE.cardinalities[0], (asked[2] + 1) % SPACE.cardinalities
    said = model.predict(asked)
    assert said.members.shape == (4000, 3)
    np.testing.assert_allclose(said.members.mean(axis=0), said.mean, atol=4 * said.std.max() / np.sqrt(4000))
    np.testing.assert_allclose(said.members.std(axis=0), said.std, rtol=0.05, atol=2e-3 * np.std(targets))
    correlation = np.corrcoef(said.members.T)
    assert correlation[0, 1] > correlation[0, 2] + 0.1
    np.testing.assert_array_equal(model.predict(asked).members, said.members)  # the same when asked again


def test_draws_of_two_objectives_and_none():
    archs, targets = noisy(20)
    both = np.stack([targets, 100 * targets[::-1]], axis=1)
    said = GaussianProcess(SPACE, draws=3).fit(archs, both, rng(1)).predict(archs[:5])
    assert said.members.shape == (3, 5, 2)
    plain = GaussianProcess(SPACE).fit(archs, both, rng(1))
    assert plain.predict(archs).members is None
    assert GaussianProcess(SPACE, draws=0).signature == plain.signature != GaussianProcess(SPACE, draws=1).signature


def test_points_side_by_side_change_nothing(monkeypatch):
    archs, pool = SPACE.sample(30, np.random.default_rng(0)), SPACE.sample(20, np.random.default_rng(1))
    model = GaussianProcess(SPACE).fit(archs, truth(archs), np.random.default_rng(2))
    whole = model.predict(pool)
    monkeypatch.setattr(process, "_POINTS_AT_ONCE", 7)
    parts = model.predict(pool)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.std, whole.std, rtol=1e-9)
