"""Rewards: an accuracy and costs made one number, higher is better, as hardware-aware searches do."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from harness.checks import FloatArray

_LEAST = 1e-12


class Reward(NamedTuple):
    """A reward as users choose it.

    Attributes
    ----------
    function : callable
        Qualities (n,) and costs in units of their targets (n, k), with a weight and whether it is hard: to (n,).
    weight : float
        The default.
    low, high : float
        Between which the weight must lie.
    """

    function: Callable[[FloatArray, FloatArray, float, bool], FloatArray]
    weight: float
    low: float
    high: float


def mnasnet(quality: FloatArray, costs: FloatArray, weight: float, hard: bool) -> FloatArray:
    """Return ``quality prod_k cost_k**weight``; `hard`: with the weight 0 up to the target, and -1 above it.

    Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", CVPR 2019, equation 2.

    Examples
    --------
    >>> costs = np.array([[2.0], [0.5]])
    >>> mnasnet(np.ones(2), costs, -0.07, False).round(4).tolist()
    [0.9526, 1.0497]
    >>> mnasnet(np.ones(2), costs, -0.07, True).tolist()
    [0.5, 1.0]
    """
    factors = np.where(costs > 1.0, 1.0 / np.maximum(costs, 1.0), 1.0) if hard else np.maximum(costs, _LEAST) ** weight
    reward: FloatArray = quality * factors.prod(axis=1)
    return reward


def monas(quality: FloatArray, costs: FloatArray, weight: float, hard: bool) -> FloatArray:
    """Return ``weight quality - (1 - weight) mean_k cost_k``; `hard`: the quality within the targets, 0 beyond.

    Hsu et al., "MONAS: Multi-Objective Neural Architecture Search using Reinforcement Learning", 2018.

    Examples
    --------
    >>> monas(np.array([0.9, 0.9]), np.array([[0.5], [2.0]]), 0.75, False).round(3).tolist()
    [0.55, 0.175]
    >>> monas(np.array([0.9, 0.9]), np.array([[0.5], [2.0]]), 0.75, True).tolist()
    [0.9, 0.0]
    """
    if hard:
        return np.where((costs <= 1.0).all(axis=1), quality, 0.0)
    reward: FloatArray = weight * quality - (1.0 - weight) * costs.mean(axis=1)
    return reward


def tunas(quality: FloatArray, costs: FloatArray, weight: float, hard: bool) -> FloatArray:
    """Return ``quality + weight sum_k |cost_k - 1|``; the weight is negative, and what is below the target counts too.

    Bender et al., "Can Weight Sharing Outperform Random Architecture Search? An Investigation With TuNAS", CVPR 2020,
    the absolute value reward.  It has no hard form.

    Examples
    --------
    >>> tunas(np.array([0.9, 0.9]), np.array([[0.5], [2.0]]), -0.1, False).round(3).tolist()
    [0.85, 0.8]
    """
    reward: FloatArray = quality + weight * np.abs(costs - 1.0).sum(axis=1)
    return reward


REWARDS = {
    "mnasnet": Reward(mnasnet, -0.07, -10.0, 0.0),
    "monas": Reward(monas, 0.5, 0.0, 1.0),
    "tunas": Reward(tunas, -0.07, -10.0, 0.0),
}
"""By the name that a spec uses."""
