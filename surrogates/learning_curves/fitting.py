"""Least-squares fits of parametric curves: many curves and forms side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.checks import BoolArray, FloatArray
from surrogates.learning_curves.forms import MOST_PARAMETERS, Form

STEPS = 100
"""Steps of the minimiser at most."""
_STEP = 1e-6  # of the differences that stand for derivatives, relative to the parameter
_CONVERGED = 1e-8  # a step that lowers the squared error by less, relatively, is the last
_DAMPING = (1e-10, 1e10)  # bounds


@dataclass(frozen=True, eq=False)
class Fits:
    """Fits of F forms to n curves.

    Attributes
    ----------
    parameters : (F, n, 4) float64
        Zeros behind those that a form has.
    squared_error : (F, n) float64
        Weighted sum of squared residuals; infinite where there is no fit.
    """

    parameters: FloatArray
    squared_error: FloatArray


def fit_forms(
    forms: Sequence[Form], epochs: FloatArray, curves: FloatArray, weights: FloatArray | None = None, steps: int = STEPS
) -> Fits:
    """Fit every form to every curve, from the form's start values.

    Levenberg and Marquardt's method (Marquardt, "An algorithm for least-squares estimation of nonlinear parameters",
    SIAM Journal 11, 1963) with differences for derivatives.  Forms and curves go through the same steps side by side:
    a curve more costs little, and the numbers of a curve do not depend on the others beyond rounding.

    Parameters
    ----------
    forms : sequence of F Form
    epochs : (T,) float64
        Ascending, from 1.
    curves : (n, T) float64
        NaN where there is no value.
    weights : (T,) float64, optional
        Of the squared residuals; the default is 1.
    steps : int
        At most.
    """
    count, n = len(forms), len(curves)
    known: BoolArray = np.isfinite(curves)
    roots = known * np.sqrt(np.ones(len(epochs)) if weights is None else weights)
    values = np.where(known, curves, 0.0)
    parameters = np.zeros((count, n, MOST_PARAMETERS))
    for index, form in enumerate(forms):
        parameters[index, :, : len(form.start)] = form.start
    used = np.array([[place < len(form.start) for place in range(MOST_PARAMETERS)] for form in forms], dtype=bool)

    def residuals(points: FloatArray) -> FloatArray:
        """Return weighted residuals, (..., F, n, T) of (..., F, n, 4) parameters."""
        out = np.empty((*points.shape[:-1], len(epochs)))
        for index, form in enumerate(forms):
            out[..., index, :, :] = form(points[..., index, :, :], epochs)
        with np.errstate(all="ignore"):
            return np.where(roots > 0, (out - values) * roots, 0.0)

    def errors(residual: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            squared = np.square(residual).sum(axis=-1)
        return np.where(np.isfinite(squared), squared, np.inf)

    residual = residuals(parameters)
    error = errors(residual)
    damping = np.full((count, n), 0.1)
    active = np.isfinite(error)
    shifts = np.eye(MOST_PARAMETERS)[:, None, None, :]
    for _ in range(steps):
        if not active.any():
            break
        delta = _STEP * np.maximum(np.abs(parameters), 1e-3)  # (F, n, 4)
        moved = residuals(parameters + shifts * delta)  # (4, F, n, T)
        with np.errstate(all="ignore"):
            slopes = (moved - residual) / np.moveaxis(delta, -1, 0)[..., None]
        slopes = np.where(np.isfinite(slopes), slopes, 0.0)
        normal = np.einsum("iabt,jabt->abij", slopes, slopes)
        gradient = np.einsum("iabt,abt->abi", slopes, np.where(np.isfinite(residual), residual, 0.0))
        diagonal = np.einsum("abii->abi", normal)
        scale = np.where(used[:, None, :], np.maximum(diagonal, 1e-12), 1.0)
        system = normal + (damping[..., None] * scale + ~used[:, None, :])[..., None] * np.eye(MOST_PARAMETERS)
        step = -np.linalg.solve(system, gradient[..., None])[..., 0]
        proposed = parameters + step
        new_residual = residuals(proposed)
        new_error = errors(new_residual)
        better = active & (new_error < error)
        settled = better & (error - new_error < _CONVERGED * error)
        parameters = np.where(better[..., None], proposed, parameters)
        residual = np.where(better[..., None], new_residual, residual)
        error = np.where(better, new_error, error)
        damping = np.clip(np.where(better, damping / 3.0, damping * 2.0), *_DAMPING)
        active &= ~settled & (damping < _DAMPING[1]) & (error > 1e-20)
    return Fits(parameters, error)
