"""Hyperparameters under which strategies that learn many models are quick: fewer models, draws and candidates."""

from __future__ import annotations

from typing import Any

_LATER = {"initial": 20}
"""Random architectures at the start: 40 models are learnt in the 60 evaluations of a test, and ten in 30."""

QUICK: dict[str, dict[str, Any]] = {
    **{name: {"candidates": 500} for name in ("arch2vec_bo", "weaknas", "brp_nas", "bonas", "graf_search")},
    **{name: {"slices": 5, "initial": 15} for name in ("dyhpo", "freeze_thaw")},
    **{name: {"candidates": 50, **_LATER} for name in ("gp_bo", "multi_task", "parego")},
    **{name: {"candidates": 50, "parents": 3, **_LATER} for name in ("ehvi", "random_scalarisation")},
    "hyper_tune": {"candidates": 50, "samples": 10, "parents": 1, **_LATER},
    "mobster": {"candidates": 50, "parents": 1, **_LATER},
    "nehvi": {"candidates": 50, "parents": 3, "draws": 4, **_LATER},
    "neural_predictor": {"candidates": 500, "initial": 40},
    "rgpe": {"samples": 16, "folds": 2, "source_rows": 20, "candidates": 50, **_LATER},
    "smac": {"candidates": 200, "starts": 5, **_LATER},
}
