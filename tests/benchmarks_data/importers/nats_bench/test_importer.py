"""NATS-Bench: official values, the coverage of curves, and files that are not what they should be."""

from __future__ import annotations

import bz2
import json
import os
import pickle
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks_data.file import layout
from benchmarks_data.file.layout import Table
from benchmarks_data.importers.nats_bench import files, importer, opcodes
from harness import registry
from harness.errors import TableError
from harness.records import Proposals
from harness.spaces.nats_size.space import SizeSpace
from harness.spaces.nb201.space import NB201Space
from tests.benchmarks_data.importers.nats_bench import made_records

SPACES = {"tss": NB201Space(), "sss": SizeSpace()}
FOLDERS = {"tss": "NATS-tss-v1_0-3ffb9-simple", "sss": "NATS-sss-v1_0-50262-simple"}
NAMES = {
    "tss": SPACES["tss"].format(np.array([[4, 2, 1, 2, 1, 1], [3, 3, 4, 0, 3, 4]])),
    "sss": ["8:8:8:8:8", "8:8:8:8:16"],
}


def quiet(what: str, fraction: float) -> None:
    assert what
    assert 0 <= fraction <= 1


def entries(family: str, rows: int) -> list[Any]:
    return [
        SimpleNamespace(name=f"nats-{family}-{name}", rows=rows, space=SPACES[family].name, facts={"official": name})
        for name in importer.DATASETS
    ]


def read(family: str, paths: list[Path], rows: int) -> dict[str, Table]:
    made = importer.convert_all(entries(family, rows), paths, [SPACES[family]] * 3, quiet)
    return dict(zip(importer.DATASETS, made, strict=True))


@pytest.fixture(scope="module")
def made() -> dict[str, dict[int, Any]]:
    rng = np.random.default_rng(3)
    return {
        family: {index: made_records.record(rng, family, index, name) for index, name in enumerate(names)}
        for family, names in NAMES.items()
    }


def value(table: Table, column: str, schedule: int, epoch: int, row: int) -> np.ndarray:
    """Return the runs of a column at a fidelity."""
    told, values = table.columns[column]
    found = [
        place
        for place, fidelity in enumerate(told.at or range(len(table.meaning.fidelities)))
        if (table.meaning.fidelities[fidelity].schedule, table.meaning.fidelities[fidelity].epoch) == (schedule, epoch)
    ]
    return values[row, :, found[0] if values.shape[2] > 1 else 0]


@pytest.fixture(scope="module")
def official(shared_data: Path) -> dict[str, dict[str, Table]]:
    samples = shared_data / "official_samples"
    return {family: read(family, [samples / FOLDERS[family]], rows) for family, rows in (("tss", 3), ("sss", 2))}


@pytest.mark.data
@pytest.mark.parametrize("key", ["tss/0", "tss/11", "sss/0"])
def test_official_bytes_give_what_the_official_api_reads(
    official: dict[str, dict[str, Table]], shared_data: Path, key: str
) -> None:
    answers = json.loads((shared_data.parent / "reference" / "nats_known_answers.json").read_text())
    family, index = key.split("/")
    row = {"0": 0, "11": 1}[index]
    compared = 0
    for name, told in answers.items():
        if not name.startswith(key + "/"):
            continue
        epochs, model = int(name.split("/")[2]), name.split("/")[3]
        table = official[family]["cifar10" if model == "cifar10-valid" else model]
        suffix = "_25k" if model == "cifar10-valid" else ""
        columns = {"test-accuracy": f"test_accuracy{suffix}", "test-loss": f"test_loss{suffix}"}
        if model != "cifar10":  # of the models that saw 50,000 images only the test joins the table
            columns |= {
                f"{part}-{kind}": f"{column}_{kind}"
                for part, column in {"train": "train", "valid": "valid", "valtest": "valid_test"}.items()
                for kind in ("accuracy", "loss")
            } | {"train-all-time": "train_seconds"}
            latency = np.nanmean(table.columns["latency_seconds"][1][row])
            assert latency == pytest.approx(told["cost"]["latency"], rel=1e-9)
            assert table.columns["macs_m"][1][row, 0, 0] == pytest.approx(told["cost"]["flops"], abs=1e-9)
            assert table.columns["params_m"][1][row, 0, 0] == pytest.approx(told["cost"]["params"], abs=1e-9)
        for asked, column in columns.items():
            if asked in told["more"] and column in table.columns:
                found = np.nanmean(value(table, column, epochs, epochs, row))
                assert found == pytest.approx(told["more"][asked], abs=1e-5), (name, asked)
                compared += 1
    assert compared > 40 if family == "tss" else compared > 60


