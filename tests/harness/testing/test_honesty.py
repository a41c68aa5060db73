"""`check` finds strategies that cheat, by a rule for each way."""

from __future__ import annotations

import contextlib
import itertools
import logging
import random
import sys
import warnings
from typing import ClassVar

import numpy as np
import pytest

import harness as nh
from harness import registry
from harness.errors import HarnessError
from harness.problem import Fidelity, Problem
from harness.strategy import Strategy
from harness.testing.conformance import check, check_strategy, check_surrogate
from harness.testing.fingerprints import fingerprint
from harness.testing.toy import ToySpace
from surrogates.linear.ridge import Ridge

SHARED: list[int] = []
COUNTER = itertools.count()
LOGGER = logging.getLogger(__name__)
GENERATOR = np.random.default_rng(0)


class Honest(Strategy):
    def propose(self, n):
        return self.proposals(self.problem.space.sample(n, self.rng))


class Opens(Honest):
    def tell(self, evaluations):
        nh.open_benchmark("nb201-cifar10")


class OpensQuietly(Honest):
    def tell(self, evaluations):
        with contextlib.suppress(HarnessError):
            nh.open_benchmark("nb201-cifar10")


class OpensAtOnce(Honest):
    def __init__(self, problem, rng):
        super().__init__(problem, rng)
        nh.open_benchmark("nb201-cifar10")


class DrawsFromNumpy(Honest):
    def tell(self, evaluations):
        np.random.random()  # noqa: NPY002  # what the check is there to find


class DrawsFromPython(Honest):
    def tell(self, evaluations):
        random.random()  # noqa: S311  # as above


class SpoilsProposals(Strategy):
    def propose(self, n):
        self.kept = self.problem.space.sample(5, self.rng)
        return self.proposals(self.kept)

    def tell(self, evaluations):
        self.kept[...] = 1 - self.kept[...] % 2


class SpoilsTold(Honest):
    def tell(self, evaluations):
        evaluations.objectives[...] = 0.0


class SpoilsToldLater(Honest):
    kept = None

    def tell(self, evaluations):
        if self.kept is not None:
            self.kept.archs[...] = 0
        self.kept = evaluations


class HangsOnSpace(Honest):
    def tell(self, evaluations):
        self.problem.space.best = evaluations.archs[0]


class ChangesSpace(Honest):
    def tell(self, evaluations):
        self.problem.space.description = "seen"


class HangsOnClassOfSpace(Honest):
    def tell(self, evaluations):
        ToySpace.seen = getattr(ToySpace, "seen", 0) + len(evaluations)


class HangsOnBaseOfSpace(Honest):
    def tell(self, evaluations):
        nh.SearchSpace.seen = getattr(nh.SearchSpace, "seen", 0) + len(evaluations)


class HangsOnProblem(Honest):
    def tell(self, evaluations):
        object.__setattr__(self.problem, "seen", len(evaluations))


class HangsOnFidelity(Honest):
    def tell(self, evaluations):
        self.problem.fidelities[0].__dict__["seen"] = len(evaluations)


class HangsOnClassOfFidelity(Honest):
    def tell(self, evaluations):
        Fidelity.seen = len(evaluations)


class HangsOnClassOfProblem(Honest):
    def tell(self, evaluations):
        Problem.seen = len(evaluations)


class HangsOnItsClass(Honest):
    told: ClassVar[list[float]] = []

    def tell(self, evaluations):
        self.told.extend(evaluations.objectives[:, 0])


class CountsOnItsClass(Honest):
    count = 0

    def tell(self, evaluations):
        type(self).count += 1


class HangsOnStrategy(Honest):
    def tell(self, evaluations):
        Strategy.seen = len(evaluations)


class HangsOnModule(Honest):
    def tell(self, evaluations):
        SHARED.append(len(evaluations))


class SharesGenerator(Honest):
    def tell(self, evaluations):
        GENERATOR.random()


class SharesCounter(Honest):
    def tell(self, evaluations):
        next(COUNTER)


class HangsOnDefault(Honest):
    def tell(self, evaluations, seen=[]):  # noqa: B006  # what the check is there to find
        seen.append(len(evaluations))


class HangsOnHarness(Honest):
    def tell(self, evaluations):
        registry.seen = len(evaluations)


