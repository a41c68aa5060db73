"""Mini-batches of the rows that stacked networks learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from surrogates.neural.gradients import Batch, Rows, Workspace
from surrogates.neural.networks import Float32Array, Stack

_PADDING = 8
"""Mini-batches are padded, with rows of weight 0, to a multiple of this many rows, as matrix kernels like them: a step
of DNGO's networks takes 16 us with 16 rows, and 23 us with the 10 that it needs."""

Orders = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Job:
    """Networks to train on one set of rows.

    Attributes
    ----------
    features : (n, d) float32
    targets : (K, n) float32
        One row for each network.
    weights : (K, n) float32
        Of the rows in the loss, which is their weighted mean over a mini-batch.
    parameters : (K, P) float32
        Initial parameters, see `initial_parameters`.
    orders : (K, epochs, n) int32
        A permutation of the rows for each epoch.
    """

    features: Float32Array
    targets: Float32Array
    weights: Float32Array
    parameters: Float32Array
    orders: Orders

    def rows(self, batch_size: int) -> int:
        """Return the rows of an epoch with padding; jobs of equal number may be trained together."""
        whole, rest = divmod(len(self.features), batch_size)
        return whole * _padded(batch_size) + _padded(rest)


def _padded(rows: int) -> int:
    return -(-rows // _PADDING) * _PADDING


def shuffled(n: int, count: int, epochs: int, rng: np.random.Generator) -> Orders:
    """Draw a permutation of n rows for each epoch of each network, (count, epochs, n)."""
    rows = np.arange(n, dtype=np.int32)
    return rng.permuted(np.tile(rows, (count * epochs, 1)), axis=1).reshape(count, epochs, n)


class Minibatches:
    """The mini-batches of an epoch of all networks, in buffers that `shuffle` fills anew.

    Parameters
    ----------
    stack, gradient : Stack
        Parameters of the networks of all jobs, those of the first job first, and where their gradients are written.
    jobs : sequence of Job
        Of equal `Job.rows`.
    batch_size : int
    squared : bool
        The loss is the weighted squared error if True, else the weighted absolute error.

    Attributes
    ----------
    batches : list of Batch
        Those of equal size share their buffers.
    """

    def __init__(self, stack: Stack, gradient: Stack, jobs: Sequence[Job], batch_size: int, *, squared: bool) -> None:
        self._rows = jobs[0].rows(batch_size)
        self._load(jobs, batch_size, 2.0 if squared else 1.0, stack.last.device)
        workspaces: dict[int, Workspace] = {}
        self.batches: list[Batch] = []
        for start in range(0, self._rows, _padded(batch_size)):
            part = slice(start, min(start + _padded(batch_size), self._rows))
            rows = Rows(self._features[:, part], self._targets[:, None, part], self._weights[:, None, part])
            count = part.stop - part.start
            if count not in workspaces:
                workspaces[count] = Workspace.of(stack, count)
            self.batches.append(Batch(stack, gradient, workspaces[count], rows, squared=squared))

    def _load(self, jobs: Sequence[Job], batch_size: int, factor: float, device: torch.device) -> None:
        """Put the rows of all jobs on the device, and where each epoch of each network finds its rows."""
        count, epochs = sum(len(job.targets) for job in jobs), jobs[0].orders.shape[1]
        n_max = max(len(job.features) for job in jobs)
        sources = np.zeros((len(jobs), n_max + 1, jobs[0].features.shape[1]), dtype=np.float32)
        self._index = np.full((epochs, count, self._rows), n_max, dtype=np.int32)  # row n_max is all zero
        values = np.zeros((2, count, n_max + 1), dtype=np.float32)
        shares = np.zeros((count, self._rows), dtype=np.float32)
        job_of = np.repeat(np.arange(len(jobs)), [len(job.targets) for job in jobs])
        start = 0
        for source, job in zip(sources, jobs, strict=True):
            n = len(job.features)
            part = slice(start, start + len(job.targets))
            source[:n] = job.features
            values[0, part, :n], values[1, part, :n] = job.targets, job.weights
            whole = n // batch_size * batch_size
            batch, place = np.divmod(np.arange(n), batch_size)
            columns = batch * _padded(batch_size) + place
            self._index[:, part, columns] = job.orders.transpose(1, 0, 2)
            shares[part, columns[:whole]] = 1 / batch_size
            shares[part, columns[whole:]] = 1 / max(n - whole, 1)
            start = part.stop
        shares *= factor
        self._sources = torch.from_numpy(sources).to(device).flatten(0, 1)
        self._values = torch.from_numpy(values).to(device).flatten(1)
        self._shares = torch.from_numpy(shares).to(device)
        self._feature_rows = torch.from_numpy(job_of[:, None].astype(np.int32) * (n_max + 1)).to(device)
        self._value_rows = torch.arange(count, dtype=torch.int32, device=device)[:, None] * (n_max + 1)
        self._features = self._sources.new_empty((count, self._rows, sources.shape[2]))
        self._targets = self._sources.new_empty((count, self._rows))
        self._weights = torch.empty_like(self._targets)

    def shuffle(self, epoch: int) -> None:
        """Gather the rows of an epoch, in the order of each network, into the buffers that the batches view."""
        order = torch.from_numpy(self._index[epoch]).to(self._sources.device)
        width = self._features.shape[2]
        torch.index_select(self._sources, 0, (order + self._feature_rows).view(-1), out=self._features.view(-1, width))
        places = (order + self._value_rows).view(-1)
        torch.index_select(self._values[0], 0, places, out=self._targets.view(-1))
        torch.index_select(self._values[1], 0, places, out=self._weights.view(-1))
        self._weights.mul_(self._shares)
