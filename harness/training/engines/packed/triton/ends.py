"""Triton kernels of the ends of the packed networks on images: neighbourhoods, 2x2 averages, the head.

See `harness.training.engines.packed.triton.shared`.
"""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, D103 - kernels are compiled; their parameters are named alike where they are launched

from __future__ import annotations

import triton
import triton.language as tl

from harness.training.engines.packed.triton.shared import ITEM, SIZES, norm_parts


@triton.jit(do_not_specialize=SIZES)
def patches(
    images_ptr,
    out_ptr,
    positions,
    H: tl.constexpr,
    W: tl.constexpr,
    ROWS: tl.constexpr,
    C: tl.constexpr,
    PITCH: tl.constexpr,
    LANES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # Lanes are (channel, neighbour).
    p, lane = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK), tl.arange(0, LANES)
    tap = lane % (3 * ROWS)
    h = ((p // W) % H)[:, None] + (tap // 3 - ROWS // 2)[None, :]
    w = (p % W)[:, None] + (tap % 3 - 1)[None, :]
    live = (p < positions)[:, None]
    inside = live & (h >= 0) & (h < H) & (w >= 0) & (w < W) & (lane < 3 * ROWS * C)[None, :]
    there = ((p // (H * W))[:, None] * H + h) * W + w
    value = tl.load(images_ptr + there.to(tl.int64) * C + (lane // (3 * ROWS))[None, :], mask=inside, other=0.0)
    at = out_ptr + p[:, None].to(tl.int64) * PITCH + lane[None, :]
    tl.store(at, value.to(out_ptr.dtype.element_ty), mask=live & (lane < PITCH)[None, :])


@triton.jit(do_not_specialize=SIZES)
def halve(
    nodes_ptr,
    out_ptr,
    items_ptr,
    batch,
    H: tl.constexpr,
    W: tl.constexpr,
    HO: tl.constexpr,
    WO: tl.constexpr,
    DOWN_Y: tl.constexpr,
    DOWN_X: tl.constexpr,
    C: tl.constexpr,
    CP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # Item: row.
    item, tile = tl.program_id(0), tl.program_id(1)
    row = nodes_ptr + tl.load(items_ptr + item * ITEM) * batch * (H * W * C)
    positions = batch * (HO * WO)
    p, c = tile * BLOCK + tl.arange(0, BLOCK), tl.arange(0, CP)
    mask = (p < positions)[:, None] & (c < C)[None, :]
    base = ((p // (HO * WO)) * H + (p // WO) % HO * DOWN_Y) * W + p % WO * DOWN_X
    total = tl.zeros((BLOCK, CP), tl.float32)
    for y in tl.static_range(DOWN_Y):
        for x in tl.static_range(DOWN_X):
            at = row + (base + y * W + x)[:, None] * C + c[None, :]
            total += tl.load(at, mask=mask, other=0.0).to(tl.float32)
    at = out_ptr + item.to(tl.int64) * positions * C + p[:, None] * C + c[None, :]
    tl.store(at, (total / (DOWN_Y * DOWN_X)).to(out_ptr.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=SIZES)
def statistics(
    nodes_ptr,
    parts_ptr,
    items_ptr,
    positions,
    tiles,
    C: tl.constexpr,
    CP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # Item: row.
    item, tile = tl.program_id(0), tl.program_id(1)
    row = nodes_ptr + tl.load(items_ptr + item * ITEM) * positions * C
    p, c = tile * BLOCK + tl.arange(0, BLOCK), tl.arange(0, CP)
    mask = (p < positions)[:, None] & (c < C)[None, :]
    x = tl.load(row + p[:, None] * C + c[None, :], mask=mask, other=0.0).to(tl.float32)
    summed = tl.sum(x, 0)
    off = tl.where(mask, x - (summed / tl.minimum(positions - tile * BLOCK, BLOCK))[None, :], 0.0)
    part = parts_ptr + (item * tiles + tile) * (2 * C) + c
    tl.store(part, summed, mask=c < C)
    tl.store(part + C, tl.sum(off * off, 0), mask=c < C)


@triton.jit(do_not_specialize=SIZES)
def pool(
    nodes_ptr,
    scale_ptr,
    shift_ptr,
    means_ptr,
    items_ptr,
    batch,
    AREA: tl.constexpr,
    C: tl.constexpr,
    CP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # Item: row, stat.  A program averages an image.
    item, image = tl.program_id(0), tl.program_id(1)
    entry = items_ptr + item * ITEM
    row, stat, c = tl.load(entry) * batch * (AREA * C) + image * (AREA * C), tl.load(entry + 1), tl.arange(0, CP)
    scale = tl.load(scale_ptr + stat + c, mask=c < C, other=0.0)[None, :]
    shift = tl.load(shift_ptr + stat + c, mask=c < C, other=0.0)[None, :]
    total = tl.zeros((CP,), tl.float32)
    for begin in range(0, AREA, BLOCK):
        p = begin + tl.arange(0, BLOCK)
        mask = (p < AREA)[:, None] & (c < C)[None, :]
        x = tl.load(nodes_ptr + row + p[:, None] * C + c[None, :], mask=mask, other=0.0).to(tl.float32)
        x = x * scale + shift
        total += tl.sum(tl.where(mask, tl.where(x < 0, 0.0, x), 0.0), 0)
    tl.store(means_ptr + (item * batch + image) * C + c, total / AREA, mask=c < C)


@triton.jit(do_not_specialize=SIZES)
def unpool(
    nodes_ptr,
    convs_ptr,
    gradients_ptr,
    means_ptr,
    scale_ptr,
    shift_ptr,
    slopes_ptr,
    mean_ptr,
    inverse_ptr,
    parts_ptr,
    items_ptr,
    channels,
    batch,
    tiles,
    AREA: tl.constexpr,
    C: tl.constexpr,
    CP: tl.constexpr,
    REDUCE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # Item: row, gradient, stat, number of norms before; from 4 on their (row, stat, part).
    # First, with REDUCE, the sums over positions that the gradients of the head's norm need; then all else.
    item, tile = tl.program_id(0), tl.program_id(1)
    entry = items_ptr + item * ITEM
    row, out, stat, norms = tl.load(entry), tl.load(entry + 1), tl.load(entry + 2), tl.load(entry + 3).to(tl.int32)
    positions = batch * AREA
    p, c = tile * BLOCK + tl.arange(0, BLOCK), tl.arange(0, CP)
    mask = (p < positions)[:, None] & (c < C)[None, :]
    flat = p[:, None] * C + c[None, :]
    known = c < C
    x = tl.load(nodes_ptr + row * positions * C + flat, mask=mask, other=0.0).to(tl.float32)
    scale = tl.load(scale_ptr + stat + c, mask=known, other=0.0)[None, :]
    shift = tl.load(shift_ptr + stat + c, mask=known, other=0.0)[None, :]
    share = tl.load(means_ptr + (item * batch + p // AREA)[:, None] * C + c[None, :], mask=mask, other=0.0) / AREA
    g = tl.where(x * scale + shift > 0, share, 0.0)
    if REDUCE:
        centre = tl.load(mean_ptr + stat + c, mask=known, other=0.0)[None, :]
        inverse = tl.load(inverse_ptr + stat + c, mask=known, other=0.0)[None, :]
        part = parts_ptr + (item * tiles + tile) * (2 * C) + c
        tl.store(part, tl.sum(g, 0), mask=known)
        tl.store(part + C, tl.sum(g * tl.where(mask, (x - centre) * inverse, 0.0), 0), mask=known)
    else:
        a = tl.load(slopes_ptr + stat + c, mask=known, other=0.0)[None, :]
        b = tl.load(slopes_ptr + channels + stat + c, mask=known, other=0.0)[None, :]
        d = tl.load(slopes_ptr + 2 * channels + stat + c, mask=known, other=0.0)[None, :]
        rounded = (a * g + b * x + d).to(gradients_ptr.dtype.element_ty)
        tl.store(gradients_ptr + out * positions * C + flat, rounded, mask=mask)
        total = tl.where(mask, rounded.to(tl.float32), 0.0)
        norm_parts(
            total,
            entry + 4,
            norms,
            convs_ptr,
            mean_ptr,
            inverse_ptr,
            parts_ptr,
            tile,
            tiles,
            positions,
            flat,
            mask,
            C,
            CP,
        )
