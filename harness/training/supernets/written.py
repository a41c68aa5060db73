"""Paths of the supernet on signals, with their gradients written out: on a CPU faster than autograd by 1.7 to 1.9.

The packed engine's networks are prepared with all operations on all edges, in a pack of one, and a step runs those of
its path.  Weights are shared with the supernet: its parameters become views of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from harness.spaces.four_nodes import EDGES, NODES, NONE, live_edges
from harness.spaces.nb201.operations import OPERATIONS
from harness.training.engines.engine import Task
from harness.training.engines.packed.engine import fits_signals
from harness.training.engines.packed.plan import SOURCES, Bucket, WavePlan
from harness.training.engines.packed.signals.cell import Edges, SignalCell
from harness.training.engines.packed.signals.layers import Feature, Workspace
from harness.training.engines.packed.signals.networks import SignalNetworks
from harness.training.engines.packed.weights import PackWeights, in_own_network, pack_slots
from harness.training.supernets.batches import Batches
from harness.training.supernets.cells import Supernet, shared_name

Place = tuple[int, int]
"""The gene of an edge and the code of an operation."""
Chosen = frozenset[Place]
Kind = TypeVar("Kind", bound=Edges)


def full_plan() -> WavePlan:
    """Return a plan of one member that has every operation on every edge, each in a bucket of its own."""
    codes = [code for code in range(len(OPERATIONS)) if code != NONE]
    only = np.zeros(1, dtype=np.int64)
    return WavePlan(
        1,
        tuple(
            tuple(Bucket(code, source, (target,), only) for code in codes for at, target in EDGES if at == source)
            for source in range(SOURCES)
        ),
    )


def _placed(plan: WavePlan, waves: list[list[Kind]], *, convolve: bool) -> list[list[tuple[Place, Kind]]]:
    """Return the edges of a cell, wave by wave, with their places."""
    kinds = [[bucket for bucket in wave if bucket.is_convolution == convolve] for wave in plan.waves]
    return [
        [((bucket.genes[0], bucket.operation), edges) for bucket, edges in zip(buckets, wave, strict=True)]
        for buckets, wave in zip(kinds, waves, strict=True)
    ]


def _of(waves: list[list[tuple[Place, Kind]]], chosen: Chosen) -> list[list[Kind]]:
    return [[edges for place, edges in wave if place in chosen] for wave in waves]


class PathCell(SignalCell):
    """A cell with all operations on all edges, of which those of a path run."""

    def __init__(self, plan: WavePlan, weights: PackWeights, key: str, inputs: Feature, work: Workspace) -> None:
        super().__init__(plan, weights, key, inputs, work)
        self._all_simple = _placed(plan, self._simple, convolve=False)
        self._all_convs = _placed(plan, self._convs, convolve=True)

    def choose(self, chosen: Chosen) -> None:
        """Have the next passes run some of the operations."""
        self._simple, self._convs = _of(self._all_simple, chosen), _of(self._all_convs, chosen)
        every: chain[Edges] = chain(*self._simple, *self._convs)
        for edges in every:
            edges.first = [False]
        self._cleared = self._begin_sums(list(range(1, NODES)))

    def backward(self) -> None:
        """Compute the gradients of nodes 2 to 0 and of the parameters."""
        super().backward()
        if not (self._simple[0] or self._convs[0]):
            self.gradients[0].zero_()


class PathNetworks(SignalNetworks):
    """The networks of all paths for one batch size."""

    cell, tracks = PathCell, False

    def choose(self, chosen: Chosen) -> None:
        """Have the next passes run some of the operations."""
        for block in self._blocks:
            if isinstance(block, PathCell):
                block.choose(chosen)


class WrittenPaths:
    """Gradients of the paths of a supernet on signals.

    Parameters
    ----------
    supernet : Supernet
        Of plain cells.  Its parameters are views of flat memory from now on.
    task : Task
        Of networks that `fits` accepts.
    """

    def __init__(self, supernet: Supernet, task: Task) -> None:
        self._plan, self._task = full_plan(), task
        self._weights = PackWeights(pack_slots(self._plan, task), task.device)
        self._weights.values.flat.fill_(1.0)  # of the normalisations in cells; the others are copied
        self._networks: dict[int, PathNetworks] = {}
        self._ends: list[tuple[Tensor, Tensor]] = []
        self._head: list[tuple[Tensor, Tensor]] = []
        self._convs: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
        parameters = dict(supernet.named_parameters())
        for slot in self._weights.values.slots:
            parts = slot.key.split(".")
            code = int(parts[4]) if parts[0] == "stages" else NONE
            parameter = parameters.get(shared_name(slot.name, (code,) * len(EDGES)))
            if parameter is None:
                if parts[-1] == "bias":
                    self._weights.values.views[slot.key].zero_()
                continue
            value, gradient = (
                in_own_network(stack.views[slot.key][0]).reshape(parameter.shape)
                for stack in (self._weights.values, self._weights.gradients)
            )
            value.copy_(parameter.detach())
            parameter.data = value
            of = self._convs.setdefault((int(parts[3]), code), []) if code != NONE else self._ends
            (self._head if parts[0] == "head" else of).append((parameter, gradient))

    @staticmethod
    def fits(supernet: Supernet, task: Task) -> bool:
        """Return whether paths are written out: on signals with reductions that pool, on a CPU, in plain cells."""
        plain = all(cell.plain for stage in supernet.stages for cell in stage)  # type: ignore[attr-defined]  # of Module
        return plain and task.device.type == "cpu" and fits_signals(task)

    def learn(self, images: Tensor, labels: Tensor, arch: Sequence[int], smoothing: float = 0.0) -> float:
        """Give the parameters that a path depends on their gradients, and return the mean loss of a batch.

        Parameters
        ----------
        images : (B, C, 1, length)
        labels : (B,)
        arch : sequence of 6 int
        smoothing : float
            Of labels.
        """
        networks, live = self._of(len(labels)), live_edges(arch)
        chosen = frozenset((gene, int(arch[gene])) for gene in live)
        reached = {0}
        for source, target in (EDGES[gene] for gene in live):  # sources are targets of edges before
            if source in reached:
                reached.add(target)
        with torch.inference_mode():
            networks.choose(chosen)
            logarithms = torch.log_softmax(networks.forward(images.unsqueeze(0), training=True), 1)
            truth = torch.full_like(logarithms, smoothing / logarithms.shape[1])
            index = labels.view(1, 1, -1)
            truth.scatter_add_(1, index, torch.full_like(index, 1 - smoothing, dtype=truth.dtype))
            loss = -float((truth * logarithms).sum()) / len(labels)
            networks.backward(logarithms.exp_().sub_(truth).mul_(1 / len(labels)))
        # What nothing reaches, and what reaches nothing, has no gradient, as in autograd: SGD does not decay it.
        through = NODES - 1 in reached
        learning = [*self._head, *(self._ends if through else [])]
        for at in chosen:
            pairs = self._convs.get(at, [])
            learning += pairs if through else pairs[-1:]  # of the last cell
        for parameter, gradient in learning:
            parameter.grad = gradient
        return loss

    def _of(self, batch: int) -> PathNetworks:
        if batch not in self._networks:
            self._networks[batch] = PathNetworks(self._plan, self._weights, self._task, batch)
        return self._networks[batch]


def written_paths(supernet: Supernet, batches: Batches) -> WrittenPaths | None:
    """Return the gradients of paths, written out, where they are: see `WrittenPaths.fits`."""
    task = Task("nb201", batches.recipe, batches.dataset, batches.device)
    return WrittenPaths(supernet, task) if WrittenPaths.fits(supernet, task) else None
