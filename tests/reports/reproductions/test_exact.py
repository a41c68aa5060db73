"""What a table says without a search, against what can be counted by hand on the table that ships."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from harness import registry
from harness.errors import HarnessError
from reports.reproductions import exact
from reports.reproductions.recipe import Correlation, LookUp, Optimum, Selection
from reports.reproductions.verdict import IMPOSSIBLE, POSSIBLE


@pytest.fixture(scope="module")
def oracles() -> exact.Oracles:
    return {"micro": registry.oracle("micro-mnist1d-zc")}


def test_look_ups_are_means_of_the_table(oracles: exact.Oracles) -> None:
    oracle = oracles["micro"]
    archs = oracle.space.decode(np.array([7, 4711, 9000], dtype=np.uint64))
    part = LookUp(
        "x",
        {"several": {"micro test": 0.0}, "one": {"micro test": 0.0, "micro params_m": 0.0}},
        archs={"several": oracle.space.format(archs), "one": oracle.space.format(archs[:1])},
        training={"one": 2},
    )
    several, one, params = [here for _, here in exact.look_up(part, oracles)]
    means = oracle.mean(archs, "test_accuracy")
    assert (several.value, several.sd, several.runs) == (pytest.approx(means.mean()), pytest.approx(means.std()), 3)
    assert one.value == oracle.trainings(archs[:1], "test_accuracy")[0, 2]
    assert one.sd is None
    assert params.value == oracle.mean(archs[:1], "params_m")[0]
    with pytest.raises(HarnessError, match="archs of 'one'` must be a list of architectures"):
        list(exact.look_up(LookUp("x", {"one": {"micro test": 0.0}}), oracles))
    with pytest.raises(HarnessError, match="unknown column of micro-mnist1d-zc 'tests'"):
        exact.column_of(oracle, "tests")


def test_the_optimum_is_the_best_by_validation_that_keeps_the_limit(oracles: exact.Oracles) -> None:
    oracle = oracles["micro"]
    limit = float(np.median(oracle.values("params_m")))
    kept = oracle.values("params_m") <= limit
    best = np.flatnonzero(kept)[np.argmax(oracle.values("valid_accuracy")[kept])]
    highest = float(oracle.values("test_accuracy")[kept].max())
    part = Optimum(
        "x",
        {"small": {"micro test": 0.0}, "all": {"micro validation": 0.0}},
        tolerance=0.01,
        table="micro",
        constraints={"small": f"params_m <= {limit!r}"},
        claims={"small": {"a": highest + 0.005, "b": highest + 0.02}},
    )
    small, whole = [here.value for _, here in exact.optimum(part, oracles)]
    assert small == oracle.values("test_accuracy")[best]
    assert whole == oracle.optimum("valid_accuracy").value
    assert [verdict.state for verdict in exact.claims(part, oracles)] == [POSSIBLE, IMPOSSIBLE]
    with pytest.raises(HarnessError, match="no row of micro-mnist1d-zc keeps params_m <= -1"):
        list(
            exact.optimum(
                Optimum("x", {"a": {"micro test": 0}}, table="micro", constraints={"a": "params_m <= -1"}), oracles
            )
        )


def test_a_selection_among_all_is_the_best_score(oracles: exact.Oracles) -> None:
    """Of all cells the best score is chosen always; of one, a random cell, whose mean is that of the table."""
    oracle = oracles["micro"]
    scores, values = oracle.values("zc_synflow"), oracle.values("valid_accuracy")
    count = int(np.isfinite(scores).sum())
    expected = {str(count): {"micro validation": 0.0}, "1": {"micro validation": 0.0}}
    part = Selection("x", expected, table="micro", signal="zc_synflow", repeats=300)
    best, one = [here for _, here in exact.selection(part, oracles)]
    assert best.value == pytest.approx(values[int(np.nanargmax(scores))])
    assert best.sd == pytest.approx(0.0, abs=1e-9)
    assert one.value == pytest.approx(values.mean(), abs=4 * values.std() / 300**0.5)
    again = [here for _, here in exact.selection(part, oracles)]
    assert again == [best, one]


def test_correlations_are_those_of_scipy_where_both_are_known(oracles: exact.Oracles) -> None:
    oracle = oracles["micro"]
    expected = {"zc_synflow": {"micro spearman": 0.0}, "params_m": {"micro kendall": 0.0}}
    synflow, params = [here.value for _, here in exact.correlation(Correlation("x", expected), oracles)]
    scores, values = oracle.values("zc_synflow"), oracle.values("valid_accuracy")
    known = np.isfinite(scores)
    assert synflow == pytest.approx(spearmanr(scores[known], values[known]).statistic)
    assert params > 0
    turned = Correlation("x", {"zc_plain": {"micro spearman": 0.0}})
    signed = next(exact.correlation(turned, oracles))[1].value
    sizes = next(exact.correlation(Correlation("x", turned.expected, absolute=True), oracles))[1].value
    assert sizes == abs(signed)
    with pytest.raises(HarnessError, match="unknown correlation 'pearson'"):
        list(exact.correlation(Correlation("x", {"params_m": {"micro pearson": 0.0}}), oracles))
