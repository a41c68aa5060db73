"""What a strategy may know: objectives and their bounds."""

from __future__ import annotations

from harness.problem import Objective


def test_bounds_are_known_where_the_objective_says_them():
    assert Objective("accuracy", "maximise", "percent", 100.0).bounds == (0.0, 100.0)
    assert Objective("error", "minimise", "percent").bounds == (0.0, 100.0)
    assert Objective("loss", "minimise").bounds is None
    assert Objective("score", "maximise").bounds is None
