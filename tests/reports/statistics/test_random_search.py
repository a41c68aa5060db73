"""The exact law of random search, against enumeration, simulation and published numbers."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from harness.errors import HarnessError
from reports.statistics.random_search import Atoms, exact_centre, incumbent_law
from tests.paths import SHARED_DATA
from tests.reports.support import FakeOracle, make_results, opener

SHOWN = np.array([3.0, 1.0, 2.0, 1.0, 5.0])  # to be minimised, with a tie
OUTCOME = np.array([30.0, 11.0, 20.0, 13.0, 50.0])


def atoms_of(shown):
    return Atoms.of_runs(np.asarray(shown, dtype=float)[:, None])[0]


def outcome_of(draws):
    best = SHOWN[list(draws)].min()
    return OUTCOME[next(i for i in draws if SHOWN[i] == best)]  # the earliest of a tie


@pytest.mark.parametrize("n", [1, 2, 3])
def test_with_replacement_against_enumeration(n):
    every = [outcome_of(draws) for draws in product(range(5), repeat=n)]
    assert exact_centre(atoms_of(SHOWN), OUTCOME, np.array([n]), "mean", replacement=True)[0] == pytest.approx(
        np.mean(every)
    )


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_distinct_draws_against_enumeration(n):
    every = [np.mean([outcome_of(d), outcome_of(d[::-1])]) for d in combinations(range(5), n)]  # both orders of the tie
    assert exact_centre(atoms_of(SHOWN), OUTCOME, np.array([n]), "mean", replacement=False)[0] == pytest.approx(
        np.mean(every)
    )


def test_laws_add_up_to_one_and_all_distinct_draws_find_the_best():
    atoms = atoms_of(np.arange(40.0))
    for replacement in (True, False):
        _, law = incumbent_law(atoms, np.arange(1, 41), replacement=replacement)
        np.testing.assert_allclose(law.sum(axis=1), 1.0)
        assert law.min() >= 0
    assert law[-1, 0] == pytest.approx(1.0)


def test_more_distinct_draws_than_rows_are_refused():
    with pytest.raises(HarnessError, match=r"1\.\.5"):
        incumbent_law(atoms_of(SHOWN), np.array([6]), replacement=False)


def test_atoms_of_noisy_rows_weigh_equally_by_row():
    atoms, rows = Atoms.of_runs(np.array([[1.0, 2.0, np.nan], [3.0, np.nan, np.nan]]))
    np.testing.assert_array_equal(rows, [0, 0, 1])
    np.testing.assert_allclose(atoms.weight, [0.25, 0.25, 0.5])


@pytest.mark.parametrize("centre", ["median", "iqm", "mean"])
def test_noisy_law_against_simulation(centre):
    oracle = FakeOracle("alpha")
    atoms, rows = Atoms.of_runs(-oracle.runs)
    outcome = -oracle.values("valid_accuracy")[rows]
    rng = np.random.default_rng(0)
    draws = rng.choice(len(rows), p=atoms.weight, size=(20_000, 10))
    incumbents = draws[np.arange(20_000), atoms.shown[draws].argmin(axis=1)]
    from reports.statistics.centres import centre_of

    exact = exact_centre(atoms, outcome, np.array([10]), centre, replacement=True)[0]
    assert exact == pytest.approx(centre_of(outcome[incumbents], centre), abs=0.03)


def test_the_dotted_line_lies_in_the_band_of_simulated_random_search():
    from reports.study.curves import RANDOM, curves
    from reports.study.study import prepare

    oracle = FakeOracle("alpha")
    results = make_results([oracle], ("random_search",), replicates=300, evaluations=20)
    frame = curves(prepare(results, opener(oracle)), "validation", "evaluations")
    runs, exact = frame[frame["series"] == "random_search"], frame[frame["series"] == RANDOM]
    assert len(runs) == len(exact) == 20
    slack = 0.08  # the made-up runs draw among two of the three training runs only
    inside = (exact["centre"].to_numpy() >= runs["low"].to_numpy() - slack) & (
        exact["centre"].to_numpy() <= runs["high"].to_numpy() + slack
    )
    assert inside.mean() > 0.9


@pytest.mark.data
def test_published_expectation_on_nas_bench_201():
    folder = SHARED_DATA
    table = folder / "nb201_tss.npz"
    if not table.exists():
        pytest.skip(f"no real tables in {folder}")
    with np.load(table) as data:
        means = np.nanmean(data["cifar10__val_acc_200_seeds"].astype(np.float64), axis=1)
    expected = -exact_centre(atoms_of(-means), -means, np.array([50]), "mean", replacement=False)[0]
    assert expected == pytest.approx(90.7987, abs=1e-4)
