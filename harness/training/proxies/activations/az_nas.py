"""The components of AZ-NAS that need a network: expressivity, progressivity and trainability of its blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from harness.training.networks.cells import Cell
from harness.training.proxies.subject import Subject, fan_in, redraw, staged
from harness.training.proxies.taps import outputs_of

_FLOOR = 1e-6


def az_nas(subject: Subject) -> dict[str, float]:
    """Return az_expressivity, az_progressivity and az_trainability of one pass of normal noise.

    Lee & Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", CVPR 2024, section 3, and its
    code.  Blocks are the stem, every cell and every reduction; weights as in He et al. 2015, normal by fan in.

    az_expressivity : the sum over blocks of the entropy of their principal components; see `entropy`.
    az_progressivity : the least rise of that entropy from a block to the next.
    az_trainability : the mean over blocks behind the stem of how near to 1 the largest singular value of a block's
    backward pass is; see `trainability`.  -inf for a cell that is the identity, or gives zeros.

    What the paper ranks by is `harness.training.proxies.ranking.az_nas`, over these and multiply-adds.
    """
    module = subject.fresh()
    redraw(module, subject.stream("az_nas"), fan_in)
    with outputs_of(blocks(module)) as computed:
        module(subject.noise("az_nas"))
    features = [answer for _, answer in computed]
    entropies = [entropy(each.detach()) for each in features]
    rng = subject.stream("az_nas signs")
    trained = [trainability(before, after, rng) for before, after in pairwise(features)]
    return {
        "az_expressivity": sum(entropies),
        "az_progressivity": float(np.diff(entropies).min()),
        "az_trainability": float(np.mean(trained)),
    }


def blocks(module: nn.Module) -> Sequence[nn.Module]:
    """Return stem, cells and reductions of a network; raises HarnessError for one that has none of these."""
    network = staged(module, "az_nas")
    cells = [part for part in network.stages.modules() if isinstance(part, Cell)]
    return [network.stem, *cells, *network.reductions]


def entropy(features: Tensor) -> float:
    """Return -sum p log p of the shares p of variance of principal components: (B, C, H, W) to a number, in nats.

    0 for constant features.
    """
    points = features.transpose(0, 1).flatten(1).double()
    points = points - points.mean(1, keepdim=True)
    variances = torch.linalg.eigvalsh(points @ points.T / points.shape[1]).clamp_min(0.0)
    total = float(variances.sum())
    if total == 0.0:
        return 0.0
    shares = variances[variances > 0.0] / total
    return -float((shares * shares.log()).sum())


def trainability(before: Tensor, after: Tensor, rng: np.random.Generator) -> float:
    """Return 2 - s - 1/s, s the largest singular value of E[g_in g_out'] for random signs g_out; at most 0, for s = 1.

    Parameters
    ----------
    before, after : (B, C, H, W), (B, C', H', W')
        Features that enter a block and that it gives, in one graph.  Where it makes maps smaller, the places of
        `before` that lie behind one of `after` count as channels.
    """
    if after is before or not (before.requires_grad and after.requires_grad):
        return -math.inf
    signs = torch.from_numpy(2.0 * rng.integers(0, 2, tuple(after.shape)) - 1.0).to(after.dtype)
    (found,) = torch.autograd.grad(after, before, signs, allow_unused=True)
    if found is None or (found.shape == signs.shape and torch.equal(found, signs)):
        return -math.inf
    count, _, height, width = after.shape
    down, right = before.shape[2] // height, before.shape[3] // width
    folded = found.reshape(count, -1, height, down, width, right).permute(1, 3, 5, 0, 2, 4)
    gains, given = folded.reshape(-1, count * height * width), signs.transpose(0, 1).flatten(1)
    largest = float(torch.linalg.svdvals((gains @ given.T / gains.shape[1]).double())[0])
    return 2.0 - largest - 1.0 / (largest + _FLOOR) if largest > 0.0 else -math.inf
