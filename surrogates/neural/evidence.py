"""Gradients of the evidence of Bayesian linear regression, for many bases at once.

The model is that of `surrogates.linear.evidence`: what a network's last hidden layer gives is the basis, and these
gradients train the network by the evidence of its heads.
"""

from __future__ import annotations

from math import log, pi
from typing import NamedTuple

import torch
from torch import Tensor


class Evidence(NamedTuple):
    """The evidence of B bases and its derivatives.

    Attributes
    ----------
    value : (B,) float64
        ``ln p(targets | alpha, beta)``, the weights integrated out.
    basis : (B, D, n) float64
        Derivatives by the basis; 0 for padding.
    precisions : (B, 2) float64
        Derivatives by ``ln alpha`` and ``ln beta``.
    """

    value: Tensor
    basis: Tensor
    precisions: Tensor


def evidence(basis: Tensor, targets: Tensor, counts: Tensor, precisions: Tensor) -> Evidence:
    """Return the evidence and its gradient.

    With ``A = beta Phi'Phi + alpha I``, the posterior mean m and the residuals ``r = y - Phi m`` the derivative by the
    basis is ``beta (r m' - Phi A^-1)``, and those by the logarithms of alpha and beta are ``D/2 - alpha/2 (|m|^2 + tr
    A^-1)`` and ``n/2 - beta/2 (|r|^2 + tr Phi A^-1 Phi')`` (Bishop, "Pattern Recognition and Machine Learning", 2006,
    section 3.5.2, before the fixed point).

    Parameters
    ----------
    basis : (B, D, n) float64
        Transposed: a row of the regression is a column.  Rows of padding are 0.
    targets : (B, n) float64
        0 for padding.
    counts : (B,) float64
        Rows without padding.
    precisions : (B, 2) float64
        ``ln alpha`` and ``ln beta``.
    """
    width = basis.shape[1]
    alpha, beta = precisions.exp().unbind(dim=1)
    precision = beta[:, None, None] * (basis @ basis.mT)
    precision.diagonal(dim1=1, dim2=2).add_(alpha[:, None])
    factor = torch.linalg.cholesky(precision)
    covariance = torch.cholesky_inverse(factor)
    mean = beta[:, None] * (covariance @ (basis @ targets[:, :, None]))[:, :, 0]
    residual = targets - (mean[:, None] @ basis)[:, 0]
    spread = covariance @ basis
    size, misfit = mean.square().sum(dim=1), residual.square().sum(dim=1)
    trace, explained = covariance.diagonal(dim1=1, dim2=2).sum(dim=1), (spread * basis).sum(dim=(1, 2))
    value = width * precisions[:, 0] + counts * (precisions[:, 1] - log(2 * pi)) - beta * misfit - alpha * size
    value = value / 2 - factor.diagonal(dim1=1, dim2=2).log().sum(dim=1)
    by_basis = torch.baddbmm(spread, mean[:, :, None], residual[:, None], beta=-1).mul_(beta[:, None, None])
    by_alpha, by_beta = width - alpha * (size + trace), counts - beta * (misfit + explained)
    return Evidence(value, by_basis, torch.stack([by_alpha, by_beta], dim=1) / 2)
