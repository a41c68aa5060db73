"""Methods of paths on pairs of DARTS cells: fair counts, the controller, likely cells, switches, evolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.spaces import named
from harness.spaces.darts.cells import WITH_NONE
from harness.training.supernets.costs import EdgeCosts
from harness.training.supernets.darts import NONE, derived, edge_codes
from strategies.one_shot.controllers import ENAS
from strategies.one_shot.likelihood import SETN
from strategies.one_shot.paths import RSPS, SPOS, FairNAS
from strategies.one_shot.presets import ProxylessNAS
from strategies.one_shot.sparse import BayesNAS
from tests.harness.training.supernets.support import MICRO_DARTS, rng, search_data
from tests.strategies.one_shot.support import check_controller

SPACE = named.space("darts")
TINY = MICRO_DARTS.but(cells=2, reduction_cells=(0,))
COSTS = EdgeCosts.of(TINY, (1, 1, 12), 4)
TRAINING, VALIDATION = 20, 24
"""Items of an epoch, each in one batch."""
QUICK = {
    SPOS: {"population": 2, "parents": 2, "mutants": 1, "crossovers": 1, "generations": 1},
    FairNAS: {"candidates": 2, "items": 12},
    ENAS: {"updates": 1, "samples": 2, "candidates": 2, "items": 12},
    SETN: {"candidates": 2, "items": 12},
    BayesNAS: {"warm_epochs": 0},
    ProxylessNAS: {"frozen_epochs": 0, "alpha_every": 1},
}


def made(method, seed=0, epochs=1, **given):
    data = search_data(recipe=TINY, sizes=(TRAINING, VALIDATION, 1))
    return method(SPACE, data, rng(seed), epochs, **{"batch_size": 50, **QUICK.get(method, {}), **given})


@pytest.mark.parametrize("method", QUICK)
def test_a_method_hands_over_a_pair_of_cells_and_continues_to_the_same_bits(method):
    search, again = (made(method, seed, epochs=2, without=["sep_conv_5x5"]) for seed in (0, 5))
    assert search.epoch().macs > 0
    again.restore(search.state())
    assert search.epoch().macs == again.epoch().macs
    archs, state = search.recommend(), again.state()
    assert archs.shape == (1, 22)
    assert SPACE.is_valid(archs).all()
    assert len(search.derivations) == 1
    assert not (edge_codes(archs) == WITH_NONE.index("sep_conv_5x5")).any()
    assert all(np.array_equal(value, state[name]) for name, value in search.state().items())
    found = search.observed().get("probabilities")
    if found is not None:
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
        assert found.shape == (28, 8)


def test_fair_steps_train_the_operations_of_each_edge_equally_often_and_two_edges_a_node():
    search = made(FairNAS, batch_size=5)  # four steps
    paths, real = [], search.learn_path
    search.learn_path = lambda batch, arch, *how: paths.append(arch) or real(batch, arch, *how)
    search.epoch()
    codes = edge_codes(np.array(paths))
    counts = np.stack([(codes == code).sum(0) for code in range(7)])
    assert len(paths) == 4 * 7
    assert (counts == counts[0]).all()
    assert counts[0].sum() == 4 * 16
    untouched = [edge for edge, count in enumerate(counts[0].tolist()) if not count]
    for name, speed in zip(dict(search.supernet.named_parameters()), search.velocity, strict=True):
        if ".edges." in name:
            cell, edge = (int(name.split(".")[place]) for place in (1, 3))
            assert (speed.abs().sum() > 0) == (edge + 14 * (cell == 0) not in untouched), name


def test_the_gradient_of_the_controller_of_two_cells_is_that_of_its_advantages_by_finite_differences():
    search = made(ENAS, controller_learning_rate=1e-9, controller_clip=0.0, entropy=0.0, units=8)
    check_controller(search, count=22, checked=8)


def test_the_controller_learns_operations_and_pairs_of_inputs_and_says_what_it_draws():
    search = made(ENAS, controller_learning_rate=0.05, controller_epsilon=1e-8, units=8, operation_divisor=2.0)
    before = search.rng.bit_generator.state
    start = search.probabilities()
    assert search.rng.bit_generator.state == before
    np.testing.assert_allclose(start.sum(1), 1)
    np.testing.assert_allclose(start[:, NONE], np.repeat([0, 1 / 3, 1 / 2, 3 / 5] * 2, [2, 3, 4, 5] * 2), atol=0.07)
    for _ in range(40):
        places = search.policy.sample(20)
        codes = edge_codes(search.choices.decoded(search.codes, places))
        right = (codes == 3).sum(1) / 4 + 0.5 * (codes[:, 13] >= 0)
        search.baseline = right.mean()
        search.learn(places, right)
    found = search.probabilities()
    assert found[:, 3].sum() > 2 * start[:, 3].sum()
    assert found[13, NONE] < 0.2 < found[9:13, NONE].mean()
    largest = [search.policy._constants[gene] for gene in (0, 2)]
    assert largest == [1.25, 2.5], "of an operation, and of a pair of inputs"


def test_setn_trains_architectures_and_chooses_among_the_likeliest_of_which_darts_would_derive_the_first():
    search = made(SETN, candidates=3)
    paths, asked, real = [], [], search.sampled_loss
    search.sampled_loss = lambda batch, codes: paths.append(codes) or real(batch, codes)
    search.best_of = lambda archs, items: asked.append(archs) or archs[1]
    spent = search.epoch().macs
    ((path,), (archs,)) = paths, asked
    assert np.count_nonzero(np.array(path) >= 0) == 16
    assert spent == pytest.approx(3 * (TRAINING * COSTS.on_edges(path) + VALIDATION * COSTS.mixture_of(range(8))))
    assert np.array_equal(archs[:1], derived(search.probabilities()))
    assert np.array_equal(search.recommend(), archs[1:2])


def test_bayesnas_keeps_two_edges_a_node_of_the_largest_variance():
    search = made(BayesNAS)
    assert search.codes == tuple(range(7))
    with torch.no_grad():
        search.gamma[:-28] = torch.tensor([1.0, 1, 1, 4, 1, 1, 1]).repeat(28)
        search.gamma[-28:] = torch.arange(28.0) % 14 + 1
    np.testing.assert_allclose(search.variances()[3], [0.8, 0.8, 0.8, 2, 0.8, 0.8, 0.8, 0])
    kept = {0, 1, 3, 4, 7, 8, 12, 13}
    assert edge_codes(search.recommend())[0].tolist() == [3 if edge in kept else -1 for edge in range(14)] * 2


def test_two_gates_of_each_edge_are_trained_and_weights_by_one_operation_of_each():
    search = made(ProxylessNAS)
    gated, paths, before = [], [], search.alpha.detach().clone()
    mixture, path = search.supernet.mixture, search.supernet.on_edges
    search.supernet.mixture = lambda *given: gated.append(given[1:]) or mixture(*given)
    search.supernet.on_edges = lambda *given: paths.append(given[1]) or path(*given)
    spent = search.epoch().macs
    ((weights, _, kept),), (codes,) = gated, paths
    assert np.shape(kept) == (28, 2)
    assert (weights.detach().sum(1) == 1).all()
    assert spent == pytest.approx(3 * (TRAINING * COSTS.on_edges(codes) + VALIDATION * COSTS.mixture_by_edge(kept)))
    drawn = torch.zeros_like(before, dtype=torch.bool).scatter(1, torch.tensor(kept), True)
    moved = search.alpha.detach() != before
    assert moved.any()
    assert not (moved & ~drawn).any()
    p, then = torch.softmax(search.alpha.detach(), 1), torch.softmax(before, 1)
    torch.testing.assert_close((p * drawn).sum(1), (then * drawn).sum(1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", [RSPS, ENAS])
def test_operations_that_leave_no_architecture_are_refused(method):
    with pytest.raises(HarnessError, match=r"`without` must leave 1 or more of \['max_pool_3x3', 'avg_"):
        made(method, without=[name for name in WITH_NONE if name != "none"])
