"""The NAS-Bench-NLP space: a finite list of recipes for recurrent cells, known from the logs that were imported."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from harness.checks import Archs, FloatArray, UInt64Array, read_only
from harness.errors import HarnessError, must
from harness.graphs import GraphBatch
from harness.space import SearchSpace
from harness.spaces.nlp.recipes import (
    OPERATIONS,
    RESULT,
    read_recipe,
    recipe_digest,
    recipe_graphs,
    text_digest,
)


class RecipeSpace(SearchSpace):
    """Recipes of NAS-Bench-NLP (Klyuchnikov et al., IEEE Access 2022), those that were trained and no others.

    Genes: one, the position in the list.  All are valid, and each is a row of the table: a training log.  `key` knows:

    - ``"exact"``: the position; 345 for Wikitext-2;
    - ``"string"``: the recipe as it was published; 291, because some were trained under several numbers;
    - ``"functional"``: `recipe_digest`, up to names and the order of operands; 265.

    `sample` is uniform over the list; `mutate` draws another recipe uniformly and `neighbours` are all others, because
    an edited recipe would in general not be in the list.

    Encodings: ``one_hot`` (one indicator for each recipe); ``operations`` (9): how many nodes have each operation of
    `OPERATIONS`, how many links lead between nodes, and how many hidden states are carried on.

    Parameters
    ----------
    recipes : mapping of str to str
        Published JSON text of each recipe by a name of its own (its published number), in the order of the codes.
    name : str
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot", "operations")
    description: ClassVar[str] = (
        "NAS-Bench-NLP recurrent cells: the finite list of recipes whose logs were imported, one gene. All are valid; "
        "samples are uniform over them."
    )

    def __init__(self, recipes: Mapping[str, str], name: str = "nlp") -> None:
        super().__init__(name, [len(recipes)])
        self.recipes = dict(recipes)
        self._nodes = [read_recipe(text) for text in self.recipes.values()]

    def definition(self) -> str:
        """Return what a table must hold so that its space can be rebuilt: JSON with kind, name and every recipe."""
        return json.dumps({"kind": "recipes", "name": self.name, "recipes": self.recipes})

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        """Position of each recipe by its name, and of the first recipe of each digest."""
        first: dict[str, int] = {}
        for position, digest in enumerate(self._digests):
            first.setdefault(digest, position)
        return first | {name: position for position, name in enumerate(self.recipes)}

    @cached_property
    def _digests(self) -> list[str]:
        return [recipe_digest(nodes) for nodes in self._nodes]

    @cached_property
    def _keys(self) -> Mapping[str, UInt64Array]:
        texts = {"string": [text_digest(text) for text in self.recipes.values()], "functional": self._digests}
        return {
            identity: read_only(np.array([int(text[:16], 16) for text in digests], dtype=np.uint64))
            for identity, digests in texts.items()
        }

    @cached_property
    def _operations(self) -> FloatArray:
        counts = np.zeros((len(self._nodes), len(OPERATIONS) + 2))
        for row, nodes in enumerate(self._nodes):
            for name, (operation, inputs) in nodes.items():
                counts[row, OPERATIONS.index(operation)] += 1
                counts[row, -2] += len(inputs)
                counts[row, -1] += RESULT.fullmatch(name) is not None
        return read_only(counts)

    def _key(self, archs: Archs, identity: str) -> UInt64Array:
        return self._keys[identity][archs[:, 0].astype(np.intp)]

    def _features(self, archs: Archs, encoding: str) -> FloatArray:
        return self._operations[archs[:, 0]]

    @cached_property
    def _graphs(self) -> GraphBatch:
        return recipe_graphs(self._nodes)

    def _graph(self, archs: Archs) -> GraphBatch:
        """Return recipes as graphs, see `recipe_graphs`."""
        return self._graphs.take(archs[:, 0].astype(np.intp))

    def legend(self) -> Mapping[str, Sequence[str]]:
        """Return the published numbers of the recipes."""
        return {"recipe": list(self.recipes)}

    def format(self, archs: Archs) -> list[str]:
        """Write recipes as their published numbers: (n, 1) to n strings; `recipes` has the text of each."""
        names = list(self.recipes)
        return [names[position] for position in np.asarray(archs)[:, 0].tolist()]

    def _genes(self, text: str) -> list[int]:
        """Read a published number, or a recipe as JSON with nodes of any name and order.

        A recipe that was trained several times gives its first position.
        """
        name = text.strip()
        position = self._positions.get(name if name in self.recipes else recipe_digest(read_recipe(name)))
        if position is None:
            raise HarnessError(must("architecture", f"be one of the {len(self.recipes)} recipes of the list", text))
        return [position]

    def _facts(self) -> Mapping[str, object]:
        return {
            "operations": list(OPERATIONS),
            "valid": len(self.recipes),
            "classes": {identity: len(np.unique(keys)) for identity, keys in self._keys.items()},
        }


def from_definition(fields: Mapping[str, Any]) -> RecipeSpace:
    """Rebuild a space from what `RecipeSpace.definition` wrote into a table, already read from JSON."""
    return RecipeSpace(fields["recipes"], fields["name"])
