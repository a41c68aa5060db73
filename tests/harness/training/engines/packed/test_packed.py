"""The packed levels R3 and R4 against R0, the oracle."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.checks import FloatArray
from harness.errors import HarnessError
from harness.spaces.four_nodes import live_edges
from harness.training.curves import DIVERGED, OK
from harness.training.data.augment import DeviceImages
from harness.training.data.dataset import Dataset
from harness.training.engines.engine import Engine, Interrupted, State, Task, never
from harness.training.engines.loop import run, train_pack
from harness.training.engines.packed.engine import PackedEngine
from harness.training.engines.packed.levels import SeedLevel, WaveLevel
from harness.training.engines.packed.plan import wave_plan
from harness.training.engines.packed.weights import PackWeights, in_own_network
from harness.training.engines.reference import ReferenceEngine
from harness.training.recipe import Recipe
from harness.training.schedule import Member
from harness.training.trainer import train

CPU = torch.device("cpu")
ALL_NONE, ALL_SKIP, ALL_3X3, ALL_1X1, ALL_POOL = (0,) * 6, (1,) * 6, (3,) * 6, (2,) * 6, (4,) * 6
SIBLINGS, DEAD_END, FROM_NOWHERE = (3, 3, 0, 3, 1, 2), (3, 0, 2, 0, 0, 0), (0, 0, 3, 0, 0, 2)
ARCHS: list[tuple[int, ...]] = [ALL_NONE, ALL_SKIP, ALL_3X3, ALL_1X1, ALL_POOL, SIBLINGS, DEAD_END, FROM_NOWHERE]
ARCHS += [tuple(int(gene) for gene in arch) for arch in np.random.default_rng(5).integers(0, 5, (12, 6))]
MEMBERS = [Member(arch, 7 + position % 3) for position, arch in enumerate(ARCHS)]
RECIPE = Recipe("tiny", epochs=2, batch_size=16, anneal="step", channels=4, cells=1, reduction="pool", augment=False)


def dataset(*, height: int = 1, width: int = 8, images: int = 40, held: int = 20, flip: bool = False) -> Dataset:
    """Return random walks; 40 training images make two full batches of 16 and a partial one."""
    rng = np.random.default_rng(1)
    sizes = {"train": images, "valid": held, "test": held}
    shape = (1, height, width)
    walks = {split: rng.standard_normal((n, *shape)).cumsum(-1).astype(np.float32) for split, n in sizes.items()}
    labels = {split: rng.integers(0, 5, n) for split, n in sizes.items()}
    mean, std = np.zeros(1, np.float32), np.full(1, 2, np.float32)
    return Dataset("walks", walks, labels, 5, mean, std, flip=flip, padding=2 if flip else 0)


def task(data: Dataset, recipe: Recipe = RECIPE, device: torch.device = CPU) -> Task:
    return Task("nb201", recipe, data, device)


def rows_of(weights: PackWeights, member: int) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield views of a member's parameters and running statistics, by their names in a network of its own."""
    for stack in (weights.values, weights.means, weights.variances):
        for slot in stack.slots:
            for row in np.flatnonzero(slot.members == member):
                yield slot.name, in_own_network(stack.views[slot.key][int(row)])


def read(weights: PackWeights, member: int) -> dict[str, torch.Tensor]:
    return {name: row.clone() for name, row in rows_of(weights, member)}


def break_member(weights: PackWeights, member: int) -> None:
    for _, row in rows_of(weights, member):
        row.fill_(torch.nan)


