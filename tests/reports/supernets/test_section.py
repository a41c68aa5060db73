"""The section of one-shot methods: looked-up regrets, costs and agreement by hand, and what a page says of them."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from harness import registry
from harness.cli.__main__ import main
from harness.errors import ResultError
from harness.experiments.execute import execute
from harness.experiments.kind import Output, kind_of
from harness.experiments.manifest import read_manifest
from harness.experiments.prepare import prepare
from harness.experiments.results import read_ended
from harness.experiments.schema import from_dict
from harness.experiments.store import unit_path, write_unit
from harness.experiments.supernets import Training
from harness.spaces.rows import RowsSpace
from harness.verification import record
from harness.verification.job import Request
from reports.figures.render import draw
from reports.page.build import build
from reports.sections.verification.run import run
from reports.supernets.epochs import over_epochs
from reports.supernets.held import unknown
from reports.supernets.results import _check_genes, read_supernets
from reports.supernets.section import section as section_of_study
from reports.supernets.section import section_of, sections_of
from reports.supernets.tables import _best
from tests.harness.verification.support import TRAINING, FakeTrainer, measured, tools

BENCHMARK, GOOD, CUT = "micro-mnist1d", (3, 3, 3, 3, 3, 3), (0, 0, 3, 0, 3, 3)
SAMPLE = np.array([(1,) * 6, (4,) * 6, (2,) * 6, GOOD, CUT], dtype=np.uint8)


def output(epochs, archs, *, last_sample=90.0, replicate=0):
    """Return a result of two derivations: the first is given, the second always all 3x3 convolutions."""
    rows = [row for epoch in range(1, epochs + 1) for row in ((epoch, 0), (epoch, 1))]
    both = np.array([cell for arch in archs for cell in (arch, GOOD)], dtype=np.uint8)
    weights = np.full((epochs, 6, 5), 0.2)
    columns = {
        "units": np.full(epochs, 2.0 + replicate),
        "seconds": np.full(epochs, 3.0),
        "recommended/archs": both,
        "recommended/epoch": np.array([epoch for epoch, _ in rows]),
        "recommended/derivation": np.array([place for _, place in rows]),
        "log/probabilities": weights,
        "log/inherited": np.full(epochs, 50.0),
        "sample/archs": SAMPLE,
        "sample/inherited": np.array([20.0, 18.0, 60.0, last_sample, 10.0]),
    }
    facts = {"derivations": ["argmax", "argmax without none"], "unit_macs": 1.0, "stopped": False}
    return Output(columns, {"facts": json.dumps(facts), "stopped": "[]"})


@pytest.fixture(scope="module", params=[True, False], ids=["beside searches", "alone"])
def folder(request, tmp_path_factory):
    """Write results as supernets leave them, without training one."""
    folder = tmp_path_factory.mktemp("one-shot")
    strategies = [{"name": "darts"}, *([{"name": "random_search"}] if request.param else [])]
    spec = from_dict(
        {"name": "shared", "benchmarks": [BENCHMARK], "replicates": 2, "strategies": strategies,
         "budget": {"supernet_epochs": 3, "evaluations": 8}}
    )  # fmt: skip
    prepared, kind = prepare(spec), kind_of("supernet")
    for _, unit in prepared.shards.values():
        if isinstance(unit, Training):
            archs = [GOOD, GOOD, GOOD if unit.first else CUT]
            write_unit(folder, kind, unit, output(3, archs, replicate=unit.first))
    assert execute(prepared, folder).computed == len(strategies) - 1
    return folder


def test_what_was_recommended_is_looked_up_and_costs_add_up(folder):
    results = read_supernets(folder)
    (panel,), oracle = results.panels, registry.oracle(BENCHMARK)
    first, second = panel.supernets["darts"]
    best = oracle.optimum("valid_accuracy").value
    values = oracle.mean(np.array([GOOD, CUT], dtype=np.uint8), "valid_accuracy")
    np.testing.assert_allclose(first.regrets["argmax", "validation"], best - values[[0, 0, 1]], atol=0.02)
    np.testing.assert_allclose(second.regrets["argmax", "validation"], best - values[[0, 0, 0]], atol=0.02)
    assert first.units.tolist() == [2, 4, 6]
    assert second.units.tolist() == [3, 6, 9]
    truth = oracle.mean(SAMPLE, "valid_accuracy")
    assert np.array_equal(np.argsort(truth), [4, 1, 0, 2, 3]), "as the inherited accuracies are"
    section = section_of(results)
    shown = dict(zip(section.tables[0].headers, section.tables[0].cells[0], strict=True))
    assert (shown["n"], shown["Epochs"]) == ("2", "3"), "what is counted has no decimals"
    assert "percentage points after" in section.sentences[0]
    agreement = next(table for table in section.tables if table.name == "one-shot-agreement").frame.iloc[0]
    assert (agreement["n"], agreement["sample"], agreement["statistics"]) == (2, 5, "batch")
    assert agreement[["tau_all", "tau_all_low", "tau_all_high"]].tolist() == pytest.approx([1.0] * 3)
    assert np.isnan(agreement["tau_best_half"]), "two architectures"
    assert 0.5 < agreement["ceiling_all"] <= 1
    assert agreement["regret_of_best"] == pytest.approx(best - truth.max(), abs=0.02)
    assert agreement["least_regret"] == agreement["regret_of_best"]
    row = section.tables[0].frame.iloc[0]
    assert row["n"] == 2
    assert row["units"] == 7.5
    assert row["validation_regret"] == pytest.approx(best - values.mean(), abs=0.02)
    assert row["other_derivation"] == pytest.approx(best - values[0], abs=0.02)
    assert row["best_epoch"] == pytest.approx(best - values[0], abs=0.02)
    assert row["none"] == 1.5
    assert row["entropy"] == pytest.approx(np.log(5))
    told = section_of_study(SimpleNamespace(results=SimpleNamespace(folder=folder)))
    (notice,) = told.notices
    assert notice.startswith("Beside the searches, 1 one-shot method (Weight sharing, below). micro-mnist1d, weight")
    assert ("; for as many units, random_search " in notice) == bool(panel.searches)
    assert "  " not in notice
    cells = section.tables[1].frame
    assert cells["validation"].round(2).tolist() == [9.15, 94.57, 94.57, 94.57]
    weights = next(item for item in section.figures if item.name == "one-shot-operations").frame
    assert set(weights["series"]) == {"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"}
    np.testing.assert_allclose(weights["centre"], 0.2)
    figures = {item.name: item.frame for item in section.figures}
    assert not {"one-shot-eigenvalue", "one-shot-alpha-gradient"} & set(figures), "they were not measured"
    none = figures["one-shot-collapse"].query("benchmark == 'none'")
    assert none["centre"].tolist() == [0, 0, 1.5]
    assert none["high"].tolist() == [0, 0, 3]
    np.testing.assert_allclose(figures["one-shot-entropy"]["centre"], np.log(5))
    collapse = draw(next(item for item in section.figures if item.name == "one-shot-collapse"))
    assert {float(tick) % 1 for axes in collapse.axes for tick in axes.get_xticks()} == {0.0}, "epochs are whole"
    both = figures["one-shot-derivations"].set_index(["series", "x"])["centre"]
    assert both["argmax", 3] == pytest.approx(best - values.mean(), abs=0.02)
    assert both["argmax without none", 3] == pytest.approx(best - values[0], abs=0.02)
    drawn = list(dict.fromkeys(figures["one-shot-drawings"]["benchmark"]))
    assert drawn[0] == "best of the table"
    assert drawn[1].startswith("darts (1/2), regret ")
    curve = figures["one-shot-validation"]
    own = curve[curve["series"] == "darts"].set_index("x")["centre"]
    assert own.index.tolist() == [3, 4, 6, 9], "from where both have one; what has ended holds its last"
    assert own[6] == own[9]
    assert own[6] == pytest.approx((2 * best - values.sum()) / 2, abs=0.02)


def test_gradients_are_drawn_where_alpha_was_trained(folder):
    results = read_supernets(folder)
    (panel,) = results.panels
    told = [
        replace(one, logs={**one.logs, "alpha_gradient": np.array([np.nan, 0.5, 0.25]) * (1 + 2 * one.replicate)})
        for one in panel.supernets["darts"]
    ]
    results = replace(results, panels=(replace(panel, supernets={"darts": told}),))
    (exhibit,) = (one for one in over_epochs(results) if one and one.name == "one-shot-alpha-gradient")
    assert exhibit.frame[["x", "centre", "low", "high"]].to_numpy().tolist() == [[2, 1, 0.5, 1.5], [3, 0.5, 0.25, 0.75]]


def test_cells_of_every_derivation_are_verified_and_judged(folder):
    oracle, results = registry.oracle(BENCHMARK), read_ended(folder)
    assert [archs.tolist() for archs in results.derived[BENCHMARK]] == [[[*CUT], [*GOOD]], [[*GOOD], [*GOOD]]]
    fake = tools(
        FakeTrainer(oracle),
        training_of=lambda name: TRAINING,
        count=lambda network, archs, recipe, dataset: tuple(
            np.rint(oracle.mean(archs, column) * 1e6).astype(np.int64) for column in ("params_m", "macs_m")
        ),
        open_oracle=lambda name: oracle,
    )
    (verified,) = run(folder, Request(top=9, stratified=0, device="cpu", ensemble=False), tools=fake)["verified"]
    space, ends = oracle.space, np.array([GOOD, CUT], dtype=np.uint8)
    rows = {row["architecture"]: row["runs"] for row in verified["architectures"]}
    picks = dict(zip(space.key(space.parse([*rows])).tolist(), rows.values(), strict=True))
    good, cut = space.key(ends).tolist()
    searches = sum(len(results.of(BENCHMARK, label)) for label in results.labels)
    assert (picks[good], picks[cut]) == (2, 1), "two derivations of one function are one"
    assert sum(picks.values()) == searches + 3
    _, section = sections_of(read_supernets(folder), folder)
    assert section.tables[0].frame["runs"].sum() == searches + 3
    assert "Top: what one-shot methods derived at their end, most frequent first" in section.tables[0].caption
    assert "picked for a high noisy value" not in section.sentences[0]
    assert ("picked for a high noisy value" in verified["sentence"]) == bool(searches)


@pytest.mark.parametrize(("regrets", "best"), [([2.0, 1.0, 3.0], 1.0), ([np.nan, 3.0], np.nan), ([], np.nan)])
def test_the_best_epoch_is_known_where_all_are(regrets, best):
    one = SimpleNamespace(derivations=("argmax",), regrets={("argmax", "validation"): np.array(regrets)})
    np.testing.assert_equal(_best(one), best)


def test_supernets_without_a_result_are_missing(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "cut")
    unit = next(iter(read_manifest(folder).entries))
    unit_path(tmp_path / "cut", unit.digest).unlink()
    assert read_ended(tmp_path / "cut").missing == ((BENCHMARK, "darts", 0, 1),)
    told = section_of_study(SimpleNamespace(results=SimpleNamespace(folder=tmp_path / "cut")))
    assert told.notices[1:] == ("Without a result: darts on micro-mnist1d, replicate 0.",)


@pytest.mark.slow
def test_the_page_has_the_section_and_names_no_table_of_its_own(folder):
    oracle, archs = registry.oracle(BENCHMARK), SAMPLE[:4]
    real = oracle.mean(archs, "valid_accuracy")[:, None] + np.array([-0.1, 0.0, 0.1])
    record.write(record.record_path(folder, BENCHMARK), measured(oracle, archs, real))
    page = build(folder)
    text = page.read_text(encoding="utf-8")
    assert "weight sharing" in text
    assert "hands over cells, at a mean validation regret of" in text, "of one method none is the best"
    assert "Verification by real training" in text
    assert "<b>Verification.</b>" in text, "as other methods have their first word"
    names = {path.stem for path in (page.parent / "figures").glob("*.csv")}
    assert {
        "one-shot-validation",
        "one-shot-test",
        "one-shot-seconds",
        "one-shot-operations",
        "one-shot-drawings",
    } <= names


def test_a_manifest_that_claims_another_method_or_other_hyperparameters_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "other")
    manifest = tmp_path / "other" / "experiment.json"
    for key, value, named in (("name", "gdas", "name"), ("hyperparameters", {"batch_size": 7}, "batch_size")):
        data = json.loads((folder / "experiment.json").read_text())
        data["spec"]["strategies"][0][key] = value
        manifest.write_text(json.dumps(data))
        with pytest.raises(ResultError, match=f"its `{named} of 'darts'` is not that of the result"):
            read_supernets(tmp_path / "other")
        with pytest.raises(ResultError, match=f"its `{named} of 'darts'` is not that of the result"):
            read_ended(tmp_path / "other")


def test_a_comparison_says_that_it_leaves_one_shot_methods_out(folder, capsys):
    has_searches = len(list(folder.glob("*.h5"))) > 2
    assert main(["compare", str(folder), str(folder)]) == (0 if has_searches else 2)
    said = "one-shot methods are not compared" if has_searches else "these are results of one-shot methods alone"
    assert said in capsys.readouterr().err


def test_genes_that_the_space_has_not_are_told(folder):
    truth = read_supernets(folder).panels[0].truth
    for name, archs in (("sample/archs", np.full((1, 6), 64)), ("log/lineage", np.full((1, 2, 6), np.nan))):
        with pytest.raises(ResultError, match=f"is damaged: its column {name} holds genes that the space 'nb201' has"):
            _check_genes(truth, {"recommended/archs": np.zeros((1, 6)), name: archs})


def test_what_a_table_of_a_part_of_its_space_lacks_has_no_regret_and_is_told(folder):
    results = read_supernets(folder)
    (panel,) = results.panels
    space = RowsSpace(panel.truth.oracle.space, np.array([GOOD], dtype=np.uint8))
    oracle = copy.copy(panel.truth.oracle)
    oracle.space = space
    truth = replace(panel.truth, oracle=oracle)
    results = replace(results, panels=(replace(panel, truth=truth),))
    means = truth.mean_where_known(np.array([CUT, GOOD], dtype=np.uint8), "validation")
    assert np.isnan(means).tolist() == [True, False]
    (said,) = unknown(results)
    assert said.startswith(f"{panel.truth.name} holds a part of its space: of what darts handed over it lacks 1 of 2,")
