"""Tensors of graphs and the layers of graph networks: known answers, and what may change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.graphs import GraphBatch
from harness.spaces.darts.space import DARTSSpace
from harness.spaces.nb201.space import NB201Space
from surrogates.graphs.gin import sums
from surrogates.graphs.layers import Measuring, Pass, Training, layer_norm, moments, passed
from surrogates.graphs.ranking import Line, comparison_loss, hinge_loss
from surrogates.graphs.tensors import averages, loops, tensors
from surrogates.graphs.weights import Kind, Weights, glorot, initial, offset, size

CHAIN = GraphBatch(
    np.eye(4, k=1, dtype=bool)[None] & (np.arange(4) < 3),
    np.array([[0, 1, 2, 0]]),
    np.arange(4)[None] < 3,
    ("a", "b", "c"),
)
"""a, then b, then c, and a place without a node."""


def generators(*seeds):
    return [np.random.default_rng(seed) for seed in seeds]


def test_one_layer_of_sums_on_a_chain_is_the_sum_of_neighbours():
    graphs = tensors(CHAIN).expand(1)
    summed = passed(sums(graphs), graphs.nodes)[0, 0]
    # (a + b) + (a + b + c) + (b + c)
    assert summed.tolist() == [[1, 1, 0], [1, 1, 1], [0, 1, 1], [0, 0, 0]]
    assert summed.sum(dim=0).tolist() == [2, 3, 2]
    assert passed(sums(graphs, epsilon=1.0), graphs.nodes)[0, 0, 1].tolist() == [1, 2, 1]


def test_averages_leave_out_places_without_a_node():
    graphs = tensors(CHAIN)
    operator = averages(graphs.edges + loops(graphs))[0]
    assert operator.tolist() == [[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    torch.testing.assert_close(graphs.pooling[0], torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0]]))


def test_a_global_node_is_led_to_by_every_node_and_stands_for_its_cell():
    graphs = tensors(CHAIN, global_node=True)
    assert graphs.nodes[0, :, 3].tolist() == [0, 0, 0, 0, 1]
    assert graphs.edges[0, :, 4].tolist() == [1, 1, 1, 0, 0]
    assert graphs.pooling[0].tolist() == [[0, 0, 0, 0, 1]]


def test_two_cells_share_their_kinds_and_are_averaged_apart():
    space = DARTSSpace()
    archs = space.sample(3, np.random.default_rng(0))
    graph = space.graph(archs)
    plain, more = tensors(graph), tensors(graph, global_node=True)
    assert plain.nodes.shape == (3, 30, len(graph.labels) // 2)
    assert plain.pooling.shape == (3, 2, 30)
    assert plain.pooling[:, 0, :15].sum() == pytest.approx(3)
    assert not plain.pooling[:, 0, 15:].any()
    assert not plain.edges[:, :15, 15:].any()
    assert more.edges[:, :30, 30:].sum(dim=1).tolist() == [[15, 15]] * 3


def test_indicators_are_those_of_the_graph():
    space = NB201Space()
    archs = space.sample(20, np.random.default_rng(0))
    graph, found = space.graph(archs), tensors(space.graph(archs))
    np.testing.assert_array_equal(found.nodes.argmax(dim=2).numpy(), graph.kinds)
    np.testing.assert_array_equal(found.edges.numpy(), graph.adjacency)


def test_normalisation_standardises_what_the_mask_keeps_and_nothing_else_counts():
    drawn = torch.from_numpy(np.random.default_rng(0).normal(3, 2, (2, 5, 4, 3))).float()
    mask = (torch.arange(4) < 3).float().expand(2, 5, 4)
    scale, shift = torch.full((2, 1, 3), 2.0), torch.full((2, 1, 3), 0.5)
    how = Measuring()
    found = how.batch_norm(drawn, mask, scale, shift)
    expected = torch.nn.functional.batch_norm(drawn[0, :, :3].reshape(-1, 3), None, None, training=True)
    torch.testing.assert_close(found[0, :, :3].reshape(-1, 3), 2 * expected + 0.5, rtol=1e-4, atol=1e-5)
    spoilt = drawn.clone()
    spoilt[:, :, 3] = 1e3
    assert torch.equal(Training([]).batch_norm(spoilt, mask, scale, shift)[:, :, :3], found[:, :, :3])
    again = Pass(how.statistics).batch_norm(drawn[:, :1], mask[:, :1], scale, shift)
    torch.testing.assert_close(again, found[:, :1])
    mean, variance = moments(drawn.flatten(1, 2), mask.flatten(1))
    assert mean.shape == variance.shape == (2, 1, 3)


def test_normalisation_of_layers_is_that_of_torch():
    drawn = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    scale, shift = (torch.randn(2, 1, 6, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    for one in range(2):
        expected = torch.nn.functional.layer_norm(drawn[one], (6,), scale[one, 0], shift[one, 0])
        torch.testing.assert_close(layer_norm(drawn, scale, shift)[one], expected)


def test_dropout_is_drawn_for_each_network_by_itself_and_keeps_the_mean():
    ones = torch.ones(2, 50, 8, 16)
    both = Training(generators(1, 2)).dropout(ones, 0.25)
    assert torch.equal(both[1:], Training(generators(2)).dropout(ones[:1], 0.25))
    assert not torch.equal(both[0], both[1])
    assert both.unique().tolist() == pytest.approx([0, 4 / 3])
    assert both.mean() == pytest.approx(1, abs=0.02)
    assert torch.equal(Pass([]).dropout(ones, 0.25), ones)


def test_weights_are_drawn_within_their_limits_and_viewed_by_name():
    kinds = {"first": glorot(3, 5), "bias": offset(5), "scale": offset(5, 1.0), "other": Kind((2, 2), 0.05)}
    rows = initial(kinds, 400, np.random.default_rng(0))
    assert rows.shape == (400, size(kinds)) == (400, 32)
    views = Weights(kinds, torch.from_numpy(rows)).views()
    assert views["first"].shape == (400, 3, 5)
    limit = (6 / 8) ** 0.5
    assert 0.99 * limit < views["first"].abs().max() <= limit
    assert not views["bias"].any()
    assert (views["scale"] == 1).all()
    assert 0.049 < views["other"].abs().max() <= 0.05
    taken = Weights(kinds, torch.from_numpy(rows)).take(3, 5).views()["other"]
    assert torch.equal(taken, views["other"][3:5])


def test_the_loss_of_comparisons_is_a_divergence_of_all_pairs_but_those_of_a_row_with_itself():
    logits, wins = torch.tensor([[[9.0, 1.0], [-2.0, 9.0]]]), torch.tensor([[[0.5, 0.7], [0.3, 0.5]]])
    said = torch.sigmoid(torch.tensor([1.0, -2.0]))
    true = torch.tensor([0.7, 0.3])
    expected = (true * (true / said).log() + (1 - true) * ((1 - true) / (1 - said)).log()).mean()
    torch.testing.assert_close(comparison_loss(logits, wins), expected[None])
    right = torch.logit(wins).masked_fill(torch.eye(2, dtype=torch.bool), 5.0)
    torch.testing.assert_close(comparison_loss(right, wins), torch.zeros(1), atol=1e-6, rtol=0)
    assert comparison_loss(torch.zeros(3, 1, 1), torch.zeros(3, 1, 1)).tolist() == [0, 0, 0]


def test_the_hinge_is_that_of_pairs_of_different_targets():
    scores, targets = torch.tensor([[0.0, 0.05, -1.0]]), torch.tensor([[1.0, 2.0, 2.0]])
    # 1 before 2: 0.1 - 0.05; 1 before 3: 0.1 + 1; the others are equal
    torch.testing.assert_close(hinge_loss(scores, targets, 0.1), torch.tensor([(0.05 + 1.1) / 2]))
    assert hinge_loss(torch.zeros(1, 3), torch.ones(1, 3), 0.1).tolist() == [0]


def test_a_line_is_that_of_least_squares_and_rises():
    scores, targets = np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.0, 5.0])
    np.testing.assert_allclose(
        Line.of(scores, targets).at(scores), np.polyval(np.polyfit(scores, targets, 1), scores), atol=1e-12
    )
    assert Line.of(scores, -targets).slope == pytest.approx(1e-3 * targets.std() / scores.std())
    assert Line.of(scores, np.ones(3)).at(scores).tolist() == [1, 1, 1]
    assert Line.of(np.ones(3), targets).at(np.ones(2)).tolist() == [2, 2]
