"""Binary gates: how ProxylessNAS trains alpha by a few operations of each edge.

Cai, Zhu & Han, "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware", ICLR 2019, 3.2: some
operations are drawn without replacement, a gate opens one of them, and alpha of the drawn ones moves alone, such that
they keep the probability that they had together.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from strategies.one_shot.samplers import gumbel, one_hot


def drawn_without_replacement(alpha: Tensor, count: int, rng: np.random.Generator) -> Tensor:
    """Draw operations of each edge by softmax(alpha), without replacement: (E, K) to (E, count) int64, ascending.

    The largest of the logits with Gumbel noise are such a draw (Kool, van Hoof & Welling, ICML 2019).
    """
    keys = torch.log_softmax(alpha.detach(), -1) + gumbel(alpha, rng)
    return keys.topk(count, -1).indices.sort(-1).values


def gates(alpha: Tensor, drawn: Tensor, rng: np.random.Generator) -> Tensor:
    """Return gates of which one of the drawn operations of each edge is open: (E, K), differentiable in alpha.

    Among the drawn operations the gradient of alpha_i is sum_j dL/db_j p_j (delta_ij - p_i), with p their softmax and b
    the gates (equation 4 of the paper); that of the others is 0.

    Parameters
    ----------
    alpha : (E, K)
    drawn : (E, n) int64
    rng : Generator
    """
    among = alpha.gather(-1, drawn)
    soft = torch.softmax(among, -1)
    opened = one_hot(soft.detach().log() + gumbel(among, rng)) + (soft - soft.detach())
    return torch.zeros_like(alpha).scatter(-1, drawn, opened)


def settled(before: Tensor, after: Tensor, drawn: Tensor) -> Tensor:
    """Return alpha after a step, such that the drawn operations keep their joint probability: (E, K) to (E, K).

    The drawn ones are shifted together; the others are as they were before.

    Examples
    --------
    >>> before, after = torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 5.0]])
    >>> [round(part, 4) for part in torch.softmax(settled(before, after, torch.tensor([[0, 1]])), -1)[0].tolist()]
    [0.4874, 0.1793, 0.3333]
    """
    old, new = before.gather(-1, drawn), after.gather(-1, drawn)
    shift = torch.logsumexp(new, -1, keepdim=True) - torch.logsumexp(old, -1, keepdim=True)
    return before.scatter(-1, drawn, new - shift)