@pytest.mark.data
def test_official_trainings_are_labelled_by_seed(official: dict[str, dict[str, Table]]) -> None:
    table = official["tss"]["cifar10"]
    assert table.trainings.tolist() == [[2, 3]] * 3
    assert table.seeds is not None
    assert table.seeds[0].tolist() == [[111, 777, -1], [777, 888, 999]]
    # known_answers, section 1.2: seeds 777, 888, 999 of the cells 0, 11 and 284
    for row, expected in enumerate([[82.092, 81.616, 82.240], [87.748, 88.132, 87.940], [86.052, 86.020, 86.068]]):
        np.testing.assert_allclose(value(table, "valid_accuracy", 200, 200, row), expected, atol=1e-5)
    np.testing.assert_allclose(value(table, "test_accuracy", 200, 200, 0), [85.62, 86.18, 85.79], atol=1e-5)
    np.testing.assert_allclose(value(table, "test_accuracy_25k", 200, 200, 1), [87.60, 87.96, 87.39], atol=1e-5)
    hundred = official["tss"]["cifar100"]
    np.testing.assert_allclose(value(hundred, "test_accuracy", 200, 200, 2), [63.00, 61.76, 61.66], atol=1e-5)
    assert value(table, "test_accuracy", 12, 12, 0).tolist()[0] == pytest.approx(69.55)
    assert np.isnan(value(table, "test_accuracy", 12, 12, 0)[1:]).all()
    assert value(table, "train_seconds", 12, 1, 0)[0] == pytest.approx(7.221092998981476)


@pytest.mark.data
def test_official_training_curves_are_told_beside_the_objective(
    official: dict[str, dict[str, Table]], tmp_path: Path
) -> None:
    table = official["tss"]["cifar10"]
    layout.write(tmp_path / "t.h5", table)
    benchmark = registry.benchmark(str(tmp_path / "t.h5"), auxiliary=["train_loss", "train_accuracy"])
    plain = registry.benchmark(str(tmp_path / "t.h5"))
    assert benchmark.fidelities == plain.fidelities
    for place, fidelity in enumerate(benchmark.fidelities):
        asked = Proposals.of(table.archs, place)
        told = benchmark.query(asked, noise_seed=None)
        for row in range(len(table.archs)):
            loss, accuracy = (
                np.nanmean(value(table, name, fidelity.schedule, fidelity.epoch, row))
                for name in ("train_loss", "train_accuracy")
            )
            np.testing.assert_allclose(told.auxiliary[row], [loss, 100.0 - accuracy], atol=1e-5)
        assert np.array_equal(told.objectives, plain.query(asked, noise_seed=None).objectives)


@pytest.mark.data
def test_the_official_validation_pass_is_charged(official: dict[str, dict[str, Table]], tmp_path: Path) -> None:
    for family, name, training, passing in (
        ("sss", "cifar10", 3.548090934753418, 1.2194578647613525),
        ("tss", "cifar10", 7.221092998981476, 2.5489792369660877),
        ("tss", "cifar100", 14.442185997962952, 0.5097958473932176),
    ):
        path = tmp_path / f"{family}-{name}.h5"
        layout.write(path, official[family][name])
        benchmark = registry.benchmark(str(path))
        archs = official[family][name].archs[:1]
        for fidelity in (0, len(benchmark.fidelities) - 1):
            told = benchmark.query(Proposals.of(archs, fidelity), noise_seed=None)
            assert told.seconds[0] == pytest.approx(training * benchmark.fidelities[fidelity].epoch + passing)


