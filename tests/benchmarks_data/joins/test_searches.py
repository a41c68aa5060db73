"""Searches of joined tables of real figures: bounds on devices, and beginnings by zero-cost scores."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import harness as nh
from benchmarks_data.catalogue.entries import entries
from benchmarks_data.file import layout
from benchmarks_data.joins import importer as joined
from harness import registry
from harness.benchmark import Oracle
from harness.errors import SpecError
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.experiments.spec import Spec
from harness.spaces.nb201.space import NB201Space
from harness.spaces.nb201.texts import NASLIB_OPERATIONS, NASLIB_PLACES
from reports.study.finals import finals
from reports.study.study import prepare as study_of

pytestmark = pytest.mark.data


def convert(name: str, source: Path, folder: Path) -> str:
    """Join a table of the catalogue from a file of its format, and return its path."""
    path = folder / f"{name}.h5"
    layout.write(path, joined.convert(entries()[name], [source], NB201Space(), lambda *_: None))
    return str(path)


@pytest.fixture(scope="module")
def hardware(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """HW-NAS-Bench's figures for CIFAR-10, in its pickle, joined; -1 marks what a device cannot run."""
    folder = tmp_path_factory.mktemp("hw")
    with np.load(shared_data / "hwnasbench_nb201.npz") as file:
        told = {name.removeprefix("cifar10__"): file[name] for name in file.files if name.startswith("cifar10__")}
    told = {name: np.where(values == -1, np.nan, values).astype(float).tolist() for name, values in told.items()}
    (folder / "HW-NAS-Bench-v1_0.pickle").write_bytes(pickle.dumps({"nasbench201": {"cifar10": told}}))
    return convert("nb201-cifar10-hw", folder / "HW-NAS-Bench-v1_0.pickle", folder)


