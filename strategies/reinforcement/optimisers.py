"""Optimisers of policies: steps of gradient ascent on a vector of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Protocol

import numpy as np

from harness.checks import FloatArray


class Optimiser(Protocol):
    """Takes steps."""

    def ascend(self, parameters: FloatArray, gradient: FloatArray) -> None:
        """Change parameters, in place, by a step along a gradient of the same shape."""


class Ascent:
    """Plain stochastic gradient ascent: the parameters grow by ``learning_rate`` times the gradient.

    The step has the unit of the gradient, so the rewards' unit matters: 0.1 on percents is 10 on fractions.
    """

    def __init__(self, learning_rate: float) -> None:
        self._rate = learning_rate

    def ascend(self, parameters: FloatArray, gradient: FloatArray) -> None:
        """Take a step."""
        parameters += self._rate * gradient


class Adam:
    """Adam (Kingma & Ba, ICLR 2015, Algorithm 1), upwards: decays 0.9 and 0.999, epsilon 1e-8.

    The unit of the gradient cancels, but for epsilon.  Where the gradient is 0 from the start nothing moves; a zero
    gradient counts as a step nevertheless, so that one before the same gradient twice makes these steps 0.744137 and
    0.858463 of the learning rate.
    """

    def __init__(self, learning_rate: float) -> None:
        self._rate = learning_rate
        self._steps = 0
        self._mean: FloatArray | None = None
        self._square: FloatArray | None = None

    def ascend(self, parameters: FloatArray, gradient: FloatArray) -> None:
        """Take a step."""
        if self._mean is None or self._square is None:
            self._mean, self._square = np.zeros_like(gradient), np.zeros_like(gradient)
        mean, square = self._mean, self._square
        self._steps += 1
        mean *= 0.9
        mean += 0.1 * gradient
        square *= 0.999
        square += 0.001 * np.square(gradient)
        root = np.sqrt(square)
        root *= 1 / sqrt(1 - 0.999**self._steps)
        root += 1e-8
        np.divide(mean, root, out=root)
        root *= self._rate / (1 - 0.9**self._steps)
        parameters += root


OPTIMISERS: Mapping[str, Callable[[float], Optimiser]] = {"adam": Adam, "sgd": Ascent}
"""What makes an optimiser, from its learning rate, by the name that a spec uses."""
