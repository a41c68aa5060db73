"""Gradients of stacked networks on one mini-batch, written by hand.

At this size a step costs what its calls cost: a mini-batch makes about 50 of them, into preallocated buffers, instead
of the several hundred that autograd needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from surrogates.neural.networks import LAYERS, Stack


class Rows(NamedTuple):
    """A mini-batch of B rows: features (G, B, inputs), target (G, 1, B), weight in the loss (G, 1, B)."""

    features: Tensor
    target: Tensor
    weight: Tensor


@dataclass(frozen=True, eq=False)
class Workspace:
    """Buffers for a mini-batch of B rows.

    Attributes
    ----------
    active : (layers, G, width, B) float32
        Outputs of the hidden layers, activated.
    error : (layers, G, width, B) float32
        Derivatives of the loss by what is activated.
    output : (G, 1, B) float32
        Outputs of the networks, then the derivatives of the loss by them.
    """

    active: Tensor
    error: Tensor
    output: Tensor

    @classmethod
    def of(cls, stack: Stack, rows: int) -> Workspace:
        """Allocate the buffers that a stack needs."""
        active = stack.bias.new_empty((*stack.bias.shape[:3], rows))
        return cls(active, torch.empty_like(active), active.new_empty((active.shape[1], 1, rows)))


class Batch:
    """One mini-batch of an epoch: views of buffers whose contents change, made once so that a step indexes nothing.

    The loss of a network is ``sum(weight * |output - target|)``, or ``sum(weight / 2 * (output - target) ** 2)`` if
    `squared`; a row of weight 0 is padding.

    Parameters
    ----------
    stack, gradient : Stack
        Parameters, and where their gradients are written.
    workspace : Workspace
    rows : Rows
    squared : bool

    Attributes
    ----------
    output : (G, 1, B) float32
        What the networks give, then derivatives of the loss by it.
    top : (G, width, B) float32
        Derivatives of the loss by the last hidden layer.
    """

    def __init__(self, stack: Stack, gradient: Stack, workspace: Workspace, rows: Rows, *, squared: bool) -> None:
        layers, count, width, size = workspace.active.shape
        active, error, output = list(workspace.active), list(workspace.error), workspace.output
        self.rows = rows
        self.squared = squared
        self.output = output
        weights, inputs = [stack.first, *stack.hidden], [rows.features.mT, *active[:-1]]
        self._layer, self._through = LAYERS[stack.activation], _THROUGH[stack.activation]
        self._forward = list(zip(stack.bias, weights, inputs, active, strict=True))
        self._readout = stack.last_bias, stack.last, active[-1]
        self.top, self._last = error[-1], (stack.last.mT, active[-1])
        downstream = [weights.mT for weights in stack.hidden]
        self._backward = list(zip(downstream, error[1:], error[:-1], active[:-1], strict=True))[::-1]
        self._products = [(error[0], rows.features, gradient.first), (output, active[-1].mT, gradient.last)]
        self._sums = [(workspace.error, gradient.bias), (output, gradient.last_bias)]
        pairs = (layers - 1) * count
        if pairs:  # all hidden layers of all networks in one product
            hidden_error = workspace.error[1:].view(pairs, width, size)
            hidden_input = workspace.active[:-1].view(pairs, width, size).mT
            self._products.append((hidden_error, hidden_input, gradient.hidden.view(pairs, width, width)))

    def differentiate(self) -> None:
        """Write the gradients of the loss of this mini-batch, with the parameters as they are now."""
        self.forward()
        output = self.output
        output.sub_(self.rows.target)
        if not self.squared:
            output.sign_()
        output.mul_(self.rows.weight)
        self.backward()

    def forward(self) -> None:
        """Write the outputs of the networks to `output`."""
        layer = self._layer
        for bias, weights, inputs, active in self._forward:
            layer(bias, weights, inputs, active)
        torch.baddbmm(*self._readout, out=self.output)

    def backward(self) -> None:
        """Write the gradients of a loss whose derivatives by the outputs are in `output`."""
        torch.bmm(self._last[0], self.output, out=self.top)
        self.descend()

    def descend(self) -> None:
        """Write the gradients of a loss whose derivatives by the last hidden layer are in `top`, (G, width, B).

        Those of the output's weights are `output` times that layer.
        """
        bmm, through = torch.bmm, self._through
        through(self.top, self._last[1])
        for weights, upstream, error, active in self._backward:
            bmm(weights, upstream, out=error)
            through(error, active)
        for error, inputs, gradient in self._products:
            bmm(error, inputs, out=gradient)
        for error, gradient in self._sums:
            torch.sum(error, -1, keepdim=True, out=gradient)


_threshold, _tanh = torch.ops.aten.threshold_backward.grad_input, torch.ops.aten.tanh_backward.grad_input
_THROUGH: dict[str, Callable[[Tensor, Tensor], object]] = {
    "relu": lambda error, active: _threshold(error, active, 0, grad_input=error),
    "tanh": lambda error, active: _tanh(error, active, grad_input=error),
}
"""Carries derivatives (G, width, B) back through the activation, in place, given what came out of it."""
