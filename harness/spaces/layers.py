"""Layers that networks are built of, as numbers: shapes of kernels, parameters and multiply-adds.

Multiply-adds are convolution weights x output positions plus the head's weights and bias, as NAS-Bench-201 and
NATS-Bench count their "FLOPs"; batch normalisation, ReLU, pooling and additions are not counted.  Widths may be arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.checks import FloatArray, IntArray

Shape = tuple[int, int, int]
"""Channels, height and width of an image; a signal is an image of height 1."""
CIFAR: Shape = (3, 32, 32)


@dataclass(frozen=True)
class Geometry:
    """Kernel shapes for images or, with `signal`, for signals of height 1: kernels (1, k), strides and pools (1, s)."""

    signal: bool = False

    @classmethod
    def of(cls, shape: Shape) -> Geometry:
        """Return the geometry of images of a shape."""
        return cls(signal=shape[1] == 1)

    def size(self, length: int) -> tuple[int, int]:
        """Return a kernel or stride of this length."""
        return (1 if self.signal else length, length)

    def padding(self, kernel: int) -> tuple[int, int]:
        """Return the padding that keeps the size at stride 1."""
        return (0 if self.signal else kernel // 2, kernel // 2)

    def area(self, kernel: int) -> int:
        """Return the number of weights of a kernel, for one input and one output channel."""
        return math.prod(self.size(kernel))

    def positions(self, shape: Shape, stages: int) -> list[int]:
        """Return the positions of a feature map in each stage; between stages the sides are halved."""
        _, height, width = shape
        return [height * width // self.area(2) ** stage for stage in range(stages)]


Count = int | IntArray


@dataclass(frozen=True)
class Cost:
    """Parameters and multiply-adds of one image, (n,) int64 each, or () where nothing is searched."""

    params: IntArray
    macs: IntArray

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.params + other.params, self.macs + other.macs)

    def __mul__(self, times: Count) -> Cost:
        return Cost(self.params * times, self.macs * times)

    def millions(self) -> dict[str, FloatArray]:
        """Return both in millions, by the names that `SearchSpace.costs` gives them."""
        return {"params_m": self.params / 1e6, "macs_m": self.macs / 1e6}


def conv(inputs: Count, outputs: Count, area: int, positions: int) -> Cost:
    """Count a convolution without bias."""
    weights: IntArray = np.multiply(inputs, outputs, dtype=np.int64) * area
    return Cost(weights, weights * positions)


def norm(channels: Count) -> Cost:
    """Count a batch normalisation."""
    weights: IntArray = np.multiply(2, channels, dtype=np.int64)
    return Cost(weights, 0 * weights)


def conv_norm(inputs: Count, outputs: Count, area: int, positions: int) -> Cost:
    """Count a convolution and its batch normalisation."""
    return conv(inputs, outputs, area, positions) + norm(outputs)


def separable(channels: Count, area: int, positions: int) -> Cost:
    """Count a depthwise convolution, a 1x1 convolution and their batch normalisation."""
    return conv(1, channels, area, positions) + conv_norm(channels, channels, 1, positions)


def reduction(kind: str, inputs: Count, outputs: Count, geometry: Geometry, positions: int) -> Cost:
    """Count the block between two stages, "residual" or "pool"; `positions` are those of its output."""
    if kind == "pool":
        return conv_norm(inputs, outputs, 1, positions)
    area = geometry.area(3)
    convs = conv_norm(inputs, outputs, area, positions) + conv_norm(outputs, outputs, area, positions)
    return convs + conv(inputs, outputs, 1, positions)


def head(channels: Count, classes: int) -> Cost:
    """Count the last batch normalisation and the classifier."""
    linear = conv(channels, classes, 1, 1)
    return norm(channels) + Cost(linear.params + classes, linear.macs + classes)


def staged(
    cell: Callable[[int, Geometry, int], Cost],
    *,
    widths: Sequence[int],
    cells: int,
    classes: int,
    shape: Shape,
    kind: str,
) -> Cost:
    """Count equal cells in stages: a stem, a reduction between stages, a head.

    Parameters
    ----------
    cell : callable
        From width, geometry and positions to what one cell counts.
    widths : sequence of int
        Channels of each stage; the stem has those of the first.
    cells : int
        In each stage.
    kind : str
        Of `reduction`.
    """
    geometry = Geometry.of(shape)
    positions = geometry.positions(shape, len(widths))
    total = conv_norm(shape[0], widths[0], geometry.area(3), positions[0])
    for stage, (width, places) in enumerate(zip(widths, positions, strict=True)):
        if stage:
            total += reduction(kind, widths[stage - 1], width, geometry, places)
        total += cell(width, geometry, places) * cells
    return total + head(widths[-1], classes)
