"""Published facts about search on the real tables; see also the known answers of the tables themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import wilcoxon

import harness as nh
from benchmarks_data import files
from benchmarks_data.file import layout
from benchmarks_data.joins.join import table_of
from harness import registry
from harness.experiments.spec import StrategySpec

BENCHMARK = "nb201-cifar10"


def expected_best(values, n, *, distinct):
    """Return the exact expectation of the best (largest) of n uniform draws from a table."""
    ordered = np.sort(values)
    total = len(ordered)
    k = np.arange(1, total + 1)
    if distinct:
        with np.errstate(invalid="ignore"):
            log = gammaln(k) - gammaln(n) - gammaln(k - n + 1)
            log -= gammaln(total + 1) - gammaln(n + 1) - gammaln(total - n + 1)
        weights = np.where(k >= n, np.exp(log), 0.0)
    else:
        weights = (k / total) ** n - ((k - 1) / total) ** n
    return float(weights @ ordered)


def final_means(results, label):
    """Return the table's mean validation accuracy of each run's incumbent."""
    oracle = registry.oracle(BENCHMARK)
    archs = np.array([run.trace.archs[np.argmin(run.trace.objectives[:, 0])] for run in results.of(BENCHMARK, label)])
    return oracle.mean(archs, oracle.validation)


@pytest.mark.parametrize("distinct", [True, False])
def test_random_search_finds_the_exact_expectation(distinct):
    values = registry.oracle(BENCHMARK).values("valid_accuracy")
    exact = expected_best(values, 50, distinct=distinct)
    if distinct:
        assert exact == pytest.approx(90.7987, abs=5e-5)
    search = StrategySpec("random_search", "RS", {"distinct": distinct})
    results = nh.run(search, BENCHMARK, evaluations=50, replicates=1000, budget={"table_seed": "mean"})
    found = final_means(results, "RS")
    half_width = 1.96 * found.std(ddof=1) / np.sqrt(len(found))
    assert abs(found.mean() - exact) < 1.5 * half_width
    assert half_width < 0.05


def test_ordering_of_model_free_strategies_at_150_evaluations():
    names = ["random_search", "regularized_evolution", "local_search"]
    results = nh.run(names, BENCHMARK, evaluations=150, replicates=200)
    optimum = registry.oracle(BENCHMARK).optimum("valid_accuracy").value
    regret = {name: optimum - final_means(results, name) for name in names}
    for worse, better in (names[:2], names[1:]):
        assert regret[worse].mean() > regret[better].mean()
        assert wilcoxon(regret[worse], regret[better], zero_method="pratt", alternative="greater").pvalue < 0.01


@pytest.mark.slow
def test_bananas_beats_evolution_at_150_evaluations():
    names = ["regularized_evolution", "bananas"]
    results = nh.run(names, BENCHMARK, evaluations=150, replicates=200)
    optimum = registry.oracle(BENCHMARK).optimum("valid_accuracy").value
    evolution, bananas = (optimum - final_means(results, name) for name in names)
    assert bananas.mean() < evolution.mean()
    assert wilcoxon(evolution, bananas, zero_method="pratt", alternative="greater").pvalue < 0.01


def test_held_out_values_move_no_trace(tmp_path, monkeypatch):
    """Fill the held-out columns with NaN, then permute them: every trace stays bit-identical."""

    def run():
        names = ["regularized_evolution", StrategySpec("bananas", "B", {}, {"name": "ridge", "encoding": "one_hot"})]
        return nh.run(names, "graph-cora", evaluations=40, replicates=3).runs

    before = run()
    table = table_of(layout.read_header(files.table_path("graph-cora"), held_out=True))
    monkeypatch.setenv(files.HOME_VARIABLE, str(tmp_path))
    copy = files.table_path("graph-cora")
    copy.parent.mkdir(parents=True)
    for change in (lambda values: np.full_like(values, np.nan), lambda values: values[::-1]):
        columns = {
            name: (column, change(values) if column.held_out else values)
            for name, (column, values) in table.columns.items()
        }
        layout.write(copy, replace(table, columns=columns))
        digest = layout.read_header(copy).digest
        for a, b in zip(before, run(), strict=True):
            np.testing.assert_array_equal(a.trace.archs, b.trace.archs)
            np.testing.assert_array_equal(a.trace.objectives, b.trace.objectives)
        assert layout.read_header(copy).digest == digest, "it was not found damaged and made again"
