"""Fetching files from servers that cut, lie, refuse and vanish."""

from __future__ import annotations

import errno
import hashlib
import resource
import signal
import subprocess
import sys
from threading import Event

import numpy as np
import pytest

from benchmarks_data.cache import download
from benchmarks_data.cache.download import fetch
from benchmarks_data.catalogue import entries
from benchmarks_data.catalogue.entries import Download
from harness.errors import TableError
from tests.benchmarks_data.cache.file_server import serving
from tests.paths import ROOT
from tests.patience import PATIENCE, wait_for

CONTENT = np.random.default_rng(0).bytes(700_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(download, "WAIT_SECONDS", 0.0)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def of(server, **changes):
    told = {"name": "folder/data.bin", "url": server.url, "sha256": SHA256, "bytes": len(CONTENT)}
    return Download(**told | changes)


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once(tmp_path):
    told = []
    with serving(CONTENT) as server:
        path = fetch(of(server), tmp_path, progress=lambda what, fraction: told.append((what, fraction)))
        assert path == tmp_path / "data.bin"
        assert path.read_bytes() == CONTENT
        fetch(of(server), tmp_path)
        assert server.asked == [None]
    assert left_in(tmp_path) == ["data.bin"]
    assert told[-1] == ("fetching data.bin: 0.7 of 0.7 MB", 0.99)


def test_a_cut_download_is_continued_where_it_was_cut(tmp_path):
    with serving(CONTENT, cuts=[1000, 300_000, 1]) as server:
        assert fetch(of(server), tmp_path).read_bytes() == CONTENT
        starts = [0, 1000, 301_000, 301_001]
        assert server.asked == [None, *[f"bytes={start}-" for start in starts[1:]]]
    assert left_in(tmp_path) == ["data.bin"]


def test_without_range_it_starts_again(tmp_path):
    with serving(CONTENT, cuts=[1000, 2000, 500], ranges=False) as server:
        assert fetch(of(server), tmp_path).read_bytes() == CONTENT
        assert len(server.asked) == 4


def test_a_server_that_is_busy_is_asked_again(tmp_path):
    with serving(CONTENT, statuses=[503, 429, 500]) as server:
        assert fetch(of(server), tmp_path).read_bytes() == CONTENT


def test_a_server_that_always_cuts_at_the_same_place_is_given_up_and_the_part_is_kept(tmp_path):
    with serving(CONTENT, cuts=[5000, *[0] * 100]) as server:
        with pytest.raises(TableError, match=r"failed 4 times .*the first 5,000 bytes are kept and the same command"):
            fetch(of(server), tmp_path)
        assert not (tmp_path / "data.bin").exists()
        server.cuts = []
        asked = len(server.asked)
        assert fetch(of(server), tmp_path).read_bytes() == CONTENT
        assert server.asked[asked:] == ["bytes=5000-"]
    assert left_in(tmp_path) == ["data.bin"]


def test_a_server_that_cuts_every_time_but_goes_on_is_not_given_up(tmp_path):
    with serving(CONTENT, cuts=[100_000] * 6) as server:
        assert fetch(of(server), tmp_path).read_bytes() == CONTENT


def test_wrong_bytes_are_refused_with_both_sums_and_nothing_is_left(tmp_path):
    wrong = CONTENT[:-1] + b"?"
    with serving(wrong) as server, pytest.raises(TableError) as caught:
        fetch(of(server), tmp_path)
    assert SHA256 in str(caught.value)
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value)
    assert left_in(tmp_path) == []


