"""TransNAS-Bench-101: the import of its official file."""

from __future__ import annotations

import os
import random
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks_data.file import layout
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.importers import transnas_bench_101 as transnas
from harness.errors import TableError
from harness.spaces.transnas.macro import TransNASMacroSpace
from harness.spaces.transnas.micro import TransNASMicroSpace
from harness.testing.conformance import check_benchmark
from tests.benchmarks_data.made_up import one_of

MICRO, MACRO = TransNASMicroSpace(), TransNASMacroSpace()
SPACES = {"micro": MICRO, "macro": MACRO}
ROWS = {"micro": 4_096, "macro": 3_256}
EPOCHS = 3
PARTS = ("train", "valid", "test")
METRICS = {
    "class_scene": [f"{part}_{metric}" for part in PARTS for metric in ("top1", "top5", "loss")],
    "room_layout": [f"{part}_{metric}" for part in PARTS for metric in ("loss", "neg_loss")],
    "segmentsemantic": [f"{part}_{metric}" for part in PARTS for metric in ("loss", "acc", "mIoU")],
    "normal": [f"{part}_{metric}" for part in PARTS for metric in ("ssim", "l1_loss")],
}
INFO = ["inference_time", "encoder_params", "model_params", "model_FLOPs", "encoder_FLOPs"]


def quiet(what: str, fraction: float) -> None:
    assert 0.0 <= fraction <= 1.0


def entry(space: str, task: str) -> Any:
    return SimpleNamespace(
        name=f"transnas-{space}-{task}", rows=ROWS[space], facts={"task": task, "search_space": space}
    )


def record(task: str, seed: int) -> dict[str, Any]:
    draw = random.Random(seed)  # noqa: S311  # made-up values
    metrics = {name: [draw.uniform(-1.0, 90.0) for _ in range(EPOCHS)] for name in METRICS[task]}
    metrics["time_elapsed"] = [100.0 * (epoch + 1) + seed for epoch in range(EPOCHS)]
    return {
        "metrics": metrics,
        "model_info": {name: 1e6 * (place + 1) for place, name in enumerate(INFO)},
        "total_epochs": EPOCHS,
    }


@cache
def official() -> dict[str, Any]:
    """Return content in the official layout, with made-up values."""
    data = {
        name: {
            network: {task: record(task, 10 * row + place) for place, task in enumerate(METRICS)}
            for row, network in enumerate(reversed(space.format(space.official)))
        }
        for name, space in SPACES.items()
    }
    return {
        "metrics_dict": {task: [*names, "time_elapsed"] for task, names in METRICS.items()},
        "info_names": INFO,
        "task_list": list(METRICS),
        "data": data,
    }


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("transnas") / "transnas-bench_v10141024.pth"
    torch.save(official(), path)
    return path


@pytest.fixture(scope="module")
def tables(file: Path) -> dict[tuple[str, str], layout.Table]:
    wanted = [(space, task) for space in SPACES for task in METRICS]
    made = transnas.convert_all(
        [entry(*each) for each in wanted], [file], [SPACES[space] for space, _ in wanted], quiet
    )
    return dict(zip(wanted, made, strict=True))


def convert(path: Path, space: str, task: str) -> layout.Table:
    return one_of(transnas.convert_all, entry(space, task), [path], SPACES[space])


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("task", METRICS)
def test_every_metric_of_every_epoch_is_kept(
    tables: dict[tuple[str, str], layout.Table], space: str, task: str
) -> None:
    table = tables[space, task]
    assert table.meaning.name == f"transnas-{space}-{task}"
    networks = SPACES[space].format(table.archs)
    assert networks == SPACES[space].format(SPACES[space].official)
    for name in METRICS[task]:
        column, values = table.columns[name]
        wanted = [official()["data"][space][network][task]["metrics"][name] for network in networks]
        assert np.array_equal(values[:, 0], wanted)
        part, _, metric = name.partition("_")
        assert column.split == {"train": "train", "valid": "x-valid", "test": "x-test"}[part]
        assert column.held_out == (part == "test")
        assert column.direction == ("minimise" if metric in ("loss", "l1_loss") else "maximise")
        assert column.unit == ("percent" if metric in ("top1", "top5", "acc", "mIoU") else "1")
    assert [(fidelity.epoch, fidelity.continues) for fidelity in table.meaning.fidelities] == [
        (1, None),
        (2, 0),
        (3, 1),
    ]
    assert table.columns["params_m"][1][0, 0, 0] == 3.0
    assert table.columns["flops_m"][1][0, 0, 0] == 4.0
    objective = {"class_scene": "top1", "room_layout": "neg_loss", "segmentsemantic": "mIoU", "normal": "ssim"}[task]
    assert (table.meaning.validation, table.meaning.test) == (f"valid_{objective}", f"test_{objective}")


