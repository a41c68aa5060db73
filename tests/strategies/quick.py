"""Hyperparameters under which strategies that learn many models are quick: fewer models, draws and candidates."""

from __future__ import annotations

from typing import Any

QUICK: dict[str, dict[str, Any]] = {
    "hyper_tune": {"candidates": 50, "samples": 10, "parents": 1},
    "mobster": {"candidates": 50, "parents": 1},
    "multi_task": {"candidates": 50},
    "nehvi": {"candidates": 50, "parents": 3, "draws": 4},
    "rgpe": {"samples": 16, "folds": 2, "source_rows": 20, "candidates": 50},
}
