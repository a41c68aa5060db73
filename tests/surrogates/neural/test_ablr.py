"""ABLR: its gradient by finite differences and autograd, its heads by the closed form, and what tasks share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.surrogate import Fit
from surrogates.linear.evidence import fit_head, log_evidence
from surrogates.neural.ablr import ABLR, _Trainer
from surrogates.neural.evidence import evidence
from surrogates.neural.networks import Stack
from tests.surrogates.support import SPACE, truth

ARCHS = SPACE.sample(40, np.random.default_rng(0))
POOL = SPACE.sample(20, np.random.default_rng(2))
TASK = np.repeat([0, 2, 3], [21, 12, 7])
NAMES = np.eye(4)[TASK]
TARGETS = truth(ARCHS) * np.array([1.0, 0.0, -2.0, 5.0])[TASK] + np.array([0.0, 0.0, 30.0, 100.0])[TASK]


def fitted(archs=ARCHS, targets=TARGETS, names=NAMES, **given):
    given = {"width": 12, "steps": 40, **given}
    return ABLR(SPACE, **given).fit(archs, targets, np.random.default_rng(1), names)


def of(task, rows=20):
    return np.tile(np.eye(4)[task], (rows, 1))


def problem(seed=0, sizes=((7, 5), (7, 3)), width=4):
    """Return padded bases, (B, D, n), targets, counts and precisions."""
    rng = np.random.default_rng(seed)
    counts = np.array([n for pair in sizes for n in pair])
    basis, targets = rng.normal(size=(len(counts), width, 7)), rng.normal(size=(len(counts), 7))
    mask = np.arange(7) < counts[:, None]
    arrays = basis * mask[:, None], targets * mask, counts.astype(float), rng.normal(size=(len(counts), 2))
    return tuple(map(torch.from_numpy, arrays))


def test_the_evidence_is_that_of_each_basis_alone():
    basis, targets, counts, precisions = problem()
    found = evidence(basis, targets, counts, precisions)
    for row, count in enumerate(counts.int().tolist()):
        alpha, beta = precisions[row].exp().tolist()
        alone = log_evidence(basis[row, :, :count].T.numpy(), targets[row, :count].numpy(), alpha, beta)
        assert found.value[row].item() == pytest.approx(alone, rel=1e-12)


def test_the_gradient_of_the_evidence_by_finite_differences():
    basis, targets, counts, precisions = problem()
    found = evidence(basis, targets, counts, precisions)
    for given, gradient in ((basis, found.basis), (precisions, found.precisions)):
        for index in np.ndindex(*given.shape):
            if given is basis and index[2] >= counts[index[0]]:
                assert gradient[index] == 0
                continue
            kept, step = given[index].item(), 1e-6
            ends = []
            for sign in (1, -1):
                given[index] = kept + sign * step
                ends.append(evidence(basis, targets, counts, precisions).value.sum().item())
            given[index] = kept
            assert gradient[index].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-7)


def test_the_gradient_of_the_networks_is_that_of_autograd():
    learner = ABLR(SPACE, layers=2, width=6)
    tasks = [Fit(learner, ARCHS, TARGETS + seed * truth(ARCHS), np.random.default_rng(seed), NAMES) for seed in (0, 1)]
    jobs = [learner._job(task) for task in tasks]
    trainer = _Trainer(learner._shape(20), 0.01, jobs, "cpu")
    value = trainer.differentiate()
    flat = trainer.parameters.detach().clone().double().requires_grad_()
    stack = Stack.of(flat, learner._shape(20), 2)
    total = torch.zeros(())
    for index, job in enumerate(jobs):
        active = torch.from_numpy(job.features).double().T
        for weights, bias in zip([stack.first, *stack.hidden], stack.bias, strict=True):
            active = torch.tanh(weights[index] @ active + bias[index])
        size = 2 * sum(learner._shape(20).sizes) + 6 * index
        own = torch.zeros(())
        for place, count in enumerate(job.counts.tolist()):
            alpha, beta = flat[size + 2 * place : size + 2 * place + 2].exp()
            phi = active[:, 24 * place : 24 * place + count]
            covariance = phi.T @ phi / alpha + torch.eye(count) / beta
            y = torch.from_numpy(job.targets[0, 24 * place : 24 * place + count]).double()
            own = own - (y @ torch.linalg.solve(covariance, y) + torch.logdet(2 * np.pi * covariance)) / 2
        assert value[index].item() == pytest.approx(own.item(), rel=1e-5)
        total = total - own / 40
    total.backward()
    torch.testing.assert_close(trainer.gradients.double(), flat.grad, rtol=2e-3, atol=2e-5)


def test_with_one_task_it_is_a_bayesian_linear_head_on_its_basis():
    for names, ask in ((None, None), (of(1, 40), of(1))):
        model = fitted(targets=truth(ARCHS), names=names)
        network = model._learnt

        def basis(archs, network=network):
            rows = torch.from_numpy(network.inputs.apply(SPACE.one_hot(archs)).astype(np.float32))
            return network.stack.basis(rows[None])[0].T.double().numpy()

        centre, spread = truth(ARCHS).mean(), truth(ARCHS).std()
        head = fit_head(basis(ARCHS), (truth(ARCHS) - centre) / spread)
        mean, variance = head.predict(basis(POOL))
        said = model.predict(POOL, ask)
        np.testing.assert_allclose(said.mean, centre + spread * mean, rtol=1e-5)
        np.testing.assert_allclose(said.std, spread * np.sqrt(variance), rtol=1e-3)


def test_training_raises_the_evidence():
    learner = ABLR(SPACE, width=12, steps=60)
    job = learner._job(Fit(learner, ARCHS, TARGETS, np.random.default_rng(0), NAMES))
    trainer = _Trainer(learner._shape(20), 0.01, [job], "cpu")
    before = trainer.differentiate().item()
    trainer.train()
    assert trainer.differentiate().item() > before + 40


def test_the_order_of_rows_changes_nothing():
    order = np.random.default_rng(5).permutation(40)
    one, other = fitted(), fitted(ARCHS[order], TARGETS[order], NAMES[order])
    for task in (0, 2, 3):
        said, again = one.predict(POOL, of(task)), other.predict(POOL, of(task))
        np.testing.assert_allclose(again.mean, said.mean, rtol=2e-3, atol=2e-2)
        np.testing.assert_allclose(again.std, said.std, rtol=2e-2)


def test_each_row_of_a_pool_is_answered_by_the_head_of_its_task():
    model = fitted()
    mixed = np.array([0, 2, 3, 0, 2] * 4)
    said = model.predict(POOL, np.eye(4)[mixed])
    for task in (0, 2, 3):
        alone = model.predict(POOL, of(task))
        np.testing.assert_allclose(said.mean[mixed == task], alone.mean[mixed == task], rtol=1e-6)
        np.testing.assert_allclose(said.std[mixed == task], alone.std[mixed == task], rtol=1e-6)


def test_a_change_of_the_unit_of_one_task_changes_the_unit_of_its_predictions_alone():
    moved = np.where(TASK == 2, 0.01 * TARGETS - 7, TARGETS)
    plain, other = fitted(), fitted(targets=moved)
    np.testing.assert_allclose(other.predict(POOL, of(2)).mean, 0.01 * plain.predict(POOL, of(2)).mean - 7, rtol=1e-3)
    np.testing.assert_allclose(other.predict(POOL, of(0)).mean, plain.predict(POOL, of(0)).mean, rtol=2e-3)


def test_a_related_task_teaches_what_nine_results_do_not():
    """Task 3 is told nine results of the function of which task 0 is told 150: it errs by half as much as alone."""
    everything = SPACE.decode(np.arange(4**5, dtype=np.uint64))
    sources = np.random.default_rng(0).permutation(everything)[:150]
    together, alone = [], []
    for seed in range(3):
        few = np.random.default_rng(seed).permutation(everything)[:9]
        archs, names = np.concatenate([sources, few]), np.eye(4)[np.repeat([0, 3], [150, 9])]
        targets = np.concatenate([truth(sources), 3.0 * truth(few)])
        for first, found in ((0, together), (150, alone)):
            model = fitted(archs[first:], targets[first:], names[first:], width=20, steps=60)
            said = model.predict(everything, of(3, 1024)).mean
            found.append(np.sqrt(np.mean((said - 3.0 * truth(everything)) ** 2)))
    assert np.mean(together) < 0.7 * np.mean(alone)


def test_it_continues_from_what_it_learnt():
    learner = ABLR(SPACE, width=12, steps=60, more_steps=0)
    model = learner.fit(ARCHS, TARGETS, np.random.default_rng(1), NAMES)
    again = model.fit(ARCHS, TARGETS, np.random.default_rng(2), NAMES)
    np.testing.assert_array_equal(again._learnt.stack.rows(), model._learnt.stack.rows())
    np.testing.assert_array_equal(again._learnt.precisions, model._learnt.precisions)
    np.testing.assert_allclose(again.predict(POOL, of(0)).mean, model.predict(POOL, of(0)).mean, rtol=1e-6)
    fewer = model.fit(ARCHS[TASK != 3], TARGETS[TASK != 3], np.random.default_rng(2), NAMES[TASK != 3])
    assert not np.array_equal(fewer._learnt.stack.rows(), model._learnt.stack.rows())  # other tasks: it begins


def test_models_that_begin_and_that_continue_are_fitted_together():
    learner = ABLR(SPACE, width=12, steps=30, more_steps=5)
    model = learner.fit(ARCHS, TARGETS, np.random.default_rng(1), NAMES)

    def tasks():
        return [Fit(start, ARCHS, TARGETS, np.random.default_rng(2), NAMES) for start in (learner, model, learner)]

    for task, served in zip(tasks(), learner.fit_many(tasks()), strict=True):
        alone = task.learner.fit(task.archs, task.targets, task.rng, task.covariates)
        np.testing.assert_allclose(served.predict(POOL, of(0)).mean, alone.predict(POOL, of(0)).mean, rtol=1e-5)


def test_defaults_are_those_of_the_paper():
    given = ABLR(SPACE).hyperparameters
    assert (given["layers"], given["width"], given["tasks"]) == (3, 50, True)


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        (NAMES * 2, r"`covariates` must name a task in each row, .* got \[2.0, 0.0, 0.0, 0.0\]"),
        (NAMES * 0, "`covariates` must name a task in each row"),
        (np.ones((40, 2)), "unless `tasks` is false"),
        (NAMES[:39], r"`covariates` must have shape \(40, e\)"),
    ],
)
def test_covariates_that_name_no_task_are_refused(names, rule):
    with pytest.raises(HarnessError, match=rule):
        fitted(names=names)


def test_a_task_of_which_nothing_was_learnt_is_refused():
    model = fitted()
    with pytest.raises(HarnessError, match="`covariates` must name tasks of which something was learnt, got 'task 1'"):
        model.predict(POOL, of(1))
    with pytest.raises(HarnessError, match="`covariates` must have as many columns as in `fit`"):
        model.predict(POOL)


@pytest.mark.parametrize(
    ("given", "rule"),
    [({"steps": 0}, "`steps` must be at least 1"), ({"tasks": 1}, "`tasks` must be"), ({"width": 0}, "`width` must")],
)
def test_hyperparameters_out_of_range_are_refused(given, rule):
    with pytest.raises(HarnessError, match=rule):
        ABLR(SPACE, **given)
