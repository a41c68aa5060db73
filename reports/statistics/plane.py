"""The plane of a cloud of architectures: the two directions in which they differ most."""

from __future__ import annotations

import numpy as np

from harness.checks import FloatArray


def principal_plane(features: FloatArray) -> tuple[FloatArray, float]:
    """Project rows on their first two principal components: (n, d) to (n, 2), and the share of variance that is seen.

    Of indicators of genes, the squared distance of two rows is twice the number of genes in which they differ, so this
    is also classical scaling of Hamming distances (Torgerson, Psychometrika 1952; Gower, Biometrika 1966).  A component
    has the sign that makes its largest weight positive, the first of equals; so the picture does not depend on the
    order of rows but for rounding.

    >>> places, share = principal_plane(np.array([[0.0, 0.0], [4.0, 3.0], [8.0, 6.0]]))
    >>> places.round(6).tolist(), round(share, 6)
    ([[-5.0, 0.0], [0.0, 0.0], [5.0, 0.0]], 1.0)
    """
    centred = features - features.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred)
    found = directions[:, ::-1][:, :2]
    largest = np.argmax(np.abs(found).round(9), axis=0)
    found = found * np.sign(found[largest, np.arange(found.shape[1])])
    places = centred @ found
    places[np.abs(places) < 1e-9 * max(float(np.abs(places).max()), 1e-300)] = 0.0
    total = float(variances.sum())
    return places, float(variances[::-1][:2].sum() / total) if total > 0 else 1.0
