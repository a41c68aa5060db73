"""The three scales of HW-GPT-Bench: values of every choice, and the closed form of a network's parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.checks import FloatArray, IntArray

RATIOS = (2, 3, 4)
"""Widths of the layer between the two linear ones, in embedding dimensions."""
BIASES = (True, False)
"""Whether linear layers have biases, in the official order."""
VOCABULARY, HEAD = 50_254, 64
"""Words, and dimensions of each head, whatever the embedding has."""


@dataclass(frozen=True)
class Scale:
    """Choices of one of the spaces.

    Attributes
    ----------
    name : {"s", "m", "l"}
    embeddings : tuple of int
        Dimensions of the embedding.
    layers : tuple of int
        How many transformer blocks; each next one has one more.
    heads : tuple of int
        Of the attention of each block.
    """

    name: str
    embeddings: tuple[int, ...]
    layers: tuple[int, ...]
    heads: tuple[int, ...]

    @property
    def most(self) -> int:
        """Blocks of the deepest network."""
        return self.layers[-1]


SCALES = {
    scale.name: scale
    for scale in (
        Scale("s", (192, 384, 768), (10, 11, 12), (4, 8, 12)),
        Scale("m", (256, 512, 1024), (22, 23, 24), (8, 12, 16)),
        Scale("l", (320, 640, 1280), (34, 35, 36), (8, 16, 20)),
    )
}


def params(embedding: IntArray, ratios: IntArray, heads: IntArray, bias: IntArray) -> FloatArray:
    """Count the trainable parameters of the published networks in closed form: to (n,) float64.

    Embedding of words and output layer are two matrices, the latter without bias; positions are rotary and have no
    weights.  Each block has two layer normalisations, one matrix for queries, keys and values of ``64 * heads`` each,
    one back to the embedding, and two of the feed-forward part; a last normalisation follows.

    Parameters
    ----------
    embedding : (n,) int64
    ratios, heads : (n, N) int64
        Of each block, 0 where a network has none.
    bias : (n,) int64
        1 where linear layers have biases.

    Examples
    --------
    >>> count = params(np.array([768]), np.full((1, 12), 4), np.full((1, 12), 12), np.array([1]))
    >>> int(count[0])  # GPT-2 small has 124,439,808: one matrix for both ends, and one for 1,024 positions
    162246144
    """
    wide, biased = embedding[:, None], bias[:, None]
    inside = HEAD * heads
    there = (heads > 0).astype(np.int64)
    attention = wide * 4 * inside + biased * (3 * inside + wide * there)
    feed_forward = 2 * ratios * wide**2 + biased * (ratios * wide + wide * there)
    blocks = (attention + feed_forward + 4 * wide * there).sum(axis=1)
    total: FloatArray = (2 * VOCABULARY * embedding + 2 * embedding + blocks).astype(np.float64)
    return total
