from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from harness import registry
from harness.benchmark import summarised
from harness.cli import exit as cli_exit
from harness.cli.__main__ import main
from harness.cli.describe import readable, rows_of
from harness.cli.output import plain
from harness.printable import duration
from tests.paths import ROOT

OWN = str(ROOT / "examples" / "my_strategy.py:MyStrategy")


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Return what a command says with ``--json``."""
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("plural", "kind"),
    [("benchmarks", "benchmark"), ("strategies", "strategy"), ("one-shot", "one_shot"), ("surrogates", "surrogate")],
)
def test_list_names_everything_that_can_be_used(plural, kind, capsys):
    rows = answer(capsys, "list", plural)
    listed, absent = {row["name"] for row in rows}, 0
    for name in registry.names(kind):
        usable = answer(capsys, "describe", name).get("imported", True)
        assert usable == (name in listed), name
        absent += not usable
    assert all(row["summary"] and "not available" not in row["summary"] for row in rows)
    assert main(["list", plural]) == 0
    *_, last = capsys.readouterr().out.strip().splitlines()
    assert (last == f"{absent} more can be fetched or imported: nas-harness data list") == (absent > 0)


def test_list_tells_why_a_name_cannot_be_used(capsys, monkeypatch):
    def refuse(kind: str, name: str) -> object:
        raise ImportError("No module named 'somewhere'")

    monkeypatch.setattr(registry, "load", refuse)
    rows, missing = rows_of("strategies")
    assert {row["summary"] for row in rows} == {"not available: No module named 'somewhere'"}
    assert missing == []


@pytest.mark.parametrize("wrong", [ModuleNotFoundError("No module named 'somewhere'"), AttributeError("no `PROVIDER`")])
def test_a_provider_that_cannot_be_loaded_hides_no_other_name(wrong, capsys, offered):
    def fail() -> None:
        raise wrong

    offered("benchmark", "aaa-broken", fail)
    assert answer(capsys, "describe", "nb201-cifar10")["rows"] > 0
    assert main(["describe", "nb201-cifar11"]) != 0
    said = capsys.readouterr().err
    assert "Did you mean 'nb201-cifar10'" in said
    assert f"What 'aaa-broken' offers is not available: {wrong}." in said
    assert main(["list", "benchmarks"]) == 0
    assert f"warning: What 'aaa-broken' offers is not available: {wrong}." in capsys.readouterr().err


def test_text_for_people_says_what_a_table_does_not_have():
    told = readable(
        {
            "kind": "benchmark",
            "fidelities": [f"epoch {epoch} of 12" for epoch in range(1, 13)],
            "columns": [
                {"name": "cost", "unit": "s", "direction": "minimise", "split": "", "description": "Time."},
                {
                    "name": "acc",
                    "unit": "percent",
                    "direction": "maximise",
                    "split": "valid+test",
                    "trained_on": "train40k",
                    "held_out": True,
                    "best": 100.0,
                    "runs": 3,
                    "coverage": 0.5,
                    "measured_at": "epoch 12 of 12",
                    "description": "",
                },
            ],
            "has_seconds": False,
            "validation": None,
            "test": None,
            "source_as_checked": None,
        }
    )
    assert told["fidelities"] == "epoch 1 to 12 of 12 (12 in all)"
    assert told["columns"]["cost"] == "Time.\ns, minimise"
    assert told["columns"]["acc"].splitlines() == [
        "percent, maximise, at best 100",
        "evaluated on valid+test: validation and test items together",
        "trained on 40,000 images of the training set; held out: reports know it, strategies never do",
        "3 runs; measured at epoch 12 of 12; 50 % of the values are there",
    ]
    assert told["validation"].startswith("none")
    assert told["test"].startswith("none")
    assert told["source_as_checked"].startswith("unknown")


def test_list_benchmarks_tells_what_a_table_has(capsys):
    rows = {row["name"]: row for row in answer(capsys, "list", "benchmarks")}
    assert (rows["nb201-cifar10"]["rows"], rows["nb201-cifar10"]["test"]) == (15625, None)
    assert (rows["graph-cora"]["rows"], rows["graph-cora"]["test"]) == (26206, "test_accuracy")
    assert (rows["nb201-cifar10"]["has_seconds"], rows["graph-cora"]["has_seconds"]) == (True, False)


@pytest.mark.parametrize("name", ["micro-mnist1d", "micro-darts", "live-mnist1d-size", "nb101", "nb301-surrogate"])
def test_a_list_says_of_a_benchmark_what_its_description_says(name):
    assert registry.summary_of_benchmark(name) == summarised(registry.describe_benchmark(name))


def test_describe_a_benchmark_tells_licence_citation_and_columns(capsys):
    facts = answer(capsys, "describe", "nb201-cifar10")
    assert facts["rows"] == 15625
    assert facts["runs"] == {"2": 7456, "3": 8169}
    assert "MIT" in facts["licence"]
    assert "Dong" in facts["citation"]
    columns = {column["name"]: column for column in facts["columns"]}
    assert columns["valid_accuracy"]["unit"] == "percent"
    assert not columns["valid_accuracy"]["held_out"]


def test_describe_tells_what_a_full_training_takes_and_what_seeds_are(capsys):
    facts = answer(capsys, "describe", "micro-mnist1d")
    repeated = answer(capsys, "describe", "micro-mnist1d@seeds")
    assert facts["full_training_seconds"] == pytest.approx(0.10227, rel=1e-3)
    assert repeated["full_training_seconds"] == pytest.approx(3 * facts["full_training_seconds"])
    assert readable(facts)["full_training_seconds"].startswith("0.1023 (T1: ")
    assert "full_training_seconds" not in answer(capsys, "describe", "graph-cora")
    assert (repeated["repeats"], repeated["runs"]) == (3, {"3": 4930})
    assert {column["runs"] for column in repeated["columns"] if column["name"] == "valid_accuracy"} == {3}
    assert "repeats" not in facts


def test_describe_says_which_columns_are_held_out(capsys):
    columns = {column["name"]: column for column in answer(capsys, "describe", "graph-cora")["columns"]}
    assert columns["test_accuracy"]["held_out"]


@pytest.mark.parametrize("name", ["nb201", "graph"])
def test_describe_a_space(name, capsys):
    facts = answer(capsys, "describe", name)
    assert facts["name"] == name
    assert {"one_hot", "adjacency", "path", "path_truncated", "graph"} <= set(facts["encodings"])


def test_a_name_of_a_benchmark_describes_the_benchmark(capsys):
    kinds = {name: answer(capsys, "describe", name)["kind"] for name in registry.names("benchmark")}
    assert set(kinds.values()) == {"benchmark"}, kinds


def test_describe_a_strategy_tells_the_defaults_of_its_paper(capsys):
    facts = answer(capsys, "describe", "regularized_evolution")
    defaults = {item["name"]: item["default"] for item in facts["hyperparameters"]}
    assert defaults == {"population": 100, "sample": 25, "preset": "paper", "mutation": None}
    assert "Real et al." in facts["description"]
    assert answer(capsys, "describe", "bananas")["default_surrogate"]["name"] == "mlp_ensemble"


@pytest.mark.parametrize("kind", ["strategy", "surrogate"])
def test_every_description_explains_every_hyperparameter(kind, capsys):
    for name in registry.names(kind):
        facts = answer(capsys, "describe", name)
        assert facts["kind"] == kind
        unexplained = [item["name"] for item in facts["hyperparameters"] if item["name"] not in facts["description"]]
        assert unexplained == [], name


def test_describe_a_strategy_of_ones_own(capsys):
    facts = answer(capsys, "describe", OWN)
    assert facts["hyperparameters"] == [{"name": "initial", "default": 10}]


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("banana", "bananas"), ("nb201-cifr10", "nb201-cifar10"), ("nb202", "nb201"), ("rigde", "ridge")],
)
def test_an_unknown_name_is_a_mistake_with_the_nearest(typo, meant, capsys):
    assert main(["describe", typo]) == cli_exit.MISTAKE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"Did you mean '{meant}'?" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("words", [("list", "benchmarks"), ("describe", "nb201-cifar10"), ("describe", "bananas")])
def test_text_for_people_is_plain_when_piped(words, capsys, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(list(words)) == 0
    captured = capsys.readouterr()
    assert "\x1b[" not in captured.out
    assert captured.err == ""
    assert "None" not in captured.out.split()


def test_markup_in_texts_is_shown_as_it_is(capsys):
    from harness.cli.output import print_facts, print_table

    print_facts({"cell": "[bold]x[/bold]", "nested": {"[a]": [1, 2]}})
    print_table([{"[c]": "[bold]y[/bold]"}])
    out = capsys.readouterr().out
    assert "[bold]x[/bold]" in out
    assert "[bold]y[/bold]" in out


@pytest.mark.parametrize("name", ["random_search", "ridge", OWN])
def test_check_lists_the_rules_kept(name, capsys):
    rules = answer(capsys, "check", name)["rules"]
    assert len(rules) >= 5
    assert main(["check", name]) == 0
    assert capsys.readouterr().out.splitlines() == [f"ok  {rule}" for rule in rules]


def test_check_stops_a_strategy_that_breaks_a_rule(tmp_path, capsys):
    (tmp_path / "bad.py").write_text(
        "import numpy as np\nfrom harness import Strategy\n\nclass Bad(Strategy):\n"
        "    def propose(self, n):\n        return self.proposals(np.full((1, self.problem.space.genes), 9))\n"
    )
    assert main(["check", f"{tmp_path}/bad.py:Bad"]) == cli_exit.MISTAKE
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Bad" in error


def test_numbers_as_people_write_them():
    assert [plain(value) for value in (15625, 0.8409386666, True, None, {"a": 1})] == [
        "15,625",
        "0.840939",
        "yes",
        "None",
        "a=1",
    ]
    assert [duration(seconds) for seconds in (0.04, 9.99, 59.7, 119, 3600, 100_000)] == [
        "0.0 s",
        "10.0 s",
        "1 min 0 s",
        "1 min 59 s",
        "1 h 0 min",
        "27 h 47 min",
    ]


def test_describe_a_learner_tells_of_its_standard_deviations_and_the_settings_of_any(capsys):
    facts = answer(capsys, "describe", "kernel_classifier")
    assert facts["has_std"] is False
    settings = {item["name"]: (item["default"], item["others"]) for item in facts["settings_of_any_learner"]}
    assert settings == {"targets": ("raw", "log_error, normal_scores"), "calibrated": ("none", "spread, conformal")}
    assert answer(capsys, "describe", "gp")["has_std"] is True
    assert "settings_of_any_learner" not in answer(capsys, "describe", "curve_ridge"), "it takes none"


def test_data_of_ones_own_are_described_by_their_path(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", signals=rng.normal(size=(60, 30)), labels=["low", "high", "high"] * 20)
    assert main(["describe", str(tmp_path / "mine.npz"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["shape"], told["splits"]) == (
        "dataset",
        [1, 1, 32],
        {"train": 36, "valid": 12, "test": 12},
    )
    assert told["classes"] == {"high": "24 train, 8 valid, 8 test", "low": "12 train, 4 valid, 4 test"}
    assert any("zeros around them" in note for note in told["notes"])
    assert main(["describe", str(tmp_path / "mine.npz")]) == 0
    assert f"sha256: {told['sha256']}" in capsys.readouterr().out
