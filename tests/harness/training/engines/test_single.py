"""The engines of one network: the reference takes the textbook step, the faster ones agree with it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.training.engines import reference
from harness.training.engines.captured import GraphEngine
from harness.training.engines.engine import Task
from harness.training.engines.loop import run
from harness.training.engines.resident import ResidentEngine, sgd_step
from harness.training.recipe import Recipe
from harness.training.schedule import Member, epoch_plan, learning_rate
from tests.harness.training.support import CELL, CPU, MICRO, pictures, signals


def test_reference_restores_what_it_changes():
    before = torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()
    with reference.deterministic():
        assert torch.are_deterministic_algorithms_enabled()
    assert before == (torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision())


def test_reference_takes_the_textbook_step():
    """Two steps of SGD by hand, with the partial last batch, equal the engine's."""
    data, given_recipe = signals((30, 8, 8)), MICRO.but(momentum=0.8, weight_decay=0.01)
    member, task = Member(CELL, 0), Task("nb201", given_recipe, data, CPU)
    engine, other = (reference.ReferenceEngine(member, task) for _ in range(2))
    plan = epoch_plan(member, 0, given_recipe, data, network="nb201")
    velocity = [torch.zeros_like(part) for part in other.parameters]
    engine.begin(0)
    other.module.train()
    for step, order in enumerate((plan.order[:20], plan.order[20:])):
        engine.step(0, step)
        images = torch.from_numpy(data.images["train"][order])
        loss = torch.nn.functional.cross_entropy(other.module(images), torch.from_numpy(data.labels["train"][order]))
        slopes = torch.autograd.grad(loss, other.parameters, allow_unused=True)
        with torch.no_grad():
            for part, slope, speed in zip(other.parameters, slopes, velocity, strict=True):
                if slope is not None:
                    speed.mul_(0.8).add_(slope + 0.01 * part)
                    part -= learning_rate(given_recipe, 0, step, 2) * (slope + 0.01 * part + 0.8 * speed)
    for ours, theirs in zip(engine.parameters, other.parameters, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@settings(max_examples=6)
@given(arch=st.tuples(*[st.integers(0, 4)] * 6), images=st.booleans())
def test_faster_levels_agree_with_the_reference(arch, images):
    data = pictures() if images else signals()
    task = Task("nb201", MICRO.but(epochs=1, learning_rate=0.02, augment=True), data, CPU)
    kinds = (reference.ReferenceEngine, ResidentEngine, GraphEngine)
    states = [run(kind(Member(arch, 1), task)) for kind in kinds]
    for state in states[1:]:
        for name, expected in states[0].tensors.items():
            torch.testing.assert_close(state.tensors[name], expected, rtol=2e-3, atol=2e-5, msg=name)
        assert state.metrics["train_loss"][0, 0] == pytest.approx(states[0].metrics["train_loss"][0, 0], rel=1e-4)


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("on_device", [True, False])
def test_sgd_equals_torch(nesterov, on_device):
    given_recipe = Recipe("any", epochs=1, nesterov=nesterov, weight_decay=0.01)
    generator = torch.Generator().manual_seed(0)
    ours = [torch.randn(size, generator=generator).requires_grad_() for size in (3, 5, 2)]
    theirs = [part.detach().clone().requires_grad_() for part in ours]
    momentum = [torch.zeros_like(part) for part in ours]
    optimiser = torch.optim.SGD(theirs, lr=0.3, momentum=0.9, nesterov=nesterov, weight_decay=0.01)
    for _ in range(3):
        for one, other in zip(ours[:2], theirs[:2], strict=True):  # the third never gets a gradient
            one.grad = torch.randn(one.shape, generator=generator)
            other.grad = one.grad.clone()
        sgd_step(ours, momentum, given_recipe, torch.tensor(0.3) if on_device else 0.3)
        optimiser.step()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)
