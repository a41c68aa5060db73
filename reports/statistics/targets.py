"""Fixed targets: when runs reach them, the expected running time, and the share of runs and targets that is reached."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.checks import FloatArray
from harness.errors import HarnessError, must


def log_targets(high: float, low: float, count: int = 51) -> FloatArray:
    """Return targets evenly spaced over a log axis, from the easiest to the hardest: (count,).

    Hansen et al., "COCO: a platform for comparing continuous optimizers in a black-box setting", Optimization Methods
    and Software 36, 2021, section 4: targets are fixed before runs are looked at.

    >>> log_targets(10.0, 0.1, 3).tolist()
    [10.0, 1.0, 0.1]
    """
    if not 0 < low < high or count < 2:
        raise HarnessError(must("targets", "satisfy 0 < low < high, and be at least 2", (high, low, count)))
    targets: FloatArray = np.geomspace(high, low, count)
    targets[[0, -1]] = high, low
    return targets


def hit_times(x: FloatArray, values: FloatArray, targets: FloatArray) -> FloatArray:
    """Return where a right-continuous step function first is at or below each target; infinite where it never is.

    Parameters
    ----------
    x, values : (k,) float64
        Break points ascending, and the value from each on; it may rise again.
    targets : (K,) float64
    """
    if len(values) == 0:
        return np.full(len(targets), np.inf)
    least = np.minimum.accumulate(values)
    first = np.searchsorted(-least, -targets, side="left")
    return np.where(first < len(values), x[np.minimum(first, len(values) - 1)], np.inf)


def running_time(times: FloatArray, ends: FloatArray) -> FloatArray:
    """Return the expected running time of each target: all budget spent before it, over the runs that reach it.

    Hansen et al. 2021, section 4.2: runs that fail count with all that they spent; infinite without a success.

    Parameters
    ----------
    times : (R, K) float64
        Of `hit_times`.
    ends : (R,) float64
        Budget of each run.

    >>> running_time(np.array([[10.0], [20.0], [np.inf]]), np.full(3, 50.0)).tolist()
    [40.0]
    """
    hits = times <= ends[:, None]
    with np.errstate(divide="ignore"):
        spent: FloatArray = np.where(hits, times, ends[:, None]).sum(axis=0) / hits.sum(axis=0)
    return spent


def running_time_interval(
    times: FloatArray, ends: FloatArray, counts: npt.NDArray[np.int32], level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Return the percentile interval of `running_time` over resamples of runs: two (K,); ends may be infinite.

    Parameters
    ----------
    times, ends
        As for `running_time`.
    counts : (R, B) int32
        Of `reports.statistics.bootstrap.resample_counts`.
    level : float
    """
    hits = times <= ends[:, None]
    weights = counts.T.astype(np.float64)
    with np.errstate(divide="ignore"):
        samples = weights @ np.where(hits, times, ends[:, None]) / (weights @ hits)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(samples, [tail, 1.0 - tail], axis=0, method="inverted_cdf")  # never between infinities
    return np.asarray(low), np.asarray(high)


def reached_share(times: FloatArray, grid: FloatArray) -> FloatArray:
    """Return the share of all times that lie at or before each budget; what is never reached stays in the total.

    Parameters
    ----------
    times : (...) float64
        Of runs and targets.
    grid : (T,) float64

    >>> reached_share(np.array([1.0, 4.0, np.inf, np.inf]), np.array([1.0, 5.0])).tolist()
    [0.25, 0.5]
    """
    share: FloatArray = np.searchsorted(np.sort(times, axis=None), grid, side="right") / times.size
    return share
