from __future__ import annotations

import json

import numpy as np
import pytest

from harness import registry
from harness.cli import architecture
from harness.cli.__main__ import main
from harness.cli.describe import readable
from harness.errors import HarnessError
from harness.problem import Constraint
from harness.spaces import named
from harness.spaces.categorical import CategoricalSpace

CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
ZERO = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def test_an_architecture_is_described_by_space_alone(capsys):
    assert main(["describe", "--space", "nb201", "--arch", CELL, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["architecture"] == CELL
    assert facts["coding"] == [3, 3, 3, 1, 3, 3]
    assert facts["genes"]["0-3"] == "skip_connect"
    assert facts["neighbours"]["count"] == len(set(facts["neighbours"]["architectures"])) == 24
    assert {row["benchmark"] for row in facts["tables"]} >= {"nb201-cifar10", "nb201-cifar100", "nb201-imagenet16"}
    assert "nats-tss-cifar10" in facts["to_get"]


def test_tables_say_the_mean_and_only_what_strategies_may_be_told(monkeypatch):
    monkeypatch.setattr(registry, "oracle", None)  # held-out columns cannot be looked up without it
    facts = architecture.describe(CELL, "micro-mnist1d")
    values = {row["column"]: row["value"] for row in facts["tables"]}
    monkeypatch.undo()
    truth = registry.oracle("micro-mnist1d")
    told = {name for name, column in truth.columns.items() if not column.held_out}
    assert set(values) == told
    assert "test_accuracy" in truth.columns
    archs = np.array([facts["coding"]], dtype=np.uint8)
    for name, value in values.items():
        assert value == pytest.approx(truth.mean(archs, name)[0], rel=1e-12), name


def test_held_out_results_are_named_where_there_are_some():
    assert "micro-mnist1d" in architecture.readable(architecture.describe(CELL, "micro-mnist1d"))["held out"]
    assert "held out" not in architecture.readable(architecture.describe(CELL, "nb201-cifar10"))


def test_costs_in_closed_form_are_those_of_the_table():
    facts = architecture.describe(CELL, "nb201-cifar10")
    values = {row["column"]: row["value"] for row in facts["tables"]}
    assert facts["costs"]["params_m"] == pytest.approx(values["params_m"], rel=1e-12)
    assert facts["costs"]["macs_m"] == pytest.approx(values["macs_m"], rel=1e-12)


def test_classes_count_the_codings_that_are_the_same():
    classes = architecture.describe(ZERO, "nb201")["classes"]
    assert {identity: item["codings"] for identity, item in classes.items()} == {
        "functional": 341,
        "string": 225,
        "exact": 1,
    }
    assert classes["functional"]["first"] == ZERO


def test_a_table_of_a_few_rows_says_what_it_has_no_row_for(tmp_path, capsys):
    path, space = tmp_path / "few.h5", named.space("nb201")
    archs = space.parse([CELL, CELL.replace("skip_connect", "none")])
    accuracies = {name: np.array([[90.0], [91.0]]) for name in ("valid_accuracy", "test_accuracy", "train_seconds")}
    values = accuracies | {name: np.array([1e6, 2e6]) for name in ("params", "macs")}
    registry.write_table(path, name="few", space="nb201", epochs=3, archs=archs, values=values, about={})
    facts = architecture.describe(CELL, str(path))
    assert {row["column"]: row["value"] for row in facts["tables"]}["valid_accuracy"] == 90.0
    assert facts["neighbours"]["rows_within_genes"] == 1
    assert architecture.readable(facts)["neighbours"].startswith("1 row of the table that differ in at most 1 gene")
    assert facts["neighbours"]["architectures"] == [CELL.replace("skip_connect", "none")]
    assert main(["describe", "--space", str(path), "--arch", ZERO]) == 0
    said = capsys.readouterr().out
    assert "valid: no: the table has no row for it" in said
    assert "neighbours" not in said


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--space", "nb201", "--arch", "|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|"], "unknown operation 'conv'"),
        (["--space", "nb2O1", "--arch", CELL], "Did you mean 'nb201'?"),
        (["--arch", CELL], "`--space NAME`"),
        (["nb201", "--space", "nb201", "--arch", CELL], "one NAME"),
        (["--space", "nb2O1"], "Did you mean 'nb201'?"),
        (["--space", "nothing/here.h5", "--arch", CELL], "there is no such file"),
        ([], "one NAME"),
    ],
)
def test_what_cannot_be_described_is_refused_with_the_remedy(words, part, capsys):
    assert main(["describe", *words]) == 2
    assert part in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(named.SPACES))
def test_every_space_describes_what_it_samples(name, monkeypatch):
    monkeypatch.setattr(architecture, "_searching", lambda space: [])
    space = named.space(name)
    archs = space.sample(1, np.random.default_rng(0))
    facts = architecture.describe(space.format(archs)[0], name)
    assert facts["valid"]
    assert facts["neighbours"]["count"] > 0
    assert len(facts["genes"]) == space.genes
    assert architecture.readable(facts)["neighbours"].startswith(f"{facts['neighbours']['count']:,} in all")


@pytest.mark.parametrize("text", ["lat<=8", "lat <= 8", " lat<= 8", "lat <=8"])
def test_a_bound_is_read_with_blanks_or_without(text):
    assert Constraint.parse(text) == Constraint("lat", "<=", 8.0)


@pytest.mark.parametrize("text", ["lat<8", "lat=<8", "lat <= 8 ms", "<= 8", "lat <=", "lat <= x", "lat <= >= 8"])
def test_what_is_no_bound_is_refused(text):
    with pytest.raises(HarnessError, match="`constraint` must"):
        Constraint.parse(text)


def test_a_space_can_be_meant_where_a_benchmark_has_its_name(capsys):
    assert main(["describe", "graph-proteins", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "benchmark"
    assert main(["describe", "--space", "graph-proteins", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "space"


def test_long_lists_are_cut_for_people_alone():
    space = CategoricalSpace("wide", {"width": [*map(str, range(5000))], "pool": ["max", "avg"]})
    facts = named.describe(space)
    assert len(facts["values"]["width"]) == 5000
    assert readable(facts)["values"] == {"width": [*"012345", "... 4999 (5,000 in all)"], "pool": ["max", "avg"]}
    assert "5, ..., 4999 (5,000 in all); pool: max, avg" in space.description
