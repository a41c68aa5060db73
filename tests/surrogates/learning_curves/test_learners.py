"""Learners of curves: what they owe as surrogates, and how well they predict a real table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from harness import registry
from harness.errors import HarnessError
from harness.records import Proposals
from harness.surrogate import Fit, Predict
from harness.testing.conformance import check_surrogate
from surrogates.learning_curves.extrapolation import extrapolated
from surrogates.learning_curves.forms import FORMS
from surrogates.learning_curves.untrained import CurveEnsemble, CurveValue
from tests.surrogates.support import SPACE

NAMES = ("curve_value", "curve_ensemble", "curve_ridge", "curve_svr", "curve_sotl", "freeze_thaw_gp")
TABLE = "micro-mnist1d"
EPOCHS = np.arange(1.0, 11.0)


def learner(name, space=SPACE, **hyperparameters):
    return registry.surrogate({"name": name, **hyperparameters}, space)


def toy(n=30, seed=0):
    rng = np.random.default_rng(seed)
    archs = SPACE.sample(n, rng)
    ends = 20.0 + 2.0 * archs.astype(float).sum(axis=1)
    return archs, ends[:, None] + 50.0 * (EPOCHS[::-1] - 1) / 9 * rng.uniform(0.8, 1.2, (n, 1))


@pytest.mark.parametrize("name", NAMES)
def test_the_public_conformance_check_passes(name):
    assert len(check_surrogate(learner(name), np.random.default_rng(0))) >= 7


@pytest.mark.parametrize("name", NAMES)
def test_ends_are_predicted_from_beginnings(name):
    archs, curves = toy(60)
    reader = learner(name).over(EPOCHS, (0.0, 100.0))
    assert reader.signature != learner(name).signature
    for k in (4, 7):
        model = reader.fit(archs[:40], curves[:40, -1], np.random.default_rng(0), curves[:40, :k])
        said = model.predict(archs[40:], curves[40:, :k])
        assert said.mean.shape == said.std.shape == (20,)
        assert (said.std >= 0).all()
        assert kendalltau(said.mean, curves[40:, -1])[0] > 0.4
    alone = model.predict(archs[41:42], curves[41:42, :7])
    np.testing.assert_allclose([alone.mean[0], alone.std[0]], [said.mean[1], said.std[1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "scores"),
    [
        ({}, [6.0, 4.5, 3.0, 9.0, 6.0]),
        ({"score": "sotl_e", "last": 2}, [3.0, 2.5, 1.0, 4.0, 3.5]),
        ({"score": "sotl_ema", "memory": 0.5}, [7.25, 5.125, 4.25, 11.5, 6.625]),
    ],
)
def test_sums_of_training_losses_are_turned_into_ends_by_a_line(given, scores):
    """Ends that are a line of the score are met nearly exactly; the features are the scores themselves."""
    losses = np.array([[3.0, 2, 1], [2, 1.5, 1], [2, 1, 0], [5, 3, 1], [2.5, 2, 1.5]])
    archs = SPACE.sample(5, np.random.default_rng(0))
    reader = learner("curve_sotl", **given).over(EPOCHS, of_targets=False)
    assert reader.features(archs, losses)[:, 0].tolist() == scores
    ends = 20.0 + 3.0 * np.array(scores)
    said = reader.fit(archs, ends, np.random.default_rng(0), losses).predict(archs[:2], losses[:2])
    np.testing.assert_allclose(said.mean, ends[:2], rtol=0.01)
    assert (said.std < 1.0).all()


@pytest.mark.parametrize("name", ["curve_sotl", "curve_ridge", "curve_svr"])
def test_without_finished_trainings_another_column_says_nothing_of_the_end(name):
    """Three ends of mean 40, and training errors far below: the mean is predicted, and not the last value."""
    archs, curves = SPACE.sample(3, np.random.default_rng(0)), np.array([[3.0, 2], [4, 3], [5, 4]])
    model = learner(name).over(EPOCHS, of_targets=False).fit(
        archs, np.array([30.0, 40, 50]), np.random.default_rng(0), curves
    )  # fmt: skip
    said = model.predict(archs, curves)
    assert said.mean.tolist() == [40.0] * 3
    np.testing.assert_allclose(said.std, np.sqrt(200 / 3))
    same = learner(name).over(EPOCHS).fit(archs, np.array([30.0, 40, 50]), np.random.default_rng(0), curves)
    assert same.predict(archs, curves).mean.tolist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize("name", ["curve_value", "curve_ensemble", "freeze_thaw_gp"])
def test_what_extrapolates_its_curve_reads_no_other_column(name):
    with pytest.raises(HarnessError, match=r"predicts the end of the curve that it reads.*'curve_sotl'"):
        learner(name).over(EPOCHS, of_targets=False)
    assert learner(name).over(EPOCHS, of_targets=True).signature == learner(name).over(EPOCHS).signature


def test_extrapolations_made_side_by_side_are_those_made_alone():
    """To the last bit, whatever the lengths beside: a replicate does not depend on those that run with it."""
    archs, curves = toy(12)
    reader = learner("curve_ensemble").over(EPOCHS, (0.0, 100.0))
    fits = [
        Fit(reader, archs[:n], curves[:n, -1], np.random.default_rng(0), curves[:n, :width])
        for n, width in ((3, 2), (6, 5), (4, 9))
    ]
    models = reader.fit_many(fits)
    asks = [Predict(model, archs[6:], curves[6:, :width]) for model, width in zip(models, (2, 5, 9), strict=True)]
    for fit, ask, said in zip(fits, asks, reader.predict_many(asks), strict=True):
        alone = reader.fit(fit.archs, fit.targets, fit.rng, fit.covariates)
        for row in range(6):
            one = alone.predict(ask.archs[row : row + 1], ask.covariates[row : row + 1])
            assert (one.mean[0], one.std[0]) == (said.mean[row], said.std[row])


@pytest.mark.parametrize("name", NAMES)
def test_fits_are_served_together_as_alone(name):
    archs, curves = toy(40)
    reader = learner(name).over(EPOCHS, (0.0, 100.0))
    tasks = [Fit(reader, archs[:n], curves[:n, -1], np.random.default_rng(n), curves[:n, :5]) for n in (10, 40, 25)]
    for task, model in zip(tasks, reader.fit_many(tasks), strict=True):
        again = reader.fit(task.archs, task.targets, np.random.default_rng(len(task.archs)), task.covariates)
        np.testing.assert_allclose(
            model.predict(archs, curves[:, :5]).mean, again.predict(archs, curves[:, :5]).mean, rtol=1e-6
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_refit_says_what_a_new_fit_says(name):
    archs, curves = toy(40)
    reader = learner(name).over(EPOCHS, (0.0, 100.0))
    rng = np.random.default_rng
    first = reader.fit(archs[:25], curves[:25, -1], rng(0), curves[:25, :5])
    again = first.fit(archs, curves[:, -1], rng(1), curves[:, :5]).predict(archs, curves[:, :5])
    fresh = reader.fit(archs, curves[:, -1], rng(1), curves[:, :5]).predict(archs, curves[:, :5])
    np.testing.assert_allclose(again.mean, fresh.mean, rtol=1e-6)
    np.testing.assert_allclose(again.std, fresh.std, rtol=1e-6)


def test_input_that_breaks_a_rule_is_refused():
    archs, curves = toy(8)
    rng = np.random.default_rng(0)
    reader = learner("curve_value").over(EPOCHS)
    with pytest.raises(HarnessError, match=r"`covariates` must be curves of shape \(8, T <= 10\)"):
        reader.fit(archs, curves[:, -1], rng, np.ones((8, 11)))
    with pytest.raises(HarnessError, match=r"`covariates` must be curves of shape \(8, T\)"):
        learner("curve_value").fit(archs, curves[:, -1], rng, np.ones((7, 3)))
    with pytest.raises(HarnessError, match="or NaN where there is no value"):
        reader.fit(archs, curves[:, -1], rng, np.full((8, 3), np.inf))
    with pytest.raises(HarnessError, match=r"curves end in one value"):
        reader.fit(archs, curves[:, -2:], rng, curves)
    with pytest.raises(HarnessError, match="must be fitted before it predicts"):
        reader.predict(archs, curves)
    with pytest.raises(HarnessError, match=r"form of a curve.*hill3"):
        CurveEnsemble(SPACE, forms=["hill"])
    with pytest.raises(HarnessError, match="`forms` must name at least one"):
        CurveEnsemble(SPACE, forms=[])
    with pytest.raises(HarnessError, match=r"`statistic` must be one of"):
        CurveValue(SPACE, statistic="median")
    model = learner("curve_ridge").over(EPOCHS).fit(archs, curves[:, -1], rng, curves[:, :4])
    with pytest.raises(HarnessError, match="curves of the 4 values that were learnt from"):
        model.predict(archs, curves[:, :3])


def test_the_ensemble_knows_no_bounds_and_does_without():
    archs, curves = toy(30)
    rng = np.random.default_rng(0)
    given, unknown = (learner("curve_ensemble").over(EPOCHS, bounds) for bounds in ((0.0, 100.0), None))
    said = [one.fit(archs, curves[:, -1], rng, curves[:, :6]).predict(archs, curves[:, :6]) for one in (given, unknown)]
    assert np.abs(said[0].mean - said[1].mean).mean() < 10
    shifted = unknown.fit(archs, curves[:, -1] - 500, rng, curves[:, :6] - 500).predict(archs, curves[:, :6] - 500)
    np.testing.assert_allclose(shifted.mean, said[1].mean - 500, rtol=1e-5)


def real(cells, seed):
    """Return errors in percent of uniform cells: architectures, curves of one training, mean end of two others."""
    tables = [registry.benchmark(TABLE, training=index) for index in range(3)]
    archs = tables[0].space.sample(cells, np.random.default_rng(seed))
    rows = registry.oracle(TABLE).rows(archs)
    archs = archs[np.sort(np.unique(rows, return_index=True)[1])]

    def values(table, epoch):
        return table.query(Proposals.of(archs, epoch), noise_seed=None).objectives[:, 0]

    curves = np.stack([values(tables[0], epoch) for epoch in range(10)], axis=1)
    return archs, curves, (values(tables[1], 9) + values(tables[2], 9)) / 2


def quality(predicted, truth):
    """Return Kendall's tau and the root mean squared error."""
    return np.array([kendalltau(predicted, truth)[0], np.sqrt(np.mean(np.square(predicted - truth)))])


