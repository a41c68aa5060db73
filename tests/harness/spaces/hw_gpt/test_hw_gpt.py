"""The spaces of HW-GPT-Bench: blocks that are not there, texts, edits, encodings, and parameters."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.spaces import named
from harness.spaces.hw_gpt.scales import RATIOS, SCALES, params
from harness.spaces.hw_gpt.space import DEPTH, HWGPTSpace
from harness.testing.conformance import check_space

SPACES = {scale: HWGPTSpace(scale) for scale in SCALES}
SMALLEST = "gpt-s-10-192-2-2-2-2-2-2-2-2-2-2-4-4-4-4-4-4-4-4-4-4-True"


@pytest.mark.parametrize(("scale", "inputs", "codings"), [("s", 80, 3**26), ("m", 152, 3**50), ("l", 224, 3**74)])
def test_a_space_keeps_the_rules_and_has_the_published_size(scale, inputs, codings):
    space = SPACES[scale]
    check_space(space, np.random.default_rng(0))
    most = SCALES[scale].most
    facts = space.facts()
    assert facts["codings"] == 2 * codings
    assert facts["valid"] == 6 * sum(9**depth for depth in (most - 2, most - 1, most))
    assert facts["encodings"] == {"one_hot": inputs, "sizes": 3 + 2 * most}
    assert space.is_numbered == (scale == "s")


def test_a_scale_that_is_none_is_refused():
    with pytest.raises(HarnessError, match="unknown scale of HW-GPT-Bench 'xl'"):
        HWGPTSpace("xl")


@pytest.mark.parametrize("scale", SCALES)
@given(seed=st.integers(0, 2**32))
def test_all_forms_of_a_network_are_read(scale, seed):
    space = SPACES[scale]
    arch = space.sample(1, np.random.default_rng(seed))
    (text,) = space.format(arch)
    _, _, depth, embedding, *sizes, bias = text.split("-")
    ratios, heads = sizes[: int(depth)], sizes[int(depth) :]
    assert len(ratios) == len(heads)
    joined = f"gpt-{scale}-{depth}-{embedding}-{''.join(ratios)}-{''.join(heads)}-{bias}"
    filler = [*map(int, ratios), *[4] * (SCALES[scale].most - int(depth))]  # as the official sampler's lists are
    config = {
        "sample_embed_dim": int(embedding),
        "sample_n_layer": int(depth),
        "sample_mlp_ratio": filler,
        "sample_n_head": [*map(int, heads)],
    }
    told = [json.dumps(config | {"sample_bias": value}) for value in (bias == "True", bias)]
    assert np.array_equal(space.parse([text, joined, *told]), np.repeat(arch, 4, axis=0))


def test_a_network_without_biases_stays_one():
    space = SPACES["s"]
    pair = space.parse([SMALLEST, SMALLEST.replace("True", "False")])
    assert space.format(pair)[1].endswith("-False")
    assert pair[:, -1].tolist() == [0, 1]
    assert space.features(pair, "sizes")[:, -1].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "[1]",
        SMALLEST.replace("-s-", "-m-"),
        SMALLEST.replace("192", "256"),
        SMALLEST.replace("-10-", "-9-"),
        SMALLEST.replace("-10-", "-11-"),
        SMALLEST.replace("-2-2-4-", "-2-5-4-"),
        SMALLEST.replace("-4-4-True", "-4-16-True"),
        SMALLEST.replace("-4-4-True", "-4-4-4-True"),
        SMALLEST.replace("True", "true"),
        json.dumps(dict.fromkeys(("sample_embed_dim", "sample_n_layer", "sample_bias"), 192)),
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(HarnessError, match="must"):
        SPACES["s"].parse([text])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sample_n_layer", True),
        ("sample_n_layer", [10]),
        ("sample_embed_dim", "192"),
        ("sample_bias", 1),
        ("sample_bias", []),
        ("sample_mlp_ratio", 2),
        ("sample_mlp_ratio", [2] * 9),
        ("sample_mlp_ratio", [2] * 13),
        ("sample_n_head", [{}] * 10),
    ],
)
def test_values_of_another_kind_are_refused(key, value):
    config = {
        "sample_embed_dim": 192,
        "sample_n_layer": 10,
        "sample_mlp_ratio": [2] * 10,
        "sample_n_head": [4] * 10,
        "sample_bias": True,
    }
    assert SPACES["s"].format(SPACES["s"].parse([json.dumps(config)])) == [SMALLEST]
    with pytest.raises(HarnessError, match=f"`{key}` must"):
        SPACES["s"].parse([json.dumps(config | {key: value})])


def test_a_block_that_is_not_there_has_one_form():
    space = SPACES["s"]
    arch = space.parse([SMALLEST])
    for gene in (12, 13, 24, 25):
        other = arch.copy()
        other[0, gene] = 1
        assert not space.is_valid(other)[0]
        assert not space.active(arch)[0, gene]
    assert space.active(arch).sum() == 3 + 2 * 10
    assert not space.is_valid(np.full((1, space.genes), 3))[0]


@pytest.mark.parametrize(("depth", "others"), [(0, 9 + 81), (1, 1 + 9), (2, 1 + 1)])
def test_neighbours_are_all_networks_one_edit_away(depth, others):
    space = SPACES["s"]
    rng = np.random.default_rng(0)
    arch = next(arch for arch in space.sample(99, rng) if arch[DEPTH] == depth)
    around = space.neighbours(arch)
    assert len(around) == 2 + 2 * 2 * (10 + depth) + 1 + others
    moved = around[around[:, DEPTH] != depth]
    shared = space.active(moved) & space.active(arch[None])
    shared[:, DEPTH] = False
    assert (np.where(shared, moved, 0) == np.where(shared, arch, 0)).all()
    known = {tuple(row) for row in around.tolist()}
    for by in ("gene", "node"):
        children = space.mutate(np.repeat(arch[None], 3000, axis=0), rng, by=by)
        seen = {tuple(row) for row in children.tolist()}
        assert seen <= known
        assert len({(place,) for row in seen for place in np.flatnonzero(np.array(row) != arch)}) >= 3 + 2 * 10


def test_a_mutation_draws_a_gene_or_a_block_that_is_there():
    space = SPACES["s"]
    parents = np.repeat(space.parse([SMALLEST]), 46_000, axis=0)
    depth = space.mutate(parents, np.random.default_rng(0))[:, DEPTH] != 0
    assert abs(depth.mean() - 1 / 23) < 0.004
    depth = space.mutate(parents, np.random.default_rng(0), by="node")[:, DEPTH] != 0
    assert abs(depth.mean() - 1 / 13) < 0.005


def test_samples_are_uniform_in_each_choice():
    counts = np.bincount(SPACES["l"].sample(9000, np.random.default_rng(0))[:, DEPTH])
    assert np.abs(counts - 3000).max() < 200


def test_a_child_has_the_depth_and_the_last_blocks_of_one_parent():
    space, rng = SPACES["m"], np.random.default_rng(0)
    a, b = space.sample(300, rng), space.sample(300, rng)
    children = space.crossover(a, b, rng)
    optional = [DEPTH, 2 + 22, 2 + 23, 2 + 24 + 22, 2 + 24 + 23]
    of_a = (children[:, optional] == a[:, optional]).all(axis=1)
    of_b = (children[:, optional] == b[:, optional]).all(axis=1)
    assert (of_a | of_b).all()
    assert (of_a & ~of_b).any()
    assert (of_b & ~of_a).any()


def test_keys_of_a_space_without_numbers_are_hashes():
    space, rng = SPACES["l"], np.random.default_rng(0)
    archs = np.unique(
        np.concatenate([space.sample(20_000, rng), *map(space.neighbours, space.sample(20, rng))]), axis=0
    )
    keys = space.key(archs)
    assert len(np.unique(keys)) == len(archs)
    bits = (keys[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.02
    assert np.array_equal(space.key(archs[:5]), keys[:5])
    with pytest.raises(HarnessError, match="have no numbers"):
        space.decode(keys[:1])


def test_encodings_say_sizes_and_leave_out_what_is_not_there():
    space = SPACES["l"]
    arch = space.parse([f"gpt-l-35-640-{'-'.join(['2', '3', '4'] * 11 + ['4', '2'])}-{'-'.join(['16'] * 35)}-False"])
    sizes = space.features(arch, "sizes")[0]
    assert np.allclose(sizes[:2], [(640 - 320) / 960, 0.5])
    assert sizes[2:6].tolist() == [0.0, 0.5, 1.0, 0.0]
    assert sizes[[37, -2]].tolist() == [-1.0, -1.0]
    assert np.allclose(sizes[38:73], 8 / 12)
    hot = space.features(arch, "one_hot")[0]
    assert hot.sum() == 3 + 2 * 35
    assert hot[:6].tolist() == [0, 1, 0, 0, 1, 0]
    assert hot[6 + 3 * 35 : 6 + 3 * 36].tolist() == [0, 0, 0]
    assert hot[-2:].tolist() == [0, 1]


def test_parameters_are_those_of_the_network(monkeypatch):
    nn = pytest.importorskip("torch.nn")
    for kind in (nn.Linear, nn.Embedding):  # memory that is never written to is never taken
        monkeypatch.setattr(kind, "reset_parameters", lambda layer: None)

    def count(embedding: int, ratios: list[int], heads: list[int], bias: bool) -> int:
        layers = [nn.Embedding(50_254, embedding), nn.LayerNorm(embedding)]
        layers.append(nn.Linear(embedding, 50_254, bias=False))
        for ratio, head in zip(ratios, heads, strict=True):
            sizes = [(embedding, 3 * 64 * head), (64 * head, embedding)]
            sizes += [(embedding, ratio * embedding), (ratio * embedding, embedding)]
            layers += [nn.Linear(*size, bias=bias) for size in sizes]
            layers += [nn.LayerNorm(embedding) for _ in range(2)]
        return sum(weights.numel() for layer in layers for weights in layer.parameters())

    for scale, space in SPACES.items():
        archs = space.sample(3 if scale == "s" else 1, np.random.default_rng(1))
        for text, told in zip(space.format(archs), space.costs(archs)["params_m"], strict=True):
            _, _, depth, embedding, *sizes, bias = text.split("-")
            numbers = [*map(int, sizes)]
            split = int(depth)
            wanted = count(int(embedding), numbers[:split], numbers[split:], bias == "True")
            assert round(told * 1e6) == wanted, (scale, text)


def test_the_smallest_network_of_gpt_2_is_one_of_scale_s():
    """Minus the second matrix of words and plus 1,024 positions and 3 words, it has the published 124,439,808."""
    arch = SPACES["s"].parse([f"gpt-s-12-768-{'4' * 12}-{'12' * 12}-True"])
    told = round(SPACES["s"].costs(arch)["params_m"][0] * 1e6)
    assert told - 50_254 * 768 + (1024 + 50_257 - 50_254) * 768 == 124_439_808
    assert told == params(np.array([768]), np.full((1, 12), RATIOS[-1]), np.full((1, 12), 12), np.array([1]))[0]


def test_spaces_are_known_by_name():
    assert [named.space(f"hw-gpt-{scale}").name for scale in "sml"] == ["hw-gpt-s", "hw-gpt-m", "hw-gpt-l"]
