"""Experiments of one protocol, joined: what is the same is one, what differs is told apart, what lacks is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import IncompleteError, ResultError
from harness.experiments.results import Results
from harness.experiments.spec import StrategySpec
from reports.page.build import build
from reports.study.comparisons import pairwise
from reports.study.joined import check_protocol, joined
from reports.study.provenance import provenance
from reports.study.study import prepare
from tests.reports.support import FakeOracle, make_results, opener

HILLS = FakeOracle("hills")
PLAIN = FakeOracle("plain")


def renamed(results: Results, name: str, **changes: object) -> Results:
    return replace(results, spec=replace(results.spec, name=name, **changes))


def test_parts_of_an_experiment_join_to_the_whole() -> None:
    """Strategies run apart are compared as if they had been run together."""
    whole = make_results([HILLS, PLAIN], ["random_search", "climber", "third"])

    def only(*labels: str) -> Results:
        strategies = tuple(item for item in whole.spec.strategies if item.label in labels)
        runs = tuple(run for run in whole.runs if run.label in labels)
        return replace(whole, spec=replace(whole.spec, strategies=strategies), runs=runs)

    made = joined([only("random_search", "climber"), only("third", "climber")])
    assert made.labels == whole.labels
    assert [(run.benchmark, run.label, run.replicate) for run in made.runs] == [
        (run.benchmark, run.label, run.replicate) for run in whole.runs
    ]
    assert made.missing == ()
    named = replace(made, spec=replace(made.spec, name=whole.spec.name))
    expected = pairwise(prepare(whole, opener(HILLS, PLAIN)))
    assert expected.equals(pairwise(prepare(named, opener(HILLS, PLAIN))))


def test_what_differs_under_one_label_is_followed_by_its_experiment() -> None:
    first, second = make_results([HILLS]), make_results([HILLS], seed=1)
    other = replace(second.spec.strategies[1], hyperparameters={"size": 3})
    second = renamed(second, "later", strategies=(second.spec.strategies[0], other))
    made = joined([first, second])
    assert made.labels == ("random_search", "climber (made-up)", "climber (later)")
    assert len(made.runs) == 3 * 12
    ours = [run.trace for run in made.of("hills", "random_search")]
    assert all(one is run.trace for one, run in zip(ours, first.of("hills", "random_search"), strict=True))
    same = joined([first, renamed(second, "made-up")])
    assert same.labels == ("random_search", "climber (made-up 1)", "climber (made-up 2)")


def test_what_a_strategy_was_not_run_on_is_missing() -> None:
    first, second = make_results([HILLS, PLAIN]), make_results([PLAIN], ["third"])
    made = joined([first, second])
    assert made.missing == (("hills", "third", 0, 12),)
    with pytest.raises(IncompleteError, match="hills / third / replicates 0-11"):
        prepare(made, opener(HILLS, PLAIN))
    part = make_results([HILLS], missing=[("hills", "climber", 2, 5)])
    assert joined([part, make_results([HILLS], ["third"])]).missing == (("hills", "climber", 2, 5),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 3}, r"`seed` of 'made-up' and 'other' must be the same .* got 0 and 3"),
        ({"replicates": 13}, "`replicates`"),
        ({"n_workers": 2}, "`n_workers`"),
        ({"budget": {"evaluations": 31}}, r"`budget` .* got evaluations = 30 and 31"),
    ],
)
def test_other_protocols_are_refused(change: dict[str, object], message: str) -> None:
    first = make_results([HILLS])
    given = {key: replace(first.spec.budget, **value) if key == "budget" else value for key, value in change.items()}
    with pytest.raises(ResultError, match=message):
        joined([first, renamed(first, "other", **given)])


def test_other_tables_of_one_name_are_refused() -> None:
    first = make_results([HILLS])
    facts = {"hills": replace(first.benchmarks["hills"], table_digest="another")}
    with pytest.raises(ResultError, match="the table 'hills' of 'made-up' is not that of 'made-up'"):
        check_protocol([first, replace(first, benchmarks=facts)])
    facts = {"hills": replace(first.benchmarks["hills"], validation_pass=True)}
    with pytest.raises(ResultError, match="what was searched on 'hills' must be the same"):
        check_protocol([first, replace(first, benchmarks=facts)])


def test_one_alone_is_itself_and_none_is_refused() -> None:
    first = make_results([HILLS])
    assert joined([first]) is first
    with pytest.raises(ResultError, match="name at least one experiment"):
        joined([])
    with pytest.raises(ResultError, match="give --out FOLDER"):
        build([Path("a"), Path("b")])


def test_labels_of_one_strategy_by_its_file_are_the_same() -> None:
    first, second = make_results([HILLS]), make_results([HILLS])
    at = [StrategySpec(f"/{place}/own.py:Mine", "climber") for place in "ab"]
    first, second = (
        renamed(results, "made-up", strategies=(results.spec.strategies[0], strategy))
        for results, strategy in zip((first, second), at, strict=True)
    )
    made = joined([first, second])
    assert made.labels == ("random_search", "climber")
    assert np.all([len(made.of("hills", label)) == 12 for label in made.labels])


def test_a_page_shows_the_command_that_makes_it() -> None:
    first, second = renamed(make_results([HILLS]), "a"), renamed(make_results([HILLS]), "b")
    commands = {
        "nas-harness report results/a": first,
        "nas-harness report results/a results/b --out results/a-and-b": joined([first, second]),
        "nas-harness report results/a --against=zoo": replace(first, reported=("results/a", "--against=zoo")),
        "nas-harness report --against=zoo --out results/a": replace(first, reported=("--against=zoo",)),
    }
    for command, results in commands.items():
        assert provenance(prepare(results, opener(HILLS)))["command"] == command
