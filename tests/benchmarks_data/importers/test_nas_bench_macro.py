"""NAS-Bench-Macro: the import of its JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks_data.file import layout
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.importers import nas_bench_macro
from harness.errors import HarnessError, TableError
from harness.spaces.macro.costs import macs, params
from harness.spaces.macro.space import MacroSpace

SPACE = MacroSpace()
ENTRY = SimpleNamespace(name="macro-cifar10", rows=6_561, facts={})


def quiet(what: str, fraction: float) -> None:
    assert 0.0 <= fraction <= 1.0


def published(seed: int = 0) -> dict[str, dict[str, object]]:
    """Return content in the official format, with made-up accuracies."""
    runs = np.random.default_rng(seed).uniform(40.0, 94.0, size=(6_561, 3))
    runs = runs[SPACE.key(SPACE.all_codings).astype(int)]  # the same network has the same runs
    counts = zip(params(SPACE.all_codings), macs(SPACE.all_codings), strict=True)
    keys = SPACE.format(SPACE.all_codings)
    order = np.random.default_rng(seed).permutation(6_561)
    records = {
        key: {
            "test_acc": row.tolist(),
            "mean_acc": row.mean(),
            "std": row.std(),
            "params": int(size),
            "flops": int(work),
        }
        for key, row, (size, work) in zip(keys, runs, counts, strict=True)
    }
    return {keys[place]: records[keys[place]] for place in order}


def convert(path: Path, content: object) -> layout.Table:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return nas_bench_macro.convert(ENTRY, [path], SPACE, quiet)


def test_rows_are_in_the_order_of_codings_whatever_that_of_the_file(tmp_path: Path) -> None:
    content = published()
    table = convert(tmp_path / "macro.json", content)
    assert np.array_equal(table.archs, SPACE.all_codings)
    wanted = [content[key]["test_acc"] for key in SPACE.format(table.archs)]
    column, values = table.columns["test_accuracy"]
    assert np.array_equal(values[:, :, 0], wanted)
    assert column.held_out
    assert np.array_equal(table.columns["macs_m"][1], table.columns["macs_reported_m"][1])


def test_it_has_no_validation_and_is_not_searched_without_a_protocol(tmp_path: Path) -> None:
    table = convert(tmp_path / "macro.json", published())
    assert [name for name, (column, _) in table.columns.items() if column.split] == ["test_accuracy"]
    layout.write(tmp_path / "macro.h5", table)
    with pytest.raises(HarnessError, match="no validation column"):
        TableBenchmark(layout.read_header(tmp_path / "macro.h5"), SPACE)


def _without(content: dict[str, dict[str, object]], field: str) -> dict[str, object]:
    return {key: {name: value for name, value in row.items() if name != field} for key, row in content.items()}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: json.dumps(content)[:-1000], "not whole JSON"),
        (lambda content: json.dumps(content)[:-1] + ', "00000000": {}}', "'00000000' is there twice"),
        (lambda content: dict(list(content.items())[1:]), "must hold 6561 networks, got 6560"),
        (lambda content: list(content), "got a list"),
        (lambda content: _without(content, "test_acc"), "KeyError: 'test_acc'"),
        (lambda content: content | {"00000000": content["00000000"] | {"test_acc": [50.0, 51.0]}}, "another layout"),
        (lambda content: content | {"00000000": content["00000000"] | {"mean_acc": 50.0}}, "mean of 00000000"),
        (lambda content: content | {"00000000": content["00000000"] | {"std": 9e9}}, "std of 00000000"),
        (lambda content: content | {"00000000": content["00000000"] | {"test_acc": [0.5, 101, 3.0]}}, "in percent"),
        (lambda content: content | {"00000020": content["00000012"]}, "under all its keys: 000000(02|20) and"),
        (lambda content: {key.replace("2", "3"): row for key, row in content.items()} | {"x": {}}, "6561 networks"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, damage: object, message: str) -> None:
    with pytest.raises(TableError, match=message):
        convert(tmp_path / "macro.json", damage(published()))


def test_a_missing_file_and_two_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="could not be read"):
        nas_bench_macro.convert(ENTRY, [tmp_path / "none.json"], SPACE, quiet)
    with pytest.raises(TableError, match="be the one JSON file"):
        nas_bench_macro.convert(ENTRY, [tmp_path, tmp_path], SPACE, quiet)


@pytest.mark.data
def test_the_official_file_gives_the_known_answers(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "official_samples" / "nas-bench-macro_cifar10.json"
    table = nas_bench_macro.convert(ENTRY, [path], SPACE, quiet)
    for name in ("params", "macs"):
        assert np.array_equal(table.columns[f"{name}_m"][1], table.columns[f"{name}_reported_m"][1])
    layout.write(tmp_path / "macro.h5", table)
    oracle = TableOracle(layout.read_header(tmp_path / "macro.h5", held_out=True), SPACE)
    best = oracle.optimum("test_accuracy")
    assert SPACE.format(SPACE.canonical(best.arch[None])) == ["22212220"]
    assert best.value == pytest.approx(93.12666320800781, abs=1e-9)
    runs = [93.27999877929688, 93.32999420166016, 92.7699966430664]
    assert oracle.trainings(best.arch[None], "test_accuracy")[0].tolist() == runs
    values = oracle.values("test_accuracy")
    assert values.mean() == pytest.approx(90.24659, abs=1e-5)
    assert SPACE.format(oracle.archs[[values.argmin()]]) == ["00000000"]
    assert values.min() == pytest.approx(45.36333, abs=1e-5)
