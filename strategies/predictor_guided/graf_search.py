"""Search with a forest on neural graph features."""

from __future__ import annotations

from typing import Any, ClassVar

from strategies.parts.wide import WidePool


class GRAFSearch(WidePool):
    """Evaluate what a forest on neural graph features expects to improve most, among everything new.

    The features are those of Kadlecová et al., "Surprisingly Strong Performance Prediction with Neural Graph Features",
    ICML 2024 (GRAF): counts of operations, lengths of paths, degrees; with them a forest ranks well after few
    trainings.  The paper evaluates predictors; the search around it is the plain one of `WidePool`: ten random
    architectures, then ten with each model by expected improvement.

    Constraints known in closed form filter the candidates, others are learnt; failed trainings are in no model.  See
    `strategies.parts.model_based`.

    Parameters are those of `WidePool`.
    """

    family, paper, year = "predictor-guided", "Kadlecová et al., ICML", 2024
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "random_forest", "encoding": "graf"}
