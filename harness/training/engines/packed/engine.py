"""The engine of the packed levels: all members of a pack take their steps side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from harness.checks import FloatArray, IntArray
from harness.training.data.augment import DevicePlan, EpochPlan, resident
from harness.training.engines.captured import StepGraphs
from harness.training.engines.engine import Interrupted, Task
from harness.training.engines.packed.images.networks import ImageNetworks
from harness.training.engines.packed.plan import wave_plan
from harness.training.engines.packed.signals.networks import SignalNetworks
from harness.training.engines.packed.weights import PackWeights, pack_slots
from harness.training.schedule import Member

_EVALUATED = 4096
"""Images that all members together see in a batch of evaluation on CUDA."""


Networks = SignalNetworks | ImageNetworks
"""The members' networks for one batch size."""


class PackedEngine:
    """M networks of NAS-Bench-201 cells; members with equal and with different cells are welcome.

    Parameters
    ----------
    members : sequence of M Member
    task : Task
        On the network "nb201".
    on_signals : bool, optional
        Whether `signals` computes, where it can; otherwise `images`.

    Attributes
    ----------
    sums : (M, 2) float64 Tensor
    weights : PackWeights
    """

    def __init__(self, members: Sequence[Member], task: Task, *, on_signals: bool = True) -> None:
        self._members, self.task = list(members), task
        recipe, dataset, device = task.recipe, task.dataset, task.device
        self._on_signals = on_signals and fits_signals(task)
        self._plan = wave_plan([member.arch for member in members])
        self._captured = device.type == "cuda"
        self.weights = PackWeights(pack_slots(self._plan, task), device)
        self.weights.start([task.build(member).state_dict() for member in members])
        self._data = resident(dataset, device, augment=recipe.augment)
        self._epoch: DevicePlan | None = None
        self._graphs = StepGraphs(self._train, lambda: [*self.tensors().values(), self.sums], task)
        self._evaluated = recipe.batch_size
        if self._captured and not self._on_signals:
            self._evaluated = max(recipe.batch_size, _EVALUATED // len(members))
        self._networks: dict[int, Networks] = {}
        self._mode = torch.inference_mode if self._on_signals else torch.no_grad
        self.sums = torch.zeros((len(members), 2), dtype=torch.float64, device=device)

    def networks(self, batch: int) -> Networks:
        """Return the networks for a batch size; they are made once and share the weights."""
        if not self._on_signals:
            batch = 0  # theirs are for all sizes
        if batch not in self._networks:
            pack = self._plan, self.weights, self.task
            sizes = self.task.recipe.batch_size, self._evaluated
            self._networks[batch] = SignalNetworks(*pack, batch) if batch else ImageNetworks(*pack, sizes)
        return self._networks[batch]

    def tensors(self) -> dict[str, Tensor]:
        """Return the live parameters, momentum and running statistics, flat."""
        return self.weights.tensors()

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy the tensors of an earlier state into the live ones."""
        self.weights.load(tensors)

    def begin(self, epoch: int) -> None:
        """Draw every member's order and augmentation."""
        plans = [self.task.epoch_plan(member, epoch) for member in self._members]
        plan = DevicePlan.of(stacked(plans), self.task.device)
        if self._captured:
            rates = [self.task.learning_rate(epoch, step) for step in range(self.task.steps)]
            self._graphs.begin(plan, rates)
        else:
            self._epoch = plan

    def step(self, epoch: int, step: int) -> None:
        """Train every member on its batch."""
        if self._captured:
            self._graphs.step(step)
            return
        assert self._epoch is not None, "the loop begins an epoch before its steps"  # noqa: S101 - a fault of ours
        size = self.task.recipe.batch_size
        rate = self.task.learning_rate(epoch, step)
        self._train(self._epoch.batch(step * size, (step + 1) * size), rate)

    def _train(self, batch: DevicePlan, rate: float | Tensor) -> None:
        """Take a step on a batch (M, B)."""
        with self._mode():
            data, order = self._data["train"], batch.order
            images = data.augmented(batch.each(torch.flatten))
            networks = self.networks(order.shape[1])
            logits = networks.forward(images.view(*order.shape, *images.shape[1:]), training=True)
            networks.backward(self._learn(logits, data.labels[order], self.sums))
            self.weights.descend(rate, self.task.recipe)

    def evaluate(
        self, split: str, interrupted: Interrupted, predicted: list[Tensor] | None = None
    ) -> FloatArray | None:
        """Return (M, 2) summed loss and number correct over a split, None if interrupted; see `Engine`."""
        data, sums = self._data[split], torch.zeros_like(self.sums)
        size = self._evaluated
        for start in range(0, len(data), size):
            if interrupted():
                return None
            with self._mode():
                images = data.plain(start, start + size)
                logits = self.networks(len(images)).forward(images.unsqueeze(0), training=False)
                if predicted is not None:
                    predicted.append(torch.softmax(logits, 1).transpose(1, 2).cpu())
                self._learn(logits, data.labels[start : start + size].expand(len(sums), -1), sums)
        return sums.cpu().numpy()

    @staticmethod
    def _learn(logits: Tensor, labels: Tensor, sums: Tensor) -> Tensor:
        """Add (M,) summed cross-entropy and number correct to `sums`; return the gradient of the members' mean losses.

        The loss of a pack is the sum over members of their means: a mean over members would divide every learning rate.
        """
        log_probabilities = torch.log_softmax(logits, 1)
        index = labels.unsqueeze(1)
        sums[:, 0] -= log_probabilities.gather(1, index).sum((1, 2))
        sums[:, 1] += (logits.amax(1, keepdim=True) == logits.gather(1, index)).sum((1, 2))
        gradient = log_probabilities.exp_()
        gradient.scatter_add_(1, index, torch.full_like(index, -1, dtype=gradient.dtype))
        return gradient.mul_(1 / labels.shape[1])

    def network(self, position: int) -> dict[str, Tensor]:
        """Return views of a member's parameters, momentum and running statistics, by the names of a network's own."""
        return self.weights.of(position)

    def freeze(self, members: IntArray) -> None:
        """Stop training the members: their parameters are zero from now on."""
        self.weights.freeze(members)
        if len(members):
            self._graphs.forget()


def fits_signals(task: Task) -> bool:
    """Return whether the networks are those of `signals`: on signals, with reductions that pool."""
    return task.dataset.is_signal and task.recipe.reduction == "pool"


def stacked(plans: Sequence[EpochPlan]) -> EpochPlan:
    """Return the plans of M members as one, each array (M, n)."""
    columns = zip(*(vars(plan).values() for plan in plans), strict=True)
    parts = (None if part[0] is None else np.stack(part) for part in columns)
    return EpochPlan(*parts)  # type: ignore[arg-type]  # order is never None
