"""Weak learners beside a network: operations on empty edges that are trained without changing what it computes.

Hu, Langford, Caruana, Mukherjee, Horvitz & Dey, "Efficient forward architecture search", NeurIPS 2019, section 3.  To
what a node sums a candidate adds ``a sf(o(sg(x)))``: stop-gradient, sg, keeps it from its input, and stop-forward,
``sf(y) = y - sg(y)``, is zero with the gradient of y.  So the parent's outputs and gradients are what they were, and
gate and weights of the candidate descend the loss of the node that they would enter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.spaces.four_nodes import EDGES, NODES, NONE, SKIP, live_edges
from harness.spaces.layers import Geometry, Shape
from harness.spaces.nb201.operations import KERNELS, OPERATIONS, POOL, stage_widths
from harness.training.networks.cells import Cell, StagedNetwork
from harness.training.networks.operations import EPSILON, Conv, Pool3
from harness.training.recipe import Recipe

_LAST = NODES - 1


class Candidate(NamedTuple):
    """An operation on an empty edge.

    Attributes
    ----------
    gene, code : int
        The edge, and the operation.
    target : int
        The node whose sum it enters: that of the edge, or the output where that node leads nowhere yet.
    """

    gene: int
    code: int
    target: int


def candidates(arch: Sequence[int]) -> tuple[Candidate, ...]:
    """Return all operations on the empty edges of a cell, none excluded, that a growth can add.

    An edge begins at a node that something enters.  Where it ends at a node that leads nowhere, its edge to the output
    becomes a skip with it, so that a node of the cell is grown.

    Examples
    --------
    >>> sorted({(one.gene, one.target) for one in candidates((0, 0, 0, 1, 0, 0))})
    [(0, 3), (1, 3)]
    >>> sorted({(one.gene, one.target) for one in candidates((3, 0, 0, 1, 1, 0))})
    [(1, 3), (2, 3)]
    >>> sorted({(one.gene, one.target) for one in candidates((3, 0, 3, 0, 0, 3))})
    [(1, 2), (3, 3), (4, 3)]
    """
    live = live_edges([int(gene) for gene in arch])
    entered = {0} | {EDGES[gene][1] for gene in live}
    found = list[Candidate]()
    for gene, (source, node) in enumerate(EDGES):
        if arch[gene] != NONE or source not in entered or source == _LAST:
            continue
        leads = node == _LAST or node in entered
        if leads or arch[_onwards(node)] in (NONE, SKIP):
            found += [Candidate(gene, code, node if leads else _LAST) for code in range(1, len(OPERATIONS))]
    return tuple(found)


def grown(arch: Sequence[int], chosen: Sequence[Candidate]) -> tuple[int, ...]:
    """Return a cell with candidates as its operations.

    >>> grown((0, 0, 0, 1, 0, 0), [Candidate(0, 3, 3)])
    (3, 0, 0, 1, 1, 0)
    """
    cell = [int(gene) for gene in arch]
    for gene, code, target in chosen:
        cell[gene] = code
        if target != EDGES[gene][1]:
            cell[_onwards(EDGES[gene][1])] = SKIP
    return tuple(cell)


def _onwards(node: int) -> int:
    """Return the gene of the edge from a node to the output."""
    return EDGES.index((node, _LAST))


def _name(one: Candidate) -> str:
    return f"{one.gene}_{one.code}"


def stop_forward(features: Tensor) -> Tensor:
    """Return zeros whose gradient is passed on as it is.

    >>> x = torch.tensor([2.0, -3.0], requires_grad=True)
    >>> stop_forward(x), torch.autograd.grad(stop_forward(x) @ torch.tensor([5.0, 7.0]), x)[0]
    (tensor([0., 0.], grad_fn=<SubBackward0>), tensor([5., 7.]))
    """
    return features - features.detach()


class WeakLearners(nn.Module):
    """A network with candidates beside it, the same in all cells, each cell with weights of its own.

    Convolutions of candidates end in batch normalisation by the batch, without scale and shift: the gate is the scale.

    Parameters
    ----------
    network : StagedNetwork
        Of the cell that the candidates were found for.
    chosen : sequence of k Candidate
    recipe : Recipe
        Its `channels` and `cells`.
    shape : (C, H, W)

    Attributes
    ----------
    gates : (k,) Parameter
        One for each candidate, shared by all cells.
    """

    def __init__(self, network: StagedNetwork, chosen: Sequence[Candidate], recipe: Recipe, shape: Shape) -> None:
        super().__init__()
        self.network, self.chosen, geometry = network, tuple(chosen), Geometry.of(shape)
        self.gates = nn.Parameter(torch.zeros(len(self.chosen)))
        self.pool = Pool3(geometry)
        self.cells = nn.ModuleList(
            nn.ModuleDict(
                {
                    _name(one): Conv(width, width, KERNELS[one.code], geometry)
                    for one in self.chosen
                    if one.code in KERNELS
                }
            )
            for width in stage_widths(recipe.channels)
            for _ in range(recipe.cells)
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) normalised images to the logits of the network, (B, classes)."""
        features: Tensor = self.network.stem(images)
        number = 0
        for place, stage in enumerate(self.network.stages):
            if place:
                features = self.network.reductions[place - 1](features)
            for cell in stage:  # type: ignore[attr-defined]  # torch says Module
                features = self._cell(cell, self.cells[number], features)
                number += 1
        logits: Tensor = self.network.head(features)
        return logits

    def _cell(self, cell: Cell, own: nn.Module, features: Tensor) -> Tensor:
        """Compute a cell, with what candidates add to its nodes."""
        nodes = [features]
        for node, edges in enumerate(cell.into[1:], start=1):
            total: Tensor | None = None
            for source, key in edges:
                term = cell.edges[key](nodes[source]) if key else nodes[source]
                total = term if total is None else total + term
            total = features.new_zeros(features.shape) if total is None else total
            for place, one in enumerate(self.chosen):
                if one.target == node:
                    weak = self._operation(own, one, nodes[EDGES[one.gene][0]].detach())
                    total = total + stop_forward(self.gates[place] * weak)
            nodes.append(total)
        return nodes[-1]

    def _operation(self, own: nn.Module, one: Candidate, inputs: Tensor) -> Tensor:
        if one.code == SKIP:
            return inputs
        if one.code == POOL:
            pooled: Tensor = self.pool(inputs)
            return pooled
        convolved = own.get_submodule(_name(one))(functional.relu(inputs))
        return functional.batch_norm(convolved, None, None, training=True, eps=EPSILON)

    def penalty(self) -> Tensor:
        """Return the sum of the sizes of the gates: the L1 norm."""
        return self.gates.abs().sum()

    def best(self, most: int) -> tuple[Candidate, ...]:
        """Return the candidates of the largest gates by size, at most one on each edge, the largest first."""
        order = torch.argsort(self.gates.detach().abs(), descending=True, stable=True).tolist()
        found: dict[int, Candidate] = {}
        for place in order:
            found.setdefault(self.chosen[place].gene, self.chosen[place])
        return tuple(found.values())[:most]

    @torch.no_grad()
    def hand_over(self, child: StagedNetwork, taken: Sequence[Candidate]) -> None:
        """Give a grown network the convolutions of its candidates, silent at first, so that it starts as the parent.

        Skips and pools have no scale that could begin at 0: with them it starts elsewhere.
        """
        every = (cell for stage in child.stages for cell in stage)  # type: ignore[attr-defined]  # torch says Module
        cells: Sequence[Mapping[str, nn.Module]] = [cell.edges for cell in every]
        for edges, own in zip(cells, self.cells, strict=True):
            for one in taken:
                if one.code in KERNELS:
                    part = edges[str(one.gene)]
                    part.get_parameter("conv.weight").copy_(own.get_parameter(f"{_name(one)}.weight"))
                    for name in ("norm.weight", "norm.bias"):
                        part.get_parameter(name).zero_()