class HangsOnLearner(Strategy):
    def __init__(self, problem, rng, *, surrogate):
        super().__init__(problem, rng)
        self.surrogate = surrogate

    def propose(self, n):
        self.surrogate.seen = n
        return self.proposals(self.problem.space.sample(n, self.rng))


OPENS = "opens no benchmark and no oracle while it runs; found it asked for 'nb201-cifar10'"
DRAWS = "draws only from the generator it is given"
PROPOSED, TOLD = "leaves what it has proposed as it was", "leaves what it is told as it was"
STATE = r"keeps its state to itself, not on what replicates share; found changed: .*"
BAD = {
    Opens: OPENS,
    OpensQuietly: OPENS,
    OpensAtOnce: OPENS,
    DrawsFromNumpy: DRAWS,
    DrawsFromPython: DRAWS,
    SpoilsProposals: f"{PROPOSED}; found changed: archs",
    SpoilsTold: f"{TOLD}; found changed: objectives",
    SpoilsToldLater: f"{TOLD}; found changed: archs",
    HangsOnSpace: f"{STATE}space.best",
    ChangesSpace: f"{STATE}space.description",
    HangsOnClassOfSpace: f"{STATE}class ToySpace.seen",
    HangsOnBaseOfSpace: f"{STATE}class SearchSpace.seen",
    HangsOnProblem: f"{STATE}problem.seen",
    HangsOnFidelity: rf"{STATE}problem.fidelities\[0\].seen",
    HangsOnClassOfFidelity: f"{STATE}class Fidelity.seen",
    HangsOnClassOfProblem: f"{STATE}class Problem.seen",
    HangsOnItsClass: f"{STATE}class HangsOnItsClass.told",
    CountsOnItsClass: f"{STATE}class CountsOnItsClass.count",
    HangsOnStrategy: f"{STATE}class Strategy.seen",
    HangsOnModule: f"{STATE}the global 'SHARED'",
    SharesGenerator: f"{STATE}the global 'GENERATOR'",
    SharesCounter: f"{STATE}the global 'COUNTER'",
    HangsOnDefault: f"{STATE}class HangsOnDefault.tell",
    HangsOnHarness: f"{STATE}the global 'seen' of harness.registry",
    HangsOnLearner: f"{STATE}surrogate.seen",
}


@pytest.mark.parametrize("factory", BAD, ids=lambda factory: factory.__name__)
def test_a_strategy_that_cheats_is_found_by_its_rule(factory):
    try:
        with pytest.raises(HarnessError, match=BAD[factory]):
            check_strategy(factory)
    finally:
        for holder in (ToySpace, nh.SearchSpace, Fidelity, Problem, Strategy, registry):
            if "seen" in vars(holder):
                del holder.seen


def test_what_cannot_be_looked_at_is_known_by_itself():
    class Shy:
        def __getattr__(self, name):
            raise RuntimeError(name)

    shy = Shy()
    assert fingerprint([shy]) == fingerprint([shy])
    assert fingerprint({"a": [1, np.ones(2)]}) != fingerprint({"a": [1, np.zeros(2)]})
    endless: list[object] = []
    endless.append(endless)
    assert fingerprint(endless) == fingerprint(endless)


def test_what_is_shared_and_does_no_harm_is_no_state():
    class Lazy(Honest):
        """Imports late, warns, logs, and works on copies of what it is told."""

        def tell(self, evaluations):
            global statistics
            import statistics

            LOGGER.debug("told %d", len(evaluations))
            with warnings.catch_warnings(record=True):
                warnings.warn("told", stacklevel=1)
            errors = evaluations.objectives.copy()
            errors[...] = statistics.fmean([1.0])

    assert check_strategy(Lazy)[0] == "opens no benchmark and no oracle while it runs"


def test_state_on_a_module_beside_the_file_is_found(tmp_path):
    (tmp_path / "helper.py").write_text("SEEN = []\n")
    (tmp_path / "mine.py").write_text(
        "import helper\nfrom harness import Strategy\n\n\nclass Mine(Strategy):\n"
        "    def propose(self, n):\n"
        "        helper.SEEN.append(n)\n"
        "        return self.proposals(self.problem.space.sample(n, self.rng))\n"
    )
    with pytest.raises(HarnessError, match=rf"{STATE}the global 'SEEN' of helper; keep it on `self`"):
        check(f"{tmp_path / 'mine.py'}:Mine")


