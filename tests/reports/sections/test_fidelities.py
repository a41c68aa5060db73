"""The section of runs at several fidelities, on real runs: counts and shares by hand."""

from __future__ import annotations

import numpy as np
import pytest

import harness as nh
from reports.sections.fidelities import MOST_SHOWN, section
from reports.study.provenance import budget_sentence, budget_words
from reports.study.study import prepare
from reports.tables.ledger import ledger_table

BUDGET = {"multi_fidelity": "resumable"}


@pytest.fixture(scope="module")
def study():
    return prepare(
        nh.run(["random_search", "asha", "median_stopping"], "micro-mnist1d", seconds=0.6, replicates=3, budget=BUDGET)
    )


def test_rows_and_shares_are_those_of_the_traces(study):
    (table,) = section(study).tables
    runs = [run.trace for run in study.results.runs if run.label == "asha"]
    frame = table.frame[table.frame["label"] == "asha"].set_index("fidelity")
    for epoch in (1, 3, 10):
        rows = [trace.fidelity == epoch - 1 for trace in runs]
        assert frame["rows"][f"epoch {epoch} of 10"] == pytest.approx(np.mean([row.sum() for row in rows]))
        spent = [trace.seconds[row].sum() / trace.seconds.sum() for trace, row in zip(runs, rows, strict=True)]
        assert frame["share_of_seconds"][f"epoch {epoch} of 10"] == pytest.approx(np.mean(spent))
    assert frame["share_of_seconds"].sum() == pytest.approx(1.0)
    assert frame["rows"].sum() == pytest.approx(frame["all_rows"].iloc[0])


def test_what_was_trained_fully_counts_with_all_that_it_took(study):
    frame = section(study).tables[0].frame.drop_duplicates("label").set_index("label")
    assert frame["share_trained_fully"]["random_search"] == pytest.approx(1.0)
    assert frame["trained_fully"]["random_search"] == frame["architectures"]["random_search"]
    shares = []
    for trace in (run.trace for run in study.results.runs if run.label == "median_stopping"):
        full = {arch.tobytes() for arch in trace.archs[trace.fidelity == 9]}
        rows = np.array([arch.tobytes() in full for arch in trace.archs])
        shares.append(trace.seconds[rows].sum() / trace.seconds.sum())
    assert frame["share_trained_fully"]["median_stopping"] == pytest.approx(np.mean(shares))
    assert 0.2 < frame["share_trained_fully"]["median_stopping"] < 0.95


def test_the_words_name_the_rule_of_the_incumbent_and_the_charge(study):
    part = section(study)
    assert "best value told so far at the full fidelity." in part.methods[0]
    assert "Trainings are resumable" in part.methods[0]
    assert "charged by its increment" in part.tables[0].caption
    assert part.sentences[0].startswith("micro-mnist1d, fidelities: ")
    assert "random_search" not in part.sentences[0]


def test_numbers_of_training_seeds_are_called_so():
    seeds = prepare(nh.run(["asha"], "micro-mnist1d@seeds", seconds=2.0, replicates=2, budget=BUDGET))
    part, words = section(seeds), budget_sentence(seeds)
    assert part.tables[0].headers[-2:] == ("1 seed", "3 seeds")
    assert "(2 seeds: the mean over two training runs)" in part.tables[0].caption
    assert "@3" not in part.tables[0].caption
    assert "Fidelities of micro-mnist1d@seeds are numbers of training seeds" in part.methods[0]
    assert "the mean over as many training runs, of different seeds, as the fidelity says" in words
    assert "one training run drawn" not in words
    assert "is all its 3 training runs" in ledger_table(seeds).caption


def test_few_seconds_are_not_rounded(study):
    assert budget_words(study.spec) == "0.6 simulated seconds"


def test_full_trainings_alone_have_no_section():
    assert section(prepare(nh.run("random_search", "micro-mnist1d", seconds=0.3, replicates=2))) is None
    assert section(prepare(nh.run("random_search", "nb201-cifar10", replicates=2, evaluations=5))) is None


def test_many_fidelities_share_columns(study, monkeypatch):
    monkeypatch.setattr("reports.sections.fidelities.MOST_SHOWN", 4)
    (table,) = section(study).tables
    assert table.headers[-4:] == ("@1\u20133", "@4\u20136", "@7\u20138", "@9\u201310")
    assert MOST_SHOWN == 12
