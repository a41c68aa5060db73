"""The surroundings of the cells of NAS-Bench-201, for all members of a pack, on signals: stem, reductions, head."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.training.engines.packed.signals.layers import ConvNorm, Feature, Norm, Workspace
from harness.training.engines.packed.weights import PackWeights


class ConvLayer:
    """Convolution and normalisation, the same for all members.

    Parameters
    ----------
    inputs : (M, I, N) Tensor
        Static.
    out : Feature
        (M, O, N).
    into : (M, I, N) Tensor, optional
        Where `backward` writes the gradient of the inputs.
    """

    def __init__(
        self, weights: PackWeights, key: str, inputs: Tensor, out: Feature, work: Workspace, *, into: Tensor | None
    ) -> None:
        self._layer, self._out = ConvNorm(weights, key, inputs, work), out
        self._layer.infer_into(out.values, add=True)
        if into is not None:
            self._layer.differentiate(into, add=False)

    def forward(self) -> None:
        """Write the output, in training."""
        self._out.values.copy_(self._layer.forward())

    def infer(self) -> None:
        """Write the output, in evaluation."""
        scale, shift = self._layer.norm.affine()
        self._out.values.copy_(shift.unsqueeze(2).expand_as(self._out.values))
        self._layer.infer(scale)

    def backward(self) -> None:
        """Write the gradients of the parameters and of the inputs."""
        self._layer.backward(self._out.gradient)


class SignalStem(ConvLayer):
    """Convolution of three taps on the signals, normalisation.

    Parameters
    ----------
    channels : int
        Of the signals.
    out : Feature
        (M, O, N).
    """

    def __init__(self, weights: PackWeights, channels: int, out: Feature, work: Workspace) -> None:
        members, _, positions = out.values.shape
        windows = out.values.new_zeros((members, 3 * channels, positions))
        # Of each channel: the left neighbour, the position itself, the right neighbour; zero beyond the ends.
        self._windows = windows.view(members, channels, 3, positions // work.batch, work.batch)
        super().__init__(weights, "stem", windows, out, work, into=None)

    def read(self, signals: Tensor) -> None:
        """Take in signals (M or 1, B, C, length)."""
        centre = self._windows[:, :, 1]
        centre.copy_(signals.permute(0, 2, 3, 1))
        self._windows[:, :, 0, 1:] = centre[:, :, :-1]
        self._windows[:, :, 2, :-1] = centre[:, :, 1:]


class Reduction(ConvLayer):
    """Average over two neighbours, 1x1 convolution to twice the channels, normalisation."""

    def __init__(self, weights: PackWeights, key: str, inputs: Feature, out: Feature, work: Workspace) -> None:
        shape = (*inputs.values.shape[:2], -1, 2, work.batch)
        self._pairs, self._pair_gradients = inputs.values.view(shape), inputs.gradient.view(shape)
        self._halved, self._gradient = torch.empty((2, *self._pairs[:, :, :, 0].shape), device=inputs.values.device)
        self._half = self._halved.new_tensor(0.5)
        super().__init__(weights, key, self._halved.flatten(2), out, work, into=self._gradient.flatten(2))

    def forward(self) -> None:
        """Write the output, in training."""
        self._halve()
        super().forward()

    def infer(self) -> None:
        """Write the output, in evaluation."""
        self._halve()
        super().infer()

    def _halve(self) -> None:
        torch.add(self._pairs[:, :, :, 0], self._pairs[:, :, :, 1], out=self._halved)
        self._halved.mul_(self._half)

    def backward(self) -> None:
        """Write the gradients of the parameters and of the inputs."""
        super().backward()
        self._gradient.mul_(self._half)
        self._pair_gradients.copy_(self._gradient.unsqueeze(3).expand_as(self._pair_gradients))


class SignalHead:
    """Batch normalisation, ReLU, mean over the signal, linear classifier."""

    def __init__(self, weights: PackWeights, inputs: Feature, work: Workspace) -> None:
        self._inputs = inputs
        features = inputs.values
        # Its gradient may overwrite the one it is computed from: every channel is read before it is written.
        self._norm = Norm(weights, "head", features, inputs.gradient, work)
        self._active = torch.empty_like(features)
        along = (*features.shape[:2], -1, work.batch)
        self._active_along, self._gradient_along = self._active.view(along), inputs.gradient.view(along)
        self._linear = weights.values.views["head.linear.weight"]
        self._bias = weights.values.views["head.linear.bias"].unsqueeze(2)
        self._weight_gradient = weights.gradients.views["head.linear.weight"]
        self._bias_gradient = weights.gradients.views["head.linear.bias"]
        self._pooled = features.new_empty((*features.shape[:2], work.batch))
        self._share = features.new_tensor(1 / self._active_along.shape[2])

    def forward(self) -> Tensor:
        """Return logits (M, classes, B), in training."""
        torch.clamp_min(self._norm.forward(), 0.0, out=self._active)
        return self._classify()

    def infer(self) -> Tensor:
        """Return logits (M, classes, B), in evaluation."""
        scale, shift = self._norm.affine()
        torch.mul(self._inputs.values, scale.unsqueeze(2), out=self._active).add_(shift.unsqueeze(2)).clamp_min_(0.0)
        return self._classify()

    def _classify(self) -> Tensor:
        torch.sum(self._active_along, 2, out=self._pooled)
        self._pooled.mul_(self._share)
        return torch.baddbmm(self._bias, self._linear, self._pooled)

    def backward(self, logits_gradient: Tensor) -> None:
        """Write the gradients of the parameters and of the inputs."""
        torch.bmm(logits_gradient, self._pooled.mT, out=self._weight_gradient)
        torch.sum(logits_gradient, 2, out=self._bias_gradient)
        pooled = torch.bmm(self._linear.mT, logits_gradient).mul_(self._share)
        self._gradient_along.copy_(pooled.unsqueeze(2).expand_as(self._gradient_along))
        gradient = self._inputs.gradient
        torch.ops.aten.threshold_backward.grad_input(gradient, self._active, 0.0, grad_input=gradient)
        self._norm.backward(gradient)
