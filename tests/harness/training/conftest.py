"""One compute thread for every test of training: results are bitwise only for a fixed number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.training.devices import compute_threads


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with compute_threads(1):
        yield
