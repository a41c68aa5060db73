"""Layers of many members side by side, on signals, with their gradients written out.

A feature map is (E, C, N): E rows (the layers of E members), C channels, N = length x batch with the batch innermost. A
neighbour along the signal is then a shift by the batch size, a convolution is one matrix product per tap on views, and
batch statistics are sums over the last axis.  Buffers are made once, so that views of them can be prepared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from harness.checks import IntArray
from harness.training.engines.packed.weights import PackWeights
from harness.training.networks.operations import EPSILON

Product = Callable[[], object]


def products(out: Tensor, left: Tensor, right: Tensor, *, add: bool) -> Product:
    """Prepare ``out = left @ right`` (or ``out += ...``) for stacks of matrices; the tensors are read at each call.

    On the CPU a loop over prepared views is faster than the batched call by a tenth to a quarter (C = 8 to 32).

    Parameters
    ----------
    out, left, right : (E, n, m), (E, n, k), (E, k, m)
        Static views.
    """
    if out.device.type != "cpu":
        return partial(out.baddbmm_, left, right) if add else partial(torch.bmm, left, right, out=out)
    triples = list(zip(out.unbind(0), left.unbind(0), right.unbind(0), strict=True))
    if len(triples) == 1:
        ((one, a, b),) = triples
        return partial(one.addmm_, a, b) if add else partial(torch.mm, a, b, out=one)

    def run() -> None:
        if add:
            for o, a, b in triples:
                o.addmm_(a, b)
        else:
            for o, a, b in triples:
                torch.mm(a, b, out=o)

    return run


class Workspace:
    """Buffers for one call at a time, shared by all layers of a network.

    Attributes
    ----------
    batch : int
        B.
    counts : dict of str to int
        How many values each normalisation averages over; they enter themselves.
    """

    def __init__(self, size: int, batch: int, device: torch.device) -> None:
        self.batch = batch
        self.counts: dict[str, int] = {}
        self._buffers = {name: torch.empty(size, device=device) for name in ("scratch", "y_gradient", "input_gradient")}

    def buffer(self, name: str, shape: Sequence[int]) -> Tensor:
        """Return the head of a buffer in a shape."""
        return self._buffers[name][: math.prod(shape)].view(*shape)


@dataclass(frozen=True, eq=False)
class Feature:
    """A feature map of all members and its gradient, both (M, C, N) and static."""

    values: Tensor
    gradient: Tensor

    @classmethod
    def empty(cls, shape: tuple[int, int, int], device: torch.device) -> Feature:
        """Return zeros."""
        return cls(torch.zeros(shape, device=device), torch.zeros(shape, device=device))


class MemberRows:
    """Some members' rows of a stack that holds all members: a view where they are consecutive, else a copy.

    Parameters
    ----------
    full : (M, ...) Tensor
    members : (E,) int64
        Ascending.
    """

    def __init__(self, full: Tensor, members: IntArray) -> None:
        self._full, self._members = full, members
        self.whole = len(members) == len(full)
        consecutive = int(members[-1]) - int(members[0]) + 1 == len(members)
        self._index = None if consecutive else torch.from_numpy(members).to(full.device)

    @cached_property
    def view(self) -> Tensor:
        """The rows (E, ...), or the buffer that `fetch` copies them to; static."""
        if self._index is None:
            return self._full[int(self._members[0]) : int(self._members[-1]) + 1]
        return self._full.new_empty((len(self._members), *self._full.shape[1:]))

    @property
    def is_copy(self) -> bool:
        """Whether `view` is a buffer of its own."""
        return self._index is not None

    def fetch(self) -> Tensor:
        """Return the rows as they are now, in `view`."""
        if self._index is not None:
            torch.index_select(self._full, 0, self._index, out=self.view)
        return self.view

    def add(self, term: Tensor, *, overwrite: bool = False) -> None:
        """Add `term` to the rows of the full stack; overwrite them only if they are all there are."""
        if overwrite:
            self.view.copy_(term)
        elif self._index is None:
            self.view.add_(term)
        else:
            self._full.index_add_(0, self._index, term)


class Norm:
    """Batch normalisation of a static (E, O, N) buffer.

    Parameters
    ----------
    key : str
        Of the layer in `weights`: ``key.weight``, ``key.bias``, and `key` for its statistics.
    y : (E, O, N) Tensor
        Static; not changed between `forward` and `backward`.
    y_gradient : (E, O, N) Tensor
        Static; `backward` writes it.
    work : Workspace
    """

    def __init__(self, weights: PackWeights, key: str, y: Tensor, y_gradient: Tensor, work: Workspace) -> None:
        rows, outputs, self._count = y.shape
        self._shape, self._channels = y.shape, rows * outputs
        flat = (1, self._channels, self._count)
        self._y, self._y_gradient = y.view(flat), y_gradient.view(flat)
        self._gain, self._bias = weights.values.views[f"{key}.weight"], weights.values.views[f"{key}.bias"]
        self._flat_gain, self._flat_bias = self._gain.view(-1), self._bias.view(-1)
        self._gain_gradient = weights.gradients.views[f"{key}.weight"].view(-1)
        self._bias_gradient = weights.gradients.views[f"{key}.bias"].view(-1)
        self._mean, self._variance = weights.means.views[key], weights.variances.views[key]
        self._batch = weights.batch_means.views[key].view(1, -1), weights.batch_inverses.views[key].view(1, -1)
        self._flat_batch = self._batch[0].view(-1), self._batch[1].view(-1)
        work.counts[key] = self._count

    def forward(self) -> Tensor:
        """Return the output (E, O, N) with the batch's statistics, which are kept."""
        # Equal to batch normalisation, because every channel is a group of its own, and three times as fast.
        out, mean, inverse = torch.native_group_norm(
            self._y, self._flat_gain, self._flat_bias, 1, self._channels, self._count, self._channels, EPSILON
        )
        self._batch[0].copy_(mean)
        self._batch[1].copy_(inverse)
        return out.view(self._shape)

    def affine(self) -> tuple[Tensor, Tensor]:
        """Return scale and shift, both (E, O), by the running statistics: evaluation gives y x scale + shift."""
        scale = self._gain * (self._variance + EPSILON).rsqrt_()
        return scale, torch.addcmul(self._bias, scale, self._mean, value=-1)

    def backward(self, gradient: Tensor) -> None:
        """Write the gradients of gain and bias, and of `y`, from that of the output (E, O, N)."""
        torch.ops.aten.native_batch_norm_backward.out(
            gradient.view(self._y.shape),
            self._y,
            self._flat_gain,
            None,
            None,
            *self._flat_batch,
            True,
            EPSILON,
            [True, True, True],
            out0=self._y_gradient,
            out1=self._gain_gradient,
            out2=self._bias_gradient,
        )


