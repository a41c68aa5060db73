"""The table of lineages: where cells changed, and from which they had their weights."""

from __future__ import annotations

import numpy as np

from reports.supernets.lineage import ancestors, changes
from reports.supernets.results import Supernet

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
