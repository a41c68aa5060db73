"""Batch rules: how several architectures are chosen with one model, and what is believed of those that run.

Ginsbourger, Le Riche & Carraro, "Kriging is well-suited to parallelize optimization", 2010 (constant liar, kriging
believer); González, Dai, Hennig & Lawrence, "Batch Bayesian optimization via local penalization", AISTATS 2016.
"""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, FloatArray

LIES = ("liar_min", "liar_mean", "liar_max", "believer")
"""Rules that fit the model again after each choice, as if the result were known: the best told, the mean of those told,
the worst told, or what the model predicts.  What runs is treated in the same way."""
NAMES = ("top", "penalised", *LIES)
"""``top``: those that one acquisition prefers; what runs is only left out.  ``penalised``: one after the other, each
acquisition value times ``1 - k(x, x_j)`` for what was chosen or runs, with ``k(x, x_j) = exp(-H(x, x_j))`` of the
number H of genes that differ, which stands on categories where the paper has a ball."""


def lie(rule: str, targets: FloatArray, predicted: FloatArray) -> FloatArray:
    """Return what is believed of k architectures without a result, (k,) or (k, m).

    Parameters
    ----------
    rule : str
        One of `LIES`.
    targets : (n,) or (n, m) float64
        Of what was told, at least one.
    predicted : (k,) or (k, m) float64
        Means of a model that was fitted to them.

    Examples
    --------
    >>> targets, predicted = np.array([1.0, 2.0, 6.0]), np.array([4.0])
    >>> [lie(rule, targets, predicted).tolist() for rule in LIES]
    [[1.0], [3.0], [6.0], [4.0]]
    """
    if rule == "believer":
        return predicted
    told = {"liar_min": targets.min(axis=0), "liar_mean": targets.mean(axis=0), "liar_max": targets.max(axis=0)}
    return np.array(np.broadcast_to(told[rule], predicted.shape), dtype=np.float64)


def penalties(archs: Archs, chosen: Archs) -> FloatArray:
    """Return the product of ``1 - exp(-H)`` over what is chosen: (q, L), (k, L) to (q,); 0 at what is chosen.

    Examples
    --------
    >>> penalties(np.array([[0, 0], [0, 1]]), np.array([[0, 0]])).round(4).tolist()
    [0.0, 0.6321]
    """
    factors = np.ones(len(archs))
    for arch in chosen:
        factors *= -np.expm1(-np.count_nonzero(archs != arch, axis=1).astype(np.float64))
    return factors
