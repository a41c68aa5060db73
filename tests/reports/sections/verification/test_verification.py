"""Verdicts of a verification: each of the four, the section of the page, the command."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from harness import registry
from harness.errors import HarnessError, ResultError
from harness.experiments.results import read_results
from harness.training.ensemble import EnsembleResult
from harness.training.interrupts import Stopped
from harness.verification import record
from harness.verification.job import Request
from reports.commands import verify
from reports.figures.exhibit import Exhibit
from reports.figures.inline import UNIT, Sheet
from reports.figures.render import draw, inline_panels, rendered
from reports.sections.verification.run import run
from reports.sections.verification.section import method, section, sentence, table, verdict_words
from reports.statistics import equivalence
from reports.study.study import prepare
from reports.study.verdicts import CONFIRMED, DRIFTED, FAILED, INCONCLUSIVE, judge
from tests.harness.verification.support import MARGIN, NAME, FakeTrainer, measured, run_experiment, tools
from tests.reports.support import FakeOracle, build_page, make_results, opener

# --- verdicts ------------------------------------------------------------------------------------------------------


class Quiet(FakeOracle):
    """Three runs everywhere, at -0.1, 0 and +0.1 around the truth."""

    def __init__(self, name: str = "alpha") -> None:
        super().__init__(name)
        self.runs = self.runs[:, :1] + np.array([-0.1, 0.0, 0.1])
        self._values["valid_accuracy"] = self.runs.mean(axis=1)


ORACLE = Quiet()
ARCHS = ORACLE.space.decode(np.arange(0, 200, 25, dtype=np.uint64))  # 8 of them


def trained(moved=(), spread=0.1, **changes):
    """Return measurements whose means lie `moved` points off the table's."""
    offsets = np.zeros(len(ARCHS))
    for index, points in dict(moved).items():
        offsets[index] = points
    real = ORACLE.mean(ARCHS, "valid_accuracy")[:, None] + offsets[:, None] + spread * np.array([-1.0, 0.0, 1.0])
    for index, seed in changes.pop("diverged", ()):
        real[index, seed] = np.nan
    return measured(ORACLE, ARCHS, real, **changes)


def verdicts(measurements):
    return judge(measurements, ORACLE).rows["verdict"].tolist()


def test_equal_means_are_confirmed():
    judged = judge(trained(), ORACLE)
    assert set(judged.rows["verdict"]) == {CONFIRMED}
    assert judged.rows["predicted"].all()
    assert judged.rows["difference"].abs().max() < 1e-9
    assert judged.overall.counts == {CONFIRMED: 8, DRIFTED: 0, INCONCLUSIVE: 0, FAILED: 0}
    assert judged.overall.sd == pytest.approx(0.1)
    assert judged.overall.df == 32
    assert judged.overall.tau == 1.0


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_mean_far_outside_the_margin_has_drifted(sign):
    judged = judge(trained({1: sign * 3 * MARGIN}), ORACLE)
    assert judged.rows["verdict"].tolist() == [CONFIRMED, DRIFTED] + [CONFIRMED] * 6
    row = judged.rows.iloc[1]
    assert row["p_drift_holm"] == pytest.approx(8 * row["p_drift"])
    assert not row["predicted"]
    assert verdict_words(row).startswith("drifted (p <0.001")


def test_holm_guards_against_one_drift_among_many():
    se = equivalence.standard_error(0.1, 3, 3)
    just = MARGIN + 2.0 * se  # one-sided p about 0.027: alone significant, not among eight
    alone = judge(trained({0: just}), ORACLE).rows
    assert alone["p_drift"][0] < 0.05 < alone["p_drift_holm"][0]
    assert alone["verdict"][0] == INCONCLUSIVE


def test_between_the_two_is_inconclusive_with_the_seeds_needed():
    judged = judge(trained({2: MARGIN}, spread=0.3), ORACLE)
    row = judged.rows.iloc[2]
    assert row["verdict"] == INCONCLUSIVE
    assert verdict_words(row) == "inconclusive (no number of seeds decides)"
    noisy = judge(trained({2: 0.6}, spread=0.9), ORACLE).rows
    assert noisy["verdict"][2] == INCONCLUSIVE
    assert noisy["seeds_needed"][2] > 3
    assert noisy["table_too"][2]
    assert (
        verdict_words(noisy.iloc[2]) == f"inconclusive ({noisy['seeds_needed'][2]:.0f} seeds needed, in the table too)"
    )


