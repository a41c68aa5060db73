"""NAS-Bench-NLP: the import of training logs, and the space that their table carries."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks_data.catalogue import entries
from benchmarks_data.file import layout
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.importers import nas_bench_nlp
from harness.errors import TableError
from harness.spaces import named
from harness.spaces.nlp.space import RecipeSpace, from_definition
from harness.testing.conformance import check_benchmark, check_space
from tests.harness.spaces.nlp.made_up import recipe

EPOCHS = 5


def quiet(what: str, fraction: float) -> None:
    assert 0.0 <= fraction <= 1.0


def log(number: int, seed: int = 0) -> dict[str, Any]:
    """Return a log in the official format, with made-up losses."""
    rng = np.random.default_rng((number, seed))
    return {
        "data": "data/wikitext-2",
        "recepie_id": number,
        "epochs": EPOCHS,
        "nhid": 600,
        "nlayers": 3,
        "emsize": 400,
        "recepie": json.dumps(recipe(number)),
        "num_params": 1_000_000 + number,
        "wall_times": rng.uniform(100.0, 200.0, EPOCHS).tolist(),
        **{f"{part}_losses": rng.uniform(4.0, 8.0, EPOCHS).tolist() for part in ("train", "val", "test")},
        "status": "OK",
    }


def diverged(number: int, epochs: int) -> dict[str, Any]:
    """Return the log of a training whose loss is NaN after its last epoch."""
    content = log(number) | {"status": "loss is nan!"}
    for name in ("wall_times", "train_losses", "val_losses", "test_losses"):
        content[name] = content[name][:epochs]
        if name != "wall_times":
            content[name][-1] = float("nan")
    return content


def write(folder: Path, *logs: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for place, content in enumerate(logs):
        number = content["recepie_id"] if isinstance(content, dict) else 77
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"log_stats_model_{number}_2020-04-28_17-16-54_{999_000_000 + place}.json").write_text(text)
    return folder


def convert(path: Path, rows: int) -> layout.Table:
    entry: Any = SimpleNamespace(name="nlp-wikitext2", rows=rows, facts={"data": "wikitext-2"})
    return nas_bench_nlp.convert(entry, [path], None, quiet)


def test_every_epoch_is_kept_and_times_add_up(tmp_path: Path) -> None:
    logs = [log(30), log(10), log(20)]
    table = convert(write(tmp_path / "logs", *logs), 3)
    ordered = [logs[1], logs[2], logs[0]]
    for name, key in (("valid_loss", "val_losses"), ("train_loss", "train_losses"), ("test_loss", "test_losses")):
        column, values = table.columns[name]
        assert values[:, 0].tolist() == [content[key] for content in ordered]
        assert (column.direction, column.held_out) == ("minimise", name == "test_loss")
    seconds = table.columns["train_seconds"][1][:, 0]
    assert np.allclose(seconds[:, -1], [sum(content["wall_times"]) for content in ordered])  # the last epoch counts too
    assert seconds[:, 0].tolist() == [content["wall_times"][0] for content in ordered]
    assert table.columns["params_m"][1][:, 0, 0].tolist() == [1.00001, 1.00002, 1.00003]


def test_a_diverged_training_is_a_training_that_failed(tmp_path: Path) -> None:
    table = convert(write(tmp_path / "logs", log(1), diverged(2, 3), diverged(3, 1)), 3)
    valid = table.columns["valid_loss"][1][:, 0]
    assert np.isnan(valid).tolist() == [[False] * 5, [False] * 2 + [True] * 3, [True] * 5]
    seconds = table.columns["train_seconds"][1][:, 0]
    assert (seconds[1, 2:] == seconds[1, 2]).all()
    assert seconds[1, 2] == pytest.approx(sum(diverged(2, 3)["wall_times"]))
    assert table.trainings.tolist() == [[1], [1], [1]]


def test_it_opens_as_a_benchmark_whose_space_the_file_holds(tmp_path: Path) -> None:
    logs = [log(number) for number in range(1, 40)] + [diverged(50, 3)]
    layout.write(tmp_path / "nlp.h5", convert(write(tmp_path / "logs", *logs), 40))
    header = layout.read_header(tmp_path / "nlp.h5", held_out=True)
    space = named.defined(header.meaning.space_definition)
    assert isinstance(space, RecipeSpace)
    assert space.recipes["7"] == json.dumps(recipe(7))
    check_space(space, np.random.default_rng(0))
    benchmark = TableBenchmark(layout.read_header(tmp_path / "nlp.h5"), space)
    check_benchmark(benchmark, np.random.default_rng(0))
    assert [fidelity.continues for fidelity in benchmark.fidelities] == [None, 0, 1, 2, 3]
    oracle = TableOracle(header, space)
    assert oracle.mean(space.parse(["7"]), "test_loss")[0] == log(7)["test_losses"][-1]
    assert np.isnan(oracle.mean(space.parse(["50"]), "test_loss")[0])


def test_a_number_that_was_trained_twice_has_two_rows(tmp_path: Path) -> None:
    table = convert(write(tmp_path / "logs", log(1), log(1, seed=1), log(2)), 3)
    space = from_definition(json.loads(table.meaning.space_definition))
    assert space.format(table.archs) == ["1", "1.2", "2"]
    keys = space.key(table.archs)
    assert keys[0] == keys[1] != keys[2]
    assert table.columns["valid_loss"][1][1, 0].tolist() == log(1, seed=1)["val_losses"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps(log(77))[:-30], "not whole JSON"),
        ("[]", "is not a log of this format"),
        (log(77) | {"recepie_id": "x"}, "is not a log of this format"),
        ({key: value for key, value in log(77).items() if key != "val_losses"}, "KeyError: 'val_losses'"),
        (log(77) | {"val_losses": [1.0, None, 2.0, 3.0, 4.0]}, "is not a log of this format"),
        (log(77) | {"val_losses": [1.0]}, "four lists of one length"),
        (
            log(77) | {key: [1.0] * 6 for key in ("val_losses", "train_losses", "test_losses", "wall_times")},
            "at most 5",
        ),
        (diverged(77, 2) | {"status": "OK"}, "its status is OK, it has 2"),
        (log(77) | {"nhid": 601}, "has another `nhid`"),
        (log(77) | {"data": "data/ptb"}, "must be a training on 'wikitext-2' for nlp-wikitext2, it is on 'ptb'"),
        (log(77) | {"recepie": "{}"}, "a recipe that cannot be read"),
        (log(77) | {"recepie": '{"h_new_0": {"op": "magic", "input": []}}'}, "unknown operation 'magic'"),
    ],
)
def test_a_wrong_log_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(TableError, match=message):
        convert(write(tmp_path / "logs", log(1), text), 2)


def test_a_log_under_another_number_and_a_missing_log_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="must be the log of recipe 77, it is that of 2"):
        convert(write(tmp_path / "a", json.dumps(log(2))), 1)
    with pytest.raises(TableError, match="must hold 3 logs, got 2"):
        convert(write(tmp_path / "b", log(1), log(2)), 3)
    with pytest.raises(TableError, match="must hold some logs, got 0"):
        convert(write(tmp_path / "c"), 0)
    assert len(convert(tmp_path / "b", 0).archs) == 2  # a table whose number of rows is not known


def test_logs_of_another_corpus_make_no_table(tmp_path: Path) -> None:
    facts = entries.entries()["nlp-ptb"].facts
    path = write(tmp_path / "logs", log(1), log(2))
    entry: Any = SimpleNamespace(name="nlp-ptb", rows=0, facts=facts)
    with pytest.raises(TableError, match="must be a training on 'ptb' for nlp-ptb, it is on 'wikitext-2'"):
        nas_bench_nlp.convert(entry, [path], None, quiet)
    other = write(tmp_path / "other", log(1) | {"data": "data/ptb"})
    assert len(nas_bench_nlp.convert(entry, [other], None, quiet).archs) == 1
    assert entries.entries()["nlp-wikitext2"].facts == {"data": "wikitext-2"}


@pytest.mark.data
def test_official_logs_give_the_known_answers(shared_data: Path) -> None:
    table = convert(shared_data / "official_samples" / "nas_bench_nlp", 3)
    assert table.columns["valid_loss"][1][0, 0, 0] == 5.680663164924173
    assert (table.columns["params_m"][1][:2, 0, 0] * 1e6).round().tolist() == [15_066_078, 20_230_878]
    assert len(table.meaning.fidelities) == 50


@pytest.mark.data
def test_a_whole_archive_of_345_logs_equals_the_shared_curves(shared_data: Path, tmp_path: Path) -> None:
    """The archive is written here from the shared curves, in the official format."""
    with gzip.open(shared_data / "nasbench_nlp_wikitext2_curves.json.gz") as file:
        shared = json.load(file)
    with zipfile.ZipFile(tmp_path / "logs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for place, content in enumerate(shared):
            content["data"] = "data/wikitext-2"
            for name in ("train_losses", "val_losses", "test_losses"):
                content[name] = [float("nan") if value is None else value for value in content[name]]
            name = f"log_stats_model_{content['recepie_id']}_2020-04-28_17-16-54_{999_000_000 + place}.json"
            archive.writestr(f"logs/{name}", json.dumps(content))
    table = convert(tmp_path / "logs.zip", 345)
    space = from_definition(json.loads(table.meaning.space_definition))
    assert space.facts()["classes"] == {"string": 291, "functional": 265}
    check_space(space, np.random.default_rng(0))
    valid, test = (table.columns[name][1][:, 0] for name in ("valid_loss", "test_loss"))
    best = np.unravel_index(np.nanargmin(valid), valid.shape)
    assert valid[best] == pytest.approx(4.567582, abs=1e-6)
    assert space.format(table.archs[[best[0]]]) == ["1000001"]
    assert np.isnan(valid[:, -1]).sum() == np.isnan(test[:, -1]).sum() == 4
    assert np.isfinite(table.columns["train_seconds"][1]).all()
