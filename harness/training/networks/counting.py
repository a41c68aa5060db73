"""Closed-form counts of the shared layers.

MACs are convolution weights x output positions plus the head's weights and bias, as NAS-Bench-201 and NATS-Bench count
their "FLOPs"; batch normalisation, ReLU, pooling and additions are not counted.  Widths may be arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks import IntArray
from harness.training.networks.operations import Geometry


@dataclass(frozen=True)
class Cost:
    """Parameters and multiply-accumulates of one image; each an int or an (n,) int64 array."""

    params: int | IntArray
    macs: int | IntArray

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.params + other.params, self.macs + other.macs)

    def __mul__(self, times: int | IntArray) -> Cost:
        return Cost(self.params * times, self.macs * times)


def conv(inputs: int | IntArray, outputs: int | IntArray, area: int, positions: int) -> Cost:
    """Count a convolution without bias."""
    weights = inputs * outputs * area
    return Cost(weights, weights * positions)


def norm(channels: int | IntArray) -> Cost:
    """Count a batch normalisation."""
    return Cost(2 * channels, 0 * channels)


def conv_norm(inputs: int | IntArray, outputs: int | IntArray, area: int, positions: int) -> Cost:
    """Count a convolution and its batch normalisation."""
    return conv(inputs, outputs, area, positions) + norm(outputs)


def reduction(kind: str, inputs: int | IntArray, outputs: int | IntArray, geometry: Geometry, positions: int) -> Cost:
    """Count the block between two stages; `positions` are those of its output."""
    if kind == "pool":
        return conv_norm(inputs, outputs, 1, positions)
    area = geometry.area(3)
    convs = conv_norm(inputs, outputs, area, positions) + conv_norm(outputs, outputs, area, positions)
    return convs + conv(inputs, outputs, 1, positions)


def head(channels: int | IntArray, classes: int) -> Cost:
    """Count the last batch normalisation and the classifier."""
    linear = channels * classes + classes
    return norm(channels) + Cost(linear, linear)
