"""The variational graph autoencoder of arch2vec, which learns an embedding of a space from its graphs alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from harness.checks import Archs, FloatArray
from harness.space import SearchSpace
from harness.training.devices import compute_threads
from surrogates.graphs.gin import sums
from surrogates.graphs.layers import Measuring, Pass, Statistics, dense, passed
from surrogates.graphs.tensors import Graphs, tensors
from surrogates.graphs.training import Batch, Fitting, GraphJob, Layout, Network, train
from surrogates.graphs.weights import Kind, Kinds, Weights, glorot, initial, offset
from surrogates.inputs import Scaling
from surrogates.neural.minibatches import shuffled

_ROWS = 1024
"""Architectures embedded at once."""
_KEPT = 20_000
"""Codings of a space of which all embeddings are kept."""


@dataclass(frozen=True)
class Autoencoder(Network):
    """Nodes to ``z ~ Normal(mu, sigma)`` by sums over neighbours; ``sigmoid(z z')`` to edges, softmax to kinds."""

    layout: Layout
    layers: int
    width: int
    latent: int

    @property
    def kinds(self) -> Kinds:
        """Two dense layers and a normalisation a layer, mu and ln sigma^2, and the decoder of kinds."""
        layout, width = self.layout, self.width
        found: dict[str, Kind] = {}
        for layer in range(self.layers):
            found |= {
                f"first {layer}": glorot(width if layer else layout.kinds, width),
                f"second {layer}": glorot(width, width),
                f"scale {layer}": offset(width, 1.0),
                f"shift {layer}": offset(width),
            }
        return found | {
            "mean": glorot(width, self.latent),
            "log variance": glorot(width, self.latent),
            "decoder": glorot(self.latent, layout.kinds),
            "decoder bias": offset(layout.kinds),
        }

    def forward(self, weights: dict[str, Tensor], graphs: Graphs, covariates: Tensor, how: Pass) -> Tensor:
        """Return mu, ln sigma^2, z and the logits of the kinds, of each node: (G, B, N, 3 latent + K)."""
        active, mask = graphs.nodes, graphs.mask[..., None]
        for layer in range(self.layers):
            active = torch.relu(dense(passed(graphs.edges, active), weights[f"first {layer}"]))
            active = dense(active, weights[f"second {layer}"])
            active = how.batch_norm(active, graphs.mask, weights[f"scale {layer}"], weights[f"shift {layer}"])
            active = torch.relu(active) * mask
        mean, log_variance = dense(active, weights["mean"]), dense(active, weights["log variance"])
        drawn = mean + how.noise(mean) * torch.exp(log_variance / 2)
        kinds = dense(drawn, weights["decoder"], weights["decoder bias"])
        return torch.cat([mean, log_variance, drawn, kinds], dim=3)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Return the cross-entropies of edges and kinds and the divergence from the prior, (G,).

        Edges are those between different nodes, without directions; the divergence is that of a node, divided by the
        square of the number of places, as in the authors' code.
        """
        widths = [self.latent, self.latent, self.latent, self.layout.kinds]
        mean, log_variance, drawn, kinds = torch.split(outputs, widths, dim=3)
        graphs, mask = batch.graphs, batch.graphs.mask
        pairs = mask[..., :, None] * mask[..., None, :] * (1 - torch.eye(mask.shape[-1], device=mask.device))
        wrong = functional.binary_cross_entropy_with_logits(
            drawn @ drawn.mT, (graphs.edges > 0).float(), reduction="none"
        )
        edges = (wrong * pairs).sum(dim=(1, 2, 3)) / pairs.sum(dim=(1, 2, 3)).clamp_min(1.0)
        nodes = mask.sum(dim=(1, 2))
        named = -(graphs.nodes * kinds.log_softmax(dim=3)).sum(dim=(1, 2, 3)) / nodes
        apart = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=3) / 2
        return edges + named + (apart * mask).sum(dim=(1, 2)) / nodes / mask.shape[-1] ** 2


@dataclass(frozen=True, eq=False)
class Embedding:
    """A trained encoder of a space: the mean of mu over the nodes of each cell, side by side."""

    space: SearchSpace
    network: Autoencoder
    weights: Weights
    statistics: Statistics

    def of(self, archs: Archs) -> FloatArray:
        """Return the embeddings of architectures: (n, L) to (n, P latent) float64.

        Those of a space of at most 20,000 codings are computed once.
        """
        return self._computed(archs) if self._whole is None else self._whole[self.space.code(archs)]

    @cached_property
    def _whole(self) -> FloatArray | None:
        """The embedding of every coding, NaN where it is not valid; None of a larger space."""
        codings = prod(self.space.cardinalities.tolist())
        if codings > _KEPT:
            return None
        archs = self.space.decode(np.arange(codings, dtype=np.uint64))
        valid = self.space.is_valid(archs)
        some = self._computed(archs[valid])
        whole = np.full((codings, some.shape[1]), np.nan)
        whole[valid] = some
        return whole

    def _computed(self, archs: Archs) -> FloatArray:
        found = []
        with torch.inference_mode(), compute_threads(1):
            for start in range(0, max(len(archs), 1), _ROWS):
                graphs = _read(self.space, archs[start : start + _ROWS]).expand(1)
                said = self.network.forward(
                    self.weights.views(), graphs, graphs.nodes[..., 0, :0], Pass(self.statistics)
                )
                found.append(passed(graphs.pooling, said[..., : self.network.latent]).flatten(2)[0].numpy())
        return np.concatenate(found).astype(np.float64)


def _read(space: SearchSpace, archs: Archs) -> Graphs:
    graphs = tensors(space.graph(archs))
    return Graphs(graphs.nodes, sums(graphs), graphs.mask, graphs.pooling)


def learnt_embedding(
    space: SearchSpace, *, layers: int, width: int, latent: int, sample: int, fitting: Fitting, seed: int
) -> Embedding:
    """Train an autoencoder on architectures of a space that are drawn at random, on the CPU.

    Parameters
    ----------
    space : SearchSpace
    layers, width, latent : int
        Sums over neighbours, units in each, and numbers for each node.
    sample : int
        Architectures drawn.
    fitting : Fitting
    seed : int
        Of all that is drawn: the embedding is a property of the space.
    """
    rng = np.random.default_rng(seed)
    graphs = _read(space, space.sample(sample, rng))
    layout = Layout(graphs.nodes.shape[-1], graphs.pooling.shape[-2], 0)
    network, none = Autoencoder(layout, layers, width, latent), Scaling(np.zeros(0), np.ones(0))
    job = GraphJob(
        layout,
        graphs,
        covariates=np.zeros((sample, 0), dtype=np.float32),
        targets=np.zeros((1, sample), dtype=np.float32),
        weights=np.ones((1, sample), dtype=np.float32),
        parameters=initial(network.kinds, 1, rng),
        orders=shuffled(sample, 1, fitting.epochs, rng),
        seeds=rng.integers(1 << 63, size=(1,)).tolist(),
        inputs=none,
        outputs=none,
    )
    with compute_threads(1):
        weights, how = train(network, fitting, [job], "cpu"), Measuring()
        with torch.inference_mode():
            network.forward(weights.views(), graphs.expand(1), graphs.nodes[None, :, 0, :0], how)
    return Embedding(space, network, weights, how.statistics)
