"""Additive look-up tables: exact where costs are sums, and judged by what they have not seen."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks_data.measured.lookup import fit, quality, split
from harness import registry
from harness.cli.__main__ import main
from harness.errors import HarnessError
from harness.spaces import named


@pytest.mark.parametrize("column", ["macs_m", "params_m"])
@pytest.mark.parametrize("cells", [50, 200])
def test_what_is_a_sum_over_genes_is_predicted_exactly(column, cells):
    oracle = registry.oracle("nb201-cifar10")
    values = oracle.values(column)
    fitted, judged = split(np.arange(len(values)), cells, 3)
    lookup = fit(oracle.space, oracle.archs[fitted], values[fitted])
    how = quality(lookup, oracle.archs[judged], values[judged])
    assert (how.n, how.r2) == (15_625 - cells, pytest.approx(1.0, abs=1e-12))
    assert how.tau == pytest.approx(1.0, abs=1e-12)


def test_latency_is_nearly_a_sum_and_more_cells_say_it_better():
    oracle = registry.oracle("nb201-cifar10")
    values = oracle.values("latency_seconds")
    found = []
    for cells in (100, 500):
        fitted, judged = split(np.arange(len(values)), cells, 0)
        found.append(
            quality(fit(oracle.space, oracle.archs[fitted], values[fitted]), oracle.archs[judged], values[judged])
        )
    assert 0.9 < found[0].r2 < found[1].r2 < 0.97
    assert 0.8 < found[0].tau < found[1].tau < 0.9


def test_parts_are_by_name_and_make_the_sum():
    space = named.space("nb201")
    archs = space.sample(400, np.random.default_rng(0))
    values = 3.0 + 2.0 * (archs == 3).sum(axis=1)
    lookup = fit(space, archs, values)
    parts = lookup.by_gene()
    assert len(parts) == 6
    for of_gene in parts.values():
        assert of_gene["nor_conv_3x3"] - of_gene["none"] == pytest.approx(2.0)
    assert np.allclose(
        lookup.predict(space.sample(50, np.random.default_rng(1))),
        3.0 + 2.0 * (space.sample(50, np.random.default_rng(1)) == 3).sum(axis=1),
    )


def test_what_was_not_measured_is_left_out():
    space = named.space("nb201")
    archs = space.sample(200, np.random.default_rng(0))
    values = (archs == 3).sum(axis=1).astype(float)
    holes = values.copy()
    holes[::2] = np.nan
    assert np.allclose(fit(space, archs, holes).predict(archs), values)
    assert quality(fit(space, archs, values), archs, holes).n == 100
    with pytest.raises(HarnessError, match="`values` must hold at least 2 that are known, got 0"):
        fit(space, archs, np.full(200, np.nan))
    with pytest.raises(HarnessError, match="`cells` must leave at least 10 of 10"):
        split(np.arange(10), 9, 0)


def test_of_two_judges_nothing_is_told():
    space = named.space("nb201")
    archs = space.sample(12, np.random.default_rng(0))
    values = archs.sum(axis=1).astype(float)
    how = quality(fit(space, archs[2:], values[2:]), archs[:2], values[:2])
    assert not how.is_told
    assert str(how) == "how well it predicts cannot be told, 2 others judge and it takes 10"
    assert quality(fit(space, archs[:2], values[:2]), archs[2:], values[2:]).is_told


def test_the_command_tells_r2_tau_and_parts(capsys):
    assert main(["table", "lookup", "nb201-cifar10", "macs_m", "--cells", "60", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["r2"], told["tau"], told["judged_by"]) == (pytest.approx(1), pytest.approx(1), 15_565)
    assert main(["table", "lookup", "graph-cora", "latency_seconds"]) == 0
    assert "of each gene:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nb201-cifar10", "latency"], "unknown column of nb201-cifar10 'latency'"),
        (["nb201-cifar10", "valid_accuracy"], "`column` must be one of costs"),
        (["nb201-cifar10", "macs_m", "--cells", "15624"], "`cells` must leave at least 10"),
    ],
)
def test_wrong_words_are_told(words, message, capsys):
    assert main(["table", "lookup", *words]) != 0
    assert message in " ".join(capsys.readouterr().err.split())