TRAINED = {  # Kendall's tau and RMSE after 4, 6, 8 epochs
    "curve_value": ((0.678, 29.5), (0.805, 15.0), (0.850, 4.4)),
    "curve_ridge": ((0.677, 11.0), (0.792, 7.7), (0.836, 2.7)),
}
PARAMETRIC = {
    "log_log_linear": {4: (0.682, 20.1)},
    "pow3": {4: (0.606, 21.2), 6: (0.746, 11.0), 8: (0.799, 6.1)},
    "ilog2": {6: (0.782, 18.7)},
}


def measured(cells, seed):
    """Return the quality of what `TRAINED` and `PARAMETRIC` name, in their order."""
    archs, curves, truth = real(cells, seed)
    some, rest = slice(0, len(archs) // 4), slice(len(archs) // 4, None)
    found = []
    for name in TRAINED:
        reader = learner(name, registry.benchmark(TABLE).space).over(EPOCHS, (0.0, 100.0))
        for k in (4, 6, 8):
            model = reader.fit(archs[some], curves[some, -1], np.random.default_rng(0), curves[some, :k])
            found.append(quality(model.predict(archs[rest], curves[rest, :k]).mean, truth[rest]))
    for name, known in PARAMETRIC.items():
        for k in known:
            said = extrapolated(FORMS[name], EPOCHS[:k], 1 - curves[rest, :k] / 100, 10.0)
            found.append(quality(100 * (1 - said), truth[rest]))
    return np.array(found)


def expected():
    return np.array(
        [
            *(pair for rows in TRAINED.values() for pair in rows),
            *(p for rows in PARAMETRIC.values() for p in rows.values()),
        ]
    )


def test_predictors_on_a_real_table():
    """Near known figures; the slow test below says how near."""
    wrong = np.abs(measured(400, 1) - expected())
    assert (wrong[:, 0] < 0.12).all()
    assert (wrong[:, 1] < 0.5 * expected()[:, 1]).all()


@pytest.mark.slow
def test_predictors_on_many_samples_of_a_real_table():
    found = np.array([measured(400, seed) for seed in range(20)])
    error = np.hypot(found.std(axis=0, ddof=1), found.std(axis=0, ddof=1) / np.sqrt(20))  # theirs is one sample
    assert (np.abs(found.mean(axis=0) - expected()) < 3.5 * error).all()  # 22 comparisons
