"""Results to verify: a small experiment, run once for each file of tests."""

from __future__ import annotations

import pytest

from tests.harness.verification.support import run_experiment


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return run_experiment(tmp_path_factory.mktemp("results") / "small")


@pytest.fixture
def folder(results, tmp_path):
    """A copy of the results, without a verification."""
    copy = tmp_path / "small"
    copy.mkdir()
    for path in results.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    return copy
