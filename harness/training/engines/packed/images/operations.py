"""The operations of the packed networks on images, in plain torch: one member after the other, for any device.

The oracle of the kernels in `harness.training.engines.packed.triton`, which do the same for all members at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional, grad

from harness.training.engines.packed.images.maps import CONV, POOL, Edge, Lattice, Maps, Norms, Slope, Sum
from harness.training.networks.operations import EPSILON

Run = Callable[[int], None]
"""Does a prepared operation for a batch size."""


class PlainOperations:
    """Operations on rows of feature maps: prepared once, run once a step.  Subclasses do the same by other means."""

    def __init__(self, norms: Norms, lattice: Lattice) -> None:
        self._norms, self._lattice = norms, lattice
        self._values, self._gradients = norms.weights.values.flat, norms.weights.gradients.flat

    def begin(self) -> None:
        """Take in the parameters as they are now, before each forward pass; here, they are read where they lie."""

    def patches(self, images: Tensor, out: Maps) -> None:
        """Write the 3x3 neighbourhoods (rows, B, H, W, 9 C) of images (rows, B, C, H, W), channel by channel."""
        rows, batch, channels = images.shape[:3]
        size = (self._lattice.rows, 3)
        columns = functional.unfold(images.flatten(0, 1), size, padding=(size[0] // 2, 1)).mT
        view = out.view(batch)
        view[:rows, ..., : channels * self._lattice.taps] = columns.view(*view.shape[:4], -1)

    def convolve(
        self, edges: Sequence[Edge], source: Maps, out: Maps, *, training: bool, relu: bool = True, down: bool = False
    ) -> Run:
        """Write convolutions of (rectified) sources; in training, their statistics, scales and shifts too."""

        def run(batch: int) -> None:
            inputs, outputs = source.view(batch), out.view(batch)
            for edge in edges:
                values = self._input(inputs[edge.source], source, relu=relu)
                kernels = self._kernels_of(self._values, edge, out.channels, source.channels).to(values.dtype)
                result = functional.conv2d(values, kernels, None, *self._lying(edge, down=down)).permute(0, 2, 3, 1)
                outputs[edge.out] = result
                if training and edge.normed:
                    self._normalise(edge, outputs[edge.out].flatten(0, 2))

        return run

    def _input(self, row: Tensor, maps: Maps, *, relu: bool) -> Tensor:
        values = row[..., : maps.channels].permute(0, 3, 1, 2)
        return values.relu() if relu else values

    def _kernels_of(self, flat: Tensor, edge: Edge, outputs: int, inputs: int) -> Tensor:
        rows = self._lattice.rows if edge.taps > 1 else 1
        kernels = flat[edge.weight : edge.weight + edge.taps * outputs * inputs]
        return kernels.view(rows, -1, outputs, inputs).permute(2, 3, 0, 1)

    def _lying(self, edge: Edge, *, down: bool) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return stride and padding."""
        padding = (self._lattice.rows // 2, 1) if edge.taps > 1 else (0, 0)
        return self._lattice.down if down else (1, 1), padding

    def _normalise(self, edge: Edge, rows: Tensor) -> None:
        """Write the statistics of a batch from rows (n, C)."""
        norms, channels = self._norms, rows.shape[1]
        here = slice(edge.stat, edge.stat + channels)
        variance, mean = torch.var_mean(rows.to(norms.mean.dtype), 0, correction=0)
        inverse = (variance + EPSILON).rsqrt()
        norms.mean[here], norms.inverse[here] = mean, inverse
        norms.scale[here] = self._values[edge.gain : edge.gain + channels] * inverse
        norms.shift[here] = self._values[edge.bias : edge.bias + channels] - mean * norms.scale[here]

    def add(self, sums: Sequence[Sum], nodes: Maps, convs: Maps) -> Run:
        """Write nodes; rows of skips and pools are in `nodes`, those of convolutions in `convs`."""

        def run(batch: int) -> None:
            rows, outputs = nodes.view(batch), convs.view(batch)
            for item in sums:
                total = torch.zeros_like(rows[item.out], dtype=self._norms.scale.dtype)
                for term in item.terms:
                    if term.kind == CONV:
                        here = slice(term.stat, term.stat + nodes.channels)
                        total += outputs[term.row] * self._norms.scale[here] + self._norms.shift[here]
                    else:
                        total += self._average(rows[term.row]) if term.kind == POOL else rows[term.row]
                rows[item.out] = total

        return run

    def _average(self, row: Tensor) -> Tensor:
        """Average (B, H, W, C) over neighbours."""
        three, one = (self._lattice.rows, 3), (self._lattice.rows // 2, 1)
        pooled = functional.avg_pool2d(row.permute(0, 3, 1, 2), three, 1, one, count_include_pad=False)
        return pooled.permute(0, 2, 3, 1)

    def _spread(self, gradient: Tensor) -> Tensor:
        """Return the gradient of what `_average` averages."""
        three, one = (self._lattice.rows, 3), (self._lattice.rows // 2, 1)
        gradient = gradient.permute(0, 3, 1, 2)
        counts = functional.avg_pool2d(torch.ones_like(gradient[:1, :1]), three, 1, one, divisor_override=1)
        return functional.avg_pool2d(gradient / counts, three, 1, one, divisor_override=1).permute(0, 2, 3, 1)

    def halve(self, rows: Sequence[int], source: Maps, out: Maps) -> Run:
        """Average over 2x2 positions of the source's rows, into rows 0, 1, ... of `out`."""

        def run(batch: int) -> None:
            inputs, outputs = source.view(batch), out.view(batch)
            for position, row in enumerate(rows):
                values = inputs[row].permute(0, 3, 1, 2)
                outputs[position] = functional.avg_pool2d(values, self._lattice.down).permute(0, 2, 3, 1)

        return run

    def weigh(
        self,
        edges: Sequence[Edge],
        source: Maps,
        convs: Maps,
        gradients: Maps,
        conv_gradients: Maps,
        *,
        relu: bool = True,
        down: bool = False,
    ) -> Run:
        """Write the gradients of convolutions' outputs (from those of the sums) and of their kernels."""

        def run(batch: int) -> None:
            inputs, outputs, sums, results = (maps.view(batch) for maps in (source, convs, gradients, conv_gradients))
            for edge in edges:
                a, b, c = self._norms.slopes[:, edge.stat : edge.stat + convs.channels]
                results[edge.slope] = a * sums[edge.into] + b * outputs[edge.out] + c
                values = self._input(inputs[edge.source], source, relu=relu)
                kernels = self._kernels_of(self._gradients, edge, convs.channels, source.channels)
                gradient = results[edge.slope].permute(0, 3, 1, 2)
                kernels.copy_(
                    grad.conv2d_weight(  # type: ignore[no-untyped-call]  # torch leaves it untyped
                        values, kernels.shape, gradient, *self._lying(edge, down=down)
                    )
                )

        return run

    def descend(
        self,
        slopes: Sequence[Slope],
        nodes: Maps,
        convs: Maps,
        gradients: Maps,
        conv_gradients: Maps,
        *,
        relu: bool = True,
        down: bool = False,
        halved: Maps | None = None,
    ) -> Run:
        """Write gradients of nodes, and those of the gains and biases of convolutions that lead into them.

        Parameters
        ----------
        down : bool
            The convolutions halve the size: `conv_gradients` are smaller than the nodes.
        halved : Maps, optional
            Gradients of the averages over 2x2 positions, row i for slope i.
        """

        def run(batch: int) -> None:
            rows, sums, results = nodes.view(batch), gradients.view(batch), conv_gradients.view(batch)
            for position, slope in enumerate(slopes):
                total = torch.zeros_like(rows[slope.node], dtype=self._norms.scale.dtype)
                for edge in slope.convolutions:
                    shape = (batch, nodes.channels, nodes.height, nodes.width)
                    gradient = results[edge.slope].permute(0, 3, 1, 2)
                    kernels = self._kernels_of(self._values, edge, conv_gradients.channels, nodes.channels)
                    total += grad.conv2d_input(  # type: ignore[no-untyped-call]  # torch leaves it untyped
                        shape, kernels.to(gradient.dtype), gradient, *self._lying(edge, down=down)
                    ).permute(0, 2, 3, 1)
                if relu:
                    total = torch.where(rows[slope.node] > 0, total, 0.0)
                for term in slope.direct:
                    total += self._spread(sums[term.row]) if term.kind == POOL else sums[term.row]
                if halved is not None:
                    high, wide = self._lattice.down
                    small = halved.view(batch)[position] / (high * wide)
                    total += small.repeat_interleave(high, 1).repeat_interleave(wide, 2)
                sums[slope.out] = total
                self._norm_gradients(slope.into, sums[slope.out], convs.view(batch))

        return run

    def _norm_gradients(self, edges: Sequence[Edge], gradient: Tensor, outputs: Tensor) -> None:
        """Write the gradients of gains and biases, and the slopes, from the gradient (..., C) of a sum."""
        for edge in edges:
            self._norm_gradient(edge, gradient.flatten(0, -2), outputs[edge.out].flatten(0, -2))

    def _norm_gradient(self, edge: Edge, gradient: Tensor, outputs: Tensor) -> None:
        norms, (count, channels) = self._norms, outputs.shape
        here = slice(edge.stat, edge.stat + channels)
        mean, inverse = norms.mean[here], norms.inverse[here]
        gradient = gradient.to(mean.dtype)
        bias, gain = gradient.sum(0), (gradient * ((outputs - mean) * inverse)).sum(0)
        self._gradients[edge.bias : edge.bias + channels] = bias
        self._gradients[edge.gain : edge.gain + channels] = gain
        a = self._values[edge.gain : edge.gain + channels] * inverse
        b = -a * inverse * gain / count
        norms.slopes[0, here], norms.slopes[1, here], norms.slopes[2, here] = a, b, -a * bias / count - b * mean

    def pool(self, edges: Sequence[Edge], nodes: Maps, *, training: bool) -> Callable[[int], Tensor]:
        """Return the head's means (M, B, C) float32 of normalised, rectified rows; `edges` hold only the norm."""

        def run(batch: int) -> Tensor:
            means = []
            for edge in edges:
                row = nodes.view(batch)[edge.out]
                if training:
                    self._normalise(edge, row.flatten(0, 2))
                means.append(self._active(edge, row).mean((1, 2)))
            return torch.stack(means)

        return run

    def _active(self, edge: Edge, row: Tensor) -> Tensor:
        here = slice(edge.stat, edge.stat + row.shape[-1])
        return (row * self._norms.scale[here] + self._norms.shift[here]).relu()

    def unpool(
        self, edges: Sequence[Edge], into: Sequence[Sequence[Edge]], nodes: Maps, convs: Maps, gradients: Maps
    ) -> Callable[[int, Tensor], None]:
        """Write the gradients of the head's norm, of its rows and of the norms before, from that of the means."""

        def run(batch: int, means: Tensor) -> None:
            rows, outputs, sums = nodes.view(batch), convs.view(batch), gradients.view(batch)
            for edge, before, mean in zip(edges, into, means, strict=True):
                row = rows[edge.out]
                gradient = torch.where(self._active(edge, row) > 0, mean[:, None, None] / nodes.area, 0.0)
                self._norm_gradient(edge, gradient.flatten(0, 2), row.flatten(0, 2))
                a, b, c = self._norms.slopes[:, edge.stat : edge.stat + nodes.channels]
                sums[edge.into] = a * gradient + b * row + c
                self._norm_gradients(before, sums[edge.into], outputs)

        return run
