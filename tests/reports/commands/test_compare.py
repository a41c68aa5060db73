"""The command `nas-harness compare`: what it says beside the numbers, which are tested in `study`."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from reports.study.against import COLUMNS

ROW = dict.fromkeys(COLUMNS, 1.0) | {
    "split": "validation", "benchmark": "hills", "first": "a", "second": "a", "n": 1, "wins": 1, "ties": 0, "losses": 0,
    "low": float("nan"), "high": float("nan"), "p_holm": float("nan"), "p_equivalent": float("nan"),
    "p_equivalent_holm": float("nan"), "verdict": "open",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(folder: Path) -> Any:
        lacking = (("hills", "a", 2, 5),) if folder.name == "part" else ()
        return SimpleNamespace(folder=folder, missing=lacking, derived={})

    monkeypatch.setattr("harness.experiments.results.read_results", read)
    monkeypatch.setattr("reports.study.against.against", lambda *_, **__: pd.DataFrame([ROW]))


def test_missing_runs_are_told_and_one_pair_has_no_interval() -> None:
    said = CliRunner().invoke(build(), ["compare", "whole", "part"])
    assert said.exit_code == 0, said.output
    assert said.stderr.strip() == "warning: 'part' lacks 3 runs: what both have is compared"
    assert " +1 " in said.stdout
    assert "nan" not in said.stdout
    told = json.loads(CliRunner().invoke(build(), ["compare", "whole", "whole", "--json"]).stdout)
    assert (told[0]["p_equivalent"], told[0]["difference"]) == (None, 1.0)
    assert "equivalent" not in said.stdout
    said = CliRunner().invoke(build(), ["compare", "whole", "whole", "--margin", "0.5"])
    assert "two one-sided t tests of the mean difference against 0.5, Holm-adjusted" in " ".join(said.stdout.split())


@pytest.mark.parametrize("margin", ["0", "-1", "nan", "inf"])
def test_a_margin_is_a_size(margin: str) -> None:
    said = CliRunner().invoke(build(), ["compare", "whole", "part", "--margin", margin])
    assert said.exit_code == 2
    assert "`--margin` must be finite and greater than 0" in said.stderr
