"""The section of architectures and why they won: on real runs, and what it says where it cannot."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import harness as nh
from harness.errors import HarnessError
from harness.spaces import named
from reports.commands.why import why
from reports.figures.exhibit import Exhibit
from reports.figures.render import draw, rendered
from reports.sections.why import MOST_PANELS, hardest_edit, section
from reports.study.study import prepare
from reports.why.explained import explain
from reports.why.landscape import landscape
from tests.reports.support import FakeOracle, make_front_results, make_results, opener

LABELS = ["random_search", "local_search"]


@pytest.fixture(scope="module")
def study():
    return prepare(nh.run(LABELS, ["nb201-cifar10", "graph-cora"], evaluations=40, replicates=3))


@pytest.fixture(scope="module")
def part(study):
    return section(study)


def test_the_sentence_says_what_won_what_explains_it_and_what_an_edit_costs(study, part):
    first, second = part.sentences
    item = study.aligned[0]
    ends = {
        item.truth.oracle.space.format(steps.archs[-1:])[0]: steps.regrets["validation"][-1]
        for group in item.steps.values()
        for steps in group
    }
    winner = min(ends, key=lambda text: ends[text])
    assert f"The best that searches ended with is {winner} (" in first
    assert "0-3 alone explains 12 % of the variance, 0-1 with 0-3 10 % beyond both, all genes alone 29 %." in first
    assert re.search(r"of its 24 neighbours (is|are) better", first)
    found = explain(landscape(item.truth), item.truth.oracle.space.parse([winner])[0])
    hardest = hardest_edit(found)
    assert f"hardest to do without is {hardest.words.partition(':')[0]}: the best other choice costs" in first
    assert "link alone explains 14 % of the variance." in second
    assert " with " not in second.partition("explains")[2].partition(".")[0]  # pairs are not told of dependent genes


def test_the_hardest_gene_is_that_whose_best_other_value_costs_most(study):
    truth = study.aligned[0].truth
    found = explain(landscape(truth), truth.oracle.optimum("valid_accuracy").arch)
    losses = {}
    for gene in range(6):
        others = np.repeat(found.winner[None], 5, axis=0)
        others[:, gene] = range(5)
        losses[gene] = np.sort(truth.regrets_of("validation", truth.mean(others, "validation")))[1]
    hardest = max(losses, key=lambda gene: losses[gene])
    assert hardest_edit(found).words.partition(":")[0] == list(found.space.legend())[hardest]
    assert -hardest_edit(found).change == pytest.approx(losses[hardest])


def test_every_table_has_the_rows_of_its_csv_and_names_what_was_analysed(part):
    tables = {table.name: table for table in part.tables}
    assert list(tables) == ["endings", "genes", "ablation", "neighbours", "visited"]
    assert all(len(row) == len(table.headers) for table in part.tables for row in table.cells)
    genes = tables["genes"].frame
    assert (genes["benchmark"] == "nb201-cifar10").sum() == 6 + 15
    assert (genes["benchmark"] == "graph-cora").sum() == 5
    assert "all 15,625 codings of the space" in tables["genes"].caption
    assert "the 26,206 rows of the table, whose genes are not independent" in tables["genes"].caption
    assert len(tables["neighbours"].frame) == 24 + (tables["neighbours"].frame["benchmark"] == "graph-cora").sum()
    path = tables["ablation"].frame
    for _, steps in path.groupby("benchmark"):
        assert steps["regret"].iloc[0] - steps["gain"].sum() == pytest.approx(steps["regret"].iloc[-1])
    ends = tables["endings"].frame
    of_table = ends[ends["label"].str.contains("of the table")]
    assert of_table["benchmark"].tolist() == ["nb201-cifar10", "graph-cora"]
    assert of_table["regret"].tolist() == [0.0, 0.0]


def test_figures_are_drawn_again_from_their_files(part, tmp_path):
    assert [exhibit.name for exhibit in part.figures] == ["architectures", "importance", "operations", "footprint"]
    for exhibit in part.figures:
        exhibit.write(tmp_path)
        again = Exhibit.read(tmp_path, exhibit.name)
        assert again.frame.equals(exhibit.frame) or exhibit.name == "architectures"  # which has true and false
        if exhibit.name in ("architectures", "footprint"):
            assert rendered(draw(again), "svg") == rendered(draw(exhibit), "svg")
        else:
            assert draw(again).axes
        assert json.loads((tmp_path / f"{exhibit.name}.json").read_text())["caption"] == exhibit.meta["caption"]


def test_what_is_drawn_is_named_once_and_bounded(study, part):
    drawn = part.figures[0].panels
    assert len(drawn) == len(set(drawn)) <= MOST_PANELS
    assert "nb201-cifar10: best of all" in drawn or "nb201-cifar10: best, found" in drawn
    assert part.figures[1].panels == ["nb201-cifar10", "nb201-cifar10, best 10 %"]  # genes of the other depend
    assert set(part.figures[3].panels) == set(LABELS)


def test_the_section_is_the_same_when_made_again(study, part):
    again = section(study)
    assert again.sentences == part.sentences
    assert [table.cells for table in again.tables] == [table.cells for table in part.tables]
    for one, other in zip(again.figures, part.figures, strict=True):
        assert one.frame.equals(other.frame)


def test_held_out_values_change_nothing():
    oracle = FakeOracle("alpha")
    results = make_results([oracle], replicates=3, evaluations=20)
    before = section(prepare(results, opener(oracle)))
    oracle._values["test_accuracy"] = np.random.default_rng(0).permutation(oracle._values["test_accuracy"])
    after = section(prepare(results, opener(oracle)))
    assert before.sentences == after.sentences
    assert [table.cells for table in before.tables] == [table.cells for table in after.tables]


def test_where_nothing_can_be_explained_the_methods_say_why(monkeypatch):
    oracle = FakeOracle("alpha")
    fronts = section(prepare(make_front_results([oracle], replicates=3, evaluations=12), opener(oracle)))
    assert fronts.methods == ("Winners. Several objectives have a front and no one winner to be explained.",)
    study = prepare(make_results([oracle], replicates=3, evaluations=12), opener(oracle))
    monkeypatch.setattr("reports.why.landscape.all_codings", lambda space: None)
    hidden = section(study)
    assert hidden.methods == ("Winners. Not explained. alpha: its architectures cannot be listed.",)
    assert not hidden.tables


def test_the_command_says_the_same_of_any_architecture(capsys):
    why("graph-cora", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["architecture"], told["regret"], told["covers"]) == ("[0,1,2,3] cheb gcn gat gin", 0.0, "part")
    assert told["importance"][0]["genes"] == "link"
    assert told["importance"][0]["percent"] == pytest.approx(13.9, abs=0.1)
    assert told["path"][0]["margin"] is None
    why("graph-cora", "[0,0,1,3] gat gcn gin skip")
    out = capsys.readouterr().out
    assert out.startswith("graph-cora: [0,0,1,3] gat gcn gin skip\nRegret ")
    assert "median architecture" in out
    other = named.space("darts").sample(1, np.random.default_rng(0))
    with pytest.raises(
        HarnessError, match="`--arch` must be an architecture that 'micro-darts-sample' has a value for"
    ):
        why("micro-darts-sample", named.space("darts").format(other)[0])
