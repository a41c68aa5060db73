"""The kind of work `scaling`: which networks are trained, what is stored, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from harness.errors import ResultError, SpecError
from harness.experiments.execute import execute
from harness.experiments.kind import kind_of
from harness.experiments.manifest import read_manifest
from harness.experiments.prepare import prepare
from harness.experiments.results import read_results
from harness.experiments.schema import from_dict
from harness.experiments.store import read_units
from harness.training import networks, recipe
from harness.training.scaling import Size
from tests.harness.experiments.scaled import ARCH, small_data, spec


@pytest.fixture(autouse=True)
def _items(monkeypatch):
    small_data(monkeypatch)


def test_every_network_is_one_unit_whichever_families_it_belongs_to():
    asked = spec("width", "depth", "compound")
    assert asked.kind == "scaling"
    assert from_dict(asked.as_dict()) == asked
    units = [(label, unit.size) for label, unit in prepare(asked).shards.values()]
    assert units == [
        ("width", Size(4, 1, 12)),
        ("width", Size(8, 1, 12)),
        ("depth", Size(4, 2, 12)),
        ("depth", Size(4, 4, 12)),
        ("compound", Size(4, 2, 16)),
        ("compound", Size(8, 2, 20)),
    ]


def test_a_unit_holds_accuracies_and_costs_of_its_seeds(tmp_path):
    prepared = prepare(spec("depth", scaling={"phis": [0, 1]}))
    assert execute(prepared, tmp_path).failed == ()
    manifest = read_manifest(tmp_path)
    results = {result[0].cells: result for _, result in read_units(tmp_path, manifest, kind_of("scaling")) if result}
    assert sorted(results) == [1, 2]
    unit, output = results[2]
    for name in ("train_accuracy", "valid_accuracy", "held_out/test_accuracy"):
        assert output.columns[name].shape == (3,)
        assert np.isfinite(output.columns[name]).all()
    assert np.array_equal(output.columns["seeds"], results[1][1].columns["seeds"])
    assert len(set(output.columns["seeds"].tolist())) == 3
    assert json.loads(output.texts["facts"])["own"] == {"channels": 12, "cells": 1, "length": 12}
    micro = recipe.load("micro").but(channels=4, cells=2)
    assert output.columns["macs"] == networks.cost("nb201", np.array([unit.arch]), micro, (1, 1, 12), 4).macs[0]
    again = kind_of("scaling").run(unit)
    assert np.array_equal(again.columns["valid_accuracy"], output.columns["valid_accuracy"])
    assert execute(prepared, tmp_path).computed == 0
    with pytest.raises(ResultError, match="holds results of the kind 'scaling', not of searches"):
        read_results(tmp_path)


def test_the_name_of_the_table_is_in_no_digest_and_the_epochs_are():
    (_, unit), *_ = prepare(spec("width")).shards.values()
    assert replace(unit, benchmark="elsewhere").digest == unit.digest
    assert replace(unit, epochs=2).digest != unit.digest
    assert replace(unit, length=16).digest != unit.digest


@pytest.mark.parametrize(
    ("families", "changes", "message"),
    [
        (["widht"], {}, "`families[0]`: unknown family 'widht'. Did you mean 'width'"),
        ([{"name": "width", "depth": 2.0}], {}, "`families[0]`: unknown key of the family 'width' 'depth'"),
        ([{"name": "compound", "width": 1.1}], {}, "make depth x width^2 x resolution about 2, within 0.1, got 1.21"),
        (["width"], {"scaling": {"channels": 6}}, "`scaling`: `channels` must be a multiple of 4"),
        (["width"], {"n_workers": 2}, "`n_workers`: nothing is simulated here"),
        (["width"], {"constraints": ["params_m <= 1"]}, "`constraints`: families of sizes know nothing of it"),
        (["width"], {"scaling": {"arch": "|none~0|"}}, "`scaling`: "),
        (["width"], {"benchmarks": ["nb201-cifar10-gone"]}, "benchmarks[0]"),
        ([{"name": "grid", "step": 0.7}], {}, "`families[0]`: `step` must have coefficients whose product is nearer"),
        ([{"name": "width", "phis": [0, 1]}], {}, "`families[0]`: `phis` is the same for all families"),
        (["width"], {"report": {"centre": "iqm"}}, "`report`: families of sizes know nothing of it"),
    ],
)
def test_what_means_nothing_is_refused_before_any_work(families, changes, message):
    with pytest.raises(SpecError) as caught:
        prepare(spec(*families, **changes))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"families": []}, "`families` must be tables, [[families]], at least one"),
        ({"families": [{"label": "a"}]}, "`families[0]` must have a `name`"),
        ({"families": [{"name": "width"}], "budget": {}}, "`families` must be given without `budget`"),
        ({"scaling": {"arch": ARCH}}, "`scaling` must be given with [[families]]"),
        ({"families": [{"name": "width"}], "scaling": {"arch": ARCH, "phis": [1, 2]}}, "`scaling.phis` must name 0"),
        ({"families": [{"name": "width"}], "scaling": {"arch": ARCH, "cells": 10**9}}, "`scaling.cells` must be at"),
        ({"families": [{"name": "width"}, {"name": "width"}], "scaling": {"arch": ARCH}}, "`label` must be given once"),
    ],
)
def test_specs_that_cannot_be_read_say_why(data, message):
    with pytest.raises(SpecError) as caught:
        from_dict({"name": "x", "benchmarks": ["micro-mnist1d"], **data})
    assert message in str(caught.value)
