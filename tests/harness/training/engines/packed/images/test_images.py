"""The packed networks on images: kernels against plain torch, captured steps, frozen members."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch

from harness.training.curves import DIVERGED, OK
from harness.training.data.augment import DevicePlan
from harness.training.data.dataset import Dataset
from harness.training.engines.captured import StepGraphs
from harness.training.engines.engine import never
from harness.training.engines.loop import run
from harness.training.engines.packed import levels
from harness.training.engines.packed.engine import PackedEngine
from harness.training.engines.packed.images import networks as image_networks
from harness.training.engines.packed.images.maps import Maps
from harness.training.engines.packed.images.operations import PlainOperations
from harness.training.engines.packed.plan import wave_plan
from harness.training.engines.packed.weights import PackWeights, pack_slots
from harness.training.recipe import Recipe
from harness.training.schedule import Member
from tests.harness.training.engines.packed.test_packed import (
    ALL_3X3,
    ALL_NONE,
    CPU,
    FROM_NOWHERE,
    RECIPE,
    SIBLINGS,
    break_member,
    dataset,
    read,
    task,
)
from tests.paths import ROOT

CUDA = torch.device("cuda")
MIXED = (4, 2, 1, 3, 4, 2)
MEMBERS = [Member(SIBLINGS, 12), Member(MIXED, 3), Member(ALL_NONE, 2), Member(FROM_NOWHERE, 1)]


INTERPRETED = """
import sys
sys.path[:0] = {paths!r}
import pytest
from triton.runtime import interpreter
from tests.harness.training.engines.packed.images.test_images import CASES, CPU, check_kernels

patch = interpreter._patch_lang_tensor

def patched(tensor, scope):
    patch(tensor, scope)
    # Numpy 2.4 does not turn arrays of one element into integers any more.
    scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

interpreter._patch_lang_tensor = patched
with pytest.MonkeyPatch.context() as patches:
    check_kernels(CPU, *CASES[sys.argv[1]], patches)
