"""Files made to crash, to take all memory or never to end: each is refused, and the process that asked goes on."""

from __future__ import annotations

import bz2
import gzip
import os
import pickle
import re
import resource
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks_data import files, provider
from benchmarks_data.audit.audit import audit
from benchmarks_data.importers.nats_bench import files as nats
from benchmarks_data.importers.nats_bench import nas_bench_201
from benchmarks_data.importers.safe import confined, json_files, pandas_pickle, torch_file, unpickle
from harness.cli.app import build
from harness.errors import HarnessError, TableError
from tests.fuzz import corpus

pytestmark = pytest.mark.filterwarnings("ignore:.*is not that of the files")

SECONDS = 0.1
"""Of processor time for what never ends; the program itself grants more."""


@pytest.fixture(autouse=True)
def _impatient(tmp_path, monkeypatch):
    monkeypatch.setattr(confined, "LIMITS", replace(confined.LIMITS, decode_seconds=SECONDS, seconds=15.0))


def refused(call, path: Path) -> str:
    """Return the message with which a file is refused, in a child that may take what the doors of the program grant."""
    with pytest.raises(TableError) as caught:
        confined.confined(lambda _: call(path), what=str(path), size=path.stat().st_size)
    return str(caught.value)


def imported(name: str, *paths: Path) -> str:
    """Return the message with which an import is refused; nothing of it may be left."""
    with pytest.raises(TableError) as caught:
        provider.import_tables([name], paths)
    assert not files.table_path(name).exists()
    assert not [*files.cache_folder().glob("*.unfinished"), *files.cache_folder().glob(".*.unfinished")]
    return str(caught.value)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


