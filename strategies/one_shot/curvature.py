"""Curvature of the validation loss in the architecture parameters (Zela et al., ICLR 2020, section 4)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def largest_eigenvalue(loss: Callable[[Tensor], Tensor], alpha: Tensor, weight_decay: float = 0.0) -> float:
    """Return the largest eigenvalue of the Hessian of a loss, exactly: the whole matrix by double backward.

    Parameters
    ----------
    loss : callable
        From alpha to ().
    alpha : Tensor
        Where; its few dozen entries are the rows of the matrix.
    weight_decay : float
        Added to the diagonal.

    Examples
    --------
    >>> round(largest_eigenvalue(lambda a: a[0] ** 2 + 3 * a[1] ** 2 - a[0] * a[1], torch.tensor([0.3, 0.2])), 4)
    6.2361
    """
    leaf = alpha.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf, create_graph=True)
    rows = [torch.autograd.grad(part, leaf, retain_graph=True)[0].flatten() for part in gradient.flatten()]
    matrix = torch.stack(rows).double().cpu()
    matrix = (matrix + matrix.T) / 2 + weight_decay * torch.eye(len(matrix), dtype=torch.float64)
    return float(torch.linalg.eigvalsh(matrix)[-1])
