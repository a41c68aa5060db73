"""Layers shared by the networks; images and signals run through the same code.

A signal is an image of height 1: its kernels are (1, k), its strides and pools (1, s).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.spaces.layers import Geometry

EPSILON, MOMENTUM = 1e-5, 0.1
"""Of batch normalisation."""


class Conv(nn.Conv2d):
    """Convolution without bias, padded to keep the size at stride 1."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        geometry: Geometry,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__(
            inputs,
            outputs,
            geometry.size(kernel),
            stride=geometry.size(stride),
            padding=geometry.padding(dilation * (kernel - 1) + 1),
            dilation=geometry.size(dilation),
            groups=groups,
            bias=False,
        )

    def reset_parameters(self) -> None:
        """Draw initial weights; none on the meta device, where drawing takes half of the time of building."""
        if not self.weight.is_meta:
            super().reset_parameters()

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H/stride, W/stride)."""
        if self.kernel_size != (1, 1) or features.device.type != "cpu":
            return super().forward(features)
        return pointwise(features, self.weight)


def pointwise(features: Tensor, weight: Tensor) -> Tensor:
    """Compute a 1x1 convolution: (B, inputs, H, W) by (outputs, inputs, 1, 1) to (B, outputs, H, W)."""
    if features.device.type != "cpu":
        return functional.conv2d(features, weight)
    # On a CPU with channels last, a 1x1 convolution is twice as fast as the matrix product that it is.
    return functional.linear(features.permute(0, 2, 3, 1), weight.flatten(1)).permute(0, 3, 1, 2)


def convolved(features: Tensor, weight: Tensor, like: Conv) -> Tensor:
    """Convolve with given weights, as a layer of the same kernel does: (B, C, H, W) by (O, C, h, w)."""
    if like.kernel_size == (1, 1):
        return pointwise(features, weight)
    return functional.conv2d(features, weight, None, like.stride, like.padding)


class Norm(nn.BatchNorm2d):
    """Batch normalisation with affine parameters and running statistics, in fp32 whatever the input."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPSILON, momentum=MOMENTUM)
        self.num_batches_tracked = None  # unused with a fixed momentum, and one kernel for each layer and step

    def reset_parameters(self) -> None:
        """Start at scale 1, shift 0, and running statistics of a standard normal."""
        for tensor, value in ((self.weight, 1), (self.bias, 0), (self.running_mean, 0), (self.running_var, 1)):
            if tensor is not None and not tensor.is_meta:
                nn.init.constant_(tensor, value)


class ConvNorm(nn.Module):
    """Convolution and batch normalisation, no ReLU: the stem, and a skip between unequal widths."""

    def __init__(self, inputs: int, outputs: int, kernel: int, geometry: Geometry, *, stride: int = 1) -> None:
        super().__init__()
        self.conv = Conv(inputs, outputs, kernel, geometry, stride=stride)
        self.norm = Norm(outputs)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H/stride, W/stride)."""
        normed: Tensor = self.norm(self.conv(features))
        return normed


class ReLUConvNorm(ConvNorm):
    """ReLU, convolution, batch normalisation: the convolutional operations of NAS-Bench-201."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H/stride, W/stride)."""
        return super().forward(functional.relu(features))


