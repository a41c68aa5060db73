"""Optimisers of policies: steps of gradient ascent on a vector of parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

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
    """Adam (Kingma & Ba, ICLR 2015, Algorithm 1), upwards: decays 0.9 and 0.999, epsilon 1e-8, if no others are given.

    The unit of the gradient cancels, but for epsilon.  Where the gradient is 0 from the start nothing moves; a zero
    gradient counts as a step nevertheless, so that one before the same gradient twice makes these steps 0.744137 and
    0.858463 of the learning rate.
    """

    def __init__(self, learning_rate: float, *, decay: float = 0.9, epsilon: float = 1e-8) -> None:
        self._rate, self._decay, self._epsilon = learning_rate, decay, epsilon
        self._fresh = round(1 - decay, 12)  # 0.1, not the nearest number to 1 - 0.9
        self._steps = 0
        self._mean: FloatArray | None = None
        self._square: FloatArray | None = None

    def ascend(self, parameters: FloatArray, gradient: FloatArray) -> None:
        """Take a step."""
        if self._mean is None or self._square is None:
            self._mean, self._square = np.zeros_like(gradient), np.zeros_like(gradient)
        mean, square = self._mean, self._square
        self._steps += 1
        mean *= self._decay
        mean += self._fresh * gradient
        square *= 0.999
        square += 0.001 * np.square(gradient)
        root = np.sqrt(square)
        root *= 1 / sqrt(1 - 0.999**self._steps)
        root += self._epsilon
        np.divide(mean, root, out=root)
        root *= self._rate / (1 - self._decay**self._steps)
        parameters += root

    def state(self, like: FloatArray) -> dict[str, npt.NDArray[Any]]:
        """Return what the next steps depend on, for parameters of the shape of `like`."""
        mean, square = (np.zeros_like(like) if kept is None else kept.copy() for kept in (self._mean, self._square))
        return {"adam.steps": np.array(self._steps), "adam.mean": mean, "adam.square": square}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        self._steps = int(state["adam.steps"])
        self._mean, self._square = np.array(state["adam.mean"]), np.array(state["adam.square"])


OPTIMISERS: Mapping[str, Callable[[float], Optimiser]] = {"adam": Adam, "sgd": Ascent}
"""What makes an optimiser, from its learning rate, by the name that a spec uses."""