READERS = {
    "plain": lambda path: unpickle.load(path, unpickle.NO_GLOBALS),
    "arrays": lambda path: unpickle.load(path, unpickle.NUMPY_ARRAYS),
    "frame": pandas_pickle.read,
    "torch": torch_file.load,
    "whole NATS file": lambda path: list(nats.records([path])),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("label", corpus.PICKLES)
def test_hostile_pickles_are_refused_by_every_reader(label, reader, tmp_path):
    content = corpus.PICKLES[label]
    path = write(tmp_path / "a.pickle", bz2.compress(content) if reader.startswith("whole") else content)
    if label in HARMLESS and reader in HARMLESS[label]:
        confined.confined(lambda _: READERS[reader](path), what=str(path), size=path.stat().st_size)
    else:
        assert len(message := refused(READERS[reader], path)) < 1500
        assert str(path) in message


HARMLESS = {
    "an integer of many bytes as a key": ("plain", "arrays"),
    "a state of a function": ("arrays",),
    "sets that hold each other twice": (),
}
"""Pickles that some readers take as what they are: they do no harm."""


@pytest.mark.parametrize("label", ["tuples that hold each other twice, as a key", "a huge number of the memo"])
def test_every_importer_of_pickles_refuses_them(label, tmp_path):
    content = corpus.PICKLES[label]
    file = write(tmp_path / "a.pickle", content)
    six = [write(tmp_path / f"{number}.pickle", content + bytes([number])) for number in range(6)]
    folder = tmp_path / "simple"
    folder.mkdir()
    write(folder / "000000.pickle.pbz2", bz2.compress(content))
    head = b"".join(pickle.dumps(each, 2) for each in (torch_file.MAGIC, torch_file.PROTOCOL, {"little_endian": True}))
    torch = write(tmp_path / "a.pth", head + content)
    for name, paths in {
        "nb201-cifar10-hw": [file],
        "asr-timit": six,
        "graph-full-cora": six[:3],
        "nats-tss-cifar10": [folder],
        "nb201-v11-cifar10": [torch],
        "transnas-micro-jigsaw": [torch],
    }.items():
        assert imported(name, *paths)


@pytest.mark.parametrize("label", corpus.TENSORS)
def test_hostile_tensors_are_refused(label, tmp_path):
    path = write(tmp_path / "a.pt", corpus.TENSORS[label])
    if label == "a tensor without elements":
        assert torch_file.load(path).size == 0
    else:
        refused(torch_file.load, path)


@pytest.mark.parametrize("label", corpus.ARCHIVES)
def test_hostile_archives_are_refused(label, tmp_path):
    path = write(tmp_path / "a.tar", corpus.ARCHIVES[label]("result_0.json"))
    message = refused(_all_documents, path)
    assert str(path) in message or "header of the archive" in message
    imported("accel-imagenet", path)
    assert not (tmp_path.parent / "result_0.json").exists()


def _all_documents(path: Path) -> None:
    found = [parsed for _, parsed in json_files.documents([path], re.compile(r"result_\d+\.json"))]
    raise TableError(f"{path} holds {len(found)} documents, which are none of a result")


@pytest.mark.parametrize("label", corpus.ARCHIVES)
def test_hostile_archives_of_pickles_are_refused(label, tmp_path):
    refused(
        lambda path: len(list(nats.records([path]))) or _none(path),
        write(tmp_path / "a.tar", corpus.ARCHIVES[label]("000000.pickle.pbz2")),
    )


def _none(path: Path) -> None:
    raise TableError(f"{path} holds nothing")


@pytest.mark.parametrize("label", corpus.DOCUMENTS)
def test_hostile_json_is_refused(label, tmp_path):
    content = corpus.DOCUMENTS[label]
    for name, file in {
        "accel-imagenet": "result_0.json",
        "macro-cifar10": "a.json",
        "nlp-ptb": "log_stats_model_0_a.json",
        "nb301": "results_0.json",
        "nb201-cifar10-zc": "zc_nasbench201.json",
    }.items():
        imported(name, write(tmp_path / file, content))


@pytest.mark.parametrize("label", corpus.TFRECORDS)
def test_hostile_records_are_refused(label, tmp_path):
    imported("nb101", write(tmp_path / "a.tfrecord", corpus.TFRECORDS[label]))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((f"{label}.npz", content) for label, content in corpus.ARRAYS.items()),
        *((f"{label}.csv", content) for label, content in corpus.LINES.items()),
        *((f"zc_nasbench201 {label}.json", content) for label, content in corpus.DOCUMENTS.items()),
        *((f"{label}.pd", corpus.PICKLES[label]) for label in list(corpus.PICKLES)[:4]),
    ],
)
def test_hostile_extracts_are_refused_by_the_audit(name, content, tmp_path):
    path = write(tmp_path / name, content)
    with pytest.raises(HarnessError) as caught:
        audit(path)
    assert len(str(caught.value)) < 2500


def test_a_pipe_or_a_device_is_no_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        assert "a device or a pipe is none" in imported("macro-cifar10", path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "result_0.json").symlink_to("/dev/zero")
    assert "a device or a pipe" in imported("accel-imagenet", tmp_path / "folder")


def test_the_command_ends_with_2_and_one_message(tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    path = write(tmp_path / "a.pickle", corpus.PICKLES["a huge number of the memo"])
    for arguments in (
        ["data", "import", "nb201-cifar10-hw", str(path)],
        ["data", "audit", str(write(tmp_path / "a.npz", corpus.ARRAYS["an array of 5 GB"]))],
        ["data", "import", "toy", str(write(tmp_path / "a.csv", gzip.compress(bytes(2**20)))), "--describe", "no.toml"],
    ):
        result = CliRunner().invoke(build(), arguments)
        assert result.exit_code == 2, result.output
        assert "Traceback" not in result.output
        assert result.output.startswith("error: ")
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 2**20)


def test_a_whole_file_of_torch_is_split_with_the_same_care(tmp_path):
    head = b"".join(pickle.dumps(each, 2) for each in (torch_file.MAGIC, torch_file.PROTOCOL, {"little_endian": True}))
    bomb = b"\x80\x02}X\x0a\x00\x00\x00arch2infos}K\x00}K\x00" + b"2\x86" * 40 + b"K\x01sss."
    refused(lambda path: list(nas_bench_201.records(path)), write(tmp_path / "a.pth", head + bomb))
