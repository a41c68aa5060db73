"""The device that is trained on, and its CPU threads."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from harness.errors import HarnessError, must


def choose_device(name: str) -> torch.device:
    """Return the device of a name; "auto" is CUDA where there is one, else the CPU, with a warning that says so."""
    cuda = torch.cuda.is_available()
    if name == "auto":
        if not cuda:
            warnings.warn("torch finds no CUDA device: training on the CPU", stacklevel=3)
        return torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device("cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()) or (kind == "cpu" and number):
        raise HarnessError(must("device", "be 'auto', 'cpu', 'cuda' or 'cuda:N'", name))
    if kind == "cpu":
        return torch.device("cpu")
    if not cuda or int(number or 0) >= torch.cuda.device_count():
        raise HarnessError(f"torch finds no CUDA device '{name}': use device='cpu', or a torch built for CUDA")
    return torch.device("cuda", int(number) if number else torch.cuda.current_device())


@contextmanager
def compute_threads(count: int = 1) -> Iterator[None]:
    """Compute on `count` CPU threads and restore the caller's number.

    Results are bitwise reproducible only for a fixed number, and networks as small as the micro ones gain nothing from
    a second thread: two processes of one thread each do more work.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
