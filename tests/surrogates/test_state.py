"""What a model has learnt goes into arrays and comes back: the same predictions, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from tests.surrogates.support import SPACE, truth

KEPT = {
    "mlp_ensemble": {"encoding": "one_hot", "members": 2, "layers": 2, "width": 4, "epochs": 2},
    "random_forest": {"trees": 4, "leaf_variance": False},
    "extra_trees": {"trees": 4},
    "xgboost": {"members": 2, "rounds": 5},
    "lightgbm": {"members": 2, "rounds": 5},
    "ridge": {},
    "gp": {"ard": True},
}
ARCHS = SPACE.sample(40, np.random.default_rng(0))
ASKED = SPACE.sample(25, np.random.default_rng(1))


def _fitted(name, targets):
    if name in ("xgboost", "lightgbm"):
        pytest.importorskip(name)
    learner = registry.surrogate({"name": name, **KEPT[name]}, SPACE)
    return learner, learner.fit(ARCHS, targets, np.random.default_rng(2))


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("several", [False, True])
def test_a_restored_model_predicts_the_same_bits(name, several):
    targets = np.stack([truth(ARCHS), truth(ARCHS) ** 2], axis=1) if several else truth(ARCHS)
    learner, model = _fitted(name, targets)
    copies = {key: np.array(values) for key, values in model.state().items()}
    said, again = model.predict(ASKED), learner.restored(copies).predict(ASKED)
    assert np.array_equal(said.mean, again.mean)
    assert np.array_equal(said.std, again.std)
    assert all(values.dtype.kind in "iuf" for values in copies.values())


@pytest.mark.parametrize("name", KEPT)
def test_a_model_that_has_learnt_nothing_has_no_state(name):
    with pytest.raises(HarnessError, match="fitted"):
        registry.surrogate({"name": name, **KEPT[name]}, SPACE).state()


@pytest.mark.parametrize("name", KEPT)
def test_arrays_that_do_not_fit_are_refused(name):
    learner, model = _fitted(name, truth(ARCHS))
    state = dict(model.state())
    for key, values in state.items():
        with pytest.raises(HarnessError):
            learner.restored({other: kept for other, kept in state.items() if other != key})
        if values.dtype.kind == "f" and values.size:
            with pytest.raises(HarnessError):
                learner.restored(state | {key: np.full_like(values, np.nan)})


def test_a_tree_whose_nodes_lead_back_is_refused():
    learner, model = _fitted("random_forest", truth(ARCHS))
    state = dict(model.state())
    inner = int(np.flatnonzero(state["left_child"] > 0)[1])
    for key, wrong in (("left_child", 0), ("right_child", 10**9), ("feature", 999)):
        changed = state[key].copy()
        changed[inner] = wrong
        with pytest.raises(HarnessError, match="no tree"):
            learner.restored(state | {key: changed})


@pytest.mark.parametrize("name", ["knn", "gradient_boosting", "sparse_gp"])
def test_a_learner_that_cannot_be_kept_says_which_can(name):
    model = registry.surrogate({"name": name}, SPACE).fit(ARCHS, truth(ARCHS), np.random.default_rng(0))
    with pytest.raises(HarnessError, match="cannot be kept in a file; take a learner that can: mlp_ensemble"):
        model.state()
