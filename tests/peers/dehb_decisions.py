"""Recorder of what DEHB's package decides: ``python tests/peers/dehb_decisions.py`` writes the JSON beside it.

It needs DEHB 0.1.2, which stays out of the tests: its answers are compared by
`tests/strategies/multi_fidelity/test_dehb.py`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

GENES, JOBS = 3, 48
DIGITS = 6


def record(workers: int, seed: int) -> dict[str, Any]:
    """Return what DEHB asks for, from which parents and pools, while so many trainings run at once."""
    import dehb.optimizers.dehb as package
    import numpy as np
    from dehb import DEHB

    # numpy's default sort promises no order of equal values; here they keep theirs.
    package.np.argsort = lambda values: np.lexsort((values,))
    with tempfile.TemporaryDirectory() as folder:
        peer = DEHB(
            cs=None, configspace=False, dimensions=GENES, f=None, min_fidelity=1, max_fidelity=9, eta=3, n_workers=1,
            seed=seed, output_path=folder, save_freq="end",
        )  # fmt: skip
    rungs = peer.fidelities.tolist()
    for rung in rungs:  # what is recorded is told again to the last digit
        peer.de[rung].population = peer.de[rung].population.round(DIGITS)
    populations = [peer.de[rung].population.tolist() for rung in rungs]
    pools: list[Any] = []
    for rung in rungs:
        one = peer.de[rung]

        def watched(current: Any, best: Any, alt_pop: Any, plain: Any = one.mutation) -> Any:
            pools.append(np.asarray(alt_pop).tolist())
            return plain(current=current, best=best, alt_pop=alt_pop)

        one.mutation = watched
        plain_crossover = one.crossover
        one.crossover = lambda target, mutant, plain=plain_crossover: plain(target, mutant).round(DIGITS)
        plain_check = one.boundary_check
        one.boundary_check = lambda vector, plain=plain_check: plain(vector).round(DIGITS)
    rng = np.random.default_rng(seed)
    steps: list[dict[str, Any]] = []
    running: list[tuple[int, Any]] = []
    asked = 0
    while len(steps) < 2 * JOBS:
        while len(running) < workers and asked < JOBS:
            pools.clear()
            job = peer.ask()
            steps.append(
                {
                    "rung": rungs.index(job["fidelity"]),
                    "parent": int(job["parent_id"]),
                    "vector": job["config"].tolist(),
                    # The last mutant is the child's; those before it fill a small pool.
                    "pool": pools[-1] if pools else None,
                    "made": len(pools) - 1 if pools else 0,
                }
            )
            running.append((asked, job))
            asked += 1
        number, job = running.pop(int(rng.integers(len(running))))
        value = float(rng.integers(0, 12)) if rng.random() < 0.85 else float("nan")
        steps.append({"tell": number, "value": None if value != value else value})
        peer.tell(job, {"fitness": value, "cost": 1.0})
    return {
        "workers": workers,
        "populations": populations,
        "steps": steps,
        "left": [peer.de[rung].population.tolist() for rung in rungs],
        "fitness": [
            [None if not np.isfinite(one) else one for one in peer.de[rung].fitness.tolist()] for rung in rungs
        ],
    }


def round_trips() -> dict[str, list[int]]:
    """Return what each category becomes when DEHB encodes and decodes it, for 2 to 12 categories."""
    import ConfigSpace
    from dehb.optimizers.de import DE

    found = {}
    for count in range(2, 13):
        space = ConfigSpace.ConfigurationSpace({"gene": [f"{code:02d}" for code in range(count)]})
        with tempfile.TemporaryDirectory() as folder:
            peer = DE(cs=space, dimensions=1, output_path=folder, mutation_factor=0.5, crossover_prob=0.5)
        texts = [f"{code:02d}" for code in range(count)]
        vectors = [peer.configspace_to_vector(ConfigSpace.Configuration(space, {"gene": text})) for text in texts]
        found[str(count)] = [int(peer.vector_to_configspace(vector)["gene"]) for vector in vectors]
    return found


def main() -> None:
    """Write the answers of the DEHB that is installed."""
    from importlib.metadata import version

    answers = {
        "versions": {name: version(name) for name in ("DEHB", "ConfigSpace", "numpy")},
        "runs": [record(1, 0), record(3, 1)],
        "round_trips": round_trips(),
    }
    text = json.dumps(answers, separators=(",", ":"))
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
