"""Feature maps of the packed networks on images: rows of memory, edges between them, coefficients of the norms.

A feature map is (B, H, W, C), channels last, one row for each member: members never share memory, and what a kernel
reads and writes is named by row numbers.  So one kernel computes any set of edges of any members, and nothing is
gathered or scattered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harness.spaces.layers import Geometry
from harness.training.engines.packed.weights import PackWeights

SKIP, POOL, CONV = 1, 2, 3
"""Kinds of terms: identity, 3x3 average without padding, normalised convolution."""


class Maps:
    """Feature maps of one size; rows are counted first, memory is taken at the first view.

    Parameters
    ----------
    height, width, channels : int
    batch : int
        Largest B.
    pitch : int, optional
        Values kept for each position, at least `channels`; the others are zero.
    """

    def __init__(
        self,
        height: int,
        width: int,
        channels: int,
        *,
        batch: int,
        dtype: torch.dtype,
        device: torch.device,
        pitch: int = 0,
    ) -> None:
        self.height, self.width, self.channels, self.pitch = height, width, channels, pitch or channels
        self.batch, self._dtype, self._device = batch, dtype, device
        self._rows = 0
        self._memory: Tensor | None = None

    def take(self, count: int) -> list[int]:
        """Return new rows, consecutive."""
        first, self._rows = self._rows, self._rows + count
        return list(range(first, self._rows))

    @property
    def area(self) -> int:
        """Positions of an image."""
        return self.height * self.width

    def memory(self) -> Tensor:
        """Return all rows, flat."""
        if self._memory is None:
            size = max(1, self._rows) * self.batch * self.area * self.pitch
            self._memory = torch.zeros(size, dtype=self._dtype, device=self._device)
        return self._memory

    def view(self, batch: int) -> Tensor:
        """Return (rows, B, H, W, pitch) for a batch size; another size gives the same memory another meaning."""
        shape = (max(1, self._rows), batch, self.height, self.width, self.pitch)
        return self.memory()[: math.prod(shape)].view(shape)


@dataclass(frozen=True)
class Edge:
    """A convolution of one member, usually with its normalisation.

    Attributes
    ----------
    source : int
        Row of the input.
    out, slope : int
        Rows of the convolution's output, and of the gradient of it.
    into : int
        Row of the gradient of the sum that the output is added to.
    weight, taps : int
        Where the (taps, outputs, inputs) kernel starts in the flat parameters.
    stat : int
        Where its channels start in the flat statistics.
    gain, bias : int
        Where they start in the flat parameters; -1 without normalisation, `stat` is that of the identity then.
    """

    source: int
    out: int
    slope: int
    into: int
    weight: int
    taps: int
    stat: int
    gain: int
    bias: int

    @property
    def normed(self) -> bool:
        """Whether a normalisation follows."""
        return self.gain >= 0


@dataclass(frozen=True)
class Term:
    """One summand of a node: a row, and what is done to it (`SKIP`, `POOL`, or `CONV` by the statistics at `stat`)."""

    kind: int
    row: int
    stat: int = 0


@dataclass(frozen=True)
class Sum:
    """A node of one member: the row and its summands; none give zeros."""

    out: int
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Slope:
    """The gradient of one node of one member.

    Attributes
    ----------
    out : int
        Row of the gradient.
    node : int
        Row of the node itself: what is rectified before the convolutions.
    convolutions : tuple of Edge
        Those that leave the node.
    direct : tuple of Term
        Skips and pools that leave it; rows of gradients.
    into : tuple of Edge
        Normalised convolutions that lead into it: the gradients of their gains and biases follow from its gradient.
    """

    out: int
    node: int
    convolutions: tuple[Edge, ...] = ()
    direct: tuple[Term, ...] = ()
    into: tuple[Edge, ...] = ()


@dataclass(frozen=True, eq=False)
class Lattice:
    """How the positions of two sizes of feature maps lie on each other.

    Attributes
    ----------
    rows : int
        3, or 1 for signals: kernels of 3x3 are (rows, 3).
    down : (int, int)
        Stride of a reduction.
    """

    rows: int
    down: tuple[int, int]

    @classmethod
    def of(cls, geometry: Geometry) -> Lattice:
        """Return that of images or signals."""
        return cls(geometry.size(3)[0], geometry.size(2))

    @property
    def taps(self) -> int:
        """Number of taps of a 3x3 kernel."""
        return 3 * self.rows


class Norms:
    """Coefficients of all normalisations, by channel in the order of the flat statistics.

    After the last of them comes the identity: scale 1, shift 0, for as many channels as the widest has.

    Attributes
    ----------
    scale, shift : (S + C,) Tensor
        An output is y x scale + shift.
    slopes : (3, S + C) Tensor
        The gradient of y is a dz + b y + c, from that of the output z.
    mean, inverse : (S,) Tensor
        Of the batch; of the pack's weights.
    """

    def __init__(self, weights: PackWeights, widest: int) -> None:
        self.weights = weights
        self.mean, self.inverse = self.weights.batch_means.flat, self.weights.batch_inverses.flat
        self.identity = len(self.mean)
        self.scale = self.mean.new_ones(self.identity + widest)
        self.shift = torch.zeros_like(self.scale)
        self.slopes = torch.zeros((3, len(self.scale)), dtype=self.mean.dtype, device=self.mean.device)
        self.slopes[0] = 1.0
        index = np.empty((2, self.identity), dtype=np.int64)
        for key, view in self.weights.means.views.items():
            here = slice(view.storage_offset(), view.storage_offset() + view.numel())
            for part, name in enumerate(("weight", "bias")):
                values = self.weights.values.views[f"{key}.{name}"]
                index[part, here] = values.storage_offset() + np.arange(values.numel())
        self._gains, self._biases = torch.from_numpy(index).to(self.mean.device)

    def prepare(self, epsilon: float) -> None:
        """Write all scales and shifts by the running statistics."""
        weights = self.weights
        scale = weights.values.flat[self._gains] * (weights.variances.flat + epsilon).rsqrt_()
        self.scale[: self.identity] = scale
        self.shift[: self.identity] = weights.values.flat[self._biases] - weights.means.flat * scale
