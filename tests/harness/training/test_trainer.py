"""The reference is reproducible, faster levels agree with it, and trouble stays with the network it happens to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch

from harness.checks import FloatArray, IntArray
from harness.errors import HarnessError
from harness.problem import MOST_EPOCHS
from harness.training import campaign, choice, levels, networks, recipe
from harness.training.curves import DIVERGED, OK, OUT_OF_MEMORY
from harness.training.devices import choose_device
from harness.training.engines.engine import EPOCH_METRICS, Engine, Interrupted, State, Task
from harness.training.engines.reference import ReferenceEngine, ReferenceLevel
from harness.training.exports.trained import with_weights
from harness.training.recipe import Recipe
from harness.training.schedule import Member
from harness.training.trainer import train
from tests.harness.training.support import CELL, CPU, DISCONNECTED, MICRO, pictures, signals


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


@pytest.mark.parametrize("level", ["R0", "R1", "R3", "R4"])
def test_networks_are_handed_over_as_they_were_trained(level):
    data, handed = signals(), {}
    archs = np.array([CELL, DISCONNECTED])

    def keep(number, tensors, predicted):
        network = with_weights(networks.build("nb201", archs[number // 2], MICRO, data.shape, 4, seed=0), tensors)
        with torch.no_grad():
            for split, probabilities in predicted.items():
                items = (data.images[split] - data.mean[:, None, None]) / data.std[:, None, None]
                wanted = torch.softmax(network(torch.from_numpy(items)), 1).numpy()
                np.testing.assert_allclose(probabilities, wanted, atol=1e-5)
            handed[number] = predicted["test"].argmax(1)

    curves = train(archs, [3, 5], MICRO, data, level=level, on_trained=keep)
    assert sorted(handed) == [0, 1, 2, 3]
    right = [100 * np.mean(handed[number] == data.labels["test"]) for number in range(4)]
    assert right == pytest.approx(curves.test_accuracy.ravel().tolist())


def test_a_network_that_diverged_is_not_handed_over():
    handed, rates = [], MICRO.but(learning_rate=1e12, reduction="residual", anneal="epoch", momentum=0.0)
    curves = train(
        [CELL, DISCONNECTED], [0], rates, signals(), level="R0", on_trained=lambda number, *_: handed.append(number)
    )
    assert curves.status[0, 0] == DIVERGED
    assert handed == np.flatnonzero(curves.status == OK).tolist()


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


def test_progress_is_told():
    told = []
    train([CELL, (1,) * 6], [0], MICRO, signals(), level="R0", on_progress=told.append)
    assert [(now.done, now.epoch) for now in told] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert told[-1].total == 2
    assert told[-1].seconds_left == pytest.approx(0.0, abs=1e-6)


class OneAfterTheOther:
    """The reference's networks as one pack: each adds to its row of the sums."""

    def __init__(self, members: Sequence[Member], task: Task) -> None:
        self.task, self.parts = task, [ReferenceEngine(member, task) for member in members]
        self.sums = torch.zeros((len(members), 2), dtype=torch.float64)
        for part, row in zip(self.parts, self.sums.split(1), strict=True):
            part.sums = row

    def tensors(self) -> dict[str, torch.Tensor]:
        return {}

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        raise AssertionError("nothing is continued")

    def begin(self, epoch: int) -> None:
        for part in self.parts:
            part.begin(epoch)

    def step(self, epoch: int, step: int) -> None:
        for part in self.parts:
            part.step(epoch, step)

    def evaluate(self, split: str, interrupted: Interrupted, predicted: None = None) -> FloatArray | None:
        return np.concatenate([part.evaluate(split, interrupted) for part in self.parts])

    def freeze(self, members: IntArray) -> None:
        raise AssertionError("nothing diverges")


class SmallMemory(ReferenceLevel):
    """A level on a device with room for two networks, of which one kind needs more than there is."""

    def __init__(self) -> None:
        self.tried: list[list[int]] = []

    def packs(self, members: Sequence[Member], task: Task) -> list[list[int]]:
        return [list(range(len(members)))]

    def engine(self, members: Sequence[Member], task: Task) -> Engine:
        self.tried.append([member.seed for member in members])
        if len(members) > 2 or any(member.seed == 4 for member in members):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return OneAfterTheOther(members, task)


def test_out_of_memory_halves_the_pack_and_never_the_batch(monkeypatch):
    small, data = SmallMemory(), signals()
    monkeypatch.setattr(choice, "load_level", lambda name: small)
    curves = train([CELL], [0, 1, 2, 3, 4], MICRO, data, level="R0")
    assert small.tried == [[0, 1, 2, 3, 4], [0, 1], [2, 3, 4], [2], [3, 4], [3], [4]]
    assert curves.status[0].tolist() == [OK, OK, OK, OK, OUT_OF_MEMORY]
    assert np.isnan(curves.test_accuracy[0, 4])
    monkeypatch.undo()
    expected = train([CELL], [0, 1, 2, 3], MICRO, data, level="R0")
    assert np.array_equal(curves.valid_loss[:, :4], expected.valid_loss)


def test_other_errors_are_not_taken_for_memory(monkeypatch):
    class Broken(ReferenceLevel):
        def engine(self, members: Sequence[Member], task: Task) -> Engine:
            raise RuntimeError("a bug")

    monkeypatch.setattr(choice, "load_level", lambda name: Broken())
    with pytest.raises(RuntimeError, match="a bug"):
        train([CELL], [0], MICRO, signals(), level="R0")


@pytest.mark.parametrize("name", levels.LEVELS)
def test_every_level_bears_its_name(name):
    assert choice.load_level(name).name == name


def test_work_for_hours_on_a_cpu_is_refused_with_the_estimate(monkeypatch):
    long = Recipe("nb201-200", epochs=MOST_EPOCHS)
    data = pictures(size=32, count=100)
    with pytest.raises(HarnessError, match=r"about \d+\.\d hours on this CPU .* GFLOP/s.*force"):
        train([(3,) * 6], [0], long, data, level="R0")
    called = []
    monkeypatch.setattr(campaign, "train_pack", lambda *args, **options: called.append(1) or _finished())
    train([(3,) * 6], [0], long, data, level="R0", force=True)
    assert called == [1]


def _finished():
    state = State.fresh(1, MOST_EPOCHS)
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
