"""The reference is reproducible, faster levels agree with it, and trouble stays with the network it happens to."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.training import recipe, trainer
from harness.training.curves import DIVERGED, OK, OUT_OF_MEMORY
from harness.training.data.augment import DeviceImages, DevicePlan
from harness.training.data.dataset import Dataset
from harness.training.devices import choose_device
from harness.training.engines import reference
from harness.training.engines.captured import GraphEngine
from harness.training.engines.engine import EPOCH_METRICS, Member, never
from harness.training.engines.loop import run
from harness.training.engines.resident import ResidentEngine
from harness.training.engines.sgd import sgd_step
from harness.training.engines.single import Work
from harness.training.recipe import Recipe
from harness.training.schedule import EpochPlan, epoch_plan, learning_rate, steps_per_epoch
from harness.training.threads import compute_threads
from harness.training.trainer import train

CPU = torch.device("cpu")
MICRO = recipe.load("micro").but(epochs=2, batch_size=20)
CELL, DISCONNECTED = (3, 2, 1, 4, 0, 3), (3, 3, 3, 0, 0, 0)


@pytest.fixture(autouse=True)
def _one_thread():
    with compute_threads(1):
        yield


def signals(sizes=(50, 20, 20), *, seed=0) -> Dataset:
    """Return four classes of noisy signals of length 12."""
    rng = np.random.default_rng(seed)
    shapes = rng.normal(size=(4, 1, 1, 12))
    labels = {split: np.arange(size) % 4 for split, size in zip(("train", "valid", "test"), sizes, strict=True)}
    images = {
        split: (shapes[label] + 0.5 * rng.normal(size=(len(label), 1, 1, 12))).astype(np.float32)
        for split, label in labels.items()
    }
    return Dataset("signals", images, labels, 4, np.zeros(1, np.float32), np.ones(1, np.float32))


def pictures(*, flip=True, padding=2, size=8, count=30) -> Dataset:
    rng = np.random.default_rng(1)
    splits = ("train", "valid", "test")
    images = {split: rng.integers(0, 256, size=(count, 3, size, size)).astype(np.uint8) for split in splits}
    labels = {split: np.arange(count) % 4 for split in splits}
    mean, std = np.array([125, 120, 110], np.float32), np.array([60, 61, 62], np.float32)
    return Dataset("pictures", images, labels, 4, mean, std, flip=flip, padding=padding)


# -- schedule ---------------------------------------------------------------------------------------------------------


def test_learning_rate_falls_as_published():
    by_epoch = Recipe("epoch", epochs=12)
    rates = [learning_rate(by_epoch, epoch, 57, 98) for epoch in range(12)]
    assert rates == pytest.approx([0.05 * (1 + math.cos(math.pi * epoch / 12)) for epoch in range(12)])
    assert rates[0] == 0.1
    assert rates[6] == pytest.approx(0.05)
    by_step = by_epoch.but(anneal="step")
    assert learning_rate(by_step, 6, 0, 98) == pytest.approx(0.05)
    assert 0 < learning_rate(by_step, 11, 97, 98) < 1e-6
    assert learning_rate(by_step, 0, 1, 98) < learning_rate(by_step, 0, 0, 98) == 0.1


@pytest.mark.parametrize(("images", "steps"), [(50_000, 196), (25_000, 98), (151_700, 593), (3_000, 12)])
def test_the_partial_last_batch_is_a_step(images, steps):
    assert steps_per_epoch(images, 256) == steps


def test_plans_are_permutations_named_by_member_and_epoch():
    data, given_recipe = pictures(), Recipe("any", epochs=2)
    member = Member(CELL, 3)
    plan = epoch_plan(member, 1, given_recipe, data, network="nb201")
    assert sorted(plan.order) == list(range(30))
    assert plan.top.min() >= 0
    assert plan.top.max() <= 4
    again = epoch_plan(member, 1, given_recipe.but(epochs=9), data, network="nb201")
    assert np.array_equal(plan.order, again.order)
    assert np.array_equal(plan.left, again.left)
    others = [epoch_plan(Member(CELL, 4), 1, given_recipe, data, network="nb201")]
    others.append(epoch_plan(member, 0, given_recipe, data, network="nb201"))
    others.append(epoch_plan(Member(DISCONNECTED, 3), 1, given_recipe, data, network="nb201"))
    assert not any(np.array_equal(plan.order, other.order) for other in others)
    plain = epoch_plan(member, 1, given_recipe.but(augment=False), data, network="nb201")
    assert plain.flip is None
    assert plain.top is None


# -- augmentation -----------------------------------------------------------------------------------------------------


def augmented_plainly(data: Dataset, plan: EpochPlan) -> np.ndarray:
    """Flip, pad with raw zeros, crop, normalise: one image after the other."""
    _, height, width = data.shape
    across, along = (0 if data.is_signal else data.padding), data.padding
    out = []
    for position, image in enumerate(plan.order):
        raw = data.images["train"][image].astype(np.float32)
        if plan.flip is not None and plan.flip[position]:
            raw = raw[:, :, ::-1]
        if plan.top is not None:
            raw = np.pad(raw, ((0, 0), (across, across), (along, along)))
            top, left = plan.top[position], plan.left[position]
            raw = raw[:, top : top + height, left : left + width]
        out.append((raw - data.mean[:, None, None]) / data.std[:, None, None])
    return np.stack(out)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("kind", ["pictures", "signals"])
def test_gathered_batches_equal_one_image_at_a_time(kind, flip, padding):
    data = pictures() if kind == "pictures" else signals()
    data = Dataset(data.name, data.images, data.labels, 4, data.mean + 1, data.std, flip=flip, padding=padding)
    plan = epoch_plan(Member(CELL, 0), 0, Recipe("any", epochs=1), data, network="nb201")
    images = DeviceImages(data, "train", CPU, padding=padding)
    batch = images.augmented(DevicePlan.of(plan, CPU).batch(5, 25))
    np.testing.assert_allclose(batch.numpy(), augmented_plainly(data, plan)[5:25], rtol=1e-6)


def test_padded_pixels_are_raw_zeros():
    data = pictures(padding=8, flip=False)
    corner = np.zeros(1, dtype=np.int64)
    plan = EpochPlan(order=corner, flip=None, top=corner, left=corner)
    image = DeviceImages(data, "train", CPU, padding=8).augmented(DevicePlan.of(plan, CPU))
    np.testing.assert_allclose(image[0, :, 0, 0].numpy(), (0 - data.mean) / data.std, rtol=1e-6)


# -- R0 ---------------------------------------------------------------------------------------------------------------


def test_reference_learns_and_reports():
    curves = train([CELL, (1,) * 6], [0, 5], recipe.load("micro").but(epochs=6, batch_size=20), signals(), level="R0")
    assert (curves.level, curves.device) == ("R0", "cpu")
    assert np.all(curves.status == OK)
    assert np.all(curves.test_accuracy[0] > 60)
    assert np.all(curves.train_loss[0, :, -1] < curves.train_loss[0, :, 0])
    assert np.all(np.isfinite(curves.seconds))
    assert np.all(curves.diverged_epoch == -1)
    counts = curves.valid_accuracy * 20 / 100
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)


def test_reference_repeats_its_bits_whatever_else_is_trained():
    data = signals()
    alone = train([CELL], [5], MICRO, data, level="R0")
    torch.manual_seed(123)
    np.random.seed(3)  # noqa: NPY002 - the point is that the global generator does not matter
    together = train([(2,) * 6, CELL], [0, 5], MICRO, data, level="R0")
    for name in (*EPOCH_METRICS, "test_loss", "test_accuracy"):
        assert np.array_equal(getattr(alone, name)[0, 0], getattr(together, name)[1, 1])
    assert not np.array_equal(together.train_loss[1, 0], together.train_loss[1, 1])


def test_reference_restores_what_it_changes():
    before = torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()
    with reference.deterministic():
        assert torch.are_deterministic_algorithms_enabled()
    assert before == (torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision())


def test_reference_takes_the_textbook_step():
    """Two steps of SGD by hand, with the partial last batch, equal the engine's."""
    data, given_recipe = signals((30, 8, 8)), MICRO.but(momentum=0.8, weight_decay=0.01)
    engine = reference.ReferenceEngine(Work(Member(CELL, 0), given_recipe, data, CPU, "nb201"))
    other = reference.ReferenceEngine(engine.work)
    plan = epoch_plan(Member(CELL, 0), 0, given_recipe, data, network="nb201")
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


