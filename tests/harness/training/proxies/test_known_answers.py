"""Scores that can be told by hand, or computed in another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from harness.errors import HarnessError
from harness.training import networks
from harness.training.proxies import ranking
from harness.training.proxies.activations.az_nas import entropy, trainability
from harness.training.proxies.activations.codes import log_kernel, patterns
from harness.training.proxies.activations.meco import smallest_eigenvalue
from harness.training.proxies.gradients.grasp import grasp
from harness.training.proxies.gradients.saliency import saliency
from harness.training.proxies.gradients.zico import inverse_variation
from harness.training.proxies.jacobians.inputs import OFFSET, epe_nas, jacov
from harness.training.proxies.jacobians.ntk import condition, ntk
from harness.training.proxies.no_data.sizes import l2_norm
from harness.training.proxies.no_data.synflow import synflow
from harness.training.proxies.no_data.zen import zen
from harness.training.proxies.subject import Subject
from harness.training.proxies.taps import ReLUs
from tests.harness.training.proxies.toys import conv, linear_subject, subject
from tests.harness.training.support import MICRO, signals

HADAMARD = np.array([[(-1.0) ** bin(i & j).count("1") for j in range(8)] for i in range(1, 8)])
"""Seven rows of mean 0 that do not correlate."""


def softmax_slopes(toy: Subject) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logits, the gradient of the mean cross-entropy on them, and on weights, of the linear toy."""
    weight, bias = (part.detach().double().numpy() for part in toy.module.parameters())
    items = toy.items.double().numpy()
    logits = items @ weight.T + bias
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    slopes = (chances - np.eye(4)[toy.labels.numpy()]) / len(items)
    return logits, slopes, slopes.T @ items


def test_synflow_of_two_weights_is_twice_what_flows() -> None:
    assert synflow(subject(nn.Sequential(conv(2.0), conv(-3.0))))["synflow"] == pytest.approx(math.log(12))


@pytest.mark.parametrize("depth", [1, 3, 40])
def test_synflow_of_a_chain_is_depth_times_flow_and_shifts_by_the_scale(depth: int) -> None:
    chain = nn.Sequential(*(conv(2.0) for _ in range(depth)))
    scaled = nn.Sequential(*(conv(-1e6) for _ in range(depth)))
    assert synflow(subject(chain))["synflow"] == pytest.approx(math.log(depth) + depth * math.log(2))
    assert synflow(subject(scaled))["synflow"] == pytest.approx(math.log(depth) + depth * math.log(1e6)), "no overflow"


def test_synflow_ignores_batch_normalisation_and_stays_0_without_a_path() -> None:
    norm = nn.BatchNorm2d(1)
    nn.init.constant_(norm.weight, 7.0)
    through = nn.Sequential(conv(2.0), norm, conv(-3.0))
    assert synflow(subject(through))["synflow"] == pytest.approx(math.log(12))
    assert synflow(subject(nn.Sequential(conv(0.0), conv(1.0))))["synflow"] == 0.0


def test_saliencies_of_a_linear_layer_are_those_of_softmax() -> None:
    toy = linear_subject()
    logits, slopes, gradient = softmax_slopes(toy)
    weight = toy.module.weight.detach().numpy()  # type: ignore[union-attr,operator]
    found = saliency(toy)
    assert found["grad_norm"] == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
    assert found["snip"] == pytest.approx(np.abs(weight * gradient).sum(), rel=1e-5)
    assert found["plain"] == pytest.approx((weight * gradient).sum(), rel=1e-4, abs=1e-6)
    assert found["fisher"] == pytest.approx(3 * 0.5 * ((logits * slopes) ** 2).mean(axis=0).sum(), rel=1e-5)


def test_the_gradient_norm_is_a_sum_over_layers() -> None:
    both = nn.Sequential(nn.Flatten(), nn.Linear(3, 3, bias=False), nn.Linear(3, 4))
    found = saliency(subject(both, torch.randn((5, 3, 1, 1), generator=torch.Generator().manual_seed(0))))
    both[2].weight.requires_grad_(True)
    loss = nn.functional.cross_entropy(both(torch.randn((5, 3, 1, 1), generator=torch.Generator().manual_seed(0))),
                                       torch.zeros(5, dtype=torch.int64))  # fmt: skip
    norms = [float(part.norm()) for part in torch.autograd.grad(loss, [both[1].weight, both[2].weight])]
    assert found["grad_norm"] == pytest.approx(sum(norms), rel=1e-5)


def test_grasp_is_a_step_along_the_gradient() -> None:
    toy, step = linear_subject(), 1e-4
    weight = toy.module.weight.detach().double().clone()  # type: ignore[union-attr,operator]

    def gradient(at: torch.Tensor) -> torch.Tensor:
        at = at.clone().requires_grad_(True)
        bias = toy.module.bias.detach().double()  # type: ignore[union-attr,operator]
        loss = nn.functional.cross_entropy(toy.items.double() @ at.T + bias, toy.labels)
        return torch.autograd.grad(loss, at)[0]

    g = gradient(weight)
    moved = (gradient(weight + step * g) - gradient(weight - step * g)) / (2 * step)
    assert grasp(toy)["grasp"] == pytest.approx(-float((weight * moved).sum()), rel=1e-5)


