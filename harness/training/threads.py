"""How many CPU threads torch computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


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
