"""What README promises is true: its Python runs, its tables are complete, its own strategy is the shipped one."""

from __future__ import annotations

import dataclasses
import re
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from harness.cli import exit as cli_exit
from harness.cli.__main__ import main
from harness.experiments.spec import ReportSpec, Spec, StrategySpec
from harness.problem import Budget
from tests.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in a folder that looks like the repository's root and may be written to."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snippet(part: str) -> dict[str, Any]:
    """Run the one snippet that holds some text, and return its names."""
    (code,) = [code for code in SNIPPETS if part in code]
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102  # our own text
    return names


def test_the_notebook_snippet_runs(folder, capsys):
    snippet("nh.plot")
    printed = capsys.readouterr().out
    assert "regularized_evolution" in printed
    assert "path_truncated" in printed
    assert (folder / "regret.pdf").read_bytes().startswith(b"%PDF")


def test_the_cluster_snippet_takes_any_executor(folder):
    (folder / "small.toml").write_text(
        'benchmarks = ["nb201-cifar10"]\nreplicates = 2\nbudget = { evaluations = 5 }\n'
        'strategies = [{ name = "random_search" }]\n'
    )
    with ThreadPoolExecutor(1) as pool:
        client = SimpleNamespace(get_executor=lambda: pool)
        outcome = snippet("get_executor")["compute"](client, "small.toml")
    assert (outcome.computed, outcome.failed) == (1, ())
    assert len(list((folder / "results" / "small").glob("*.h5"))) == 1


def test_the_spec_shown_is_valid(folder, capsys):
    shown = re.findall(r"^```toml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    whole = [text for text in shown if "benchmarks" in text]
    assert whole
    for text in whole:
        if "optuna" in text and not find_spec("optuna"):
            continue
        (folder / "shown.toml").write_text(text)
        assert main(["check", "shown.toml"]) == 0, capsys.readouterr().err


def test_the_commands_shown_exist(capsys):
    commands = set(re.findall(r"^\$ nas-harness (\w+)", README, re.MULTILINE))
    assert {"list", "describe", "check", "run", "report"} <= commands
    for command in commands:
        assert main([command, "--help"]) == 0
    capsys.readouterr()


def test_the_targets_shown_exist():
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    texts = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`make ([a-z-]+)", texts)) | set(re.findall(r"^\$ make ([a-z-]+)", texts, re.M)) <= targets


def test_the_exit_codes_are_documented():
    for code in (0, 1, cli_exit.MISTAKE, cli_exit.INCOMPLETE, cli_exit.INTERRUPTED):
        assert re.search(rf"^\| {code} \|", README, re.MULTILINE), f"README has no row for exit code {code}"


@pytest.mark.parametrize(("path", "lines"), [("my_strategy.py", 30), ("own_task/my_task.py", 45)])
def test_what_is_shipped_is_shown_and_short(path, lines):
    shipped = (ROOT / "examples" / path).read_text(encoding="utf-8")
    assert shipped in README
    assert len(shipped.splitlines()) < lines


def test_every_key_of_a_spec_is_listed_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", README, re.MULTILINE))
    for record in (Spec, StrategySpec, Budget, ReportSpec):
        for field in dataclasses.fields(record):
            assert field.name in rows, f"README has no row for '{field.name}'"
            if isinstance(field.default, str | int):
                written = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
                assert written in rows[field.name], field.name


def test_every_file_linked_exists():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target
