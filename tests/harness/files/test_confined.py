"""A child process that may crash, hang or take all memory, and is told when it does."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from harness.files.confined import Confined, ConfinedError
from tests.harness import faults


@pytest.fixture
def confined(monkeypatch):
    monkeypatch.setattr("harness.files.confined.SECONDS", 1)
    with Confined() as child:
        yield child


def test_data_and_arrays_cross_and_one_child_serves_all_calls(confined):
    for content in (b"", b"abc" * 10**5):
        value, arrays = confined.call("tests.harness.faults:echo", content, word="ö")
        assert value["word"] == "ö"
        assert value["pid"] != os.getpid()
        assert arrays["bytes"].tobytes() == content
        np.testing.assert_array_equal(arrays["matrix"], faults.MATRIX)
        assert arrays["matrix"].dtype == faults.MATRIX.dtype
    assert confined.call("tests.harness.faults:echo")[0]["pid"] == value["pid"]


@pytest.mark.parametrize("fault", ["crash", "hang", "greed", "silence", "recursion"])
def test_what_ends_the_child_is_an_error_and_the_next_call_starts_another(confined, fault):
    began = time.process_time()
    with pytest.raises(ConfinedError, match=r"reading it crashes or never ends|MemoryError|RecursionError"):
        confined.call(f"tests.harness.faults:{fault}")
    assert confined.call("tests.harness.faults:echo")[1]["bytes"].size == 0
    assert time.process_time() - began < 5


def test_an_error_of_the_function_is_told_and_cut(confined):
    with pytest.raises(ConfinedError, match=r"^ValueError: x{900}") as caught:
        confined.call("tests.harness.faults:complaint")
    assert len(str(caught.value)) <= 1000


def test_what_a_function_prints_is_no_answer(confined):
    assert confined.call("tests.harness.faults:talk")[0] == "said"


def test_the_current_folder_is_no_place_of_modules(tmp_path, monkeypatch, confined):
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    assert confined.call("tests.harness.faults:echo")[0]["pid"]
