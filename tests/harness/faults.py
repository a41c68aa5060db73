"""Faults of a reader, for child processes that are there to die of them."""

from __future__ import annotations

import os
import signal

import numpy as np

MATRIX = np.arange(6, dtype="<i2").reshape(2, 3).T


def echo(content, word=""):
    """Give back what came."""
    return {"word": word, "pid": os.getpid()}, {"bytes": np.frombuffer(content, np.uint8), "matrix": MATRIX}


def crash(_, **__):
    """End as HDF5 does on a damaged byte."""
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(_, **__):
    """Never end."""
    while True:
        pass


def greed(_, **__):
    """Take 20 GB."""
    return len(bytearray(20 * 10**9)), {}


def silence(_, **__):
    """End without an answer."""
    os._exit(0)


def recursion(_, **__):
    """Call itself without an end."""
    return recursion(_)


def complaint(_, **__):
    """Raise with a very long word."""
    raise ValueError("x" * 10**6)


def talk(_, **__):
    """Print."""
    print("noise")  # noqa: T201  # on purpose
    return "said", {}
