"""Recorder of scikit-posthocs' Nemenyi test: ``python tests/peers/posthocs_nemenyi.py`` writes the JSON.

`tests/reports/statistics/test_ranks.py` compares.  It stays out of the tests.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path


def main() -> None:
    """Record p values and the cliques that follow from them."""
    import networkx as nx
    import numpy as np
    from scikit_posthocs import posthoc_nemenyi_friedman

    cases = []
    for seed, (tasks, strategies) in enumerate([(6, 3), (12, 5), (25, 8), (14, 4)]):
        rng = np.random.default_rng(seed)
        blocks = rng.normal(size=(tasks, strategies)) + np.linspace(0, 2.5, strategies)
        p = posthoc_nemenyi_friedman(blocks).to_numpy()
        graph = nx.from_numpy_array((p >= 0.05) & ~np.eye(strategies, dtype=bool))
        cliques = sorted(sorted(clique) for clique in nx.find_cliques(graph) if len(clique) > 1)
        cases.append({"blocks": blocks.round(6).tolist(), "p": p.round(6).tolist(), "cliques": cliques})
    record = {"scikit-posthocs": version("scikit-posthocs"), "cases": cases}
    Path(__file__).with_suffix(".json").write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
