"""Curvature of the validation loss in the architecture parameters (Zela et al., ICLR 2020, section 4)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from harness.checks import FloatArray

WHOLE = 64
"""Architecture parameters up to which the whole matrix is computed."""
CLOSE = 1e-3
"""Bound of the error of the iteration, as a share of the eigenvalue."""


def largest_eigenvalue(loss: Callable[[Tensor], Tensor], alpha: Tensor, weight_decay: float = 0.0) -> tuple[float, int]:
    """Return the largest eigenvalue of the Hessian of a loss, and how many of its products with vectors that took.

    Products are exact, by double backward.  Of a few dozen parameters they are the rows of the whole matrix; of more,
    those of an iteration, see `largest_by_products`.

    Parameters
    ----------
    loss : callable
        From alpha to ().
    alpha : Tensor
        Where.
    weight_decay : float
        Added to the diagonal.

    Examples
    --------
    >>> bowl = lambda a: a[0] ** 2 + 3 * a[1] ** 2 - a[0] * a[1]
    >>> value, products = largest_eigenvalue(bowl, torch.tensor([0.3, 0.2]))
    >>> round(value, 4), products
    (6.2361, 2)
    """
    leaf = alpha.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf, create_graph=True)
    flat, size = gradient.flatten(), alpha.numel()
    if size > WHOLE:

        def times(vector: FloatArray) -> FloatArray:
            (product,) = torch.autograd.grad(flat @ flat.new_tensor(vector), leaf, retain_graph=True)
            return np.asarray(product.flatten().double().cpu().numpy())

        value, products = largest_by_products(times, size)
        return value + weight_decay, products
    rows = [torch.autograd.grad(part, leaf, retain_graph=True)[0].flatten() for part in flat]
    matrix = torch.stack(rows).double().cpu()
    matrix = (matrix + matrix.T) / 2 + weight_decay * torch.eye(len(matrix), dtype=torch.float64)
    return float(torch.linalg.eigvalsh(matrix)[-1]), size


def largest_by_products(times: Callable[[FloatArray], FloatArray], size: int) -> tuple[float, int]:
    """Return the largest eigenvalue of a symmetric matrix by its products with vectors, and how many there were.

    The iteration of Lanczos (Golub & Van Loan, "Matrix Computations", 4th edition, 10.1), with new directions made
    orthogonal to all before: it ends where the bound of its error is `CLOSE`.  It begins with the same vector each
    time.

    Parameters
    ----------
    times : callable
        From a vector (n,) to its product with the matrix, (n,).
    size : int
        n.

    Examples
    --------
    >>> value, products = largest_by_products(lambda vector: np.arange(-200, 101) * vector, 301)
    >>> bool(99.9 < value <= 100), products < 60
    (True, True)
    """
    vector = np.random.default_rng(0).standard_normal(size)
    basis, diagonal, beside = np.empty((0, size)), list[float](), list[float]()
    while True:
        basis = np.vstack([basis, vector / np.linalg.norm(vector)])
        vector = times(basis[-1])
        diagonal.append(float(basis[-1] @ vector))
        for _ in range(2):  # once leaves rounding
            vector = vector - basis.T @ (basis @ vector)
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
        beside.append(float(np.linalg.norm(vector)))
        if len(basis) == size or beside[-1] * abs(vectors[-1, -1]) <= CLOSE * abs(values[-1]):
            return float(values[-1]), len(basis)