@pytest.mark.parametrize(
    ("holder", "use", "name"),
    [
        ("class Helper:\n    seen = []\n", "Helper.seen.append(n)", "class Helper.seen"),
        ("SEEN = []\nadd = SEEN.__class__.append.__get__(SEEN)\n", "add(n)", "the global 'SEEN' of mine"),
        (
            "class Memo:\n    def put(self, n):\n        self.n = n\n\nput = Memo().put\n",
            "put(n)",
            "the global 'put' of",
        ),
        ("class Slot:\n    __slots__ = 'n'\n\nslot = Slot()\n", "slot.n = n", "the global 'slot' of mine"),
    ],
    ids=["another class", "a method of a list", "a bound method", "slots"],
)
def test_state_that_hangs_elsewhere_in_the_file_is_found(tmp_path, holder, use, name):
    (tmp_path / "mine.py").write_text(
        f"from harness import Strategy\n\n\n{holder}\n\nclass Mine(Strategy):\n"
        f"    def propose(self, n):\n        {use}\n"
        "        return self.proposals(self.problem.space.sample(n, self.rng))\n"
    )
    with pytest.raises(HarnessError, match=f"{STATE}.*{name}"):
        check(f"{tmp_path / 'mine.py'}:Mine")


def test_a_module_that_is_imported_late_is_no_state(tmp_path, monkeypatch):
    (tmp_path / "helper.py").write_text("SEEN = [1]\nGIVEN = {}\n")
    (tmp_path / "mine.py").write_text(
        "from harness import Strategy\n\n\nclass Mine(Strategy):\n"
        "    def propose(self, n):\n"
        "        import helper, harness.seeding\n"
        "        return self.proposals(self.problem.space.sample(helper.SEEN[0] * n, self.rng))\n"
    )
    monkeypatch.delitem(sys.modules, "harness.seeding")
    assert check(f"{tmp_path / 'mine.py'}:Mine")


def test_a_space_may_keep_caches_of_its_own():
    table = registry.benchmark("graph-cora")
    assert "works under constraints" in check_strategy(registry.strategy("local_search"), benchmark=table)


def test_a_strategy_that_is_written_for_one_space_is_checked_there(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\nfrom harness import Strategy\n\n\nclass Mine(Strategy):\n"
        "    def propose(self, n):\n"
        "        space = self.problem.space\n"
        "        assert space.name == 'nb201', space.name\n"
        "        return self.proposals(space.sample(n, self.rng))\n"
    )
    with pytest.raises(HarnessError, match=r"AssertionError: toy(.|\n)*check NAME --benchmark TABLE"):
        check(f"{path}:Mine")
    rules = check(f"{path}:Mine", "nb201-cifar10")
    assert {"works under a time budget", "survives failed trainings (NaN)", "works under constraints"} <= set(rules)
    assert "works under a time budget" not in check("random_search", "graph-cora"), "a table without times"


def test_a_strategy_that_fails_on_a_benchmark_is_found_there():
    class Fragile(Honest):
        def tell(self, evaluations):
            assert not np.isnan(evaluations.objectives).any()

    with pytest.raises(HarnessError, match="breaks the rule: survives failed trainings"):
        check_strategy(Fragile, benchmark=registry.benchmark("nb201-cifar10"))


def test_a_surrogate_is_checked_on_the_space_of_a_benchmark():
    assert check("ridge", "nb201-cifar10")
    with pytest.raises(HarnessError, match="`--benchmark` is for strategies and surrogates, and 'graph-cora' is a"):
        check("graph-cora", "nb201-cifar10")


class Curious(Ridge):
    """Opens a table whenever it learns."""

    def fit(self, archs, targets, rng, covariates=None):
        with contextlib.suppress(HarnessError):
            registry.oracle("nb201-cifar10")
        return super().fit(archs, targets, rng, covariates)


class Careless(Ridge):
    """Draws from the global generator when it predicts."""

    def predict(self, archs, covariates=None):
        np.random.random()  # noqa: NPY002  # what the check is there to find
        return super().predict(archs, covariates)


@pytest.mark.parametrize(("learner", "rule"), [(Curious, OPENS), (Careless, DRAWS)])
def test_a_learner_that_cheats_is_found_by_its_rule(learner, rule):
    with pytest.raises(HarnessError, match=rule):
        check_surrogate(learner(ToySpace()), np.random.default_rng(0))
