"""What a once-for-all network hands over is trained alone on a live benchmark, beside its inherited weights."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data.grown import Rows
from benchmarks_data.live.trained import Trained
from harness.experiments import supernets
from harness.experiments.execute import execute
from harness.experiments.kind import kind_of
from harness.experiments.manifest import read_manifest
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.experiments.store import read_units
from reports.supernets import alone
from reports.supernets.results import read_supernets
from reports.supernets.section import section_of
from tests.harness.experiments.test_supernets import _items  # noqa: F401  # few signals in place of the dataset

BENCHMARK, FULL, SEEDS = "live-mnist1d-elastic", 14, 3
QUICK = {"population": 3, "parents": 2, "mutants": 1, "crossovers": 1, "generations": 1, "batch_size": 40}


def made_up(trained, archs, keys, fidelity, seeds):
    """Give accuracies that rise with multiply-adds in place of training; one row for each, of the epoch asked for."""
    costs = trained.costs(archs)
    accuracy = 50 + 30 * costs["macs_m"] + seeds
    values = np.stack([accuracy, accuracy, costs["params_m"], costs["macs_m"]], axis=1)
    count, test = len(keys), accuracy[:, None] - 1
    return Rows(keys, archs, np.full(count, fidelity), seeds, values, test, ("",) * count, np.ones(count))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Trained, "_train", made_up)
    monkeypatch.setattr(supernets, "SAMPLED", 12)
    spec = from_dict(
        {"name": "shared", "benchmarks": [BENCHMARK], "replicates": 1, "budget": {"supernet_epochs": 1},
         "strategies": [{"name": "ofa", "hyperparameters": QUICK}]}
    )  # fmt: skip
    assert execute(prepare(spec), tmp_path / "out").failed == ()
    return tmp_path / "out"


def test_what_is_handed_over_is_trained_alone_and_shown_beside_inherited_weights(folder):
    ((_, output),) = [found for _, found in read_units(folder, read_manifest(folder), kind_of("supernet"))]
    columns = output.columns
    assert len(columns["alone/archs"]) == 5 + supernets.ALONE
    np.testing.assert_array_equal(columns["alone/archs"][:5], columns["recommended/archs"])
    np.testing.assert_array_equal(columns["alone/archs"][5:], columns["sample/archs"][:5])
    np.testing.assert_array_equal(columns["alone/inherited"][5:], columns["sample/inherited"][:5])
    section = section_of(read_supernets(folder))
    assert {figure.name for figure in section.figures} == {"one-shot-inherited"}, "nothing else can be looked up"
    rows = next(table for table in section.tables if table.name == "one-shot-alone").frame
    np.testing.assert_allclose(rows["alone"], 51 + 30 * rows["macs_m"])
    np.testing.assert_allclose(rows["test"], rows["alone"] - 1)
    assert rows["seeds"].tolist() == [SEEDS] * 10
    np.testing.assert_allclose(rows["sd"], 1)
    largest = 1.10785
    assert (np.diff(columns["alone/inherited"][:5]) <= 0).all(), "what keeps a limit keeps every larger one"
    assert (rows["macs_m"][:5] <= largest * np.array([1, 0.8, 0.6, 0.4, 0.25]) + 1e-6).all(), "each keeps its limit"
    told = next(iter(section.sentences))
    assert "of multiply-adds with trainings 1.00" in told
    assert f"n = {rows['architecture'].nunique()} architectures by 3 seeds, mean of 1 replicate" in told
    points = section.figures[0].frame
    assert points.groupby(["series", "column"]).size().to_dict() == {
        ("handed over", "alone"): 5, ("handed over", "inherited"): 5,
        ("random", "alone"): 5, ("random", "inherited"): 5, ("sample", "inherited"): 12,
    }  # fmt: skip


def test_a_comparison_takes_random_ones_that_cost_no_less():
    rows = [
        {"chosen": "at most 40%", "macs_m": 0.4, "alone": 90.0},
        {"chosen": "at most 80%", "macs_m": 0.8, "alone": 95.0},
        {"chosen": "random", "macs_m": 0.4, "alone": 89.0},
        {"chosen": "random", "macs_m": 0.6, "alone": 92.0},
    ]
    assert alone._comparisons(rows) == [True, False]
