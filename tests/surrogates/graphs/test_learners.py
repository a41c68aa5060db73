"""What every graph learner owes: graphs are read as graphs, and networks are trained side by side as by themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from harness import registry
from harness.errors import HarnessError
from harness.graphs import GraphBatch
from harness.spaces.darts.space import DARTSSpace
from harness.spaces.nb101.space import NB101Space
from harness.spaces.nb201.space import NB201Space
from harness.surrogate import Fit
from surrogates.graphs.bonas import BONAS
from surrogates.graphs.gates import GATES
from surrogates.graphs.gcn import GCN
from surrogates.graphs.gin import GIN
from surrogates.graphs.layers import Pass, Training
from surrogates.graphs.pairwise import PairwiseRanker, borda
from surrogates.graphs.seminas import SemiNAS
from surrogates.graphs.tensors import permuted
from surrogates.graphs.training import Rows
from surrogates.graphs.transformer import GraphTransformer
from surrogates.graphs.weights import Weights
from surrogates.linear.evidence import fit_head
from surrogates.metrics import kendall_tau
from tests.surrogates.support import SPACE

SPACE_201 = NB201Space()
TINY = {"epochs": 3, "width": 8}
LEARNERS = {
    "bonas": (BONAS, {}),
    "gates": (GATES, {"hidden": 8, "operation_width": 6}),
    "gcn": (GCN, {"hidden": 8}),
    "gin": (GIN, {}),
    "gin_gaussian": (GIN, {"head": "gaussian"}),
    "pairwise": (PairwiseRanker, {}),
    "pairwise_soft": (PairwiseRanker, {"wins": "soft"}),
    "seminas_network": (SemiNAS, {"unlabelled": 5}),
    "transformer": (GraphTransformer, {"heads": 2}),
}
ARCHS = SPACE_201.sample(24, np.random.default_rng(0))
POOL = SPACE_201.sample(12, np.random.default_rng(1))
TARGETS = (ARCHS == 3).sum(axis=1) + 10.0


def rng(seed=0):
    return np.random.default_rng(seed)


def built(name, space=SPACE_201, **more):
    kind, given = LEARNERS[name]
    return kind(space, **{**TINY, **given, **more})


@pytest.fixture(params=LEARNERS)
def name(request):
    return request.param


class Moved(NB201Space):
    """Cells whose graphs have their nodes at other places, and two places without a node."""

    def _graph(self, archs):
        graph = super()._graph(archs)
        kinds, mask = np.pad(graph.kinds, ((0, 0), (0, 2))), np.pad(graph.mask, ((0, 0), (0, 2)))
        adjacency = np.pad(graph.adjacency, ((0, 0), (0, 2), (0, 2)))
        return permuted(GraphBatch(adjacency, kinds, mask, graph.labels), rng(5).permutation(10))


def test_places_of_nodes_and_places_without_a_node_change_nothing(name):
    still = {} if name in ("bonas", "gates") else {"dropout": 0.0}
    plain, moved = (built(name, space, **still) for space in (SPACE_201, Moved()))
    one, other = (learner.fit(ARCHS, TARGETS, rng()).predict(POOL) for learner in (plain, moved))
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-4)
    np.testing.assert_allclose(one.std, other.std, rtol=1e-3, atol=1e-6)


def test_networks_fitted_together_are_those_fitted_one_by_one(name):
    learner = built(name)
    tasks = [Fit(learner, ARCHS[:n], TARGETS[:n] * (1 + k), rng(k)) for k, n in enumerate([24, 24, 7, 24, 7])]
    for k, (task, model) in enumerate(zip(tasks, learner.fit_many(tasks), strict=True)):
        alone, said = learner.fit(task.archs, task.targets, rng(k)).predict(POOL), model.predict(POOL)
        np.testing.assert_allclose(said.mean, alone.mean, rtol=1e-5)
        np.testing.assert_allclose(said.std, alone.std, rtol=1e-4)


def test_objectives_have_networks_of_their_own(name):
    both = built(name).fit(ARCHS, np.stack([TARGETS, -3 * TARGETS], axis=1), rng()).predict(POOL)
    assert both.mean.shape == both.std.shape == (12, 2)
    assert not np.allclose(both.mean[:, 1], -3 * both.mean[:, 0])


def test_the_generator_alone_decides(name):
    learner = built(name)
    first, again, other = (learner.fit(ARCHS, TARGETS, rng(seed)).predict(POOL) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.mean, again.mean)
    assert not np.array_equal(first.mean, other.mean)


def test_every_weight_learns(name):
    learner = built(name)
    job = learner._job(Fit(learner, ARCHS, TARGETS, rng()))
    network = learner._network(job.layout)
    weights = Weights(network.kinds, torch.from_numpy(job.parameters))
    leaves = {name: view.clone().requires_grad_() for name, view in weights.views().items()}
    batch = Rows([job], "cpu").batch(torch.arange(24)[None])
    outputs = network.forward(leaves, batch.graphs, batch.covariates, Training([rng()]))
    gradients = torch.autograd.grad(network.loss(outputs, batch).sum(), list(leaves.values()))
    assert [name for name, slope in zip(leaves, gradients, strict=True) if slope.abs().max() < 1e-7] == []
    assert torch.isfinite(outputs).all()


@pytest.mark.parametrize("n", [1, 2])
def test_two_rows_and_one_are_enough(name, n):
    for targets in (TARGETS[:n] + np.arange(n), np.full(n, 0.3)):
        said = built(name).fit(ARCHS[:n], targets, rng()).predict(POOL)
        assert np.isfinite(said.mean).all()
        assert np.isfinite(said.std).all()


@pytest.mark.parametrize("space", [NB101Space(), DARTSSpace(), SPACE], ids=["padded", "two cells", "chain"])
def test_any_space_can_be_learnt(name, space):
    archs = space.sample(10, rng())
    said = built(name, space, epochs=1).fit(archs, np.arange(10.0), rng()).predict(archs)
    assert np.isfinite(said.mean).all()
    assert len(np.unique(said.mean)) > 5


def test_rows_of_another_space_are_refused(name):
    model = built(name).fit(ARCHS, TARGETS, rng())
    with pytest.raises(HarnessError, match=r"`archs` must have shape \(n, 6\)"):
        model.predict(SPACE.sample(3, rng()))
    with pytest.raises(HarnessError, match=r"`archs` must have shape \(n, 5\)"):
        built(name, SPACE).fit(ARCHS, TARGETS, rng())


def test_another_encoding_is_refused(name):
    with pytest.raises(HarnessError, match="`encoding` must be 'one_hot' with a network that reads graphs"):
        built(name, encoding="path")


def test_the_order_of_candidates_and_the_parts_of_a_pool_change_nothing(name, monkeypatch):
    model, order = built(name).fit(ARCHS, TARGETS, rng()), rng(3).permutation(12)
    whole = model.predict(POOL)
    np.testing.assert_allclose(model.predict(POOL[order]).mean, whole.mean[order], rtol=1e-6)
    monkeypatch.setattr("surrogates.graphs.learner._POOL_ROWS", 5)
    np.testing.assert_allclose(model.predict(POOL).mean, whole.mean, rtol=1e-6)


def test_a_change_of_unit_changes_the_unit_of_what_is_predicted(name):
    plain, moved = (built(name).fit(ARCHS, values, rng()).predict(POOL) for values in (TARGETS, 0.01 * TARGETS - 7))
    np.testing.assert_allclose(moved.mean, 0.01 * plain.mean - 7, rtol=1e-4)
    np.testing.assert_allclose(moved.std, 0.01 * plain.std, rtol=1e-2)


def additive(archs):
    """Return a sum over edges, like the parameters of cells: 1x1 and 3x3 convolutions have 1 and 9."""
    return np.array([0.0, 0.0, 1.0, 9.0, 0.0])[archs].sum(axis=1)


def test_the_ranker_learns_an_additive_order_and_chances_that_add_up_to_one():
    archs, pool = SPACE_201.sample(100, rng(7)), SPACE_201.sample(200, rng(8))
    model = built("pairwise", epochs=60, width=16, layers=1, batch_size=50, learning_rate=0.02).fit(
        archs, additive(archs), rng()
    )
    assert kendall_tau(model.predict(pool).mean, additive(pool)) > 0.9
    said = outputs_of(model, pool)
    chance = 1 / (1 + np.exp(-(said[:, 0, None] + said[:, 1])))
    assert np.abs(chance + chance.T - 1).mean() < 0.05
    assert np.abs(chance - 0.5).mean() > 0.3


def outputs_of(model, archs):
    """Return what the network of a fitted model says, (n, O)."""
    fitted, none = model._learnt, np.zeros((len(archs), 0), dtype=np.float32)
    with torch.inference_mode():
        how = Pass(fitted.statistics)
        return model._forward(fitted.network, fitted.weights, model._graphs(archs), none, how)[0]


def test_the_score_is_the_mean_chance_to_beat_those_learnt_from():
    firsts, seconds = rng().normal(0, 3, 5), rng(1).normal(0, 3, 7)
    expected = [np.mean([1 / (1 + np.exp(-(first + second))) for second in seconds]) for first in firsts]
    np.testing.assert_allclose(borda(firsts, seconds), expected)


def test_bonas_is_a_bayesian_regression_on_its_embedding():
    model = built("bonas").fit(ARCHS, TARGETS, rng())
    head = fit_head(outputs_of(model, ARCHS)[:, 1:], (TARGETS - TARGETS.mean()) / TARGETS.std())
    mean, variance = head.predict(outputs_of(model, POOL)[:, 1:])
    said = model.predict(POOL)
    np.testing.assert_allclose(said.mean, TARGETS.mean() + TARGETS.std() * mean, rtol=1e-6)
    np.testing.assert_allclose(said.std, TARGETS.std() * np.sqrt(variance), rtol=1e-4)


def test_good_rows_weigh_more_in_bonas():
    weights = built("bonas")._row_weights(np.array([[-1.0], [0.0], [3.0]]))
    np.testing.assert_allclose(weights[:, 0], np.exp([0, -0.25, -1]))


def test_without_unlabelled_architectures_seminas_is_the_supervised_network():
    given = {**TINY, "weight_decay": 0.01}
    semi = SemiNAS(SPACE_201, unlabelled=0, **given).fit(ARCHS, TARGETS, rng())
    plain = GIN(SPACE_201, **given).fit(ARCHS, TARGETS, rng())
    np.testing.assert_array_equal(semi.predict(POOL).mean, plain.predict(POOL).mean)


def test_seminas_learns_what_it_said_of_other_architectures(monkeypatch):
    seen = []
    job_of = SemiNAS._job
    monkeypatch.setattr(SemiNAS, "_job", lambda self, task: seen.append(task) or job_of(self, task))
    covariates = np.arange(24.0)[:, None]
    learner = SemiNAS(SPACE_201, unlabelled=7, repeats=3, **TINY)
    learner.fit(ARCHS, TARGETS, rng(), covariates)
    _, second = seen
    np.testing.assert_array_equal(second.archs[:72], np.tile(ARCHS, (3, 1)))
    np.testing.assert_array_equal(second.targets[:72], np.tile(TARGETS, 3))
    assert len(second.archs) == len(second.targets) == len(second.covariates) == 79
    alone = GIN(SPACE_201, **TINY).fit(ARCHS, TARGETS, rng(), covariates)
    said = alone.predict(second.archs[72:], second.covariates[72:]).mean
    np.testing.assert_allclose(second.targets[72:], said)


def test_the_gaussian_head_says_how_noisy_targets_are():
    archs = SPACE_201.sample(150, rng(2))
    noisy = archs[:, 0] == 3
    targets = np.where(noisy, 5.0, 0.2) * rng(3).normal(size=150)
    said = (
        GIN(SPACE_201, head="gaussian", epochs=40, width=8, layers=1, batch_size=50, learning_rate=0.02)
        .fit(archs, targets, rng())
        .predict(archs)
    )
    assert said.std[noisy].mean() > 2 * said.std[~noisy].mean()


@pytest.mark.gpu
def test_a_gpu_agrees_with_the_cpu(name):
    means = [built(name, device=device).fit(ARCHS, TARGETS, rng()).predict(POOL).mean for device in ("cpu", "cuda")]
    np.testing.assert_allclose(*means, rtol=1e-2)


PUBLISHED = {
    "arch2vec": {"hops": 5, "hop_width": 128, "sample": 15_625, "embedding_rate": 1e-3},
    "bonas_gcn": {"epochs": 100, "batch_size": 128, "learning_rate": 1e-4},
    "gates": {"width": 128, "batch_size": 512, "learning_rate": 1e-3},
    "gcn": {"width": 144, "epochs": 300, "batch_size": 10, "learning_rate": 1e-4, "weight_decay": 1e-3},
    "gin": {"epochs": 300, "batch_size": 16},
    "graph_transformer": {"layers": 3, "width": 128, "learning_rate": 1e-4},
    "pairwise_ranker": {"width": 600, "wins": "soft", "dropout": 0.2, "epochs": 250, "learning_rate": 3.5e-4},
    "seminas_network": {"unlabelled": 10_000, "repeats": 10, "epochs": 500},
}


@pytest.mark.parametrize("learner", PUBLISHED)
def test_a_preset_is_settings_by_another_name(learner):
    settings = PUBLISHED[learner]
    tuned, published = (
        registry.surrogate({"name": learner, "preset": preset}, SPACE_201) for preset in ("tuned", "published")
    )
    assert tuned.signature == registry.surrogate({"name": learner}, SPACE_201).signature
    assert published.signature == registry.surrogate({"name": learner, **settings}, SPACE_201).signature
    assert not {"preset", "embedding_rate"} & set(json.loads(tuned.signature)["hyperparameters"]), "as before"
    overridden = registry.surrogate({"name": learner, "preset": "published", "epochs": 7}, SPACE_201)
    assert overridden.hyperparameters == {**published.hyperparameters, "epochs": 7}
    with pytest.raises(HarnessError, match="`preset` must be one of 'tuned', 'published'"):
        registry.surrogate({"name": learner, "preset": "paper"}, SPACE_201)


def test_the_published_network_of_a_gaussian_head_is_trained_longer():
    assert GIN(SPACE_201, head="gaussian", preset="published").hyperparameters["epochs"] == 1000