class Separable(nn.Module):
    """Depthwise convolution, 1x1 convolution, batch normalisation; its input is already rectified.

    On signals and a CPU both are computed as the one dense convolution that they are, with the product of their
    kernels, ``w[o, i, k] = pointwise[o, i] depthwise[i, k]``: half of the time at micro widths.  Where a hook looks at
    either, both are called.
    """

    def __init__(self, channels: int, kernel: int, geometry: Geometry, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.depthwise = Conv(channels, channels, kernel, geometry, stride=stride, dilation=dilation, groups=channels)
        self.pointwise = Conv(channels, channels, 1, geometry)
        self.norm = Norm(channels)
        self._signal = geometry.signal

    def forward(self, rectified: Tensor, taps: Tensor | None = None) -> Tensor:
        """(B, C, H, W) to (B, C, H/stride, W/stride); the depthwise kernel is multiplied by `taps`, (1, 1, h, w)."""
        depthwise = self.depthwise
        weight = depthwise.weight if taps is None else depthwise.weight * taps
        stride, padding, dilation = depthwise.stride, depthwise.padding, depthwise.dilation
        if self._signal and rectified.device.type == "cpu" and not (_watched(depthwise) or _watched(self.pointwise)):
            dense = self.pointwise.weight * weight.transpose(0, 1)
            features = functional.conv2d(rectified, dense, None, stride, padding, dilation)
        elif taps is None:
            features = self.pointwise(depthwise(rectified))
        else:
            of_each = functional.conv2d(rectified, weight, None, stride, padding, dilation, depthwise.groups)
            features = self.pointwise(of_each)
        normed: Tensor = self.norm(features)
        return normed


def _watched(part: nn.Module) -> bool:
    return bool(part._forward_hooks or part._forward_pre_hooks)


class SeparableTwice(nn.Module):
    """The separable convolution of DARTS: twice, the second at stride 1, with a ReLU between."""

    def __init__(self, channels: int, kernel: int, geometry: Geometry, *, stride: int = 1) -> None:
        super().__init__()
        self.a = Separable(channels, kernel, geometry, stride=stride)
        self.b = Separable(channels, kernel, geometry)

    def forward(self, rectified: Tensor, taps: Tensor | None = None) -> Tensor:
        """(B, C, H, W) to (B, C, H/stride, W/stride); `taps` of both as in `Separable`."""
        result: Tensor = self.b(functional.relu(self.a(rectified, taps)), taps)
        return result


class Pool3(nn.Module):
    """Average over 3x3 neighbours; padding is not counted."""

    def __init__(self, geometry: Geometry, *, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.padding, self.stride = geometry.size(3), geometry.padding(3), geometry.size(stride)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H/stride, W/stride)."""
        return functional.avg_pool2d(features, self.kernel, self.stride, self.padding, count_include_pad=False)


class MaxPool3(Pool3):
    """Maximum over 3x3 neighbours."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H/stride, W/stride)."""
        return functional.max_pool2d(features, self.kernel, self.stride, self.padding)


class ResidualBlock(nn.Module):
    """Halve the size: two ReLU-Conv3x3-BN, plus average pool and 1x1 convolution without BN; no ReLU after the sum."""

    def __init__(self, inputs: int, outputs: int, geometry: Geometry) -> None:
        super().__init__()
        self.a = ReLUConvNorm(inputs, outputs, 3, geometry, stride=2)
        self.b = ReLUConvNorm(outputs, outputs, 3, geometry)
        self.shortcut = Conv(inputs, outputs, 1, geometry)
        self.halve = geometry.size(2)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H/2, W/2)."""
        shortcut: Tensor = self.shortcut(functional.avg_pool2d(features, self.halve, self.halve))
        deep: Tensor = self.b(self.a(features))
        return shortcut + deep


class PoolTransition(ConvNorm):
    """Halve the size: average pool, 1x1 convolution, batch normalisation."""

    def __init__(self, inputs: int, outputs: int, geometry: Geometry) -> None:
        super().__init__(inputs, outputs, 1, geometry)
        self.halve = geometry.size(2)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H/2, W/2)."""
        return super().forward(functional.avg_pool2d(features, self.halve, self.halve))


class Classifier(nn.Module):
    """Mean over positions, linear classifier, both in fp32 at least."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, classes)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, classes) float32, or float64 for features in that."""
        # A plain mean: the backward pass of adaptive pooling is not deterministic on CUDA.
        pooled = features.to(torch.promote_types(features.dtype, torch.float32)).mean((2, 3))
        with torch.autocast(pooled.device.type, enabled=False):
            logits: Tensor = self.linear(pooled)
        return logits


class Head(Classifier):
    """BN, ReLU, then the classifier."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(channels, classes)
        self.norm = Norm(channels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, classes) float32, or float64 for features in that."""
        return super().forward(functional.relu(self.norm(features)))


def forget_statistics(network: nn.Module) -> None:
    """Let every batch normalisation of a network use the statistics of the batch, in evaluation too."""
    for part in network.modules():
        if isinstance(part, Norm):
            part.track_running_stats, part.running_mean, part.running_var = False, None, None


def normalised(features: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
    """Normalise by the statistics of the batch: (B, C, H, W) to the same, times a scale (C,) plus a shift."""
    return functional.batch_norm(features, None, None, scale, shift, training=True, eps=EPSILON)


def normalised_by(features: Tensor, norm: Norm) -> Tensor:
    """Normalise by the statistics of the batch, with the first of a layer's affine parameters, if it has any."""
    if not norm.affine:
        return normalised(features)
    count = features.shape[1]
    return normalised(features, norm.weight[:count], norm.bias[:count])


def laid_out(module: nn.Module, device: torch.device, layout: torch.memory_format) -> nn.Module:
    """Move a network to a device and its weights into a memory format, in place."""
    moved: nn.Module = module.to(device=device, memory_format=layout)  # type: ignore[call-overload]  # missing in torch
    return moved


def reduction(kind: str, inputs: int, outputs: int, geometry: Geometry) -> nn.Module:
    """Return the block between two stages: "residual" or "pool"."""
    block = ResidualBlock if kind == "residual" else PoolTransition
    return block(inputs, outputs, geometry)