def test_reports_judge_by_the_last_epoch_and_never_by_the_best(
    tables: dict[tuple[str, str], layout.Table], tmp_path: Path
) -> None:
    layout.write(tmp_path / "table.h5", tables["macro", "class_scene"])
    oracle = TableOracle(layout.read_header(tmp_path / "table.h5", held_out=True), MACRO)
    curves = [
        official()["data"]["macro"][network]["class_scene"]["metrics"]["test_top1"]
        for network in MACRO.format(oracle.archs)
    ]
    assert np.array_equal(oracle.values("test_top1"), np.array(curves)[:, -1])
    assert (np.max(curves, axis=1) > oracle.values("test_top1")).mean() > 0.5
    benchmark = TableBenchmark(layout.read_header(tmp_path / "table.h5"), MACRO)
    check_benchmark(benchmark, np.random.default_rng(0))
    assert len(benchmark.fidelities) == EPOCHS


def test_one_table_alone_is_that_of_the_common_pass(tables: dict[tuple[str, str], layout.Table], file: Path) -> None:
    alone = convert(file, "macro", "normal")
    assert np.array_equal(tables["macro", "normal"].columns["valid_ssim"][1], alone.columns["valid_ssim"][1])


def test_the_older_form_of_torch_files_and_numpy_scalars_are_read(tmp_path: Path) -> None:
    values = [np.float64(0.1), np.float64(0.2), np.float32(0.25)]
    path = _damaged(tmp_path, ("valid_ssim", values), _use_new_zipfile_serialization=False)
    table = convert(path, "macro", "normal")
    row = MACRO.format(table.archs).index(next(iter(official()["data"]["macro"])))
    assert table.columns["valid_ssim"][1][row, 0].tolist() == [0.1, 0.2, 0.25]


def test_time_that_goes_back_is_noted(tmp_path: Path) -> None:
    table = convert(_damaged(tmp_path, ("time_elapsed", [100.0, 50.0, 200.0])), "macro", "normal")
    assert table.about["notes"] == "time_elapsed goes back in 1 of 3256 curves"
    column, seconds = table.columns["train_seconds"]
    assert [100.0, 100.0, 200.0] in seconds[:, 0].tolist(), "what was spent is not given back"
    assert "the most so far" in column.description


class _Payload:
    """A pickle that runs a command when it is loaded by the plain unpickler."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def _damaged(folder: Path, *changes: tuple[str, Any], content: Any = None, **options: bool) -> Path:
    """Write the macro networks' records of the task `normal`, with changes in the first one."""
    networks = {name: {"normal": tasks["normal"]} for name, tasks in official()["data"]["macro"].items()}
    name = next(iter(networks))
    task = networks[name]["normal"]
    for where, value in changes:
        task = task | ({where: value} if where == "total_epochs" else {"metrics": task["metrics"] | {where: value}})
    whole = official() | {"data": {"macro": networks | {name: {"normal": task}}}}
    torch.save(whole if content is None else content(whole), folder / "damaged.pth", **options)
    return folder / "damaged.pth"


def _macro(whole: dict[str, Any], networks: dict[str, Any]) -> dict[str, Any]:
    return whole | {"data": {"macro": networks}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda whole: [1, 2], "is not TransNAS-Bench-101"),
        (lambda whole: {"data": {}}, "'metrics_dict'"),
        (lambda whole: whole | {"data": {"micro": {}}}, "lacks 'macro' of transnas-macro-normal"),
        (lambda whole: whole | {"metrics_dict": {}}, "lacks 'normal' of transnas-macro-normal"),
        (lambda whole: _macro(whole, dict(list(whole["data"]["macro"].items())[1:])), "must hold 3256 .* got 3255"),
        (
            lambda whole: _macro(whole, dict(list(whole["data"]["macro"].items())[1:]) | {"64-1111-basic": {}}),
            "lacks the network 64-113444-basic",
        ),
        (lambda whole: _macro(whole, {name: {} for name in whole["data"]["macro"]}), "without the task 'normal'"),
        (lambda whole: whole | {"metrics_dict": {"normal": ["valid_ssim"]}}, "lacks ssim or time_elapsed"),
        (
            lambda whole: whole | {"metrics_dict": {"normal": [*METRICS["normal"], "time_elapsed", "valid_new"]}},
            "does not know: valid_new",
        ),
        (lambda whole: whole | {"info_names": ["colour"]}, "does not know: colour"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(TableError, match=message):
        convert(_damaged(tmp_path, content=content), "macro", "normal")


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ("total_epochs", 4, "equally long"),
        ("total_epochs", "many", "another layout"),
        ("valid_ssim", [0.1, 0.2], r"valid_ssim of 64-\d+-basic after 3 epochs, got shape \(2,\)"),
        ("valid_ssim", "none", "another layout"),
        ("valid_ssim", None, "got shape"),
    ],
)
def test_a_wrong_record_is_refused_and_named(tmp_path: Path, where: str, value: Any, message: str) -> None:
    with pytest.raises(TableError, match=message):
        convert(_damaged(tmp_path, (where, value)), "macro", "normal")


def test_a_forbidden_global_is_named_and_never_runs(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    path = _damaged(tmp_path, content=lambda whole: whole | {"evil": _Payload(ran)})
    with pytest.raises(TableError, match=r"names the global '\w+\.system'"):
        convert(path, "macro", "normal")
    assert not ran.exists()


def test_a_cut_file_and_several_files_are_refused(file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pth"
    cut.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(TableError, match=r"cut\.pth"):
        convert(cut, "macro", "normal")
    with pytest.raises(TableError, match="is one file"):
        one_of(transnas.convert_all, entry("macro", "normal"), [cut, cut], MACRO)