@pytest.fixture(scope="module")
def scores(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Scores of 9,445 cells in the format of NAS-Bench-Suite-Zero, joined; the other 6,180 have none."""
    folder = tmp_path_factory.mktemp("zc")
    with np.load(shared_data / "nb201_zerocost_cifar10.npz") as file, np.load(shared_data / "nb201_tss.npz") as cells:
        archs = cells["op_codes"][file["index"]]
        columns = {name: file[name].astype(float).tolist() for name in ("nwot", "synflow", "jacov", "plain")}
    codes = np.argsort(NASLIB_OPERATIONS)[archs][:, np.argsort(NASLIB_PLACES)].tolist()
    rows = {str(tuple(code)): {name: column[row] for name, column in columns.items()} for row, code in enumerate(codes)}
    path = folder / "zc_nasbench201.json"
    path.write_text(json.dumps({"cifar10": rows}), encoding="utf-8")
    return convert("nb201-cifar10-zc", path, folder)


OPTIMA = {
    "edge GPU": (["edgegpu_latency_ms <= 3"], 89.26266, 1_535),
    "edge GPU 5 ms": (["edgegpu_latency_ms <= 5"], 91.344, 6_546),
    "Raspberry": (["raspi4_latency_ms <= 10"], 88.378, 2_047),
    "phone": (["pixel3_latency_ms <= 10"], 90.726, 7_202),
    "15 mJ": (["edgegpu_energy_mj <= 15"], 89.40134, 2_303),
    "edge TPU": (["edgetpu_latency_ms <= 1000"], 91.60667, 10_926),
    "phone and edge GPU": (["pixel3_latency_ms <= 10", "edgegpu_latency_ms <= 3"], None, None),
}
"""Bounds, the best mean validation accuracy that keeps them, and how many cells do."""


def test_deployments_over_the_columns_of_several_devices(hardware: str, tmp_path: Path) -> None:
    """Each device is a task with its own optimum; what a device cannot run (NaN) is never an answer."""
    spec = from_dict(
        {
            "name": "devices",
            "benchmarks": [hardware],
            "replicates": 4,
            "budget": {"evaluations": 150, "table_seed": "mean"},
            "strategies": [{"name": "random_search"}, {"name": "genetic_algorithm"}],
            "deployments": [{"name": name, "constraints": bounds} for name, (bounds, _, _) in OPTIMA.items()],
        }
    )
    assert execute(prepare(spec), tmp_path).failed == ()
    study = study_of(nh.read_results(tmp_path))
    regrets = finals(study).set_index(["benchmark", "label"])["regret"]
    for (name, (bounds, best, count)), item in zip(OPTIMA.items(), study.aligned, strict=True):
        assert item.name == f"nb201-cifar10-hw ({name})"
        assert list(map(str, item.truth.constraints)) == [f"{bound}.0" for bound in bounds]
        if count is not None:
            assert int(item.truth.feasible.sum()) == count
            assert item.truth.best("validation") == pytest.approx(best, abs=1e-4)
        for label in ("random_search", "genetic_algorithm"):
            reached = regrets[item.name, label]
            assert len(reached) == 4
            assert reached.min() >= 0
        assert regrets[item.name, "genetic_algorithm"].mean() < 1.0
    runs = [
        step.run
        for step in {item.name: item for item in study.aligned}["nb201-cifar10-hw (edge TPU)"].steps["random_search"]
    ]
    assert len(runs) == 4
    lost = np.isnan([run.trace.constraints[:, 0] for run in runs])
    assert lost.mean() == pytest.approx(4_699 / 15_625, abs=0.08)


def beginning_by(signal: str, name: str = "random_search") -> dict[str, object]:
    """Return a strategy that begins with the best ten of a thousand by a score, or cold."""
    warm_up = {"signal": signal, "pool": 1000, "keep": 10}
    return {"name": name, "label": f"{name} {signal}"} | ({"warm_up": warm_up} if signal else {})


def searched_by_scores(scores: str, *strategies: dict[str, object], **changes: object) -> Spec:
    budget = {"evaluations": 10}
    data = {"name": "scores", "benchmarks": [scores], "replicates": 40, "budget": budget, "strategies": [*strategies]}
    return from_dict(data | changes)


def best_ten(oracle: Oracle, signal: str) -> float:
    """Return the mean accuracy of the best ten of a thousand random cells by a score, over two thousand such pools."""
    rng = np.random.default_rng(0)
    accuracy, score = oracle.values("valid_accuracy"), np.nan_to_num(oracle.values(signal), nan=-np.inf)
    pools = [rng.choice(len(score), 1000, replace=False) for _ in range(2000)]
    return float(np.mean([accuracy[pool[np.argsort(-score[pool], kind="stable")[:10]]].mean() for pool in pools]))


def test_a_beginning_by_scores_is_that_of_the_table(scores: str, tmp_path: Path) -> None:
    """The first ten are what the scores say; by synflow their best is a point better than that of ten at random."""
    strategies = [beginning_by(signal) for signal in ("", "zc_nwot", "zc_synflow", "zc_plain")]
    strategies += [beginning_by(signal, "regularized_evolution") for signal in ("", "zc_synflow")]
    spec = searched_by_scores(scores, *strategies, free_signals=True)
    assert execute(prepare(spec), tmp_path).failed == ()
    results, oracle = nh.read_results(tmp_path), registry.oracle(scores)
    first = {
        item.label: np.array(
            [
                oracle.mean(run.trace.archs, "valid_accuracy")
                for run in results.of(next(iter(results.benchmarks)), item.label)
            ]
        )
        for item in spec.strategies
    }
    table_mean, best = (
        oracle.values("valid_accuracy").mean(),
        {label: told.max(axis=1).mean() for label, told in first.items()},
    )
    for label, told in first.items():
        name, _, signal = label.partition(" ")
        expected = best_ten(oracle, signal) if signal else table_mean
        assert told.shape == (40, 10)
        assert abs(told.mean() - expected) < 4 * told.mean(axis=1).std() / np.sqrt(40), label
        if signal == "zc_synflow":
            assert best[label] > best[f"{name} "] + 0.7
    assert best["random_search zc_nwot"] > best["random_search "]
    assert best["random_search zc_plain"] < best["random_search "]  # a score that turns cells round is worth nothing


def test_scores_without_seconds_are_read_where_that_is_said(scores: str) -> None:
    with pytest.raises(SpecError, match="`free_signals = true`"):
        prepare(searched_by_scores(scores, beginning_by("zc_synflow")))
