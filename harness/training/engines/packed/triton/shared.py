"""The common parts of the Triton kernels of the packed networks on images, which do what `images.operations` does.

A program works on a tile of positions of one item, and reads from a table of integers which rows that item uses: so
one launch serves all members, whatever their cells are.  Sums over all positions are left as one part per tile, added
up by `finish_norms`, `finish_slopes` and `finish_kernels`: results do not depend on the order of the programs.

Shapes: tiles are (BLOCK, C), channels last; `CP` and the like are channels rounded up to what a matrix product takes.
"""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201 - kernels are compiled; their parameters are named alike where they are launched

from __future__ import annotations

import triton
import triton.language as tl

ITEM = tl.constexpr(32)
"""Integers of an item."""
SIZES = ("batch", "positions", "tiles", "splits", "channels")
"""Parameters that kernels are not compiled anew for."""
EPSILON = tl.constexpr(1e-5)
SKIP, POOL = tl.constexpr(1), tl.constexpr(2)


@triton.jit
def beside(at, dy, dx, p, live, H: tl.constexpr, W: tl.constexpr, C: tl.constexpr, CP: tl.constexpr):
    """Load the neighbours (BLOCK, CP) of positions, zero outside; return them and the positions' coordinates."""
    c = tl.arange(0, CP)
    h, w = (p // W) % H + dy, p % W + dx
    inside = live & (h >= 0) & (h < H) & (w >= 0) & (w < W)
    mask = inside[:, None] if C == CP else inside[:, None] & (c < C)[None, :]
    return tl.load(at + (p + dy * W + dx)[:, None] * C + c[None, :], mask=mask, other=0.0).to(tl.float32), h, w


@triton.jit
def neighbours(h, w, H: tl.constexpr, W: tl.constexpr, ROWS: tl.constexpr):
    """Count the positions that an average covers."""
    high = tl.minimum(h + ROWS // 2, H - 1) - tl.maximum(h - ROWS // 2, 0) + 1
    wide = tl.minimum(w + 1, W - 1) - tl.maximum(w - 1, 0) + 1
    return (high * wide).to(tl.float32)


@triton.jit
def norm_parts(
    total,
    entry,
    edges,
    convs_ptr,
    mean_ptr,
    inverse_ptr,
    parts_ptr,
    tile,
    tiles,
    positions,
    flat,
    mask,
    C: tl.constexpr,
    CP: tl.constexpr,
):
    """Write a tile's sums of dz and of dz x^ for the normalisations that lead to a gradient (BLOCK, CP)."""
    c = tl.arange(0, CP)
    for edge in range(edges):
        row, stat, part = tl.load(entry + 3 * edge), tl.load(entry + 1 + 3 * edge), tl.load(entry + 2 + 3 * edge)
        mean = tl.load(mean_ptr + stat + c, mask=c < C, other=0.0)[None, :]
        inverse = tl.load(inverse_ptr + stat + c, mask=c < C, other=0.0)[None, :]
        y = tl.load(convs_ptr + row * positions * C + flat, mask=mask, other=0.0).to(tl.float32)
        at = parts_ptr + (part * tiles + tile) * (2 * C) + c
        tl.store(at, tl.sum(total, 0), mask=c < C)
        tl.store(at + C, tl.sum(total * tl.where(mask, (y - mean) * inverse, 0.0), 0), mask=c < C)
