"""Results of searches: what an earlier version wrote is read, and what is written now has the same shape."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import h5py
import pytest

import harness as nh
from harness.errors import ResultError
from harness.experiments.execute import execute
from harness.experiments.manifest import read_manifest
from harness.experiments.prepare import prepare
from harness.experiments.shards import Search
from harness.experiments.store import read_unit, unit_path, write_unit
from tests.paths import ROOT

OLD = ROOT / "tests" / "harness" / "experiments" / "cell_1"
"""An experiment as it was stored before there were kinds of work: one shard of two replicates."""
DIGEST = "1b414dd39d35c09a2ba98e6b7716c4825f64741286e25afe8ed292ffa167c1b3"


def content(path):
    """Return all that a result file says, with types."""
    columns = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: columns.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        attributes = {name: (type(value), value) for name, value in file.attrs.items()}
        return attributes, {name: (item.dtype, item[()].tolist()) for name, item in columns.items()}


def test_results_of_an_earlier_version_are_read():
    results = nh.read_results(OLD)
    assert not results.missing
    assert [(run.benchmark, run.label, run.replicate, run.stopped) for run in results.runs] == [
        ("nb201-cifar10", "RE", 0, "budget"),
        ("nb201-cifar10", "RE", 1, "budget"),
    ]
    one, two = (run.trace for run in results.runs)
    assert one.archs[:3].tolist() == [[0, 1, 2, 3, 0, 0], [1, 0, 3, 4, 1, 3], [0, 2, 0, 0, 0, 2]]
    assert one.objectives[:2, 0].tolist() == [11.348000017089845, 13.703999987792969]
    assert one.worker.tolist() == [0, 1, 0, 1, 0, 1]
    assert two.finished_seconds[[0, -1]].tolist() == [1099.5038588841737, 5417.801940441133]
    assert two.constraints[2].tolist() == [0.573466]
    assert results.runs[0].overhead_seconds == 0.001879604999885487
    assert (results.spec.kind, results.spec.replicates_per_shard) == ("search", 2)


def test_a_result_file_has_the_datasets_and_attributes_that_it_had(tmp_path):
    shard, output = read_unit(unit_path(OLD, DIGEST), Search())
    assert shard.digest == DIGEST
    assert content(write_unit(tmp_path, Search(), shard, output)) == content(unit_path(OLD, DIGEST))


def test_the_same_spec_gives_the_manifest_and_the_columns_that_it_gave(tmp_path):
    # then, what was known to be too large was told, and not kept from being proposed
    spec = replace(read_manifest(OLD).spec, known_constraints="told")
    outcome = execute(prepare(spec), tmp_path)
    assert (outcome.computed, outcome.failed) == (1, ())
    now, then = (json.loads((folder / "experiment.json").read_text()) for folder in (tmp_path, OLD))
    (path,) = tmp_path.glob("*.h5")
    assert now["cells"][0].pop("digest") == path.stem, "the version of numpy is part of it"
    then["cells"][0].pop("digest")
    assert now["spec"].pop("known_constraints") == "told"
    assert json.dumps(now) == json.dumps(then), "in the same order too"
    (attributes, columns), (old_attributes, old_columns) = content(path), content(unit_path(OLD, DIGEST))
    assert attributes.keys() == old_attributes.keys()
    assert columns.pop("overhead_seconds")[0] == old_columns.pop("overhead_seconds")[0]
    assert columns == old_columns


def test_results_go_by_the_names_of_their_spec(tmp_path):
    shutil.copytree(OLD, tmp_path / "again")
    path = tmp_path / "again" / "experiment.json"
    path.write_text(path.read_text().replace('"RE"', '"Evolution"'))
    assert {run.label for run in nh.read_results(path.parent).runs} == {"Evolution"}


def test_results_of_another_kind_of_work_are_refused(tmp_path):
    data = json.loads((OLD / "experiment.json").read_text())
    data["spec"]["kind"] = "prediction"
    (tmp_path / "experiment.json").write_text(json.dumps(data))
    with pytest.raises(ResultError, match="results of the kind 'prediction', not of searches"):
        nh.read_results(tmp_path)


def test_shards_that_are_missing_are_named(tmp_path):
    shutil.copy(OLD / "experiment.json", tmp_path)
    results = nh.read_results(tmp_path)
    assert results.missing == (("nb201-cifar10", "RE", 0, 2),)
    assert results.runs == ()
