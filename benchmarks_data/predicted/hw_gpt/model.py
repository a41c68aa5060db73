"""The networks of HW-GPT-Bench: from genes to perplexity and memory."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from benchmarks_data.predicted.answers import chunks
from benchmarks_data.predicted.hw_gpt.files import Imported, Network, scale_of
from harness.benchmark import Column
from harness.checks import Archs, FloatArray
from harness.spaces.hw_gpt.space import MISSING, HWGPTSpace

COLUMNS = {
    column.name: column
    for column in (
        Column(
            "perplexity",
            "1",
            "minimise",
            "x-valid",
            best=1.0,
            description="Predicted: of a network that inherits the weights of the largest one.",
        ),
        Column("params_m", "M", "minimise", description="Trainable parameters, in closed form."),
        Column(
            "memory_mb",
            "MB",
            "minimise",
            description="Predicted: memory of a GPU after inference on a batch of 8 x 1,024 words in bfloat16.",
            batch=8,
        ),
    )
}
_DRAWN, _SEED = 512, 2405


class Model:
    """Predicts perplexity and memory of the networks of a scale, five linear layers with ReLU between them.

    The network of perplexity is told indicators of every choice, the encoding ``one_hot`` of the space.  That of memory
    is told the encoding ``sizes``, with a number for blocks that are not there which the official program changed from
    0 to -1 without a word of which its files were fitted to.  Memory is weights and little else: of the two numbers the
    one is taken under which the predictions are closer to linear in parameters and embedding (`missing`).

    Parameters
    ----------
    imported : Imported
    """

    def __init__(self, imported: Imported) -> None:
        self.space = HWGPTSpace(scale_of(imported.name))
        self._perplexity = imported.network("perplexity")
        self._memory = imported.network("bfloat16_memory")

    def column(self, archs: Archs, name: str) -> FloatArray:
        """Return a column in its published unit: (n, L) to (n,)."""
        if name == "params_m":
            return np.asarray(self.space.costs(archs)[name])
        parts = [self._said(part, name) for part, _ in chunks(archs, np.zeros(len(archs), dtype=np.int64))]
        return np.concatenate(parts)[: len(archs)] if parts else np.empty(0)

    def _said(self, archs: Archs, name: str) -> FloatArray:
        if name == "perplexity":
            return _forward(self._perplexity, self.space.features(archs, "one_hot"))
        return _forward(self._memory, self._sizes(archs, self.missing))

    def _sizes(self, archs: Archs, missing: float) -> FloatArray:
        sizes = self.space.features(archs, "sizes")
        return np.where(self.space.active(archs), sizes, missing)

    @cached_property
    def missing(self) -> float:
        """What the network of memory takes for a block that is not there, -1 or 0."""
        archs = self.space.sample(_DRAWN, np.random.default_rng(_SEED))
        sizes = self.space.features(archs, "sizes")[:, 0]
        known = np.stack([self.space.costs(archs)["params_m"], sizes, np.ones(_DRAWN)], axis=1)

        def misfit(missing: float) -> float:
            said = _forward(self._memory, self._sizes(archs, missing))
            fitted = known @ np.linalg.lstsq(known, said, rcond=None)[0]
            return float(np.square(said - fitted).sum() / max(np.square(said - said.mean()).sum(), 1e-300))

        return min((MISSING, 0.0), key=misfit)


def _forward(network: Network, inputs: FloatArray) -> FloatArray:
    """Return what a network says: (n, inputs) to (n,)."""
    values = inputs
    for weight, bias in network[:-1]:
        values = np.maximum(values @ weight.T + bias, 0.0)
    weight, bias = network[-1]
    said: FloatArray = values @ weight[0] + bias[0]
    return said
