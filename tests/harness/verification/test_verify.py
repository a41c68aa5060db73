"""Verification up to the raw measurements: what is picked, what is trained, what is written, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks_data.file import layout
from harness import registry, seeding
from harness.errors import HarnessError, IncompleteError, ResultError
from harness.judging.front import on_front
from harness.training.curves import DIVERGED, OUT_OF_MEMORY
from harness.training.recipe import TrainingSetup, load
from harness.verification import record as verify_record
from harness.verification.job import Job, Request
from harness.verification.record import Measurements, Pick
from harness.verification.tools import registered_training
from harness.verification.verify import verify
from tests.damage import outcomes
from tests.harness.verification.support import (
    DATASET,
    MARGIN,
    NAME,
    TRAINING,
    FakeTrainer,
    counts,
    measured,
    run_experiment,
    space,
    tools,
)
from tests.reports.support import FakeOracle

CPU = Request(device="cpu")


# --- the flow ------------------------------------------------------------------------------------------------------


def test_picks_are_trained_with_fresh_seeds_and_written(folder):
    trainer, said = FakeTrainer(registry.oracle(NAME)), []
    outcome = verify(folder, CPU, tools=tools(trainer), say=said.append)
    (item,) = outcome.verified
    (call,) = trainer.calls
    assert call["seeds"] == (1000, 1001, 1002)
    assert not set(call["seeds"]) & set(TRAINING.seeds)
    assert (call["archs"].shape, call["network"], call["recipe"]) == ((9, 6), "nb201", "nb201-200")
    assert [pick.role for pick in item.measurements.picks] == ["top"] * 3 + ["stratified"] * 6
    assert sum(pick.runs for pick in item.measurements.picks) >= 3
    assert item.record == folder / "verification" / f"{NAME}.json"
    assert item.table == folder / "verification" / f"{NAME}.h5"
    assert "9 architectures x 3 seeds" in said[0]
    assert item.measurements.margin_percent == MARGIN
    assert item.measurements.costs_agree.all()
    assert not list(item.record.parent.glob(".*.checkpoint*"))


def test_a_record_reads_back_as_it_was_written(folder):
    (item,) = verify(folder, CPU, tools=tools(FakeTrainer(registry.oracle(NAME), diverged=(2,)))).verified
    again = verify_record.read(item.record)
    assert again.as_dict() == item.measurements.as_dict()
    assert np.isnan(again.valid_accuracy[2, 0])
    assert again.status[2, 0] == DIVERGED
    assert [path.name for path in item.record.parent.glob("*.json")] == [f"{NAME}.json"]
    assert [record.benchmark for record in verify_record.read_all(folder)] == [NAME]
    json.loads(item.record.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_the_table_counts_what_diverged_and_not_what_ran_out_of_memory(folder):
    def broken(*arguments, **options):
        curves = FakeTrainer(registry.oracle(NAME), diverged=(2,))(*arguments, **options)
        curves.status[3, 1], curves.status[4] = OUT_OF_MEMORY, DIVERGED
        return curves

    (item,) = verify(folder, CPU, tools=tools(train=broken)).verified
    oracle, archs = registry.oracle(str(item.table)), item.measurements.archs
    assert np.isnan(oracle.trainings(archs[[2, 4]], "valid_accuracy")).tolist() == [[True, False, False], [True] * 3]
    assert sorted(oracle.training_counts.tolist()) == [2] + [3] * (len(archs) - 1)
    seeds = layout.read_header(item.table).array("index/seeds")[oracle.rows(archs[[2, 3, 4]]), 0]
    assert seeds.tolist() == [[1000, 1001, 1002], [1000, 1002, -1], [1000, 1001, 1002]]


def test_the_same_command_trains_nothing_twice(folder):
    trainer = FakeTrainer(registry.oracle(NAME))
    first = verify(folder, CPU, tools=tools(trainer)).verified[0]
    before = first.table.read_bytes()
    second = verify(folder, CPU, tools=tools(trainer)).verified[0]
    assert (second.reused, len(trainer.calls)) == (True, 1)
    assert second.table.read_bytes() == before
    more = verify(folder, Request(device="cpu", seeds=4), tools=tools(trainer)).verified[0]
    assert (more.reused, len(trainer.calls)) == (False, 2)
    stricter = replace(TRAINING, margin_percent=0.5)
    assert not verify(folder, Request(device="cpu", seeds=4), tools=tools(trainer, stricter)).verified[0].reused


def test_an_interrupted_training_leaves_its_checkpoint_and_no_result(folder):
    def stopped(*arguments, checkpoint, **options):
        checkpoint.write_text("half way")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(folder, CPU, tools=tools(train=stopped))
    (kept,) = (folder / "verification").glob(".*.checkpoint")
    assert not list((folder / "verification").glob("*.json"))
    trainer = FakeTrainer(registry.oracle(NAME))
    verify(folder, CPU, tools=tools(trainer))
    assert trainer.calls[0]["checkpoint"] == kept
    assert not kept.exists()
    verify(folder, Request(device="cpu", seeds=4), tools=tools(trainer))
    assert trainer.calls[1]["checkpoint"] != kept, "another request does not continue this one's checkpoint"


def test_progress_is_told_now_and_then(folder, monkeypatch):
    monkeypatch.setattr("harness.verification.verify.TELL_SECONDS", 0.0)
    inner, said = FakeTrainer(registry.oracle(NAME)), []

    def telling(*arguments, on_progress, **options):
        on_progress(SimpleNamespace(done=4, total=27, seconds_left=12.4))
        return inner(*arguments, **options)

    verify(folder, CPU, tools=tools(train=telling), say=said.append)
    assert "  4 of 27 networks trained, about 12 s left" in said


def test_without_a_finished_training_there_is_a_record_and_no_table(folder):
    def hopeless(*arguments, **options):
        curves = FakeTrainer(registry.oracle(NAME))(*arguments, **options)
        curves.status[:] = DIVERGED
        return curves

    (item,) = verify(folder, CPU, tools=tools(train=hopeless)).verified
    assert item.table is None
    assert not item.measurements.finished.any()
    assert verify_record.read(item.record).picks == item.measurements.picks


def test_auto_says_when_it_falls_back_to_the_cpu(folder):
    torch = pytest.importorskip("torch")
    said: list[str] = []
    trainer = FakeTrainer(registry.oracle(NAME))
    verify(folder, Request(), tools=tools(trainer), say=said.append)
    assert trainer.calls[0]["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
    assert any("no CUDA device: training on the CPU" in line for line in said) != torch.cuda.is_available()


# --- refusals ------------------------------------------------------------------------------------------------------


def test_a_table_that_does_not_say_how_it_was_trained_is_refused(folder):
    with pytest.raises(HarnessError, match="nothing can be verified: nb201-cifar10 is skipped because its table does"):
        verify(folder, CPU, tools=tools(training=None))


def test_graph_tables_are_skipped_with_the_reason(tmp_path):
    folder = run_experiment(tmp_path / "two", (NAME, "graph-proteins"))
    said: list[str] = []
    outcome = verify(folder, CPU, tools=tools(), say=said.append)
    assert [item.measurements.benchmark for item in outcome.verified] == [NAME]
    assert "graph-proteins" in outcome.skipped
    assert any(line.startswith("graph-proteins: not verified, because") for line in said)


def test_incomplete_results_are_refused(folder):
    next(path for path in folder.glob("*.h5")).unlink()
    with pytest.raises(IncompleteError, match=r"1 shard\(s\)"):
        verify(folder, CPU, tools=tools())
    with pytest.raises(ResultError, match="no results in"):
        verify(folder / "nowhere", CPU, tools=tools())


def test_a_margin_set_beforehand_cannot_be_replaced_and_a_missing_one_must_be_given(folder):
    with pytest.raises(HarnessError, match="carries the margin 1 points, set before anything was verified"):
        verify(folder, Request(device="cpu", margin_percent=2.0), tools=tools())
    open_ended = replace(TRAINING, margin_percent=None)
    with pytest.raises(HarnessError, match="carries no equivalence margin"):
        verify(folder, CPU, tools=tools(training=open_ended))
    (item,) = verify(folder, Request(device="cpu", margin_percent=2.0), tools=tools(training=open_ended)).verified
    assert (item.measurements.margin_percent, item.measurements.margin_source) == (2.0, "command line")


def test_a_cpu_that_needs_hours_is_refused_before_anything_trains_unless_forced(folder):
    def refuse(archs, seeds, recipe, dataset, network):
        raise HarnessError(f"{len(archs) * seeds} networks would take 500 hours")

    trainer = FakeTrainer(registry.oracle(NAME))
    with pytest.raises(HarnessError, match="27 networks would take 500 hours"):
        verify(folder, CPU, tools=tools(trainer, refuse_long=refuse))
    assert not trainer.calls
    verify(folder, Request(device="cpu", force=True), tools=tools(trainer, refuse_long=refuse))
    assert len(trainer.calls) == 1


def test_another_table_or_objective_is_refused(folder, tmp_path):
    other = SimpleNamespace(**{name: getattr(registry.oracle(NAME), name) for name in ("validation", "space")},
                            digest="of another table")  # fmt: skip
    with pytest.raises(ResultError, match="not the one these runs were made on"):
        verify(folder, CPU, tools=tools(open_oracle=lambda name: other))
    by_size = run_experiment(tmp_path / "size", objectives=["params_m"])
    with pytest.raises(ResultError, match="was searched by 'params_m'"):
        verify(by_size, CPU, tools=tools())


def test_data_that_are_not_there_are_told_by_the_dataset_itself(folder, tmp_path):
    from harness.verification.tools import Tools

    for request in (CPU, replace(CPU, data=tmp_path)):
        with pytest.raises(HarnessError, match="data_batch_1"):
            verify(folder, request, tools=tools(load_dataset=Tools().load_dataset))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"seeds": 1}, "seeds"), ({"top": 0, "stratified": 0}, "at least 1"), ({"device": "tpu"}, "device"),
     ({"margin_percent": 0.0}, "margin_percent"), ({"top": -1}, "top"),
     ({"level": "R9"}, r"unknown level 'R9'\. .*Known: R0, R1, R2, R3, R4, auto")],
)  # fmt: skip
def test_a_request_is_checked(wrong, message):
    with pytest.raises(HarnessError, match=message):
        Request(**wrong)


def test_the_digest_of_a_job_is_what_it_was():
    picks = (Pick((3, 2, 1, 4, 0, 3), "", "top"), Pick((1,) * 6, "", "stratified"))
    nothing = np.zeros(2, dtype=np.int64)
    recipe = load("micro").but(learning_rate=0.05)
    parts = {"facts": None, "oracle": None, "training": TRAINING, "margin": (1.0, "table"), "costs": (nothing, nothing)}
    job = Job(**parts, picks=picks, seeds=(1000, 1001), recipe=recipe, dataset=DATASET)
    assert job.digest == "745edbef6a44da582f34d77d5c2608e9a74b7fba1e383a4227b88bfb6e54c44a"


def test_two_verifications_do_not_write_at_once(folder):
    def nested(*arguments, **options):
        with pytest.raises(ResultError, match="another verification is writing"):
            verify(folder, CPU, tools=tools())
        return FakeTrainer(registry.oracle(NAME))(*arguments, **options)

    verify(folder, CPU, tools=tools(train=nested))


# --- records -------------------------------------------------------------------------------------------------------


def test_training_facts_are_plain_data_and_checked():
    facts = replace(TRAINING, recipe_changes={"epochs": 5}, dataset_options={"protocol": "25k"})
    assert TrainingSetup.from_dict(json.loads(json.dumps(facts.as_dict()))) == facts
    with pytest.raises(HarnessError, match="Did you mean 'network'"):
        TrainingSetup.from_dict(facts.as_dict() | {"netwrok": "nb201"})
    with pytest.raises(HarnessError, match="name its recipe"):
        TrainingSetup.from_dict({"network": "nb201", "dataset": "digits"})
    with pytest.raises(HarnessError, match="margin_percent"):
        replace(facts, margin_percent=-1.0)


def test_a_damaged_record_is_told(tmp_path):
    path = verify_record.record_path(tmp_path, "a/b/table.h5")
    assert path == tmp_path / "verification" / "table.json"
    with pytest.raises(ResultError, match="run `nas-harness verify` first"):
        verify_record.read(path)
    oracle = FakeOracle("alpha")
    made = measured(oracle, oracle.space.sample(4, np.random.default_rng(0)), np.ones((4, 3)))
    verify_record.write(path, made)
    whole = path.read_text()
    for text in ("{", whole.replace('"seeds"', '"sedes"', 1), whole.replace("verification 1", "verification 0"),
                 json.dumps(made.as_dict() | {"status": [[0]]})):  # fmt: skip
        path.write_text(text)
        with pytest.raises(ResultError, match=r"damaged verification|delete it"):
            verify_record.read(path)


def test_whatever_byte_of_a_record_is_damaged_no_other_number_is_read(tmp_path):
    path = verify_record.record_path(tmp_path, "table")
    oracle = FakeOracle("alpha")
    made = measured(oracle, oracle.space.sample(4, np.random.default_rng(0)), np.ones((4, 3)))
    verify_record.write(path, made)
    counts = outcomes(
        path.read_bytes(), path.write_bytes, lambda: verify_record.read(path).as_dict(), (ResultError,), step=11
    )
    assert set(counts) <= {"refused", "same"}, counts
    path.write_text(json.dumps(made.as_dict()))
    assert verify_record.read(path).as_dict() == made.as_dict(), "records of 0.1.0 have no sum"
    path.unlink()
    path.mkdir()
    with pytest.raises(ResultError, match="is a folder"):
        verify_record.read(path)


def test_costs_agree_only_where_both_are_equal_or_unknown():
    oracle = FakeOracle("alpha")
    archs = oracle.space.sample(4, np.random.default_rng(0))
    made: Measurements = measured(
        oracle, archs, np.ones((4, 3)), params_expected=np.array([1000.0, np.nan, 999.0, 1000.0]),
        macs_expected=np.array([10_000.0, 10_000.0, 10_000.0, 10_001.0]),
    )  # fmt: skip
    assert made.costs_agree.tolist() == [True, True, False, False]


def test_networks_that_are_built_have_the_costs_of_the_published_table():
    pytest.importorskip("torch")
    from harness.verification.tools import Tools

    archs = space().sample(6, seeding.generator(0, "costs"))
    built = Tools().count("nb201", archs, load("nb201-200"), DATASET)
    for found, expected in zip(built, counts("nb201", archs, None, None), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_real_trainer_is_asked_in_its_own_words(folder):
    pytest.importorskip("torch")
    from harness.verification.tools import Tools

    own = Tools()
    quick = TrainingSetup("nb201", "micro", "digits", (0, 1), 5.0, recipe_changes={"epochs": 1})
    real = tools(training=quick, train=own.train, load_dataset=own.load_dataset, count=own.count,
                 refuse_long=own.refuse_long)  # fmt: skip
    (item,) = verify(folder, Request(top=1, stratified=1, seeds=2, device="cpu"), tools=real).verified
    assert item.measurements.finished.all()
    assert item.measurements.provenance["rung"].startswith("R")
    assert not item.measurements.costs_agree.any(), "a micro network is not the one of the published table"
    assert [path.name for path in item.record.parent.iterdir() if path.name.startswith(".")] == [".lock"]


def test_a_record_says_which_level_ran_and_which_were_passed_over(folder):
    fake = FakeTrainer(registry.oracle(NAME))

    def passing_over(*arguments, **options):
        why = {"level_because": "it is left", "levels_passed_over": ("R4 fails its proof beside R0: it raised Oops",)}
        return replace(fake(*arguments, **options), **why)

    (item,) = verify(
        folder, Request(top=1, stratified=1, seeds=3, device="cpu"), tools=tools(train=passing_over)
    ).verified
    stored = verify_record.read(item.record).provenance
    assert (stored["rung"], stored["rung_because"]) == ("R9", "it is left")
    assert stored["rungs_passed_over"] == ["R4 fails its proof beside R0: it raised Oops"]
    (item,) = verify(folder, Request(top=1, stratified=2, seeds=2, device="cpu"), tools=tools()).verified
    assert "rungs_passed_over" not in verify_record.read(item.record).provenance


def test_a_device_that_is_not_there_is_refused_before_anything_is_read(folder, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("harness.verification.verify.prepare", lambda *_: pytest.fail("it looks at the data"))
    with pytest.raises(HarnessError, match="torch finds none: use --device cpu"):
        verify(folder, Request(device="cuda"), tools=tools())


def test_the_description_of_a_benchmark_says_how_it_was_trained(monkeypatch):
    facts = {"a": {"training": TRAINING.as_dict()}, "b": {}}

    def describe(name):
        if name not in facts:
            raise HarnessError(f"unknown {name}")
        return facts[name]

    monkeypatch.setattr(registry, "describe_benchmark", describe)
    assert registered_training("a") == TRAINING
    assert registered_training("b") is None
    assert registered_training("c") is None


def test_a_front_is_verified_as_an_incumbent_is(tmp_path):
    random = [{"name": "random_search"}]
    run_experiment(tmp_path, objectives=["valid_accuracy", "params_m"], strategies=random)
    trainer = FakeTrainer(registry.oracle(NAME))
    outcome = verify(tmp_path, replace(CPU, top=4, stratified=2, seeds=2), tools=tools(trainer))
    picks = outcome.verified[0].measurements.picks
    assert [pick.role for pick in picks] == ["top"] * 4 + ["stratified"] * 2
    oracle = registry.oracle(NAME)
    archs = np.array([pick.arch for pick in picks[:4]])
    values = np.stack([-oracle.mean(archs, "valid_accuracy"), oracle.mean(archs, "params_m")], axis=1)
    assert on_front(values).all()
    run_experiment(tmp_path / "costs", objectives=["params_m", "latency_seconds"], strategies=random)
    with pytest.raises(
        ResultError, match="searched by 'params_m, latency_seconds'; real training can only be compared"
    ):
        verify(tmp_path / "costs", CPU, tools=tools())
