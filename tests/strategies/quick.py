"""Hyperparameters under which strategies that learn many models are quick: fewer models, draws and candidates."""

from __future__ import annotations

from typing import Any

QUICK: dict[str, dict[str, Any]] = {
    **{name: {"candidates": 500} for name in ("arch2vec_bo", "weaknas", "brp_nas", "bonas", "graf_search")},
    "hyper_tune": {"candidates": 50, "samples": 10, "parents": 1},
    "mobster": {"candidates": 50, "parents": 1},
    "multi_task": {"candidates": 50},
    "nehvi": {"candidates": 50, "parents": 3, "draws": 4},
    "neural_predictor": {"candidates": 500, "initial": 40},
    "rgpe": {"samples": 16, "folds": 2, "source_rows": 20, "candidates": 50},
}
