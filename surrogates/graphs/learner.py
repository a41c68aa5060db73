"""Base of the learners that are graph networks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from harness import registry
from harness.checks import Archs, FloatArray, choice
from harness.errors import HarnessError, must
from harness.space import SearchSpace
from harness.surrogate import Fit, Predict, Prediction, Surrogate
from harness.training.devices import compute_threads
from surrogates.graphs.layers import Measuring, Pass, Statistics
from surrogates.graphs.tensors import Graphs, tensors
from surrogates.graphs.training import Fitting, GraphJob, Layout, Network, train
from surrogates.graphs.weights import Weights, initial
from surrogates.inputs import Scaling, encode, not_fitted, target_matrix
from surrogates.neural.minibatches import shuffled
from surrogates.neural.networks import Float32Array
from surrogates.neural.stacked import Lockstep

PRESETS = ("tuned", "published")
"""Settings by name: those of this program, which fit in seconds, and those of the paper or of its authors' code."""
_POOL_ROWS = 512
"""Architectures predicted at once; what a network computes of so many fits the processor's caches."""


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A network for each of m objectives, what it normalises by, and what was learnt from its outputs."""

    network: Network
    weights: Weights
    statistics: Statistics
    heads: list[Any]
    inputs: Scaling
    outputs: Scaling


def graphs_only(encoding: str) -> str:
    """Return the encoding of a learner that reads graphs in its place.

    Raises
    ------
    HarnessError
        If it is not the default.
    """
    if encoding != "one_hot":
        raise HarnessError(must("encoding", "be 'one_hot' with a network that reads graphs", encoding))
    return encoding


def chosen(
    learner: type[Surrogate], preset: str, given: Mapping[str, Any], published: Mapping[str, Any]
) -> dict[str, Any]:
    """Return settings of a learner, with the preset "published" in place of those that have their defaults.

    Raises
    ------
    HarnessError
        If there is no such preset.
    """
    if choice("preset", preset, PRESETS) == "tuned":
        return dict(given)
    defaults = registry.keywords(learner)
    return {name: published.get(name, value) if value == defaults.get(name) else value for name, value in given.items()}


class GraphLearner(Lockstep[GraphJob]):
    """Base of learners that read architectures as graphs (`SearchSpace.graph`) in place of an encoding.

    Targets are standardised by means and deviations of what is learnt from, and so are covariates, which join the
    embedding of the graph.  With m objectives each has a network of its own.  Subclasses say what the network is
    (`_network`), what it says (`_head`, `_said`) and what was published (`_published`).

    Parameters
    ----------
    space : SearchSpace
    encoding : {"one_hot"}
    device : str
        "cpu", "cuda" or "cuda:N".
    preset : {"tuned", "published"}
        See `chosen`.
    **hyperparameters
        Checked; among them `epochs`, `batch_size`, `learning_rate` and `weight_decay`.

    Raises
    ------
    HarnessError
        If the encoding or the preset is another.
    """

    networks_at_once: ClassVar[dict[str, int]] = {"cpu": 10, "cuda": 1000}
    has_std = False
    global_node: ClassVar[bool] = False
    """Whether the graphs have a global node, see `surrogates.graphs.tensors.tensors`."""
    optimiser: ClassVar[Mapping[str, Any]] = {}
    """Of the optimiser what is no setting, see `surrogates.graphs.training.Fitting`."""

    def __init__(
        self, space: SearchSpace, *, encoding: str, device: str, preset: str = "tuned", **hyperparameters: Any
    ) -> None:
        settings = chosen(type(self), preset, hyperparameters, self._published(hyperparameters))
        super().__init__(space, encoding=graphs_only(encoding), device=device, **settings)

    def _published(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the published settings, where the defaults depart from them."""
        return {}

    @abstractmethod
    def _network(self, layout: Layout) -> Network:
        """Return the network for graphs of a layout."""

    def _fitting(self) -> Fitting:
        """Return how networks are fitted."""
        given = self.hyperparameters
        rate, decay = given["learning_rate"], given["weight_decay"]
        return Fitting(given["epochs"], given["batch_size"], rate, decay, **self.optimiser)

    def _graphs(self, archs: Archs) -> Graphs:
        """Return architectures as tensors: (n, L) to leading axis (n,)."""
        return tensors(self.space.graph(archs), global_node=self.global_node)

    def _row_weights(self, targets: FloatArray) -> FloatArray:
        """Return the weights of rows in the loss: standardised targets (n, m) to (n, m)."""
        return np.ones_like(targets)

    def _head(self, outputs: FloatArray, targets: FloatArray) -> Any:
        """Return what is learnt from the outputs (n, O) of a trained network on its rows, and their targets (n,)."""
        return None

    def _said(self, head: Any, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and std of standardised targets: outputs (q, O) to (q,) and (q,); std is 0 by default."""
        return outputs[:, 0], np.zeros(len(outputs))

    def _read(self, archs: Archs, covariates: FloatArray | None, width: int | None = None) -> FloatArray:
        """Check what is read and return the covariates, (n, e)."""
        genes = sum(self.space.cardinalities)
        return encode(self, archs, covariates, width=None if width is None else genes + width)[:, genes:]

    def _job(self, task: Fit) -> GraphJob:
        covariates = self._read(task.archs, task.covariates)
        targets = target_matrix(task.targets, len(covariates))
        return self._job_of(self._graphs(task.archs), covariates, targets, task.rng)

    def _job_of(
        self, graphs: Graphs, covariates: FloatArray, targets: FloatArray, rng: np.random.Generator
    ) -> GraphJob:
        """Scale (n, e) covariates and (n, m) targets and make all draws."""
        inputs, outputs = Scaling.of(covariates), Scaling.of(targets)
        scaled, (n, count) = outputs.apply(targets), targets.shape
        layout = Layout(graphs.nodes.shape[-1], graphs.pooling.shape[-2], covariates.shape[1])
        return GraphJob(
            layout,
            graphs,
            covariates=inputs.apply(covariates).astype(np.float32),
            targets=scaled.T.astype(np.float32),
            weights=self._row_weights(scaled).T.astype(np.float32),
            parameters=initial(self._network(layout).kinds, count, rng),
            orders=shuffled(n, count, self._fitting().epochs, rng),
            seeds=rng.integers(1 << 63, size=(count,)).tolist(),
            inputs=inputs,
            outputs=outputs,
        )

    def _alike(self, job: GraphJob) -> Hashable:
        return job.layout, job.targets.shape

    def _networks(self, job: GraphJob) -> int:
        return len(job.targets)

    def _learn_together(self, jobs: Sequence[GraphJob]) -> list[_Fitted]:
        network = self._network(jobs[0].layout)
        trained, stop, fitted = train(network, self._fitting(), jobs, self.device), 0, []
        for job in jobs:
            start, stop = stop, stop + len(job.targets)
            fitted.append(self._finished(network, trained.take(start, stop), job))
        return fitted

    def _finished(self, network: Network, weights: Weights, job: GraphJob) -> _Fitted:
        """Measure the statistics of the training rows and learn what is learnt from the outputs for them."""
        how = Measuring()
        said = self._forward(network, weights, job.graphs, job.covariates, how)
        targets = job.targets.astype(np.float64)
        heads = [self._head(outputs, values) for outputs, values in zip(said, targets, strict=True)]
        return _Fitted(network, weights, how.statistics, heads, job.inputs, job.outputs)

    def _forward(
        self, network: Network, weights: Weights, graphs: Graphs, covariates: Float32Array, how: Pass
    ) -> FloatArray:
        """Return the outputs of m networks for the same q graphs, (m, q, O) float64."""
        count = len(weights.flat)
        rows = torch.from_numpy(covariates).to(self.device).expand(count, *covariates.shape)
        said: Tensor = network.forward(weights.views(), graphs.to(self.device).expand(count), rows, how)
        return said.cpu().numpy().astype(np.float64)

    def predict_many(self, tasks: Sequence[Predict]) -> list[Prediction]:
        """Predict many tasks, one after another: a pool fills the machine by itself."""
        return [self._predict(task) for task in tasks]

    def _predict(self, task: Predict) -> Prediction:
        model = task.model
        if not isinstance(model, GraphLearner) or model._learnt is None:
            raise not_fitted(model)
        fitted: _Fitted = model._learnt
        covariates = self._read(task.archs, task.covariates, len(fitted.inputs.mean))
        scaled = fitted.inputs.apply(covariates).astype(np.float32)
        archs = np.asarray(task.archs)
        mean, std = np.empty((2, len(scaled), len(fitted.heads)))
        with torch.inference_mode(), compute_threads(1):
            for start in range(0, len(scaled), _POOL_ROWS):
                part = slice(start, start + _POOL_ROWS)
                how = Pass(fitted.statistics)
                said = self._forward(fitted.network, fitted.weights, self._graphs(archs[part]), scaled[part], how)
                for column, (head, outputs) in enumerate(zip(fitted.heads, said, strict=True)):
                    mean[part, column], std[part, column] = self._said(head, outputs)
        shape, scale = (len(scaled), *model._fitted_shape), fitted.outputs.scale
        return Prediction((fitted.outputs.mean + scale * mean).reshape(shape), (scale * std).reshape(shape))
