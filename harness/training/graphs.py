"""R2: the whole training step as a CUDA graph, one for full batches and one for the partial last batch.

A graph repeats the same kernels on the same addresses, so everything that changes from step to step lives on the
device: the epoch's plan and learning rates are copied there once an epoch, a counter says which step it is.  Replaying
costs one launch instead of several hundred.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.training.augment import DevicePlan
from harness.training.dataset import Dataset
from harness.training.loop import run
from harness.training.recipe import Recipe
from harness.training.resident import ResidentEngine, fast_kernels
from harness.training.rung import Interrupted, Member, OnEpoch, State, never
from harness.training.schedule import epoch_plan, learning_rate
from harness.training.single import Work, one_each

NAME = "R2"
_WARM_UP_STEPS = 3


class GraphEngine(ResidentEngine):
    """Steps of `ResidentEngine`, captured on CUDA; on other devices the same step runs uncaptured.

    Attributes
    ----------
    counter : (1,) int64 Tensor
        Number of the next step of the epoch, on the device; each step adds one.
    """

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        device = work.device
        self.counter = torch.zeros(1, dtype=torch.int64, device=device)
        self._expected = 0
        self._rates = torch.zeros(work.steps, device=device)
        self._offsets = torch.arange(work.recipe.batch_size, device=device)
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}

    def begin(self, epoch: int) -> None:
        """Copy the epoch's plan and learning rates to their places on the device; training mode."""
        work = self.work
        rates = [learning_rate(work.recipe, epoch, step, work.steps) for step in range(work.steps)]
        self._rates.copy_(torch.tensor(rates))
        plan = DevicePlan.of(
            epoch_plan(work.member, epoch, work.recipe, work.dataset, network=work.network), work.device
        )
        if self._plan is None:
            self._plan = plan
        else:
            for place, values in zip(_parts(self._plan), _parts(plan), strict=True):
                place.copy_(values)
        self._expected = -1
        self.module.train()

    def step(self, epoch: int, step: int) -> None:
        """Train on one batch by replaying its graph; it is captured the first time."""
        if step != self._expected:
            self.counter.fill_(step)
        self._expected = step + 1
        images = len(self.work.dataset.labels["train"])
        size = min(self.work.recipe.batch_size, images - step * self.work.recipe.batch_size)
        if self.work.device.type != "cuda":
            self._whole_step(size)
            return
        if size not in self._graphs:
            self._graphs[size] = self._capture(size)
        self._graphs[size].replay()

    def _whole_step(self, size: int) -> None:
        """Gather the batch that the counter points at, train on it, count."""
        assert self._plan is not None, "the loop begins an epoch before its steps"  # noqa: S101 - a fault of ours
        places = self.counter * self.work.recipe.batch_size + self._offsets[:size]
        parts = (self._plan.order, self._plan.flip, self._plan.top, self._plan.left)
        order, *augmentation = (None if part is None else part[places] for part in parts)
        assert order is not None  # noqa: S101 - tells the type checker
        data = self.data["train"]
        images = data.augmented(DevicePlan(order, *augmentation))
        # Indexed by a vector: an index of no dimensions would be read back to the host.
        self.update(images, data.labels[order], self._rates[self.counter].squeeze(0))
        self.counter += 1

    def _capture(self, size: int) -> torch.cuda.CUDAGraph:
        """Record the step, after a warm-up on a side stream whose effects are undone."""
        live = [*self.tensors().values(), self.sums, self.counter]
        kept = [tensor.clone() for tensor in live]
        side = torch.cuda.Stream(self.work.device)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        side.wait_stream(torch.cuda.current_stream(self.work.device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP_STEPS):
                self.counter.copy_(kept[-1])
                self._whole_step(size)
        torch.cuda.current_stream(self.work.device).wait_stream(side)
        self._restore(live, kept)
        graph = torch.cuda.CUDAGraph()
        pool = next(iter(self._graphs.values())).pool() if self._graphs else None
        with torch.cuda.graph(graph, pool=pool):  # records, runs nothing
            self._whole_step(size)
        return graph

    @torch.no_grad()
    def _restore(self, live: list[Tensor], kept: list[Tensor]) -> None:
        for tensor, value in zip(live, kept, strict=True):
            tensor.copy_(value)


def _parts(plan: DevicePlan) -> list[Tensor]:
    return [part for part in (plan.order, plan.flip, plan.top, plan.left) if part is not None]


def unfit(network: str, recipe: Recipe, dataset: Dataset, device: torch.device) -> str | None:
    """Say that graphs need CUDA."""
    return None if device.type == "cuda" else "needs a CUDA device"


def packs(
    members: Sequence[Member], recipe: Recipe, dataset: Dataset, device: torch.device, *, network: str
) -> list[list[int]]:
    """Return packs of one network."""
    return one_each(members)


def train_pack(
    members: Sequence[Member],
    recipe: Recipe,
    dataset: Dataset,
    device: torch.device,
    *,
    network: str,
    state: State | None = None,
    on_epoch: OnEpoch = lambda state: False,
    interrupted: Interrupted = never,
) -> State:
    """Train one network by replaying graphs; equal to R1 up to the choice of kernels."""
    (member,) = members
    with fast_kernels():
        engine = GraphEngine(Work(member, recipe, dataset, device, network))
        return run(engine, recipe, dataset, state=state, on_epoch=on_epoch, interrupted=interrupted)
