from __future__ import annotations

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.seeding import generator, mix64, noise_seed, words


def test_the_address_of_a_stream_never_changes():
    """Recorded once: another value here would move every run of every user."""
    assert words("strategy", "bananas", 3) == (3113299106, 1994277165, 1087031609, 4149217392)
    assert noise_seed(0, "nb201-cifar10", 0) == np.uint64(10941702124075627244)


def test_mix64_is_the_finaliser_of_splitmix64():
    """First outputs of SplitMix64 from state 0, as published with the algorithm."""
    steps = np.arange(3, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert [hex(int(value)) for value in mix64(steps)] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_a_number_and_its_text_are_different_names():
    assert words(1) != words("1")
    assert words("a", "b") != words("ab")


@given(st.lists(st.text(max_size=5), min_size=1, max_size=3, unique=True), st.integers(0, 2**32))
def test_streams_are_told_apart_by_name_alone(names, root):
    draws = {name: generator(root, name).integers(2**62) for name in names}
    again = {name: generator(root, name).integers(2**62) for name in reversed(names)}
    assert draws == again
    assert len(set(draws.values())) == len(names)


def test_roots_give_different_streams():
    assert generator(0, "a").integers(2**62) != generator(1, "a").integers(2**62)


def test_noise_seeds_of_replicates_differ_and_do_not_know_the_strategy():
    seeds = {int(noise_seed(0, benchmark, replicate)) for benchmark in ("a", "b") for replicate in range(500)}
    assert len(seeds) == 1000


def test_hash_randomisation_does_not_reach_the_streams():
    code = (
        "from harness.seeding import *;"
        "print(words('a', 1), generator(3, 'x', 2).integers(2**62), noise_seed(1, 'b', 2))"
    )
    outputs = set()
    for seed in ("0", "1", "77"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        outputs.add(run.stdout)
    assert len(outputs) == 1


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=50, unique=True))
def test_mix64_is_a_bijection_and_works_elementwise(values):
    array = np.array(values, dtype=np.uint64)
    mixed = mix64(array)
    assert len(np.unique(mixed)) == len(values)
    assert np.array_equal(mixed[::-1], mix64(array[::-1]))
    assert np.array_equal(array, np.array(values, dtype=np.uint64)), "the argument is left alone"


def test_mix64_spreads_neighbouring_counters_evenly():
    """Remainders by 3, as a draw among three table seeds uses them: chi-square of 2 degrees below its 99.9 % point."""
    counts = np.bincount((mix64(np.arange(30_000)) % np.uint64(3)).astype(int), minlength=3)
    assert np.sum((counts - 10_000) ** 2 / 10_000) < 13.8
