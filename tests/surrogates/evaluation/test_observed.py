"""What learners see beside genes: known answers, what it costs, digests, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from harness import registry
from harness.digests import identity
from harness.errors import HarnessError, SpecError
from harness.experiments.prediction import PredictionSpec
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.problem import Budget
from harness.seeding import noise_seed
from surrogates.evaluation.kind import Evaluation, Trials
from surrogates.evaluation.observed import Asked, Observed, curves, given, training

ZC = "micro-mnist1d-zc"
DATA = {
    "name": "covariates",
    "benchmarks": [ZC],
    "replicates": 3,
    "prediction": {"sizes": [20, 60], "test_size": 300, "tests": ["random"]},
    "learners": [{"name": "ridge"}],
}


@pytest.fixture(scope="module")
def zc():
    return registry.benchmark(ZC)


def unit(learner, *, objective="valid_accuracy", trials=3, signals=(), epochs=(), sizes=(20, 60), **settings):
    """Return a unit of work without opening what a spec would."""
    benchmark = registry.benchmark(ZC)
    return Trials(
        benchmark=ZC,
        table_digest=benchmark.digest,
        learner={"name": learner, **settings},
        signature="",
        sha256=None,
        objective=objective,
        settings=PredictionSpec(sizes, ("random",), 300),
        constraints=(),
        budget=Budget(sizes[-1]),
        seed=0,
        first=0,
        stop=trials,
        device="cpu",
        versions={},
        signals=signals,
        epochs=epochs,
    )


def run(learner, **changes):
    """Return scores by name, (trials, sizes), and what is said beside them."""
    output = Evaluation().run(unit(learner, **changes))
    facts = json.loads(output.texts["names"])
    values = output.columns["scores"][:, :, 0]
    return {name: values[..., place] for place, name in enumerate(facts["scores"])}, facts


@pytest.mark.parametrize(
    ("learner", "least"), [("ridge", 0.97), ("random_forest", 0.9), ("knn", 0.75), ("svr", 0.9), ("gp", 0.95)]
)
def test_who_sees_the_target_knows_it(learner, least):
    """Parameters of Micro lose dead edges, so that genes alone do not give them."""
    settings = {"gp": {"covariate_weight": 25.0}, "random_forest": {"trees": 20}}.get(learner, {})
    seeing, _ = run(learner, objective="params_m", signals=("params_m",), trials=1, **settings)
    blind, _ = run(learner, objective="params_m", trials=1, **settings)
    assert seeing["spearman"][0, -1] > max(least, blind["spearman"][0, -1])


def test_the_last_value_of_a_curve_that_does_not_move_is_its_end():
    """Parameters are the same at every epoch."""
    told, _ = run("curve_value", objective="params_m", epochs=(1, 2), trials=1)
    np.testing.assert_allclose(told["kendall"], 1.0)
    np.testing.assert_allclose(told["rmse"], 0.0, atol=1e-12)


def test_scores_before_training_help_a_forest_where_little_was_learnt():
    blind, _ = run("random_forest", sizes=(20,), trees=30)
    seeing, _ = run("random_forest", sizes=(20,), trees=30, signals=("params_m", "zc_nwot", "zc_synflow"))
    assert seeing["kendall"].mean() > blind["kendall"].mean() + 0.1


def test_a_signal_that_is_not_seen_changes_nothing(monkeypatch, zc):
    """Permuting one changes the learner that reads it, and no other."""
    before = {name: run("ridge", signals=(name,))[0]["kendall"] for name in ("zc_synflow", "zc_zen")}
    kind, mixed = type(zc), np.random.default_rng(0).permutation(4930)
    look = kind.look

    def permuted(self, signal, archs):
        values = look(self, signal, archs)
        return values[mixed] if signal == "zc_zen" else values

    monkeypatch.setattr(kind, "look", permuted)
    after = {name: run("ridge", signals=(name,))[0]["kendall"] for name in ("zc_synflow", "zc_zen")}
    np.testing.assert_array_equal(after["zc_synflow"], before["zc_synflow"])
    assert (after["zc_zen"] < before["zc_zen"]).all()


def test_what_is_seen_is_digested_and_what_is_not_is_not():
    bare = unit("ridge")
    assert not {"signals", "epochs"} & set(identity(bare))
    seeing = replace(bare, signals=("zc_zen",))
    assert len({bare.digest, seeing.digest, replace(bare, epochs=(1, 2)).digest}) == 3
    assert Evaluation().unit(json.loads(json.dumps(seeing.as_dict()))).digest == seeing.digest


def test_the_order_of_names_changes_nothing_and_all_leaves_the_target_out(zc):
    learner = registry.surrogate({"name": "ridge"}, zc.space)
    one, other = (Asked.of({"covariates": names}) for names in (["zc_zen", "params_m"], ["params_m", "zc_zen"]))
    assert one.on(zc, learner) == other.on(zc, learner) == Observed(("params_m", "zc_zen"))
    everything = Asked.of({"covariates": "all"})
    assert everything.on(zc, learner).signals == tuple(item.name for item in zc.signals)
    params = registry.benchmark(ZC, objectives=["params_m"])
    assert "params_m" not in everything.on(params, learner).signals


def test_curves_are_those_of_the_trainings_of_the_labels(zc):
    seed, archs = noise_seed(0, ZC, 1), np.asarray(zc.archs)[:50]
    seen = Observed(("params_m",), (1, 3)).columns(zc, archs, seed)
    assert seen.shape == (50, 3)
    np.testing.assert_array_equal(seen[:, 0], zc.look("params_m", archs))
    trainings = [curves(zc, archs, training(zc), at) for at in (seed, noise_seed(0, ZC, 2))]
    np.testing.assert_array_equal(seen[:, 1:], trainings[0][:, [0, 2]])
    assert (trainings[0] != trainings[1]).mean() > 0.4


def test_covariates_are_made_alike_by_what_is_learnt_from_alone(zc):
    learner = registry.surrogate({"name": "ridge"}, zc.space)
    columns = np.array([[np.e - 1], [0.0], [np.nan], [1e9]])
    rows = np.array([0, 1])
    made = given(learner, columns, rows)
    np.testing.assert_allclose(made[:3, 0], [1.0, -1.0, -3.0])
    np.testing.assert_array_equal(given(learner, np.vstack([columns[:3], [[7.0]]]), rows)[:3], made[:3])
    assert given(registry.surrogate({"name": "omni"}, zc.space), columns, rows) is columns


def test_costs_are_those_of_the_table(zc):
    facts = Observed(("params_m", "zc_synflow"), (1, 2, 3)).facts(zc)
    seconds = {item.name: item.seconds for item in zc.signals}
    assert facts == {"signals": {"params_m": 0.0, "zc_synflow": seconds["zc_synflow"]}, "epochs": 3, "schedule": 10}
    assert Observed().facts(zc) == {}


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        ({"name": "ridge", "covariates": ["zc_synflo"]}, r"`learners\[0\]`: unknown signal.*zc_synflow"),
        ({"name": "ridge", "covariates": "some"}, "`covariates` must be 'all', or name signals"),
        ({"name": "ridge", "covariate": ["zc_zen"]}, "unknown parameter of learner 'ridge' 'covariate'.*covariates"),
        ({"name": "curve_ridge", "epochs": 3}, "unknown parameter of learner 'curve_ridge' 'epochs'.*curve_epochs"),
    ],
)
def test_what_cannot_be_seen_is_refused_before_anything_is_run(learner, message):
    with pytest.raises(SpecError, match=message):
        prepare(from_dict({**DATA, "learners": [learner]}))


@pytest.mark.parametrize(
    ("benchmark", "learner", "asked", "message"),
    [
        (ZC, "ridge", {"covariates": ["test_accuracy"]}, "unknown signal of micro-mnist1d-zc 'test_accuracy'"),
        (ZC, "ridge", {"covariates": ["valid_accuracy"]}, "unknown signal of micro-mnist1d-zc"),
        (ZC, "ridge", {"covariates": ["zc_zen", "zc_zen"]}, "each once"),
        (ZC, "curve_ridge", {"covariates": "all"}, "CurveRidge takes no covariates.*give `curve_epochs`"),
        (ZC, "curve_ridge", {}, "CurveRidge reads learning curves: say how many epochs by `curve_epochs`"),
        (ZC, "ridge", {"curve_epochs": 10}, "`curve_epochs` must be less than 10, where trainings"),
        (ZC, "ridge", {"curve_epochs": -1}, "`curve_epochs` must be at least 0"),
        ("nb201-cifar10", "ridge", {"curve_epochs": 3}, "records the end of trainings alone"),
    ],
)
def test_what_a_benchmark_or_a_learner_lacks_is_refused(benchmark, learner, asked, message):
    opened = registry.benchmark(benchmark)
    with pytest.raises(HarnessError, match=message):
        Asked.of(asked).on(opened, registry.surrogate({"name": learner}, opened.space))


def test_what_is_predicted_is_no_covariate_of_itself():
    opened = registry.benchmark("micro-mnist1d", objectives=["params_m"])
    ridge = registry.surrogate({"name": "ridge"}, opened.space)
    for names in (["params_m", "macs_m"], "all"):
        assert Asked.of({"covariates": names}).on(opened, ridge).signals == ("macs_m",)
    with pytest.raises(HarnessError, match="`covariates` must name more than 'params_m' on 'micro-mnist1d'"):
        Asked.of({"covariates": ["params_m"]}).on(opened, ridge)


def test_a_table_without_signals_and_a_learner_without_covariates_say_so(zc):
    ridge = registry.surrogate({"name": "ridge"}, zc.space)
    wrapped = registry.surrogate({"name": "omni", "targets": "log_error"}, zc.space)
    assert (wrapped.normalises, wrapped.takes_covariates, ridge.normalises) == (True, True, False)
    bare = SimpleNamespace(name="bare", space=zc.space, signals=(), has_seconds=True, objectives=zc.objectives)
    with pytest.raises(HarnessError, match="must be left out on 'bare', of which nothing can be read"):
        Asked.of({"covariates": "all"}).on(bare, ridge)
    ridge.takes_covariates = False
    for asked in ({"covariates": "all"}, {"curve_epochs": 2}):
        with pytest.raises(HarnessError, match="Ridge takes no covariates"):
            Asked.of(asked).on(zc, ridge)


def test_a_spec_becomes_units_that_see():
    prepared = prepare(
        from_dict(
            {**DATA, "learners": [
                {"name": "ridge", "label": "seeing", "covariates": ["zc_zen", "params_m"]},
                {"name": "curve_ridge", "curve_epochs": 3},
            ]}
        )
    )  # fmt: skip
    units = {label: shard for label, shard in prepared.shards.values()}
    assert units["seeing"].observed == Observed(("params_m", "zc_zen"))
    assert units["seeing"].learner == {"name": "ridge"}
    assert units["curve_ridge"].observed == Observed((), (1, 2, 3))
    told, facts = run("curve_ridge", epochs=(1, 2, 3), trials=2)
    assert (told["kendall"] > 0.3).all()
    assert (facts["epochs"], facts["schedule"]) == (3, 10)
