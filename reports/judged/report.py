"""The audit page of a fitted surrogate benchmark: held-out agreement, noise, origins, and searches on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness import registry
from harness.benchmark import Oracle
from harness.errors import HarnessError, ResultError
from harness.printable import counted
from reports.figures import held_out as figure
from reports.judged import searches
from reports.judged.numbers import LEVELS, Agreement, agreement, first_of_classes, held_out
from reports.page import build
from reports.sections.sample import section as sample_section
from reports.sections.section import Section
from reports.study.provenance import provenance
from reports.study.study import Study
from reports.tables.numbers import NONE, three_digits
from reports.tables.report_table import ReportTable

OUT_OF_FOLD, REST = "out of fold", "rest of the table"
Tell = Callable[[str], None]


def judge(
    path: str | Path,
    out: str | Path,
    *,
    table: str | None = None,
    strategies: Sequence[str] = searches.STRATEGIES,
    evaluations: int = searches.EVALUATIONS,
    replicates: int = searches.REPLICATES,
    tell: Tell = lambda what: None,
) -> Path:
    """Judge a fitted surrogate benchmark, and write the page.

    Parameters
    ----------
    path : path
        Of the surrogate benchmark.
    out : path
        Folder of the page.
    table : str, optional
        What it was fitted to, by name or path; by default the table of that name, where it is there.
    strategies : sequence of str
        Searched with on the surrogate and, where the table has the whole space, on the table.
    evaluations, replicates : int
        Of each search.
    tell : callable
        Told what is done now.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    HarnessError
        If the file is no fitted surrogate benchmark, or the table that is named is not the one it was fitted to.
    """
    name = str(path)
    oracle: Any = registry.oracle(name)
    if not hasattr(oracle, "evidence"):
        raise HarnessError(f"'{name}' is no surrogate benchmark that was fitted here; `table fit` writes one")
    about = registry.describe_benchmark(name)
    source = _source(about, table)
    whole = source is not None and not registry.describe_benchmark(source)["partial"]
    tell(f"searching with {counted(len(strategies), 'strategy', 'strategies')}")
    study = searches.searched(
        name, source if whole else None, strategies=strategies, evaluations=evaluations, replicates=replicates
    )
    tell("comparing predictions with trainings")
    first = _section(study, oracle, about, None if source is None else registry.oracle(source))

    def write(folder: Path, on_step: Tell) -> None:
        further = [first, *filter(None, [sample_section(study)])]
        title = f"Audit of a surrogate benchmark, with {counted(len(strategies), 'strategy', 'strategies')}"
        build.write_study(study, further, folder, on_step, title=title, name=str(oracle.table_name))

    return build.placed(Path(out), write, tell)


def _source(about: dict[str, Any], table: str | None) -> str | None:
    """Return the name of the table that it was fitted to, None where it is not here."""
    wanted = about["sample"]["table_digest"]
    name = about["sample"]["table"] if table is None else table
    try:
        there = registry.oracle(name)
    except HarnessError:
        if table is not None:
            raise
        return None
    if there.digest != wanted:
        if table is not None:
            raise ResultError(f"'{table}' is not the table that it was fitted to (sha256 {wanted[:12]})")
        return None
    return str(name)


def _section(study: Study, oracle: Any, about: dict[str, Any], table: Oracle | None) -> Section:
    evidence, column = oracle.evidence, oracle.columns[oracle.validation]
    maximise = column.direction == "maximise"
    keys = oracle.space.key(evidence["archs"])
    found, kept = held_out(evidence, keys, oracle.deviations, maximise=maximise)
    rows = {OUT_OF_FOLD: found}
    if table is not None and (rest := _rest(oracle, table, keys, maximise)) is not None:
        rows[REST] = rest
    for number, label in enumerate(about["sample"]["origins"]):
        inside = np.isfinite(evidence["elsewhere"]) & (evidence["origin"] == number)
        if inside.any():
            said = evidence["elsewhere"][inside]
            rows[f"without {label}"] = agreement(
                said, evidence["observed"][inside], evidence["runs"][inside], oracle.deviations(said), maximise=maximise
            )
    observed = evidence["observed"][kept]
    edge = np.quantile(observed, 0.9 if maximise else 0.1)
    best = observed >= edge if maximise else observed <= edge
    points = figure.exhibit(
        evidence["predicted"][kept], observed, best, column=column.name, unit=column.unit, provenance=provenance(study)
    )
    tables = [_agreement_table(rows, column.unit), *_ranks(study)]
    return Section(
        "Surrogate against trainings",
        tuple(_sentences(found, oracle, table, study, about)),
        (points,),
        tuple(tables),
        (_methods(about),),
    )


def _rest(oracle: Any, table: Oracle, keys: Any, maximise: bool) -> Agreement | None:
    """Return the agreement on the rows of the table that compute nothing that the sample does; None without any."""
    archs = np.asarray(table.archs)  # type: ignore[attr-defined]  # tables have rows
    others = oracle.space.key(archs)
    truth = table.values(oracle.validation)
    known = ~np.isin(others, keys) & np.isfinite(truth) & first_of_classes(others)
    if known.sum() < len(keys) // 10 + 1:
        return None
    said = oracle.mean(archs[known], oracle.validation)
    runs = np.isfinite(table.trainings(archs[known], oracle.validation)).sum(axis=1)
    return agreement(said, truth[known], runs, oracle.deviations(said), maximise=maximise)


def _agreement_table(rows: dict[str, Agreement], unit: str) -> ReportTable:
    frame = pd.DataFrame([{"judged": name, **asdict(item)} for name, item in rows.items()])
    cells = tuple(
        (
            name, f"{item.n:,}", _of(item.r2, item.r2_ceiling), _of(item.tau, item.tau_ceiling),
            _of(item.top_tau, item.top_ceiling), three_digits(item.rmse), three_digits(item.worst),
            three_digits(item.bias), *(_share(part) for part in item.coverage or [np.nan] * len(LEVELS)),
        )
        for name, item in rows.items()
    )  # fmt: skip
    headers = (
        "Judged", "n", "R2 [ceiling]", "Tau [ceiling]", "Tau, best tenth [ceiling]", "RMSE", "99 % of errors below",
        "Bias", *(f"In {100 * level:.0f} %" for level in LEVELS),
    )  # fmt: skip
    caption = (
        f"Predictions against means over trainings{f', in {unit}' if unit else ''}: of architectures that were left out"
        " (one of each functional class), of the rest of the table, and of all that comes from one origin, by a model"
        " that saw nothing of it. Ceiling: what a predictor of the true means would have, as trainings are few. Last:"
        " single trainings (%) inside the central intervals that noise and the learner's doubt make together."
    )
    return ReportTable("surrogate", "Agreement", caption, frame, headers, cells, text_columns=1, grouped=False)


def _of(value: float, ceiling: float) -> str:
    return NONE if np.isnan(value) else f"{value:.3f} [{ceiling:.3f}]"


def _share(part: float) -> str:
    return NONE if np.isnan(part) else f"{100 * part:.0f}"


def _ranks(study: Study) -> list[ReportTable]:
    if len(study.aligned) < 2:
        return []
    rows = searches.ranked(study)
    cells = tuple((f"{row.budget:g}", f"{row.tau:.2f}", f"{row.halves:.2f}", three_digits(row.largest)) for row in rows)
    caption = (
        f"Orders of {len(study.labels)} strategies by mean validation regret, on the surrogate and on the table:"
        " Kendall's tau-b; that of two halves of the replicates on the table, which no surrogate can be asked to beat;"
        " and the largest difference of the median regrets of one strategy."
    )
    headers = ("Evaluations", "Tau", "Halves of the table", "Largest difference")
    frame = pd.DataFrame([vars(row) for row in rows])
    return [
        ReportTable("orders", "Orders of strategies", caption, frame, headers, cells, text_columns=1, grouped=False)
    ]


def _sentences(found: Agreement, oracle: Any, table: Oracle | None, study: Study, about: dict[str, Any]) -> list[str]:
    said = [
        f"Left out: R2 {found.r2:.3f} where {found.r2_ceiling:.3f} is possible, tau {found.tau:.2f} of"
        f" {found.tau_ceiling:.2f}, and {found.top_tau:.2f} of {found.top_ceiling:.2f} among the best tenth"
        f" ({found.n:,} architectures)."
    ]
    if len(study.aligned) > 1:
        end = searches.ranked(study)[-1]
        said.append(
            f"Searches: the orders of {len(study.labels)} strategies on the surrogate and on the table have a tau of"
            f" {end.tau:.2f}; two halves of the replicates on the table {end.halves:.2f}."
        )
    if table is not None:
        said += _argmax(oracle, table)
    if not about["noise"]:
        said.append("Noise: none, since no architecture of the sample was trained twice; searches meet no luck.")
    seconds = oracle.evidence["seconds"], oracle.evidence["seconds_predicted"]
    both = np.isfinite(seconds[0]) & np.isfinite(seconds[1])
    if both.any() and seconds[0][both].std() > 0:
        errors = seconds[0][both] - seconds[1][both]
        said.append(f"Seconds: R2 {1 - float(np.mean(errors**2) / seconds[0][both].var()):.3f}, left out.")
    return said


def _argmax(oracle: Any, table: Oracle) -> list[str]:
    """Say what the best prediction is worth in the table, where it has that row."""
    best, column = oracle.optimum(oracle.validation), oracle.columns[oracle.validation]
    try:
        worth = float(table.mean(best.arch[None], oracle.validation)[0])
    except HarnessError:
        return []
    top = table.optimum(oracle.validation).value
    regret = abs(top - worth)
    return [
        f"Best prediction: {best.value:.4g} {column.unit}, in the table {worth:.4g}, {regret:.3g} from its best"
        f" ({top:.4g})."
    ]


def _methods(about: dict[str, Any]) -> str:
    sample = about["sample"]
    settings = ", ".join(f"{key} {value}" for key, value in about["learner"].items() if key != "name")
    return (
        f"Surrogate. {about['learner']['name']} ({settings or 'defaults'}), fitted to {sample['rows']:,} of"
        f" {sample['rows_of_table']:,} rows of {sample['table']}; what it says of rows of the sample is never replaced"
        " by what was measured there. Seconds: ridge regression on operations and costs in closed form. Noise:"
        f" {about['noise'] or 'none'}."
    )
