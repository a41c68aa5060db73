"""The embedding of arch2vec: what it tells of a graph, and that nothing but the space decides it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.spaces.nb201.space import NB201Space
from surrogates.graphs.arch2vec import Arch2Vec
from surrogates.graphs.autoencoder import Autoencoder, _read, learnt_embedding
from surrogates.graphs.layers import Pass, Training
from surrogates.graphs.training import Batch, Fitting, Layout
from surrogates.graphs.weights import Weights, initial
from surrogates.neural.dngo import DNGO
from tests.surrogates.graphs.test_learners import ARCHS, POOL, SPACE_201, TARGETS, Moved, rng

TINY = {"hops": 2, "hop_width": 8, "latent": 4, "sample": 40, "embedding_epochs": 2, "width": 8, "epochs": 3}


def test_kinds_of_nodes_are_told_by_their_latent_numbers():
    embedding = learnt_embedding(
        SPACE_201, layers=2, width=24, latent=8, sample=150, fitting=Fitting(15, 25, 0.02), seed=0
    )
    graphs = _read(SPACE_201, POOL).expand(1)
    with torch.inference_mode():
        how = Pass(embedding.statistics)
        said = embedding.network.forward(embedding.weights.views(), graphs, graphs.nodes[..., 0, :0], how)
    assert (said[..., 24:].argmax(dim=3) == graphs.nodes.argmax(dim=3)).float().mean() > 0.8
    found = embedding.of(POOL)
    np.testing.assert_allclose(found, said[0, ..., :8].mean(dim=1).numpy(), rtol=1e-5, atol=1e-6)


def test_the_loss_is_that_of_the_formula_and_reaches_every_weight():
    graphs = _read(SPACE_201, POOL[:3])
    network = Autoencoder(Layout(7, 1, 0), 2, 6, 4)
    weights = Weights(network.kinds, torch.from_numpy(initial(network.kinds, 1, rng())))
    leaves = {name: view.clone().requires_grad_() for name, view in weights.views().items()}
    batch = Batch(graphs.expand(1), torch.zeros(1, 3, 0), torch.zeros(1, 3), torch.ones(1, 3))
    outputs = network.forward(leaves, batch.graphs, batch.covariates, Training([rng()]))
    loss = network.loss(outputs, batch)
    mean, log_variance, drawn, kinds = torch.split(outputs[0], [4, 4, 4, 7], dim=2)
    joined, true = drawn @ drawn.mT, graphs.edges > 0
    chosen = torch.nn.functional.logsigmoid(torch.where(true, joined, -joined))
    wrong = -chosen[:, ~torch.eye(8, dtype=torch.bool)].mean()
    named = torch.nn.functional.cross_entropy(kinds.flatten(0, 1), graphs.nodes.argmax(dim=2).flatten())
    apart = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=2).mean() / 2 / 64
    torch.testing.assert_close(loss[0], wrong + named + apart, rtol=1e-4, atol=1e-5)
    slopes = torch.autograd.grad(loss.sum(), list(leaves.values()))
    assert [name for name, slope in zip(leaves, slopes, strict=True) if slope.abs().max() < 1e-7] == []


def test_places_of_nodes_change_nothing():
    one, other = (Arch2Vec(space, **TINY).fit(ARCHS, TARGETS, rng()).predict(POOL) for space in (SPACE_201, Moved()))
    # the rounding differs, and the divergence is divided by more places
    np.testing.assert_allclose(one.mean, other.mean, rtol=0.05)


def test_the_embedding_is_that_of_the_space_and_learnt_once():
    learner = Arch2Vec(SPACE_201, **TINY)
    models = [learner.fit(ARCHS, TARGETS, rng(seed)) for seed in (0, 1)]
    assert models[0].embedding is models[1].embedding is learner.embedding
    np.testing.assert_array_equal(Arch2Vec(NB201Space(), **TINY).embedding.of(POOL), learner.embedding.of(POOL))
    assert not np.array_equal(
        Arch2Vec(SPACE_201, **TINY, embedding_seed=1).embedding.of(POOL), learner.embedding.of(POOL)
    )
    assert learner.embedding.of(POOL).shape == (12, 4)


def test_it_is_dngo_on_the_embedding_and_the_covariates():
    learner, covariates = Arch2Vec(SPACE_201, **TINY), rng(3).random((24, 2))
    model = learner.fit(ARCHS, TARGETS, rng(), covariates)
    assert isinstance(model, DNGO)
    features = learner._features(ARCHS, covariates)
    np.testing.assert_array_equal(features, np.concatenate([learner.embedding.of(ARCHS), covariates], axis=1))
    assert np.isfinite(model.predict(POOL, covariates[:12]).std).all()
    with pytest.raises(HarnessError, match="covariates"):
        model.predict(POOL, covariates[:12, :1])
    with pytest.raises(HarnessError, match=r"`archs` must have shape \(n, 6\)"):
        model.predict(POOL[:, :5])
    with pytest.raises(HarnessError, match="`encoding` must be 'one_hot'"):
        Arch2Vec(SPACE_201, encoding="path")