def test_disconnected_cell_is_a_result_at_chance():
    curves = train([DISCONNECTED, (0,) * 6], [0], MICRO, signals(), level="R0")
    assert np.all(curves.status == OK)
    assert np.all(curves.test_accuracy == 25)


@pytest.mark.parametrize("level", ["R0", "R4"])
def test_without_validation_images_that_accuracy_is_missing_not_zero(level):
    curves = train(np.array([CELL]), (0, 1), MICRO, signals((50, 0, 20)), level=level)
    assert np.isnan(curves.valid_accuracy).all()
    assert np.isnan(curves.valid_loss).all()
    assert (curves.status == OK).all()
    assert np.isfinite(curves.test_accuracy).all()


def test_divergence_freezes_one_network_and_is_recorded():
    data = signals()
    given_recipe = MICRO.but(learning_rate=1e12, epochs=3, reduction="residual", anneal="epoch", momentum=0.0)
    curves = train([CELL, DISCONNECTED], [0], given_recipe, data, level="R0")
    epoch = int(curves.diverged_epoch[0, 0])
    assert curves.status[0, 0] == DIVERGED
    assert epoch >= 0
    assert np.all(np.isnan(curves.train_loss[0, 0, epoch:]))
    assert np.all(np.isfinite(curves.train_loss[0, 0, :epoch]))
    assert np.isnan(curves.test_accuracy[0, 0])
    assert np.all(curves.status[1] != 2)  # the next network was trained, whatever became of it


