"""One cell of the supernet on signals: mixtures of operations and single ones, forward and backward.

A feature map is (C, N), N = length x batch with the batch innermost, as in the packed engine.  Convolutions of one
kernel that leave a node are one matrix product on its rectified windows, and what they give is normalised at once: the
weight of an operation is the gain of its normalisation, so that the gradient of the gain is that of the weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from harness.spaces.four_nodes import EDGES, NODES, SKIP
from harness.spaces.nb201.operations import CONV_3X3, KERNELS, OPERATIONS, POOL
from harness.training.engines.packed.plan import SOURCES, WavePlan
from harness.training.engines.packed.signals.layers import Feature, Workspace
from harness.training.engines.packed.weights import PackWeights
from harness.training.networks.operations import EPSILON
from harness.training.supernets.cells import LEAVING
from harness.training.supernets.written.waves import ROWS, Run, Wave, Waves

TAPS = 3
"""Of the wider kernel: windows hold as many positions."""
_PLACE = {gene: place for place, gene in enumerate(ROWS)}
_ROWS = torch.tensor(ROWS)


@dataclass
class Step:
    """What a step computes.

    Attributes
    ----------
    waves : Waves
    scale : (6, 5) Tensor
        Weights of the operations of each edge.
    numbers : list of 6 lists of 5 float
        The same.
    learns, mixes : bool
        Whether `backward` gives the gradients of the kernels, and of the weights of operations.
    gated : bool
        Whether it gives those of operations that are not computed too: of constant ones.
    is_plain : bool
        Whether all weights of operations are 1.
    rows, slopes : (6, 5) Tensor
        The weights of operations, and their gradients, of all cells so far; edges in the order of `ROWS`.
    """

    waves: Waves
    scale: Tensor
    learns: bool
    mixes: bool
    gated: bool = False
    is_plain: bool = False
    numbers: list[list[float]] = field(init=False)
    rows: Tensor = field(init=False)
    slopes: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.numbers, self.rows, self.slopes = self.scale.tolist(), self.scale[_ROWS], torch.zeros_like(self.scale)

    @property
    def gradient(self) -> Tensor:
        """The gradients of the weights of operations, (6, 5), in the order of genes."""
        return torch.empty_like(self.slopes).index_copy_(0, _ROWS, self.slopes)


class _Convolutions:
    """A run of convolutions in a cell, on prepared views."""

    def __init__(self, cell: WrittenCell, run: Run, source: int) -> None:
        width = len(cell.nodes[0])
        rows = slice(run.start * width, run.stop * width)
        before, after = run.targets[0] - 1, run.targets[-1]
        self.targets, self._run = run.targets, run
        wide = run.code == CONV_3X3
        windows, gradient = cell.windows[source], cell.windows_gradient
        centre = slice(None) if wide else slice(width, 2 * width)
        self._inputs, self._into = windows[centre], gradient[centre]
        self._gain = cell.gains[run.code][rows]
        self._kernel, self._slope = cell.kernels[run.code][rows], cell.slopes[run.code][rows]
        self._y = torch.empty_like(cell.maps[: rows.stop - rows.start])
        self._batch, self._from = self._y.unsqueeze(0), cell.maps_gradient[before * width : after * width].unsqueeze(0)
        self._statistics: tuple[Tensor, Tensor] = (self._gain, self._gain)

    def forward(self) -> Sequence[Tensor]:
        """Return what is added to each target, (C, N)."""
        torch.mm(self._kernel, self._inputs, out=self._y)
        _, channels, count = self._batch.shape
        # Equal to batch normalisation, because every channel is a group of its own, and three times as fast.
        out, mean, inverse = torch.native_group_norm(
            self._batch, self._gain, None, 1, channels, count, channels, EPSILON
        )
        self._statistics = mean.view(-1), inverse.view(-1)
        return out.view(len(self.targets), -1, count).unbind(0)

    def backward(self, step: Step, *, add: bool) -> None:
        """Write or add the gradient of the windows, and write those that the step asks for."""
        slope, gain, _ = torch.ops.aten.native_batch_norm_backward(
            self._from, self._batch, self._gain, None, None, *self._statistics, True, EPSILON, [True, step.mixes, False]
        )
        if step.mixes:
            run = self._run
            step.slopes[run.start : run.stop, run.code].add_(gain.view(len(self.targets), -1).sum(1))
        if step.learns:
            torch.mm(slope[0], self._inputs.mT, out=self._slope)
        if add:
            self._into.addmm_(self._kernel.mT, slope[0])
        else:
            torch.mm(self._kernel.mT, slope[0], out=self._into)


class WrittenCell:
    """Four nodes, each (C, N), with all operations on all edges.

    Parameters
    ----------
    plan : WavePlan
        Not looked at: a step brings its own.
    weights : PackWeights
        ``KEY.CODE`` has the kernels of an operation, (1, 6 C, taps x C), edges in the order of `ROWS`.
    key : str
        Of the cell.
    inputs : Feature
        Node 0, (1, C, N).
    work : Workspace

    Attributes
    ----------
    out : Feature
        Node 3, (1, C, N).
    """

    def __init__(self, plan: WavePlan, weights: PackWeights, key: str, inputs: Feature, work: Workspace) -> None:
        features = inputs.values[0]
        width, count = features.shape
        self.nodes = [features, *(torch.zeros_like(features) for _ in range(NODES - 1))]
        self.maps = features.new_empty(((NODES - 1) * width, count))
        self.maps_gradient = torch.zeros_like(self.maps)
        self.gradients = [inputs.gradient[0], *self.maps_gradient.view(NODES - 1, width, count).unbind(0)]
        self.out = Feature(self.nodes[-1].unsqueeze(0), self.gradients[-1].unsqueeze(0))
        self.windows = [features.new_zeros((TAPS * width, count)) for _ in range(SOURCES)]
        self.windows_gradient = work.buffer("input_gradient", (TAPS * width, count))
        self.kernels = {code: weights.values.views[f"{key}.{code}"][0] for code in KERNELS}
        self.slopes = {code: weights.gradients.views[f"{key}.{code}"][0] for code in KERNELS}
        self.gains = {code: features.new_ones(len(EDGES) * width) for code in KERNELS}
        self._gain_rows = {code: gain.view(len(EDGES), width) for code, gain in self.gains.items()}
        self._inverse, self._spread = _inverse_counts(features, work.batch), work.buffer("scratch", features.shape)
        self._pooled = [torch.empty_like(features) for _ in range(SOURCES)]
        # Of each neighbour: what it is added to, or written to, and itself.  Nothing is beyond the ends.
        past, future, everything = slice(work.batch, None), slice(None, -work.batch), slice(None)
        pairs, taps = ((past, future), (future, past)), (slice(width), slice(2 * width, None))
        centre = slice(width, 2 * width)
        self._centres = [windows[centre] for windows in self.windows]
        self._framed = [
            [(windows[tap, here], windows[centre, there]) for tap, (here, there) in zip(taps, pairs, strict=True)]
            for windows in self.windows
        ]
        whole = self.windows_gradient
        self._centre_gradient = whole[centre]
        self._gathered = [
            (whole[centre, there], whole[tap, here]) for tap, (here, there) in zip(taps, pairs, strict=True)
        ]
        self._neighbours = [
            [(pooled[everything, here], node[everything, there]) for here, there in pairs]
            for pooled, node in zip(self._pooled, self.nodes[:-1], strict=True)
        ]
        self._spreads = [
            [(gradient[everything, here], self._spread[everything, there]) for here, there in pairs]
            for gradient in self.gradients[:-1]
        ]
        self._runs: dict[tuple[int, Run], _Convolutions] = {}
        self._step: Step | None = None
        self._is_plain = True  # the gains are 1

    def choose(self, step: Step) -> None:
        """Have the next passes compute a step."""
        self._step = step
        if not (self._is_plain and step.is_plain):
            for code, rows in self._gain_rows.items():
                rows.copy_(step.rows[:, code].unsqueeze(1))
            self._is_plain = step.is_plain

    def infer(self) -> None:
        """Refuse: running statistics, which evaluation would need, belong to none of a supernet's architectures."""
        raise RuntimeError("written steps are of training; `harness.training.supernets.subnets` evaluates")

    def forward(self) -> None:
        """Compute nodes 1 to 3."""
        step, begun = self._chosen(), {0}
        for source, wave in enumerate(step.waves.of):
            if source not in begun:
                self.nodes[source].zero_()
            if wave.runs:
                self._rectify(source, wave)
            for run in wave.runs:
                convolutions = self._run(source, run)
                for target, term in zip(convolutions.targets, convolutions.forward(), strict=True):
                    self._add(target, term, 1.0, begun)
            for gene in wave.skips:
                self._add(EDGES[gene][1], self.nodes[source], step.numbers[gene][SKIP], begun)
            if wave.pools:
                self._pool(source)
            for gene in wave.pools:
                self._add(EDGES[gene][1], self._pooled[source], step.numbers[gene][POOL], begun)
        if NODES - 1 not in begun:
            self.nodes[-1].zero_()

    def backward(self) -> None:
        """Compute the gradients of nodes 2 to 0, and those that the step asks for, from that of node 3."""
        step = self._chosen()
        for source in reversed(range(SOURCES)):
            wave, gradient = step.waves.of[source], self.gradients[source]
            for place, run in enumerate(wave.runs):
                self._run(source, run).backward(step, add=bool(place))
            if wave.runs:
                self._gather(wave)
                torch.ops.aten.threshold_backward.grad_input(
                    self._centre_gradient, self._centres[source], 0.0, grad_input=gradient
                )
            else:
                gradient.zero_()
            for gene in wave.skips:
                gradient.add_(self.gradients[EDGES[gene][1]], alpha=step.numbers[gene][SKIP])
            if wave.pools:
                self._unpool(source, wave, step)
            if step.mixes:
                self._mix(source, wave, step)

    def _chosen(self) -> Step:
        if self._step is None:
            raise ValueError("choose a step first")
        return self._step

    def _run(self, source: int, run: Run) -> _Convolutions:
        if (source, run) not in self._runs:
            self._runs[source, run] = _Convolutions(self, run, source)
        return self._runs[source, run]

    def _rectify(self, source: int, wave: Wave) -> None:
        """Write the windows of a node: of each channel the left neighbour, the position itself, the right one."""
        torch.clamp_min(self.nodes[source], 0.0, out=self._centres[source])
        if wave.runs[0].code == CONV_3X3:
            for tap, neighbours in self._framed[source]:
                tap.copy_(neighbours)

    def _gather(self, wave: Wave) -> None:
        """Add the gradients of neighbours in windows to those of the positions."""
        if wave.runs[0].code == CONV_3X3:
            for positions, tap in self._gathered:
                positions.add_(tap)

    def _add(self, target: int, term: Tensor, factor: float, begun: set[int]) -> None:
        if target in begun:
            self.nodes[target].add_(term, alpha=factor)
        else:
            torch.mul(term, factor, out=self.nodes[target])
            begun.add(target)

    def _pool(self, source: int) -> None:
        """Average over three neighbours, padding not counted."""
        total = self._pooled[source].copy_(self.nodes[source])
        for positions, neighbours in self._neighbours[source]:
            positions.add_(neighbours)
        total.mul_(self._inverse)

    def _unpool(self, source: int, wave: Wave, step: Step) -> None:
        """Spread the targets' gradients over the neighbours."""
        spread = self._spread
        first, *others = wave.pools
        torch.mul(self.gradients[EDGES[first][1]], step.numbers[first][POOL], out=spread)
        for gene in others:
            spread.add_(self.gradients[EDGES[gene][1]], alpha=step.numbers[gene][POOL])
        spread.mul_(self._inverse)
        self.gradients[source].add_(spread)
        for positions, neighbours in self._spreads[source]:
            positions.add_(neighbours)

    def _mix(self, source: int, wave: Wave, step: Step) -> None:
        """Add to the gradients of the weights of operations that have no kernels, and of gates."""
        for code, genes, values in ((SKIP, wave.skips, self.nodes[source]), (POOL, wave.pools, self._pooled[source])):
            for gene in genes:
                step.slopes[_PLACE[gene], code] += torch.dot(values.view(-1), self.gradients[EDGES[gene][1]].view(-1))
        if not step.gated:
            return
        for gene in LEAVING[source]:
            others = [code for code in range(len(OPERATIONS)) if step.numbers[gene][code] == 0]
            step.slopes[_PLACE[gene], others] += self.gradients[EDGES[gene][1]].sum()


def _inverse_counts(features: Tensor, shift: int) -> Tensor:
    """Return 1 over the number of neighbours of each position, (1, N)."""
    counts = torch.full_like(features[:1], 3.0)
    counts[:, :shift] -= 1
    counts[:, -shift:] -= 1
    return 1 / counts
