"""The NAS-Bench-NLP space: recipes, their digests, texts and encodings."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.spaces.nlp.recipes import OPERATIONS, read_recipe, recipe_digest
from harness.spaces.nlp.space import RecipeSpace
from harness.testing.conformance import check_space
from tests.harness.spaces.alike import fingerprints, same_partition
from tests.harness.spaces.nlp.made_up import recipe


def renamed(nodes: dict[str, dict[str, Any]], rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """Return the same cell with inner nodes of other names, in another order, and operands in another order."""
    inner = [name for name in nodes if name.startswith("node_")]
    names = {name: f"n{place}" for name, place in zip(inner, rng.permutation(len(inner)).tolist(), strict=True)}
    listed = [
        (
            names.get(name, name),
            {
                "op": node["op"],
                "input": [
                    names.get(source, source)
                    for source in (node["input"] if node["op"] == "blend" else rng.permutation(node["input"]).tolist())
                ],
            },
        )
        for name, node in nodes.items()
    ]
    return dict(listed[place] for place in rng.permutation(len(listed)))


def test_the_space_keeps_the_rules() -> None:
    space = RecipeSpace({str(1000 + seed): json.dumps(recipe(seed)) for seed in range(300)})
    assert space.dtype == np.uint16
    check_space(space, np.random.default_rng(0))
    check_space(RecipeSpace({str(seed): json.dumps(recipe(seed)) for seed in range(20)}), np.random.default_rng(0))


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_names_and_order_of_operands_do_not_matter(seed: int, other: int) -> None:
    nodes = recipe(seed)
    text = json.dumps(renamed(nodes, np.random.default_rng(other)))
    assert recipe_digest(read_recipe(text)) == recipe_digest(read_recipe(json.dumps(nodes)))
    space = RecipeSpace({"1": json.dumps(nodes), "2": text})
    assert space.key(np.array([[0], [1]])).tolist()[0] == space.key(np.array([[1]]))[0]
    assert space.parse([text, "2"]).tolist() == [[0], [1]]


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_graphs_do_not_depend_on_names_and_order(seed: int, other: int) -> None:
    nodes = recipe(seed)
    texts = [json.dumps(nodes), json.dumps(renamed(nodes, np.random.default_rng(other)))]
    graph = RecipeSpace(dict(enumerate(texts))).graph(np.array([[0], [1], [0]]))
    assert len(np.unique(fingerprints(graph))) == 1
    assert graph.mask.sum() == 3 * (len(nodes) + 3)  # two sources, and the new state behind the operation that gives it
    assert graph.labels == ("h_new_0", "h_prev_0", "x", *OPERATIONS)


def test_graphs_of_different_recipes_differ() -> None:
    space = RecipeSpace({str(seed): json.dumps(recipe(seed)) for seed in range(300)})
    every = np.arange(300)[:, None]
    graph = space.graph(every)
    assert same_partition(space.key(every), fingerprints(graph))
    assert graph.mask.shape[1] == graph.mask.sum(axis=1).max()
    small = int(graph.mask.sum(axis=1).argmin())
    assert graph.edges(small)[-1][1] == "h_new_0"


def _blend(*inputs: str) -> str:
    nodes = {
        "a": {"op": "linear", "input": ["x", "h_prev_0"]},
        "b": {"op": "activation_sigm", "input": ["a"]},
        "h_new_0": {"op": "blend", "input": list(inputs)},
    }
    return recipe_digest(read_recipe(json.dumps(nodes)))


def test_the_operands_of_a_blend_keep_their_order() -> None:
    assert _blend("b", "a", "x") == _blend("b", "a", "x")
    assert len({_blend("b", "a", "x"), _blend("b", "x", "a"), _blend("a", "b", "x"), _blend("x", "b", "a")}) == 4


def test_a_shared_layer_is_not_two_layers() -> None:
    linear = {"op": "linear", "input": ["x", "h_prev_0"]}
    tanh, sigm = ({"op": f"activation_{kind}", "input": [name]} for kind, name in (("tanh", "a"), ("sigm", "b")))
    product = {"op": "elementwise_prod", "input": ["t", "s"]}
    two = {"a": linear, "b": linear, "t": tanh, "s": sigm, "h_new_0": product}
    one = {"a": linear, "t": tanh, "s": sigm | {"input": ["a"]}, "h_new_0": product}
    assert recipe_digest(read_recipe(json.dumps(two))) != recipe_digest(read_recipe(json.dumps(one)))


def test_hidden_states_do_not_trade_places() -> None:
    texts = [
        json.dumps({"h_new_0": {"op": "activation_tanh", "input": [a]}, "h_new_1": {"op": "linear", "input": [b]}})
        for a, b in (("h_prev_0", "h_prev_1"), ("h_prev_1", "h_prev_0"), ("x", "h_prev_0"))
    ]
    assert len({recipe_digest(read_recipe(text)) for text in texts}) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("99", "be a number of the list or JSON"),
        ("", "be a number of the list or JSON"),
        ('{"h_new_0": {"op": "linear"}}', "be a number of the list or JSON"),
        ('{"a": {"op": "linear", "input": ["x"]}}', "have a node h_new_0"),
        ('{"h_new_0": {"op": "lineal", "input": ["x"]}}', "unknown operation 'lineal'. Did you mean 'linear'"),
        ('{"h_new_0": {"op": "linear", "input": ["y"]}}', "compute h_new_0 from x"),
        (
            '{"h_new_0": {"op": "linear", "input": ["a"]}, "a": {"op": "linear", "input": ["h_new_0"]}}',
            "compute a from",
        ),
        ('{"h_new_0": {"op": "blend", "input": ["x", "x", "x"]}}', "be one of the 1 recipes"),
    ],
)
def test_other_texts_are_refused(text: str, message: str) -> None:
    space = RecipeSpace({"1": json.dumps(recipe(0))})
    with pytest.raises(HarnessError, match=message):
        space.parse([text])


def test_the_encoding_of_operations_counts_them() -> None:
    text = '{"a": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op": "activation_tanh", "input": ["a"]}}'
    counts = RecipeSpace({"1": text}).features(np.array([[0]]), "operations")[0]
    assert dict(zip((*OPERATIONS, "links", "states"), counts.tolist(), strict=True)) == dict.fromkeys(
        OPERATIONS, 0.0
    ) | {"linear": 1.0, "activation_tanh": 1.0, "links": 3.0, "states": 1.0}
