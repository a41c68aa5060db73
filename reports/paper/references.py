"""References as BibTeX, of benchmarks and methods: from what tables say of their source, and docstrings of classes.

The sources hold family names, title, venue and year; entries say no more than these.  A class is read as text where it
stands, and not imported.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from harness import registry
from harness.errors import HarnessError
from harness.names import BUILT_IN, read
from reports.study.study import Study
from reports.tables.report_table import tex

_NAME = r"(?:(?:van|von|der|den|de|la) )*[A-Z\u00c0-\u00de\u0160\u017d][\w'\u2019-]*(?: [A-Z][\w'-]*)?"
_AUTHORS = rf"{_NAME}(?:, {_NAME})*(?: & {_NAME}| et al\.)?"
_YEAR = r"(?:(?P<venue>[^\";]*?),?\s)??(?P<year>(?:19|20)\d\d)\b(?!\.\d)"
_REFERENCE = re.compile(rf'(?P<authors>{_AUTHORS}),\s"(?P<title>[^"]+)",?\s{_YEAR}')
_JOURNALS = ("JMLR", "TPAMI", "Machine Learning", "Journal", "Transactions", "JAIR", "TMLR", "Evolutionary Computation")
_SMALL = {"a", "an", "the", "on", "of", "for", "in", "to"}
HEAD = """% References of the benchmarks and methods of this report. Sources here hold family names alone: complete the
% authors, and pages where your style asks for them.
"""


@dataclass(frozen=True)
class Reference:
    """A publication.

    Attributes
    ----------
    authors : str
        Family names, as sources write them: "Dong & Yang", "Real et al.".
    title, venue : str
    year : int
    key : str
        Of the entry; "" before `numbered`.
    """

    authors: str
    title: str
    venue: str
    year: int
    key: str = ""

    def entry(self) -> str:
        """Return it as a BibTeX entry."""
        journal = any(name in self.venue for name in _JOURNALS)
        kind, where = ("article", "journal") if journal else ("inproceedings" if self.venue else "misc", "booktitle")
        people = self.authors.replace(" et al.", " and others").replace(" & ", " and ").replace(", ", " and ")
        fields = {
            "author": people,
            "title": f"{{{tex(self.title)}}}",
            where: tex(self.venue),
            "year": str(self.year),
        }
        lines = [f"  {name:<9} = {{{text}}}," for name, text in fields.items() if text]
        return "\n".join([f"@{kind}{{{self.key},", *lines, "}", ""])


def references_in(text: str) -> list[Reference]:
    """Return the publications that a text cites as 'Authors, "Title", Venue Year', in order, each once.

    >>> found = references_in('As Real et al., "Regularized Evolution", AAAI 2019, and others say.')
    >>> [(one.authors, one.venue, one.year) for one in found]
    [('Real et al.', 'AAAI', 2019)]
    """
    plain = " ".join(text.split())
    found = [
        Reference(
            _people(match["authors"]),
            match["title"].rstrip("."),
            (match["venue"] or "").strip(" ,"),
            int(match["year"]),
        )
        for match in _REFERENCE.finditer(plain)
    ]
    return list(dict.fromkeys(found))


def _people(text: str) -> str:
    """Return names without a word of the sentence in front of them.

    >>> _people("As Real et al."), _people("Dong & Yang")
    ('Real et al.', 'Dong & Yang')
    """
    return re.sub(r"^(?:As|In|See|Of|By|From|After|With|also|see|as|of|by|in|and|from)\s", "", text)


def numbered(references: Iterable[Reference]) -> list[Reference]:
    """Give each publication a key of its own: family name, year, first word of the title; the same title is one.

    >>> [one.key for one in numbered([Reference("Dong & Yang", "NAS-Bench-201: more", "ICLR", 2020)])]
    ['dong2020nasbench201']
    """
    known: dict[str, Reference] = {}
    for one in references:
        known.setdefault(_plain(one.title.partition(":")[0]), one)
    taken, kept = set[str](), list[Reference]()
    for one in known.values():
        words = [_plain(word) for word in one.title.partition(":")[0].split()]
        word = next((word for word in words if word and word not in _SMALL), "")
        first = re.split(r"[ ,]", one.authors)[0]
        key = base = f"{_plain(first)}{one.year}{word}"
        count = 1
        while key in taken:
            count += 1
            key = f"{base}{chr(ord('a') + count - 1)}"
        taken.add(key)
        kept.append(replace(one, key=key))
    return kept


def _plain(text: str) -> str:
    """Return the letters and digits of a text, small and without accents."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", letters)


def of_benchmarks(study: Study) -> dict[str, list[Reference]]:
    """Return what the sources of each benchmark ask to cite, by its name on the page."""
    return {item.name: references_in(str(item.truth.about.get("citation", ""))) for item in study.aligned}


def of_methods(study: Study) -> dict[str, list[Reference]]:
    """Return the publications of each strategy and of the learner that its entry names, by label.

    Of strategies and learners that come with this program; what is someone else's is not opened.
    """
    found = {}
    for strategy in study.spec.strategies:
        listed = list(_of_class("strategy", strategy.name))
        if strategy.surrogate is not None:
            listed += _of_class("surrogate", str(strategy.surrogate.get("name", "")))
        found[strategy.label] = listed
    return dict(zip(study.labels, found.values(), strict=True))


@cache
def _of_class(kind: str, name: str) -> tuple[Reference, ...]:
    """Return the publications of a built-in class: those of its attribute `paper`, or the first of its docstring."""
    named = read(name)
    if named.path is not None or named.provider not in ("", BUILT_IN):
        return ()
    target = registry.providers(kind).get(BUILT_IN, {}).get(named.key)
    if not isinstance(target, str):
        return ()
    module, _, class_name = target.partition(":")
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, HarnessError):
        return ()
    if spec is None or spec.origin is None:
        return ()
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    defined = next(
        (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == class_name), None
    )
    if defined is None:
        return ()
    documented: list[ast.ClassDef | ast.Module] = [defined, tree]
    documented += [node for node in tree.body if isinstance(node, ast.ClassDef)]
    cited = next(filter(None, (references_in(ast.get_docstring(node) or "") for node in documented)), [])
    paper = next((text for text in _assigned(defined, "paper") if isinstance(text, str)), "")
    ours = [one for one in cited if re.split(r"[ ,]", one.authors)[0] in paper]
    return tuple(ours or cited[:1])


def _assigned(defined: ast.ClassDef, name: str) -> Iterator[Any]:
    """Yield the constants that a class gives to one of its attributes."""
    for node in defined.body:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == name and isinstance(node.value, ast.Constant):
                yield node.value.value
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for one, value in zip(target.elts, node.value.elts, strict=False):
                    if isinstance(one, ast.Name) and one.id == name and isinstance(value, ast.Constant):
                        yield value.value