def test_a_prediction_has_no_noise_of_its_own():
    """Only the fresh trainings have: half the interval is t(df) sd / sqrt(3), and no seeds of a table are asked for."""

    class Predicting(Quiet):
        predicts = True

        def trainings(self, archs, column):
            return super().trainings(archs, column)[:, 1:2]

    oracle = Predicting()
    judged = judge(trained({2: 0.6}, spread=0.3), oracle)
    assert judged.overall.df == 16
    half = stats.t.ppf(0.95, 16) * 0.3 / np.sqrt(3)
    np.testing.assert_allclose((judged.rows["high"] - judged.rows["low"]) / 2, half)
    assert not judged.rows["table_too"].any()
    said = sentence(judged)
    assert "The top picks differ by" in said
    assert "noisy value" not in said
    assert "(predicted)" in table([judged]).to_html()


def test_a_training_that_did_not_finish_fails_its_architecture_alone():
    judged = judge(trained({3: 0.0, 4: 9.0}, diverged=[(3, 1)]), ORACLE)
    assert judged.rows["verdict"].tolist() == [CONFIRMED] * 3 + [FAILED, DRIFTED] + [CONFIRMED] * 3
    row = judged.rows.iloc[3]
    assert row["reason"] == "seed 1001: diverged in epoch 5"
    assert math.isnan(row["p_drift_holm"]), "no member of Holm's family"
    assert judged.rows["p_drift_holm"][4] == pytest.approx(7 * judged.rows["p_drift"][4])
    assert row["real_n"] == 2


def test_other_costs_than_the_table_says_fail():
    params = np.full(8, 1000)
    params[5] = 1001
    judged = judge(trained(params=params), ORACLE)
    assert judged.rows["verdict"].tolist() == [CONFIRMED] * 5 + [FAILED] + [CONFIRMED] * 2
    assert judged.rows["reason"][5].startswith("1,001 parameters and 10,000 multiply-adds where the table says 1,000")


def test_all_trainings_failed_is_a_result_too():
    judged = judge(trained(diverged=[(index, seed) for index in range(8) for seed in range(3)]), ORACLE)
    assert set(judged.rows["verdict"]) == {FAILED}
    assert math.isnan(judged.overall.bias.value)
    assert sentence(judged).startswith("alpha, trained for real: 0 of 8 architectures are confirmed, 8 failed")
    json.dumps(judged.as_dict(), allow_nan=False)


def test_bias_is_read_from_the_stratified_sample_and_the_curse_from_the_top():
    judged = judge(trained({index: (-0.5 if index < 4 else 0.2) for index in range(8)}), ORACLE)
    assert judged.overall.bias.value == pytest.approx(0.2)
    assert judged.overall.top_bias.value == pytest.approx(-0.5)
    everything = ORACLE.values("valid_accuracy")
    noise = judged.overall.sd**2 / 3
    rel = (everything.var(ddof=1) - noise) / everything.var(ddof=1)
    top = ORACLE.mean(ARCHS[:4], "valid_accuracy").mean()
    assert judged.overall.expected_top_bias == pytest.approx((rel - 1) * (top - everything.mean()))
    assert judged.overall.absolute == pytest.approx(0.35)
    assert judged.overall.slope.value == pytest.approx(1.0)


def test_another_table_is_refused():
    with pytest.raises(ResultError, match="made for another table"):
        judge(trained(table_digest="0" * 64), ORACLE)


def test_three_seeds_at_the_margin_of_small_data_confirm_four_of_five():
    rng = np.random.default_rng(0)
    archs = ORACLE.space.decode(np.arange(200, dtype=np.uint64))
    truth = ORACLE.mean(archs, "valid_accuracy")[:, None]
    oracle = Quiet()
    oracle.runs[:200] = truth + rng.normal(0, 0.5, (200, 3))
    judged = judge(measured(oracle, archs, truth + rng.normal(0, 0.5, (200, 3)), margin_percent=2.4 * 0.5), oracle)
    assert judged.overall.counts[CONFIRMED] / 200 == pytest.approx(0.8, abs=0.08)
    assert judged.overall.counts[DRIFTED] == 0
    assert judged.rows["predicted"].mean() == pytest.approx(0.95, abs=0.05)


