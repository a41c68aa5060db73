"""What strategies proposed and ended with: counts by hand, on runs made up."""

from __future__ import annotations

import numpy as np
import pytest

from reports.study.study import prepare
from reports.why.searched import WINDOWS, endings, operation_genes, proposed
from tests.reports.support import FakeOracle, make_results, opener


@pytest.fixture(scope="module")
def item():
    oracle = FakeOracle("alpha")
    return prepare(make_results([oracle], replicates=5, evaluations=30), opener(oracle)).aligned[0]


def test_the_most_frequent_ending_counts_runs_and_the_winner_is_the_best_of_all(item):
    found = endings(item)
    for ending in found.frequent:
        finals = [steps.archs[-1].tolist() for steps in item.steps[ending.label]]
        assert ending.runs == finals.count(ending.arch.tolist()) == max(map(finals.count, finals))
        assert ending.all_runs == 5
    finals = [(steps.regrets["validation"][-1], label) for label, group in item.steps.items() for steps in group]
    assert (found.winner.loss, found.winner.label) == min(finals)


def test_a_ceiling_wins_nothing(item):
    label = endings(item).winner.label
    assert endings(item, (label,)).winner.label != label
    assert len(endings(item, (label,)).frequent) == 2


def test_visits_are_counted_by_run(item):
    frame = proposed(item).visited(0.5).set_index("label")
    for label, group in item.steps.items():
        archs = [steps.run.trace.archs for steps in group]
        assert frame["architectures"][label] == np.mean([len(np.unique(part, axis=0)) for part in archs])
        assert frame["functions"][label] == frame["architectures"][label]  # every coding has a function of its own
        apart = [(part[:, None] != part[None]).sum(axis=2)[np.triu_indices(len(part), 1)].mean() for part in archs]
        assert frame["distance"][label] == pytest.approx(np.mean(apart))
        good = [np.mean(item.truth.regrets_of("validation", item.truth.mean(p, "validation")) <= 0.5) for p in archs]
        assert frame["in_best"][label] == pytest.approx(np.mean(good))
    assert frame["architectures"]["climber"] < frame["architectures"]["random_search"]
    assert frame["n"].tolist() == [5, 5]


def test_functions_are_fewer_than_architectures_where_several_compute_the_same(item, monkeypatch):
    monkeypatch.setattr(type(item.truth.oracle.space), "_key", lambda self, archs, identity: self.code(archs) // 6)
    frame = proposed(item).visited(0.5)
    assert (frame["functions"] < frame["architectures"]).all()


def test_operations_are_counted_in_parts_of_equal_length(item):
    frame = proposed(item).operations()
    values, genes = operation_genes(item.truth.oracle.space)
    assert (values, genes) == (tuple("012345"), [0, 1, 2])
    own = frame[frame["label"] == "climber"]
    last = np.concatenate([steps.run.trace.archs[-3:] for steps in item.steps["climber"]])
    for value in range(6):
        shares = own.loc[own["operation"] == str(value), ["x", "share"]].to_numpy()
        assert shares[-1].tolist() == [1.0, np.mean(last == value)]
        assert shares[-2].tolist() == [0.9, np.mean(last == value)]
    sums = frame.groupby(["label", "x"])["share"].sum()
    assert sums.to_numpy() == pytest.approx(np.ones(2 * (WINDOWS + 1)))