@pytest.fixture
def _doubles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Compute in float64, where a wrong gradient cannot hide behind rounding that grows from step to step."""
    torch.set_default_dtype(torch.float64)
    monkeypatch.setattr(DeviceImages, "_normalised", lambda self, pixels: (pixels.double() - self._mean) / self._std)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    yield
    torch.set_default_dtype(torch.float32)


def reference_engines(members: list[Member], recipe: Recipe, data: Dataset) -> list[ReferenceEngine]:
    return [ReferenceEngine(member, task(data, recipe)) for member in members]


def every(engine: Engine, references: Sequence[Engine]) -> list[Engine]:
    return [engine, *references]


def evaluated(engine: Engine) -> FloatArray:
    sums = engine.evaluate("valid", never)
    assert sums is not None
    return sums


def largest_difference(engine: PackedEngine, position: int, reference: ReferenceEngine) -> float:
    """Compare parameters and statistics of all layers that learn; R0 does not even decay the others."""
    learning = {name.rsplit(".", 1)[0] for name, p in reference.module.named_parameters() if p.grad is not None}
    expected = reference.module.state_dict()
    found = {
        name: value for name, value in read(engine.weights, position).items() if name.rsplit(".", 1)[0] in learning
    }
    assert {name for name in expected if name.rsplit(".", 1)[0] in learning and "tracked" not in name} == set(found)
    return max(float((value.flatten() - expected[name].flatten()).abs().max()) for name, value in found.items())


@given(st.lists(st.lists(st.integers(0, 4), min_size=6, max_size=6), min_size=1, max_size=6))
def test_a_plan_holds_every_live_edge_once(archs: list[list[int]]) -> None:
    planned = [
        (int(member), gene, bucket.operation)
        for bucket in wave_plan(archs).buckets
        for member in bucket.members
        for gene in bucket.genes
    ]
    expected = [(member, gene, arch[gene]) for member, arch in enumerate(archs) for gene in live_edges(arch)]
    assert sorted(planned) == sorted(expected)


def test_siblings_share_a_bucket_and_dead_edges_none() -> None:
    plan = wave_plan([SIBLINGS, DEAD_END, ALL_NONE])
    assert [(bucket.key, bucket.members.tolist()) for bucket in plan.buckets] == [
        ("3.0.123", [0]),
        ("1.1.3", [0]),
        ("2.2.3", [0]),
    ]


@pytest.mark.usefixtures("_doubles")
@pytest.mark.parametrize(
    ("height", "changes"),
    [
        (1, {}),
        (1, {"cells": 2, "nesterov": False, "anneal": "epoch"}),
        (1, {"reduction": "residual"}),
        (8, {"reduction": "residual"}),
        (8, {"augment": True}),
    ],
    ids=["signals", "two cells", "residual signals", "residual images", "augmented images"],
)
def test_two_epochs_equal_r0(height: int, changes: dict[str, Any]) -> None:
    recipe = RECIPE.but(**changes)
    data = dataset(height=height, flip=recipe.augment)
    engine, references = (
        PackedEngine(MEMBERS, Task("nb201", recipe, data, CPU)),
        reference_engines(MEMBERS, recipe, data),
    )
    for each in every(engine, references):
        for epoch in range(2):
            each.begin(epoch)
            for step in range(3):
                each.step(epoch, step)
    worst = max(largest_difference(engine, position, each) for position, each in enumerate(references))
    assert worst < 1e-9
    assert np.allclose(engine.sums, torch.cat([each.sums for each in references]), rtol=1e-9)
    expected = [evaluated(each) for each in references]
    assert np.allclose(evaluated(engine), np.concatenate(expected), rtol=1e-8)


@pytest.mark.parametrize("height", [1, 8])
def test_fp32_forward_and_first_step_equal_r0_up_to_rounding(height: int) -> None:
    data = dataset(height=height)
    engine, references = PackedEngine(MEMBERS, task(data)), reference_engines(MEMBERS, RECIPE, data)
    for each in every(engine, references):
        each.begin(0)
        each.step(0, 0)
    assert np.allclose(engine.sums, torch.cat([each.sums for each in references]), rtol=1e-5)
    assert max(largest_difference(engine, position, each) for position, each in enumerate(references)) < 2e-3


@pytest.mark.usefixtures("_doubles")
def test_kernels_of_signals_that_shrink_to_one_position_equal_r0() -> None:
    data, members = dataset(width=4), [Member(ALL_3X3, 0)]
    engine, (reference,) = PackedEngine(members, task(data)), reference_engines(members, RECIPE, data)
    for each in (engine, reference):
        each.begin(0)
        for step in range(3):
            each.step(0, step)
    assert largest_difference(engine, 0, reference) < 1e-9


@pytest.mark.usefixtures("_doubles")
def test_results_do_not_depend_on_the_pack() -> None:
    data = dataset()
    alone = [run_pack([member], data) for member in MEMBERS[2:6]]
    together = run_pack(MEMBERS[5:1:-1], data)
    for name, values in together.metrics.items():
        expected = np.concatenate([state.metrics[name] for state in alone])[::-1]
        assert np.allclose(values, expected, rtol=1e-7), name


def run_pack(members: list[Member], data: Dataset) -> State:
    engine = PackedEngine(members, task(data))
    return run(engine)


@pytest.mark.parametrize("height", [1, 8])
def test_a_diverged_member_is_frozen_and_touches_nobody(height: int) -> None:
    data, members, ill = dataset(height=height), MEMBERS[:8], 2
    states = []
    for poison in (False, True):
        engine = PackedEngine(members, task(data))
        if poison:
            break_member(engine.weights, ill)
        states.append(run(engine))
    sound, diverged = states
    others = np.arange(len(members)) != ill
    assert diverged.status.tolist() == [DIVERGED if position == ill else OK for position in range(len(members))]
    assert diverged.diverged_epoch[ill] == 0
    for name, values in diverged.metrics.items():
        assert np.all(np.isnan(values[ill]))
        assert np.array_equal(values[others], sound.metrics[name][others]), name
    frozen = read(engine.weights, ill)
    assert all(bool(torch.isfinite(value).all()) for value in frozen.values())
    assert not frozen["stem.conv.weight"].any()
    assert not frozen["head.linear.bias"].any()


@pytest.mark.parametrize("stop_after", [1, 3, 4, 7])
def test_an_interrupted_pack_continues_to_the_same_bits(stop_after: int) -> None:
    data, members = dataset(), MEMBERS[1:6]
    whole = run_pack(members, data)
    polls = iter(range(1000))
    kept: list[State] = []

    def keep(state: State) -> bool:
        tensors = {name: value.clone() for name, value in state.tensors.items()}
        kept.append(dataclasses.replace(state, tensors=tensors))
        return False

    def trained(state: State | None, interrupted: Interrupted) -> State:
        return train_pack(WaveLevel(), members, task(data), state=state, on_epoch=keep, interrupted=interrupted)

    trained(None, lambda: next(polls) >= stop_after)
    again = trained(kept[-1], never)
    for name, values in whole.metrics.items():
        assert np.array_equal(again.metrics[name], values), name
    assert np.array_equal(again.tensors["parameters"], whole.tensors["parameters"])


@pytest.mark.parametrize("level", ["R3", "R4"])
def test_train_at_a_packed_level_follows_r0(level: str, tmp_path: Path) -> None:
    data, archs = dataset(images=32), np.array(ARCHS[1:6], dtype=np.uint8)
    recipe = RECIPE.but(learning_rate=0.01)
    expected = train(archs, [1, 2], recipe, data, level="R0")
    curves = train(archs, [1, 2], recipe, data, level=level, checkpoint=tmp_path / "kept")
    assert (curves.level, curves.device) == (level, "cpu")
    assert np.all(curves.status == OK)
    for name in ("train_loss", "valid_loss", "test_loss"):
        assert np.allclose(getattr(curves, name), getattr(expected, name), rtol=1e-3), name
    assert np.all(curves.seconds > 0)


def test_what_cannot_be_packed_is_refused() -> None:
    sizes = np.zeros((2, 5), dtype=np.uint8)
    with pytest.raises(HarnessError, match="NAS-Bench-201 cell space only"):
        train(sizes, [0], RECIPE, dataset(height=8), network="nats_size", level="R4")
    with pytest.raises(HarnessError, match="slower than R0 on a CPU"):
        train(np.array(ARCHS[:2], dtype=np.uint8), [0], RECIPE, dataset(height=8), level="R3")


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), unique=True, max_size=40))
def test_packs_hold_every_network_once_and_seeds_together(drawn: list[tuple[int, int]]) -> None:
    members, work = [Member(ARCHS[arch], seed) for arch, seed in drawn], task(dataset())
    for level in (SeedLevel(), WaveLevel()):
        packs = level.packs(members, work)
        assert sorted(position for pack in packs for position in pack) == list(range(len(members)))
        assert all(packs)
    for pack in SeedLevel().packs(members, work):
        assert len({members[position].arch for position in pack}) == 1


@pytest.mark.gpu
@pytest.mark.parametrize(("height", "tolerance"), [(1, 1e-3), (8, 5e-2)], ids=["signals", "images in bf16"])
def test_first_epoch_on_cuda_follows_r0_on_the_cpu(height: int, tolerance: float) -> None:
    recipe, data = RECIPE.but(learning_rate=0.01), dataset(height=height)
    engine = PackedEngine(MEMBERS, task(data, recipe, torch.device("cuda")))
    references = reference_engines(MEMBERS, recipe, data)
    for each in every(engine, references):
        each.begin(0)
        for step in range(3):
            each.step(0, step)
    expected = torch.cat([each.sums for each in references])[:, 0]
    assert np.allclose(engine.sums[:, 0].cpu(), expected, rtol=tolerance)
