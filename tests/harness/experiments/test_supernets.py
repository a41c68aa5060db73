"""The kind of work `supernet`: units, checkpoints, what is stored and what is refused."""

from __future__ import annotations

import errno
import io
import itertools
import json

import numpy as np
import pytest

from harness import registry
from harness.cli.describe import describe, rows_of
from harness.errors import HarnessError, ResultError, SpecError
from harness.experiments import epochs, supernets
from harness.experiments.execute import execute
from harness.experiments.kind import Output, kind_of
from harness.experiments.manifest import read_manifest
from harness.experiments.prepare import prepare
from harness.experiments.recommendations import recommended, representatives
from harness.experiments.results import read_results
from harness.experiments.schema import from_dict
from harness.experiments.store import part_path, read_units, write_unit
from harness.experiments.supernets import Training, training_macs
from harness.files.arrays import read_npz
from harness.guard import refuse
from harness.one_shot import SearchData
from harness.training.recipe import TrainingSetup
from harness.verification.picks import incumbents

OWN = '''
from dataclasses import dataclass
import numpy as np
from harness.one_shot import OneShot, Spent, generator_state, restore_generator


@dataclass(frozen=True)
class Settings:
    stop: int = 99
    opens: str = ""


class Mine(OneShot):
    """Recommends random cells, and none in its first epoch."""

    preset = Settings()
    libraries = ()
    derivations = ("a", "b")
    done = 0

    def epoch(self):
        if self.settings.opens:
            from harness import registry
            registry.oracle(self.settings.opens)
        self.done += 1
        self.cells = self.space.sample(2, self.rng)
        return Spent(1e10 * self.done, 0.5)

    @property
    def finished(self):
        return self.done >= self.settings.stop

    def recommend(self):
        return self.cells if self.done > 1 else self.cells[:0]

    def observed(self):
        return {"train_loss": 1 / self.done}

    def inherited(self, archs):
        return archs.sum(1) * 2.0

    def state(self):
        return {"done": np.array(self.done), "rng": generator_state(self.rng), "cells": self.cells}

    def restore(self, state):
        self.done, self.cells = int(state["done"]), state["cells"]
        restore_generator(self.rng, state["rng"])
'''
BENCHMARK = "micro-mnist1d"


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return f"{path}:Mine"


@pytest.fixture(autouse=True)
def _items(monkeypatch):
    """Give a few items in place of the dataset, which takes a second to make."""

    def few(setup, device="cpu"):
        rng = np.random.default_rng(0)
        images = {split: rng.normal(size=(40, 1, 1, 40)).astype(np.float32) for split in ("train", "valid")}
        labels = {split: np.arange(40) % 10 for split in images}
        zeros = np.zeros(1, np.float32)
        return SearchData(setup.network, setup.load_recipe().as_dict(), images, labels, 10, zeros, zeros + 1)

    monkeypatch.setattr(supernets, "search_data", few)


def spec(*strategies, **changes):
    budget = {"supernet_epochs": 4, "evaluations": 6} | changes.pop("budget", {})
    plain = {"name": "shared", "benchmarks": [BENCHMARK], "replicates": 2, "budget": budget, **changes}
    return from_dict({**plain, "strategies": list(strategies)})