def test_zico_is_blind_to_the_order_of_minibatches_and_skips_what_agrees() -> None:
    layer = torch.tensor([[1.0, -1.0, 5.0], [3.0, 1.0, 5.0]])
    assert inverse_variation([layer]) == pytest.approx(math.log(3)) == inverse_variation([layer.flip(0)])
    assert inverse_variation([layer, layer, torch.ones((2, 4))]) == pytest.approx(2 * math.log(3))


def test_jacov_is_greatest_where_nothing_correlates() -> None:
    most = -7 * (math.log(1 + OFFSET) + 1 / (1 + OFFSET))
    assert jacov(HADAMARD) == pytest.approx(most)
    assert jacov(5.0 * HADAMARD) == pytest.approx(most), "scaling of logits"
    assert jacov(HADAMARD + 0.5 * HADAMARD[::-1]) < most
    constant = np.vstack([HADAMARD, np.ones(8)])
    assert jacov(constant) == pytest.approx(most - math.log(OFFSET) - 1 / OFFSET)


def test_epe_nas_of_pairs_is_told_by_their_correlation() -> None:
    rows = np.vstack([HADAMARD[0], HADAMARD[0] + HADAMARD[1], HADAMARD[2], HADAMARD[2] + HADAMARD[3], HADAMARD[4]])
    of_pair = 2 * math.log(1 + OFFSET) + 2 * math.log(math.sqrt(0.5) + OFFSET)
    assert epe_nas(rows, np.array([0, 0, 1, 1, 2])) == pytest.approx(2 * abs(of_pair)), "a class of one has no pairs"
    assert epe_nas(np.ones((2, 8)), np.array([0, 0])) == -math.inf
    many = np.tile(rows[:2], (101, 1))
    labels = np.repeat(np.arange(101), 2)
    assert epe_nas(many, labels) == pytest.approx(0.0, abs=1e-9), "of many classes, differences count"


def test_the_tangent_kernel_of_a_linear_layer_is_its_items() -> None:
    toy = linear_subject()
    rows = toy.items.double()[:3].repeat(1, 4)  # the gradient of the sum of logits: the item, for each class
    toy.items = toy.items[:3]
    toy.batch = 3
    assert ntk(toy)["ntk"] == pytest.approx(-condition(rows), rel=1e-4)
    assert condition(torch.diag(torch.tensor([1.0, 3.0]))) == pytest.approx(math.log(9))
    assert condition(torch.ones((2, 3))) == math.inf
    assert condition(torch.zeros((2, 3))) == math.inf


def test_gradients_of_items_are_those_taken_one_by_one() -> None:
    module = networks.build("nb201", (3, 2, 1, 4, 0, 3), MICRO, (1, 1, 12), 4, seed=0)
    data = signals()
    items = torch.from_numpy(data.images["train"][:5])
    found = ntk(Subject(module, items, torch.zeros(5, dtype=torch.int64), 5))["ntk"]
    again = networks.build("nb201", (3, 2, 1, 4, 0, 3), MICRO, (1, 1, 12), 4, seed=0).train()
    moving = [value for name, value in again.named_parameters() if name.endswith("weight")]
    sums = again(items).sum(1)
    rows = [
        torch.cat([part.flatten() for part in torch.autograd.grad(each, moving, retain_graph=True, allow_unused=True)
                   if part is not None])
        for each in sums
    ]  # fmt: skip
    assert found == pytest.approx(-condition(torch.stack(rows)), rel=1e-3)


def test_nwot_of_codes() -> None:
    rng = np.random.default_rng(0)
    codes = rng.random((6, 200)) < 0.5
    assert log_kernel(codes) <= 6 * math.log(200)
    assert log_kernel(codes[:, rng.permutation(200)]) == pytest.approx(log_kernel(codes))
    assert log_kernel(codes[[0, 0, 1]]) == -math.inf
    assert math.isnan(log_kernel(codes[:, :0])), "a network without ReLUs has no kernel"


def test_patterns_are_counted_once() -> None:
    assert patterns(np.array([[0, 0, 1], [0, 0, 1], [1, 0, 1]], dtype=bool)) == 2
    every = (np.arange(512)[:, None] >> np.arange(9) & 1).astype(bool)
    assert patterns(np.repeat(every, 2, axis=0)) == 512
    assert patterns(np.zeros((3, 0), dtype=bool)) == 1


def test_the_smallest_eigenvalue_of_channels() -> None:
    assert smallest_eigenvalue(HADAMARD) == pytest.approx(1.0)
    assert smallest_eigenvalue(np.vstack([HADAMARD[:3], HADAMARD[0]])) == pytest.approx(0.0, abs=1e-12)
    assert smallest_eigenvalue(np.ones((2, 8))) == 0.0
    assert smallest_eigenvalue(np.random.default_rng(0).normal(size=(8, 8))) == 0.0


