"""Scores of learning curves that need no training, and features of curves for learners."""

from __future__ import annotations

import numpy as np

from harness.checks import FloatArray


def last_value(curves: FloatArray) -> FloatArray:
    """Return the last value known of each curve, (n, T) to (n,); NaN where there is none."""
    known = np.isfinite(curves)
    last = curves.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.asarray(curves[np.arange(len(curves)), last])


def best_value(curves: FloatArray) -> FloatArray:
    """Return the lowest value known of each curve, (n, T) to (n,); NaN where there is none."""
    lowest = np.where(np.isfinite(curves), curves, np.inf).min(axis=1)
    return np.where(np.isfinite(lowest), lowest, np.nan)


def mean_of_last(curves: FloatArray, count: int) -> FloatArray:
    """Return the mean of the last `count` values known of each curve, or of as many as there are: (n, T) to (n,).

    Examples
    --------
    >>> mean_of_last(np.array([[9.0, 5.0, 3.0, np.nan]]), 2).tolist()
    [4.0]
    """
    known = np.isfinite(curves)
    after = known[:, ::-1].cumsum(axis=1)[:, ::-1]  # values from here on
    taken = known & (after <= count)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(taken, curves, 0.0).sum(axis=1) / taken.sum(axis=1))


def sum_of_losses(losses: FloatArray, last: int | None = None) -> FloatArray:
    """Return the sum over training losses, SoTL, or over the last E of them, SoTL-E: (n, T) to (n,), lower is better.

    Ru et al., "Speedy Performance Estimation for Neural Architecture Search", NeurIPS 2021: the mean over an epoch's
    mini-batches of the training loss, summed over epochs; E = 1 is best early on.

    Parameters
    ----------
    losses : (n, T) float64
        NaN where a training has not come so far.
    last : int, optional
        E; the default is all.

    Examples
    --------
    >>> losses = np.array([[2.0, 1.5, 1.0, np.nan]])
    >>> sum_of_losses(losses).tolist(), sum_of_losses(losses, 1).tolist()
    ([4.5], [1.0])
    """
    known = np.isfinite(losses)
    if last is not None:
        known = known & (known[:, ::-1].cumsum(axis=1)[:, ::-1] <= last)
    return np.asarray(np.where(known, losses, 0.0).sum(axis=1))


def sum_of_smoothed_losses(losses: FloatArray, memory: float = 0.9) -> FloatArray:
    """Return the sum over an exponential moving average of training losses, SoTL-EMA: (n, T) to (n,), lower is better.

    Ru et al., NeurIPS 2021: ``ema_1 = l_1``, ``ema_t = memory ema_(t-1) + (1 - memory) l_t``.

    Departs from NASLib, which puts the large weight on the new loss, so that almost nothing is smoothed; the paper's
    memory of 0.999 is for mini-batches.

    Examples
    --------
    >>> sum_of_smoothed_losses(np.array([[2.0, 1.0]]), 0.5).tolist()
    [3.5]
    """
    known = np.isfinite(losses)
    average = np.where(known[:, 0], losses[:, 0], 0.0) if losses.shape[1] else np.zeros(len(losses))
    total = average.copy()
    for column in range(1, losses.shape[1]):
        moved = memory * average + (1.0 - memory) * losses[:, column]
        average = np.where(known[:, column], moved, average)
        total += np.where(known[:, column], average, 0.0)
    return total


def curve_features(curves: FloatArray) -> FloatArray:
    """Return values, first and second differences, mean and standard deviation of curves: (n, T) to (n, d) float64.

    Baker, Gupta, Raskar & Naik, "Accelerating Neural Architecture Search using Performance Prediction", ICLR workshop
    2018 (arXiv 1705.10823), section 3.

    Parameters
    ----------
    curves : (n, T) float64
        Finite; T at least 1.

    Returns
    -------
    (n, d) float64
        ``d = T + (T - 1) + (T - 2) + 2``, without what T is too small for.

    Examples
    --------
    >>> curve_features(np.array([[10.0, 20.0, 25.0]])).round(4).tolist()
    [[10.0, 20.0, 25.0, 10.0, 5.0, -5.0, 18.3333, 6.2361]]
    """
    first = np.diff(curves, axis=1)
    second = np.diff(first, axis=1)
    summary = np.stack([curves.mean(axis=1), curves.std(axis=1)], axis=1)
    return np.concatenate([curves, first, second, summary], axis=1)
