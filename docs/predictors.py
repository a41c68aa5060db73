"""Tables of learners, written from the registry and from results: the one in README and those of the page.

``python -m docs.predictors`` writes README's and that of the page ``docs/predictors.md``; with the folder of results of
``examples/predictors.toml``, ``python -m docs.predictors results/predictors``, also what the page says of them.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from pathlib import Path

from docs.strategies import README, ROOT, replaced, table
from harness import registry
from harness.names import BUILT_IN
from harness.printable import counted
from harness.surrogate import CurveSurrogate, Informed, Surrogate
from reports.predictors import table as tables
from reports.predictors.report import headline
from reports.predictors.results import Evaluated, read_evaluated

PAGE = ROOT / "docs" / "predictors.md"
BEGIN, END = "<!-- learners: written by python -m docs.predictors -->\n", "<!-- end of learners -->\n"
HEAD = "## Side by side: "
"""Begin of the section of an example."""
FAMILIES = {"graphs": "graph networks", "neural": "networks"}
"""What rooms are called where their name with spaces does not say it."""
BESIDE = {"choice": ("Regret of 10", "Regret of a search"), "order": ("Tau, best tenth",),
          "honesty": ("In 80 %", "Fit, s", "1,000 predictions, ms")}  # fmt: skip
"""What stands beside the rank agreement, by the tables of the report."""


def built_in() -> dict[str, type[Surrogate]]:
    """Return the learners that come along, by name, in the order of families."""
    found = {name: registry.load("surrogate", name) for name in registry.providers("surrogate")[BUILT_IN]}
    return dict(sorted(found.items(), key=lambda item: (family(item[1]), item[0])))


def family(learner: type[Surrogate]) -> str:
    """Return the family of a learner in words: its folder, or "of others" of one that stands beside them.

    >>> from surrogates.gaussian_process.process import GaussianProcess
    >>> family(GaussianProcess)
    'gaussian process'
    """
    _, *rooms = learner.__module__.split(".")
    return FAMILIES.get(rooms[0], rooms[0].replace("_", " ")) if len(rooms) > 1 else "of others"


def overview() -> str:
    """Return a Markdown table: what every learner is, and whether it says how unsure it is."""
    rows = []
    for name, learner in built_in().items():
        summary = (inspect.getdoc(learner) or "").partition("\n")[0].partition("; see ")[0].rstrip(".")
        extra = "`pip install 'nas-harness[boosting]'`" if "[boosting]" in (learner.__doc__ or "") else ""
        reads = "curves" if issubclass(learner, CurveSurrogate) else ""
        told = "the truth" if issubclass(learner, Informed) else ""
        std = "yes" if learner.has_std else "no"
        rows.append((f"`{name}`", family(learner), summary.replace("``", "`"), std, extra or reads or told))
    return table(("name", "family", "what it is", "says how unsure it is", "needs"), rows)


def side_by_side(results: Evaluated) -> str:
    """Return a Markdown table for each target: rank agreement by size, choice, honesty and time of every learner."""
    agreement, beside = tables.agreement(results), {item.name: item for item in tables.others(results)}
    parts = []
    for target in results.targets:
        rows = []
        for cells in agreement.cells:
            if cells[0] != target.name:
                continue
            further = [_cell(beside[name], cells[:2], header) for name in BESIDE for header in BESIDE[name]]
            rows.append((cells[1], *cells[2:], *further))
        headers = ("learner", *agreement.headers[2:], *(header for each in BESIDE.values() for header in each))
        unit = f" ({target.unit})" if target.unit else ""
        parts.append(f"### {target.name}{unit}\n\n{table(headers, rows)}")
    return "\n".join(parts)


def _cell(found: tables.ReportTable, row: Sequence[str], header: str) -> str:
    (cells,) = (cells for cells in found.cells if cells[:2] == tuple(row))
    return cells[found.headers.index(header)] if header in found.headers else ""


def section(results: Evaluated) -> str:
    """Return what the example says of its learners, as a section of the page."""
    spec, size = results.spec, results.sizes[-1]
    return "\n".join(
        [
            f"{HEAD}{spec.name}\n",
            f"`examples/{spec.name}.toml`: {counted(len(results.labels), 'learner')},"
            f" {counted(spec.replicates, 'trial')}.",
            "Kendall's tau with the mean over the table's trainings on architectures of other functions, by the number",
            "that were learnt from, each by one training: mean ± half the 95 % interval. Beside it, after",
            f"{size}: the regret of the best of the ten best predicted, and at the end of searches of {results.search}",
            "evaluations that the learner guides; tau among the best tenth; the share of means in 80 % intervals; CPU",
            "time. Made by `python -m docs.predictors` from the results of that spec; its report has figures, tests.\n",
            *(f"- {line}" for line in headline(results)),
            "",
            "```{image} predictors.png",
            ":alt: Kendall's tau of learners against the number of architectures learnt from",
            "```\n",
            side_by_side(results),
        ]
    )


def page(written: str, results: Evaluated | None) -> str:
    """Return the page of learners as MyST text: what it says of results stays where none are given.

    Parameters
    ----------
    written : str
        The page as it is.
    results : Evaluated, optional
    """
    _, _, old = written.partition(HEAD)
    said = section(results) if results is not None else HEAD + old if old else ""
    return "\n".join(
        [
            "# Predictors\n",
            "What learners come along; each can stand under `surrogate` of a strategy and under `[[learners]]`, where",
            "what it predicts is evaluated. Defaults, departures and hyperparameters: `nas-harness describe NAME`.",
            "What does not say how unsure it is gets standard deviations by `calibrated`.\n",
            overview(),
            said.rstrip("\n") + "\n",
        ]
    )


def main(given: Sequence[str]) -> None:
    """Write README's table and the page, with what a folder of results says of its learners."""
    readme = README.read_text(encoding="utf-8")
    README.write_text(replaced(readme, BEGIN, END, overview()), encoding="utf-8")
    results = read_evaluated(Path(given[0]), registry.oracle) if given else None
    written = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(page(written, results), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
