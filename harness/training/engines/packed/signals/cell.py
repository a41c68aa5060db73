"""One cell of NAS-Bench-201 for all members of a pack, on signals: three waves forward, three backward."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from harness.spaces.four_nodes import NODES, SKIP
from harness.spaces.nb201.operations import POOL
from harness.training.engines.packed.plan import SOURCES, Bucket, WavePlan
from harness.training.engines.packed.signals.layers import ConvNorm, Feature, MemberRows, Workspace
from harness.training.engines.packed.weights import PackWeights


class Edges(ABC):
    """A bucket in a cell: reads the rows of its source node, adds to the rows of its targets."""

    def __init__(self, cell: SignalCell, bucket: Bucket) -> None:
        members, self.targets = bucket.members, bucket.targets
        self.source = MemberRows(cell.nodes[bucket.source], members)
        self.into = [MemberRows(cell.nodes[target], members) for target in bucket.targets]
        self.first = [False] * len(bucket.targets)  # the cell says later which of them begin the sum of a node
        self.source_gradient = MemberRows(cell.gradients[bucket.source], members)
        self.from_ = [MemberRows(cell.gradients[target], members) for target in bucket.targets]

    @abstractmethod
    def forward(self, *, training: bool) -> None:
        """Add the operation's outputs to the targets; in training, begin their sums where it comes first."""

    @abstractmethod
    def backward(self) -> None:
        """Add to the gradient of the source."""


class SkipEdges(Edges):
    """Identity."""

    def forward(self, *, training: bool) -> None:
        """Add the source to the targets."""
        values = self.source.fetch()
        for rows, first in zip(self.into, self.first, strict=True):
            rows.add(values, overwrite=first and training)

    def backward(self) -> None:
        """Add the targets' gradients to the source's."""
        for rows in self.from_:
            self.source_gradient.add(rows.fetch())


class PoolEdges(Edges):
    """Average over three neighbours, padding not counted."""

    def __init__(self, cell: SignalCell, bucket: Bucket) -> None:
        super().__init__(cell, bucket)
        self._shift = cell.work.batch
        neighbours = torch.full_like(cell.nodes[0][:1, :1], 3.0)
        neighbours[..., : self._shift] -= 1
        neighbours[..., -self._shift :] -= 1
        self._inverse = 1 / neighbours
        self._sum = cell.work.buffer("scratch", self.source.view.shape)

    def forward(self, *, training: bool) -> None:
        """Add the pooled source to the targets."""
        values, total, shift = self.source.fetch(), self._sum, self._shift
        torch.add(values[..., shift:], values[..., :-shift], out=total[..., shift:])
        total[..., :shift] = values[..., :shift]
        total[..., :-shift].add_(values[..., shift:])
        total.mul_(self._inverse)
        for rows, first in zip(self.into, self.first, strict=True):
            rows.add(total, overwrite=first and training)

    def backward(self) -> None:
        """Spread the targets' gradients over the neighbours."""
        first, *others = self.from_
        spread, shift = self._sum, self._shift
        torch.mul(first.fetch(), self._inverse, out=spread)
        for rows in others:
            spread.addcmul_(rows.fetch(), self._inverse)
        gradient = self.source_gradient.view
        if self.source_gradient.is_copy:
            gradient.zero_()
        gradient.add_(spread)
        gradient[..., shift:].add_(spread[..., :-shift])
        gradient[..., :-shift].add_(spread[..., shift:])
        if self.source_gradient.is_copy:
            self.source_gradient.add(gradient)


class ConvEdges(Edges):
    """ReLU, convolution, batch normalisation."""

    def __init__(self, cell: SignalCell, bucket: Bucket, weights: PackWeights, *, first: bool) -> None:
        super().__init__(cell, bucket)
        members = bucket.members
        self._rectified = MemberRows(cell.rectified[bucket.source], members)
        self._layers = [
            ConvNorm(weights, f"{cell.key}.{gene}.{bucket.key}", self._rectified.view, cell.work)
            for gene in bucket.genes
        ]
        self._bases = [MemberRows(cell.bases[target], members) for target in bucket.targets]
        self._scales: list[Tensor] = []
        self._scratch = cell.work.buffer("scratch", self._rectified.view.shape)
        self._input_gradient = MemberRows(cell.input_gradient, members)
        self.overwrites = first and self._input_gradient.whole
        overwrite = self.overwrites or self._input_gradient.is_copy
        for position, (layer, rows) in enumerate(zip(self._layers, self.into, strict=True)):
            layer.differentiate(self._input_gradient.view, add=bool(position) or not overwrite)
            layer.infer_into(self._scratch if rows.is_copy else rows.view, add=not rows.is_copy)

    def forward(self, *, training: bool) -> None:
        """Add the normalised convolutions to the targets; in evaluation, without their shifts."""
        self._rectified.fetch()
        if not training:
            self._infer()
            return
        for rows, layer, first in zip(self.into, self._layers, self.first, strict=True):
            rows.add(layer.forward(), overwrite=first)

    def prepare(self) -> None:
        """Get ready for evaluation: add the shifts of the normalisations to the bases of the targets."""
        self._scales = []
        for rows, layer in zip(self._bases, self._layers, strict=True):
            scale, shift = layer.norm.affine()
            rows.add(shift.unsqueeze(2))
            self._scales.append(scale)

    def _infer(self) -> None:
        for rows, layer, scale in zip(self.into, self._layers, self._scales, strict=True):
            layer.infer(scale)
            if rows.is_copy:
                rows.add(self._scratch)

    def backward(self) -> None:
        """Add to the gradient of the rectified source."""
        for rows, layer in zip(self.from_, self._layers, strict=True):
            layer.backward(rows.fetch())
        if self._input_gradient.is_copy:
            self._input_gradient.add(self._input_gradient.view)


