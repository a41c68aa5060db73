"""Architectures as people write them: names and texts are taken, numbers where it is said what they mean."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data.importers.own import table as own_table
from harness.errors import TableError
from harness.spaces import named
from tests.harness.spaces.darts.genotypes import configuration

NB201 = named.space("nb201")
ARCHS = NB201.decode(np.arange(0, 15625, 625, dtype=np.uint64))
VALUES = [50 + 0.5 * row for row in range(len(ARCHS))]
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ("0-1", "0-2", "1-2", "0-3", "1-3", "2-3")
OTHER_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
OTHER_EDGES = ("0-1", "0-2", "0-3", "1-2", "1-3", "2-3")
DESCRIPTION = """
name = "toy"
title = "Toy"
validation = "acc"
{}
[columns.acc]
unit = "percent"
direction = "maximise"
split = "x-valid"
"""


@pytest.fixture
def taken(tmp_path):
    """Return a function that imports lines, with keys in the description."""

    def read(header, rows, keys):
        data, told = tmp_path / "data.csv", tmp_path / "t.toml"
        lines = [";".join([*map(str, row), str(value)]) for row, value in zip(rows, VALUES, strict=False)]
        data.write_text("\n".join([";".join([*header, "acc"]), *lines]) + "\n")
        told.write_text(DESCRIPTION.format(keys))
        said = []
        return own_table.read(data, told, say=said.append), said

    return read


def toml(names):
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


COLUMNS = [f"op{gene}" for gene in range(6)]
KNOWN = 'space = "nb201"\narchitecture = ' + toml(COLUMNS) + "\n"
NUMBERED = f"operations = {toml(OPERATIONS)}\nedges = {toml(EDGES)}\n"
OTHERWISE = f"operations = {toml(OTHER_OPERATIONS)}\nedges = {toml(OTHER_EDGES)}\n"


def names(archs):
    return np.asarray(OPERATIONS)[archs].tolist()


def otherwise(archs):
    """Return the same cells in the other numbering and order."""
    codes = np.array([OTHER_OPERATIONS.index(name) for name in OPERATIONS])[archs]
    return codes[:, [EDGES.index(edge) for edge in OTHER_EDGES]]


def test_numbers_for_a_known_space_are_not_taken_by_a_numbering_that_nobody_stated(taken):
    for rows in (ARCHS.tolist(), otherwise(ARCHS).tolist()):
        with pytest.raises(TableError) as caught:
            taken(COLUMNS, rows, KNOWN)
        told = str(caught.value)
        assert "line 2, column 'op0': a number is no value of the space 'nb201'" in told
        assert "operations = [" in told
        assert "edges = [" in told
        assert "25 lines are so:" in told
        for half in NUMBERED.splitlines():
            with pytest.raises(TableError, match="a number is no value of the space 'nb201'"):
                taken(COLUMNS, rows, KNOWN + half + "\n")


def test_numbers_are_taken_as_the_description_says(taken):
    ours, _ = taken(COLUMNS, ARCHS.tolist(), KNOWN + NUMBERED)
    theirs, said = taken(COLUMNS, otherwise(ARCHS).tolist(), KNOWN + OTHERWISE)
    assert np.array_equal(ours.archs, ARCHS)
    assert np.array_equal(theirs.archs, ARCHS)
    assert said[-1] == "genes as `edges` says: op0 = 0-1, op1 = 0-2, op2 = 0-3, op3 = 1-2, op4 = 1-3, op5 = 2-3"


def test_names_of_operations_are_taken_and_the_order_of_edges_said(taken):
    table, said = taken(COLUMNS, names(ARCHS), KNOWN)
    assert np.array_equal(table.archs, ARCHS)
    assert "genes in the order of the space 'nb201': op0 = 0-1, op1 = 0-2, op2 = 1-2, op3 = 0-3" in said[-1]
    places = [EDGES.index(edge) for edge in OTHER_EDGES]
    moved = [[row[place] for place in places] for row in names(ARCHS)]
    assert np.array_equal(taken(COLUMNS, moved, KNOWN + f"edges = {toml(OTHER_EDGES)}\n")[0].archs, ARCHS)
    words = {"zero": "none", "id": "skip_connect", "c1": "nor_conv_1x1", "c3": "nor_conv_3x3", "pool": "avg_pool_3x3"}
    back = {name: word for word, name in words.items()}
    told = "operations = { " + ", ".join(f'{word} = "{name}"' for word, name in words.items()) + " }\n"
    own = [[back[name] for name in row] for row in names(ARCHS)]
    assert np.array_equal(taken(COLUMNS, own, KNOWN + told)[0].archs, ARCHS)
    with pytest.raises(TableError, match=r"unknown value of 0-1 'nor_conv_3x4'\. Did you mean 'nor_conv_3x3'"):
        taken(COLUMNS, [["nor_conv_3x4", *names(ARCHS)[0][1:]]], KNOWN)


def test_one_column_of_texts_is_read_in_the_forms_of_the_field(taken):
    known = 'space = "nb201"\narchitecture = "arch"\n'
    assert np.array_equal(taken(["arch"], [[text] for text in NB201.format(ARCHS)], known)[0].archs, ARCHS)
    table, said = taken(["arch"], [[tuple(row)] for row in otherwise(ARCHS).tolist()], known)
    assert np.array_equal(table.archs, ARCHS)
    assert said[-1].startswith("arch: tuples of NASLib, 0 skip_connect, 1 none, 2 nor_conv_3x3")
    for form in (lambda row: list(row), lambda row: "".join(map(str, row)), lambda row: " ".join(map(str, row))):
        rows = [[form(row)] for row in ARCHS.tolist()]
        with pytest.raises(TableError, match="line 2, column 'arch': `architecture` must read"):
            taken(["arch"], rows, known)
        assert np.array_equal(taken(["arch"], rows, known + NUMBERED)[0].archs, ARCHS)
    with pytest.raises(TableError, match="must have 6 parts"):
        taken(["arch"], [["1 2 3"]], known + NUMBERED)


@pytest.mark.parametrize(
    ("space", "genes"),
    [
        ("transnas-micro", 6),
        ("nats-size", 5),
        ("macro", 8),
        ("graph", 5),
        ("mnasnet", 28),
    ],
)
def test_every_space_with_names_takes_them_and_refuses_numbers(taken, space, genes):
    known = named.space(space)
    archs = known.sample(5, np.random.default_rng(0))
    archs = np.unique(archs, axis=0)
    choices = [list(values) for values in known.choices().values()]
    assert [len(values) for values in choices] == known.cardinalities.tolist()
    columns = [f"g{gene}" for gene in range(genes)]
    keys = f'space = "{space}"\narchitecture = {toml(columns)}\n'
    rows = [[choices[gene][code] for gene, code in enumerate(row)] for row in archs.tolist()]
    assert np.array_equal(taken(columns, rows, keys)[0].archs, archs)
    if space != "mnasnet":  # where some values are codes, too
        with pytest.raises(TableError):
            taken(columns, archs.tolist(), keys)


def test_a_space_without_names_of_genes_is_given_by_its_strings(taken):
    columns = [f"g{gene}" for gene in range(22)]
    with pytest.raises(TableError, match=r"no names of their own: give its string, architecture = \"COLUMN\""):
        taken(columns, [[0] * 22], f'space = "darts"\narchitecture = {toml(columns)}\n')


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("operations = []\n", "`operations` must list the name of each number"),
        ('operations = ["conv"]\n', "unknown operation of the space 'nb201' 'conv'"),
        ('edges = ["0-1"]\n', "`edges` must name each of 0-1, 0-2, 1-2"),
        ("operations = 3\n", "`operations` must list"),
    ],
)
def test_a_numbering_that_is_none_is_told(taken, keys, message):
    with pytest.raises(TableError, match=message):
        taken(COLUMNS, ARCHS.tolist(), KNOWN + keys)


def test_all_values_of_a_column_make_a_gene(taken):
    rows = [(16, "relu", "x"), (8, "tanh", ""), ("8.0", "relu", "y"), (32, "gelu", "x")]
    genes = '[space.genes]\nwidth = { values = "column", ordinal = true }\nactivation = "column"\n'
    genes += 'kind = { values = ["x", "y"], inactive = "none" }\n'
    table, _ = taken(["width", "activation", "kind"], rows, genes)
    assert '"width": ["8", "16", "32"]' in table.meaning.space_definition
    assert '"activation": ["gelu", "relu", "tanh"]' in table.meaning.space_definition
    assert '"kind": ["x", "y", "none"]' in table.meaning.space_definition
    assert table.archs.tolist() == [[1, 1, 0], [0, 2, 2], [0, 1, 1], [2, 0, 0]]
    space = named.defined(table.meaning.space_definition)
    assert "width: 8, 16, 32 (ordinal)" in space.description
    assert "none where an architecture does not have it" in space.description
    with pytest.raises(TableError, match='inactive = "none"'):
        taken(["width", "activation", "kind"], rows, genes.replace(', inactive = "none"', ""))


@pytest.mark.parametrize(
    ("gene", "message"),
    [
        ('"all"', "`values of width` must be a list, or 'column'"),
        ("{ value = [1] }", "unknown key of the gene width 'value'. Did you mean 'values'"),
        ('{ values = [1], ordinal = "yes" }', "`ordinal of width` must be true or false"),
        ('{ values = [1], ordinal = true, inactive = "none" }', "cannot be ordinal and have an inactive value"),
        ('{ values = [1], inactive = "" }', "`inactive of width` must be the text"),
    ],
)
def test_a_gene_that_breaks_a_rule_is_told(taken, gene, message):
    with pytest.raises(TableError, match=message):
        taken(["width"], [[1]], f"[space.genes]\nwidth = {gene}\n")


def test_configurations_of_nas_bench_301_may_have_a_column_for_each_key(taken):
    space = named.space("darts")
    archs = space.sample(6, np.random.default_rng(0))
    told = [configuration(arch) for arch in archs]
    keys = sorted({key for row in told for key in row})
    rows = [[row.get(key, "") for key in keys] for row in told]
    begin = keys[0].rpartition(":")[0]
    table, said = taken(keys, rows, f'space = "darts"\narchitecture = "{begin}:*"\n')
    assert np.array_equal(table.archs, archs)
    assert said[-1].endswith("configurations of NAS-Bench-301")
    with pytest.raises(TableError, match="no column whose name begins with 'darts:'"):
        taken(keys, rows, 'space = "darts"\narchitecture = "darts:*"\n')


def test_genotypes_of_logs_are_read_and_those_that_are_none_counted(taken):
    space = named.space("darts")
    archs = space.sample(6, np.random.default_rng(0))
    rows = [[f'"genotype = {text}"'] for text in space.format(archs)]
    known = 'space = "darts"\narchitecture = "cell"\n'
    assert np.array_equal(taken(["cell"], rows, known)[0].archs, archs)
    broken = [[row[0].replace("normal_concat", "normal_cat")] for row in rows]
    with pytest.raises(TableError) as caught:
        taken(["cell"], [rows[0], *broken], known)
    assert "line 3, column 'cell': `architecture` must read 'Genotype(" in str(caught.value)
    assert "6 lines are so:" in str(caught.value)
    none = [[row[0].replace("avg_pool_3x3", "none")] for row in rows]
    assert taken(["cell"], none, known.replace("darts", "darts-none"))[0].meaning.space == "darts-none"
