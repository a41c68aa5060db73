"""Captured training steps: CUDA graphs of full and of partial last batches, and the engine of one network on them.

A graph repeats the same kernels on the same addresses, so everything that changes from step to step lives on the
device: the epoch's plan and learning rates are copied there once an epoch, a counter says which step it is.  Replaying
costs one launch instead of several hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from harness.training.data.augment import DevicePlan
from harness.training.engines.engine import Task
from harness.training.engines.resident import ResidentEngine
from harness.training.schedule import Member

WholeStep = Callable[[DevicePlan, Tensor], None]
"""Trains on a batch of the epoch's plan, at a learning rate () on the device."""
_WARM_UP_STEPS = 3


class StepGraphs:
    """Replays a training step; it is captured the first time.  On other devices than CUDA the step just runs.

    Parameters
    ----------
    whole_step : function
        Plans of packs are (M, n), and so are their batches (M, B).
    live : function
        Returns all tensors that a step changes and a later one reads.
    task : Task
        Its batches, training images and device.

    Attributes
    ----------
    counter : (1,) int64 Tensor
        Number of the next step of the epoch, on the device; each step adds one.
    """

    def __init__(
        self,
        whole_step: WholeStep,
        live: Callable[[], Sequence[Tensor]],
        task: Task,
    ) -> None:
        device = task.device
        self._whole_step, self._live, self._device = whole_step, live, device
        self._batch, self._images = task.recipe.batch_size, task.images
        self._plan: DevicePlan | None = None
        self.counter = torch.zeros(1, dtype=torch.int64, device=device)
        self._rates = torch.zeros(task.steps, device=device)
        self._offsets = torch.arange(self._batch, device=device)
        self._expected = -1
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def begin(self, plan: DevicePlan, rates: Sequence[float]) -> None:
        """Copy an epoch's plan and learning rates to their places."""
        self._rates.copy_(torch.tensor(rates))
        if self._plan is None:
            self._plan = plan
        else:
            for place, values in zip(_parts(self._plan), _parts(plan), strict=True):
                place.copy_(values)
        self._expected = -1

    def step(self, step: int) -> None:
        """Take a step of the epoch."""
        if step != self._expected:
            self.counter.fill_(step)
        self._expected = step + 1
        size = min(self._batch, self._images - step * self._batch)
        if self._device.type != "cuda":
            self._run(size)
            return
        if size not in self._graphs:
            self._graphs[size] = self._capture(size)
        self._graphs[size].replay()

    def forget(self) -> None:
        """Capture anew: what a step does has changed."""
        self._graphs.clear()

    def _run(self, size: int) -> None:
        """Train on the batch that the counter points at, count."""
        assert self._plan is not None, "the loop begins an epoch before its steps"  # noqa: S101 - a fault of ours
        places = self.counter * self._batch + self._offsets[:size]
        batch = self._plan.each(lambda part: part[..., places])
        # Indexed by a vector: an index of no dimensions would be read back to the host.
        self._whole_step(batch, self._rates[self.counter].squeeze(0))
        self.counter += 1

    def _capture(self, size: int) -> torch.cuda.CUDAGraph:
        """Record the step, after a warm-up on a side stream whose effects are undone."""
        live = [*self._live(), self.counter]
        kept = [tensor.clone() for tensor in live]
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP_STEPS):
                self.counter.copy_(kept[-1])
                self._run(size)
        torch.cuda.current_stream(self._device).wait_stream(side)
        _restore(live, kept)
        graph = torch.cuda.CUDAGraph()
        pool = next(iter(self._graphs.values())).pool() if self._graphs else None
        with torch.cuda.graph(graph, pool=pool):  # records, runs nothing
            self._run(size)
        return graph


@torch.no_grad()
def _restore(live: Sequence[Tensor], kept: Sequence[Tensor]) -> None:
    for tensor, value in zip(live, kept, strict=True):
        tensor.copy_(value)


def _parts(plan: DevicePlan) -> list[Tensor]:
    return [part for part in (plan.order, plan.flip, plan.top, plan.left) if part is not None]


class GraphEngine(ResidentEngine):
    """Steps of `ResidentEngine`, captured on CUDA; on other devices the same step runs uncaptured."""

    def __init__(self, member: Member, task: Task) -> None:
        super().__init__(member, task)
        self._graphs = StepGraphs(self._whole_step, lambda: [*self.tensors().values(), self.sums], task)

    def begin(self, epoch: int) -> None:
        """Copy the epoch's plan and learning rates to their places on the device; training mode."""
        task = self.task
        rates = [task.learning_rate(epoch, step) for step in range(task.steps)]
        self._graphs.begin(DevicePlan.of(task.epoch_plan(self.member, epoch), task.device), rates)
        self.module.train()

    def step(self, epoch: int, step: int) -> None:
        """Train on one batch."""
        self._graphs.step(step)

    def _whole_step(self, batch: DevicePlan, rate: Tensor) -> None:
        data = self.data["train"]
        self.update(data.augmented(batch), data.labels[batch.order], rate)
