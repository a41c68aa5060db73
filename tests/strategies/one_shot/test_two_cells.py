"""One-shot methods on pairs of DARTS cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.spaces import named
from harness.training.supernets.choices import CHOICES
from strategies.one_shot import curvature, relaxed
from strategies.one_shot.paths import RSPS
from strategies.one_shot.perturbation import DARTSPT, DROPPED, UNDECIDED
from strategies.one_shot.presets import (
    DARTS,
    DSNAS,
    GDAS,
    PCDARTS,
    RDARTS,
    SDARTS,
    SDARTSADV,
    SNAS,
    DARTSMinus,
    DARTSPlus,
    DrNAS,
    FairDARTS,
    FBNet,
    ReinMax,
    TangleNAS,
)
from strategies.one_shot.pruning import ProgressiveDrNAS
from tests.harness.training.supernets.support import MICRO_DARTS, rng, search_data

SPACE = named.space("darts")


OWN = {
    PCDARTS: {"partial_channels": 2, "channel_choice": "random", "frozen_epochs": 0},
    DrNAS: {"frozen_epochs": 0},
    RSPS: {"candidates": 2},
    SDARTSADV: {"attack_steps": 1},
    FBNet: {"frozen_epochs": 0},
    TangleNAS: {"frozen_epochs": 0},
    ProgressiveDrNAS: {"frozen_epochs": 0, "without": ["none"], "partial_channels": 2, "widened": [1], "pruned": [4]},
}
ONE_DRAW = (GDAS, DSNAS, ReinMax)
MIXTURES = (DARTS, PCDARTS, DrNAS, SNAS, SDARTS, SDARTSADV, DARTSMinus, DARTSPlus, FairDARTS, FBNet,
            TangleNAS, ProgressiveDrNAS)  # fmt: skip


@pytest.mark.parametrize("method", [*MIXTURES, *ONE_DRAW, RSPS])
def test_a_method_searches_both_kinds_of_cells(method):
    search = method(SPACE, search_data(recipe=MICRO_DARTS), rng(), 1, batch_size=50, **OWN.get(method, {}))
    assert search.epoch().macs > 0
    archs = search.recommend()
    assert archs.shape == (1, 22)
    assert SPACE.is_valid(archs).all()
    if method is not RSPS:
        p = search.probabilities()
        assert p.shape == (28, 8)
        np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
        learn = int((search.alpha.grad.abs().sum(1) > 0).sum())
        assert learn > 14 if method in ONE_DRAW else learn == 28, "every edge learns, but where draws give none"


def test_two_skips_of_the_normal_cell_stop_the_search_and_the_auxiliary_skip_is_one():
    search = DARTS(SPACE, search_data(recipe=MICRO_DARTS), rng(), 3, early_stop="skips", auxiliary_skip=1.0)
    given = []
    mixture = search.supernet.mixture
    search.supernet.mixture = lambda images, weights, *more: given.append(weights) or mixture(images, weights, *more)
    with torch.no_grad():
        search.alpha[14:, 2] = 9.0
    search.epoch()
    assert not search.finished, "skips of the reduction cell are not counted"
    assert given[0][:, 2].min() > 1 > given[0][:14, [0, 1, 3]].max()
    with torch.no_grad():
        search.alpha[:2, 2] = 9.0
    search.epoch()
    assert search.finished


def test_what_the_space_has_not_is_refused():
    with pytest.raises(HarnessError, match="'nor_conv_1x1'"):
        DARTS(SPACE, search_data(recipe=MICRO_DARTS), rng(), 1, without=["nor_conv_1x1"])


def few(method, **own):
    """Return a search among two operations that are quick."""
    without = [name for name in CHOICES["darts"].operations if name not in ("max_pool_3x3", "skip_connect")]
    return method(SPACE, search_data(recipe=MICRO_DARTS), rng(), 2, batch_size=50, without=without, **own)


def test_the_largest_eigenvalue_by_products_is_that_of_the_whole_matrix_and_costs_a_gradient_each(monkeypatch):
    search, found, real = few(RDARTS), [], relaxed.largest_eigenvalue

    def of_eight_edges(loss, alpha, decay):
        return real(lambda some: loss(torch.cat([some, alpha[8:]])), alpha[:8], decay)

    monkeypatch.setattr(relaxed, "largest_eigenvalue", of_eight_edges)
    for whole in (16, 0):
        monkeypatch.setattr(curvature, "WHOLE", whole)
        search.macs = 0.0
        found.append((search._curvature(), search.macs / (24 * 3 * search.mixture_macs)))
    (exact, rows), (value, gradients) = found
    assert rows == 1 + 16
    assert gradients < rows
    assert value == pytest.approx(exact, rel=2e-3)


def test_the_iteration_finds_the_largest_eigenvalue_and_not_the_largest_by_its_size():
    numbers = rng(3).normal(size=(90, 90))
    matrix = (numbers + numbers.T) / 2 - 20 * np.outer(numbers[0], numbers[0]) / 90
    exact = np.linalg.eigvalsh(matrix)
    assert -exact[0] > exact[-1]
    value, products = curvature.largest_by_products(lambda vector: matrix @ vector, 90)
    assert value == pytest.approx(exact[-1], rel=1e-3)
    assert products < 90
    assert curvature.largest_by_products(np.zeros_like, 90) == (0.0, 1)


def test_the_expected_cost_is_that_of_two_edges_a_node_and_of_their_operations_but_none():
    costs = few(FBNet).costs
    weights = torch.from_numpy(rng(1).dirichlet(np.ones(8), size=28)).float()
    by_hand = costs.base
    for cell in range(2):
        edges = iter(range(14 * cell, 14 * cell + 14))
        for inputs in (2, 3, 4, 5):
            for edge in (next(edges) for _ in range(inputs)):
                among = weights[edge, :7] / weights[edge, :7].sum()
                by_hand += 2 / inputs * float(among @ torch.from_numpy(costs.operations[edge, :7]).float())
    assert costs.expected(weights).item() == pytest.approx(by_hand, rel=1e-5)
    assert costs.expected(torch.ones(28, 8) / 8).item() == pytest.approx(costs.mean, rel=1e-5)
    archs = SPACE.sample(4000, rng(2))
    assert costs.mean == pytest.approx(np.mean([costs.path(arch) for arch in archs.tolist()]), rel=0.02)


def test_a_cost_in_the_loss_takes_probability_from_what_is_dear_and_none_gains_nothing():
    search = FBNet(SPACE, search_data(recipe=MICRO_DARTS), rng(), 1, latency_loss="linear", latency_factor=1.0)
    p = torch.softmax(search.alpha, 1)
    (gradient,) = torch.autograd.grad(search._regularised(torch.tensor(0.0), search.alpha, p), search.alpha)
    dear = search.costs.operations[:, :7].argmax(1)
    assert (gradient[range(28), dear] > 0).all()
    assert gradient[:, 7].abs().max() < 1e-6 * gradient.abs().max()


def test_edges_keep_the_operation_whose_removal_costs_most_and_nodes_the_two_such_edges_and_never_none():
    search, asked = DARTSPT(SPACE, search_data(recipe=MICRO_DARTS), rng(), 1), []
    worth = rng(7).random((28, 8))  # of operations on edges: what is lost without them
    worth[:, 7] = 9.0

    def accuracy(weights, items):
        asked.append(search.mixture_macs)
        present = weights.detach().numpy() > 0
        return 100 - (worth * ~present).sum()

    search._accuracy = accuracy
    search.macs, search.done = 0.0, 1
    search.after_epoch()
    assert len(asked) == 28 * 7 + 2 * (3 + 4 + 5)
    assert search.macs == pytest.approx(24 * sum(asked))
    best = worth[:, :7].argmax(1)
    for into in search.choices.entering:
        there = [edge for edge in into if search.decided[edge] != DROPPED]
        assert sorted(there) == sorted(sorted(into, key=lambda edge: -worth[edge, best[edge]])[:2])
        assert search.decided[there].tolist() == best[there].tolist()
    (arch,) = search.recommend()
    codes = search.choices.on_edges(arch[None])[0]
    np.testing.assert_array_equal(np.where(search.decided == DROPPED, -1, search.decided), codes)
    assert search.mixture_macs == search.costs.path(arch)
    images, labels = next(search.batches.training(rng(), 25))
    loss, _ = search.loss((images, labels))
    path = torch.nn.functional.cross_entropy(search.supernet.path(images, arch.tolist()), labels)
    torch.testing.assert_close(loss, path)


def test_both_cells_are_decided_at_once_and_operations_before_edges():
    search, order = DARTSPT(SPACE, search_data(recipe=MICRO_DARTS), rng(), 40, tuned_epochs=2), []
    search.decide = lambda edge: order.append((search.done, edge // 14)) or search.decided.__setitem__(edge, 3)
    search.keep = lambda into: order.append((search.done, "node")) or search.decided.__setitem__(into[-1], DROPPED)
    for search.done in range(1, 41):
        search.after_epoch()
    assert order == [(done, cell) for done in range(8, 36, 2) for cell in (0, 1)] + [
        (done, "node") for done in (36, 36, 38, 38, 40, 40)
    ]
    assert not search.learns


def test_what_is_undecided_has_the_largest_alpha_and_what_is_dropped_no_operation():
    search = DARTSPT(SPACE, search_data(recipe=MICRO_DARTS), rng(), 9)
    with torch.no_grad():
        search.alpha[:, 4] = 3.0
        search.alpha[2:5, 4] = torch.tensor([4.0, 5.0, 6.0])
    search.decided[4], search.decided[0] = DROPPED, 6
    codes = search.choices.on_edges(search.recommend())[0]
    assert codes[:5].tolist() == [6, 4, 4, 4, -1]
    assert search.kept[4] == ()
    assert search.probabilities()[4].sum() == 0
    assert (search.decided == UNDECIDED).sum() == 26


def test_stages_prune_each_edge_of_both_cells_and_widen_convolutions_of_every_shape():
    search = ProgressiveDrNAS(SPACE, search_data(recipe=MICRO_DARTS), rng(), 2, **OWN[ProgressiveDrNAS])
    with torch.no_grad():
        search.alpha.copy_(torch.tensor([0.0, 6, 1, 5, 2, 4, 3]).expand(28, 7))
    before = {name: part.detach().clone() for name, part in search.supernet.named_parameters()}
    search.advance()
    assert search.kept == [[1, 3, 5, 6]] * 28
    changed = [name for name, part in search.supernet.named_parameters() if part.shape != before[name].shape]
    assert changed
    for name, part in search.supernet.named_parameters():
        old, new = before[name], part.detach()
        whole = tuple(slice(size) for size in old.shape)
        assert torch.equal(new[whole], old), "what there was stays in its place"
        channels = {tuple(row.flatten().tolist()) for row in old.flatten(0, 1)} if old.dim() > 1 else None
        assert channels is None or {tuple(row.flatten().tolist()) for row in new.flatten(0, 1)} == channels
    images, labels = next(search.batches.training(rng(), 25))
    loss, macs = search.loss((images, labels))
    assert np.isfinite(loss.item())
    assert macs == search.costs.base + search.costs.operations[:, [1, 3, 5, 6]].sum()
    arch = search.recommend()
    assert set(np.unique(search.choices.on_edges(arch))) == {-1, 1}
    with pytest.raises(HarnessError, match="`pruned` must be at most 7, got 8"):
        ProgressiveDrNAS(SPACE, search_data(recipe=MICRO_DARTS), rng(), 2, without=["none"], pruned=[8])
