"""The backward half of `PlainOperations` by kernels, and the whole of it: one launch, or two, for all members.

Kernels are compiled when they are first needed, which takes about half a minute for a new size of network; Triton keeps
them on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from torch import Tensor

from harness.training.engines.packed.images.maps import Edge, Maps, Slope
from harness.training.engines.packed.images.operations import Run
from harness.training.engines.packed.triton import backward as backwards
from harness.training.engines.packed.triton import ends
from harness.training.engines.packed.triton.launch_forward import (
    ROOM,
    TOGETHER,
    ForwardOperations,
    nothing,
    padded,
    tile_of,
)

_PROGRAMS = 1056
"""Programs that keep a device busy: eight on each of 132 processors."""
_LEAST = {16: 2, 32: 8, 64: 8}
"""Tiles that a program of `weigh` adds up at least, by channels: what it leaves is as large as some tiles."""


class KernelOperations(ForwardOperations):
    """`PlainOperations` by Triton kernels."""

    def weigh(
        self,
        edges: Sequence[Edge],
        source: Maps,
        convs: Maps,
        gradients: Maps,
        conv_gradients: Maps,
        *,
        relu: bool = True,
        down: bool = False,
    ) -> Run:
        """Differentiate by kernels."""
        if not edges:
            return nothing
        size = convs.channels * source.channels
        items = self._table(row for edge in edges for row in self._kernel_rows(edge, size))
        window = 3 if any(edge.taps > 1 for edge in edges) else 1
        lanes = padded(window * source.channels)
        block, compiled = tile_of("weigh", convs.channels)
        least = _LEAST.get(padded(convs.channels), 1)
        most = -(-_PROGRAMS // len(items))
        self._reserve(len(items) * most * size * window)

        def run(batch: int) -> None:
            blocks = -(-batch * convs.area // block)
            tiles = max(least, -(-blocks // most))
            splits = -(-blocks // tiles)
            backwards.weigh[len(items), splits](
                source.memory(),
                convs.memory(),
                gradients.memory(),
                conv_gradients.memory(),
                self._norms.slopes,
                self._parts(),
                items,
                self._norms.slopes.shape[1],
                batch,
                tiles,
                source.height,
                source.width,
                convs.height,
                convs.width,
                *(self._lattice.down if down else (1, 1)),
                source.channels,
                source.pitch,
                window,
                lanes,
                convs.channels,
                padded(convs.channels),
                relu,
                block,
                **compiled,
            )
            backwards.finish_kernels[len(items), -(-size * window // 128)](
                self._parts(),
                items,
                self._gradients,
                splits,
                source.channels,
                window,
                convs.channels,
                128,
                TOGETHER // 128,
            )

        return run

    def _kernel_rows(self, edge: Edge, size: int) -> list[tuple[int, ...]]:
        """Return an item for each row of a kernel."""
        rows = self._lattice.rows if edge.taps > 1 else 1
        wide = int(edge.taps > 1)
        return [
            (
                edge.source,
                edge.out,
                edge.into,
                edge.slope,
                edge.stat,
                row - rows // 2,
                wide,
                int(row == 0),
                edge.weight + (3 * row + 1) * size * wide,
            )
            for row in range(rows)
        ]

    def descend(
        self,
        slopes: Sequence[Slope],
        nodes: Maps,
        convs: Maps,
        gradients: Maps,
        conv_gradients: Maps,
        *,
        relu: bool = True,
        down: bool = False,
        halved: Maps | None = None,
    ) -> Run:
        """Differentiate by nodes."""
        if not slopes:
            return nothing
        into = [edge for slope in slopes for edge in slope.into]
        part = iter(range(len(into)))
        items = self._table(self._slope_item(slope, part) for slope in slopes)
        block, compiled = tile_of("descend", max(nodes.channels, conv_gradients.channels))
        self._reserve(len(into) * -(-nodes.batch * nodes.area // block) * 2 * nodes.channels)
        finish = self._slopes_finished(into, nodes)
        norms = self._norms

        def run(batch: int) -> None:
            tiles = -(-batch * nodes.area // block)
            backwards.descend[len(slopes), tiles](
                nodes.memory(),
                convs.memory(),
                gradients.memory(),
                conv_gradients.memory(),
                (halved or gradients).memory(),
                self._kernels,
                norms.mean,
                norms.inverse,
                self._parts(),
                items,
                batch,
                tiles,
                nodes.height,
                nodes.width,
                conv_gradients.height,
                conv_gradients.width,
                *(self._lattice.down if down else (1, 1)),
                self._lattice.rows,
                nodes.channels,
                padded(nodes.channels),
                conv_gradients.channels,
                padded(conv_gradients.channels),
                relu,
                halved is not None,
                block,
                **compiled,
            )
            finish(batch * nodes.area, tiles)

        return run

    def _slope_item(self, slope: Slope, part: Iterable[int]) -> list[int]:
        item = [0] * ROOM
        item[:5] = slope.out, slope.node, len(slope.convolutions), len(slope.direct), len(slope.into)
        for position, edge in enumerate(slope.convolutions):
            item[5 + 4 * position : 9 + 4 * position] = edge.slope, edge.weight, self._first(edge), edge.taps
        for position, term in enumerate(slope.direct):
            item[17 + 2 * position : 19 + 2 * position] = term.kind, term.row
        for position, (edge, number) in enumerate(zip(slope.into, part, strict=False)):
            item[23 + 3 * position : 26 + 3 * position] = edge.out, edge.stat, number
        return item

    def _slopes_finished(self, edges: Sequence[Edge], maps: Maps) -> Callable[[int, int], None]:
        """Prepare the gradients of gains and biases from the parts of the edges, in their order."""
        if not edges:
            return nothing
        items = self._table((part, edge.stat, edge.gain, edge.bias) for part, edge in enumerate(edges))
        norms = self._norms

        def run(positions: int, tiles: int) -> None:
            backwards.finish_slopes[(len(items),)](
                self._parts(),
                items,
                self._values,
                self._gradients,
                norms.mean,
                norms.inverse,
                norms.slopes,
                norms.slopes.shape[1],
                positions,
                tiles,
                maps.channels,
                padded(maps.channels),
                TOGETHER // padded(maps.channels),
            )

        return run

    def unpool(
        self, edges: Sequence[Edge], into: Sequence[Sequence[Edge]], nodes: Maps, convs: Maps, gradients: Maps
    ) -> Callable[[int, Tensor], None]:
        """Differentiate `pool`."""
        before = [edge for each in into for edge in each]
        part = iter(range(len(before)))
        items = self._table(
            [edge.out, edge.into, edge.stat, len(each), *(x for e in each for x in (e.out, e.stat, next(part)))]
            for edge, each in zip(edges, into, strict=True)
        )
        block, compiled = tile_of("ends", nodes.channels)
        self._reserve(max(len(edges), len(before)) * -(-nodes.batch * nodes.area // block) * 2 * nodes.channels)
        own, others = self._slopes_finished(edges, nodes), self._slopes_finished(before, nodes)
        norms = self._norms

        def run(batch: int, means: Tensor) -> None:
            positions = batch * nodes.area
            tiles = -(-positions // block)
            for reduce, finish in ((True, own), (False, others)):
                ends.unpool[len(edges), tiles](
                    nodes.memory(),
                    convs.memory(),
                    gradients.memory(),
                    means.contiguous(),
                    norms.scale,
                    norms.shift,
                    norms.slopes,
                    norms.mean,
                    norms.inverse,
                    self._parts(),
                    items,
                    norms.slopes.shape[1],
                    batch,
                    tiles,
                    nodes.area,
                    nodes.channels,
                    padded(nodes.channels),
                    reduce,
                    block,
                    **compiled,
                )
                finish(positions, tiles)

        return run
