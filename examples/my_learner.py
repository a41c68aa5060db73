"""A learner of one's own: an operation is worth the mean result of the architectures that have it."""

import copy

import numpy as np

from harness import HarnessError, Prediction, SearchSpace, Surrogate


class MyLearner(Surrogate):
    """Means of the architectures that have a value at a gene, drawn to the mean of all, averaged over genes."""

    has_std = False  # whether `std` says how unsure a prediction is

    def __init__(self, space: SearchSpace, *, encoding: str = "one_hot", drawn: float = 1.0) -> None:
        super().__init__(space, encoding=encoding, drawn=drawn)  # what changes predictions is part of the digest
        self.drawn, self.mean, self.worth = drawn, 0.0, None

    def fit(
        self, archs: np.ndarray, targets: np.ndarray, rng: np.random.Generator, covariates: np.ndarray | None = None
    ) -> "MyLearner":
        """Return a fitted copy; targets are minimised, `rng` is the only source of randomness."""
        features, model = self.space.features(archs, self.encoding), copy.copy(self)
        model.mean = targets.mean()
        model.worth = features.T @ (targets - model.mean) / (features.sum(axis=0) + self.drawn)
        return model

    def predict(self, archs: np.ndarray, covariates: np.ndarray | None = None) -> Prediction:
        """Predict architectures, one in each row."""
        if self.worth is None:
            raise HarnessError("fit MyLearner before it predicts")
        mean = self.mean + self.space.features(archs, self.encoding) @ self.worth / self.space.genes
        return Prediction(mean, np.zeros_like(mean))
