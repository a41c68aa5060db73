"""Damaged records of verifications: each is told in one sentence that names the file."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError, ResultError
from harness.verification import record
from harness.verification.job import Request
from tests.harness.experiments.test_manifest import mutated
from tests.harness.verification import support


def test_a_damaged_record_is_told_whatever_the_damage(tmp_path):
    path = tmp_path / "alpha.json"
    archs = support.space().sample(4, np.random.default_rng(0))
    real = np.array([[88.0, 88.5], [90.0, 90.1], [85.0, np.nan], [70.0, 71.0]])
    record.write(path, support.measured(registry.oracle(support.NAME), archs, real))
    whole: Any = json.loads(path.read_text())
    rng, told = random.Random(0), list[str]()  # noqa: S311  # no secret
    for _ in range(300):
        path.write_text(mutated(whole, rng), encoding="utf-8", errors="surrogatepass")
        try:
            record.read(path)
        except ResultError as error:
            told.append(str(error))
    assert len(told) > 150
    assert all(str(path) in message and "verify again" in message and len(message) < 1000 for message in told)


def test_a_level_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(HarnessError, match=r"unknown level 'R9'.*Known: R0, R1, R2, R3, R4, auto"):
        Request(level="R9")