def test_a_validation_pass_is_charged_at_every_schedule(tmp_path: Path, made: dict[str, dict[int, Any]]) -> None:
    folder = made_records.write_folder(tmp_path / FOLDERS["sss"], made["sss"], NAMES["sss"])
    table = read("sss", [folder], 2)["cifar100"]
    layout.write(tmp_path / "t.h5", table)
    benchmark = registry.benchmark(str(tmp_path / "t.h5"))
    for fidelity in (0, 1, 12, len(benchmark.fidelities) - 1):
        told = benchmark.query(Proposals.of(table.archs, fidelity), noise_seed=None)
        trained = np.nanmean(table.columns["train_seconds"][1][:, :, fidelity], axis=1)
        np.testing.assert_allclose(told.seconds, trained + 1.5)
    # the seed 888 trained the schedule of 12 epochs alone
    chosen = registry.benchmark(str(tmp_path / "t.h5"), seed=888)
    assert {item.schedule for item in chosen.fidelities} == {12}
    told = chosen.query(Proposals.of(table.archs, 11), noise_seed=None)
    np.testing.assert_allclose(told.seconds, table.columns["train_seconds"][1][:, 1, 12] + 1.5)


def test_every_value_comes_from_its_training_set_and_epoch(tmp_path: Path, made: dict[str, dict[int, Any]]) -> None:
    for family in ("tss", "sss"):
        folder = made_records.write_folder(tmp_path / FOLDERS[family], made[family], NAMES[family])
        tables = read(family, [folder], 2)
        for name, table in tables.items():
            model = "cifar10-valid" if name == "cifar10" else name
            for row, record in made[family].items():
                for hp, part in record.items():
                    seeds = sorted(seed for told, seed in part["all_results"] if told == model)
                    for run, seed in enumerate(seeds):
                        result = part["all_results"][model, seed]
                        for epoch in (0, int(hp) // 2, int(hp) - 1):
                            found = value(table, "train_loss", int(hp), epoch + 1, row)[run]
                            assert found == result["train_losses"][epoch]
                            key = f"x-valid@{epoch}"
                            if key in result["eval_acc1es"]:
                                found = value(table, "valid_accuracy", int(hp), epoch + 1, row)[run]
                                assert found == result["eval_acc1es"][key]
                        test = "x-test" if name != "cifar10" else "ori-test"
                        told = part["all_results"].get((name, seed))
                        found = value(table, "test_loss", int(hp), int(hp), row)[run]
                        if told is None:
                            assert np.isnan(found)
                        else:
                            assert found == told["eval_losses"][f"{test}@{int(hp) - 1}"]


def test_the_fidelities_of_each_column_are_those_of_the_published_coverage(
    tmp_path: Path, made: dict[str, dict[int, Any]]
) -> None:
    tables = read("tss", [made_records.write_folder(tmp_path / "tss", made["tss"], NAMES["tss"])], 2)
    last_only = (*range(12), 211)
    at = {name: {key: column.at for key, (column, _) in table.columns.items()} for name, table in tables.items()}
    assert at["cifar10"]["valid_accuracy"] == ()
    assert at["cifar10"]["test_accuracy"] == ()
    assert at["cifar10"]["test_accuracy_25k"] == last_only
    for name in ("cifar100", "ImageNet16-120"):
        assert at[name]["valid_accuracy"] == at[name]["test_accuracy"] == last_only
        assert at[name]["valid_test_accuracy"] == ()
    fidelities = tables["cifar100"].meaning.fidelities
    assert len(fidelities) == 212
    assert [fidelities[place].continues for place in (0, 1, 12, 13, 211)] == [None, 0, None, 12, 210]
    assert (fidelities[211].label, fidelities[211].schedule, fidelities[211].epoch) == ("epoch 200 of 200", 200, 200)


def test_whatever_holds_test_images_is_held_out(tmp_path: Path, made: dict[str, dict[int, Any]]) -> None:
    tables = read("sss", [made_records.write_folder(tmp_path / "sss", made["sss"], NAMES["sss"])], 2)
    for table in tables.values():
        for column, _ in table.columns.values():
            assert column.held_out == (column.split in ("x-test", "ori-test", "valid+test"))
    told = {key: column for key, (column, _) in tables["cifar10"].columns.items()}
    assert told["test_accuracy"].trained_on == "train50k"
    assert told["test_accuracy_25k"].trained_on == told["valid_accuracy"].trained_on == "train25k"


@pytest.mark.parametrize("kind", ["tar", "whole", "files"])
def test_folder_tar_and_whole_file_are_the_same(tmp_path: Path, made: dict[str, dict[int, Any]], kind: str) -> None:
    folder = made_records.write_folder(tmp_path / "NATS-sss-simple", made["sss"], NAMES["sss"])
    paths = [tmp_path / "NATS-sss.tar"]
    if kind == "tar":
        with tarfile.open(paths[0], "w") as archive:
            archive.add(folder, arcname=folder.name)
    elif kind == "whole":
        content = made_records.whole(made["sss"], NAMES["sss"])
        paths = [made_records.write(tmp_path / "NATS-sss.pickle.pbz2", content)]
    else:
        paths = sorted(folder.glob("0*"))
    expected, found = read("sss", [folder], 2), read("sss", paths, 2)
    for name, table in expected.items():
        assert (table.trainings == found[name].trainings).all()
        for key, (column, values) in table.columns.items():
            assert found[name].columns[key][0] == column
            np.testing.assert_array_equal(found[name].columns[key][1], values)


def test_a_missing_training_is_nan_and_no_other_takes_its_place(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    records = {index: made_records.record(rng, "tss", index, name) for index, name in enumerate(NAMES["tss"])}
    for model in made_records.MODELS:
        del records[0]["200"]["all_results"][model, 888]
    del records[1]["200"]["all_results"]["cifar10", 999]
    records[1]["12"]["all_results"]["cifar10-valid", 111]["train_times"] = None
    del records[1]["12"]["all_results"]["cifar10-valid", 777]["eval_acc1es"]["x-valid@4"]
    table = read("tss", [made_records.write_folder(tmp_path / "tss", records, NAMES["tss"])], 2)["cifar10"]
    assert table.trainings.tolist() == [[2, 2], [2, 3]]
    assert table.seeds is not None
    assert table.seeds[:, 1].tolist() == [[777, 999, -1], [777, 888, 999]]
    expected = records[0]["200"]["all_results"]["cifar10-valid", 999]["eval_acc1es"]["x-valid@199"]
    found = value(table, "valid_accuracy", 200, 200, 0)
    assert found[1] == expected
    assert np.isnan(found[2])
    assert np.isnan(value(table, "test_accuracy", 200, 200, 1)).tolist() == [False, False, True]
    assert np.isnan(value(table, "train_seconds", 12, 12, 1)).tolist() == [True, False, True]
    assert np.isnan(value(table, "valid_accuracy", 12, 5, 1)).tolist() == [False, True, True]
    assert "'valid_accuracy': 1" in table.about["coverage"]


class _Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("whole", [False, True])
def test_a_forbidden_global_is_named_and_never_runs(
    tmp_path: Path, made: dict[str, dict[int, Any]], whole: bool
) -> None:
    evil = {0: made["sss"][0], 1: {"01": {"arch_index": 1, "evil": _Payload(tmp_path / "ran")}}}
    path = tmp_path / "evil.pickle.pbz2"
    if whole:
        made_records.write(path, made_records.whole(evil, NAMES["sss"]))
    else:
        path = made_records.write_folder(tmp_path / "evil", evil, NAMES["sss"])
    with pytest.raises(TableError, match=r"names the global '\w+\.system'"):
        read("sss", [path], 2)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["folder", "tar", "whole"])
def test_an_architecture_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, made: dict[str, dict[int, Any]], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    padded = {0: made["sss"][0] | {"padding": bytes(3_000_000)}, 1: made["sss"][1]}
    for module in (files, opcodes):
        monkeypatch.setattr(module, "MAX_PART", 2_000_000)
    if kind == "whole":
        path = made_records.write(tmp_path / "sss.pickle.pbz2", made_records.whole(padded, NAMES["sss"]))
    else:
        path = made_records.write_folder(tmp_path / "sss", padded, NAMES["sss"])
    if kind == "tar":
        with tarfile.open(tmp_path / "sss.tar", "w") as archive:
            archive.add(path, "sss")
        path = tmp_path / "sss.tar"
    with pytest.raises(TableError, match=r"sss.* more than 2000000 bytes"):
        read("sss", [path], 2)


def test_errors_name_the_file_and_what_is_wrong(tmp_path: Path, made: dict[str, dict[int, Any]]) -> None:
    folder = made_records.write_folder(tmp_path / "sss", made["sss"], NAMES["sss"])
    with pytest.raises(TableError, match=r"must hold 3 architectures, they hold 2"):
        read("sss", [folder], 3)
    with pytest.raises(TableError, match=r"000001.*beyond the 1 of this table"):
        read("sss", [folder], 1)
    second = folder / "000001.pickle.pbz2"
    content = second.read_bytes()
    second.write_bytes(content[: len(content) // 2])
    with pytest.raises(TableError, match=r"000001\.pickle\.pbz2 is missing or cut"):
        read("sss", [folder], 2)
    second.write_bytes(bz2.compress(bz2.decompress(content)[:-40]))
    with pytest.raises(TableError, match=r"000001\.pickle\.pbz2 is not a whole pickle"):
        read("sss", [folder], 2)
    made_records.write(second, made["sss"][0])
    with pytest.raises(TableError, match=r"`record 1` must be of that one architecture"):
        read("sss", [folder], 2)
    made_records.write(second, {"12": {"arch_index": 1, "arch_str": "8:8:8:8:16", "all_results": 3}})
    with pytest.raises(TableError, match=r"architecture 1 has another layout"):
        read("sss", [folder], 2)
    with pytest.raises(TableError, match=r"must be the folder 'NATS-…-simple'"):
        read("sss", [tmp_path, tmp_path / "no"], 2)
    other = tmp_path / "x.pickle.pbz2"
    other.write_bytes(b"no")
    with pytest.raises(TableError, match="missing, cut or no bz2 file"):
        read("sss", [other], 2)


@pytest.mark.parametrize(("family", "told"), [("tss", "nats-sss-"), ("sss", "nats-tss-")])
def test_the_files_of_the_other_space_are_named(
    tmp_path: Path, made: dict[str, dict[int, Any]], family: str, told: str
) -> None:
    other = {"tss": "sss", "sss": "tss"}[family]
    folder = made_records.write_folder(tmp_path / other, made[other], NAMES[other])
    with pytest.raises(TableError, match=f"is no architecture of .*{told}"):
        read(family, [folder], 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "0888"}, "says seed '0888'"),
        ({"epochs": 9}, "9 epochs"),
        ({"eval_names": ["x-train"]}, "evaluated set"),
    ],
)
def test_a_training_that_is_not_what_it_is_filed_as_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    rng = np.random.default_rng(1)
    records = {index: made_records.record(rng, "sss", index, name) for index, name in enumerate(NAMES["sss"])}
    records[1]["12"]["all_results"]["cifar100", 777].update(change)
    folder = made_records.write_folder(tmp_path / "sss", records, NAMES["sss"])
    with pytest.raises(TableError, match=message):
        read("sss", [folder], 2)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_cut_whole_file_says_where(tmp_path: Path, made: dict[str, dict[int, Any]], part: float) -> None:
    data = pickle.dumps(made_records.whole(made["sss"], NAMES["sss"]), protocol=4)
    path = tmp_path / "cut.pickle.pbz2"
    path.write_bytes(bz2.compress(data[: int(part * len(data))]))
    with pytest.raises(TableError, match=rf"cut\.pickle\.pbz2, byte {int(part * len(data))} of the pickle: .*is cut"):
        read("sss", [path], 2)
