"""The exact law of random search, against enumeration, simulation and published numbers."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from reports.statistics.random_search import Atoms, exact_centre, incumbent_law, whole_table_centre, whole_table_law
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


def test_a_search_of_the_whole_table_against_enumeration():
    runs = np.array([[1.0, 4.0, np.nan], [2.0, 3.0, 5.0], [4.0, np.nan, np.nan], [6.0, 6.5, 7.0]])
    atoms, rows = Atoms.of_runs(runs)
    expected = np.zeros(len(rows))
    shows = [[place for place, row in enumerate(rows) if row == one] for one in range(4)]
    for shown in product(*shows):
        best = [place for place in shown if atoms.shown[place] == min(atoms.shown[[*shown]])]
        for place in best:  # a tie is shared by weight
            chance = np.prod([1 / len(shows[rows[one]]) for one in shown])
            expected[place] += chance * atoms.weight[place] / atoms.weight[best].sum()
    law = whole_table_law(atoms, rows)
    np.testing.assert_allclose(law, expected, atol=1e-12)
    outcome = np.array([10.0, 20.0, 5.0, 30.0])[rows]
    assert whole_table_centre(atoms, rows, outcome, "mean") == pytest.approx(expected @ outcome)
    assert whole_table_centre(atoms, rows, outcome, "median") == 10.0


def test_the_whole_of_a_table_without_noise_leaves_nothing():
    atoms, rows = Atoms.of_runs(SHOWN[:, None])
    law = whole_table_law(atoms, rows)
    np.testing.assert_allclose(law, [0.0, 0.5, 0.0, 0.5, 0.0])


@pytest.mark.parametrize(("name", "mean", "median"), [("cifar10", 0.034, 0.0), ("cifar100", 0.168, 0.187)])
def test_what_one_training_each_leaves_on_nas_bench_201(name, mean, median):
    oracle = registry.oracle(f"nb201-{name}")
    space = oracle.space
    archs = space.decode(np.arange(5**6, dtype=np.uint64))
    atoms, rows = Atoms.of_runs(-oracle.trainings(archs, "valid_accuracy"))
    values = oracle.mean(archs, "valid_accuracy")
    outcome = (np.nanmax(values) - values)[rows]
    assert whole_table_centre(atoms, rows, outcome, "mean") == pytest.approx(mean, abs=0.012)  # by 200 draws there
    drawn = np.random.default_rng(0).random((300, len(atoms.shown)))  # the largest of each row is drawn
    simulated = np.empty(300)
    for start in range(0, 300, 50):  # each row shows one of its atoms
        part = np.zeros((50, len(archs)))
        np.maximum.at(part, (slice(None), rows), drawn[start : start + 50])
        shown = np.where(drawn[start : start + 50] == part[:, rows], atoms.shown, np.inf)
        simulated[start : start + 50] = outcome[shown.argmin(axis=1)]
    error = simulated.std() / np.sqrt(300)
    assert abs(whole_table_centre(atoms, rows, outcome, "mean") - simulated.mean()) < 4 * error
    assert whole_table_centre(atoms, rows, outcome, "median") == pytest.approx(median, abs=0.0006)


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
