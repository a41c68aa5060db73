"""What every learner of the package owes its callers."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.surrogate import Fit, Predict
from harness.testing.conformance import check_surrogate
from surrogates.boosting.gradient import GradientBoosting
from surrogates.boosting.natural import NGBoost
from surrogates.boosting.omni import Omni
from surrogates.gaussian_process.edit_distance import EditDistanceProcess
from surrogates.gaussian_process.graphs import GraphProcess
from surrogates.gaussian_process.process import GaussianProcess
from surrogates.gaussian_process.sparse import SparseProcess
from surrogates.graphs.gin import GIN
from surrogates.linear.kernel import KernelClassifier
from surrogates.linear.ridge import Ridge
from surrogates.neighbours.nearest import NearestNeighbours
from surrogates.neural.ablr import ABLR
from surrogates.neural.bohamiann import Bohamiann
from surrogates.neural.dngo import DNGO
from surrogates.neural.ensemble import MLPEnsemble
from surrogates.stacking import Stacking
from surrogates.support_vectors.regression import SupportVectors
from surrogates.trees.forest import ExtraTrees, RandomForest
from tests.surrogates.support import SPACE, truth

LEARNERS = {
    "ablr": ABLR(SPACE, tasks=False, width=20, steps=60),
    "bohamiann": Bohamiann(SPACE, steps=300, burn_in=200, keep_every=10, width=20),
    "dngo": DNGO(SPACE, epochs=40, width=20),
    "graph_network": GIN(SPACE, head="gaussian", epochs=20, width=12, layers=1, batch_size=40, learning_rate=0.05),
    "ensemble": MLPEnsemble(SPACE, encoding="one_hot", members=3, layers=3, epochs=15),
    "squared_ensemble": MLPEnsemble(
        SPACE, encoding="one_hot", members=2, layers=1, epochs=60, learning_rate=0.05, loss="mse"
    ),
    "extra_trees": ExtraTrees(SPACE, trees=12),
    "forest": RandomForest(SPACE, trees=12),
    "gradient_boosting": GradientBoosting(SPACE, members=2, rounds=15),
    "kernel": KernelClassifier(SPACE),
    "neighbours": NearestNeighbours(SPACE),
    "ngboost": NGBoost(SPACE, rounds=20),
    "ridge": Ridge(SPACE),
    "stacking": Stacking(SPACE, learners=["ridge", {"name": "random_forest", "trees": 5}], folds=2),
    "support_vectors": SupportVectors(SPACE, kind="epsilon"),
    "support_vectors_nu": SupportVectors(SPACE),
    "edit_distance": EditDistanceProcess(SPACE, rate=0.1),
    "gaussian_process": GaussianProcess(SPACE),
    "gaussian_process_ard": GaussianProcess(SPACE, ard=True),
    "gaussian_process_linear": GaussianProcess(SPACE, kernel="linear"),
    "gaussian_process_matern": GaussianProcess(SPACE, kernel="matern52"),
    "gaussian_process_sparse": SparseProcess(SPACE, inducing=20),
    "graph_process": GraphProcess(SPACE),
    "graph_process_assignment": GraphProcess(SPACE, kernel="assignment"),
}


WITH_PACKAGES = {"lightgbm": {"members": 2, "rounds": 40}, "xgboost": {"members": 2, "rounds": 20}}
"""Hyperparameters of learners that need a package of the name."""
DETERMINISTIC = (
    Ridge,
    GaussianProcess,
    GraphProcess,
    EditDistanceProcess,
    KernelClassifier,
    NearestNeighbours,
    SupportVectors,
)


@pytest.fixture(params=[*LEARNERS, *WITH_PACKAGES])
def learner(request):
    if request.param in LEARNERS:
        return LEARNERS[request.param]
    pytest.importorskip(request.param)
    return registry.surrogate({"name": request.param, **WITH_PACKAGES[request.param]}, SPACE)


@pytest.fixture
def archs():
    return SPACE.sample(40, np.random.default_rng(0))


@pytest.fixture
def pool():
    return SPACE.sample(15, np.random.default_rng(1))


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_public_conformance_check_passes(learner):
    assert len(check_surrogate(learner, rng())) >= 7


def test_fit_leaves_the_learner_and_earlier_models_unfitted_and_unchanged(learner, archs, pool):
    model = learner.fit(archs, truth(archs), rng())
    before = model.predict(pool)
    other = model.fit(archs, 100 - truth(archs), rng())
    np.testing.assert_array_equal(model.predict(pool).mean, before.mean)
    assert not np.array_equal(other.predict(pool).mean, before.mean)
    assert model.signature == learner.signature
    with pytest.raises(HarnessError, match="must be fitted before it predicts"):
        learner.predict(pool)
    with pytest.raises(HarnessError, match="must be fitted before it predicts"):
        learner.predict_many([Predict(learner, pool)])


@pytest.mark.parametrize("objectives", [None, 1, 3])
def test_shapes_follow_the_targets(learner, archs, pool, objectives):
    targets = truth(archs) if objectives is None else truth(archs)[:, None] + np.arange(objectives)
    said = learner.fit(archs, targets, rng()).predict(pool)
    shape = (15,) if objectives is None else (15, objectives)
    assert said.mean.shape == said.std.shape == shape
    assert said.mean.dtype == said.std.dtype == np.float64
    assert (said.std >= 0).all()
    if said.members is not None:
        assert said.members.shape[1:] == shape
        np.testing.assert_allclose(said.members.mean(axis=0), said.mean)
        np.testing.assert_allclose(said.members.std(axis=0), said.std)


def test_objectives_keep_their_order(learner, archs):
    both = np.stack([truth(archs), 1000 + truth(archs)], axis=1)
    mean = learner.fit(archs, both, rng()).predict(archs).mean
    assert (mean[:, 0] < mean[:, 1]).all()


def test_no_architecture_gives_no_prediction(learner, archs):
    for targets in (truth(archs), truth(archs)[:, None]):
        said = learner.fit(archs, targets, rng()).predict(archs[:0])
        assert said.mean.shape == said.std.shape == targets[:0].shape


def test_it_learns_an_additive_function(learner, archs):
    everything = SPACE.decode(np.arange(4**5, dtype=np.uint64))
    mean = learner.fit(archs, truth(archs), rng()).predict(everything).mean
    assert np.corrcoef(mean, truth(everything))[0, 1] > 0.6


def test_the_generator_decides_the_model(learner, archs, pool):
    same = [learner.fit(archs, truth(archs), rng(7)).predict(pool).mean for _ in range(2)]
    np.testing.assert_array_equal(*same)
    if not isinstance(learner, DETERMINISTIC):
        assert not np.array_equal(same[0], learner.fit(archs, truth(archs), rng(8)).predict(pool).mean)


def ragged_tasks(learner, archs):
    sizes = [40, 1, 33, 25, 40, 8, 32, 31]
    return [Fit(learner, archs[:n], truth(archs)[:n], rng(i)) for i, n in enumerate(sizes)]


def test_serving_together_is_serving_one_by_one(learner, archs, pool):
    together = learner.fit_many(ragged_tasks(learner, archs))
    said = learner.predict_many([Predict(model, pool[: 5 + i % 2]) for i, model in enumerate(together)])
    alone = [learner.fit(task.archs, task.targets, task.rng) for task in ragged_tasks(learner, archs)]
    for i, (model, prediction) in enumerate(zip(alone, said, strict=True)):
        expected = model.predict(pool[: 5 + i % 2])
        np.testing.assert_allclose(prediction.mean, expected.mean, rtol=1e-4)
        np.testing.assert_allclose(prediction.std, expected.std, rtol=1e-2, atol=1e-3)


def test_the_order_of_tasks_does_not_matter(learner, archs, pool):
    forwards = learner.fit_many(ragged_tasks(learner, archs))
    backwards = learner.fit_many(ragged_tasks(learner, archs)[::-1])[::-1]
    for one, other in zip(forwards, backwards, strict=True):
        np.testing.assert_allclose(one.predict(pool).mean, other.predict(pool).mean, rtol=1e-4)


def test_a_task_consumes_its_generator_as_it_does_alone(learner, archs):
    tasks = ragged_tasks(learner, archs)
    learner.fit_many(tasks)
    for task, fresh in zip(tasks, ragged_tasks(learner, archs), strict=True):
        learner.fit(fresh.archs, fresh.targets, fresh.rng)
        assert task.rng.bit_generator.state == fresh.rng.bit_generator.state


def test_covariates_are_features(learner, archs, pool):
    covariates = rng(3).random((40, 2))
    model = learner.fit(archs, 5 + 40 * covariates[:, 0], rng(), covariates)
    low, high = (model.predict(pool, np.full((15, 2), value)).mean.mean() for value in (0.1, 0.9))
    assert high > low + 5
    with pytest.raises(HarnessError, match="covariates"):
        model.predict(pool)
    with pytest.raises(HarnessError, match="covariates"):
        model.predict(pool, np.zeros((15, 3)))


def test_inputs_that_break_a_rule_are_refused_by_name(learner, archs):
    targets = truth(archs)
    with pytest.raises(HarnessError, match=r"`targets` must be finite.*got .*nan"):
        learner.fit(archs, np.where(np.arange(40) == 3, np.nan, targets), rng())
    with pytest.raises(HarnessError, match=r"`targets` must have shape \(40,\)"):
        learner.fit(archs, targets[:39], rng())
    with pytest.raises(HarnessError, match=r"`targets` must have shape \(40,\)"):
        learner.fit(archs, np.zeros((40, 0)), rng())
    with pytest.raises(HarnessError, match="at least one row"):
        learner.fit(archs[:0], targets[:0], rng())
    with pytest.raises(HarnessError, match=r"`archs` must have shape \(n, 5\)"):
        learner.fit(archs[:, :4], targets, rng())
    with pytest.raises(HarnessError, match=r"`covariates` must have shape \(40, e\)"):
        learner.fit(archs, targets, rng(), np.zeros((39, 1)))
    with pytest.raises(HarnessError, match=r"`covariates` must be finite"):
        learner.fit(archs, targets, rng(), np.full((40, 1), np.inf))


@pytest.mark.parametrize(
    ("build", "given", "rule"),
    [
        (MLPEnsemble, {"members": 0}, "`members` must be at least 1"),
        (MLPEnsemble, {"layers": 2.5}, "`layers` must be an integer"),
        (MLPEnsemble, {"learning_rate": 0}, "`learning_rate` must be greater than 0"),
        (MLPEnsemble, {"loss": "huber"}, "`loss` must be one of 'mape', 'mae', 'mse'"),
        (MLPEnsemble, {"lower_bound": float("nan")}, "`lower_bound` must be finite"),
        (MLPEnsemble, {"device": "tpu"}, "`device` must be 'cpu', 'cuda' or 'cuda:N'"),
        (MLPEnsemble, {"device": "cuda:99"}, "sees no such GPU"),
        (RandomForest, {"max_features": 1.5}, "`max_features` must be at most 1"),
        (NearestNeighbours, {"neighbours": 0}, "`neighbours` must be at least 1"),
        (SupportVectors, {"kind": "mu"}, "`kind` must be one of 'nu', 'epsilon'"),
        (GradientBoosting, {"subsample": 0.0}, "`subsample` must be greater than 0"),
        (Omni, {"rounds": 0}, "`rounds` must be at least 1"),
        (Stacking, {"learners": []}, "`learners` must be a list of at least one name or table"),
        (Stacking, {"learners": ["rigde"]}, "ridge"),
        (Stacking, {"combine": "mean"}, "`combine` must be one of 'ridge', 'ranks'"),
        (NGBoost, {"depth": 0}, "`depth` must be at least 1"),
        (RandomForest, {"trees": 0}, "`trees` must be at least 1"),
        (Ridge, {"penalty": 0.0}, "`penalty` must be greater than 0"),
        (Ridge, {"encoding": "path"}, "`encoding` must be one of one_hot for the space 'letters'"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(build, given, rule):
    with pytest.raises(HarnessError, match=rule):
        build(SPACE, **{"encoding": "one_hot", **given})


def test_signatures_tell_hyperparameters_apart_and_devices():
    base = MLPEnsemble(SPACE, encoding="one_hot")
    assert base.signature == MLPEnsemble(SPACE, encoding="one_hot").signature
    assert base.signature != MLPEnsemble(SPACE, encoding="one_hot", epochs=151).signature
    assert '"device": "cpu"' in base.signature
    assert "device" not in base.hyperparameters
