"""Recorder of GraKeL's kernel on random graphs: ``python tests/peers/grakel_kernels.py`` writes the JSON beside it.

GraKeL stays out of the tests: its answers are compared by
`tests/surrogates/gaussian_process/test_weisfeiler_lehman.py`.  Its optimal-assignment kernel is left out: it knows no
nodes without an edge that leaves them (KeyError in version 0.1.11).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TOLD, ASKED, PLACES, LABELS, ITERATIONS = 12, 8, 8, 4, 3


def random_graph(rng: Any) -> dict[str, Any]:
    """Return labels and edges of a directed acyclic graph of two to `PLACES` nodes; a node may have no edge."""
    nodes = int(rng.integers(2, PLACES + 1))
    edges = [[a, b] for b in range(nodes) for a in range(b) if rng.random() < 0.4]
    return {"labels": rng.integers(0, LABELS, size=nodes).tolist(), "edges": edges}


def main() -> None:
    """Write the answers of the GraKeL that is installed."""
    import grakel
    import numpy as np
    from grakel.kernels import VertexHistogram, WeisfeilerLehman

    rng = np.random.default_rng(0)
    graphs = [random_graph(rng) for _ in range(TOLD + ASKED)]
    theirs = [
        grakel.Graph(
            {node: [b for a, b in graph["edges"] if a == node] for node in range(len(graph["labels"]))},
            node_labels=dict(enumerate(graph["labels"])),
        )
        for graph in graphs
    ]
    answers: dict[str, Any] = {"grakel": grakel.__version__, "told": graphs[:TOLD], "asked": graphs[TOLD:]}
    answers["subtree"] = []
    for h in range(1, ITERATIONS + 1):
        kernel = WeisfeilerLehman(n_iter=h, base_graph_kernel=VertexHistogram, normalize=True)
        gram, cross = kernel.fit_transform(theirs[:TOLD]), kernel.transform(theirs[TOLD:])
        answers["subtree"].append({"gram": gram.tolist(), "cross": cross.tolist()})
    Path(__file__).with_suffix(".json").write_text(json.dumps(answers) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
