"""Recipes in the format of NAS-Bench-NLP, made up."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.spaces.nlp.recipes import OPERATIONS


def recipe(seed: int) -> dict[str, dict[str, Any]]:
    """Return a made-up recipe: a chain of linear layers and activations of the input and one hidden state."""
    rng = np.random.default_rng(seed)
    nodes: dict[str, dict[str, Any]] = {"node_0": {"op": "linear", "input": ["x", "h_prev_0"]}}
    for place in range(1, 2 + seed % 3):
        operation = OPERATIONS[1 + int(rng.integers(3))]
        nodes[f"node_{2 * place - 1}"] = {"op": operation, "input": [f"node_{2 * place - 2}"]}
        nodes[f"node_{2 * place}"] = {"op": "linear", "input": [f"node_{2 * place - 1}", "x"]}
    return nodes | {"h_new_0": {"op": OPERATIONS[1 + int(rng.integers(3))], "input": [list(nodes)[-1]]}}
