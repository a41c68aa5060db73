"""The rhythm of generations: what is bred when, what is learnt, and what becomes of repeats."""

from __future__ import annotations

import numpy as np
import pytest

from strategies.parts.rhythms import Generational
from tests.strategies.support import ToySpace, evaluate, problem, rugged


class Recorder(Generational):
    """Breeds numbered rows (or what it is given), notes them, and records what it learns."""

    def __init__(self, given, size=1, repeats="charge", rows=None, flows=True):
        super().__init__(given, np.random.default_rng(0), repeats=repeats)
        self.size, self.rows = size, rows
        type(self).flows = flows
        self.next, self.generations, self.renewed = 0, [], 0

    def breed(self, n):
        if self.rows is not None:
            archs, self.rows = self.rows[:n], self.rows[n:]
        else:
            numbers = np.arange(self.next, self.next + n, dtype=np.uint64)
            archs = self.problem.space.decode(numbers)
        self.next += len(archs)
        return archs, [f"note {self.next - len(archs) + i}" for i in range(len(archs))]

    def renew(self, archs):
        self.renewed += len(archs)
        return ["random"] * len(archs)

    def learn(self, generation):
        self.generations.append([(told.tag, told.note) for told in generation])


def tell(strategy, proposals, rows):
    strategy.tell(evaluate(proposals.take(list(rows)), rugged))


def archs(*rows):
    return np.array(rows, dtype=np.uint8)


TWO = problem(ToySpace((2, 2)))


class TestOneWorker:
    @pytest.mark.parametrize("order", [range(4), (3, 1, 0, 2)])
    def test_a_generation_is_learnt_whole_in_the_order_of_proposal(self, order):
        strategy = Recorder(problem(), size=4)
        proposals = strategy.ask(4)
        for row in order:
            assert not strategy.generations
            tell(strategy, proposals, [row])
        assert strategy.generations == [[(i, f"note {i}") for i in range(4)]]
        assert strategy.ask(9).tag.tolist() == [4, 5, 6, 7]

    def test_a_generation_of_one_is_the_steady_state(self):
        strategy = Recorder(problem())
        for _ in range(3):
            tell(strategy, strategy.ask(1), [0])
        assert strategy.generations == [[(i, f"note {i}")] for i in range(3)]


class TestIdleWorkers:
    def test_they_get_more_rows_and_the_next_generation_is_smaller_by_what_still_runs(self):
        strategy = Recorder(problem(), size=4)
        first = strategy.ask(4)
        tell(strategy, first, [0, 2])
        more = strategy.ask(1)
        assert more.tag.tolist() == [4]
        tell(strategy, first, [3])
        tell(strategy, more, [0])  # the fourth result; row 1 still runs
        assert [tag for tag, _ in strategy.generations[0]] == [0, 2, 3, 4]
        assert len(strategy.ask(9)) == 3
        tell(strategy, first, [1])
        assert len(strategy.generations) == 1

    def test_they_wait_where_generations_cannot_be_mixed(self):
        strategy = Recorder(problem(), size=4, flows=False)
        first = strategy.ask(4)
        tell(strategy, first, [0, 1, 2])
        assert len(strategy.ask(1)) == 0
        tell(strategy, first, [3])
        assert len(strategy.ask(4)) == 4


class TestRepeats:
    def test_charge_proposes_them_again(self):
        strategy = Recorder(problem(), size=3, rows=archs(*[[0] * 6] * 3))
        assert len(strategy.ask(3)) == 3

    def test_look_up_counts_them_at_once_or_with_the_running_one(self):
        strategy = Recorder(TWO, size=3, repeats="look_up", rows=archs([0, 0], [0, 1], [0, 0], [0, 1], [0, 0], [1, 1]))
        first = strategy.ask(3)
        assert first.archs.tolist() == [[0, 0], [0, 1]]
        tell(strategy, first, [1])
        assert not strategy.generations
        tell(strategy, first, [0])
        assert strategy.generations == [[(0, "note 0"), (1, "note 1"), (2, "note 2")]]
        second = strategy.ask(3)
        assert second.archs.tolist() == [[1, 1]]
        tell(strategy, second, [0])
        assert strategy.generations[1] == [(3, "note 3"), (4, "note 4"), (5, "note 5")]

    def test_a_looked_up_score_is_the_one_that_was_told(self):
        strategy = Recorder(TWO, repeats="look_up", rows=archs([0, 1], [0, 1], [1, 1]))
        learnt = []
        strategy.learn = learnt.extend
        tell(strategy, strategy.ask(1), [0])
        strategy.ask(1)
        assert learnt[0].score == learnt[1].score
        assert learnt[0].arch.tolist() == learnt[1].arch.tolist()

    def test_refuse_breeds_them_anew(self):
        strategy = Recorder(TWO, size=2, repeats="refuse", rows=archs([0, 0], [0, 0], [0, 0], [1, 0]))
        assert strategy.ask(2).archs.tolist() == [[0, 0], [1, 0]]

    @pytest.mark.parametrize("repeats", ["look_up", "refuse"])
    @pytest.mark.parametrize("asked", [1, 3])
    def test_random_ones_replace_what_brings_nothing_new_until_the_space_is_exhausted(self, repeats, asked):
        strategy = Recorder(TWO, size=3, repeats=repeats, rows=archs(*[[0, 0]] * 1000))
        seen = []
        while len(proposals := strategy.ask(asked)):
            seen += proposals.archs.tolist()
            tell(strategy, proposals, range(len(proposals)))
        assert sorted(seen) == [[0, 0], [0, 1], [1, 0], [1, 1]]
        assert strategy.renewed == 3

    def test_the_last_generation_of_an_exhausted_space_is_short(self):
        strategy = Recorder(TWO, size=3, repeats="refuse", rows=archs([0, 0], [0, 1], [1, 0], [1, 1]))
        for _ in range(2):
            proposals = strategy.ask(3)
            tell(strategy, proposals, range(len(proposals)))
        assert len(strategy.ask(1)) == 0
        assert [len(generation) for generation in strategy.generations] == [3, 1]

    def test_identity_says_what_a_repeat_is(self):
        class Halves(ToySpace):
            def _key(self, archs, identity):
                return archs[:, 0].astype(np.uint64)

        strategy = Recorder(problem(Halves((2, 2))), size=2, repeats="refuse", rows=archs([0, 0], [0, 1], [1, 0]))
        strategy.identity = "functional"
        assert strategy.ask(2).archs.tolist() == [[0, 0], [1, 0]]