def test_supernets_and_searches_of_one_spec_are_run_stored_and_read_apart(own, tmp_path):
    asked = spec({"name": own, "label": "mine"}, {"name": "random_search"})
    assert asked.kind == "supernet"
    prepared = prepare(asked)
    assert [label for label, _ in prepared.shards.values()] == ["mine", "mine", "random_search"]
    alone = {
        **asked.as_dict(),
        "budget": {"evaluations": 6},
        "kind": "search",
        "strategies": [{"name": "random_search"}],
    }
    assert set(prepare(from_dict(alone)).shards) < set(prepared.shards), "a search is the same beside supernets"
    outcome = execute(prepared, tmp_path / "out")
    assert outcome.failed == ()
    results = read_results(tmp_path / "out")
    assert results.labels == ("random_search",)
    assert results.spec.budget.supernet_epochs is None
    assert results.missing == ()
    assert [len(run.trace) for run in results.runs] == [6, 6]
    manifest = read_manifest(tmp_path / "out")
    stored = [result for _, result in read_units(tmp_path / "out", manifest, kind_of("supernet"))]
    unit, output = stored[0]
    assert isinstance(unit, Training)
    whole = json.loads(output.texts["facts"])
    setup = TrainingSetup.from_dict(registry.describe_benchmark(BENCHMARK)["training"])
    macs = training_macs(registry.benchmark(BENCHMARK).space, setup, 40)
    assert whole == {"derivations": ["a", "b"], "unit_macs": macs, "stopped": False}
    assert macs == 3 * 212_746 * 40 * 10
    np.testing.assert_allclose(output.columns["units"], np.arange(1, 5) * 1e10 / macs)
    epochs, archs = recommended(output.columns, 1)
    assert epochs.tolist() == [2, 3, 4]
    assert archs.shape == (3, 6)
    first = recommended(output.columns, 0)[1]
    np.testing.assert_array_equal(output.columns["log/inherited"], [np.nan, *(first.sum(1) * 2.0)])
    sample = output.columns["sample/archs"]
    assert len(np.unique(registry.benchmark(BENCHMARK).space.key(sample, "functional"))) == len(sample) == 100
    other = stored[1][1]
    assert not np.array_equal(recommended(other.columns)[1], first), "replicates have streams of their own"
    assert np.array_equal(other.columns["sample/archs"], sample), "and one sample"
    assert execute(prepared, tmp_path / "out").reused == 3
    results = read_results(tmp_path / "out")
    searched = results.runs
    verified, left_out = incumbents(results, BENCHMARK, registry.oracle(BENCHMARK))
    assert (len(verified), left_out) == (len(searched) + 4, 0)
    ends = [recommended(output.columns, place)[1][-1] for output in (stored[0][1], other) for place in (0, 1)]
    np.testing.assert_array_equal(verified[len(searched) :], ends, "what was derived is verified like the rest")


def test_the_sample_is_uniform_over_functional_classes_however_many_codings_each_has(monkeypatch):
    monkeypatch.setattr(supernets, "SAMPLED", 4_930)
    space = registry.benchmark(BENCHMARK).space
    whole = supernets._sample(space, np.random.default_rng(0))
    assert len(np.unique(space.key(whole, "functional"))) == len(whole) == 4_930, "none is out of reach"
    monkeypatch.setattr(supernets, "SAMPLED", 100)
    sizes = np.bincount(space.key(representatives(space), "functional").astype(np.int64))
    drawn = [supernets._sample(space, np.random.default_rng(seed)) for seed in range(4)]
    keys = space.key(np.concatenate(drawn), "functional").astype(np.int64)
    assert np.mean(sizes[keys] == 1) == pytest.approx(np.mean(sizes[sizes > 0] == 1), abs=0.08)
    assert any((one != other).any() for one, other in itertools.pairwise(drawn))


def test_what_stands_beside_a_method_and_its_label_change_none_of_its_units():
    alone = prepare(spec({"name": "darts"})).shards
    beside = prepare(spec({"name": "gdas"}, {"name": "random_search"}, {"name": "darts", "label": "mine"})).shards
    assert set(alone) < set(beside)
    assert [beside[digest][0] for digest in alone] == ["mine", "mine"]


def test_a_killed_supernet_continues_to_the_same_result(own, tmp_path, monkeypatch):
    monkeypatch.setattr(epochs, "CHECKPOINT_SECONDS", -1.0)
    kind = kind_of("supernet")
    unit = next(unit for _, unit in prepare(spec({"name": own})).shards.values())
    place = part_path(tmp_path, unit.digest)
    whole = kind.run(unit)

    class KilledError(Exception):
        pass

    def kill(done):
        if done == 3:
            raise KilledError

    with pytest.raises(KilledError):
        kind.resume(unit, place, kill)
    seen = []
    again = kind.resume(unit, place, seen.append)
    assert seen == [4]
    assert again.texts == whole.texts
    for name, column in whole.columns.items():
        np.testing.assert_array_equal(again.columns[name], column, err_msg=name)
    kept = read_npz(place)
    for damaged in (place.read_bytes()[:-100], _packed(kept | {"kept/units": kept["kept/units"] + 1.0}), _packed({})):
        place.write_bytes(damaged)
        with pytest.warns(UserWarning, match=r"state of a killed run in .* is damaged .*: the training begins anew"):
            again = kind.resume(unit, place)
        np.testing.assert_array_equal(again.columns["units"], whole.columns["units"])


