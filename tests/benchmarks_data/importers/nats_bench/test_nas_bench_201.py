"""NAS-Bench-201's own files: streamed record by record, whatever form torch gave them."""

from __future__ import annotations

import copy
import io
import pickle
import pickletools
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks_data.importers.nats_bench import nas_bench_201
from benchmarks_data.importers.nats_bench.stream import split
from harness.errors import TableError
from harness.spaces.nb201.space import NB201Space
from tests.benchmarks_data.importers.nats_bench import made_records
from tests.benchmarks_data.made_up import one_of

torch = pytest.importorskip("torch")
SPACE = NB201Space()
NAMES = SPACE.format(np.array([[4, 2, 1, 2, 1, 1], [3, 3, 4, 0, 3, 4]]))


@pytest.fixture(scope="module")
def records() -> dict[int, dict[str, Any]]:
    rng = np.random.default_rng(0)
    made = {index: made_records.record(rng, "tss", index, name) for index, name in enumerate(NAMES)}
    return {index: {"full": record["200"], "less": record["12"]} for index, record in made.items()}


def entry(official: str, rows: int = 2) -> Any:
    return SimpleNamespace(name=f"nb201-v1-{official}", rows=rows, space="nb201", facts={"official": official})


def save(path: Path, records: dict[int, Any], zipped: bool = True) -> Path:
    torch.save(made_records.whole(records, NAMES), path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_every_record_is_read_as_torch_reads_it(tmp_path: Path, records: dict[int, Any], zipped: bool) -> None:
    path = save(tmp_path / "x.pth", records, zipped)
    assert {index: record for _, index, record in nas_bench_201.records(path)} == records


@pytest.mark.parametrize("zipped", [True, False])
def test_the_table_has_both_schedules_and_times_may_be_missing(
    tmp_path: Path, records: dict[int, Any], zipped: bool
) -> None:
    old = copy.deepcopy(records)
    for (model, _), result in old[0]["full"]["all_results"].items():
        result["train_times"], result["eval_times"] = None, {}
        result["net_state_dict"] = {"w": torch.ones(3)}
        if model != "cifar10-valid":
            old[0]["less"]["all_results"].pop((model, 111), None)
    path = save(tmp_path / "x.pth", old, zipped)
    tables = list(
        nas_bench_201.convert_all([entry("cifar10"), entry("cifar100")], [path], [SPACE] * 2, lambda *_: None)
    )
    assert tables[0].trainings.tolist() == [[2, 3], [2, 3]]
    assert tables[1].trainings.tolist() == [[0, 3], [1, 3]]
    seconds = tables[0].columns["train_seconds"][1]
    assert np.isnan(seconds[0, :, 12:]).all()
    assert not np.isnan(seconds[0, 0, :12]).any()
    assert np.isnan(tables[0].columns["valid_seconds"][1][0]).all()
    expected = records[1]["full"]["all_results"]["cifar100", 888]["eval_acc1es"]["x-test@199"]
    assert tables[1].columns["test_accuracy"][1][1, 1, -1] == expected


def test_errors_name_the_file(tmp_path: Path, records: dict[int, Any]) -> None:
    path = save(tmp_path / "x.pth", records, False)
    with pytest.raises(TableError, match=r"must hold 3 architectures, they hold 2"):
        one_of(nas_bench_201.convert_all, entry("cifar10", 3), [path], SPACE)
    with pytest.raises(TableError, match="must be one file"):
        one_of(nas_bench_201.convert_all, entry("cifar10"), [path, path], SPACE)
    with pytest.raises(TableError, match=r"unknown official data set 'mnist'"):
        one_of(nas_bench_201.convert_all, entry("mnist"), [path], SPACE)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(TableError, match=r"x\.pth, byte \d+ of the pickle: the file is cut here"):
        one_of(nas_bench_201.convert_all, entry("cifar10"), [path], SPACE)
    torch.save({"state": 1}, path)
    with pytest.raises(TableError, match=r"no architectures \(arch2infos\)"):
        one_of(nas_bench_201.convert_all, entry("cifar10"), [path], SPACE)


def test_a_forbidden_global_is_named(tmp_path: Path, records: dict[int, Any]) -> None:
    path = save(tmp_path / "x.pth", records | {1: {"full": {"evil": io.BytesIO}}})
    with pytest.raises(TableError, match=r"names the global '_io\.BytesIO'"):
        list(nas_bench_201.records(path))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@given(
    st.lists(
        st.recursive(
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(-(2**70), 2**70),
                st.floats(allow_nan=False),
                st.text(max_size=300),
                st.binary(max_size=300),
            ),
            lambda inner: st.one_of(
                st.lists(inner, max_size=4),
                st.tuples(inner, inner),
                st.dictionaries(st.one_of(st.text(max_size=4), st.integers(0, 300)), inner, max_size=4),
            ),
            max_leaves=20,
        ),
        min_size=1,
        max_size=5,
    ),
    st.booleans(),
)
def test_a_stream_yields_what_the_whole_pickle_holds(protocol: int, values: list[Any], shared: bool) -> None:
    text = "a text that all records share"
    records = {
        index: {"a": value, "b": [text, value if shared else None], text: 1} for index, value in enumerate(values)
    }
    whole = {"meta_archs": [text, "x"], "arch2infos": records, "evaluated_indexes": set(records)}
    stream = io.BytesIO(pickle.dumps(whole, protocol=protocol))
    allowed = frozenset({"_codecs.encode", "builtins.bytes", "__builtin__.bytes"})
    assert dict(split(stream.read, name="x", allowed=allowed)) == records


def test_frames_may_begin_before_any_opcode() -> None:
    records = {index: {"a": [index, "x"], "b": {1: 2.5}} for index in range(1003)}
    data = pickle.dumps({"meta_archs": [], "arch2infos": records}, protocol=4)
    places = [(code.name, place) for code, _, place in pickletools.genops(data)] + [("", len(data))]
    framed = b"".join(
        b"\x95" + (end - begin).to_bytes(8, "little") + data[begin:end]
        for (name, begin), (_, end) in pairwise(places)
        if name not in ("PROTO", "FRAME")
    )
    stream = io.BytesIO(b"\x80\x04" + framed)
    assert dict(split(stream.read, name="x", allowed=frozenset())) == records


def test_what_one_record_takes_from_another_is_kept_or_refused() -> None:
    shared = ["a list"]
    records = {0: {"a": shared, "b": ("x", 1)}, 1: {"a": shared, "b": 1}}
    data = pickle.dumps({"meta_archs": [], "arch2infos": records}, protocol=4)
    with pytest.raises(TableError, match="that is no text; this file cannot be streamed"):
        list(split(io.BytesIO(data).read, name="x", allowed=frozenset()))
    pair = ("x", 1)
    records = {index: {"a": {pair: 1.0}, "b": f"only {index}"} for index in range(2500)}
    data = pickle.dumps({"meta_archs": [], "arch2infos": records}, protocol=4)
    assert dict(split(io.BytesIO(data).read, name="x", allowed=frozenset())) == records
