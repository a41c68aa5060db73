"""Parametric learning curves: eleven forms of accuracy over epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.checks import FloatArray

MOST_PARAMETERS = 4


@dataclass(frozen=True)
class Form:
    """A parametric curve: accuracy in [0, 1] over epochs, counted from 1.

    Attributes
    ----------
    name : str
    start : tuple of float
        Values of the p parameters from which a fit starts.
    value : callable
        ``value(x, *parameters)``, elementwise; NaN or infinite where it is not defined.
    """

    name: str
    start: tuple[float, ...]
    value: Callable[..., FloatArray]

    def __call__(self, parameters: FloatArray, epochs: FloatArray) -> FloatArray:
        """Return values of curves: (..., p) parameters and (T,) epochs to (..., T).

        Examples
        --------
        >>> float(FORMS["hill3"](np.array([0.9, 1.0, 2.0]), np.array([2.0]))[0])
        0.45
        """
        with np.errstate(all="ignore"):
            return self.value(epochs, *(parameters[..., index, None] for index in range(len(self.start))))


def _vapor_pressure(x: FloatArray, a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    return np.exp(a + b / x + c * np.log(x))


def _pow3(x: FloatArray, c: FloatArray, a: FloatArray, alpha: FloatArray) -> FloatArray:
    return c - a * x**-alpha


def _log_log_linear(x: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    return np.log(a * np.log(x) + b)


def _hill3(x: FloatArray, theta: FloatArray, eta: FloatArray, kappa: FloatArray) -> FloatArray:
    return theta / (1.0 + (kappa / x) ** eta)  # theta x^eta / (kappa^eta + x^eta), without overflow


def _log_power(x: FloatArray, a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    return a / (1.0 + (x / np.exp(b)) ** c)


def _pow4(x: FloatArray, c: FloatArray, a: FloatArray, b: FloatArray, alpha: FloatArray) -> FloatArray:
    return c - (a * x + b) ** -alpha


def _mmf(x: FloatArray, alpha: FloatArray, beta: FloatArray, kappa: FloatArray, delta: FloatArray) -> FloatArray:
    return alpha - (alpha - beta) / (1.0 + (kappa * x) ** delta)


def _exp4(x: FloatArray, c: FloatArray, a: FloatArray, b: FloatArray, alpha: FloatArray) -> FloatArray:
    return c - np.exp(-a * x**alpha + b)


def _janoschek(x: FloatArray, alpha: FloatArray, beta: FloatArray, kappa: FloatArray, delta: FloatArray) -> FloatArray:
    return alpha - (alpha - beta) * np.exp(-kappa * x**delta)


def _weibull(x: FloatArray, alpha: FloatArray, beta: FloatArray, kappa: FloatArray, delta: FloatArray) -> FloatArray:
    return alpha - (alpha - beta) * np.exp(-((kappa * x) ** delta))


def _ilog2(x: FloatArray, c: FloatArray, a: FloatArray) -> FloatArray:
    return c - a / np.log(x + 1.0)


_LISTED = (
    Form("vapor_pressure", (-0.622, -0.470, 0.042), _vapor_pressure),
    Form("pow3", (0.84, 0.52, 0.01), _pow3),
    Form("log_log_linear", (1.0, 1.0), _log_log_linear),
    Form("hill3", (0.772, 0.586, 2.461), _hill3),
    Form("log_power", (0.77, 2.98, -0.51), _log_power),
    Form("pow4", (0.8, 200.0, 0.0, 0.1), _pow4),
    Form("mmf", (0.7, 0.1, 0.01, 5.0), _mmf),
    Form("exp4", (0.7, 0.8, -0.8, 0.3), _exp4),
    Form("janoschek", (0.73, 0.07, 0.355, 0.46), _janoschek),
    Form("weibull", (0.7, 0.1, 0.01, 1.0), _weibull),
    Form("ilog2", (0.78, 0.43), _ilog2),
)
FORMS = {form.name: form for form in _LISTED}
"""The forms of Domhan, Springenberg & Hutter, "Speeding up Automatic Hyperparameter Optimization of Deep Neural
Networks by Extrapolation of Learning Curves", IJCAI 2015, table 1, with the start values of the authors' code
(pylearningcurvepredictor); it names none for log-log-linear, which starts here from 1 and 1."""
