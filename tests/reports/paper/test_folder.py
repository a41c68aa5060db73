"""The folder for LaTeX: floats with captions, every input and citation there, environments closed, words escaped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.results import read_results
from harness.experiments.schema import from_dict
from reports.page.comparison import comparison, figures
from reports.paper.folder import write
from reports.study.comparisons import pairwise
from reports.study.study import prepare as study_of

SPEC = {
    "name": "small_and_odd",
    "benchmarks": ["micro-mnist1d"],
    "replicates": 8,
    "budget": {"evaluations": 12},
    "strategies": [
        {"name": "random_search", "label": "random_100% & more"},
        {"name": "regularized_evolution", "hyperparameters": {"preset": "nats"}},
    ],
}


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the folder of a small experiment whose figures were not drawn: empty files stand for them."""
    folder = tmp_path_factory.mktemp("results")
    execute(prepare(from_dict(SPEC)), folder)
    study = study_of(read_results(folder))
    found = pairwise(study)
    part = comparison(study, found, figures(study, found))
    report = folder / "report"
    for kind in ("figures", "tables"):
        (report / kind).mkdir(parents=True)
    for exhibit in part.figures:
        exhibit.write(report / "figures")
        (report / "figures" / f"{exhibit.name}.pdf").touch()
    for table in part.tables:
        table.write(report / "tables")
    assert write(study, [part], report) == report / "paper" / "main.tex"
    return report / "paper"


def texts(paper: Path) -> dict[str, str]:
    return {str(path.relative_to(paper)): path.read_text(encoding="utf-8") for path in paper.rglob("*.tex")}


def test_every_input_figure_and_citation_is_there(paper: Path) -> None:
    for name, text in texts(paper).items():
        for inner in re.findall(r"\\input\{([^}]+)\}|\\includegraphics\[[^]]*\]\{([^}]+)\}", text):
            assert (paper / (inner[0] or inner[1])).is_file(), name
    keys = set(re.findall(r"@\w+\{([^,]+),", (paper / "references.bib").read_text(encoding="utf-8")))
    methods = texts(paper)["methods.tex"]
    cited = {key for group in re.findall(r"\\cite\{([^}]+)\}", methods) for key in group.split(",")}
    assert cited == keys == {"greydanus2024scaling", "bergstra2012random", "li2019random", "real2019regularized"}
    assert r"random\_100\% \& more~\cite{bergstra2012random,li2019random}" in methods


def test_all_figures_and_tables_of_the_page_are_floats_with_captions(paper: Path) -> None:
    report = paper.parent
    for kind, label in (("figures", "fig"), ("tables", "tab")):
        names = {path.stem for path in (report / kind).glob("*.csv")}
        assert {path.stem for path in (paper / kind).glob("*.tex")} == names
        for name in names:
            text = (paper / kind / f"{name}.tex").read_text(encoding="utf-8")
            assert rf"\label{{{label}:{name}}}" in text
            assert re.search(r"\\caption\{.{20,}\}", text)
            if kind == "tables":
                assert r"\toprule" in text
                assert "&" in text


def test_environments_are_closed_and_nothing_is_left_unescaped(paper: Path) -> None:
    for name, text in texts(paper).items():
        opened = re.findall(r"\\(begin|end)\{(\w+)\}", text)
        stack: list[str] = []
        for which, environment in opened:
            if which == "begin":
                stack.append(environment)
            else:
                assert stack.pop() == environment, name
        assert not stack, name
        plain = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
        plain = re.sub(r"\\(?:input|includegraphics|label|cite|bibliography)(?:\[[^]]*\])?\{[^}]*\}", "", plain)
        assert not re.search(r"(?<!\\)[%#]", plain), name
        if "begin{tabular}" not in plain:
            assert not re.search(r"(?<!\\)[&_]", plain), name


def test_the_checklist_is_filled(paper: Path) -> None:
    items = texts(paper)["checklist.tex"]
    assert items.count(r"\item[$\boxtimes$]") >= 5
    assert r"\item[author] \textbf{Ablations.}" in items


def test_a_file_of_final_values_has_no_paper(tmp_path: Path) -> None:
    path = tmp_path / "final.csv"
    path.write_text("benchmark,strategy,replicate,value\nx,a,0,1\n", encoding="utf-8")
    told = CliRunner().invoke(build(), ["report", "--results", str(path), "--direction", "maximise", "--paper"])
    assert told.exit_code == 2
    assert "no methods to cite" in " ".join(told.output.split())


@pytest.mark.slow
def test_the_command_writes_it_beside_the_page(tmp_path: Path) -> None:
    execute(prepare(from_dict(SPEC)), tmp_path)
    told = CliRunner().invoke(build(), ["report", str(tmp_path), "--paper"])
    assert told.exit_code == 0, told.output
    made = tmp_path / "report" / "paper"
    assert (made / "main.tex").is_file()
    assert all(path.stat().st_size > 1000 for path in (made / "figures").glob("*.pdf"))
