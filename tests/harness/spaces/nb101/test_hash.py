"""The module hash of NAS-Bench-101 and the classes of cells that it makes."""

from __future__ import annotations

import csv
import gzip
import hashlib
from itertools import combinations, permutations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.spaces.nb101.classes import all_classes
from harness.spaces.nb101.hash import ModuleKeys, fingerprints
from harness.spaces.nb101.space import NB101Space
from harness.spaces.nb101.wiring import BITS, OPERATIONS, prune, reach

SPACE = NB101Space()
C3, C1, MP = OPERATIONS


def official_hash(matrix: list[list[int]], labels: list[int]) -> str:
    """Follow the published algorithm step by step, on Python integers."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    size = range(len(labels))
    colours = [md5(str((sum(matrix[v]), sum(row[v] for row in matrix), labels[v]))) for v in size]
    for _ in size:
        before = ["".join(sorted(colours[u] for u in size if matrix[u][v])) for v in size]
        after = ["".join(sorted(colours[u] for u in size if matrix[v][u])) for v in size]
        colours = [md5(f"{before[v]}|{after[v]}|{colours[v]}") for v in size]
    return md5(str(sorted(colours)))


@pytest.mark.parametrize(
    ("text", "module_hash"),
    [
        ("0100 input,output", "043721b9c7fe8c5fad811d47d83132ec"),
        (f"010001000 input,{C3},output", "b49ac8c578b4561d79ac7087988f1c61"),
        (f"010001000 input,{C1},output", "d1269d9156ddc027c40473008192958a"),
        (f"010001000 input,{MP},output", "53cee42601ad14d661bb6878031d6acb"),
        (f"011001000 input,{C3},output", "d32d0b26d534203b48d866facd98cc3e"),
        (
            f"0111010000000100000010000100000000100000010000000 input,{C1},{C3},{C3},{C3},{MP},output",
            "28cfc7874f6d200472e1a9dcd8650aa0",
        ),
        (
            f"0111100000000100000010000001000001000000010000000 input,{C3},{C1},{MP},{C3},{C3},output",
            "28cfc7874f6d200472e1a9dcd8650aa0",
        ),
        (
            f"0100110001000000010010000010000001000000010000000 input,{C3},{MP},{C3},{C3},{C1},output",
            "00005c142e6f48ac74fdcf73e3439874",
        ),
    ],
)
def test_known_hashes(text: str, module_hash: str) -> None:
    arch = SPACE.parse([text])
    assert SPACE.module_hashes(arch) == [module_hash]
    assert SPACE.key(arch).tolist() == [int(module_hash[:16], 16)]


@given(st.integers(0, 2**32 - 1))
def test_hashes_are_those_of_the_plain_algorithm(seed: int) -> None:
    archs = SPACE.sample(25, np.random.default_rng(seed))
    pruned = prune(archs)
    wanted = [
        official_hash(adjacency[:size, :size].tolist(), labels[:size].tolist())
        for adjacency, labels, size in zip(pruned.adjacency, pruned.labels, pruned.vertices.tolist(), strict=True)
    ]
    assert SPACE.module_hashes(archs) == wanted
    assert NB101Space().key(archs).tolist() == [int(told[:16], 16) for told in wanted]


def test_cells_of_seven_vertices_hash_as_the_plain_algorithm_does() -> None:
    """Samples have few of them."""
    wirings = np.flatnonzero(reach().valid & (reach().forward & reach().backward == 127))
    rng = np.random.default_rng(0)
    wired = (rng.choice(wirings, 200)[:, None] & BITS) != 0
    archs = np.concatenate([wired, rng.integers(0, 3, (200, 5))], axis=1).astype(np.uint8)
    pruned = prune(archs)
    wanted = [official_hash(a.tolist(), b.tolist()) for a, b in zip(pruned.adjacency, pruned.labels, strict=True)]
    assert SPACE.module_hashes(archs) == wanted


def test_keys_do_not_depend_on_what_was_asked_before() -> None:
    archs = SPACE.sample(500, np.random.default_rng(0))
    whole, parts = ModuleKeys(), ModuleKeys()
    together = whole(prune(archs))
    rows = np.random.default_rng(1).permutation(len(archs))
    singly = np.concatenate([parts(prune(archs[row : row + 1])) for row in rows])
    assert np.array_equal(singly, together[rows])
    assert np.array_equal(whole(prune(archs)), together)
    assert SPACE.key(archs[:0]).shape == (0,)


def test_a_cell_without_a_path_has_no_module() -> None:
    assert SPACE.key(np.zeros((2, 26), dtype=np.uint8)).tolist() == [0, 0]


def isomorphism_classes(size: int) -> int:
    """Count labelled cells of which none of `size` vertices can be pruned, up to the order of inner vertices."""
    inner = range(1, size - 1)
    pairs = list(combinations(range(size), 2))
    classes = set()
    for bits in product((0, 1), repeat=len(pairs)):
        edges = [pair for pair, bit in zip(pairs, bits, strict=True) if bit]
        has_source, has_target = {b for _, b in edges}, {a for a, _ in edges}
        if len(edges) > 9 or has_source != set(range(1, size)) or has_target != set(range(size - 1)):
            continue  # in an acyclic graph, these are the cells with a vertex on no path
        orders = [dict(zip(range(size), (0, *order, size - 1), strict=True)) for order in permutations(inner)]
        for operations in product(range(3), repeat=size - 2):
            labels = (0, *operations, 0)
            classes.add(
                min(
                    (
                        tuple(sorted((new[a], new[b]) for a, b in edges)),
                        tuple(labels[v] for v in sorted(new, key=new.get)),
                    )
                    for new in orders
                )
            )
    return len(classes)


@pytest.mark.parametrize(("size", "count"), [(2, 1), (3, 6), (4, 84), (5, 2_441)])
def test_classes_of_small_cells_are_those_of_isomorphism(size: int, count: int) -> None:
    blocks = dict(zip(range(2, 6), all_classes(), strict=False))
    assert len(blocks[size]) == isomorphism_classes(size) == count
    assert (prune(blocks[size]).vertices == size).all()
    assert len(set(SPACE.module_hashes(blocks[size]))) == count


def test_samples_fall_into_the_listed_classes() -> None:
    archs = SPACE.sample(3_000, np.random.default_rng(0))
    archs = archs[prune(archs).vertices <= 5]
    listed = np.concatenate([block for block, _ in zip(all_classes(), range(4), strict=False)])
    assert np.isin(SPACE.key(archs), SPACE.key(listed)).all()


@pytest.mark.slow
def test_there_are_423_624_classes_and_as_many_hashes() -> None:
    archs = np.concatenate(list(all_classes()))
    assert len(archs) == 423_624
    assert SPACE.is_valid(archs).all()
    assert len(np.unique(SPACE.key(archs))) == 423_624
    assert len(set(SPACE.module_hashes(archs))) == 423_624


@pytest.mark.slow
def test_fingerprints_part_labelled_cells_as_the_official_hash_does() -> None:
    """Every labelled cell of six vertices: one fingerprint if and only if one plainly computed hash."""
    from harness.spaces.nb101.classes import labelled

    pruned = prune(labelled(6))
    adjacency, labels = pruned.adjacency[:, :6, :6], pruned.labels[:, :6]
    mine = np.unique(fingerprints(adjacency, labels), return_inverse=True)[1]
    plain = [official_hash(a, b) for a, b in zip(adjacency.tolist(), labels.tolist(), strict=True)]
    pairs = set(zip(mine.tolist(), plain, strict=True))
    assert len(pairs) == len(set(mine.tolist())) == len(set(plain)) == 62_010


@pytest.mark.data
def test_hashes_of_the_published_small_cells(shared_data: Path) -> None:
    with gzip.open(shared_data / "ecnas_nb101_subspaces.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    texts = []
    for row in rows:
        names = [OPERATIONS[int(code)] for code in row["ops"].split(",") if code]
        texts.append(f"{row['adj']} {','.join(['input', *names, 'output'])}")
    assert len(texts) == 5_567
    assert SPACE.module_hashes(SPACE.parse(texts)) == [row["module_hash"] for row in rows]
