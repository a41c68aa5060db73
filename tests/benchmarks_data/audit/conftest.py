"""The made-up space, known by name."""

from __future__ import annotations

import pytest

from harness.spaces import named


@pytest.fixture(autouse=True)
def _bags_are_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(named.SPACES, "bags", ("tests.benchmarks_data.made_up:Bags",))
