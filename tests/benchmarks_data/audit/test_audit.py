"""Audits: known answers on real tables, and made-up tables in which each fault stands alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmarks_data.audit import page as audit_page
from benchmarks_data.audit import text as audit_text
from benchmarks_data.audit.audit import audit
from benchmarks_data.audit.checks import noise
from benchmarks_data.audit.columns import words_of
from benchmarks_data.audit.findings import SEVERITIES, Audit, Finding, ranges
from benchmarks_data.commands.audit import audit as audit_command
from benchmarks_data.file import layout
from harness.benchmark import Column
from harness.errors import HarnessError, TableError
from harness.spaces import named
from tests.benchmarks_data.made_up import SHORT_AND_LONG, Bags, accuracy, bags, made, one_of, scheduled


def quiet(what: str, fraction: float) -> None:
    assert what
    assert 0 <= fraction <= 1


@pytest.fixture(autouse=True)
def _bags_are_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(named.SPACES, "bags", ("tests.benchmarks_data.made_up:Bags",))


def audited(table: layout.Table, folder: Path) -> Audit:
    path = folder / "made-up.h5"
    layout.write(path, table)
    return audit(path, progress=quiet)


def about(found: Audit, topic: str, words: str = "") -> Finding:
    """Return the one finding of a topic that has the words."""
    matching = [item for item in found.findings if item.topic == topic and words in item.sentence]
    assert len(matching) == 1, [item.sentence for item in found.findings if item.topic == topic]
    return matching[0]


def column(name: str, values: Any, **changes: Any) -> dict[str, tuple[Column, np.ndarray]]:
    told = np.asarray(values, dtype=float)
    return {name: (Column(name, "M", "minimise", **changes), told.reshape(len(told), 1, -1))}


def results(valid: Any, test: Any) -> dict[str, tuple[Column, np.ndarray]]:
    return {
        "valid_accuracy": (accuracy(), np.asarray(valid, dtype=float)),
        "test_accuracy": (accuracy("test_accuracy"), np.asarray(test, dtype=float)),
    }


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


def test_validation_that_is_test_is_a_fault(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((20, 2, 1)) * 100
    found = audited(made(bags(20), columns=results(values, values)), tmp_path)
    wrong = about(found, "splits", "it is test")
    assert (wrong.severity, wrong.numbers) == ("fault", {"equal": 40, "compared": 40})
    assert "valid_accuracy, which strategies may be told, has the numbers of test_accuracy" in wrong.sentence


def test_coarse_accuracies_that_are_equal_by_chance_are_no_fault(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    valid, test = rng.integers(80, 84, (200, 1, 1)), rng.integers(80, 84, (200, 1, 1))
    assert audited(made(bags(200), columns=results(valid, test)), tmp_path).count("fault") == 0


def test_gaps_and_constants(tmp_path: Path) -> None:
    valid = np.random.default_rng(0).random((6, 2, 1)) * 100
    broken = valid + 0.5
    broken[3, 0] = np.nan
    columns = results(valid, valid * 0.9) | column("latency", [1, np.nan, 3, 4, 5, np.inf]) | column("size", [2] * 6)
    columns |= {"train_accuracy": (accuracy("train_accuracy"), broken)}
    found = audited(made(bags(6), columns=columns), tmp_path)
    missing, infinite = about(found, "gaps", "missing"), about(found, "gaps", "infinite")
    assert (missing.severity, missing.numbers["values"]) == ("caution", {"latency": 1, "train_accuracy": 1})
    assert (infinite.severity, infinite.numbers["values"]) == ("fault", {"latency": 1})
    assert "size is 2 in every row" in about(found, "constants").sentence
    told = {item.name: (item.missing, item.infinite) for item in found.columns}
    assert told["latency"] == (1, 1)


def test_trainings_that_do_not_exist_are_no_gap(tmp_path: Path) -> None:
    found = audited(scheduled(), tmp_path)
    assert "Nothing is missing" in about(found, "gaps").sentence
    uneven = about(found, "runs", "uneven")
    assert "schedule of 3 epochs" in uneven.sentence
    assert uneven.numbers["rows_by_runs"] == {"2": 1, "3": 5}
    assert found.schedules[1].seeds == {"777": 5, "888": 6, "999": 6}


def test_a_curve_on_test_images_alone_is_told(tmp_path: Path) -> None:
    source = scheduled()
    whole = source.columns["train_accuracy"][1]
    both = Column("valid_test_accuracy", "percent", "maximise", "valid+test", held_out=True)
    columns = {**source.columns, "valid_test_accuracy": (both, whole - 5.0)}
    columns["test_accuracy"] = (accuracy("test_accuracy", at=(4,)), source.columns["test_accuracy"][1])
    found = audited(scheduled(columns=columns), tmp_path)
    curve = about(found, "splits", "valid_test_accuracy (valid+test)")
    assert "schedule of 3 epochs, epochs 1-2 have" in curve.sentence
    # valid 10 i + r + .4, test one less: their mean is not 10 i + r - 4.6
    assert about(found, "curves", "cannot be halves").severity == "fault"


def test_halfway_values_that_repeat_the_end(tmp_path: Path) -> None:
    valid = np.random.default_rng(0).random((8, 2, 1)) * 100
    halfway = replace(accuracy(), name="halfway_valid_accuracy")
    columns = results(valid, valid * 0.9) | {"halfway_valid_accuracy": (halfway, valid)}
    found = audited(made(bags(8), columns=columns), tmp_path)
    assert about(found, "curves", "there is no halfway measurement").severity == "fault"


def test_noise_and_reliability_against_numbers_by_hand(tmp_path: Path) -> None:
    valid = np.array([[10.0, 12.0], [20.0, 20.0], [30.0, 34.0], [50.0, np.nan]])[:, :, None]
    found = audited(made(bags(4), columns=results(valid, valid * 0.9)), tmp_path)
    spread = about(found, "noise", "valid_accuracy").numbers
    sd = np.sqrt((2.0 + 0.0 + 8.0) / 3)  # variances of three rows with one degree of freedom each
    assert spread["sd"] == pytest.approx(sd)
    assert spread["sd_by_quarter_best_first"][1:] == pytest.approx([np.sqrt(8), 0, np.sqrt(2)])
    means, share = np.array([11.0, 20, 32, 50]), sd**2 * (3 * 0.5 + 1) / 4
    assert spread["reliability_of_means"] == pytest.approx(1 - share / np.var(means, ddof=1))


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 3.0))
def test_the_pooled_deviation_finds_that_of_the_noise(seed: int, sd: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 10, (2000, 1)) + rng.normal(0, sd, (2000, 3))
    values[::2, 2] = np.nan
    assert noise.pooled_sd(values) == pytest.approx(sd, rel=0.1)


@pytest.mark.parametrize(("extra", "severity"), [(0.0, "fact"), (0.01, "fault")])
def test_reported_costs_may_differ_by_a_part_that_all_have(tmp_path: Path, extra: float, severity: str) -> None:
    computed = np.arange(1.0, 7.0)
    reported = computed + 0.25
    reported[2] += extra
    valid = np.random.default_rng(0).random((6, 2, 1)) * 100
    columns = results(valid, valid * 0.9) | column("params_m", computed) | column("params_reported_m", reported)
    finding = about(audited(made(bags(6), columns=columns), tmp_path), "costs", "params_reported_m less params_m")
    assert finding.severity == severity
    assert finding.numbers["rows"] == (1 if extra else 0)


def test_times_that_are_repeated(tmp_path: Path) -> None:
    seconds = Column("train_seconds", "s", "minimise")
    source = scheduled()
    epochs = np.array([item.epoch for item in SHORT_AND_LONG], dtype=float)
    even = np.arange(1.0, 7.0)[:, None, None] * epochs
    rough = even + np.random.default_rng(0).random((6, 1, 5)) / 10
    for values, repeated in ((even, True), (rough, False)):
        table = scheduled(columns={**source.columns, "train_seconds": (seconds, values)}, seconds="train_seconds")
        found = audited(table, tmp_path)
        assert ("every epoch of a run takes exactly as long" in about(found, "times").sentence) is repeated
        assert "all runs of a row have one and the same time" in about(found, "times").sentence
        (tmp_path / "made-up.h5").unlink()


@pytest.mark.parametrize("alike", [True, False])
def test_times_of_trainings_that_are_alike(tmp_path: Path, alike: bool) -> None:
    times = np.arange(1.0, 7.0)[:, None, None] + np.array([0.0, 0.0 if alike else 0.1])[:, None]
    values = np.arange(12.0).reshape(6, 2, 1)
    columns = results(values, values * 0.9) | {"train_seconds": (Column("train_seconds", "s", "minimise"), times)}
    found = audited(made(bags(6), columns=columns, seconds="train_seconds"), tmp_path)
    assert ("all runs of a row have one and the same time" in about(found, "times").sentence) is alike


def test_shares_of_few_images_are_not_rounded(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 400, (30, 2, 1)) / 4.0
    found = audited(made(bags(30), columns=results(values, values * 0.5)), tmp_path)
    assert not [item for item in found.findings if "single precision" in item.sentence]


def test_single_precision_is_told(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((30, 2, 1)) * 100
    columns = results(values, values.astype(np.float32) * np.float32(0.9))
    assert about(audited(made(bags(30), columns=columns), tmp_path), "ties", "single").sentence.startswith("test_acc")


def test_rows_of_one_function(tmp_path: Path) -> None:
    archs = bags(6)
    turned = archs.copy()
    turned[:, [1, 2]] = archs[:, [2, 1]]
    differ = (turned != archs).any(axis=1)
    rows = np.concatenate([archs, turned[differ]])
    extra = int(differ.sum())
    values = np.arange(len(rows), dtype=float)[:, None, None]
    found = audited(made(rows, columns=results(values, values * 0.9), identity="exact"), tmp_path)
    numbers = about(found, "duplicates").numbers
    assert (numbers["classes"], numbers["rows_in_shared_classes"]) == (6, 2 * extra)
    gaps = (np.arange(6, 6 + extra) - np.flatnonzero(differ)).astype(float)
    assert numbers["sd_within_a_class"] == pytest.approx(np.sqrt((gaps**2 / 2).sum() / extra))


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
