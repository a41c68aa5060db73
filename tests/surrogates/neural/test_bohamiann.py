"""BOHAMIANN: a step of its sampler by hand, its gradients against autograd, and what its uncertainty knows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.surrogate import Fit
from surrogates.neural.bohamiann import Bohamiann
from surrogates.neural.networks import Stack
from surrogates.neural.sghmc import Dynamics, Sampler, Sampling
from surrogates.neural.stacked import standardised_job
from tests.surrogates.support import SPACE, truth


def jobs_of(sizes, learner):
    made = []
    for seed, n in enumerate(sizes):
        archs = SPACE.sample(n, np.random.default_rng(seed))
        made.append(
            standardised_job(learner, Fit(learner, archs, truth(archs), np.random.default_rng(seed)), 9, noisy=True)
        )
    return made


class TestDynamics:
    def test_two_steps_by_hand(self):
        rng = np.random.default_rng(0)
        theta, gradients, noises = rng.normal(size=5), rng.normal(size=(2, 5)) * 3, rng.normal(size=(2, 5))
        moved = Dynamics(torch.tensor(theta), 0.1, 0.05)
        tau, g, v, r = np.ones(5), np.ones(5), np.ones(5), np.zeros(5)
        for gradient, noise in zip(gradients, noises, strict=True):
            moved.adapt(torch.tensor(gradient))
            moved.step(torch.tensor(gradient), torch.tensor(noise))
            share = 1 / (tau + 1)
            tau = tau - tau * g**2 / v + 1
            g = g + share * (gradient - g)
            v = v + share * (gradient**2 - v)
            deviation = np.sqrt(np.maximum(2 * 0.1**2 * 0.05 / np.sqrt(v) - 0.1**4, 1e-16))
            r = r - 0.1**2 / np.sqrt(v) * gradient - 0.05 * r + deviation * noise
            theta = theta + r
            np.testing.assert_allclose(moved.window, tau, rtol=1e-12)
            np.testing.assert_allclose(moved.average, g, rtol=1e-12)
            np.testing.assert_allclose(moved.square, v, rtol=1e-12)
            np.testing.assert_allclose(moved.momentum, r, rtol=1e-12)
            np.testing.assert_allclose(moved.parameters, theta, rtol=1e-12)

    def test_without_noise_and_without_memory_it_is_preconditioned_gradient_descent(self):
        theta, gradient = torch.randn(50, dtype=torch.float64), torch.randn(50, dtype=torch.float64)
        moved = Dynamics(theta.clone(), 0.01, 1.0)
        for _ in range(3):
            moved.adapt(gradient)
        moved.momentum.normal_()
        moved.step(gradient, torch.zeros(50))
        torch.testing.assert_close(moved.parameters, theta - 0.01**2 * gradient / moved.square.sqrt())

    def test_variances_of_noise_below_zero_are_floored(self):
        moved = Dynamics(torch.zeros(2), 0.1, 0.05)
        moved.square.copy_(torch.tensor([1.0, 1e6]))
        moved.rescale()
        np.testing.assert_allclose(moved.spread**2, [2 * 0.01 * 0.05 - 1e-4, 1e-16], rtol=1e-5)

    @pytest.mark.parametrize("deviation", [0.5, 2.0])
    def test_it_samples_a_normal_distribution(self, deviation):
        generator = torch.Generator().manual_seed(0)
        moved = Dynamics(torch.zeros(2000), 0.05, 0.05)
        squares = []
        for step in range(3000):
            moved.step(moved.parameters / deviation**2, torch.empty(2000).normal_(generator=generator))
            if step > 1000 and not step % 100:
                squares.append(moved.parameters.square().mean().item())
        assert np.sqrt(np.mean(squares)) == pytest.approx(deviation, rel=0.05)


class TestSampler:
    SAMPLING = Sampling(20, 5, 3, 8, 0.01, 0.05)

    def test_gradients_are_those_of_autograd(self):
        learner = Bohamiann(SPACE, layers=2, width=4, batch_size=8)
        jobs = jobs_of((19, 21), learner)
        shape = learner._shape(20)
        with torch.no_grad():
            sampler = Sampler(shape, self.SAMPLING, jobs, "cpu")
            sampler.data.shuffle(3)
            sampler.log_variance.copy_(torch.tensor([-1.0, 0.5]))
            batch = sampler.data.batches[2]  # of 3 and 5 rows, padded to 8
            sampler.differentiate(batch)
        leaf = sampler.parameters.clone().requires_grad_()
        stack, log_variance = Stack.of(leaf, shape, 2), leaf[sampler._noisy]
        count = sum(shape.sizes) + 1
        total = torch.zeros(())
        for index, (job, n) in enumerate(zip(jobs, (19, 21), strict=True)):
            rows = torch.from_numpy(job.orders[0, 3, 16:].astype(np.int64))
            features = torch.from_numpy(job.features)[rows].expand(2, -1, -1)
            target, s = torch.from_numpy(job.targets[0])[rows], log_variance[index]
            outputs = _forward(stack, features)[index]
            likelihood = (-((target - outputs) ** 2) / (2 * s.exp()) - s / 2).mean()
            total = total - n * likelihood + (s - np.log(1e-6)) ** 2 / (2 * 0.01)
        total = total + (leaf**2).sum() / 2 / count
        total.backward()
        torch.testing.assert_close(sampler.gradients, leaf.grad, rtol=1e-4, atol=1e-4)

    def test_every_network_draws_from_its_own_generator(self):
        learner = Bohamiann(SPACE, layers=3, width=4)
        jobs = jobs_of((20, 20, 20), learner)
        shape = learner._shape(20)
        together = Sampler(shape, self.SAMPLING, jobs, "cpu")
        noise = torch.stack([together.draw().clone() for _ in range(2)])
        assert abs(noise[..., : together._noisy.stop].mean()) < 0.02
        assert noise[..., : together._noisy.stop].std() == pytest.approx(1, abs=0.02)
        for index, job in enumerate(jobs):
            own = Sampler(shape, self.SAMPLING, [job], "cpu")
            for drawn in noise:
                expected = own.draw()
                for flat, alone in zip(drawn, expected, strict=True):
                    first, second = Stack.of(flat, shape, 3).take(index, index + 1), Stack.of(alone, shape, 1)
                    torch.testing.assert_close(first.hidden, second.hidden)
                    torch.testing.assert_close(first.bias, second.bias)
                    assert flat[together._noisy][index] == alone[own._noisy][0]

    def test_what_is_kept_follows_the_burn_in(self):
        assert self.SAMPLING.kept == 5
        learner = Bohamiann(SPACE, layers=2, width=4, batch_size=8)
        sampler = Sampler(learner._shape(20), self.SAMPLING, jobs_of((20,), learner), "cpu")
        with torch.inference_mode():
            kept = sampler.sample()
        assert kept.shape == (5, len(sampler.parameters))
        assert torch.equal(kept[-1], sampler.parameters)  # after step 20 = 5 + 5 * 3
        assert len(torch.unique(kept[:, 0])) == 5


def _forward(stack, features):
    active = torch.tanh(torch.baddbmm(stack.bias[0], stack.first, features.mT))
    for weights, offset in zip(stack.hidden, stack.bias[1:], strict=True):
        active = torch.tanh(torch.baddbmm(offset, weights, active))
    return torch.baddbmm(stack.last_bias, stack.last, active)[:, 0]


def test_the_uncertainty_grows_in_a_gap_of_the_data():
    """Four chains of the default length: the ratio is 1.9 to 5 in single ones, and smaller in chains cut short."""
    x, gap = (
        np.concatenate([np.linspace(-3, -1, 12), np.linspace(1, 3, 12)])[:, None],
        np.linspace(-0.5, 0.5, 5)[:, None],
    )
    same = lambda rows: np.zeros((len(rows), 5), dtype=SPACE.dtype)  # noqa: E731 - told apart by a covariate alone
    learner = Bohamiann(SPACE)
    tasks = [Fit(learner, same(x), np.sin(x[:, 0]), np.random.default_rng(seed), x) for seed in range(4)]
    at_data, in_gap = [], []
    for model in learner.fit_many(tasks):
        known = model.predict(same(x), x)
        assert np.abs(known.mean - np.sin(x[:, 0])).max() < 0.1
        at_data.append(known.std.mean())
        in_gap.append(model.predict(same(gap), gap).std.mean())
    assert np.mean(in_gap) > 2 * np.mean(at_data)


def test_a_change_of_unit_changes_the_unit_of_what_is_predicted():
    archs, pool = SPACE.sample(30, np.random.default_rng(0)), SPACE.sample(20, np.random.default_rng(2))
    learner = Bohamiann(SPACE, steps=200, burn_in=100, keep_every=10)
    plain, moved = (
        learner.fit(archs, values, np.random.default_rng(1)).predict(pool)
        for values in (truth(archs), 0.01 * truth(archs) - 7)
    )
    np.testing.assert_allclose(moved.mean, 0.01 * plain.mean - 7, rtol=1e-3)
    np.testing.assert_allclose(moved.std, 0.01 * plain.std, rtol=0.05)


def test_members_are_the_samples_kept(monkeypatch):
    archs, pool = SPACE.sample(30, np.random.default_rng(0)), SPACE.sample(20, np.random.default_rng(2))
    model = Bohamiann(SPACE, steps=200, burn_in=100, keep_every=10).fit(archs, truth(archs), np.random.default_rng(1))
    whole = model.predict(pool)
    assert whole.members.shape == (10, 20)
    monkeypatch.setattr("surrogates.neural.bohamiann._POOL_ROWS", 7)
    np.testing.assert_allclose(model.predict(pool).members, whole.members, rtol=1e-5)


def test_defaults_are_those_of_the_authors():
    given = Bohamiann(SPACE).hyperparameters
    assert (given["steps"], given["burn_in"], given["keep_every"], given["batch_size"]) == (13_000, 3_000, 100, 20)
    assert (given["layers"], given["width"], given["step_size"], given["decay"]) == (2, 50, 0.01, 0.05)
    assert Sampling(13_000, 3_000, 100, 20, 0.01, 0.05).kept == 100


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"steps": 3000}, "`steps` must be more than burn_in = 3000, got 3000"),
        ({"keep_every": 10_001}, "`keep_every` must be at most 10000"),
        ({"decay": 1.5}, "`decay` must be at most 1"),
        ({"step_size": 0}, "`step_size` must be greater than 0"),
        ({"width": 10**9}, "`width` must be at most 1000000"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(given, rule):
    with pytest.raises(HarnessError, match=rule):
        Bohamiann(SPACE, **given)
