"""Spaces in files: TOML and classes, known by their content."""

from __future__ import annotations

import numpy as np
import pytest

from harness.cli import architecture
from harness.cli import describe as descriptions
from harness.errors import HarnessError
from harness.spaces import named
from harness.spaces.categorical import CategoricalSpace
from harness.testing.conformance import check

CELLS = '[cells]\nnodes = 3\noperations = ["none", "skip_connect", "nor_conv_3x3"]\n'
GENES = """
[genes]
layers = { from = 1, to = 3 }
activation = ["relu", "tanh"]
dropout = { values = [0.0, 0.1, 0.5], ordinal = true }
bias = [true, false]
second = { from = 16, to = 64, step = 16, when = { layers = [2, 3], activation = "relu" } }
"""
CLASS = """
from harness.spaces.own.cells import CellSpace

class Mine(CellSpace):
    '''Three nodes.'''
    def __init__(self):
        super().__init__("mine", ["none", "skip_connect", "nor_conv_1x1"], nodes=3)

class Picky(Mine):
    def is_valid(self, archs):
        return super().is_valid(archs) & (archs != 0).any(axis=1)

class NoSpace:
    pass

class Needy(CellSpace):
    pass
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with one file of each kind."""
    (tmp_path / "cells.toml").write_text(CELLS)
    (tmp_path / "genes.toml").write_text(GENES)
    (tmp_path / "mine.py").write_text(CLASS)
    return tmp_path


def test_genes_are_read_with_kinds_and_conditions(folder):
    space = named.space(str(folder / "genes.toml"))
    assert (space.name, list(space.values)) == ("genes", ["layers", "activation", "dropout", "bias", "second"])
    assert space.values["second"] == ("16", "32", "48", "64", "none")
    assert space.ordinal == ("layers", "dropout", "second")
    assert space.parse(["layers=1, activation=relu, dropout=0.1, bias=true, second=none"]).tolist() == [[0, 0, 1, 0, 4]]
    assert space.facts()["valid"] == 3 * 2 * 3 * 2 + 2 * 3 * 2 * (4 - 1)


def test_genes_without_conditions_are_a_grid(folder):
    (folder / "grid.toml").write_text("name = 'mine'\n[genes]\nwidth = [8, 16]\ndepth = { from = 1, to = 2 }\n")
    space = named.space(str(folder / "grid.toml"))
    assert type(space) is CategoricalSpace
    assert (space.name, space.ordinal) == ("mine", ("depth",))


@pytest.mark.parametrize("name", ["cells.toml", "genes.toml", "mine.py:Mine"])
def test_a_file_stands_where_the_name_of_a_space_does(folder, name):
    path = str(folder / name)
    assert named.is_space(path)
    assert len(check(path)) >= 25
    facts = descriptions.describe(path)
    assert (facts["kind"], facts["benchmarks"]) == ("space", [])
    space = named.space(path)
    text = space.format(space.sample(1, np.random.default_rng(0)))[0]
    assert architecture.describe(text, path)["architecture"] == text
    with pytest.raises(HarnessError, match="is a search space: leave it out"):
        check(path, benchmark="toy")


def test_what_digests_see_is_the_content_and_no_path(folder, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "cells.toml").write_text(f"# the same\n{CELLS}")
    texts = [named.content_of(named.space(str(place / "cells.toml"))) for place in (folder, tmp_path / "deep")]
    assert texts[0] == texts[1]
    assert str(folder) not in texts[0]
    assert named.content_of(named.space("nb201")) == "nb201"
    assert named.space(texts[0]).network == "cells:3:none,skip_connect,nor_conv_3x3"


def test_a_class_that_says_more_than_its_definition_is_kept_in_no_table(folder):
    assert '"kind": "cells"' in named.content_of(named.space(f"{folder / 'mine.py'}:Mine"))
    picky = named.space(f"{folder / 'mine.py'}:Picky")
    with pytest.raises(HarnessError, match="its class says more than a definition could"):
        named.content_of(picky)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.toml", "there is no file of a search space"),
        ("mine.py", "'FILE.toml' or 'FILE.py:Class'"),
        ("mine.py:Nine", "Did you mean 'Mine'"),
        ("mine.py:NoSpace", "must be a subclass of harness.SearchSpace"),
        ("mine.py:Needy", "must be made without arguments"),
        ("data.csv", "'FILE.toml' or 'FILE.py:Class'"),
    ],
)
def test_what_is_no_file_of_a_space_is_refused(folder, name, told):
    with pytest.raises(HarnessError, match=told):
        named.space(str(folder / name))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must list .genes., for example"),
        (CELLS + GENES, "and not both"),
        ("colour = 1\n" + CELLS, "unknown key of a space 'colour'"),
        ("name = 3\n" + CELLS, "`name` must be a text"),
        ('name = "a\\nb"\n' + CELLS, "`name` must be a text of one line"),
        ('name = "nb201"\n' + CELLS, "not be that of a space of this program"),
        ('[cells]\noperations = ["none", "skip_connect"]\nnode = 3', "Did you mean 'nodes'"),
        ("[cells]\nnodes = 3", "`operations` must be a list of names"),
        ("[genes]\n", "must be a table of keys and values"),
        ("[genes]\na = 3", "`values of a` must be a list"),
        ("[genes]\na = { value = [1] }", "Did you mean 'values'"),
        ("[genes]\na = { from = 1 }", "`to of a` must be an integer"),
        ("[genes]\na = { from = 3, to = 1 }", "`range of a` must go up"),
        ("[genes]\na = { from = 1, to = 3, values = [1] }", "leave one of them out"),
        ("[genes]\na = { values = [1, 2], ordinal = 1 }", "`ordinal of a` must be true or false"),
        ("[genes]\na = { values = [1, 2], when = 3 }", "`when of a` must be a table"),
        ("[genes]\na = [1, 1]", "all different"),
    ],
)
def test_what_a_file_says_wrongly_is_told_with_its_path(folder, text, told):
    (folder / "wrong.toml").write_text(text)
    with pytest.raises(HarnessError, match=told):
        named.space(str(folder / "wrong.toml"))


def test_an_unknown_name_tells_how_ones_own_is_written():
    with pytest.raises(HarnessError, match=r"One of your own is written 'FILE\.toml' or 'FILE\.py:Class'"):
        named.space("nb210")
