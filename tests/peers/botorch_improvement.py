"""Recorder of BoTorch's hypervolume improvement: ``python tests/peers/botorch_improvement.py`` writes the JSON.

BoTorch stays out of the tests: its answers, and the reference points that it infers, are compared by
`tests/strategies/parts/test_hypervolume.py`.  It maximises: the signs are turned on the way in and out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FRONT, ASKED, OBJECTIVES = 8, 6, (2, 3, 4)


def main() -> None:
    """Write the answers of the BoTorch that is installed."""
    import botorch
    import numpy as np
    import torch
    from botorch.acquisition.multi_objective.analytic import ExpectedHypervolumeImprovement
    from botorch.models.deterministic import GenericDeterministicModel
    from botorch.posteriors import Posterior
    from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning
    from botorch.utils.multi_objective.hypervolume import infer_reference_point
    from botorch.utils.multi_objective.pareto import is_non_dominated

    class Normal(Posterior):  # type: ignore[misc]  # its annotations are not read
        """Independent normal objectives of one point."""

        def __init__(self, mean: Any, variance: Any) -> None:
            self.mean, self.variance = mean, variance

        device, dtype = property(lambda self: self.mean.device), property(lambda self: self.mean.dtype)

        def rsample(self, *_: Any, **__: Any) -> Any:
            """Draw nothing."""
            raise NotImplementedError

    rng = np.random.default_rng(0)
    cases = []
    for m in OBJECTIVES:
        points, reference = rng.random((FRONT, m)), np.full(m, 1.1)
        told = -torch.from_numpy(points)
        partitioning = FastNondominatedPartitioning(ref_point=-torch.from_numpy(reference), Y=told)
        means, stds = rng.random((ASKED, m)), 0.3 * rng.random((ASKED, m)) + 0.01
        values = []
        for mean, std in zip(means, stds, strict=True):
            model = GenericDeterministicModel(lambda X: X, num_outputs=m)
            said = Normal(-torch.from_numpy(mean)[None, None], torch.from_numpy(std**2)[None, None])
            model.posterior = lambda X, said=said, **_: said
            acquisition = ExpectedHypervolumeImprovement(model, (-reference).tolist(), partitioning)
            values.append(float(acquisition(torch.zeros(1, 1, m, dtype=torch.float64))))
        front = told[is_non_dominated(told)]
        cases.append(
            {
                "points": points.tolist(),
                "reference": reference.tolist(),
                "mean": means.tolist(),
                "std": stds.tolist(),
                "expected": values,
                "inferred": (-infer_reference_point(front)).tolist(),
            }
        )
    answers = {"botorch": botorch.__version__, "cases": cases}
    Path(__file__).with_suffix(".json").write_text(json.dumps(answers) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
