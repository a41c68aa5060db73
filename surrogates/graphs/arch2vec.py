"""Bayesian linear regression over a network on the embedding of arch2vec."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, FloatArray, arch_matrix, integer, real
from harness.space import SearchSpace
from surrogates.graphs.autoencoder import Embedding, learnt_embedding
from surrogates.graphs.learner import chosen, graphs_only
from surrogates.graphs.training import Fitting
from surrogates.inputs import encode
from surrogates.neural.dngo import DNGO

PUBLISHED = {"hops": 5, "hop_width": 128, "sample": 15_625, "embedding_rate": 1e-3}
"""What the paper and its code have for NAS-Bench-201, where the defaults depart from them."""


class Arch2Vec(DNGO):
    """DNGO on an embedding of architectures that is learnt without any result.

    Yan, Zheng, Ao, Zeng & Zhang, "Does Unsupervised Architecture Representation Learning Help Neural Architecture
    Search?", NeurIPS 2020: a variational autoencoder of graphs, whose encoder sums over neighbours in both directions
    (Xu, Hu, Leskovec & Jegelka, ICLR 2019) and whose decoder says which nodes are joined and what they are; then DNGO
    (`surrogates.neural.dngo`) on the mean of the latent numbers of all nodes.  As there: 16 latent numbers a node,
    mini-batches of 32; 128 units and 100 epochs of DNGO.

    The embedding is learnt once by each learner, when it is first needed, from a seed of its own; so all replicates of
    a shard share it, and all shards have the same.

    Departs from the paper for speed: three layers of 64 units, where it has five of 128, and ten epochs on 2,000 random
    architectures at a learning rate of 0.005, where it reads all of the space, 15,625 cells of NAS-Bench-201, at 1e-3
    (``hops=5, hop_width=128, sample=15625, embedding_rate=1e-3``; so few steps do not train five layers: a third of the
    nodes was told right, where now all are).  Also in that the latent numbers have the standard
    deviation exp(ln sigma^2 / 2), where the code takes ln sigma^2 for ln sigma; no dropout; a rate that falls along a
    cosine.

    Parameters
    ----------
    space : SearchSpace
    encoding : {"one_hot"}
        Graphs are read in place of an encoding.
    hops, hop_width : int
        Layers of the encoder and units in each.
    latent : int
        Numbers of a node.
    sample : int
        Random architectures that the embedding is learnt from, at least 2.
    embedding_epochs : int
        Passes over them.
    embedding_rate : float
        Of Adam, for the embedding.
    embedding_seed : int
        Of all that is drawn for the embedding.
    layers, width : int
        Hidden layers of DNGO and units in each.
    epochs, batch_size : int
        Passes of DNGO over the results, rows of a mini-batch.
    learning_rate : float
        Of Adam in DNGO.
    preset : {"tuned", "published"}
        Sets the settings that stand above in brackets where they have their defaults; other values override it.
    device : str
        "cpu", "cuda" or "cuda:N", of DNGO.
    """

    later_hyperparameters: ClassVar[Mapping[str, Any]] = {"embedding_rate": 5e-3}

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        hops: int = 3,
        hop_width: int = 64,
        latent: int = 16,
        sample: int = 2000,
        embedding_epochs: int = 10,
        embedding_rate: float = 5e-3,
        embedding_seed: int = 0,
        layers: int = 3,
        width: int = 128,
        epochs: int = 100,
        batch_size: int = 10,
        learning_rate: float = 0.01,
        preset: str = "tuned",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            space,
            encoding=graphs_only(encoding),
            layers=layers,
            width=width,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            device=device,
        )
        further = {
            "hops": integer("hops", hops, low=1, high=MOST),
            "hop_width": integer("hop_width", hop_width, low=1, high=MOST),
            "latent": integer("latent", latent, low=1, high=MOST),
            "sample": integer("sample", sample, low=2, high=MOST),
            "embedding_epochs": integer("embedding_epochs", embedding_epochs, low=1, high=MOST),
            "embedding_rate": real("embedding_rate", embedding_rate, low=0, open_low=True),
            "embedding_seed": integer("embedding_seed", embedding_seed, low=0),
        }
        self.hyperparameters |= chosen(type(self), preset, further, PUBLISHED)

    @cached_property
    def embedding(self) -> Embedding:
        """What the space is embedded by, learnt when it is first asked for."""
        given = self.hyperparameters
        return learnt_embedding(
            self.space,
            layers=given["hops"],
            width=given["hop_width"],
            latent=given["latent"],
            sample=given["sample"],
            fitting=Fitting(given["embedding_epochs"], 32, given["embedding_rate"]),
            seed=given["embedding_seed"],
        )

    def _features(self, archs: Archs, covariates: FloatArray | None, width: int | None = None) -> FloatArray:
        genes = sum(self.space.cardinalities)
        embedded = self.embedding.of(arch_matrix("archs", archs, self.space.genes))
        read = encode(self, archs, covariates, width=None if width is None else genes + width - embedded.shape[1])
        return np.concatenate([embedded, read[:, genes:]], axis=1)
