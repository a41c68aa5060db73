"""NATS-Bench topology from public extracts: the columns of the official table, and files of another layout."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from benchmarks_data.catalogue.entries import entries
from benchmarks_data.file import layout
from benchmarks_data.importers.columns import per_seed, zc_combine
from benchmarks_data.joins import nats_extracts
from harness import registry
from harness.errors import TableError
from harness.experiments.kind import open_benchmark
from harness.problem import Budget
from harness.records import Proposals
from harness.spaces.nb201.space import NB201Space
from tests.benchmarks_data import extracts

SPACE = NB201Space()


def quiet(*_: object) -> None:
    pass


@pytest.fixture(scope="module", params=["cifar10", pytest.param("cifar100", marks=pytest.mark.slow)])
def table(request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("extracts")
    entry = entries()[f"nats-tss-{request.param}-extracts"]
    files = extracts.extracts(shared_data, request.param, folder)
    path = folder / f"{entry.name}.h5"
    layout.write(path, nats_extracts.convert(entry, files, SPACE, quiet))
    return str(path)


@pytest.mark.data
def test_known_answers_of_both_schedules(table: str) -> None:
    """Row 0 by the official file: 12 epochs, their seconds, a pass, and test of models that strategies never meet."""
    oracle = registry.oracle(table)
    first = SPACE.parse(
        ["|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"]
    )
    short, long = (open_benchmark(table, None, (), Budget(evaluations=1, schedule=epochs)) for epochs in (12, 200))
    told = short.query(Proposals.of(first, 0), noise_seed=None)
    last = long.query(Proposals.of(first, 0), noise_seed=None)
    passes = float(short.pass_seconds(Proposals.of(first, 0))[0])
    assert [item.label for item in short.fidelities] == ["epoch 12 of 12"]
    assert (last.seconds[0] - passes) / (told.seconds[0] - passes) == pytest.approx(200 / 12)
    if "cifar100" in table:
        assert 100 - told.objectives[0, 0] == pytest.approx(31.84, abs=1e-3)
        assert oracle.optimum("valid_accuracy").value == pytest.approx(73.49333, abs=1e-4)
        assert oracle.optimum("test_accuracy").value == pytest.approx(73.5133, abs=1e-3)
        assert oracle.columns["test_accuracy"].split == "x-test"
        assert passes == pytest.approx(2.54898 / 5, abs=1e-4)
    else:
        assert 100 - told.objectives[0, 0] == pytest.approx(63.364, abs=1e-3)
        assert oracle.trainings(first, "test_accuracy")[0].tolist() == [85.62, 86.18, 85.79]
        assert oracle.optimum("test_accuracy").value == pytest.approx(94.37333, abs=1e-4)
        assert oracle.columns["test_accuracy"].trained_on == "train50k"
        assert passes == pytest.approx(2.54898, abs=1e-4)
    assert oracle.columns["test_accuracy"].held_out


def test_per_seed_files_of_another_layout_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "nb2_test_acc_cf10.p"
    genes = [tuple(row) for row in SPACE.decode(np.arange(SPACE.codings, dtype=np.uint64)).tolist()]
    path.write_bytes(pickle.dumps({cell: [90.0, 91.0] for cell in genes}))
    archs, columns = per_seed.read_columns([path], SPACE, quiet)
    column, values = columns["test_accuracy"]
    assert column.held_out
    np.testing.assert_array_equal(archs[[0, -1]], [genes[0], genes[-1]])
    np.testing.assert_array_equal(values[5, :, 0], [90.0, 91.0, np.nan])
    for content, message in (
        (dict.fromkeys(genes[1:]), "must hold 15625 cells, got 15624"),
        ({cell: [190.0] for cell in genes}, r"row 0 has \[190.0, nan, nan\], which are no percents"),
        ({cell: [90.0] for cell in range(15625)}, "six operations, 0 to 4"),
    ):
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(TableError, match=message):
            per_seed.read_columns([path], SPACE, quiet)


def test_scores_are_read_by_the_official_string(tmp_path: Path) -> None:
    path = tmp_path / "nb201_zc_proxies.csv"
    cell, other = (
        "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    )
    path.write_text(f'net,net_str,synflow,params\n"(4, 0)",{cell},1.5,0.25\n,{other},inf,\n', encoding="utf-8")
    archs, columns = zc_combine.read_columns([path], SPACE, quiet)
    assert SPACE.format(archs) == [cell, other]
    assert set(columns) == {"zc_synflow", "zc_params"}
    np.testing.assert_array_equal(columns["zc_synflow"][1][:, 0, 0], [1.5, np.nan])
    assert columns["zc_synflow"][0].direction == "maximise"
    for text, message in (
        (f"net_str,synflow\n{cell},1\n{cell},2\n", "must name each cell once"),
        (f"net_str,synflow\n{cell},high\n", "synflow must be numbers"),
        ("net,synflow\n1,2\n", "must have the column net_str"),
        ("net_str,synflow\n|nor_conv_9x9~0|,2\n", "nor_conv_9x9"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(TableError, match=message):
            zc_combine.read_columns([path], SPACE, quiet)
