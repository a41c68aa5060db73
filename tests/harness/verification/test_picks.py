"""What a verification picks: by validation only, distinct, in the promised order."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from harness import registry
from harness.benchmark import Column
from harness.errors import ResultError
from harness.judging.front import fronts, on_front
from harness.problem import Constraint
from harness.records import Recommended, Run
from harness.spaces.darts.space import DARTSSpace
from harness.verification import picks as verify_picks
from tests.harness.verification.support import NAME, space
from tests.reports.support import FakeOracle, make_front_results, make_results, trace_of


class ValidationOnly(FakeOracle):
    """An oracle that breaks when anything but validation is asked."""

    def mean(self, archs, column):
        assert column == "valid_accuracy"
        return super().mean(archs, column)

    def values(self, column):
        raise AssertionError(column)


def test_picks_look_at_validation_only_and_are_distinct():
    oracle = ValidationOnly("alpha")
    results = make_results([oracle], replicates=6)
    top = verify_picks.top(verify_picks.incumbents(results, "alpha", oracle)[0], 3, oracle)
    spread = verify_picks.stratified(40, oracle, np.random.default_rng(0), top)
    archs = [pick.arch for pick in [*top, *spread]]
    assert len(set(archs)) == len(archs)
    assert len(spread) >= 38


def test_incumbents_found_by_most_runs_come_first_then_the_better():
    oracle = FakeOracle("alpha")
    best = oracle.space.decode(np.argsort(-oracle.values("valid_accuracy"))[:4].astype(np.uint64))
    found = best[[3, 2, 3, 0, 1, 3, 2]]
    picks = verify_picks.top(found, 3, oracle)
    assert [pick.arch for pick in picks] == [tuple(best[row]) for row in (3, 2, 0)]
    assert [pick.runs for pick in picks] == [3, 2, 1]


def test_the_same_function_is_picked_once():
    oracle = registry.oracle(NAME)
    twins = space().parse(
        [
            "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
            "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|",
        ]
    )
    assert len(set(space().key(twins).tolist())) == 1
    (pick,) = verify_picks.top(twins, 3, oracle)
    assert pick.runs == 2
    better = int(np.argmax(oracle.mean(twins, "valid_accuracy")))
    assert pick.arch == tuple(twins[better])


def test_what_is_picked_is_what_the_row_was_trained_as():
    oracle = FakeOracle("alpha")
    oracle.archs = oracle.space.decode(np.zeros(1, dtype=np.uint64))
    oracle.rows = lambda archs: np.zeros(len(archs), dtype=np.intp)
    (pick,) = verify_picks.top(np.array([[1, 2, 3]]), 1, oracle)
    assert (pick.arch, pick.text) == ((0, 0, 0), "000")


def test_each_stratum_gives_one_pick_of_its_own_quantile():
    oracle = FakeOracle("alpha")
    values = np.sort(oracle.values("valid_accuracy"))
    picks = verify_picks.stratified(6, oracle, np.random.default_rng(1))
    assert [pick.stratum for pick in picks] == list(range(6))
    for pick, part in zip(picks, np.array_split(values, 6), strict=True):
        value = oracle.mean(np.array([pick.arch]), "valid_accuracy")[0]
        assert part[0] <= value <= part[-1]
    taken = verify_picks.stratified(6, oracle, np.random.default_rng(1), picks)
    assert not {pick.arch for pick in picks} & {pick.arch for pick in taken}


def test_rows_without_a_value_are_never_drawn():
    oracle = FakeOracle("alpha")
    oracle._values["valid_accuracy"][20:] = np.nan
    picks = verify_picks.stratified(20, oracle, np.random.default_rng(0))
    assert sorted(int(oracle.space.code(np.array([pick.arch]))[0]) for pick in picks) == list(range(20))


def test_a_search_without_any_incumbent_is_refused():
    oracle = FakeOracle("alpha")
    results = make_results([oracle], replicates=1)
    failed = [Run("alpha", "climber", 0, trace_of(run.trace.archs, [np.nan] * 30), "budget", 0.0)
              for run in results.runs[:1]]  # fmt: skip
    with pytest.raises(ResultError, match="nothing to verify"):
        verify_picks.incumbents(replace(results, runs=tuple(failed)), "alpha", oracle)


def recommending(oracle, archs):
    """Return results of two runs under "size <= 6": one recommends an architecture for each of archs."""
    results = make_results([oracle], replicates=len(archs))
    spec = replace(results.spec, constraints=(Constraint("size", "<=", 6.0),))
    spec = replace(spec, report=replace(spec.report, incumbent="recommended"))
    runs = tuple(
        replace(run, recommended=Recommended(np.array([0]), arch[None]))
        for run, arch in zip([run for run in results.runs if run.label == "climber"], archs, strict=True)
    )
    return replace(results, spec=spec, runs=runs)


def test_recommendations_that_break_the_bounds_are_no_picks():
    oracle = FakeOracle("alpha")
    size = oracle.values("size")
    small, large = (oracle.space.decode(np.array([row], dtype=np.uint64))[0] for row in (size.argmin(), size.argmax()))
    kept, left_out = verify_picks.incumbents(recommending(oracle, [small, large, large]), "alpha", oracle)
    assert (kept.tolist(), left_out) == ([small.tolist()], 2)
    with pytest.raises(ResultError, match=r"must keep size <= 6\.0, and all 2 architectures .* `--top 0`"):
        verify_picks.incumbents(recommending(oracle, [large, large]), "alpha", oracle)
    told = recommending(oracle, [large])
    told = replace(told, spec=replace(told.spec, report=replace(told.spec.report, incumbent="full")))
    archs, left_out = verify_picks.incumbents(told, "alpha", oracle)
    assert (len(archs), left_out) == (1, 0), "what was told to keep them is not asked again"


def test_members_of_the_pooled_front_are_picked_and_nothing_that_another_run_dominates():
    oracle = FakeOracle("alpha")
    results = make_front_results([oracle], replicates=5)
    members = verify_picks.front_members(results, "alpha", oracle)
    ends = np.concatenate([run.trace.archs[fronts(run.trace, 0).final] for run in results.runs])
    values = np.stack([-oracle.mean(ends, "valid_accuracy"), oracle.mean(ends, "size")], axis=1)
    expected = {tuple(arch) for arch in ends[on_front(values)].tolist()}
    assert {tuple(arch) for arch in members.tolist()} == expected
    counts = {arch: sum(tuple(end) == arch for end in ends.tolist()) for arch in expected}
    picks = verify_picks.top(members, 3, oracle)
    assert [pick.runs for pick in picks] == sorted(counts.values(), reverse=True)[:3]
    empty = replace(results, runs=tuple(replace(run, trace=run.trace.take(slice(0))) for run in results.runs))
    with pytest.raises(ResultError, match="ended with a front"):
        verify_picks.front_members(empty, "alpha", oracle)


class Predicts:
    """An oracle of a space too large to be listed: a point of accuracy for each convolution."""

    name, validation, space = "predicts", "valid_accuracy", DARTSSpace()
    columns = MappingProxyType({"valid_accuracy": Column("valid_accuracy", "percent", "maximise", "x-valid")})

    def mean(self, archs, column):
        assert column == self.validation
        return np.count_nonzero(archs[:, [0, 1, 3, 4, 11, 12, 14, 15]] > 2, axis=1).astype(float)


def test_a_space_too_large_to_be_listed_is_stratified_by_what_is_predicted_of_a_sample():
    oracle, rng = Predicts(), np.random.default_rng(0)
    picks = verify_picks.stratified(5, oracle, rng)
    values = oracle.mean(np.array([pick.arch for pick in picks]), "valid_accuracy")
    assert [pick.stratum for pick in picks] == list(range(5))
    assert values.tolist() == sorted(values.tolist())
    assert values[0] < 4 < values[-1]
    again = verify_picks.stratified(5, oracle, np.random.default_rng(0))
    assert [pick.arch for pick in again] == [pick.arch for pick in picks]


def test_of_a_sample_of_a_large_space_the_rows_are_stratified():
    oracle = Predicts()
    oracle.archs = oracle.space.sample(12, np.random.default_rng(2))
    oracle.rows = lambda archs: np.array([np.flatnonzero((oracle.archs == arch).all(axis=1))[0] for arch in archs])
    picks = verify_picks.stratified(4, oracle, np.random.default_rng(0))
    rows = {tuple(arch) for arch in oracle.archs.tolist()}
    assert len(picks) == 4
    assert all(pick.arch in rows for pick in picks)