"""
"""A process of its own: Triton decides when it is imported whether it interprets, and torch imports it early."""


def engines(
    members: list[Member], recipe: Recipe, data: Dataset, device: torch.device, patched: pytest.MonkeyPatch
) -> tuple[tuple[PackedEngine, np.ndarray], tuple[PackedEngine, np.ndarray]]:
    """Return an engine on plain operations and one on kernels, both in fp32, after a step, and what they evaluate."""
    from harness.training.engines.packed.triton.launch import KernelOperations

    made = []
    patched.setattr(image_networks, "precision", lambda device: torch.float32)
    patched.setattr(torch.backends.cudnn, "allow_tf32", False)
    for kernels in (False, True):

        def operations(norms, lattice, device, dtype, kernels=kernels):
            return KernelOperations(norms, lattice, dtype) if kernels else PlainOperations(norms, lattice)

        patched.setattr(image_networks, "operations", operations)
        engine = PackedEngine(members, task(data, recipe, device))
        engine.begin(0)
        engine.step(0, 0)
        made.append((engine, engine.evaluate("valid", never)))  # it has operations of its own, made when it is asked
    return made[0], made[1]


def check_kernels(device: torch.device, changes: dict[str, Any], height: int, patched: pytest.MonkeyPatch) -> None:
    recipe = RECIPE.but(batch_size=5).but(**changes)
    data = dataset(height=height, images=5, held=7, flip=recipe.augment)
    (plain, expected_sums), (kernels, sums) = engines(MEMBERS[:3], recipe, data, device, patched)
    for name in ("values", "gradients", "means", "variances"):
        expected, found = getattr(plain.weights, name), getattr(kernels.weights, name)
        for key, value in expected.views.items():
            torch.testing.assert_close(found.views[key], value, rtol=1e-3, atol=1e-4, msg=lambda text, key=key: key)
    torch.testing.assert_close(kernels.sums, plain.sums, rtol=1e-5, atol=1e-5)
    assert np.allclose(sums, expected_sums, rtol=1e-4)


CASES = {
    "residual": ({"reduction": "residual"}, 8),
    "pool": ({"augment": True}, 8),
    "residual signals": ({"reduction": "residual", "channels": 5}, 1),
}
QUICK = "residual signals"
"""Interpreted in the fast suite."""


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
@pytest.mark.parametrize(
    "case", [pytest.param(name, marks=[] if name == QUICK else [pytest.mark.slow]) for name in CASES]
)
def test_interpreted_kernels_equal_plain_operations(case):
    run = subprocess.run(
        [sys.executable, "-c", INTERPRETED.format(paths=[str(ROOT)]), case],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TRITON_INTERPRET": "1"},
    )
    assert run.returncode == 0, run.stderr[-4000:]


@pytest.mark.gpu
@pytest.mark.parametrize(("changes", "height"), CASES.values(), ids=CASES)
def test_kernels_equal_plain_operations(changes, height, monkeypatch):
    check_kernels(CUDA, changes, height, monkeypatch)


@pytest.mark.gpu
def test_a_frozen_member_touches_nobody_in_captured_steps():
    data, states = dataset(height=8), []
    for poison in (False, True):
        engine = PackedEngine(MEMBERS, task(data, device=CUDA))
        if poison:
            break_member(engine.weights, 1)
        states.append(run(engine))
    sound, diverged = states
    assert diverged.status.tolist() == [OK, DIVERGED, OK, OK]
    others = np.arange(len(MEMBERS)) != 1
    for name, values in diverged.metrics.items():
        assert np.array_equal(values[others], sound.metrics[name][others]), name
    assert not read(engine.weights, 1)["stem.conv.weight"].any()


@pytest.mark.gpu
@pytest.mark.parametrize("height", [1, 8], ids=["signals", "images"])
def test_captured_steps_survive_a_load_and_repeat_to_the_bit(height):
    data = dataset(height=height)
    engine = PackedEngine(MEMBERS, task(data, device=CUDA))
    engine.begin(0)
    engine.step(0, 0)
    kept = {name: value.clone() for name, value in engine.tensors().items()}
    ends = []
    for _ in range(2):
        engine.load(kept)
        engine.begin(0)
        for step in (1, 2):
            engine.step(0, step)
        ends.append(engine.weights.values.flat.clone())
    assert torch.equal(*ends)
    assert not torch.equal(ends[0], kept["parameters"])


@pytest.mark.parametrize("nesterov", [True, False])
def test_a_rate_on_the_device_gives_the_same_step(nesterov):
    recipe, plan = RECIPE.but(nesterov=nesterov), wave_plan([SIBLINGS, MIXED])
    plain = PackWeights(pack_slots(plan, task(dataset(height=8), recipe)), CPU)
    plain.values.flat.normal_(generator=torch.Generator().manual_seed(0))
    captured = PackWeights(pack_slots(plan, task(dataset(height=8), recipe)), CPU)
    captured.load(plain.tensors())
    for weights in (plain, captured):
        weights.freeze(np.array([1]))
    for step in range(3):
        gradient = torch.randn(plain.values.flat.shape, generator=torch.Generator().manual_seed(step))
        for weights, rate in ((plain, 0.3), (captured, torch.tensor(0.3))):
            weights.gradients.flat.copy_(gradient)
            weights.descend(rate, recipe)
    torch.testing.assert_close(captured.values.flat, plain.values.flat)
    assert not read(captured, 1)["stem.conv.weight"].any()


def test_steps_of_packs_see_their_part_of_the_plan_and_their_rate():
    seen = []
    graphs = StepGraphs(lambda batch, rate: seen.append((batch, float(rate))), list, task(dataset()))
    for shift in (0, 100):
        order = torch.arange(40) + shift
        plan = DevicePlan(torch.stack([order, order.flip(0)]), None, None, torch.stack([order, order]))
        graphs.begin(plan, [0.3, 0.2, 0.1])
        for step in (1, 2, 0):
            graphs.step(step)
    assert [round(rate, 6) for _, rate in seen] == [0.2, 0.1, 0.3] * 2
    batches = [batch for batch, _ in seen]
    assert [batch.order[0].tolist() for batch in batches[:2]] == [list(range(16, 32)), list(range(32, 40))]
    assert batches[3].order[1].tolist() == list(range(123, 107, -1))
    assert batches[3].left[1].tolist() == list(range(116, 132))
    assert batches[0].flip is None


def test_captured_and_plain_steps_agree():
    data, recipe = dataset(height=8, images=20, flip=True), RECIPE.but(augment=True, epochs=1)
    ends = []
    for captured in (False, True):
        engine = PackedEngine(MEMBERS[:2], task(data, recipe))
        if captured:
            engine._captured = True
        ends.append(run(engine))
    for name, values in ends[0].metrics.items():
        assert np.allclose(values, ends[1].metrics[name], rtol=1e-4), name


def test_evaluation_needs_less_memory_than_training():
    engine = PackedEngine([Member(ALL_3X3, 1)], task(dataset(height=8), RECIPE.but(cells=4)))
    networks = engine.networks(16)
    sizes = {}
    taken = Maps.memory

    def memory(maps):
        found = taken(maps)
        sizes[id(maps)] = found.numel()
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Maps, "memory", memory)
        images = torch.zeros((1, 16, 1, 8, 8))
        networks.forward(images, training=False)
        evaluating = sum(sizes.values())
        sizes.clear()
        logits = networks.forward(images, training=True)
        networks.backward(torch.zeros_like(logits))
    assert evaluating * 3 < sum(sizes.values())


def test_rows_are_given_once_and_sizes_share_memory():
    maps = Maps(2, 3, 4, batch=5, dtype=torch.float32, device=CPU, pitch=16)
    assert (maps.take(2), maps.take(1)) == ([0, 1], [2])
    assert maps.view(5).shape == (3, 5, 2, 3, 16)
    assert maps.view(2).data_ptr() == maps.view(5).data_ptr()


def test_triton_changes_nothing_on_a_cpu():
    assert not image_networks.has_kernels(CPU)
    assert "slower than R0 on a CPU" in str(levels.WaveLevel().unfit(task(dataset(height=8))))


def test_images_on_cuda_need_triton(monkeypatch):
    images, signals = (task(data, device=CUDA) for data in (dataset(height=8), dataset()))
    monkeypatch.setattr(levels, "has_kernels", lambda device: False)
    reason = levels.WaveLevel().unfit(images)
    assert reason is not None
    assert "needs Triton" in reason
    assert levels.WaveLevel().unfit(signals) is None
    monkeypatch.setattr(levels, "has_kernels", lambda device: True)
    assert levels.WaveLevel().unfit(images) is None