# -- R1 and R2 against R0 ---------------------------------------------------------------------------------------------


@settings(max_examples=6)
@given(arch=st.tuples(*[st.integers(0, 4)] * 6), images=st.booleans())
def test_faster_levels_agree_with_the_reference(arch, images):
    data = pictures() if images else signals()
    given_recipe = MICRO.but(epochs=1, learning_rate=0.02, augment=True)
    work = Work(Member(arch, 1), given_recipe, data, CPU, "nb201")
    states = []
    for kind in (reference.ReferenceEngine, ResidentEngine, GraphEngine):
        engine = kind(work)
        states.append(run(engine, given_recipe, data, state=None, on_epoch=lambda state: False, interrupted=never))
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


def test_size_space_trains():
    given_recipe = Recipe("any", epochs=1, batch_size=16)
    curves = train([(0, 1, 0, 0, 1)], [0], given_recipe, pictures(), network="nats_size", level="R0")
    assert curves.status[0, 0] == OK
    other = train([(0, 1, 0, 0, 1)], [0], given_recipe, pictures(), network="nats_size", level="R1")
    np.testing.assert_allclose(curves.train_loss, other.train_loss, rtol=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("level", ["R1", "R2"])
def test_cuda_levels_agree_with_the_cpu_reference(level):
    data, given_recipe = pictures(count=200, size=16), Recipe("any", epochs=2, batch_size=64, channels=8, cells=1)
    archs = [CELL, (3,) * 6, (0,) * 6, DISCONNECTED]
    expected = train(archs, [0, 1], given_recipe, data, level="R0")
    curves = train(archs, [0, 1], given_recipe, data, "cuda", level=level)
    assert np.all(curves.status == OK)
    np.testing.assert_allclose(curves.train_loss[:, :, 0], expected.train_loss[:, :, 0], rtol=0.05)  # bf16


@pytest.mark.gpu
def test_graphs_replay_the_resident_step():
    data, given_recipe = pictures(count=200, size=16), Recipe("any", epochs=2, batch_size=64, channels=8, cells=1)
    one, other = (train([CELL], [0], given_recipe, data, "cuda", level=level) for level in ("R1", "R2"))
    np.testing.assert_allclose(one.train_loss, other.train_loss, rtol=0.03)


# -- the trainer ------------------------------------------------------------------------------------------------------


def test_progress_is_told():
    told = []
    train([CELL, (1,) * 6], [0], MICRO, signals(), level="R0", on_progress=told.append)
    assert [(now.done, now.epoch) for now in told] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert told[-1].total == 2
    assert told[-1].seconds_left == pytest.approx(0.0, abs=1e-6)


class SmallMemory:
    """A level on a device with room for two networks, of which one kind needs more than there is."""

    NAME = "R0"

    def __init__(self):
        self.tried = []

    def unfit(self, network, given_recipe, dataset, device):
        return None

    def packs(self, members, given_recipe, dataset, device, *, network):
        return [list(range(len(members)))]

    def train_pack(self, members, given_recipe, dataset, device, *, network, state, on_epoch, interrupted):
        self.tried.append([member.seed for member in members])
        if len(members) > 2 or any(member.seed == 4 for member in members):
            raise torch.OutOfMemoryError("CUDA out of memory")
        states = [reference.train_pack([member], given_recipe, dataset, device, network=network) for member in members]
        joined = type(states[0]).fresh(len(members), given_recipe.epochs)
        for position, one in enumerate(states):
            joined.status[position] = one.status[0]
            for name, values in one.metrics.items():
                joined.metrics[name][position] = values[0]
        return joined


def test_out_of_memory_halves_the_pack_and_never_the_batch(monkeypatch):
    small, data = SmallMemory(), signals()
    monkeypatch.setattr(trainer, "importlib", SimpleNamespace(import_module=lambda name: small))
    curves = train([CELL], [0, 1, 2, 3, 4], MICRO, data, level="R0")
    assert small.tried == [[0, 1, 2, 3, 4], [0, 1], [2, 3, 4], [2], [3, 4], [3], [4]]
    assert curves.status[0].tolist() == [OK, OK, OK, OK, OUT_OF_MEMORY]
    assert np.isnan(curves.test_accuracy[0, 4])
    monkeypatch.undo()
    expected = train([CELL], [0, 1, 2, 3], MICRO, data, level="R0")
    assert np.array_equal(curves.valid_loss[:, :4], expected.valid_loss)


def test_other_errors_are_not_taken_for_memory(monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("a bug")

    small = SmallMemory()
    small.train_pack = broken
    monkeypatch.setattr(trainer, "importlib", SimpleNamespace(import_module=lambda name: small))
    with pytest.raises(RuntimeError, match="a bug"):
        train([CELL], [0], MICRO, signals(), level="R0")


def test_work_for_hours_on_a_cpu_is_refused_with_the_estimate(monkeypatch):
    long = Recipe("nb201-200", epochs=200_000)
    data = pictures(size=32)
    with pytest.raises(HarnessError, match=r"about \d+\.\d hours on this CPU .* GFLOP/s.*force"):
        train([(3,) * 6], [0], long, data, level="R0")
    called = []
    monkeypatch.setattr(reference, "train_pack", lambda *args, **options: called.append(1) or _finished())
    train([(3,) * 6], [0], long, data, level="R0", force=True)
    assert called == [1]


def _finished():
    state = reference.State.fresh(1, 200_000)
    state.status[:] = OK
    return state


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level": "R9"}, "unknown level 'R9'. Did you mean"),
        ({"level": "R2"}, "level R2 cannot train this: it needs a CUDA device"),
        ({"device": "gpu"}, "`device` must be 'auto', 'cpu', 'cuda' or 'cuda:N', got 'gpu'"),
        ({"device": "cuda:99"}, "no CUDA device 'cuda:99'"),
        ({"network": "nb2O1"}, "unknown network 'nb2O1'. Did you mean 'nb201'"),
        ({"seeds": [-1]}, "`seeds` must be a list of integers, none negative"),
        ({"seeds": [1, 1]}, "`seeds` must be different"),
        ({"archs": [[9] * 6]}, "genes in range"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    options = {"archs": [CELL], "seeds": [0], "recipe": MICRO, "dataset": signals()} | changes
    with pytest.raises(HarnessError, match=message):
        train(**options)


def test_auto_says_when_there_is_no_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.warns(UserWarning, match="no CUDA device: training on the CPU"):
        assert choose_device("auto") == CPU


def test_nothing_to_train_gives_empty_curves():
    curves = train(np.zeros((0, 6), np.uint8), [0], MICRO, signals())
    assert curves.test_accuracy.shape == (0, 1)
