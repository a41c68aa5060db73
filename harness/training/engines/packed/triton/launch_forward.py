"""The forward half of `PlainOperations` by kernels: one launch, or two, for all members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from harness.training.engines.packed.images.maps import Edge, Lattice, Maps, Norms, Sum
from harness.training.engines.packed.images.operations import PlainOperations, Run
from harness.training.engines.packed.triton import ends
from harness.training.engines.packed.triton import forward as forwards
from harness.training.engines.packed.triton.shared import ITEM

ROOM: int = ITEM.value
"""Integers of an item."""
_SMALLEST = 16
"""Channels of the smallest matrix product."""
TOGETHER = 4096
"""Values that the kernels which finish sums load at once."""
TILES = {
    "convolve": {16: (256, 4, 3), 32: (128, 4, 3), 64: (128, 4, 2)},
    "descend": {16: (256, 4, 3), 32: (128, 4, 3), 64: (128, 4, 3)},
    "weigh": {16: (128, 4, 2), 32: (64, 4, 3), 64: (64, 4, 2)},
    "add": {16: (128, 4, 3), 32: (64, 4, 3), 64: (32, 4, 3)},
    "ends": {16: (256, 4, 3), 32: (128, 4, 3), 64: (64, 4, 3)},
}
"""Positions of a tile, warps and depth of the pipeline, by kernel and channels rounded up; the fastest on an H100."""


def padded(channels: int) -> int:
    """Return channels rounded up to a power of two that products take."""
    return max(_SMALLEST, 1 << (channels - 1).bit_length())


def tile_of(kernel: str, channels: int) -> tuple[int, dict[str, int]]:
    """Return positions of a tile, and how a kernel is compiled."""
    block, warps, stages = TILES[kernel].get(padded(channels), (32, 4, 2))
    return block, {"num_warps": warps, "num_stages": stages}


class ForwardOperations(PlainOperations):
    """What `KernelOperations` does in evaluation.

    Parameters
    ----------
    dtype : dtype
        Of feature maps.
    """

    def __init__(self, norms: Norms, lattice: Lattice, dtype: torch.dtype) -> None:
        super().__init__(norms, lattice)
        same = self._values.dtype == dtype
        self._kernels = self._values if same else torch.zeros_like(self._values, dtype=dtype)
        self._needed = 1
        self._scratch: Tensor | None = None

    def begin(self) -> None:
        """Round the parameters."""
        if self._kernels is not self._values:
            self._kernels.copy_(self._values)

    def _table(self, rows: Iterable[Sequence[int]]) -> Tensor:
        """Return a table of items on the device."""
        filled = [[*row, *[0] * (ROOM - len(row))] for row in rows]
        return torch.tensor(filled, dtype=torch.int64).to(self._values.device)

    def _reserve(self, size: int) -> None:
        """Make room for the parts of sums; all operations share it."""
        self._needed = max(self._needed, size)

    def _parts(self) -> Tensor:
        if self._scratch is None or len(self._scratch) < self._needed:
            self._scratch = torch.empty(self._needed, dtype=torch.float32, device=self._values.device)
        return self._scratch

    def patches(self, images: Tensor, out: Maps) -> None:
        """Write neighbourhoods."""
        rows, batch, channels = images.shape[:3]
        pixels = images.permute(0, 1, 3, 4, 2).contiguous()
        positions = rows * batch * out.area
        ends.patches[(-(-positions // 256),)](
            pixels,
            out.memory(),
            positions,
            out.height,
            out.width,
            self._lattice.rows,
            channels,
            out.pitch,
            padded(out.pitch),
            256,
        )

    def convolve(
        self, edges: Sequence[Edge], source: Maps, out: Maps, *, training: bool, relu: bool = True, down: bool = False
    ) -> Run:
        """Convolve."""
        if not edges:
            return nothing
        items = self._table((e.source, e.out, e.weight, self._first(e), e.taps) for e in edges)
        block, compiled = tile_of("convolve", out.channels)
        self._reserve(len(edges) * -(-out.batch * out.area // block) * 2 * out.channels)
        finish = self._norms_finished(edges, out, block) if training else nothing

        def run(batch: int) -> None:
            tiles = -(-batch * out.area // block)
            forwards.convolve[len(edges), tiles](
                source.memory(),
                out.memory(),
                self._kernels,
                self._parts(),
                items,
                batch,
                tiles,
                source.height,
                source.width,
                out.height,
                out.width,
                *(self._lattice.down if down else (1, 1)),
                self._lattice.rows,
                source.channels,
                padded(source.channels),
                source.pitch,
                out.channels,
                padded(out.channels),
                relu,
                block,
                **compiled,
            )
            finish(batch)

        return run

    def _first(self, edge: Edge) -> int:
        """Return the first tap of a kernel among those of 3x3."""
        return 0 if edge.taps > 1 else self._lattice.taps // 2

    def _norms_finished(self, edges: Sequence[Edge], out: Maps, block: int) -> Run:
        """Prepare statistics from the parts that a table of edges left."""
        normed = [(part, edge.stat, edge.gain, edge.bias) for part, edge in enumerate(edges) if edge.normed]
        if not normed:
            return nothing
        items, norms = self._table(normed), self._norms

        def run(batch: int) -> None:
            positions = batch * out.area
            forwards.finish_norms[(len(items),)](
                self._parts(),
                items,
                self._values,
                norms.mean,
                norms.inverse,
                norms.scale,
                norms.shift,
                positions,
                -(-positions // block),
                out.channels,
                padded(out.channels),
                block,
                TOGETHER // padded(out.channels),
            )

        return run

    def add(self, sums: Sequence[Sum], nodes: Maps, convs: Maps) -> Run:
        """Add terms."""
        if not sums:
            return nothing
        items = self._table(
            [item.out, len(item.terms), *(x for t in item.terms for x in (t.kind, t.row, t.stat))] for item in sums
        )
        block, compiled = tile_of("add", nodes.channels)

        def run(batch: int) -> None:
            forwards.add[len(sums), -(-batch * nodes.area // block)](
                nodes.memory(),
                convs.memory(),
                self._norms.scale,
                self._norms.shift,
                items,
                batch,
                nodes.height,
                nodes.width,
                self._lattice.rows,
                nodes.channels,
                padded(nodes.channels),
                block,
                **compiled,
            )

        return run

    def halve(self, rows: Sequence[int], source: Maps, out: Maps) -> Run:
        """Average over 2x2 positions."""
        items = self._table([row] for row in rows)
        block, compiled = tile_of("ends", out.channels)

        def run(batch: int) -> None:
            ends.halve[len(rows), -(-batch * out.area // block)](
                source.memory(),
                out.memory(),
                items,
                batch,
                source.height,
                source.width,
                out.height,
                out.width,
                *self._lattice.down,
                out.channels,
                padded(out.channels),
                block,
                **compiled,
            )

        return run

    def pool(self, edges: Sequence[Edge], nodes: Maps, *, training: bool) -> Callable[[int], Tensor]:
        """Average what the head's norm gives."""
        items = self._table((edge.out, edge.stat) for edge in edges)
        block, compiled = tile_of("ends", nodes.channels)
        self._reserve(len(edges) * -(-nodes.batch * nodes.area // block) * 2 * nodes.channels)
        finish = self._norms_finished(edges, nodes, block) if training else None
        channels = nodes.channels, padded(nodes.channels)

        def run(batch: int) -> Tensor:
            if finish:
                positions = batch * nodes.area
                tiles = -(-positions // block)
                ends.statistics[len(edges), tiles](
                    nodes.memory(),
                    self._parts(),
                    items,
                    positions,
                    tiles,
                    *channels,
                    block,
                    **compiled,
                )
                finish(batch)
            means = torch.empty((len(edges), batch, nodes.channels), dtype=torch.float32, device=items.device)
            ends.pool[len(edges), batch](
                nodes.memory(),
                self._norms.scale,
                self._norms.shift,
                means,
                items,
                batch,
                nodes.area,
                *channels,
                block,
                **compiled,
            )
            return means

        return run


def nothing(*sizes: int) -> None:
    """Do nothing: there are no edges."""
