"""Kinds of figures by name, and labels at the ends of lines."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
import pytest

from harness.errors import HarnessError
from reports.figures import KINDS
from reports.figures.exhibit import Exhibit
from reports.figures.lines import spread
from reports.figures.render import draw, kind_of


def test_every_kind_is_found_under_its_own_name():
    assert [kind_of(name).name for name in KINDS] == list(KINDS)


def test_an_unknown_kind_imports_nothing_that_a_folder_names():
    exhibit = Exhibit("x", "os:getcwd", pd.DataFrame({"benchmark": ["alpha"]}), {"styles": {}})
    with pytest.raises(HarnessError, match="unknown figure 'os:getcwd'"):
        draw(exhibit)
    with pytest.raises(HarnessError, match="Did you mean 'curves'"):
        kind_of("curve")


def test_labels_are_spread_without_overlap():
    sizes = [0.2, 0.1, 0.3]
    places = spread([0.01, 0.02, 0.03], sizes)
    ends = [(place - size / 2, place + size / 2) for place, size in zip(places, sizes, strict=True)]
    assert ends[0][0] >= -1e-9
    assert all(low >= high - 1e-9 for (_, high), (low, _) in pairwise(ends))
    assert spread([0.1, 0.9], [0.1, 0.1]) == [0.1, 0.9]
