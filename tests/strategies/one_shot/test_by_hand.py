"""Steps of one-shot methods done again by hand: optimisers, estimators, mixtures and charges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from strategies.one_shot.climbing import NashInherited
from strategies.one_shot.controllers import ENAS
from strategies.one_shot.likelihood import SETN
from strategies.one_shot.morphism_tree import AutoKerasInherited
from strategies.one_shot.paths import RSPS, SPOS
from strategies.one_shot.petridish import PetridishInherited
from strategies.one_shot.presets import DARTS, GDAS, PCDARTS, SDARTS, FBNet, ProxylessNAS
from strategies.one_shot.relaxed import Relaxed
from strategies.one_shot.samplers import HardGumbel, ReinMax
from strategies.one_shot.sparse import LEAST, BayesNAS, proximal
from tests.harness.training.supernets.support import rng
from tests.strategies.one_shot.support import COSTS, TRAINING, VALIDATION, made

ARCH = (3, 0, 2, 1, 4, 3)


def stepping(arch=ARCH, **own):
    """Return a method that trains one path, with a batch."""
    method = made(RSPS, candidates=2, **own)
    method.draw = lambda count: np.array([arch], dtype=np.uint8)
    return method, next(method.batches.training(rng(1), 25))


def weights_of(method):
    return {name: value.detach().clone() for name, value in method.supernet.named_parameters()}


def test_momentum_and_decay_move_no_operation_that_is_not_drawn():
    method, batch = stepping(weight_decay=0.1)
    for speed in method.velocity:
        speed.fill_(0.5)
    before = weights_of(method)
    method.step(*batch)
    moved = {name for name, value in weights_of(method).items() if not torch.equal(value, before[name])}
    own = {
        f"stages.{stage}.0.edges.{gene}.{kernel}.weight"
        for stage in range(3)
        for gene, kernel in ((0, 3), (2, 1), (5, 3))
    }
    assert {name for name in moved if ".edges." in name} == own


def test_the_first_step_is_that_of_nesterovs_rule_with_decay_and_clipping():
    method, (images, labels) = stepping(clip=0.1)
    before = weights_of(method)
    loss = functional.cross_entropy(method.supernet.path(images, ARCH), labels)
    gradients = torch.autograd.grad(loss, method.parameters, allow_unused=True)
    norm = sum(float(part.square().sum()) for part in gradients if part is not None) ** 0.5
    assert norm > 0.1
    method.step(images, labels)
    for (name, after), gradient in zip(weights_of(method).items(), gradients, strict=True):
        if gradient is not None:
            change = gradient * 0.1 / norm + 5e-4 * before[name]
            torch.testing.assert_close(after, before[name] - 0.025 * 1.9 * change, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("temperature", [10.0, 0.7])
def test_the_gradient_of_gdas_is_that_of_the_softmax_with_its_noise_over_the_temperature(temperature):
    alpha = torch.tensor([[0.3, -1.0, 0.8]], requires_grad=True)
    drawn = HardGumbel().weights(alpha, rng(3), temperature)
    logits = alpha.detach().numpy()[0] - np.log(rng(3).standard_exponential((1, 3)))[0]
    soft = np.exp(logits / temperature) / np.exp(logits / temperature).sum()
    assert drawn[0].tolist() == np.eye(3)[soft.argmax()].tolist()
    for code in range(3):
        (gradient,) = torch.autograd.grad(drawn[0, code], alpha, retain_graph=True)
        expected = soft[code] * ((np.arange(3) == code) - soft) / temperature
        np.testing.assert_allclose(gradient[0], expected, rtol=1e-4, atol=1e-6)


def test_the_temperature_of_gdas_falls_from_ten_to_a_tenth():
    method = made(GDAS, epochs=250)
    told = []
    for method.done in (0, 83, 249):
        told.append(method.temperature)
    assert told == pytest.approx([10, 10 - 9.9 / 3, 0.1])


def test_the_gradient_of_reinmax_is_that_of_its_formula():
    logits = torch.tensor([[0.2, -0.4, 1.1]], requires_grad=True)
    upstream = np.array([0.5, -1.0, 2.0])
    drawn = ReinMax().weights(logits, rng(), 1.5)
    (found,) = torch.autograd.grad(drawn, logits, torch.tensor(upstream[None], dtype=torch.float32))
    p, warm = (np.exp(logits.detach().numpy()[0] / t) for t in (1.0, 1.5))
    p, q = p / p.sum(), (warm / warm.sum() + drawn.detach().numpy()[0]) / 2
    both = [
        scale * part - share * (scale * part).sum()
        for scale, part, share in ((2, upstream * q, q), (0.5, upstream * p, p))
    ]
    expected = both[0] - both[1]
    np.testing.assert_allclose(found[0], expected - expected.mean(), rtol=1e-4, atol=1e-6)


def test_the_auxiliary_skip_fades_linearly_and_in_the_end_is_gone():
    method, plain = made(Relaxed, auxiliary_skip=1.0, epochs=4), made(DARTS, epochs=4)
    seen, real = [], method.mixture_loss
    method.mixture_loss = lambda batch, weights, *more, **how: (
        seen.append(weights) or real(batch, weights, *more, **how)
    )
    batch = next(method.batches.training(rng(), 25))
    p = torch.softmax(method.alpha.detach(), 1)
    for method.done in range(5):
        loss, _ = method.loss(batch)
    assert [float((weights - p)[2, 1]) for weights in seen] == pytest.approx([1, 0.75, 0.5, 0.25, 0], abs=1e-6)
    with torch.no_grad():
        plain.alpha.copy_(method.alpha)
    assert torch.equal(loss, plain.loss(batch)[0])


def test_the_curvature_is_that_of_the_loss_with_the_auxiliary_skip():
    two = ["none", "nor_conv_1x1", "avg_pool_3x3"]
    method, plain = made(Relaxed, auxiliary_skip=1.0, epochs=4, without=two), made(Relaxed, epochs=4, without=two)
    assert method._curvature() != pytest.approx(plain._curvature(), rel=1e-3)
    method.done = 4
    assert method._curvature() == pytest.approx(plain._curvature(), rel=1e-5)


def test_partial_channels_are_weighed_and_shuffled_edge_by_edge():
    method = made(PCDARTS, partial_channels=2)
    with torch.no_grad():
        method.beta.copy_(torch.tensor([5.0, 1, 2, 0, 3, 1]))
    edges = method._edges(method.beta.detach())
    expected = [torch.softmax(torch.tensor(part), 0) for part in ([5.0], [1.0, 2], [0.0, 3, 1])]
    torch.testing.assert_close(edges, torch.cat(expected))
    cell, draws = method.supernet.stages[0][0], rng(4)
    features = torch.from_numpy(draws.normal(size=(3, 4, 1, 12)).astype(np.float32))
    weights = torch.from_numpy(draws.dirichlet(np.ones(5), size=6).astype(np.float32))
    nodes = [features]
    for entering in (((0, 0),), ((1, 0), (2, 1)), ((3, 0), (4, 1), (5, 2))):
        total = 0
        for gene, source in entering:
            some, rest = nodes[source].split(2, 1)
            terms = [
                some,
                *(
                    functional.batch_norm(
                        functional.conv2d(some.relu(), layer.weight, padding=(0, padding)), None, None, training=True
                    )
                    for layer, padding in ((cell.edges[gene]["1"], 0), (cell.edges[gene]["3"], 1))
                ),
                functional.avg_pool2d(some, (1, 3), 1, (0, 1), count_include_pad=False),
            ]
            mixed = sum(weight * term for weight, term in zip(weights[gene, 1:], terms, strict=True))
            total = total + edges[gene] * torch.cat([mixed, rest], 1)[:, [0, 2, 1, 3]]
        nodes.append(total)
    torch.testing.assert_close(cell.mixture(features, weights, edges), nodes[-1], rtol=1e-4, atol=1e-5)


def test_the_prior_of_bayesnas_is_updated_by_the_mean_square_of_the_gradients_of_its_epoch(monkeypatch):
    method, gradients = made(BayesNAS, warm_epochs=0, rounds=1), []
    monkeypatch.setattr(
        "strategies.one_shot.sparse.proximal",
        lambda values, gradient, *given: gradients.append(gradient.clone()) or proximal(values, gradient, *given),
    )
    method.epoch()
    assert len(gradients) == 2
    curvature = torch.stack(gradients).square().mean(0)
    c = 1 / (1 + curvature / method.penalties)
    omega = (1 - c).sqrt().clamp_min(LEAST)
    torch.testing.assert_close(method.omega, omega, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(method.gamma, method.switches.detach().abs() / method.omega)


def test_an_evaluation_costs_the_items_that_recalibrate_it_too():
    quick = {"population": 4, "parents": 2, "mutants": 1, "crossovers": 1, "generations": 0}
    for statistics, items in (("recalibrated", 24 + 50), ("batch", 24)):
        method, drawn = made(SPOS, epochs=1, statistics=statistics, **quick), []
        real = method.draw
        method.draw = lambda count, real=real, drawn=drawn: drawn.append(real(count)) or drawn[-1]
        spent = method.epoch().macs
        trained, evaluated = ([COSTS.path(arch[0]) for arch in part] for part in (drawn[:2], drawn[2:]))
        assert len(evaluated) == 4
        assert spent == pytest.approx(3 * TRAINING / 2 * sum(trained) + items * sum(evaluated))
    one = made(RSPS, epochs=1, statistics="recalibrated", candidates=2, items=12)
    one.macs, archs = 0.0, one.draw(2)
    one.best_of(archs, 12)
    assert one.macs == pytest.approx((12 + 50) * sum(COSTS.path(arch) for arch in archs))
    assert VALIDATION == 2 * 24


@pytest.mark.parametrize(
    ("factory", "settings"),
    [
        (DARTS, {"batch_size": 64, "learning_rate": 0.025, "last_learning_rate": 0.001, "momentum": 0.9,
                 "nesterov": False, "weight_decay": 3e-4, "clip": 5, "alpha_learning_rate": 3e-4, "alpha_beta": 0.5,
                 "alpha_weight_decay": 1e-3, "alpha_first": True, "order": 1, "frozen_epochs": 0}),
        (GDAS, {"nesterov": True, "weight_decay": 5e-4, "clip": 5, "alpha_first": False, "temperature": 10,
                "last_temperature": 0.1}),
        (PCDARTS, {"partial_channels": 4, "edge_normalisation": True, "frozen_epochs": 15, "batch_size": 256,
                   "learning_rate": 0.1, "last_learning_rate": 0, "alpha_learning_rate": 6e-4,
                   "alpha_weight_decay": 1e-3, "weight_decay": 3e-4}),
        (SDARTS, {"first_perturbation": 0.03, "perturbation": 0.3, "attack_steps": 7}),
        (ProxylessNAS, {"frozen_epochs": 41, "alpha_every": 5, "alpha_learning_rate": 1e-3, "alpha_beta": 0, "gated": 2,
                        "alpha_weight_decay": 0, "latency_factor": 0.2, "latency_power": 0.3, "weight_decay": 4e-5,
                        "batch_size": 256, "learning_rate": 0.025}),
        (FBNet, {"alpha_learning_rate": 0.01, "alpha_weight_decay": 5e-4, "frozen_epochs": 10, "latency_factor": 0.2,
                 "latency_power": 0.6, "learning_rate": 0.1, "temperature": 5}),
        (RSPS, {"nesterov": True, "weight_decay": 5e-4, "clip": 5, "candidates": 100, "items": 512}),
        (SETN, {"nesterov": True, "weight_decay": 5e-4, "clip": 0, "candidates": 100, "items": 512,
                "alpha_first": False}),
        (SPOS, {"batch_size": 1024, "learning_rate": 0.5, "last_learning_rate": 0, "annealing": "linear",
                "weight_decay": 4e-5, "label_smoothing": 0.1, "clip": 0, "population": 50, "generations": 20,
                "parents": 10, "mutants": 25, "crossovers": 25, "mutation": 0.1}),
        (ENAS, {"batch_size": 128, "learning_rate": 0.05, "last_learning_rate": 0.0005, "half_period": 10,
                "weight_decay": 2.5e-4, "clip": 5, "updates": 50, "samples": 20, "controller_learning_rate": 1e-3,
                "controller_beta": 0, "controller_epsilon": 1e-3, "controller_clip": 5, "entropy": 1e-4,
                "baseline_momentum": 0.99, "tanh": 2.5, "controller_temperature": 5}),
        (BayesNAS, {"batch_size": 18, "warm_epochs": 1, "operation_penalty": 0.01}),
        (NashInherited, {"steps": 5, "children": 8, "morphisms": 5, "child_epochs": 17, "learning_rate": 0.05}),
        (PetridishInherited, {"train_epochs": 80, "search_epochs": 80, "added": 3, "penalty": 1e-3, "first_gates": 0.1,
                              "near": 0.025, "points": 100}),
        (AutoKerasInherited, {"most_epochs": 200, "patience": 5, "least": 1e-4, "children": 8, "temperature": 1,
                              "beta": 2.576}),
    ],
)  # fmt: skip
def test_defaults_are_those_of_the_papers_and_their_codes(factory, settings):
    known = factory.known()
    assert {name: known[name] for name in settings} == settings
