"""Audits: known answers on real tables, and made-up tables in which each fault stands alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from benchmarks_data.audit import page as audit_page
from benchmarks_data.audit import text as audit_text
from benchmarks_data.audit.audit import audit
from benchmarks_data.audit.columns import words_of
from benchmarks_data.audit.findings import SEVERITIES, ranges
from benchmarks_data.commands.audit import audit as audit_command
from benchmarks_data.file import layout
from harness.benchmark import Column
from harness.errors import HarnessError, TableError
from harness.spaces import named
from tests.benchmarks_data.audit.support import about, audited, quiet, results
from tests.benchmarks_data.made_up import Bags, accuracy, bags, made, one_of

# known answers


def test_nas_bench_201_on_cifar10() -> None:
    found = audit("nb201-cifar10", progress=quiet)
    assert (found.rows, found.total) == (15_625, 4_930)
    # known_answers, section 1.3
    costs = about(found, "costs", "params_reported_m")
    assert (costs.severity, costs.numbers["rows"], len(costs.rows)) == ("fault", 204, 20)
    assert about(found, "costs", "params_m, macs_m").severity == "fact"
    best = about(found, "optimum").numbers
    assert (best["row"], best["rows_within_two_standard_errors"] > 1) == (6111, True)
    assert best["value"] == pytest.approx(91.606667, abs=1e-5)
    assert max(best["runs"]) == pytest.approx(91.72, abs=1e-5)
    assert found.schedules[0].runs == {"2": 7_456, "3": 8_169}
    assert about(found, "duplicates").numbers["classes"] == 4_930
    # NATS-Bench scales one measured time by the number of images: exactly double on CIFAR-100
    factors = about(found, "times").numbers["ratio_to_other_tables"]
    assert factors["nb201-cifar100"] == pytest.approx(0.5, abs=1e-9)
    assert about(found, "splits", "no test column").severity == "caution"


def test_half_of_the_test_set_is_told_of_cifar100() -> None:
    found = audit("nb201-cifar100", progress=quiet)
    assert about(found, "source").severity == "caution"
    assert "half of the official test set" in about(found, "source").sentence
    assert about(found, "times").numbers["ratio_to_other_tables"]["nb201-cifar10"] == pytest.approx(2.0, abs=1e-9)


def test_the_floor_of_cora() -> None:
    found = audit("graph-cora", progress=quiet)
    floor = about(found, "floor").numbers  # known_answers, section 3: .80800 and .83133
    assert floor["regret"] == pytest.approx(83.133 - 80.8, abs=1e-3)
    assert -1 < floor["kendall"] < 1
    assert about(found, "noise", "valid_accuracy has one value").severity == "caution"
    assert about(found, "times").sentence == "It has no training times."


def test_the_projects_own_table_has_no_fault() -> None:
    found = audit("micro-mnist1d", progress=quiet)
    assert found.count("fault") == 0
    assert found.rows == found.total == 4_930


@pytest.mark.data
def test_macro_is_test_alone(shared_data: Path, tmp_path: Path) -> None:
    from benchmarks_data.catalogue.entries import entries
    from benchmarks_data.importers import nas_bench_macro

    path = shared_data / "official_samples" / "nas-bench-macro_cifar10.json"
    table = nas_bench_macro.convert(entries()["macro-cifar10"], [path], named.space("macro"), quiet)
    found = audited(table, tmp_path)
    assert "best of its run's 50 epochs on the test set itself" in about(found, "source").sentence
    assert about(found, "source").severity == "fault"
    assert "macro-cifar10@run0-signal" in about(found, "splits").remedy
    repeated = about(found, "duplicates")
    assert (repeated.numbers["classes"], "were trained once" in repeated.sentence) == (3_969, True)
    assert about(found, "costs").sentence.endswith("equal to the closed form in all 6,561 rows.")
    assert about(found, "optimum").numbers["value"] == pytest.approx(93.12666, abs=1e-4)  # known_answers, section 3


@pytest.mark.data
def test_official_records_of_three_cells(shared_data: Path, tmp_path: Path) -> None:
    from benchmarks_data.catalogue.entries import Source, entry
    from benchmarks_data.importers.nats_bench import importer

    fields = {"title": "t", "dataset": "d", "source": "s", "file": "f", "space": "nb201", "rows": 3}
    source = Source("nats_bench", "u", "MIT", "c", "r")
    given = entry("nats-tss-cifar100", fields | {"official": "cifar100"}, source)
    folder = shared_data / "official_samples" / "NATS-tss-v1_0-3ffb9-simple"
    found = audited(one_of(importer.convert_all, given, [folder], named.space("nb201")), tmp_path)
    curve = about(found, "splits", "valid_test_accuracy")
    assert curve.numbers["epochs"] == 199  # formats, section 2: x-valid at epoch 200 only
    assert "halves are what they are said to be" in about(found, "curves").sentence
    assert {"repeats", "exactly"} & set(about(found, "times").sentence.split())
    measured = {item.name: item.measured for item in found.columns}
    assert measured["valid_accuracy"] == ("1-12", "200")
    assert measured["valid_test_accuracy"] == ("1-12", "1-200")
    assert found.schedules[1].seeds == {"777": 3, "888": 3, "999": 3}


# each fault alone


def test_a_table_without_faults(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    valid = 80 + rng.normal(0, 3, (40, 1, 1)) + rng.normal(0, 0.1, (40, 2, 1))
    found = audited(made(bags(40), columns=results(valid, valid - 1 + rng.normal(0, 0.1, (40, 2, 1)))), tmp_path)
    assert found.count("fault") == 0
    assert [item.severity for item in found.findings] == sorted(
        (item.severity for item in found.findings), key=SEVERITIES.index
    )


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    layout.write(tmp_path / "t.h5", made(bags(6)))
    content = bytearray((tmp_path / "t.h5").read_bytes())
    where = content.find(np.float64(3.1).tobytes())
    content[where : where + 8] = np.float64(99.0).tobytes()
    (tmp_path / "t.h5").write_bytes(content)
    with pytest.raises(TableError, match="sha256"):
        audit(tmp_path / "t.h5", progress=quiet)


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="Did you mean 'nb201-cifar10'"):
        audit("nb201-cifar11", progress=quiet)
    with pytest.raises(TableError, match="there is no file"):
        audit(tmp_path / "absent.csv", progress=quiet)


# words and pages


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([4], "4"), ([1, 2, 3], "1-3"), ([1, 3, 5], "1, 3, 5"), (list(range(0, 40, 2)), "20 epochs, 0 to 38")],
)
def test_ranges(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == text


def test_words_say_what_a_column_is() -> None:
    told = words_of(accuracy(trained_on="train25k"), 3, "the default objective")
    assert "on the validation images (x-valid) of models trained on 25,000 images" in told
    assert told.endswith("3 runs; maximise percent; may be told to strategies; the default objective")
    assert "held out: strategies are never told it" in words_of(accuracy("test_accuracy"), 1)


def test_renderings_hold_everything_and_load_nothing(tmp_path: Path) -> None:
    found = audited(made(bags(6), name="a<b>"), tmp_path)
    text, page = audit_text.text(found), audit_page.page(found)
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    flat = re.sub(r"\s+", " ", text)
    for item in found.findings:
        assert item.sentence in flat
    assert len(data["findings"]) == len(found.findings) == page.count('class="finding ')
    assert "a&lt;b&gt;" in page
    assert "<b>" not in page.replace('<b class="topic">', "")
    assert not re.search(r"(src|href)=|<script|@import|url\(", page)
    audit_page.write(found, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page


def test_the_command(tmp_path: Path) -> None:
    layout.write(tmp_path / "t.h5", made(bags(6)))
    app = typer.Typer()
    app.command()(audit_command)

    def run(*given: str) -> str:
        done = CliRunner().invoke(app, [str(tmp_path / "t.h5"), *given])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert run().startswith("made-up")
    assert json.loads(run("--json", "--html", str(tmp_path / "t.html")))["rows"] == 6
    assert "<!DOCTYPE html>" in (tmp_path / "t.html").read_text(encoding="utf-8")


def test_a_joined_table_tells_of_its_join(tmp_path: Path) -> None:
    from benchmarks_data.joins.join import join
    from benchmarks_data.joins.merge import Other

    values = np.arange(6.0)[:, None, None]
    first = Other("meter", bags(6), {"latency_ms": (Column("latency_ms", "ms", "minimise"), values)})
    second = Other("clock", bags(6), {"latency_ms": (Column("latency_ms", "ms", "minimise"), values + 1)})
    table, _ = join(made(bags(6)), [first, second], name="j", space=Bags())
    found = audited(table, tmp_path)
    assert about(found, "join", "latency_ms of clock differs from the base in 6 of 6 rows").severity == "caution"