def test_wrong_bytes_leave_the_file_that_was_there(tmp_path):
    (tmp_path / "data.bin").write_bytes(b"an older release")
    with serving(b"<html>please log in</html>") as server, pytest.raises(TableError, match=SHA256):
        fetch(of(server), tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == b"an older release"


def test_a_part_that_does_not_belong_is_thrown_away(tmp_path):
    with serving(CONTENT, cuts=[5000, *[0] * 100]) as server:
        with pytest.raises(TableError):
            fetch(of(server), tmp_path)
        (part,) = tmp_path.glob(".*.part")
        part.write_bytes(b"x" * 6000)
        server.cuts = []
        assert fetch(of(server), tmp_path).read_bytes() == CONTENT
        assert server.asked[-2:] == ["bytes=6000-", None]


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 10])
def test_a_part_that_is_whole_or_too_long_already(tmp_path, length):
    with serving(CONTENT, cuts=[5000, *[0] * 100]) as server:
        with pytest.raises(TableError):
            fetch(of(server), tmp_path)
        (part,) = tmp_path.glob(".*.part")
        part.write_bytes((CONTENT + b"?" * 10)[:length])
        server.cuts = []
        assert fetch(of(server), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_there_is_said_at_once(tmp_path, status):
    with serving(CONTENT, statuses=[status]) as server:
        with pytest.raises(TableError, match=rf"data\.bin answers {status} .*not there, or no longer"):
            fetch(of(server), tmp_path)
        assert len(server.asked) == 1
    assert left_in(tmp_path) == []


def test_no_server_is_told_with_what_to_look_at(tmp_path):
    with serving(CONTENT) as server:
        pass
    with pytest.raises(TableError, match=r"127\.0\.0\.1.* failed 4 times .*refused.*nothing was received.*HTTPS_PROXY"):
        fetch(of(server), tmp_path)
    assert left_in(tmp_path) == []


def test_an_answer_of_unknown_length_is_verified(tmp_path):
    with serving(CONTENT, length=False) as server:
        assert fetch(of(server, bytes=0), tmp_path).read_bytes() == CONTENT
    with serving(CONTENT, length=False, cuts=[100]) as server, pytest.raises(TableError, match=SHA256):
        fetch(of(server, bytes=0), tmp_path / "other")


def test_a_file_without_a_pinned_sum_never_continues_an_old_part(tmp_path):
    with serving(CONTENT, cuts=[5000, *[0] * 100]) as server:
        with pytest.raises(TableError):
            fetch(of(server, sha256=""), tmp_path)
        server.cuts = []
        asked = len(server.asked)
        assert fetch(of(server, sha256=""), tmp_path).read_bytes() == CONTENT
        assert server.asked[asked] is None


def test_too_little_room_is_told_before_anything_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: _Usage())
    with serving(CONTENT) as server:
        with pytest.raises(TableError, match=r"has 1,000 bytes left, folder/data\.bin needs 700,000.*NAS_HARNESS_HOME"):
            fetch(of(server), tmp_path)
        assert server.asked == []


class _Usage:
    free = 1000


def test_a_disk_that_fills_up_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "data.bin").write_bytes(b"an older release")

    def full(self, answer, start):
        self.part.write_bytes(b"some")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.Resuming, "_append", full)
    with serving(CONTENT) as server, pytest.raises(TableError, match=r"No space left.*700,000 bytes.*NAS_HARNESS_HOME"):
        fetch(of(server), tmp_path)
    assert left_in(tmp_path) == ["data.bin"]
    assert (tmp_path / "data.bin").read_bytes() == b"an older release"


def test_a_file_may_not_grow_beyond_the_limit_of_the_system(tmp_path):
    code = (
        "import sys, resource, benchmarks_data.cache.download as d;"
        "from benchmarks_data.catalogue.entries import Download;"
        "from pathlib import Path; d.WAIT_SECONDS = 0;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY));"
        "d.fetch(Download('data.bin', *sys.argv[1:3], 700_000), Path(sys.argv[3]))"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    with serving(CONTENT) as server:
        run = _python(code, server.url, SHA256, tmp_path).wait(PATIENCE)
    assert run != 0
    assert left_in(tmp_path) == []


def _python(code, *arguments):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, stderr=subprocess.DEVNULL)


