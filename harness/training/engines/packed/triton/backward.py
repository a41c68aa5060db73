"""Triton kernels of the backward pass of the packed networks on images."""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, D103 - kernels are compiled; their parameters are named alike where they are launched

from __future__ import annotations

import triton
import triton.language as tl

from harness.training.engines.packed.triton.shared import ITEM, SIZES, SKIP, beside, neighbours, norm_parts


@triton.jit(do_not_specialize=SIZES)
def descend(
    nodes_ptr,
    convs_ptr,
    gradients_ptr,
    conv_gradients_ptr,
    halved_ptr,
    kernels_ptr,
    mean_ptr,
    inverse_ptr,
    parts_ptr,
    items_ptr,
    batch,
    tiles,
    H: tl.constexpr,
    W: tl.constexpr,
    HO: tl.constexpr,
    WO: tl.constexpr,
    DOWN_Y: tl.constexpr,
    DOWN_X: tl.constexpr,
    ROWS: tl.constexpr,
    C: tl.constexpr,
    CP: tl.constexpr,
    CO: tl.constexpr,
    COP: tl.constexpr,
    RELU: tl.constexpr,
    HALVED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # Item: out, node, numbers of convolutions, direct terms and norms; from 5 on (row, weight, first tap, taps) of the
    # convolutions, from 17 on (kind, row) of the terms, from 23 on (row, stat, part) of the norms.
    item, tile = tl.program_id(0), tl.program_id(1)
    entry = items_ptr + item * ITEM
    out, node, edges = tl.load(entry), tl.load(entry + 1), tl.load(entry + 2).to(tl.int32)
    terms, norms = tl.load(entry + 3).to(tl.int32), tl.load(entry + 4).to(tl.int32)
    positions = batch * (H * W)
    p, c, co = tile * BLOCK + tl.arange(0, BLOCK), tl.arange(0, CP), tl.arange(0, COP)
    live = p < positions
    mask = live[:, None] if C == CP else live[:, None] & (c < C)[None, :]
    flat = p[:, None] * C + c[None, :]
    h, w, image = (p // W) % H, p % W, p // (H * W)
    total = tl.zeros((BLOCK, CP), tl.float32)
    for edge in range(edges):
        at = entry + 5 + 4 * edge
        row = conv_gradients_ptr + tl.load(at) * batch * (HO * WO * CO)
        weight, first, taps = tl.load(at + 1), tl.load(at + 2).to(tl.int32), tl.load(at + 3).to(tl.int32)
        for tap in range(first, first + taps):
            y, x = h - (tap // 3 - ROWS // 2), w - (tap % 3 - 1)
            inside = live & (y >= 0) & (y < HO * DOWN_Y) & (x >= 0) & (x < WO * DOWN_X)
            if DOWN_X > 1:
                inside = inside & (y % DOWN_Y == 0) & (x % DOWN_X == 0)
            there = (image * HO + y // DOWN_Y) * WO + x // DOWN_X
            reach = inside[:, None] if CO == COP else inside[:, None] & (co < CO)[None, :]
            g = tl.load(row + there[:, None] * CO + co[None, :], mask=reach, other=0.0)
            kernel = kernels_ptr + weight + (tap - first) * (CO * C) + co[:, None] * C + c[None, :]
            k = tl.load(kernel, mask=(co < CO)[:, None] & (c < C)[None, :], other=0.0).to(g.dtype)
            total = tl.dot(g, k, total, input_precision="ieee")
    if RELU:  # noqa: SIM102 - known when the kernel is compiled
        if edges > 0:
            value = tl.load(nodes_ptr + node * positions * C + flat, mask=mask, other=0.0)
            total = tl.where(value > 0, total, 0.0)
    for term in range(terms):
        kind, at = tl.load(entry + 17 + 2 * term), gradients_ptr + tl.load(entry + 18 + 2 * term) * positions * C
        if kind == SKIP:
            total += tl.load(at + flat, mask=mask, other=0.0).to(tl.float32)
        else:
            for tap in range(3 * ROWS):
                value, y, x = beside(at, tap // 3 - ROWS // 2, tap % 3 - 1, p, live, H, W, C, CP)
                total += value / neighbours(y, x, H, W, ROWS)[:, None]
    if HALVED:
        small = (item * batch + image) * HO + h // DOWN_Y
        at = halved_ptr + (small.to(tl.int64) * WO + w // DOWN_X)[:, None] * C + c[None, :]
        inside = mask & ((h < HO * DOWN_Y) & (w < WO * DOWN_X))[:, None]
        total += tl.load(at, mask=inside, other=0.0).to(tl.float32) / (DOWN_Y * DOWN_X)
    rounded = total.to(gradients_ptr.dtype.element_ty)
    tl.store(gradients_ptr + out * positions * C + flat, rounded, mask=mask)
    total = tl.where(mask, rounded.to(tl.float32), 0.0)
    norm_parts(
        total, entry + 23, norms, convs_ptr, mean_ptr, inverse_ptr, parts_ptr, tile, tiles, positions, flat, mask, C, CP
    )


@triton.jit(do_not_specialize=SIZES)
def finish_slopes(
    parts_ptr,
    items_ptr,
    values_ptr,
    gradients_ptr,
    mean_ptr,
    inverse_ptr,
    slopes_ptr,
    channels,
    positions,
    tiles,
    C: tl.constexpr,
    CP: tl.constexpr,
    CHUNK: tl.constexpr,
):
    # Item: part, stat, gain, bias.
    entry = items_ptr + tl.program_id(0) * ITEM
    part, stat, gain, bias = tl.load(entry), tl.load(entry + 1), tl.load(entry + 2), tl.load(entry + 3)
    c, t = tl.arange(0, CP), tl.arange(0, CHUNK)
    parts = parts_ptr + part * tiles * (2 * C)
    plain, scaled = tl.zeros((CP,), tl.float32), tl.zeros((CP,), tl.float32)
    for begin in range(0, tiles, CHUNK):
        mask = (begin + t < tiles)[:, None] & (c < C)[None, :]
        at = parts + (begin + t)[:, None] * (2 * C) + c[None, :]
        plain += tl.sum(tl.load(at, mask=mask, other=0.0), 0)
        scaled += tl.sum(tl.load(at + C, mask=mask, other=0.0), 0)
    mean = tl.load(mean_ptr + stat + c, mask=c < C, other=0.0)
    inverse = tl.load(inverse_ptr + stat + c, mask=c < C, other=0.0)
    a = tl.load(values_ptr + gain + c, mask=c < C, other=0.0) * inverse
    b = -a * inverse * scaled / positions
    tl.store(gradients_ptr + gain + c, scaled, mask=c < C)
    tl.store(gradients_ptr + bias + c, plain, mask=c < C)
    tl.store(slopes_ptr + stat + c, a, mask=c < C)
    tl.store(slopes_ptr + channels + stat + c, b, mask=c < C)
    tl.store(slopes_ptr + 2 * channels + stat + c, -a * plain / positions - b * mean, mask=c < C)


@triton.jit(do_not_specialize=SIZES)
def weigh(
    x_ptr,
    y_ptr,
    gradients_ptr,
    conv_gradients_ptr,
    slopes_ptr,
    parts_ptr,
    items_ptr,
    channels,
    batch,
    tiles,
    HI: tl.constexpr,
    WI: tl.constexpr,
    HO: tl.constexpr,
    WO: tl.constexpr,
    DOWN_Y: tl.constexpr,
    DOWN_X: tl.constexpr,
    CI: tl.constexpr,
    PITCH: tl.constexpr,
    WINDOW: tl.constexpr,
    LANES: tl.constexpr,
    CO: tl.constexpr,
    COP: tl.constexpr,
    RELU: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # Item: source, y, sum's gradient, y's gradient, stat, vertical offset, whether 3 wide, whether it writes.
    item, split, splits = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    entry = items_ptr + item * ITEM
    stat, dy, wide = tl.load(entry + 4), tl.load(entry + 5).to(tl.int32), tl.load(entry + 6)
    writes = tl.load(entry + 7)
    positions = batch * (HO * WO)
    row = x_ptr + tl.load(entry) * batch * (HI * WI * PITCH)
    y_row = y_ptr + tl.load(entry + 1) * positions * CO
    g_row = gradients_ptr + tl.load(entry + 2) * positions * CO
    d_row = conv_gradients_ptr + tl.load(entry + 3) * positions * CO
    co, lane = tl.arange(0, COP), tl.arange(0, LANES)
    a = tl.load(slopes_ptr + stat + co, mask=co < CO, other=0.0)[None, :]
    b = tl.load(slopes_ptr + channels + stat + co, mask=co < CO, other=0.0)[None, :]
    c = tl.load(slopes_ptr + 2 * channels + stat + co, mask=co < CO, other=0.0)[None, :]
    # A position's three neighbours lie next to each other: lanes are (neighbour, channel).
    dx = lane // CI - WINDOW // 2
    used = (lane < WINDOW * CI) & (dx * (1 - wide) == 0)  # `wide` is 0 or 1; narrow kernels have the middle alone
    total = tl.zeros((COP, LANES), tl.float32)
    for step in range(tiles):
        p = (split * tiles + step) * BLOCK + tl.arange(0, BLOCK)
        live = p < positions
        mask = live[:, None] if CO == COP else live[:, None] & (co < CO)[None, :]
        flat = p[:, None] * CO + co[None, :]
        g = tl.load(g_row + flat, mask=mask, other=0.0).to(tl.float32)
        y = tl.load(y_row + flat, mask=mask, other=0.0).to(tl.float32)
        d = tl.where(mask, a * g + b * y + c, 0.0).to(conv_gradients_ptr.dtype.element_ty)
        if writes > 0:
            tl.store(d_row + flat, d, mask=mask)
        h, w = (p // WO) % HO * DOWN_Y + dy, p % WO * DOWN_X
        base = ((p // (HO * WO)) * HI + h) * WI + w
        column = w[:, None] + dx[None, :]
        inside = (live & (h >= 0) & (h < HI))[:, None] & (column >= 0) & (column < WI) & used[None, :]
        at = row + base[:, None] * PITCH + (lane - WINDOW // 2 * CI)[None, :]
        x = tl.load(at, mask=inside, other=0.0)
        if RELU:
            x = tl.where(x < 0, 0.0, x).to(x.dtype)
        total = tl.dot(tl.trans(d), x, total, input_precision="ieee")
    at = parts_ptr + (item * splits + split).to(tl.int64) * (CO * WINDOW * CI)
    stored = (co < CO)[:, None] & (lane < WINDOW * CI)[None, :]
    tl.store(at + co[:, None] * (WINDOW * CI) + lane[None, :], total, mask=stored)


@triton.jit(do_not_specialize=SIZES)
def finish_kernels(
    parts_ptr,
    items_ptr,
    gradients_ptr,
    splits,
    CI: tl.constexpr,
    WINDOW: tl.constexpr,
    CO: tl.constexpr,
    BLOCK: tl.constexpr,
    CHUNK: tl.constexpr,
):
    # Item as for `weigh`; at 8 where the gradient of its middle neighbour starts.
    item = tl.program_id(0)
    entry = items_ptr + item * ITEM
    wide, start = tl.load(entry + 6), tl.load(entry + 8)
    e, t = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK), tl.arange(0, CHUNK)
    size = CO * WINDOW * CI
    total = tl.zeros((BLOCK,), tl.float32)
    parts = parts_ptr + item.to(tl.int64) * splits * size
    for begin in range(0, splits, CHUNK):
        mask = (begin + t < splits)[:, None] & (e < size)[None, :]
        total += tl.sum(tl.load(parts + (begin + t)[:, None] * size + e[None, :], mask=mask, other=0.0), 0)
    lane = e % (WINDOW * CI)
    dx = lane // CI - WINDOW // 2
    at = gradients_ptr + start + dx * (CO * CI) + e // (WINDOW * CI) * CI + lane % CI
    tl.store(at, total, mask=(e < size) & (dx * (1 - wide) == 0))
