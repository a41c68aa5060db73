"""References from citations and docstrings: who, what, where and when, and entries that BibTeX reads."""

from __future__ import annotations

import re

import pytest

from harness import registry
from reports.paper.references import Reference, _of_class, numbered, references_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Dong & Yang, "NAS-Bench-201: More", ICLR 2020', [("Dong & Yang", "ICLR", 2020)]),
        (
            'Li & Talwalkar, "Random search", UAI 2019; as Bergstra & Bengio, "Random\n search", JMLR 13, 2012.',
            [("Li & Talwalkar", "UAI", 2019), ("Bergstra & Bengio", "JMLR 13", 2012)],
        ),
        ('Ru, van der Wilk & Gal, "Speedy", NeurIPS 2021', [("Ru, van der Wilk & Gal", "NeurIPS", 2021)]),
        ('Klein et al., "Model-based", arXiv 2003.10865, 2020', [("Klein et al.", "arXiv 2003.10865", 2020)]),
        ('Bäck & Fogel, "Handbook", 1997, with tournaments (ICGA 1989)', [("Bäck & Fogel", "", 1997)]),
        ("No citation, and a year, 2020.", []),
    ],
)
def test_what_a_text_cites(text: str, expected: list[tuple[str, str, int]]) -> None:
    assert [(one.authors, one.venue, one.year) for one in references_in(text)] == expected


def test_entries_are_told_apart_and_one_title_is_one() -> None:
    listed = [
        Reference("Li et al.", "Hyperband: a", "JMLR", 2018),
        Reference("Li et al.", "Hyperband: a", "JMLR", 2018),
        Reference("Li & Zhu", "Hyper & tune 100%", "VLDB", 2018),
        Reference("Li & Zhu", "Hyper tuning", "VLDB", 2018),
    ]
    made = numbered(listed)
    assert [one.key for one in made] == ["li2018hyperband", "li2018hyper", "li2018hyperb"]
    assert made[0].entry().startswith("@article{li2018hyperband,\n  author    = {Li and others},")
    assert r"{{Hyper \& tune 100\%}}" in made[1].entry()
    assert "booktitle = {VLDB}" in made[1].entry()


@pytest.mark.parametrize("kind", ["strategy", "surrogate"])
def test_nearly_all_that_comes_with_the_program_has_a_reference(kind: str) -> None:
    names = [name for name in registry.names(kind) if ":" not in name]
    without = [name for name in names if not _of_class(kind, name)]
    assert set(without) <= {"curve_value", "perfect"}
    for name in names:
        for one in _of_class(kind, name):
            assert 1950 < one.year < 2030
            assert re.match(r"[^\W\d_]", one.authors)
            assert one.entry().count("{") == one.entry().count("}")


def test_what_is_someone_elses_is_not_opened() -> None:
    assert _of_class("strategy", "/nowhere/own.py:Mine") == ()
    assert _of_class("strategy", "optuna:TPESampler") == ()
    assert _of_class("strategy", "unknown") == ()
