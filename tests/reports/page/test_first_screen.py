"""The first screen: the matrix says what tables say, and the verdict no more than tests show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports.page.comparison import tables
from reports.page.first_screen import first_screen
from reports.page.verdict import Findings, verdict
from reports.study.comparisons import OPEN, PAIR_COLUMNS, pairwise, standings
from reports.study.finals import summary
from reports.study.study import Study, prepare
from tests.reports.support import FakeOracle, make_front_results, make_results, opener

ALPHA, BETA = FakeOracle("alpha", test=False), FakeOracle("beta")
LABELS = ("random_search", "climber", "third")


def studied(*oracles: FakeOracle, labels=LABELS, make=make_results, **options) -> tuple[Study, pd.DataFrame, dict]:
    study = prepare(make(oracles, labels, **{"replicates": 20, "evaluations": 12, **options}), opener(*oracles))
    compared = pairwise(study)
    return study, compared, {table.name: table.frame for table in tables(study, compared)}


@pytest.fixture(scope="module")
def known():
    return studied(ALPHA, BETA)


def test_the_matrix_has_the_numbers_and_the_standings_of_the_tables(known):
    study, compared, frames = known
    matrix = first_screen(study, compared, frames).matrix
    heads = [(column.group.split(",")[0], column.head) for column in matrix.columns]
    assert heads == [
        ("", "Mean rank"), ("validation regret", "alpha"), ("validation regret", "beta"),
        ("test regret of the same choice", "beta"), ("cost of a run", "overhead, s"),
    ]  # fmt: skip
    ranks = frames["ranks-validation"].set_index("label")["rank"]
    assert [row.label for row in matrix.rows] == list(ranks.sort_values().index)
    for place, (split, name) in enumerate([("validation", "alpha"), ("validation", "beta"), ("test", "beta")], start=1):
        data = frames[f"final-{split}"]
        data = data[data["benchmark"] == name].set_index("label")
        best = data.sort_values(["regret", "regret_mean"]).index[0]
        level = standings(compared, name, split, best, study.checkpoints[-1])
        for row in matrix.rows:
            cell = row.cells[place]
            assert cell.number == data.loc[row.label, "regret"]
            assert int(cell.place) == 1 + (data["regret"] < cell.number).sum()
            same = cell.number == data["regret"].min()
            assert cell.first == (same or level[row.label].state == OPEN)
    law = study.references["alpha"]
    exact = float(law.centre("validation", np.array([12.0]), "median")[0])
    assert float(matrix.references["random search, exact"][1]) == pytest.approx(exact, rel=0.01)


def test_many_columns_give_test_a_matrix_of_its_own_and_many_rows_are_folded():
    oracles = [FakeOracle(name) for name in ("alpha", "beta", "gamma", "delta", "epsilon")]
    labels = ("random_search", *(f"s{place}" for place in range(11)))
    study = prepare(make_results(oracles, labels, replicates=2, evaluations=4), opener(*oracles))
    frames = {f"final-{split}": summary(study, split) for split in study.splits}
    screen = first_screen(study, pd.DataFrame(columns=PAIR_COLUMNS), frames)
    assert {column.head for column in screen.further.columns} == {oracle.name for oracle in oracles}
    assert not any(column.group.startswith("test") for column in screen.matrix.columns)
    shown = [row.label for row in screen.matrix.rows if not row.folded]
    assert shown[:8] == [row.label for row in screen.matrix.rows][:8]
    assert "random_search" in shown
    assert len(shown) + screen.matrix.folded == 12


def compared_as(study: Study, better: dict[tuple[str, str, str], str]) -> pd.DataFrame:
    """Return comparisons of which the named pairs on the named benchmarks are won, and all others open."""
    rows = []
    for item in study.aligned:
        for a, b in (("random_search", "climber"), ("random_search", "third"), ("climber", "third")):
            winner = better.get((item.name, a, b), "")
            rows.append({
                "split": "validation", "missing": "left out", "budget": study.checkpoints[-1], "benchmark": item.name,
                "a": a, "b": b, "p": 0.5, "p_holm": 0.001 if winner else 0.5, "effect": 1.0 if winner == a else -1.0,
            })  # fmt: skip
    return pd.DataFrame(rows)


def said_of(known, compared: pd.DataFrame, overheads: dict[str, float]) -> str:
    study, _, frames = known
    ranks = pd.DataFrame({
        "label": ["third", "climber", "random_search"], "rank": [1.2, 1.9, 2.9], "rank_low": 1.1, "rank_high": 3.0,
        "benchmarks": 2,
    })  # fmt: skip
    costs = pd.DataFrame({"label": list(overheads), "overhead_seconds": list(overheads.values())})
    clause, sentences = verdict(Findings(study, compared, {**frames, "ranks-validation": ranks, "costs": costs}))
    return " ".join([clause, *sentences])


EVERYWHERE = {(name, "random_search", "third"): "third" for name in ("alpha", "beta")}
SAME = dict.fromkeys(LABELS, 0.1)


def test_the_verdict_names_a_rival_that_costs_far_less(known):
    study = known[0]
    said = said_of(known, compared_as(study, EVERYWHERE), {**SAME, "third": 2.0, "climber": 0.01})
    assert said.startswith("Use third, or climber at 1/200 of its overhead. Over 2 benchmarks third ranks first: mean")
    assert "it is better than random_search on both; no difference from climber is shown on any." in said
    assert "2.00 s of third's own computing (0.0100 s of climber's)" in said
    said = said_of(known, compared_as(study, EVERYWHERE), SAME)
    assert said.startswith("Use third; climber is not shown to differ.")


def test_the_verdict_says_where_another_is_better(known):
    study = known[0]
    better = EVERYWHERE | {("alpha", "climber", "third"): "climber"}
    said = said_of(known, compared_as(study, better), SAME)
    assert said.startswith("Use third, but climber where it is better.")
    assert "climber is better on alpha" in said
    assert "no difference" not in said


def test_the_verdict_claims_nothing_that_is_not_shown(known):
    study = known[0]
    said = said_of(known, compared_as(study, {}), SAME)
    assert said.startswith("third comes first, and is not shown to be better than any other.")
    assert "no difference from climber or random_search is shown on any" in said
    untested = compared_as(study, {}).assign(p=np.nan, p_holm=np.nan)
    said = said_of(known, untested, SAME)
    assert said.startswith("third comes first, and nothing is tested.")
    assert "too few replicates to test it" in said
    assert "better than" not in said


def test_a_ceiling_leads_no_verdict(known):
    study, compared, frames = known
    spec = study.spec
    best = Findings(study, compared, frames).leader
    perfect = tuple(
        replace(item, surrogate={"name": "perfect"}) if item.label == best else item for item in spec.strategies
    )
    told = replace(study, results=replace(study.results, spec=replace(spec, strategies=perfect)))
    found = Findings(told, compared, frames)
    assert found.leader != best
    assert best not in found.standings


def test_headroom_is_counted_from_the_noise_floor(known):
    study, _, frames = known
    floors = {item.name: study.references[item.name].whole("validation", "median") for item in study.aligned}
    said = said_of(known, compared_as(study, {}), SAME)
    data = frames["final-validation"]
    for name, floor in floors.items():
        least = data.loc[data["benchmark"] == name, "regret"].min()
        assert (f"on {name} the best is at the table's noise floor" in said) == (floor > 0 and least <= floor)


def test_fronts_have_a_first_screen_too():
    screen = first_screen(*studied(ALPHA, BETA, make=make_front_results, replicates=8, evaluations=8))
    groups = {column.group for column in screen.matrix.columns}
    assert {"validation hypervolume gap", "test hypervolume gap"} <= groups
