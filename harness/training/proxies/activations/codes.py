"""Codes of ReLUs: which units are active for which items."""

from __future__ import annotations

import math

import numpy as np
import torch

from harness.checks import BoolArray
from harness.training.proxies.subject import Subject, fan_in, redraw
from harness.training.proxies.taps import ReLUs

SWAP_ITEMS = 16
REGION_ITEMS = 3_000


@torch.no_grad()
def relu_codes(subject: Subject) -> dict[str, float]:
    """Return nwot and swap of one pass of the first minibatch, in training mode; every ReLU that is computed counts.

    nwot : see `log_kernel`.  Departs from the authors' code, which counts the ReLUs that take part in a backward pass.
    swap : the number of different patterns in which a unit is active over the first 16 items: Peng, Song, Fayek,
    Ciesielski & Chang, "SWAP-NAS: Sample-Wise Activation Patterns for Ultra-fast NAS", ICLR 2024, definition 3.3.
    At most the number of units, and 2^16.  Its regularised form multiplies the mean over initial weights by
    exp(-(params - mu)^2 / sigma), for bounds of the user's.
    """
    with ReLUs() as seen:
        subject.fresh()(subject.minibatch()[0])
    codes = seen.codes().numpy()
    return {"nwot": log_kernel(codes), "swap": float(patterns(codes[:SWAP_ITEMS].T))}


def log_kernel(codes: BoolArray) -> float:
    """Return ``log |det K|``, K_ij the number of units that are both active or both not: (N, units) to a number.

    Mellor, Turner, Storkey & Crowley, "Neural Architecture Search without Training", ICML 2021, equation 2.  At most N
    log(units); -inf where two items have the same code, NaN where there are no units.

    Examples
    --------
    >>> round(log_kernel(np.array([[1, 1, 0, 0], [1, 0, 1, 0]], dtype=bool)), 4)  # |4 2; 2 4| = 12
    2.4849
    """
    if not codes.shape[1]:
        return math.nan
    signs = np.where(codes, np.float32(1), np.float32(-1))  # exact: a sum of at most 2^24 ones
    kernel = ((signs @ signs.T).astype(np.float64) + codes.shape[1]) / 2
    if np.count_nonzero(kernel == codes.shape[1]) > len(codes):
        return -math.inf
    return float(np.linalg.slogdet(kernel).logabsdet)


@torch.no_grad()
def linear_regions(subject: Subject) -> dict[str, float]:
    """Return linear_regions, the number of different codes that 3,000 random items have.

    Chen, Gong & Wang (TE-NAS), ICLR 2021, section 3.1.2, and its code: a thin network of the architecture, one channel
    and one cell a stage, weights as in He et al. 2015, normal by fan in, and normal items.  Departs from the code:
    items are 4 values wide (and high), not 3, since they are halved twice, and pass in one minibatch, not in three.
    """
    if subject.thin is None:
        return {"linear_regions": math.nan}
    module, shape = subject.thin()
    redraw(module.train(), subject.stream("linear_regions"), fan_in)
    items = subject.common("linear_regions").standard_normal((REGION_ITEMS, *shape), dtype=np.float32)
    with ReLUs() as seen:
        module(torch.from_numpy(items))
    return {"linear_regions": float(patterns(seen.codes().numpy()))}


def patterns(codes: BoolArray) -> int:
    """Return the number of different rows of (n, k) codes."""
    packed = np.ascontiguousarray(np.packbits(codes, axis=1))
    return len(np.unique(packed.view(f"V{packed.shape[1]}"))) if packed.size else min(len(codes), 1)
