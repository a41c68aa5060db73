"""Edits that keep the function of a network: the tables of each space, and where climbing by them alone leads."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest

from harness import registry
from harness.checks import Archs, FloatArray
from harness.errors import HarnessError
from harness.space import SearchSpace
from harness.spaces import named
from harness.spaces.nb101.costs import vertex_channels
from harness.spaces.nb101.wiring import prune
from harness.spaces.rows import RowsSpace

NB201, NB101 = named.space("nb201"), named.space("nb101")


def closure(space: SearchSpace, start: Archs) -> set[tuple[int, ...]]:
    """Return every architecture that morphisms lead to, the start too."""
    found, waiting = {tuple(start.tolist())}, [start]
    while waiting:
        children = {tuple(child) for child in space.morphisms(waiting.pop()).tolist()} - found
        found |= children
        waiting += [np.array(child, dtype=np.uint8) for child in children]
    return found


def test_numbers_of_morphisms_of_nb201_are_two_for_none_one_for_a_small_convolution():
    archs = NB201.sample(200, np.random.default_rng(0))
    expected = (2 * (archs == 0) + (archs == 2)).sum(axis=1)
    assert [len(NB201.morphisms(arch)) for arch in archs] == expected.tolist()
    assert len(NB201.morphisms(np.zeros(6, dtype=np.uint8))) == 12
    assert NB201.morphisms(np.ones(6, dtype=np.uint8)).shape == (0, 6)


def test_from_nothing_morphisms_lead_to_the_729_cells_of_none_and_convolutions():
    assert closure(NB201, np.zeros(6, dtype=np.uint8)) == set(product((0, 2, 3), repeat=6))


def errors(name: str) -> FloatArray:
    """Return the mean validation error of every cell of NAS-Bench-201, in percent."""
    oracle = registry.oracle(name)
    return 100.0 - oracle.mean(NB201.all_codings, oracle.validation)


@pytest.mark.parametrize(
    ("name", "best", "end", "evaluations", "steps"),
    [
        ("nb201-cifar10", 0.895, 1.408, 51, 7),
        ("nb201-cifar100", 2.047, 5.773, 23, 1),
        ("nb201-imagenet16", 0.217, 3.544, 56, None),
    ],
)
def test_climbing_by_morphisms_ends_where_it_is_known_to(name, best, end, evaluations, steps):
    """From the cell of nothing, to the best child while it is better; none has the skip that the optimum has.

    Each child counts once for each parent, though a 3x3 may have been a child before.
    """
    error = errors(name)
    reached = NB201.positions(np.array(sorted(closure(NB201, np.zeros(6, dtype=np.uint8)))))
    assert round(error[reached].min() - error.min(), 3) == best
    here, told, moves = np.zeros(6, dtype=np.uint8), 1, 0
    while len(children := NB201.morphisms(here)):
        places = NB201.positions(children)
        told += len(places)
        if error[places].min() >= error[NB201.positions(here[None])[0]]:
            break
        here, moves = children[error[places].argmin()], moves + 1
    assert round(error[NB201.positions(here[None])[0]] - error.min(), 3) == end
    assert (told, moves) == (evaluations, steps or moves)
    if name == "nb201-cifar10":
        assert here.tolist() == [3] * 6


def nb101(*texts: str) -> list[str]:
    """Return the hashes of cells."""
    return sorted(NB101.module_hashes(NB101.parse(texts)))


def test_morphisms_of_small_cells_of_nb101_are_the_known_ones():
    small, large, pool = "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"

    def children(text: str) -> list[str]:
        return sorted(NB101.module_hashes(NB101.morphisms(NB101.parse([text])[0])))

    chain = "010001000 input,{},output"
    longer = "0100001000010000 input,{},{},output"
    assert children(chain.format(small)) == nb101(
        chain.format(large), f"011001000 input,{small},output", longer.format(small, small), longer.format(small, large)
    )
    assert children(chain.format(pool)) == nb101(
        f"011001000 input,{pool},output", longer.format(pool, small), longer.format(pool, large)
    )
    assert NB101.morphisms(NB101.parse(["0100 input,output"])[0]).shape == (0, 26)


def test_equal_cells_among_the_morphisms_of_nb101_are_one():
    """On a chain of 3x3 convolutions a new one can stand anywhere and is the same; a 1x1 is not."""
    convolutions = ",".join(["conv3x3-bn-relu"] * 3)
    (arch,) = NB101.parse([f"0100000100000100000100000 input,{convolutions},output"])
    children = NB101.morphisms(arch)
    assert len(np.unique(NB101.key(children))) == len(children) == 3 + 1 + 3
    longer = children[prune(children).vertices == 6]
    assert (prune(longer).labels == 1).sum(axis=1).tolist() == [0, 1, 1, 1]


def test_morphisms_of_nb101_leave_the_channels_of_the_parent_as_they_are():
    for arch in NB101.sample(150, np.random.default_rng(0)):
        children = NB101.morphisms(arch)
        if not len(children):
            continue
        before = prune(arch[None])
        widths = Counter(vertex_channels(before, 128, 256)[0, : before.vertices[0]].tolist())
        after = prune(children)
        for row, child in enumerate(vertex_channels(after, 128, 256)):
            more = Counter(child[: after.vertices[row]].tolist())
            assert widths <= more
            assert more.total() - widths.total() == after.vertices[row] - before.vertices[0] <= 1
        assert (after.adjacency.sum(axis=(1, 2)) <= 9).all()


def test_kernels_of_darts_and_widths_of_sizes_grow():
    for name in ("darts", "darts-none"):
        space = named.space(name)
        archs = space.sample(20, np.random.default_rng(0))
        operations = [*range(2), 3, 4, 6, 7, 9, 10]
        genes = [*operations, *(11 + gene for gene in operations)]
        small = [space.operations.index("sep_conv_3x3"), space.operations.index("dil_conv_3x3")]
        for arch in archs:
            children = space.morphisms(arch)
            assert len(children) == np.isin(arch[genes], small).sum()
            assert ((children.astype(int) - arch).sum(axis=1) == 1).all()
    sizes = named.space("nats-size")
    assert len(sizes.morphisms(np.array([0, 7, 5, 7, 7]))) == 7 + 2
    assert len(closure(sizes, np.array([5, 6, 7, 7, 7], dtype=np.uint8))) == 3 * 2


def test_blocks_grow_but_not_where_the_shape_changes():
    macro = named.space("macro")
    assert len(macro.morphisms(np.zeros(8, dtype=np.uint8))) == 2 * 5
    assert len(macro.morphisms(np.ones(8, dtype=np.uint8))) == 8
    assert len(macro.morphisms(np.full(8, 2, dtype=np.uint8))) == 0
    mnasnet = named.space("mnasnet")
    grown = [
        mnasnet.format(mnasnet.morphisms(mnasnet.parse([" ".join([block] * 7)])[0])) for block in ("e1k3l3", "e4k5l2")
    ]
    assert sum(text.startswith("e1k5l3 ") for text in grown[0]) == 1
    assert len(grown[0]) == 7 + 1  # kernels; a fourth layer of block 5
    assert len(grown[1]) == 7 + 7 + 1


def test_a_space_without_morphisms_says_so():
    for name in ("graph", "asr", "transnas-micro", "transnas-macro"):
        assert not named.space(name).has_morphisms
        with pytest.raises(HarnessError, match=f"'{name}' knows no edits that keep the function"):
            named.space(name).morphisms(named.space(name).sample(1, np.random.default_rng(0))[0])


def test_of_a_part_of_the_rows_morphisms_are_rows():
    rows = np.array([[0] * 6, [2, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 3], [3, 3, 0, 0, 0, 0]], dtype=np.uint8)
    space = RowsSpace(NB201, rows)
    assert space.has_morphisms
    assert space.morphisms(rows[0]).tolist() == [rows[1].tolist(), rows[2].tolist()]
    assert space.morphisms(rows[3]).shape == (0, 6)
