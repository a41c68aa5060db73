"""The spaces of HW-GPT-Bench: depth, width, and the blocks of decoder-only transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, BoolArray, FloatArray, IntArray, read_only
from harness.errors import HarnessError, must, unknown
from harness.space import SearchSpace
from harness.spaces.hw_gpt.scales import BIASES, RATIOS, SCALES, params
from harness.spaces.literals import data

EMBEDDING, DEPTH, FIRST = 0, 1, 2
"""Places of the genes of the whole network, and of the first gene of a block; the bias is the last."""
MISSING = -1.0
"""What the encoding ``sizes`` has for a block that is not there."""
_KEYS = ("sample_embed_dim", "sample_n_layer", "sample_mlp_ratio", "sample_n_head", "sample_bias")


class HWGPTSpace(SearchSpace):
    """Decoder-only transformers of HW-GPT-Bench (Sukthanker et al., arXiv 2405.10299, 2024), one space for each scale.

    Genes: embedding dimensions, number of blocks, the ratio of the feed-forward part of each block, the heads of each
    block, and whether linear layers have biases; gene values are positions in the lists of `SCALES`.  A block that a
    network does not have has ratio and heads 0: every other coding of it is invalid, so that no two valid codings are
    the same network.

    `sample` draws as the official sampler does, each choice uniformly: depths are equally likely, though there are nine
    times as many networks of the next depth.  `mutate` draws one gene that the network has and gives it another value;
    new blocks are drawn uniformly.  Neighbours of another depth are those with the same first blocks, and any new ones.
    In a crossover the depth and the blocks that not all networks have go together.  The spaces of scales m and l have
    more than 2**64 codings, and their keys are hashes, see `code`.

    Encodings:

    - ``one_hot``: an indicator for each value of each gene, none for blocks that are not there;
    - ``sizes``: each choice from 0 for the least to 1 for the largest size, -1 for blocks that are not there; the bias
      is 1 or 0.

    Parameters
    ----------
    scale : {"s", "m", "l"}
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot", "sizes")

    def __init__(self, scale: str) -> None:
        if scale not in SCALES:
            raise HarnessError(unknown("scale of HW-GPT-Bench", scale, SCALES))
        self.scale = chosen = SCALES[scale]
        most, always = chosen.most, chosen.layers[0]
        optional = {FIRST + part * most + block for part in (0, 1) for block in range(always, most)}
        super().__init__(
            f"hw-gpt-{scale}",
            [len(chosen.embeddings), len(chosen.layers), *[len(RATIOS)] * most, *[len(chosen.heads)] * most, 2],
            kinds=["ordinal"] * (FIRST + 2 * most) + ["categorical"],
            nodes=[0, 1, *[2 + block for _ in (0, 1) for block in range(most)], 2 + most],
            exchanged=[DEPTH if gene in optional else gene for gene in range(FIRST + 2 * most + 1)],
        )
        sizes = (chosen.embeddings, chosen.layers, *[RATIOS] * most, *[chosen.heads] * most)
        self._sizes: IntArray = read_only(np.array([*sizes, (*map(int, BIASES), 0)]))  # (L, 3); the last is no value
        low, high = self._sizes.min(axis=1, keepdims=True), self._sizes.max(axis=1, keepdims=True)
        self._scaled: FloatArray = read_only((self._sizes - low) / (high - low))
        self._blocks: IntArray = read_only(np.arange(2 * most) % most)
        self._form = re.compile(rf"gpt-{scale}-(\d+)-(\d+)-([\d-]+?)-(True|False)")
        self.description = (  # type: ignore[misc]  # of the class elsewhere
            f"GPT-like transformers of HW-GPT-Bench, scale {scale}: {_listed(chosen.layers)} blocks, an embedding of "
            f"{_listed(chosen.embeddings)} dimensions, in each block a feed-forward part {_listed(RATIOS)} times as "
            f"wide and {_listed(chosen.heads)} heads of 64 dimensions, biases or none. Codings are valid whose missing "
            "blocks are 0; samples are uniform in each choice."
        )

    def depths(self, archs: Archs) -> IntArray:
        """Return how many blocks each network has: (n, L) to (n,) int64."""
        depths: IntArray = self._sizes[DEPTH, np.asarray(archs)[:, DEPTH]]
        return depths

    def active(self, archs: Archs) -> BoolArray:
        """Say which genes each network has: all but those of blocks beyond its depth."""
        there = np.ones(archs.shape, dtype=np.bool_)
        there[:, FIRST:-1] = self._blocks < self.depths(archs)[:, None]
        return there

    def is_valid(self, archs: Archs) -> BoolArray:
        """Say which rows have all genes in range, and 0 for every block that is not there: (n, L) to (n,) bool."""
        archs = np.asarray(archs)
        valid = super().is_valid(archs)
        inside = archs[valid]
        valid[valid] = np.all(self.active(inside) | (inside == 0), axis=1)
        return valid

    def sample(self, n: int, rng: np.random.Generator) -> Archs:
        """Draw `n` networks, each choice uniformly, with replacement: (n, L)."""
        return self._canonical(super().sample(n, rng))

    def _canonical(self, archs: Archs) -> Archs:
        """Return rows with 0 for blocks that are not there: (n, L) to (n, L)."""
        return np.where(self.active(archs), archs, 0).astype(self.dtype)

    def _mutate(self, archs: Archs, rng: np.random.Generator) -> Archs:
        places = rng.integers(0, 3 + 2 * self.depths(archs))  # among the genes that are there
        reached = np.cumsum(self.active(archs), axis=1) > places[:, None]
        return self._edited(archs, reached.argmax(axis=1), rng)

    def _mutate_by_node(self, archs: Archs, rng: np.random.Generator) -> Archs:
        depths, most = self.depths(archs), self.scale.most
        nodes = rng.integers(0, 3 + depths)
        genes = nodes + most * rng.integers(0, 2, size=len(archs)) * (nodes >= FIRST)
        return self._edited(archs, np.where(nodes == FIRST + depths, self.genes - 1, genes), rng)

    def _edited(self, archs: Archs, genes: npt.NDArray[np.intp], rng: np.random.Generator) -> Archs:
        """Give one gene of each row another value; blocks that come with it are drawn: (n, L), (n,) to (n, L)."""
        children, rows = np.array(archs, dtype=self.dtype), np.arange(len(archs))
        steps = 1 + rng.integers(0, self._alternatives[genes])
        children[rows, genes] = (children[rows, genes] + steps) % self.cardinalities[genes]
        moved = np.flatnonzero(genes == DEPTH)
        if len(moved):
            new = self.active(children[moved]) & ~self.active(np.asarray(archs)[moved])
            drawn = super().sample(len(moved), rng)
            children[moved] = self._canonical(np.where(new, drawn, children[moved]))
        return children

    def neighbours(self, arch: Archs) -> Archs:
        """Return every valid network one edit away, by gene; those of another depth last: (L,) to (k, L)."""
        arch = np.asarray(arch, dtype=self.dtype)
        around = super().neighbours(arch)
        around = around[around[:, DEPTH] == arch[DEPTH]]
        return np.concatenate([around[self.is_valid(around)], *self._of_other_depths(arch)])

    def _of_other_depths(self, arch: Archs) -> list[Archs]:
        """Return the neighbours of each other depth, with every choice of the blocks that come with it."""
        found = []
        for depth in range(len(self.scale.layers)):
            if depth == arch[DEPTH]:
                continue
            moved = np.array(arch[None])
            moved[0, DEPTH] = depth
            new = np.flatnonzero(self.active(moved)[0] & ~self.active(arch[None])[0])
            moved = self._canonical(moved)
            choices = list(product(*map(range, self.cardinalities[new].tolist())))
            moved = np.repeat(moved, len(choices), axis=0)
            moved[:, new] = choices
            found.append(moved)
        return found

    def one_hot(self, archs: Archs) -> FloatArray:
        """Return the indicators of all genes that are there: (n, L) to (n, sum of cardinalities)."""
        archs = np.asarray(archs)
        return super().one_hot(archs) * np.repeat(self.active(archs), self.cardinalities, axis=1)

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        scaled = self._scaled[np.arange(self.genes), archs]
        return np.where(self.active(archs), scaled, MISSING)

    def costs(self, archs: Archs) -> Mapping[str, FloatArray]:
        """Count the parameters of the published networks, see `scales.params`; multiply-adds are not counted."""
        archs = np.asarray(archs)
        sizes = self._sizes[np.arange(self.genes), archs] * self.active(archs)
        ratios, heads = np.split(sizes[:, FIRST:-1], 2, axis=1)
        return {"params_m": params(sizes[:, EMBEDDING], ratios, heads, sizes[:, -1]) / 1e6}

    def legend(self) -> Mapping[str, Sequence[str]]:
        """Return the values of each choice; a block that is not there has the first."""
        blocks = range(1, self.scale.most + 1)
        told = {"embedding": self.scale.embeddings, "blocks": self.scale.layers}
        told |= {f"ratio of block {block}": RATIOS for block in blocks}
        told |= {f"heads of block {block}": self.scale.heads for block in blocks}
        return {name: tuple(map(str, values)) for name, values in told.items()} | {"bias": tuple(map(str, BIASES))}

    def format(self, archs: Archs) -> list[str]:
        """Write networks as the official strings: blocks, embedding, all ratios, all heads, and the bias.

        >>> HWGPTSpace("s").format(np.zeros((1, 27), dtype=np.uint8))
        ['gpt-s-10-192-2-2-2-2-2-2-2-2-2-2-4-4-4-4-4-4-4-4-4-4-True']
        """
        texts = []
        for arch, depth in zip(np.asarray(archs), self.depths(archs).tolist(), strict=True):
            sizes = self._sizes[np.arange(self.genes), arch].tolist()
            ratios, heads = sizes[FIRST : FIRST + depth], sizes[FIRST + self.scale.most :][:depth]
            numbers = "-".join(map(str, [depth, sizes[EMBEDDING], *ratios, *heads]))
            texts.append(f"gpt-{self.scale.name}-{numbers}-{bool(sizes[-1])}")
        return texts

    @property
    def _rule(self) -> str:
        scale = self.scale
        return (
            f"read 'gpt-{scale.name}-BLOCKS-EMBEDDING-RATIOS-HEADS-BIAS', with one ratio and one count of heads for "
            f"each of {_listed(scale.layers)} blocks, or be a JSON object of {', '.join(_KEYS)}"
        )

    def _genes(self, text: str) -> list[int]:
        """Read an official string, sizes apart or joined without ``-``, or a JSON object of the official sampler.

        A list of the object may be longer than there are blocks, as the sampler's are: the first ones count.
        """
        text = text.strip()
        if text.startswith("{"):
            return self._of_config(data(text, self._rule), text)
        match = self._form.fullmatch(text)
        depth = int(match[1]) if match and len(match[1]) < 4 else 0
        if match is None or depth not in self.scale.layers:
            raise HarnessError(must("architecture", self._rule, text))
        ratio, head = ("|".join(map(str, values)) for values in (RATIOS, self.scale.heads))
        sizes = re.fullmatch(rf"((?:(?:{ratio})-?){{{depth}}})((?:-?(?:{head})){{{depth}}})", match[3])
        if sizes is None:
            raise HarnessError(must("architecture", self._rule, text))
        ratios, heads = ([*map(int, re.findall(*part))] for part in ((ratio, sizes[1]), (head, sizes[2])))
        told = (int(match[2]), depth, ratios, heads, match[4] == "True")
        return self._of_config(dict(zip(_KEYS, told, strict=True)), text)

    def _of_config(self, config: Any, text: str) -> list[int]:
        if not isinstance(config, Mapping) or not set(_KEYS) <= set(config):
            raise HarnessError(must("architecture", self._rule, text))
        embedding, depth, ratios, heads, bias = (config[key] for key in _KEYS)
        bias = {"True": True, "False": False}.get(bias, bias) if isinstance(bias, str) else bias
        code = _code("sample_n_layer", depth, self.scale.layers)
        codes = [_code("sample_embed_dim", embedding, self.scale.embeddings), code]
        for key, values, known in ((_KEYS[2], ratios, RATIOS), (_KEYS[3], heads, self.scale.heads)):
            if not isinstance(values, list | tuple) or not depth <= len(values) <= self.scale.most:
                raise HarnessError(must(key, f"list {depth} to {self.scale.most} values, one for each block", values))
            told = [_code(key, value, known) for value in values[:depth]]
            codes += told + [0] * (self.scale.most - depth)
        return [*codes, _code("sample_bias", bias, BIASES)]

    def _facts(self) -> Mapping[str, object]:
        scale = self.scale
        valid = sum((len(RATIOS) * len(scale.heads)) ** depth for depth in scale.layers)
        return {"valid": valid * len(scale.embeddings) * len(BIASES)}


def _code(key: str, value: object, known: Sequence[int]) -> int:
    """Return the place of a value; True is 1 to Python, and no size."""
    if type(value) is not type(known[0]) or value not in known:
        raise HarnessError(must(key, f"be one of {_listed(known)}", value))
    return known.index(value)


def _listed(values: Sequence[int]) -> str:
    return f"{', '.join(map(str, values[:-1]))} or {values[-1]}"
