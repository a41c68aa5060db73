"""Triton kernels of the forward pass of the packed networks on images."""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, D103 - kernels are compiled; their parameters are named alike where they are launched

from __future__ import annotations

import triton
import triton.language as tl

from harness.training.engines.packed.triton.shared import EPSILON, ITEM, POOL, SIZES, SKIP, beside, neighbours


@triton.jit(do_not_specialize=SIZES)
def convolve(
    x_ptr,
    y_ptr,
    kernels_ptr,
    parts_ptr,
    items_ptr,
    batch,
    tiles,
    HI: tl.constexpr,
    WI: tl.constexpr,
    HO: tl.constexpr,
    WO: tl.constexpr,
    DOWN_Y: tl.constexpr,
    DOWN_X: tl.constexpr,
    ROWS: tl.constexpr,
    CI: tl.constexpr,
    CIP: tl.constexpr,
    PITCH: tl.constexpr,
    CO: tl.constexpr,
    COP: tl.constexpr,
    RELU: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # Item: source, out, weight, first tap, taps.
    item, tile = tl.program_id(0), tl.program_id(1)
    entry = items_ptr + item * ITEM
    source, out, weight = tl.load(entry), tl.load(entry + 1), tl.load(entry + 2)
    first, taps = tl.load(entry + 3).to(tl.int32), tl.load(entry + 4).to(tl.int32)
    positions = batch * HO * WO
    p = tile * BLOCK + tl.arange(0, BLOCK)
    live = p < positions
    h, w = (p // WO) % HO * DOWN_Y, p % WO * DOWN_X
    base = ((p // (HO * WO)) * HI + h) * WI + w
    ci, co = tl.arange(0, CIP), tl.arange(0, COP)
    row = x_ptr + source * batch * (HI * WI * PITCH)
    flat = co[:, None] * CI + ci[None, :]
    total = tl.zeros((BLOCK, COP), tl.float32)
    for tap in range(first, first + taps):
        dy, dx = tap // 3 - ROWS // 2, tap % 3 - 1
        inside = live & (h + dy >= 0) & (h + dy < HI) & (w + dx >= 0) & (w + dx < WI)
        mask = inside[:, None] if CI == CIP else inside[:, None] & (ci < CI)[None, :]
        x = tl.load(row + (base + dy * WI + dx)[:, None] * PITCH + ci[None, :], mask=mask, other=0.0)
        if RELU:
            x = tl.where(x < 0, 0.0, x).to(x.dtype)  # keeps NaN
        kernel = kernels_ptr + weight + (tap - first) * (CO * CI) + flat
        k = tl.load(kernel, mask=(co < CO)[:, None] & (ci < CI)[None, :], other=0.0).to(x.dtype)
        total = tl.dot(x, tl.trans(k), total, input_precision="ieee")
    channels = (co < CO)[None, :]
    y = total.to(y_ptr.dtype.element_ty)
    tl.store(y_ptr + out * batch * (HO * WO * CO) + p[:, None] * CO + co[None, :], y, mask=live[:, None] & channels)
    total = tl.where(live[:, None], y.to(tl.float32), 0.0)
    count = tl.minimum(positions - tile * BLOCK, BLOCK)
    summed = tl.sum(total, 0)
    off = tl.where(live[:, None], total - (summed / count)[None, :], 0.0)
    part = parts_ptr + (item * tiles + tile) * (2 * CO) + co
    tl.store(part, summed, mask=co < CO)
    tl.store(part + CO, tl.sum(off * off, 0), mask=co < CO)


@triton.jit(do_not_specialize=SIZES)
def finish_norms(
    parts_ptr,
    items_ptr,
    values_ptr,
    mean_ptr,
    inverse_ptr,
    scale_ptr,
    shift_ptr,
    positions,
    tiles,
    C: tl.constexpr,
    CP: tl.constexpr,
    BLOCK: tl.constexpr,
    CHUNK: tl.constexpr,
):
    # Item: part, stat, gain, bias.  Means and squares off them, of tiles, are joined to those of all positions.
    entry = items_ptr + tl.program_id(0) * ITEM
    part, stat, gain, bias = tl.load(entry), tl.load(entry + 1), tl.load(entry + 2), tl.load(entry + 3)
    c, t = tl.arange(0, CP), tl.arange(0, CHUNK)
    parts = parts_ptr + part * tiles * (2 * C)
    total = tl.zeros((CP,), tl.float32)
    for begin in range(0, tiles, CHUNK):
        mask = (begin + t < tiles)[:, None] & (c < C)[None, :]
        total += tl.sum(tl.load(parts + (begin + t)[:, None] * (2 * C) + c[None, :], mask=mask, other=0.0), 0)
    mean = total / positions
    squares = tl.zeros((CP,), tl.float32)
    for begin in range(0, tiles, CHUNK):
        mask = (begin + t < tiles)[:, None] & (c < C)[None, :]
        at = parts + (begin + t)[:, None] * (2 * C) + c[None, :]
        count = tl.maximum(tl.minimum(positions - (begin + t) * BLOCK, BLOCK), 1)[:, None]
        off = tl.load(at, mask=mask, other=0.0) / count - mean[None, :]
        squares += tl.sum(tl.where(mask, tl.load(at + C, mask=mask, other=0.0) + count * off * off, 0.0), 0)
    inverse = 1.0 / tl.sqrt(squares / positions + EPSILON)
    scale = tl.load(values_ptr + gain + c, mask=c < C, other=0.0) * inverse
    shift = tl.load(values_ptr + bias + c, mask=c < C, other=0.0) - mean * scale
    tl.store(mean_ptr + stat + c, mean, mask=c < C)
    tl.store(inverse_ptr + stat + c, inverse, mask=c < C)
    tl.store(scale_ptr + stat + c, scale, mask=c < C)
    tl.store(shift_ptr + stat + c, shift, mask=c < C)


@triton.jit(do_not_specialize=SIZES)
def add(
    nodes_ptr,
    convs_ptr,
    scale_ptr,
    shift_ptr,
    items_ptr,
    batch,
    H: tl.constexpr,
    W: tl.constexpr,
    ROWS: tl.constexpr,
    C: tl.constexpr,
    CP: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # Item: out, number of terms, then kind, row, stat of each.
    item, tile = tl.program_id(0), tl.program_id(1)
    entry = items_ptr + item * ITEM
    out, terms = tl.load(entry), tl.load(entry + 1).to(tl.int32)
    positions = batch * (H * W)
    p, c = tile * BLOCK + tl.arange(0, BLOCK), tl.arange(0, CP)
    live = p < positions
    mask = live[:, None] if C == CP else live[:, None] & (c < C)[None, :]
    flat = p[:, None] * C + c[None, :]
    total = tl.zeros((BLOCK, CP), tl.float32)
    for term in range(terms):
        kind, row = tl.load(entry + 2 + 3 * term), tl.load(entry + 3 + 3 * term) * positions * C
        if kind == SKIP:
            total += tl.load(nodes_ptr + row + flat, mask=mask, other=0.0).to(tl.float32)
        elif kind == POOL:
            around = tl.zeros((BLOCK, CP), tl.float32)
            for tap in range(3 * ROWS):
                value, _, _ = beside(nodes_ptr + row, tap // 3 - ROWS // 2, tap % 3 - 1, p, live, H, W, C, CP)
                around += value
            total += around / neighbours((p // W) % H, p % W, H, W, ROWS)[:, None]
        else:
            stat = tl.load(entry + 4 + 3 * term)
            scale = tl.load(scale_ptr + stat + c, mask=c < C, other=0.0)[None, :]
            shift = tl.load(shift_ptr + stat + c, mask=c < C, other=0.0)[None, :]
            total += tl.load(convs_ptr + row + flat, mask=mask, other=0.0).to(tl.float32) * scale + shift
    tl.store(nodes_ptr + out * positions * C + flat, total.to(nodes_ptr.dtype.element_ty), mask=mask)
