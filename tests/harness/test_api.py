"""What notebooks call: small mistakes get clear answers, and what is returned can be looked at."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

import harness as nh
from harness.experiments import progress


def test_hyperparameters_are_given_by_a_strategy_spec():
    small = nh.StrategySpec("regularized_evolution", "small", {"population": 5, "sample": 2})
    results = nh.run([small, "random_search"], "graph-cora", evaluations=8, replicates=2)
    assert results.labels == ("small", "random_search")
    assert repr(results) == "Results('notebook': 4 runs of ['small', 'random_search'] on ['graph-cora'])"


def test_a_class_of_the_notebook_can_be_run_and_looked_at():
    class Mine(nh.Strategy):
        def propose(self, n):
            return self.proposals(self.problem.space.sample(n, self.rng))

    results = nh.run(Mine, "nb201-cifar10", evaluations=6, replicates=2, constraints="params_m <= 0.5")
    frame = nh.frame(results)
    assert len(frame) == 12
    assert frame["incumbent"].any()


@pytest.mark.parametrize("kernel", [None, object()])
def test_a_notebook_shows_how_far_a_run_is(monkeypatch, kernel):
    shown = []

    def display(thing, *, display_id):
        shown.append(thing)
        return SimpleNamespace(update=shown.append)

    monkeypatch.setattr(progress, "_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_EVERY_SECONDS", 0.0)
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=kernel))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    nh.run(["random_search", "local_search"], "graph-cora", evaluations=4, replicates=2)
    if kernel is None:  # a terminal
        assert shown == []
        return
    assert repr(shown[0]).startswith("0 of 2 shards")
    assert "random_search on graph-cora, replicates 0 to 1" in repr(shown[1])
    assert '<progress value="2" max="2">' in shown[-2]._repr_html_()
    assert shown[-1]._repr_html_() == repr(shown[-1]) == "", "nothing is left of it at the end"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"budget": {"duplicate": "free"}}, r"unknown key of `budget` 'duplicate'. Did you mean 'duplicates'\?"),
        ({"device": "gpu"}, "`device` must be one of 'cpu', 'cuda', got 'gpu'"),
        ({"constraints": "params_m < 1"}, "`constraint` must read"),
        ({"constraints": "params_m <= 0.00001"}, r"no architecture of nb201-cifar10 keeps params_m <= 1e-05.*from 0"),
        ({"constraints": "parms <= 1"}, "params_m"),
        ({"objectives": ["valid"]}, "valid_accuracy"),
    ],
)
def test_a_mistake_is_told(arguments, message):
    with pytest.raises(nh.HarnessError, match=message):
        nh.run("random_search", "nb201-cifar10", evaluations=5, **arguments)


def test_cuda_that_is_not_there_is_refused_before_a_table_is_opened(monkeypatch):
    monkeypatch.setattr("harness.api.has_cuda", lambda: False)
    monkeypatch.setattr("harness.api.open_for", lambda *_: pytest.fail("it opens a table"))
    with pytest.raises(nh.HarnessError, match="needs a CUDA device and a torch built for it; torch finds none"):
        nh.run("random_search", "nb201-cifar10", evaluations=5, device="cuda")


def test_the_version_is_the_distributions():
    from importlib.metadata import version

    assert nh.__version__ == version("nas-harness")


def test_every_public_name_exists():
    for name in nh.__all__:
        assert getattr(nh, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = nh.nothing