def test_the_entropy_of_equal_components_is_the_log_of_their_number() -> None:
    features = torch.from_numpy(HADAMARD.reshape(1, 7, 1, 8).copy())
    assert entropy(features) == pytest.approx(math.log(7))
    assert entropy(features[:, :1].repeat(1, 4, 1, 1)) == pytest.approx(0.0, abs=1e-9)
    assert entropy(torch.ones((2, 3, 1, 4))) == 0.0


def test_trainability_is_0_where_gradients_keep_their_size() -> None:
    def of(block: nn.Module | None, scale: float = 1.0) -> float:
        before = torch.randn((512, 4, 1, 64), generator=torch.Generator().manual_seed(0)).requires_grad_(True)
        after = before if block is None else scale * block(before)
        return trainability(before, after, np.random.default_rng(0))

    assert of(None) == -math.inf
    assert of(nn.Identity()) == -math.inf, "by its gradient"
    assert of(nn.Identity(), 2.0) == pytest.approx(2 - 2 - 0.5, abs=0.05)
    pooled = of(nn.AvgPool2d((1, 2)), 2.0)  # each of two places gets the gradient once: s is the root of 2
    assert pooled == pytest.approx(2 - math.sqrt(2) - math.sqrt(0.5), abs=0.05)
    assert trainability(torch.ones((1, 1, 1, 4), requires_grad=True), torch.zeros((1, 1, 1, 4)), np.random.default_rng(0)) == -math.inf  # fmt: skip  # noqa: E501


def test_norms_count_convolutions_of_any_kernel() -> None:
    """E |W|^2 = C_out / 3 under the default initialisation, whatever the kernel: each edge adds 2 + 2.83 + 4."""
    recipe = MICRO.but(channels=12)
    cells = [(0, 0, 0, 1, 0, 0), (2, 0, 0, 3, 0, 0), (3, 3, 2, 2, 3, 2), (3, 3, 3, 3, 3, 3)]
    edges = [0, 2, 6, 6]
    found = [
        l2_norm(subject(networks.build("nb201", cell, recipe, (1, 1, 40), 10, seed=0)))["l2_norm"] for cell in cells
    ]
    slope = sum(math.sqrt(width / 3) for width in (12, 24, 48))
    np.testing.assert_allclose(np.array(found) - found[0], slope * np.array(edges), atol=0.03 * slope * 6)


def test_zen_is_that_of_the_step_without_normalisation() -> None:
    """Features of one weight: |w| E|e| times the step, where the ReLU lets it through."""
    toy = subject(nn.Sequential(conv(1.0), nn.ReLU()), torch.ones((4096, 1, 1, 1)))
    redrawn = np.random.default_rng(0).standard_normal((1, 1, 1, 1), dtype=np.float32)
    expected = math.log(0.01 * abs(float(redrawn[0, 0, 0, 0])) * math.sqrt(2 / math.pi) / 2)
    assert zen(toy)["zen"] == pytest.approx(expected, abs=0.1)


def test_zen_puts_back_what_normalisation_divides_by() -> None:
    def of(*layers: nn.Module) -> float:
        return zen(subject(nn.Sequential(*layers, nn.ReLU()), torch.ones((4096, 1, 1, 1))))["zen"]

    assert of(conv(1.0), nn.BatchNorm2d(1)) == pytest.approx(of(conv(1.0)), abs=0.1)


def test_relus_are_seen_as_functions_and_as_modules_but_not_in_place() -> None:
    items = torch.tensor([[-1.0, 2.0]])
    with ReLUs() as seen:
        nn.ReLU()(items)
        nn.functional.relu(items - 5)
        torch.relu(-items)
        items.relu()
    assert len(seen.inputs) == 4
    assert seen.codes().tolist() == [[False, True, False, False, True, False, False, True]]
    for module in (nn.ReLU(inplace=True), torch.relu_, lambda x: nn.functional.relu(x, True)):
        with pytest.raises(HarnessError, match="must not use a ReLU in place"), ReLUs():
            module(items.clone())


def test_ranks_of_equals_are_shared_and_missing_scores_refused() -> None:
    assert ranking.ranks([[3.0], [1.0], [3.0], [2.0]])[:, 0].tolist() == [3.5, 1.0, 3.5, 2.0]
    with pytest.raises(HarnessError, match="none missing"):
        ranking.az_nas([[1.0], [math.nan]])


def test_aggregates_follow_the_pool_not_the_scale() -> None:
    scores = np.random.default_rng(0).normal(size=(300, 3))
    for rule in (ranking.az_nas, ranking.te_nas, ranking.vote):
        np.testing.assert_allclose(rule(scores), rule(np.exp(scores)))
        order = np.random.default_rng(1).permutation(300)
        np.testing.assert_allclose(rule(scores[order]), rule(scores)[order])
        assert rule(scores).argmax() != rule(scores[:, :1]).argmax()
    assert ranking.az_nas(scores[:10])[0] != ranking.az_nas(scores)[0], "another pool, another value"
    assert ranking.vote(scores[:, :1]).argmax() == scores[:, 0].argmax()