class SignalCell:
    """Four nodes of M members, each (M, C, N).

    Parameters
    ----------
    plan : WavePlan
    weights : PackWeights
    key : str
        Of the cell in `weights`, for example ``"stages.0.0"``.
    inputs : Feature
        Node 0.
    work : Workspace

    Attributes
    ----------
    out : Feature
        Node 3.
    """

    def __init__(self, plan: WavePlan, weights: PackWeights, key: str, inputs: Feature, work: Workspace) -> None:
        self.key, self.work, features = key, work, inputs.values
        # A node without edges into it stays zero.
        self.nodes = [features, *(torch.zeros_like(features) for _ in range(NODES - 1))]
        self.gradients = [inputs.gradient, *(torch.zeros_like(features) for _ in range(NODES - 1))]
        self.out = Feature(self.nodes[-1], self.gradients[-1])
        self.rectified = [
            torch.empty_like(features) if any(bucket.is_convolution for bucket in wave) else features
            for wave in plan.waves
        ]
        self.input_gradient = work.buffer("input_gradient", features.shape)
        self.bases = features.new_zeros((NODES, *features.shape[:2], 1))
        fed = sorted({target for bucket in plan.buckets for target in bucket.targets})
        self._filled = [(self.nodes[node], self.bases[node].expand_as(features)) for node in fed]
        self._simple = [[_SIMPLE[b.operation](self, b) for b in wave if not b.is_convolution] for wave in plan.waves]
        convolutions = [[bucket for bucket in wave if bucket.is_convolution] for wave in plan.waves]
        self._convs = [[ConvEdges(self, b, weights, first=b is wave[0]) for b in wave] for wave in convolutions]
        self._cleared = self._begin_sums(fed)

    def forward(self) -> None:
        """Compute nodes 1 to 3, in training."""
        for node in self._cleared:
            self.nodes[node].zero_()
        self._run(training=True)

    def infer(self) -> None:
        """Compute nodes 1 to 3, in evaluation."""
        self.bases.zero_()
        for convs in self._convs:
            for conv in convs:
                conv.prepare()
        for node, base in self._filled:
            node.copy_(base)
        self._run(training=False)

    def _run(self, *, training: bool) -> None:
        for source, (simple, convs) in enumerate(zip(self._simple, self._convs, strict=True)):
            if convs:
                torch.clamp_min(self.nodes[source], 0.0, out=self.rectified[source])
            for edges in (*simple, *convs):
                edges.forward(training=training)

    def _begin_sums(self, targets: list[int]) -> list[int]:
        """Mark the edges that write a node first, where they do it for all members; return the other nodes."""
        left = set(targets)
        begun: set[int] = set()
        for simple, convs in zip(self._simple, self._convs, strict=True):
            for edges in (*simple, *convs):
                for position, target in enumerate(edges.targets):
                    if target not in begun and edges.into[position].whole:
                        edges.first[position] = True
                        left.discard(target)
                    begun.add(target)
        return sorted(left)

    def backward(self) -> None:
        """Compute the gradients of nodes 2 to 0 and of the parameters."""
        for source in reversed(range(SOURCES)):
            convs, gradient = self._convs[source], self.gradients[source]
            if convs:
                if not convs[0].overwrites:
                    self.input_gradient.zero_()
                for conv in convs:
                    conv.backward()
                torch.ops.aten.threshold_backward.grad_input(
                    self.input_gradient, self.rectified[source], 0.0, grad_input=gradient
                )
            elif self._simple[source]:
                gradient.zero_()
            for edges in self._simple[source]:
                edges.backward()


_SIMPLE: dict[int, type[Edges]] = {SKIP: SkipEdges, POOL: PoolEdges}
