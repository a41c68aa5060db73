"""Extrapolation of learning curves by an ensemble of parametric forms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray
from surrogates.learning_curves.fitting import Fits, fit_forms
from surrogates.learning_curves.forms import FORMS, Form
from surrogates.learning_curves.scores import last_value

_LEAST_VARIANCE = 1e-8
"""Of residuals, accuracies in [0, 1]: a curve that a form meets exactly is not infinitely likely."""
_COMPARED = 2.0
"""Epoch at which a form must be lower than at the horizon."""


def recency(count: int) -> FloatArray:
    """Return weights of `count` values that grow with their epoch, as in the code of Domhan et al.

    Examples
    --------
    >>> recency(5).round(2).tolist()
    [1.0, 1.58, 2.51, 3.98, 6.31]
    """
    return np.asarray(10.0 ** (np.arange(count) / max(count, 1)), dtype=np.float64)


def extrapolated(form: Form, epochs: FloatArray, curves: FloatArray, horizon: float) -> FloatArray:
    """Return what one form, fitted by least squares, says of the horizon, (n,); the last value where it says nothing.

    It says nothing with as many parameters as there are values, and where what it says is outside [0, 1].

    Parameters
    ----------
    form : Form
    epochs : (T,) float64
    curves : (n, T) float64
        Accuracies in [0, 1]; NaN where there is no value.
    horizon : float
        Epoch.

    Examples
    --------
    >>> x = np.arange(1.0, 11.0)
    >>> extrapolated(FORMS["pow3"], x, (0.9 - 0.5 * x**-0.5)[None], 100.0).round(4).tolist()
    [0.85]
    """
    fits = fit_forms([form], epochs, curves)
    values, says = _said([form], fits, horizon, np.isfinite(curves).sum(axis=1))
    return np.where(says[0], values[0], last_value(curves))


def _said(forms: Sequence[Form], fits: Fits, horizon: float, counts: IntArray) -> tuple[FloatArray, BoolArray]:
    """Return values at the horizon and whether forms say anything of it: (F, n) twice."""
    at = np.array([horizon])
    values = np.stack([form(fits.parameters[index], at)[:, 0] for index, form in enumerate(forms)])
    parameters = np.array([len(form.start) for form in forms])
    says = np.isfinite(fits.squared_error) & (parameters[:, None] < counts)
    with np.errstate(invalid="ignore"):
        says &= (values >= 0.0) & (values <= 1.0)
    return values, says


def _over_forms(values: FloatArray) -> FloatArray:
    """Return sums over forms, one after the other, so that a curve's does not depend on those beside it: (F, n)."""
    return reduce(np.add, values)


def ensemble(
    epochs: FloatArray,
    curves: FloatArray,
    horizon: float,
    forms: Sequence[Form] = tuple(FORMS.values()),
    weighted: bool = True,
) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of curves at the horizon, noise included: (n,) twice.

    After Domhan, Springenberg & Hutter, IJCAI 2015, in closed form where they sample: each form is fitted by weighted
    least squares; forms with as many parameters as values, that leave [0, 1] or that do not rise are left out; the
    others are weighted by ``exp(-AICc / 2)`` (Burnham & Anderson, "Model Selection and Multimodel Inference", 2002),
    where a correction that is not defined, with one value more than parameters, is taken at one value more.  The
    variance is that of the forms about their mean, plus ``s^2 horizon / t`` with s^2 the residual variance after t
    epochs: what is far away is less sure.

    A curve of which no form says anything, such as one that falls or does not move, is predicted to stay where it is,
    with the variance of its own values.

    Departs from the paper: weights of forms and their parameters are not sampled together by Markov chains, which
    takes minutes a curve; the leading flat epochs are not cut off.

    Parameters
    ----------
    epochs : (T,) float64
    curves : (n, T) float64
        Accuracies in [0, 1]; NaN where there is no value, at least one value each.
    horizon : float
        Epoch.
    forms : sequence of Form
    weighted : bool
        Whether later values weigh more, see `recency`; of each curve up to its own last value.
    """
    known = np.isfinite(curves)
    counts = known.sum(axis=1)
    weights = np.ones(curves.shape)
    lengths = np.where(known, np.arange(1, curves.shape[1] + 1), 0).max(axis=1)
    for length in np.unique(lengths).tolist() if weighted else ():  # places behind the last value weigh nothing
        weights[lengths == length, :length] = recency(length) / recency(length).mean()
    fits = fit_forms(forms, epochs, curves, weights)
    values, says = _said(forms, fits, horizon, counts)
    early = np.stack([form(fits.parameters[index], np.array([_COMPARED]))[:, 0] for index, form in enumerate(forms)])
    with np.errstate(invalid="ignore"):
        says &= values > early
    parameters = np.array([float(len(form.start)) for form in forms])[:, None]
    variance = np.maximum(fits.squared_error / np.maximum(counts, 1), _LEAST_VARIANCE)
    correction = 2 * parameters * (parameters + 1) / np.maximum(counts - parameters - 1, 1)
    score = np.where(says, counts * np.log(variance) + 2 * parameters + correction, np.inf)
    best = score.min(axis=0)
    any_says = np.isfinite(best)
    with np.errstate(invalid="ignore"):
        shares = np.where(says, np.exp(-0.5 * (score - best)), 0.0)
    shares /= np.where(any_says, _over_forms(shares), 1.0)
    values = np.where(says, values, 0.0)
    residual = np.maximum(fits.squared_error / np.maximum(counts - parameters, 1), _LEAST_VARIANCE)
    residual = np.where(says, residual, 0.0)
    mean = _over_forms(shares * values)
    reached = np.where(known, epochs, 0.0).max(axis=1)
    further = horizon / np.maximum(reached, epochs[0])
    spread = _over_forms(shares * np.square(values - mean)) + _over_forms(shares * residual) * further
    held = np.where(known, curves, 0.0)
    centre = held.sum(axis=1) / np.maximum(counts, 1)
    own = np.where(known, np.square(curves - centre[:, None]), 0.0).sum(axis=1) / np.maximum(counts - 1, 1)
    own = np.where(counts > 1, own, 1.0) * further  # one value says nothing of how much it will change
    return np.where(any_says, mean, last_value(curves)), np.sqrt(np.where(any_says, spread, own))
