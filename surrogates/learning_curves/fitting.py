"""Least-squares fits of parametric curves: many curves and forms side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray
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
    SIAM Journal 11, 1963) with differences for derivatives.  Forms and curves go through the same steps side by side,
    until each has settled: a curve more costs little, and the numbers of a curve do not depend on the others beyond
    rounding.

    Parameters
    ----------
    forms : sequence of F Form
    epochs : (T,) float64
        Ascending, from 1.
    curves : (n, T) float64
        NaN where there is no value.
    weights : (T,) or (n, T) float64, optional
        Of the squared residuals; the default is 1.
    steps : int
        At most.
    """
    n, width = curves.shape
    known: BoolArray = np.isfinite(curves)
    roots = known * np.sqrt(np.ones(len(epochs)) if weights is None else weights)
    values = np.where(known, curves, 0.0)
    used = np.array([[place < len(form.start) for place in range(MOST_PARAMETERS)] for form in forms], dtype=bool)
    starts = np.array([form.start + (0.0,) * (MOST_PARAMETERS - len(form.start)) for form in forms])
    # pairs of a form and a curve, P of them, a form's after each other; those that are settled are no longer computed
    of_form, of_curve = (places.ravel() for places in np.indices((len(forms), n)))

    def residuals(points: FloatArray, pairs: IntArray) -> FloatArray:
        """Return weighted residuals of pairs, (..., P, T) of (..., P, 4) parameters."""
        out = np.empty((*points.shape[:-1], width))
        bounds = np.searchsorted(of_form[pairs], np.arange(len(forms) + 1)).tolist()
        for form, start, stop in zip(forms, bounds, bounds[1:], strict=False):
            if start < stop:
                out[..., start:stop, :] = form(points[..., start:stop, :], epochs)
        curve = of_curve[pairs]
        with np.errstate(all="ignore"):
            return np.where(roots[curve] > 0, (out - values[curve]) * roots[curve], 0.0)

    def errors(residual: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            squared = np.square(residual).sum(axis=-1)
        return np.where(np.isfinite(squared), squared, np.inf)

    fitted = starts[of_form]
    residual = residuals(fitted, np.arange(len(fitted)))
    squared_error = errors(residual)
    pairs = np.flatnonzero(np.isfinite(squared_error))
    parameters, residual, error = fitted[pairs], residual[pairs], squared_error[pairs]
    damping = np.full(len(pairs), 0.1)
    shifts = np.eye(MOST_PARAMETERS)[:, None, :]
    for _ in range(steps):
        if not len(pairs):
            break
        unused = ~used[of_form[pairs]]
        delta = _STEP * np.maximum(np.abs(parameters), 1e-3)  # (P, 4)
        moved = residuals(parameters + shifts * delta, pairs)  # (4, P, T)
        with np.errstate(all="ignore"):
            slopes = (moved - residual) / delta.T[..., None]
        slopes = np.where(np.isfinite(slopes), slopes, 0.0)
        normal = np.einsum("ipt,jpt->pij", slopes, slopes)
        gradient = np.einsum("ipt,pt->pi", slopes, np.where(np.isfinite(residual), residual, 0.0))
        diagonal = np.einsum("pii->pi", normal)
        scale = np.where(unused, 1.0, np.maximum(diagonal, 1e-12))
        system = normal + (damping[:, None] * scale + unused)[..., None] * np.eye(MOST_PARAMETERS)
        proposed = parameters - np.linalg.solve(system, gradient[..., None])[..., 0]
        new_residual = residuals(proposed, pairs)
        new_error = errors(new_residual)
        better = new_error < error
        settled = better & (error - new_error < _CONVERGED * error)
        parameters = np.where(better[:, None], proposed, parameters)
        residual = np.where(better[:, None], new_residual, residual)
        error = np.where(better, new_error, error)
        damping = np.clip(np.where(better, damping / 3.0, damping * 2.0), *_DAMPING)
        goes_on = ~settled & (damping < _DAMPING[1]) & (error > 1e-20)
        if not goes_on.all():
            fitted[pairs], squared_error[pairs] = parameters, error
            pairs, parameters, residual = pairs[goes_on], parameters[goes_on], residual[goes_on]
            error, damping = error[goes_on], damping[goes_on]
    fitted[pairs], squared_error[pairs] = parameters, error
    return Fits(fitted.reshape(len(forms), n, MOST_PARAMETERS), squared_error.reshape(len(forms), n))
