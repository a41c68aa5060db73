"""Jacobians of inputs: whether a network tells items apart, by what its outputs would gain from each value."""

from __future__ import annotations

import math

import numpy as np

from harness.checks import FloatArray, IntArray
from harness.training.proxies.subject import Subject, gradients

OFFSET = 1e-5
"""k of the formulas."""
FEW_CLASSES = 100


def jacobian(subject: Subject) -> dict[str, float]:
    """Return jacov and epe_nas, of one backward pass of the sum of all logits to the first minibatch.

    A row of J, (batch, values of an item), is the gradient of the sum of the logits of one item; batch normalisation is
    in training mode.
    """
    module = subject.fresh()
    items, labels = subject.minibatch()
    items = items.clone().requires_grad_(True)
    rows = gradients(module(items).sum(), [items])[0].flatten(1).double().numpy()
    return {"jacov": jacov(rows), "epe_nas": epe_nas(rows, labels.numpy())}


def jacov(rows: FloatArray) -> float:
    """Return -sum_i [log(v_i + k) + 1/(v_i + k)], v the eigenvalues of correlations between rows: (N, D) to a number.

    Mellor, Turner, Storkey & Crowley, "Neural Architecture Search without Training", version 1 (2020), equation 2.  At
    most -N (log(1 + k) + 1/(1 + k)), where no rows correlate.  A constant row correlates with nothing, itself included:
    an eigenvalue of 0, as each row above D has one, and costs about 1e5.
    """
    values = np.maximum(np.linalg.eigvalsh(np.nan_to_num(_correlations(rows))), 0.0) + OFFSET
    return -float(np.sum(np.log(values) + 1.0 / values))


def epe_nas(rows: FloatArray, labels: IntArray) -> float:
    """Return the EPE-NAS score: (N, D), (N,) to a number; -inf where a row is constant.

    Lopes, Alirezazadeh & Alexandre, "EPE-NAS: Efficient Performance Estimation Without Training for Neural Architecture
    Search", ICANN 2021, and its code.  ``s_c`` is the sum of ``log(|correlation| + k)`` over all pairs of rows of
    class c.  With at most 100 classes, the sum of ``|s_c|``; with more, the sum over pairs of classes of absolute
    differences of ``s_c``, each by the number of its pairs, by the number of classes.  Classes of one row have no pairs
    and are left out.
    """
    sums, pairs = [], []
    for label in np.unique(labels):
        members = rows[labels == label]
        if len(members) < 2:
            continue
        correlations = _correlations(members)
        if np.isnan(correlations).any():
            return -math.inf
        sums.append(np.log(np.abs(correlations) + OFFSET).sum())
        pairs.append(correlations.size)
    each = np.array(sums, dtype=np.float64)
    if len(each) <= FEW_CLASSES:
        return float(np.abs(each).sum())
    each = each / np.array(pairs)
    return float(np.abs(each[:, None] - each).sum() / len(each))


def _correlations(rows: FloatArray) -> FloatArray:
    """Return correlations between rows, NaN for constant ones: (N, D) to (N, N)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.corrcoef(rows)
        return np.asarray(found, dtype=np.float64)
