"""Explanations as plain rows: importance of genes, the path from the median, and neighbours; each with all digits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.checks import FloatArray
from reports.statistics.importance import Anova
from reports.why.explained import Edit, Explained

Rows = list[dict[str, Any]]


def importance_rows(found: Explained) -> Rows:
    """Return genes, then pairs of genes where these can be told apart.

    ``genes``; ``percent`` of the variance of the regret with its ``standard_error``, 0 where nothing was sampled and
    NaN where none is known; ``percent_into_best`` and ``percent_within_best``, see `Explained`.
    """
    genes = list(found.space.legend())
    places = [(gene, gene) for gene in range(len(genes))]
    places += [(a, b) for b in range(len(genes)) for a in range(b)] if found.independent else []
    return [
        {
            "genes": genes[a] if a == b else f"{genes[a]} with {genes[b]}",
            "percent": _share(found.everywhere, a, b),
            "standard_error": 100 * float(_errors(found.everywhere)[a, b]),
            "percent_into_best": _share(found.into_best, a, b),
            "percent_within_best": np.nan if found.within_best is None else _share(found.within_best, a, b),
        }
        for a, b in places
    ]


def path_rows(found: Explained) -> Rows:
    """Return the median and the steps from it: ``step``, ``edit``, ``regret``, ``gain``, ``margin``, ``is_real``.

    A gain is more than noise where it exceeds ``margin``; both are NaN, and ``is_real`` None, where they are not known.
    """
    start = float(found.landscape.losses_of(found.source[None])[0])
    first = {"step": 0, "edit": "median architecture", "regret": start, "gain": np.nan, "margin": np.nan,
             "is_real": None}  # fmt: skip
    return [first, *({"step": place, **row} for place, row in enumerate(_edits(edit for _, edit in found.path), 1))]


def neighbour_rows(found: Explained) -> Rows:
    """Return the neighbours, the best first: as `path_rows`, ``architecture``, and ``same_function``."""
    edits = found.neighbours
    texts = found.space.format(np.array([edit.arch for edit in edits])) if edits else []
    return [
        row | {"architecture": text, "same_function": edit.same}
        for row, text, edit in zip(_edits(edits), texts, edits, strict=True)
    ]


def _edits(edits: list[Edit] | Iterator[Edit]) -> Iterator[dict[str, Any]]:
    for edit in edits:
        yield {"edit": edit.words, "regret": edit.loss, "gain": edit.change, "margin": edit.margin,
               "is_real": edit.is_real}  # fmt: skip


def _share(shares: Anova, a: int, b: int) -> float:
    return 100 * float(shares.main_shares[a] if a == b else shares.pair_shares[a, b])


def _errors(shares: Anova) -> FloatArray:
    errors = shares.pair_error.copy()
    np.fill_diagonal(errors, shares.main_error)
    return errors