def test_a_state_that_a_full_disk_does_not_take_ends_no_training(own, tmp_path, monkeypatch):
    monkeypatch.setattr(epochs, "CHECKPOINT_SECONDS", -1.0)

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(epochs, "replacing", full)
    kind = kind_of("supernet")
    unit = next(unit for _, unit in prepare(spec({"name": own})).shards.values())
    with pytest.warns(UserWarning, match=r"cannot be kept in .* \(No space left on device\): it goes on"):
        output = kind.resume(unit, part_path(tmp_path, unit.digest))
    assert len(output.columns["units"]) == 4


def _packed(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_columns_that_are_none_of_a_supernet_are_told(own, tmp_path):
    kind = kind_of("supernet")
    unit = next(unit for _, unit in prepare(spec({"name": own})).shards.values())
    output = kind.run(unit)
    for name, column, why in (
        ("units", np.ones((4, 1)), r"units` must hold floats of shape \(T\), got .*\(4, 1\)"),
        ("seconds", np.full(4, np.nan), "seconds` must hold finite numbers, at least 0"),
        ("log/inherited", np.ones(5), r"log/inherited` must hold floats of shape \(4\)"),
        ("recommended/epoch", np.array([2, 2, 3, 3, 9, 9]), "recommended/epoch` must name epochs up to 4"),
        ("sample/archs", np.zeros((2, 6)), "sample/archs` must hold unsigned integers"),
        ("log/probabilities", np.zeros(4), r"log/probabilities` must hold floats of shape \(4, E, K\)"),
        ("alone/archs", np.zeros((1, 6), np.uint8), "no column alone/inherited"),
    ):
        with pytest.raises(HarnessError, match=why):
            write_unit(tmp_path, kind, unit, Output({**output.columns, name: column}, output.texts))
    assert not [*tmp_path.glob("*.h5")]


def test_what_was_kept_is_removed_when_the_result_is_stored(own, tmp_path, monkeypatch):
    monkeypatch.setattr(epochs, "CHECKPOINT_SECONDS", -1.0)
    prepared = prepare(spec({"name": own}, replicates=1))
    assert execute(prepared, tmp_path / "out").failed == ()
    assert [path.name for path in (tmp_path / "out").iterdir() if path.suffix == ".part"] == []


def test_a_method_that_stops_early_has_as_many_epochs_as_it_trained(own):
    unit = next(unit for _, unit in prepare(spec({"name": own, "hyperparameters": {"stop": 2}})).shards.values())
    output = kind_of("supernet").run(unit)
    assert len(output.columns["units"]) == 2
    assert json.loads(output.texts["facts"])["stopped"]


def test_a_method_that_opens_the_table_is_refused(own, tmp_path):
    prepared = prepare(spec({"name": own, "hyperparameters": {"opens": BENCHMARK}}, replicates=1))
    (failure,) = execute(prepared, tmp_path / "out").failed
    assert "must not be opened or asked while the one-shot method Mine runs" in str(failure.error)
    refuse(BENCHMARK)  # the guard is lifted again


@pytest.mark.parametrize(
    ("strategies", "changes", "message"),
    [
        ([{"name": "random_search"}], {}, "`budget.supernet_epochs`: no strategy of the spec trains a supernet"),
        ([{"name": "dart"}], {}, r"`strategies\[0\]`: unknown strategy 'dart'"),
        ([{"name": "darts", "hyperparameters": {"order": 3}}], {}, r"`strategies\[0\]`: `order` must be at most 2"),
        ([{"name": "darts", "surrogate": {"name": "ridge"}}], {}, "`surrogate` is for strategies that are asked"),
        ([{"name": "darts"}, {"name": "random_search"}], {"budget": {"evaluations": None}},
         "`budget`: 'random_search' is asked and told, and needs `evaluations` or `seconds`"),
        ([{"name": "darts"}], {"budget": {"evaluations": None}, "report": {"checkpoints": [2]}},
         r"`checkpoints` must be left out: searches have budgets, and no strategy of the spec is asked, got"),
        ([{"name": "darts"}], {"report": {"incumbent": "recommended"}}, "`report`: it is about searches"),
        ([{"name": "darts"}], {"simulate": {"failures": 0.5}}, "`simulate`: it is about searches"),
        ([{"name": "darts"}], {"objectives": ["params_m"]},
         "`objectives` must be 'valid_accuracy', by which one-shot methods choose on micro-mnist1d, or left out, got"),
        ([{"name": "darts"}], {"constraints": ["params_m <= 1"]}, "`constraints`: one-shot methods know nothing of it"),
        ([{"name": "darts"}], {"n_workers": 2}, "`n_workers`: one-shot methods train one network"),
        ([{"name": "darts"}], {"benchmarks": ["graph-cora"]}, "does not say on which data its networks were trained"),
        ([{"name": "pc_darts", "hyperparameters": {"partial_channels": 5}}], {}, "must divide the 12 channels"),
        ([{"name": "darts", "hyperparameters": {"without": "none"}}], {}, "`without` must be a list, got 'none'"),
        ([{"name": "drnas_progressive", "hyperparameters": {"widened": 2}}], {}, "`widened` must be a list, got 2"),
        ([{"name": "darts"}], {"kind": "search"}, r"`strategies\[0\]`: 'darts' trains a supernet by itself"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_before_anything_runs(strategies, changes, message):
    with pytest.raises(SpecError, match=message):
        prepare(spec(*strategies, **changes))


def test_what_a_method_of_ones_own_says_wrongly_is_refused_at_its_first_epoch(own, monkeypatch):
    unit = next(unit for _, unit in prepare(spec({"name": own}, replicates=1)).shards.values())
    monkeypatch.setattr(registry.one_shot(own), "observed", lambda self: {"loss": 1.0})
    seen = []
    with pytest.raises(HarnessError, match=r"unknown number in `Mine.observed` 'loss'. Did you mean 'train_loss'"):
        kind_of("supernet").run(unit, seen.append)
    assert seen == []


def test_a_method_that_is_finished_before_its_first_epoch_is_refused(own):
    unit = next(unit for _, unit in prepare(spec({"name": own, "hyperparameters": {"stop": 0}})).shards.values())
    with pytest.raises(HarnessError, match=r"`Mine\.finished` must be false before the first epoch"):
        kind_of("supernet").run(unit)


def test_a_method_that_cannot_be_made_is_told_before_the_run(own, monkeypatch):
    monkeypatch.setattr(registry.one_shot(own), "__init__", lambda self, space: None)
    with pytest.raises(SpecError, match=r"(?s)`strategies\[0\]`: '.*own.py:Mine' cannot be made: it raised.*TypeError"):
        prepare(spec({"name": own}))


def test_methods_whose_alpha_is_never_trained_are_told_before_the_run():
    frozen = {"frozen_epochs": 4}
    strategies = [
        {"name": "pc_darts"},
        {"name": "darts", "hyperparameters": frozen},
        {"name": "gdas", "hyperparameters": {"frozen_epochs": 3}},
        {"name": "drnas_progressive", "label": "stages", "hyperparameters": {"frozen_epochs": 2}},
        {"name": "darts_pt", "hyperparameters": frozen},
    ]
    *told, unspent = prepare(spec(*strategies)).notices
    assert [notice.partition(":")[0] for notice in told] == ["'pc_darts'", "'darts'", "'stages'"]
    assert unspent.startswith("nothing is spent of `evaluations`, `seconds` or `epochs`")
    assert "alpha rests for `frozen_epochs` = 4 of the epochs (4) and is never trained" in told[1]


def test_a_spec_without_supernet_epochs_says_how_a_one_shot_method_is_run():
    with pytest.raises(SpecError, match=r"run it by a spec with `budget.supernet_epochs`"):
        prepare(spec({"name": "darts"}, budget={"supernet_epochs": None}))


def test_results_of_supernets_alone_are_no_searches(own, tmp_path):
    execute(prepare(spec({"name": own}, replicates=1)), tmp_path / "out")
    with pytest.raises(ResultError, match="these are results of one-shot methods alone"):
        read_results(tmp_path / "out")


def test_methods_are_listed_and_described():
    rows, missing = rows_of("one-shot")
    assert missing == []
    assert {row["name"] for row in rows} >= {"darts", "gdas", "spos"}
    assert all(row["paper"] for row in rows)
    assert {row["takes"] for row in rows if row["name"] in ("darts", "ofa")} == {"nb201, darts", "elastic"}
    told = describe("darts")
    assert told["kind"] == "one-shot method"
    assert {"name": "alpha_learning_rate", "default": 3e-4} in told["hyperparameters"]
    assert told["recommends"] == ["argmax", "argmax without none"]
