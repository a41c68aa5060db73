"""Several objectives in a study: what takes the place of regret, its references, and the measures of fronts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import harness as nh
from harness.errors import HarnessError, ResultError
from harness.judging.front import on_front
from harness.judging.indicators import hypervolume
from harness.problem import Constraint
from reports.figures import curves, fronts
from reports.figures.render import draw
from reports.page.narrative import methods
from reports.study.comparisons import pairwise, scores
from reports.study.finals import finals, summary
from reports.study.frame import frame
from reports.study.front_measures import front_measures, planes
from reports.study.naming import EXPECTED, SIMULATED, TRUE
from reports.study.study import prepare
from reports.study.wording import expectation_sentence
from tests.reports.support import FakeOracle, make_front_results, opener

ALPHA, CORA = FakeOracle("alpha"), FakeOracle("cora", test=False, has_seconds=False)
ALL = ALPHA.space.decode(np.arange(216, dtype=np.uint64))


def study_of(**more):
    return prepare(
        make_front_results([ALPHA, CORA], **{"replicates": 6, "evaluations": 20} | more), opener(ALPHA, CORA)
    )


@pytest.fixture(scope="module")
def study():
    return study_of()


def unit(values, column):
    """Return minimised values as parts of their range."""
    low, high = column.min(), column.max()
    return (values - low) / (high - low)


def points_of(archs, column="valid_accuracy"):
    """Return normalised objectives, by hand."""
    errors, sizes = (100 - ALPHA.mean(archs, column), ALPHA.mean(archs, "size"))
    return np.stack([unit(errors, 100 - ALPHA.values(column)), unit(sizes, ALPHA.values("size"))], axis=1)


@pytest.mark.parametrize(("split", "column"), [("validation", "valid_accuracy"), ("test", "test_accuracy")])
def test_the_gap_of_a_run_is_that_of_the_means_of_what_its_told_front_holds(study, split, column):
    item = study.aligned[0]
    best = hypervolume(points_of(ALL, column))
    assert item.truth.best(split) == pytest.approx(best)
    for steps in item.steps["climber"]:
        told = steps.run.trace.objectives
        for row, gap in zip(steps.rows, steps.regrets[split], strict=True):
            held = np.flatnonzero(on_front(told[: row + 1]))
            expected = best - hypervolume(points_of(steps.run.trace.archs[held], column))
            assert gap == pytest.approx(expected, abs=1e-12)
        assert steps.held.tolist() == np.flatnonzero(on_front(told)).tolist()


def test_values_of_finals_are_hypervolumes(study):
    rows = summary(study, "validation")
    last = finals(study)
    picked = last[(last["benchmark"] == "alpha") & (last["split"] == "validation") & (last["label"] == "climber")]
    row = rows[(rows["benchmark"] == "alpha") & (rows["label"] == "climber")].iloc[0]
    best = study.aligned[0].truth.best("validation")
    assert row["mean"] == pytest.approx((best - picked["regret"]).mean())
    assert row["best"] == pytest.approx((best - picked["regret"]).max())
    assert (picked["regret"] >= 0).all()
    assert (study.measure, study.holder, study.short) == ("hypervolume gap", "front", "gap")


def test_the_floor_is_the_test_image_of_the_validation_front(study):
    truth = study.aligned[0].truth
    image = points_of(ALL[on_front(points_of(ALL))], "test_accuracy")
    expected = hypervolume(points_of(ALL, "test_accuracy")) - hypervolume(image)
    assert truth.floor() == pytest.approx(expected, abs=1e-12)
    assert truth.floor() > 0
    assert truth.worst("test") == truth.best("test"), "the gap of an empty front"


def test_tests_and_scores_are_made_on_gaps(study):
    comparisons = pairwise(study)
    assert set(comparisons["split"]) == {"validation", "test"}
    table = scores(study, "validation")
    truth = study.aligned[0].truth
    singles = np.prod(1.1 - points_of(ALL), axis=1)
    assert truth.random("validation") == pytest.approx((truth.best("validation") - singles).mean())
    assert table["iqm"].between(0, 1).all()


def test_constraints_cut_the_true_front_and_the_normalisation_stays():
    results = make_front_results([ALPHA], replicates=2, evaluations=10)
    bound = Constraint("size", "<=", 6.0)
    runs = []
    for run in results.runs:
        g = bound.violation(ALPHA.mean(run.trace.archs, "size"))[:, None]
        runs.append(replace(run, trace=replace(run.trace, constraints=g)))
    results = replace(results, spec=replace(results.spec, constraints=(bound,)), runs=tuple(runs))
    study = prepare(results, opener(ALPHA))
    kept = ALL[ALPHA.values("size") <= 6]
    assert study.aligned[0].truth.best("validation") == pytest.approx(hypervolume(points_of(kept)))
    for group in study.aligned[0].steps.values():
        for steps in group:
            assert (ALPHA.mean(steps.archs, "size") <= 6).all()
    assert study.references["alpha"].expected("validation", np.array([1.0, 10.0, 200.0]))[2] < 0.1


def test_a_logarithmic_objective_is_normalised_by_its_logarithm():
    with pytest.raises(ResultError, match=r"'alpha' cannot judge fronts: .* minimised and positive"):
        study_of(log=("size",))  # there is an architecture of size 0
    with pytest.raises(HarnessError, match=r"unknown objective in `report\.log` 'sizes'"):
        make_front_results([ALPHA], log=("sizes",))


def test_random_search_is_exact_without_noise_and_simulated_with_it(study):
    law = study.references["alpha"]
    assert law.noisy
    assert not law.is_exact("validation")
    budgets = np.array([1.0, 5.0, 20.0])
    assert (np.diff(law.expected("validation", budgets)) < 0).all()
    assert law.expected("validation", budgets[:1])[0] == pytest.approx(
        study.aligned[0].truth.random("validation"), abs=4 * law.standard_error("validation", 1, "mean")
    )
    assert law.whole("validation", "mean") > 0
    results = make_front_results([ALPHA], replicates=2, evaluations=10)
    quiet = replace(results, spec=replace(results.spec, budget=replace(results.spec.budget, table_seed="mean")))
    exact = prepare(quiet, opener(ALPHA)).references["alpha"]
    assert exact.is_exact("validation")
    assert not exact.is_exact("test")
    assert exact.whole("validation", "mean") == 0
    expected, simulated = exact.expected("validation", budgets), exact._gaps("validation", budgets.astype(int))
    assert np.abs(expected - simulated.mean(axis=0)).max() < 4 * (simulated.std(axis=0) / np.sqrt(300)).max()
    assert exact.centre("validation", budgets, "mean").tolist() == expected.tolist()


def test_random_search_that_is_simulated_is_drawn_with_the_centre_of_the_lines(study):
    lines = curves.exhibit(study, "validation", "evaluations").frame
    drawn = lines[(lines["benchmark"] == "alpha") & (lines["series"] == SIMULATED)]
    law = study.references["alpha"]
    gaps = law._gaps("validation", drawn["x"].to_numpy().astype(int))
    np.testing.assert_allclose(drawn["centre"], np.median(gaps, axis=0))
    assert not np.allclose(drawn["centre"], gaps.mean(axis=0))
    assert EXPECTED not in set(lines["series"])
    words = expectation_sentence(study, "validation")
    assert words.startswith(" Dotted: the median of 300 simulated random searches on the table (its standard error")
    (reference,) = (text for text in methods(study) if text.startswith("Reference"))
    assert "the median of 300 simulated runs of random search" in reference
    assert "needs no runs" not in reference
    assert 0 < law.standard_error("validation", 9, "median") < np.median(law._gaps("validation", np.array([9])))


def test_measures_of_the_true_front_itself(study):
    measured = front_measures(study)
    assert set(measured["split"]) == {"validation", "test"}
    assert set(measured[measured["benchmark"] == "cora"]["split"]) == {"validation"}
    assert measured["share"].between(0, 1).all()
    assert (measured[["igd_plus", "epsilon", "r2"]] >= 0).all(axis=None)
    truth, steps = study.aligned[0].truth, study.aligned[0].steps["climber"][0]
    true = ALL[truth.front["validation"]]
    told = np.stack([100 - ALPHA.mean(true, "valid_accuracy"), ALPHA.mean(true, "size")], axis=1)
    trace = replace(
        steps.run.trace.take(np.zeros(len(true), dtype=int)), archs=true, objectives=told,
    )  # fmt: skip
    results = study.results
    perfect = tuple(replace(run, trace=trace, stopped="exhausted") for run in results.runs if run.benchmark == "alpha")
    alone = replace(results, runs=perfect, benchmarks={"alpha": results.benchmarks["alpha"]},
                    spec=replace(results.spec, benchmarks=("alpha",)))  # fmt: skip
    best = front_measures(prepare(alone, opener(ALPHA)))
    best = best[best["split"] == "validation"]
    assert (best["share"] == 1).all()
    assert (best[["igd_plus", "epsilon"]].abs() < 1e-12).all(axis=None)


def test_planes_show_errors_over_sizes_and_surfaces_lie_behind_the_true_front(study):
    (plane,) = planes(study.aligned[0], "test")
    assert [objective.name for objective in plane.objectives] == ["size", "test_accuracy"]
    assert len(plane.image)
    assert set(plane.surfaces) == {"random_search", "climber"}
    for surfaces in plane.surfaces.values():
        assert list(surfaces) == [25.0, 50.0, 75.0]
        for corners in surfaces.values():
            behind = np.all(plane.true[None] <= corners[:, None] + 1e-12, axis=2)
            assert behind.any(axis=1).all()
    assert not planes(study.aligned[1], "test")


def test_of_three_objectives_the_two_costs_have_a_plane_of_members():
    objectives = ["valid_accuracy", "params_m", "latency_seconds"]
    results = nh.run(["random_search", "nsga2"], "nb201-cifar10", objectives=objectives, replicates=3, evaluations=30)
    study = prepare(results)
    (item,) = study.aligned
    *_, costs = planes(item, "validation")
    assert [objective.name for objective in costs.objectives] == ["params_m", "latency_seconds"]
    assert (len(costs.surfaces), set(costs.members)) == (0, {"random_search", "nsga2"})
    for label, group in item.steps.items():
        gaps = [steps.regrets["validation"][-1] for steps in group]
        steps = group[int(np.argsort(gaps)[1])]
        params = item.truth.oracle.mean(steps.run.trace.archs[steps.held], "params_m")
        np.testing.assert_allclose(np.sort(costs.members[label][:, 0]), np.sort(params))
    assert len(costs.true) > len(planes(item, "validation")[0].true), "the front of all three"
    shown = fronts.exhibits(study, "validation")
    assert [exhibit.name for exhibit in shown] == [
        "front-validation-params_m", "front-validation-latency_seconds", "front-validation-params_m-latency_seconds",
    ]  # fmt: skip
    assert "members of the front of the run with the median hypervolume gap" in shown[-1].meta["caption"]
    assert len(draw(shown[-1]).axes) == 1
    accuracy = shown[1].meta["windows"]["nb201-cifar10"][1]
    assert min(accuracy) > 60, "the network that learns nothing is on the front, and far away"


def test_nothing_grey_is_drawn_before_the_true_front(study):
    (exhibit,) = fronts.exhibits(study, "validation")
    axes = draw(exhibit).axes[exhibit.panels.index("alpha")]
    (cells,) = (item for item in axes.collections if item.get_clip_path() is not None)
    path, to_data = cells.get_clip_path().get_fully_transformed_path(), axes.transData.inverted()
    outline = to_data.transform(path.vertices)
    true = exhibit.frame[(exhibit.frame["benchmark"] == "alpha") & (exhibit.frame["series"] == TRUE)]
    (left, right), (low, high) = [sorted(ends) for ends in exhibit.meta["windows"]["alpha"]]
    assert (outline.min(axis=0) >= np.array([left, low]) - 1e-9).all()
    assert (outline.max(axis=0) <= np.array([right, high]) + 1e-9).all()
    for x, y in true[["x", "y"]].to_numpy():
        if left < x < right and low < y < high:
            assert path.contains_point(axes.transData.transform((x + 1e-6, y - 1e-6)))
            assert not path.contains_point(axes.transData.transform((x - 1e-6, y + 1e-6)))


def test_permuted_test_values_move_nothing_but_what_is_looked_up(study):
    other = FakeOracle("alpha")
    other._values["test_accuracy"] = other._values["test_accuracy"][::-1].copy()
    again = prepare(make_front_results([other, CORA], replicates=6, evaluations=20), opener(other, CORA))
    for label, group in study.aligned[0].steps.items():
        for steps, twin in zip(group, again.aligned[0].steps[label], strict=True):
            assert steps.rows.tolist() == twin.rows.tolist()
            assert steps.regrets["validation"].tolist() == twin.regrets["validation"].tolist()
            assert steps.regrets["test"].tolist() != twin.regrets["test"].tolist()


def test_the_frame_marks_rows_that_enter_a_front_and_has_all_objectives(study):
    table = frame(study.results, open_oracle=opener(ALPHA, CORA))
    for steps in study.aligned[0].steps["climber"]:
        part = table[(table["benchmark"] == "alpha") & (table["label"] == "climber")]
        part = part[part["replicate"] == steps.run.replicate]
        assert np.flatnonzero(part["incumbent"]).tolist() == steps.rows.tolist()
        assert part["size"].tolist() == ALPHA.mean(steps.run.trace.archs, "size").tolist()


def test_duplicates_and_budgets_in_seconds_have_fronts_too():
    results = make_front_results([ALPHA], replicates=3, evaluations=15)
    limit = min(run.trace.finished_seconds[-1] for run in results.runs)
    spec = replace(results.spec, budget=replace(results.spec.budget, evaluations=None, seconds=float(limit)))
    runs = tuple(
        replace(run, trace=run.trace.take(run.trace.finished_seconds <= limit)) for run in results.runs
    )  # fmt: skip
    study = prepare(replace(results, spec=spec, runs=runs), opener(ALPHA))
    exhibit = curves.exhibit(study, "validation", "seconds")
    assert set(exhibit.frame["series"]) >= {"random_search", "climber"}
    assert "standard error at the end" in curves.exhibit(study, "validation", "evaluations").meta["caption"]
