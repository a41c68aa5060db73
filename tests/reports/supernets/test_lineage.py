"""Lineages: where cells changed, from which they had their weights, and accuracies with these and from scratch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from harness.spaces.named import space
from reports.supernets import exhibit, lineage
from reports.supernets.lineage import INHERITED, SCRATCH, ancestors, changes
from reports.supernets.results import Panel, Supernet, SupernetResults

A, B, C = (0, 0, 0, 1, 0, 0), (3, 0, 0, 1, 0, 0), (3, 3, 0, 1, 0, 0)


def supernet(lineage, handed):
    epochs = np.arange(1, len(handed) + 1)
    logs = {"lineage": np.array(lineage, dtype=float), "inherited": np.full(len(handed), 50.0)}
    spent = epochs.astype(float)
    return Supernet(0, ("chosen",), epochs, {"chosen": np.array(handed)}, {}, spent, spent, logs, np.array([A]),
                    np.array([np.nan]), False, np.array([A])[:0], np.empty(0))  # fmt: skip


def test_each_change_has_the_cell_it_grew_from():
    one = supernet([(A, A), (A, B), (A, A), (B, C), (B, B), (C, B)], [A, A, B, B, C, B])
    assert ancestors(one) == {B: A, C: B}
    assert list(changes(one)) == [(1, A, None), (3, B, A), (5, C, B), (6, B, A)]


def test_methods_without_a_lineage_have_none():
    one = supernet(np.empty((0, 2, 6)), [A, B])
    assert ancestors(one) == {}
    assert [parent for _, _, parent in changes(one)] == [None, None]


def test_a_figure_sets_inherited_weights_beside_trainings_from_scratch(monkeypatch):
    worth = {A: 20.0, B: 60.0, C: 90.0}
    truth = SimpleNamespace(
        name="table", splits=("validation",), unit=lambda split: "", oracle=SimpleNamespace(space=space("nb201")),
        mean_where_known=lambda archs, split: np.array([worth[tuple(arch)] for arch in archs.tolist()]),
    )  # fmt: skip
    spec = SimpleNamespace(strategies=[SimpleNamespace(label="grower"), SimpleNamespace(label="darts")], replicates=2)
    runs = [supernet([(A, A), (A, B), (B, C)], [A, B, last]) for last in (B, C)]
    other = supernet([(A, A)], [A])
    del other.logs["lineage"]
    results = SupernetResults(spec, (Panel(truth, {"grower": runs, "darts": [other]}, {}),))
    assert results.growing == ("grower",)
    monkeypatch.setattr(exhibit, "provenance", lambda results: {})
    shown, told = lineage.figure(results), lineage.table(results)
    assert shown.name != told.name, "they are files beside a page"
    assert told.frame["validation"].tolist() == [20, 60, 20, 60, 90]
    rows = shown.frame.set_index(["benchmark", "series", "x"])
    assert [rows.loc[("grower", INHERITED, epoch), "centre"] for epoch in (1, 2, 3)] == [50, 50, 50]
    assert rows.loc[("grower", SCRATCH, 3)].tolist() == [75, 60, 90]
    assert len(rows) == 6, "the other method grows nothing"
    assert lineage.figure(SupernetResults(spec, (Panel(truth, {"darts": [other]}, {}),))) is None
