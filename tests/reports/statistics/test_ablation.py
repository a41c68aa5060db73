"""The ablation path on tables made by hand."""

from __future__ import annotations

import numpy as np

from reports.statistics.ablation import ablation_path

LOSSES = {(0, 0, 0): 9.0, (1, 0, 0): 8.0, (0, 1, 0): 3.0, (0, 0, 1): 5.0,
          (1, 1, 0): 4.0, (0, 1, 1): 3.5, (1, 0, 1): 1.0, (1, 1, 1): 0.0}  # fmt: skip
ASKED: list[int] = []


def losses_of(archs):
    ASKED.append(len(archs))
    return np.array([LOSSES[tuple(arch)] for arch in archs.tolist()])


def path(valid=lambda arch: True, target=(1, 1, 1)):
    steps = ablation_path(
        np.zeros(3, dtype=np.uint8), np.array(target, dtype=np.uint8), losses_of,
        lambda archs: np.array([valid(tuple(arch)) for arch in archs.tolist()]),
    )  # fmt: skip
    return [(step.genes, step.loss) for step in steps]


def test_each_step_takes_the_gene_that_gains_most_even_where_every_step_loses():
    ASKED.clear()
    assert path() == [((1,), 3.0), ((2,), 3.5), ((0,), 0.0)]  # greedy, though 9, 5, 1, 0 never gets worse
    assert ASKED == [3, 2, 1]


def test_only_genes_that_differ_are_changed_and_an_end_at_the_begin_has_no_steps():
    assert path(target=(1, 0, 1)) == [((2,), 5.0), ((0,), 1.0)]
    assert path(target=(0, 0, 0)) == []


def test_where_no_gene_can_be_changed_alone_two_are_and_else_all():
    assert path(lambda arch: sum(arch) != 1) == [((0, 2), 1.0), ((1,), 0.0)]
    assert path(lambda arch: arch == (1, 1, 1)) == [((0, 1, 2), 0.0)]


def test_of_equal_gains_the_first_gene_counts(monkeypatch):
    monkeypatch.setitem(LOSSES, (1, 0, 0), 3.0)
    assert path()[0] == ((0,), 3.0)
