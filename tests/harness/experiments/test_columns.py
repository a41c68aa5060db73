"""Forms of result columns: what does not fit a shard, or a network of several sizes, is told when it is written."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.experiments.columns import check_columns, check_finite, check_offsets
from harness.experiments.kind import Output
from harness.experiments.scaling import Scaling
from harness.experiments.shards import Search


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (np.zeros((3, 2)), None),
        (np.zeros((2, 2)), r"`column a` must hold floats of shape \(3, L\), got 'float64 of shape \(2, 2\)'"),
        (np.zeros(3), r"must hold floats of shape \(3, L\)"),
        (np.zeros((3, 2), dtype=np.int64), "must hold floats"),
        (None, "it has no column a"),
    ],
)
def test_columns_have_their_form(column, why):
    columns = {} if column is None else {"a": column}
    if why is None:
        assert check_columns(columns, {"a": "f T L"}, {"T": 3}, ["a"]) == {"T": 3, "L": 2}
        return
    with pytest.raises(HarnessError, match=why):
        check_columns(columns, {"a": "f T L"}, {"T": 3}, ["a"])


@pytest.mark.parametrize("offsets", [[0, 3], [1, 5], [0, 3, 2, 5], []])
def test_offsets_rise_from_the_first_row_to_the_end(offsets):
    with pytest.raises(HarnessError, match="must rise from 0 to 5"):
        check_offsets("offsets", np.array(offsets, dtype=np.int64), 5)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
def test_what_was_spent_is_finite(wrong):
    with pytest.raises(HarnessError, match="`column seconds` must hold finite numbers, at least 0"):
        check_finite("seconds", np.array([1.0, wrong]))


def shard():
    rows = {name: np.zeros(3) for name in ("seconds", "started_seconds", "finished_seconds")}
    rows |= {name: np.zeros(3, dtype=np.int64) for name in ("fidelity", "tag", "worker")}
    rows |= {"archs": np.zeros((3, 4), np.uint8), "objectives": np.zeros((3, 1)), "constraints": np.zeros((3, 0))}
    rows["charged"] = np.ones(3, dtype=bool)
    columns = {f"trace/{name}": column for name, column in rows.items()}
    return columns | {"offsets": np.array([0, 1, 3]), "overhead_seconds": np.zeros(2)}


SHARD = SimpleNamespace(first=4, stop=6, objectives=("error",), constraints=())
STOPPED = {"stopped": json.dumps(["budget"] * 2)}


@pytest.mark.parametrize(
    ("changed", "texts", "why"),
    [
        ({"trace/objectives": np.zeros((3, 2))}, STOPPED, r"shape \(3, 1\)"),
        ({"trace/charged": np.ones(3)}, STOPPED, "must hold true or false"),
        ({"offsets": np.array([0, 3])}, STOPPED, r"shape \(3\)"),
        ({"offsets": np.array([0, 4, 3])}, STOPPED, "must rise from 0 to 3"),
        ({"beside/epochs": np.zeros(2)}, STOPPED, r"beside/epochs` must hold numbers of shape \(3\)"),
        ({"recommended/after": np.zeros(1, np.int64)}, STOPPED, "no column recommended/archs, recommended/offsets"),
        ({}, {"stopped": "[1, 2]"}, "`stopped` must be 2 texts"),
        ({}, {"stopped": "["}, "no whole JSON"),
    ],
)
def test_a_shard_holds_the_traces_of_its_runs(changed, texts, why):
    Search().check_output(SHARD, Output(shard(), STOPPED))
    with pytest.raises(HarnessError, match=why):
        Search().check_output(SHARD, Output(shard() | changed, texts))


FACTS = {"level": "R3", "own": {"channels": 4, "cells": 1, "length": 12}, "dimensions": 1}


@pytest.mark.parametrize(
    ("changed", "facts", "why"),
    [
        ({"seconds": np.zeros(3)}, FACTS, r"`column seconds` must hold floats of shape \(2\)"),
        ({"macs": np.array(np.nan)}, FACTS, "`column macs` must hold finite numbers"),
        ({"valid_accuracy": np.array([1.0, np.nan])}, FACTS, "missing in the same trainings"),
        ({}, FACTS | {"own": {"channels": 4}}, "own"),
        ({}, FACTS | {"dimensions": 3}, "`facts` must say"),
    ],
)
def test_a_network_of_a_size_holds_a_number_of_each_training(changed, facts, why):
    names = ("train_accuracy", "valid_accuracy", "held_out/test_accuracy", "seconds")
    columns = dict.fromkeys(names, np.ones(2)) | {"seeds": np.arange(2), "macs": np.array(3.0), "params": np.array(1)}
    unit = SimpleNamespace(first=0, stop=2)
    Scaling().check_output(unit, Output(columns, {"facts": json.dumps(FACTS)}))
    with pytest.raises(HarnessError, match=why):
        Scaling().check_output(unit, Output(columns | changed, {"facts": json.dumps(facts)}))
