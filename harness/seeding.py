"""Random streams addressed by name, never by position.

A stream is `numpy.random.SeedSequence(root, spawn_key=digest of the path)`: adding a strategy, a benchmark or a
replicate to an experiment cannot move any other stream.  Counter-based draws (`mix64`) give noise that does not depend
on order.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from harness.checks import UInt64Array

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def words(*path: str | int) -> tuple[int, ...]:
    """Return four 32-bit words that identify a path: the head of its SHA-256.

    Parameters
    ----------
    *path : str or int
        Names from general to particular; ``1`` and ``"1"`` are different.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in path)
    digest = hashlib.sha256(text.encode()).digest()
    return tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))


def generator(root: int, *path: str | int) -> np.random.Generator:
    """Return the generator of a path below a root seed."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(root, spawn_key=words(*path))))


def noise_seed(root: int, benchmark: str, replicate: int) -> np.uint64:
    """Return the noise seed of a replicate.

    The strategy's name is left out on purpose: all strategies of a replicate meet the same noise (common random
    numbers), which makes paired tests valid.
    """
    low, high, _, _ = words("noise", root, benchmark, replicate)
    return np.uint64(low | high << 32)


def mix64(values: npt.ArrayLike) -> UInt64Array:
    """Hash 64-bit counters to 64-bit integers, elementwise.

    The finaliser of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).

    Parameters
    ----------
    values : (n,) uint64
        Counters; nearby counters give independent-looking outputs.
    """
    mixed = np.array(values, dtype=np.uint64, ndmin=1)
    mixed += _GOLDEN
    mixed ^= mixed >> np.uint64(30)
    mixed *= _MIX_1
    mixed ^= mixed >> np.uint64(27)
    mixed *= _MIX_2
    mixed ^= mixed >> np.uint64(31)
    return mixed
