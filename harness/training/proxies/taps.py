"""Taps into a forward pass: what enters every ReLU, and what layers give.

ReLUs are seen where they are computed, so that functions count as modules do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from harness.errors import HarnessError

Part = TypeVar("Part", bound=nn.Module)
_RELUS = (functional.relu, torch.relu, Tensor.relu)
_IN_PLACE = (functional.relu_, torch.relu_, Tensor.relu_)


class ReLUs(TorchFunctionMode):
    """Inputs and outputs of every ReLU that is computed in a block, in order.

    Attributes
    ----------
    inputs, outputs : list of Tensor
        (B, …) each.

    Raises
    ------
    HarnessError
        Where a ReLU works in place: its input is gone by then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of torch, and keep what a ReLU is given and gives."""
        given = kwargs or {}
        if func in _IN_PLACE or (func is functional.relu and (given.get("inplace") or True in args[1:])):
            raise HarnessError("a network that is scored must not use a ReLU in place: its input is overwritten")
        answer = func(*args, **given)
        if func in _RELUS:
            self.inputs.append(args[0] if args else given["input"])
            self.outputs.append(answer)
        return answer

    def codes(self) -> Tensor:
        """Return which units are active for each item: (B, units) bool, of all ReLUs."""
        return torch.cat([inputs.flatten(1) > 0 for inputs in self.inputs], dim=1)


@contextmanager
def outputs_of(parts: Sequence[Part]) -> Iterator[list[tuple[Part, Tensor]]]:
    """Give a list that is filled with parts and what they give, in the order in which they are computed."""
    found: list[tuple[Part, Tensor]] = []

    def keep(part: Any, given: Any, answer: Tensor) -> None:
        found.append((part, answer))

    handles = [part.register_forward_hook(keep) for part in parts]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def inputs_of(parts: Sequence[Part]) -> Iterator[list[tuple[Part, Tensor]]]:
    """Give a list that is filled with parts and what enters them, in the order in which they are computed."""
    found: list[tuple[Part, Tensor]] = []

    def keep(part: Any, given: tuple[Tensor, ...]) -> None:
        found.append((part, given[0]))

    handles = [part.register_forward_pre_hook(keep) for part in parts]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
