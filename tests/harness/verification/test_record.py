"""Damaged records of verifications: each is told in one sentence that names the file."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError, ResultError
from harness.training import trainer
from harness.verification import record
from harness.verification.job import LEVELS, Request
from tests.harness.experiments.test_manifest import mutated
from tests.harness.verification import support


def test_a_damaged_record_is_told_whatever_the_damage(tmp_path):
    path = tmp_path / "alpha.json"
    archs = support.space().sample(4, np.random.default_rng(0))
    real = np.array([[88.0, 88.5], [90.0, 90.1], [85.0, np.nan], [70.0, 71.0]])
    record.write(path, support.measured(registry.oracle(support.NAME), archs, real))
    whole: Any = json.loads(path.read_text())
    rng, told = random.Random(0), list[str]()  # noqa: S311
    for _ in range(300):
        path.write_text(mutated(whole, rng), encoding="utf-8", errors="surrogatepass")
        try:
            record.read(path)
        except ResultError as error:
            told.append(str(error))
    assert len(told) > 150
    assert all(str(path) in message and "verify again" in message and len(message) < 1000 for message in told)


def test_the_levels_of_a_request_are_those_of_the_trainer():
    assert ("auto", *trainer.LEVELS) == LEVELS
    with pytest.raises(HarnessError, match=r"`level` must be one of 'auto', 'R0'.*got 'R9'"):
        Request(level="R9")
