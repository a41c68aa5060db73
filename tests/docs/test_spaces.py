"""The pages about search spaces, which are written from the spaces."""

from __future__ import annotations

import re

import numpy as np
import pytest

from docs import spaces
from harness.spaces import named


@pytest.mark.parametrize("name", sorted(named.SPACES))
def test_a_page_says_strings_genes_and_counts(name):
    text, space = spaces.page(name), named.space(name)
    for gene, (label, values) in enumerate(space.legend().items()):
        listed = ", ".join(f"`{value}`" for value in values)
        assert f"| {gene} | {label.replace('<', '&lt;')} | {listed} |" in text
    assert (
        f"| {', '.join(f'`{value}`' for value in values)} | {space.gene_kinds[-1]} | {space.gene_nodes[-1]} |" in text
    )
    assert ("`morphisms` |" in text) == space.has_morphisms
    assert f"| graph | {space.graph(space.sample(1, np.random.default_rng(0))).mask.shape[1]} places" in text
    rows = re.findall(r"^\| `(.*)` \| `([\d, ]+)` \|$", text, re.MULTILINE)
    assert len(rows) == spaces.EXAMPLES
    for string, genes in rows:
        assert space.parse([string.replace("\\|", "|")]).tolist() == [[int(gene) for gene in genes.split(", ")]]
    assert f"nas-harness describe --space {name} --arch " in text
    assert "``" not in text.replace("```", "")
