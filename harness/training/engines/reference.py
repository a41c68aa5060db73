"""The reference level, R0: one network at a time in plain fp32, bitwise reproducible.

It is the oracle that every faster level is compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch.nn import functional

from harness.errors import HarnessError
from harness.training.engines.engine import Engine, Level, Task
from harness.training.engines.single import SingleEngine, add_to
from harness.training.schedule import Member


class ReferenceEngine(SingleEngine):
    """A training step as the textbook has it, with `torch.optim.SGD`."""

    def __init__(self, member: Member, task: Task) -> None:
        super().__init__(member, task)
        recipe = task.recipe
        self._optimiser = torch.optim.SGD(
            self.parameters,
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov and recipe.momentum > 0,
            fused=True,  # one pass over all parameters: a tenth of a micro network's step
        )
        for parameter, momentum in zip(self.parameters, self.momentum, strict=True):
            self._optimiser.state[parameter]["momentum_buffer"] = momentum

    def step(self, epoch: int, step: int) -> None:
        """Train on one batch."""
        self._optimiser.param_groups[0]["lr"] = self.task.learning_rate(epoch, step)
        images, labels = self.batch(step)
        logits = self.forward(images)
        loss = functional.cross_entropy(logits, labels)
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._optimiser.step()
        add_to(self.sums, logits, labels, loss)


@contextmanager
def deterministic() -> Iterator[None]:
    """Allow deterministic algorithms in full fp32 only, and restore what was allowed before.

    On CUDA, cuBLAS is deterministic only if CUBLAS_WORKSPACE_CONFIG was ":4096:8" when it started.

    Raises
    ------
    HarnessError
        If torch meets an operation that is not deterministic here.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    precision = torch.get_float32_matmul_precision()
    settings: Any = torch.utils.deterministic
    filled = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    settings.fill_uninitialized_memory = False  # nothing uninitialised is read; filling costs 5 %
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    except RuntimeError as error:
        if "CUBLAS_WORKSPACE_CONFIG" in str(error):
            raise HarnessError("R0 on CUDA needs the environment variable CUBLAS_WORKSPACE_CONFIG=:4096:8") from error
        raise
    finally:
        torch.set_float32_matmul_precision(precision)
        settings.fill_uninitialized_memory = filled
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


class ReferenceLevel(Level):
    """R0: the same machine, versions and number of threads give the same bits."""

    name = "R0"

    def engine(self, members: Sequence[Member], task: Task) -> Engine:
        """Return the engine of the pack's only network."""
        (member,) = members
        return ReferenceEngine(member, task)

    def kernels(self) -> AbstractContextManager[None]:
        """Return `deterministic`."""
        return deterministic()
