"""The greedy ensemble: Caruana's steps by hand, with replacement, ties, and what can never happen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.training.ensemble import Ensemble, select


def binary(*rows):
    """Return probabilities of two classes from those of class 1: (m, n) to (m, n, 2)."""
    ones = np.array(rows, dtype=float)
    return np.stack([1 - ones, ones], axis=2)


def test_a_hand_made_example_with_replacement():
    """Labels all 1.  A gets items 0-2, B items 2-3, C item 3 alone, but by far.

    First A, with 3 right.  A + B: means .6 .6 .55 .475 -> 3 right; A + C: .525 .525 .4 .65 -> 3; A + A: 3.  Of these
    A + C has the smallest cross-entropy of none: by hand, -ln of the means' product: A + B .6 * .6 * .55 * .475 = .094,
    A + C .525 * .525 * .4 * .65 = .0717, A + A .8 * .8 * .6 * .35 = .134.  So A is taken again.  Then A + A + C: means
    .617 .617 .467 .55 -> 3 of them; A + A + B: .667 .667 .567 .4333 -> 3; A + A + A 3.  A + A + B's product is .109,
    A + A + C's .0977: A a third time.  Then A + A + A + C: .6625 .6625 .5 .5 -> 2.
    """
    probabilities = binary([0.8, 0.8, 0.6, 0.35], [0.4, 0.4, 0.5 + 1e-9, 0.6], [0.25, 0.25, 0.2, 0.95])
    labels = np.ones(4, dtype=np.int64)
    found = select(probabilities, labels, size=3)
    assert found.path == (3, 3, 3)
    assert found.members == (0,), "the smallest of equal ones is returned"


def test_a_member_that_is_taken_twice_counts_twice():
    """A A B gets all three items: B pulls item 2 up, which once more of A pulls the others back.

    Of labels all 1: A .9 .55 .3, B .1 .45 .95.  A has 2 right; A + B: .5 (class 0, the first of equal ones), .5, .625
    -> 1; A + A 2; then A + A + B: .633 .517 .517 -> 3.
    """
    found = select(binary([0.9, 0.55, 0.3], [0.1, 0.45, 0.95]), np.ones(3, dtype=np.int64), size=3)
    assert (found.members, found.path) == ((0, 0, 1), (2, 2, 3))
    assert found.predict(binary([0.9, 0.55, 0.3], [0.1, 0.45, 0.95])).tolist() == [1, 1, 1]


def test_ties_go_to_the_smaller_cross_entropy_and_then_to_the_first():
    labels = np.array([1, 1])
    assert select(binary([0.6, 0.6], [0.9, 0.9], [0.9, 0.9]), labels).members == (1,)
    assert select(binary([0.6, 0.9], [0.9, 0.6]), labels, size=1).members == (0,)


def test_two_networks_that_err_apart_are_joined():
    probabilities = binary([0.9, 0.9, 0.4, 0.9], [0.4, 0.9, 0.9, 0.4])
    found = select(probabilities, np.ones(4, dtype=np.int64))
    assert set(found.members) == {0, 1}
    assert max(found.path) == 4


probabilities = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).dirichlet([0.5] * 3, size=(4, 12)).astype(np.float32)
)


@given(probabilities, st.integers(1, 12))
def test_it_is_never_worse_than_the_best_network_on_what_it_was_selected_on(drawn, size):
    labels = np.arange(12) % 3
    found = select(drawn, labels, size=size)
    alone = np.count_nonzero(drawn.argmax(2) == labels, axis=1)
    assert found.path[0] == alone.max() == alone[found.members[0]]
    right = np.count_nonzero(found.predict(drawn) == labels)
    assert right == found.path[len(found.members) - 1] == max(found.path) >= alone.max()
    assert len(found.path) == size


@given(probabilities, st.permutations(range(12)))
def test_the_order_of_items_changes_nothing(drawn, order):
    labels = np.arange(12) % 3
    assert select(drawn[:, order], labels[order], size=5).path == select(drawn, labels, size=5).path


def test_the_mean_is_that_of_the_members():
    drawn = np.random.default_rng(0).dirichlet([1.0] * 4, size=(3, 50))
    found = Ensemble((2, 0, 2), (1,))
    assert found.predict(drawn).tolist() == ((2 * drawn[2] + drawn[0]) / 3).argmax(1).tolist()


@pytest.mark.parametrize("shape", [(0, 5, 2), (3, 0, 2), (3, 4, 2), (3, 5)])
def test_what_is_no_library_of_predictions_is_refused(shape):
    with pytest.raises(HarnessError, match=r"\(m, 5, K\)"):
        select(np.zeros(shape), np.zeros(5, dtype=np.int64))