# --- the page ------------------------------------------------------------------------------------------------------


DRAWN = ("verification-agreement", "verification-differences")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verified")
    made = trained({1: 3.0, 2: 0.9}, spread=0.3, diverged=[(5, 0)])
    record.write(record.record_path(folder, "alpha"), made)
    results = replace(make_results([ORACLE], replicates=3, evaluations=8), folder=folder)
    return build_page(results, folder, opener(ORACLE), drawn=DRAWN, explained=False)


def test_the_page_has_a_section_with_figures_table_sentence_and_method(page):
    text = page.read_text()
    part = text[text.index("<h2>Verification by real training") : text.index('<h2 id="methods">')]
    assert part.count("<svg") == 2
    assert "8 architectures are confirmed" in text
    assert "failed: seed 1000: diverged in epoch 5" in part
    assert "<b>Verification.</b>" in text
    numbers = [int(part.split(".")[0]) for part in text.split("<b>Figure ")[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    numbers = [int(part.split(".")[0]) for part in text.split("<b>Table ")[1:]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_table_of_single_trainings_has_no_spread_of_its_own():
    judged = judge(trained(), ORACLE)
    single = replace(judged, overall=replace(judged.overall, table_sd=math.nan))
    assert "degrees of freedom; not known in the table alone" in method([single], strata="what was trained live")
    assert "one architecture of each of equal parts of what was trained live" in method(
        [single], strata="what was trained live"
    )


def test_an_ensemble_is_told_beside_the_best_network(page, tmp_path):
    found = EnsembleResult(((0, 1), (3, 2), (0, 1)), 24, 1000, 720, 700, 1000, 710, 690, 45, 25)
    judged = judge(trained(ensemble=found), ORACLE)
    text = "Of 1,000 test items the greedy ensemble of 2 networks out of 24 gets 71.00 [68.11, 73.73] % right, the best"
    text += " single network by validation 69.00 [66.07, 71.79] %: +2.00 [+0.34, +3.65] points."
    assert text in sentence(judged)
    assert "Caruana" in method([judged])
    told = judged.as_dict()["ensemble"]
    assert told["gain"]["value"] == pytest.approx(2.0)
    assert (told["members"], told["different"]) == (3, 2)
    json.dumps(judged.as_dict(), allow_nan=False)
    plain = judge(trained(), ORACLE)
    assert "ensemble" not in sentence(plain) + method([plain])
    assert "ensemble" not in plain.as_dict()


def test_figures_are_drawn_again_from_their_files(page):
    for name in DRAWN:
        exhibit = Exhibit.read(page.parent / "figures", name)
        assert exhibit.meta["provenance"]["verification"]["alpha"]["seeds"] == [1000, 1001, 1002]
        assert len(exhibit.frame) == 7, "the failed one is not drawn"
        for kind in ("pdf", "svg", "png"):
            assert rendered(draw(exhibit), kind) == (page.parent / "figures" / f"{name}.{kind}").read_bytes()


def test_the_figure_shows_both_uncertainties_identity_margin_and_ceiling(page):
    exhibit = Exhibit.read(page.parent / "figures", "verification-agreement")
    axes = draw(exhibit).axes[0]
    drawn = {tuple(np.round(point, 6)) for line in axes.lines for point in line.get_xydata()}
    for row in exhibit.frame.itertuples():
        assert (round(row.x, 6), round(row.y, 6)) in drawn
    assert any(np.allclose(line.get_xdata(), line.get_ydata()) and len(line.get_xdata()) == 2 for line in axes.lines)
    assert len(axes.containers) == exhibit.frame.groupby(["series", "column"]).ngroups
    assert all(container.has_xerr and container.has_yerr for container in axes.containers)
    assert any("ceiling" in text.get_text() for text in axes.texts)


def test_marks_on_the_page_are_filled_as_in_the_figure(page, tmp_path):
    """Filled is confirmed and hollow is not: what a mark is filled with stands at its use, not at its shape."""
    exhibit, sheet = Exhibit.read(page.parent / "figures", "verification-agreement"), Sheet()
    inline_panels(exhibit, sheet, tmp_path)
    assert {CONFIRMED, INCONCLUSIVE} <= set(exhibit.frame["column"])
    width = f"stroke-width: {0.9 * UNIT:g}"
    rules = [rule for rule in sheet.css().splitlines() if width in rule and "stroke-dasharray" not in rule]
    fills = {re.search(r"fill: ?(?:light-dark\()?(#\w+)", rule)[1] for rule in rules if "fill: none" not in rule}
    assert {"#ffffff", *(style["color"].lower() for style in exhibit.meta["styles"].values())} >= fills
    assert "#ffffff" in fills
    assert len(fills) >= 2


def test_the_table_gives_costs_and_verdicts(page):
    with (page.parent / "tables" / "verification.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows].count(FAILED) == 1
    assert {row["params"] for row in rows} == {"1000.0"}
    text = table([judge(trained(), ORACLE)]).to_html()
    assert "1,000 =" in text
    unknown = judge(trained(params_expected=np.full(8, np.nan)), ORACLE)
    assert "<td>1,000<" in table([unknown]).to_html()


def test_without_a_verification_there_is_no_section(tmp_path):
    results = make_results([ORACLE], replicates=2, evaluations=6)
    assert section(prepare(results, opener(ORACLE))) is None, "results in memory"
    study = prepare(replace(results, folder=tmp_path), opener(ORACLE))
    assert section(study) is None
    record.write(record.record_path(tmp_path, "alpha"), trained(table_digest="other"))
    with pytest.raises(ResultError, match="made for another table"):
        section(study)


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run_experiment(tmp_path_factory.mktemp("results") / "small")


def test_a_run_writes_verdicts_beside_the_measurements(folder):
    told = run(folder, Request(device="cpu"), tools=tools(FakeTrainer(registry.oracle(NAME), moved={1: 4.0})))
    (item,) = told["verified"]
    assert item["overall"]["counts"][DRIFTED] == 1
    frame = pd.read_csv(item["files"]["verdicts"])
    assert frame["verdict"].tolist() == [row["verdict"] for row in item["architectures"]]
    data = json.loads((folder / "verification" / f"{NAME}-verdicts.json").read_text())
    assert data["margin_source"] == "table"
    assert len(data["architectures"]) == 9
    found = section(prepare(read_results(folder)))
    assert found is not None
    assert found.sentences == (item["sentence"],)


@pytest.fixture
def cli(monkeypatch):
    """Return a call of the command with made-up tools."""
    import typer

    from reports.sections.verification import run as running

    app = typer.Typer()
    app.command()(verify.verify)

    def call(*words, **options):
        made = tools(**options)
        monkeypatch.setattr("reports.sections.verification.run.run", lambda *a, **k: run(*a, **k | {"tools": made}))
        assert running.run is not run
        return CliRunner().invoke(app, list(map(str, words)))

    return call


def test_the_command_prints_verdicts_or_json(folder, cli):
    answer = cli(folder, "--device", "cpu", "--json", "--seeds", 4)
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert len(told["verified"][0]["seeds"]) == 4
    assert told["verified"][0]["files"]["table"].endswith(f"{NAME}.h5")
    answer = cli(folder, "--device", "cpu", "--top", 2, "--stratified", 3)
    assert answer.exit_code == 0
    assert sum(line.startswith(("top", "stratified")) for line in answer.stdout.splitlines()) == 5
    assert f"next: nas-harness report {folder}" in answer.stdout


def test_an_unknown_level_is_refused_before_any_work(folder, cli):
    def trained(*arguments, **options):
        pytest.fail("it trains")

    answer = cli(folder, "--device", "cpu", "--level", "R9", train=trained)
    assert isinstance(answer.exception, HarnessError)
    assert "unknown level 'R9'" in str(answer.exception)


def test_an_interruption_says_that_it_can_be_continued(folder, cli):
    def stopped(*arguments, **options):
        raise Stopped(15)

    answer = cli(folder, "--device", "cpu", "--seeds", 5, train=stopped)
    assert answer.exit_code == 143
    assert "the same command continues" in answer.stderr
