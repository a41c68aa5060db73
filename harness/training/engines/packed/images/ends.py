"""The surroundings of the cells of NAS-Bench-201, for all members of a pack, on images: stem, reductions, head.

A block prepares its operations once.  Its `backward` begins with the gradients of the convolutions that lead into its
output and ends with the gradient of its input, from which those of the norms before that follow.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.training.engines.packed.images.maps import Maps, Slope, Sum
from harness.training.engines.packed.images.places import Block, Feature, Pack, Stage, normed

_ALIGNED = 16
"""Values that the neighbourhoods of a position are filled up to a multiple of."""


class ImageStem(Block):
    """3x3 convolution of the image, as a product with its neighbourhoods, and normalisation."""

    def __init__(self, pack: Pack) -> None:
        stage, shape, self._operations = pack.stages[0], pack.shape, pack.operations
        channels = shape[0] * pack.lattice.taps
        self._patches = pack.maps(*shape[1:], channels, pitch=-(-channels // _ALIGNED) * _ALIGNED)
        seen = self._patches.take(len(pack.members) if pack.training else 1)  # all see the same in evaluation
        self.out, rows = pack.feature(stage, 1), pack.rows(stage, len(pack.members))
        edges = [pack.edge("stem", m, seen[m % len(seen)], rows[m], self.out.gradients[m], 0) for m in pack.members]
        self.out.into.extend((edge,) for edge in edges)
        sums = [Sum(self.out.nodes[m], (normed(edges[m]),)) for m in pack.members]
        self._forward = [
            self._operations.convolve(edges, self._patches, stage.convs, training=pack.training, relu=False),
            self._operations.add(sums, stage.nodes, stage.convs),
        ]
        if pack.training:
            maps = self._patches, stage.convs, stage.gradients, stage.conv_gradients
            self._backward = [self._operations.weigh(edges, *maps, relu=False)]

    def read(self, images: Tensor) -> None:
        """Take in images (M or 1, B, C, H, W)."""
        self._operations.patches(images, self._patches)


class ResidualReduction(Block):
    """Two ReLU-Conv3x3-BN, the first with stride 2, plus 2x2 average and 1x1 convolution without BN."""

    def __init__(self, pack: Pack, stage: int, inputs: Feature) -> None:
        before, after, operations, members = pack.stages[stage - 1], pack.stages[stage], pack.operations, pack.members
        training, count, name = pack.training, len(members), f"reductions.{stage - 1}"
        halved = half_maps(pack, before, after)
        small = halved.take(count)
        self.out, middle = pack.feature(after, 1), pack.keep(after.nodes, count)
        middle_gradients, rows = pack.share(after.gradients, count), pack.rows(after, 3 * count)
        first = [pack.edge(f"{name}.a", m, inputs.nodes[m], rows[m], middle_gradients[m], stage) for m in members]
        rows = rows[count:]
        second = [pack.edge(f"{name}.b", m, middle[m], rows[m], self.out.gradients[m], stage) for m in members]
        rows = rows[count:]
        short = [pack.bare_edge(f"{name}.shortcut", m, small[m], rows[m], self.out.gradients[m]) for m in members]
        self.out.into.extend((edge,) for edge in second)
        sums = [Sum(middle[m], (normed(first[m]),)) for m in members]
        total = [Sum(self.out.nodes[m], (normed(short[m]), normed(second[m]))) for m in members]
        self._forward = [
            operations.halve(inputs.nodes, before.nodes, halved),
            operations.convolve(short, halved, after.convs, training=training, relu=False),
            operations.convolve(first, before.nodes, after.convs, training=training, down=True),
            operations.add(sums, after.nodes, after.convs),
            operations.convolve(second, after.nodes, after.convs, training=training),
            operations.add(total, after.nodes, after.convs),
        ]
        if not training:
            return
        every = after.nodes, after.convs, after.gradients, after.conv_gradients
        to_middle = [Slope(middle_gradients[m], middle[m], (second[m],), into=(first[m],)) for m in members]
        through = [Slope(inputs.gradients[m], inputs.nodes[m], (first[m],), into=inputs.into[m]) for m in members]
        spread = half_maps(pack, before, after)
        to_half = [Slope(row, row, (short[m],)) for m, row in enumerate(spread.take(count))]
        self._backward = [
            operations.weigh(second, *every),
            operations.weigh(short, halved, *every[1:], relu=False),
            operations.descend(to_half, halved, after.convs, spread, after.conv_gradients, relu=False),
            operations.descend(to_middle, *every),
            operations.weigh(first, before.nodes, *every[1:], down=True),
            operations.descend(
                through, before.nodes, before.convs, before.gradients, after.conv_gradients, down=True, halved=spread
            ),
        ]


class PoolReduction(Block):
    """2x2 average, 1x1 convolution to twice the channels, normalisation."""

    def __init__(self, pack: Pack, stage: int, inputs: Feature) -> None:
        before, after, operations, members = pack.stages[stage - 1], pack.stages[stage], pack.operations, pack.members
        count, name = len(members), f"reductions.{stage - 1}"
        halved = half_maps(pack, before, after)
        small, rows, self.out = halved.take(count), pack.rows(after, count), pack.feature(after, 1)
        edges = [pack.edge(name, m, small[m], rows[m], self.out.gradients[m], stage) for m in members]
        self.out.into.extend((edge,) for edge in edges)
        sums = [Sum(self.out.nodes[m], (normed(edges[m]),)) for m in members]
        self._forward = [
            operations.halve(inputs.nodes, before.nodes, halved),
            operations.convolve(edges, halved, after.convs, training=pack.training, relu=False),
            operations.add(sums, after.nodes, after.convs),
        ]
        if not pack.training:
            return
        spread = half_maps(pack, before, after)
        to_half = [Slope(row, row, (edges[m],)) for m, row in enumerate(spread.take(count))]
        through = [Slope(inputs.gradients[m], inputs.nodes[m], into=inputs.into[m]) for m in members]
        self._backward = [
            operations.weigh(edges, halved, after.convs, after.gradients, after.conv_gradients, relu=False),
            operations.descend(to_half, halved, after.convs, spread, after.conv_gradients, relu=False),
            operations.descend(
                through,
                before.nodes,
                before.convs,
                before.gradients,
                after.conv_gradients,
                relu=False,
                down=True,
                halved=spread,
            ),
        ]


def half_maps(pack: Pack, before: Stage, after: Stage) -> Maps:
    """Return maps for averages over 2x2 positions."""
    return pack.maps(after.nodes.height, after.nodes.width, before.nodes.channels)


class ImageHead:
    """Normalisation, ReLU, mean over positions, linear classifier."""

    def __init__(self, pack: Pack, inputs: Feature) -> None:
        maps, operations, values = inputs.stage, pack.operations, pack.weights.values.views
        edges = [pack.head_edge(m, inputs.nodes[m], inputs.gradients[m]) for m in pack.members]
        self._pool = operations.pool(edges, maps.nodes, training=pack.training)
        self._linear, self._bias = values["head.linear.weight"], values["head.linear.bias"].unsqueeze(2)
        gradients = pack.weights.gradients.views
        self._weight_gradient, self._bias_gradient = gradients["head.linear.weight"], gradients["head.linear.bias"]
        self._pooled: Tensor | None = None
        if pack.training:
            self._unpool = operations.unpool(edges, inputs.into, maps.nodes, maps.convs, maps.gradients)

    def forward(self, batch: int) -> Tensor:
        """Return logits (M, classes, B)."""
        self._pooled = self._pool(batch)
        return torch.baddbmm(self._bias, self._linear, self._pooled.mT)

    def backward(self, batch: int, logits_gradient: Tensor) -> None:
        """Write the gradients of the parameters and of the input."""
        assert self._pooled is not None, "the engine calls forward before"  # noqa: S101 - a fault of ours
        torch.bmm(logits_gradient, self._pooled, out=self._weight_gradient)
        torch.sum(logits_gradient, 2, out=self._bias_gradient)
        self._unpool(batch, torch.bmm(logits_gradient.mT, self._linear))
