"""The rules that a check found kept, and what ends it: the first one broken."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.errors import HarnessError


class Rules:
    """Collects the rules kept; stops at the first one broken."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.kept: list[str] = []

    def __call__(self, rule: str, kept: Any, found: object = "") -> None:
        """Note a rule that is kept; raises HarnessError where it is not everywhere (`kept`, any shape)."""
        if not np.all(kept):
            detail = f"; found {found}" if str(found) else ""
            raise HarnessError(f"{self._what} breaks the rule: {rule}{detail}")
        self.kept.append(rule)


def same(a: Any, b: Any) -> bool:
    """Say whether two arrays are equal, missing values too."""
    return bool(np.array_equal(a, b, equal_nan=True))