class ConvNorm:
    """Convolution (1 or 3 taps, zero padding) and its batch normalisation.

    Parameters
    ----------
    key : str
        Of the layer in `weights`: ``key.conv`` and the names of `Norm`.
    inputs : (E, I, N) Tensor
        Static; read at each call.
    work : Workspace
    """

    def __init__(self, weights: PackWeights, key: str, inputs: Tensor, work: Workspace) -> None:
        self._conv, self._gradient = weights.values.views[f"{key}.conv"], weights.gradients.views[f"{key}.conv"]
        rows, taps, outputs, _ = self._conv.shape
        shape = (rows, outputs, inputs.shape[2])
        self._inputs, self._scaled = inputs, torch.empty_like(self._conv)
        self._y, self._y_gradient = inputs.new_empty(shape), work.buffer("y_gradient", shape)
        self.norm = Norm(weights, key, self._y, self._y_gradient, work)
        everything, batch = slice(None), work.batch
        self._spans = [(taps // 2, everything, everything)]
        # Signals of one position have no neighbours: the gradients of two taps are zero, and SGD uses gradients up.
        self._alone = self._gradient[:, ::2] if taps == 3 and inputs.shape[2] == batch else None
        if taps == 3 and self._alone is None:
            self._spans += [(0, slice(batch, None), slice(-batch)), (2, slice(-batch), slice(batch, None))]
        self._products = self._convolve(self._conv, self._y, add=False)
        self._inference: list[Product] = []
        self._gradient_products = [
            products(self._gradient[:, tap], self._y_gradient[:, :, here], inputs[:, :, there].mT, add=False)
            for tap, here, there in self._spans
        ]

    def _convolve(self, kernels: Tensor, out: Tensor, *, add: bool) -> list[Product]:
        return [
            products(out[:, :, here], kernels[:, tap], self._inputs[:, :, there], add=add or bool(position))
            for position, (tap, here, there) in enumerate(self._spans)
        ]

    def differentiate(self, into: Tensor, *, add: bool) -> None:
        """Have `backward` write the gradient of the inputs into a static (E, I, N) view, or add it."""
        self._gradient_products += [
            products(into[:, :, there], self._conv[:, tap].mT, self._y_gradient[:, :, here], add=add or bool(position))
            for position, (tap, here, there) in enumerate(self._spans)
        ]

    def infer_into(self, out: Tensor, *, add: bool) -> None:
        """Have `infer` write the output without shift into a static (E, O, N) view, or add it."""
        self._inference = self._convolve(self._scaled, out, add=add)

    def forward(self) -> Tensor:
        """Return the output (E, O, N), normalised by the batch's statistics."""
        for product in self._products:
            product()
        return self.norm.forward()

    def infer(self, scale: Tensor) -> None:
        """Compute the output without shift, as `infer_into` says: the scale (E, O) is folded into the kernels."""
        torch.mul(self._conv, scale[:, None, :, None], out=self._scaled)
        for product in self._inference:
            product()

    def backward(self, gradient: Tensor) -> None:
        """Write the gradients of the parameters, and of the inputs if asked for."""
        self.norm.backward(gradient)
        if self._alone is not None:
            self._alone.zero_()
        for product in self._gradient_products:
            product()
