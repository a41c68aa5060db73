"""What a verification keeps of its networks: predictions for the ensemble, weights of top picks."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError, ResultError
from harness.training.data.dataset import SPLITS, Dataset
from harness.training.ensemble import EnsembleResult
from harness.training.exports import trained
from harness.training.recipe import TrainingSetup
from harness.training.trainer import train
from harness.verification import record as verify_record
from harness.verification.job import Request, weights_paths
from harness.verification.verify import verify
from tests.harness.verification.support import MARGIN, NAME, FakeTrainer, measured, tools
from tests.reports.support import FakeOracle

SETUP = TrainingSetup("nb201", "micro", "cifar10", (777,), MARGIN, {"epochs": 1, "batch_size": 40, "channels": 4})
REQUEST = Request(top=2, stratified=1, seeds=2, device="cpu", level="R0")


def signals() -> Dataset:
    """Return ten classes of noisy signals, which one epoch tells apart a little."""
    rng = np.random.default_rng(0)
    labels = {split: np.arange(120) % 10 for split in SPLITS}
    images = {
        split: (np.eye(10)[label] @ np.eye(10, 16)).astype(np.float32).reshape(-1, 1, 1, 16)
        + rng.normal(0, 0.3, (120, 1, 1, 16)).astype(np.float32)
        for split, label in labels.items()
    }
    return Dataset("made-up", images, labels, 10, np.full(1, 0.1, np.float32), np.full(1, 0.4, np.float32))


DATA = signals()


def really(**others):
    return tools(train=train, training=SETUP, load_dataset=lambda training, data: DATA, **others)


def test_the_ensemble_and_the_weights_are_those_of_the_trained_networks(folder):
    (item,) = verify(folder, replace(REQUEST, keep_weights=True), tools=really()).verified
    measured, found = item.measurements, item.measurements.ensemble
    assert (found.networks, found.valid_items, found.test_items) == (6, 120, 120)
    best = found.members[0]
    assert measured.valid_accuracy[best] == pytest.approx(100 * found.best_valid_right / 120)
    assert measured.valid_accuracy[best] == measured.valid_accuracy.max()
    assert measured.test_accuracy[best] == pytest.approx(100 * found.best_test_right / 120)
    assert found.valid_right >= found.best_valid_right
    assert verify_record.read(item.record).ensemble == found
    assert not [path for path in item.record.parent.iterdir() if path.name.endswith(".predictions")]
    assert [path.name for path in item.networks] == [
        f"top-{rank}-seed-{seed}.pt" for rank in (1, 2) for seed in (1000, 1001)
    ]
    for number, path in enumerate(item.networks):
        kept = trained.load(path)
        assert kept.design.arch == measured.picks[number // 2].arch
        right = np.mean(kept.predict(DATA.images["test"]).argmax(1) == DATA.labels["test"])
        assert 100 * right == pytest.approx(measured.test_accuracy[number // 2, number % 2])


def test_networks_that_are_missing_are_trained_again_and_only_then(folder):
    request, calls = replace(REQUEST, keep_weights=True), []

    def counted(*arguments, **options):
        calls.append(options["on_trained"])
        return train(*arguments, **options)

    first = verify(folder, REQUEST, tools=really()).verified[0]
    assert first.networks == ()
    kept = verify(folder, request, tools=replace(really(), train=counted)).verified[0]
    again = verify(folder, request, tools=replace(really(), train=counted)).verified[0]
    assert (kept.reused, again.reused, len(calls)) == (False, True, 1)
    assert again.networks == kept.networks
    assert kept.measurements.ensemble == first.measurements.ensemble
    kept.networks[1].write_bytes(b"damaged")
    assert not verify(folder, request, tools=replace(really(), train=counted)).verified[0].reused


def test_nothing_is_kept_where_nothing_is_asked_for(folder):
    trainer = FakeTrainer(registry.oracle(NAME))
    (item,) = verify(folder, Request(device="cpu", ensemble=False), tools=tools(trainer)).verified
    assert trainer.calls[0]["on_trained"] is None
    assert item.measurements.ensemble is None
    assert "ensemble" not in item.measurements.as_dict()


def test_predictions_that_were_not_kept_of_all_give_no_ensemble(folder):
    said = []
    (item,) = verify(folder, Request(device="cpu"), tools=tools(), say=said.append).verified
    assert item.measurements.ensemble is None
    verify(folder, Request(device="cpu"), tools=tools(), say=said.append)
    assert "without predictions" in said[-1]


def test_too_many_predictions_are_not_kept(folder, monkeypatch):
    monkeypatch.setattr("harness.verification.verify.MOST_BYTES", 1000)
    trainer, said = FakeTrainer(registry.oracle(NAME)), []
    verify(folder, Request(device="cpu"), tools=tools(trainer), say=said.append)
    assert trainer.calls[0]["on_trained"] is None
    assert any("no ensemble" in line for line in said)


def test_weights_without_top_picks_are_refused():
    with pytest.raises(HarnessError, match="--top 1"):
        Request(top=0, keep_weights=True)


RESULT = EnsembleResult(((0, 1), (1, 0), (0, 1)), 4, 100, 70, 68, 50, 35, 33, 5, 3)


MEASURED = measured(FakeOracle("made-up"), np.eye(4, 3, dtype=np.uint8), np.full((4, 2), 90.0))


def test_a_record_with_an_ensemble_has_it_more_and_reads_back():
    told = replace(MEASURED, ensemble=RESULT).as_dict()
    assert told.keys() - MEASURED.as_dict().keys() == {"ensemble"}
    assert {key: told[key] for key in MEASURED.as_dict()} == MEASURED.as_dict()
    plain = json.loads(json.dumps(told))
    assert verify_record.Measurements.from_dict(plain).ensemble == RESULT
    plain["ensemble"]["members"] = [[4, 0]]
    with pytest.raises(ResultError, match="among the trainings"):
        verify_record.Measurements.from_dict(plain)


@pytest.mark.parametrize(
    "changes", [{"members": ()}, {"test_right": 51, "gained": 21}, {"gained": 6}, {"valid_items": 0}]
)
def test_counts_that_cannot_be_are_refused(changes):
    with pytest.raises((HarnessError, ResultError)):
        replace(RESULT, **changes)


def test_names_of_weights_count_the_top_picks_alone(tmp_path):
    job = SimpleNamespace(picks=MEASURED.picks[::-1], seeds=(7, 9))
    assert {number: path.name for number, path in weights_paths(tmp_path, job).items()} == {
        4: "top-1-seed-7.pt",
        5: "top-1-seed-9.pt",
        6: "top-2-seed-7.pt",
        7: "top-2-seed-9.pt",
    }