def test_a_killed_download_leaves_nothing_that_looks_whole_and_is_continued(tmp_path):
    code = (
        "import sys; from benchmarks_data.cache import download;"
        "from benchmarks_data.catalogue.entries import Download;"
        "from pathlib import Path; download.fetch(Download('data.bin', *sys.argv[1:3], 700_000), Path(sys.argv[3]))"
    )
    with serving(CONTENT, cuts=[600_000], hold=Event()) as server:
        child = _python(code, server.url, SHA256, tmp_path)
        wait_for(lambda: any(path.stat().st_size for path in tmp_path.glob(".*.part")) or child.poll() is not None)
        child.send_signal(signal.SIGKILL)
        assert child.wait(PATIENCE) == -signal.SIGKILL
        server.hold.set()
        assert not (tmp_path / "data.bin").exists()
        (part,) = tmp_path.glob(".*.part")
        have = part.stat().st_size
        assert CONTENT.startswith(part.read_bytes())
        (path,) = download.fetch_all(_entry(of(server)), tmp_path)
        assert path.read_bytes() == CONTENT
        assert 0 < have < len(CONTENT)
        assert server.asked[1:] == [f"bytes={have}-"]
    assert left_in(tmp_path) == [".lock", "data.bin"]


def _entry(*downloads):
    source = entries.Source("x", "https://example.org", "MIT", "Nobody", "", manual="data.bin from the page")
    names, sums = (tuple(getattr(told, key) for told in downloads) for key in ("name", "sha256"))
    return entries.Entry("made", "Made", "", source, names, sums, "bags", 0, {}, {}, downloads, source.manual)


def test_all_files_of_a_table_come_in_their_order_and_an_error_names_the_way_by_hand(tmp_path):
    with serving(CONTENT) as server:
        pair = [of(server, name=f"{name}.bin") for name in "ba"]
        paths = download.fetch_all(_entry(*pair), tmp_path)
        assert [path.name for path in paths] == ["b.bin", "a.bin"]
        server.statuses = [404]
        with pytest.raises(TableError) as caught:
            download.fetch_all(_entry(of(server)), tmp_path / "other")
    (note,) = caught.value.__notes__
    assert "data.bin from the page" in note
    assert "`nas-harness data import made folder/data.bin`" in note


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with serving(CONTENT) as server, pytest.raises(TableError, match="NAS_HARNESS_HOME"):
        download.fetch_all(_entry(of(server)), tmp_path / "file" / "folder")


def test_the_catalogue_pins_what_it_fetches():
    known = {**entries.entries(), **entries.others()}
    fetched = {name: entry for name, entry in known.items() if entry.downloads}
    assert {"nb101", "macro-cifar10", "nb301-surrogate"} <= set(fetched)
    for name, entry in fetched.items():
        assert [told.name for told in entry.downloads] == list(entry.files), name
        assert all(told.url.startswith("https://") for told in entry.downloads), name
        assert tuple(told.sha256 for told in entry.downloads if told.sha256) == entry.sha256, name
    unpinned = {name for name, entry in fetched.items() if not entry.sha256 and "-hw" not in name}
    hw_gpt = {f"hw-gpt-{scale}-surrogate" for scale in "sml"}
    assert unpinned == {*hw_gpt, "nlp-ptb", "nats-tss-cifar100-pixel2"}
    by_hand = [name for name, entry in known.items() if entry.imported and not entry.downloads and not entry.manual]
    assert by_hand == []


@pytest.mark.data
def test_the_pinned_length_and_sum_are_those_of_the_real_file(shared_data):
    (told,) = entries.entries()["macro-cifar10"].downloads
    content = (shared_data / "official_samples" / told.name).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (told.bytes, told.sha256)


@pytest.mark.parametrize("length", [True, False])
def test_an_answer_that_does_not_end_where_it_must_is_not_kept(tmp_path, length):
    refused = pytest.raises(TableError, match=f"at most {len(CONTENT):,} bytes, and sends more")
    with serving(CONTENT + bytes(2**20), length=length) as server, refused:
        download.fetch(of(server, bytes=len(CONTENT)), tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.name != ".lock"]
