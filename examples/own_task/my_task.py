"""A task of one's own: design and tune a multi-layer perceptron of scikit-learn on tabular data."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from harness import Column, Genes, Task, When


class DigitsMLP(Task):
    """Layers, widths, activation and training of a perceptron on the 1,797 digits of scikit-learn."""

    space = Genes(
        layers=[1, 2, 3],
        width_1=[8, 16, 32, 64],
        width_2=When([8, 16, 32, 64], layers=[2, 3]),  # there only with two layers or three
        width_3=When([8, 16, 32, 64], layers=3),
        activation=["relu", "tanh"],
        learning_rate_init=np.geomspace(1e-4, 1e-1, 7),
        alpha=np.geomspace(1e-6, 1e-1, 6),
        batch_size=[16, 32, 64, 128],
    )
    columns = (
        Column("valid_accuracy", "percent", "maximise", "validation", best=100.0),
        Column("test_accuracy", "percent", "maximise", "test", best=100.0),
    )
    libraries = ("scikit-learn",)

    def __init__(self) -> None:
        items, labels = load_digits(return_X_y=True)
        self.rest, self.test, self.known, self.wanted = train_test_split(items / 16, labels, random_state=0)

    def train(self, config: dict, seed: int) -> dict[str, float]:
        """Fit one perceptron to three quarters of the rest, validate it on the others, and test it."""
        fitted, valid, taught, asked = train_test_split(self.rest, self.known, random_state=seed)
        widths = [config[name] for name in ("width_1", "width_2", "width_3") if name in config]
        tuned = {name: config[name] for name in ("activation", "learning_rate_init", "alpha", "batch_size")}
        model = MLPClassifier(widths, **tuned, max_iter=20, random_state=seed).fit(fitted, taught)
        return {
            "valid_accuracy": 100 * model.score(valid, asked),
            "test_accuracy": 100 * model.score(self.test, self.wanted),
        }
