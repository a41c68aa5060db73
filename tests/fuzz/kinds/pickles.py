"""Pickles: opcodes by a grammar, whole ones with changed bytes, and those that once failed; read by every reader."""

from __future__ import annotations

import bz2
import pickle
import pickletools
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.importers.nats_bench import files as nats
from benchmarks_data.importers.safe import pandas_pickle, torch_file, unpickle
from benchmarks_data.importers.safe.confined import confined
from harness.errors import shown
from tests.fuzz import corpus
from tests.fuzz.mutations import of_bytes
from tests.fuzz.runner import Draw, Kind

READERS: Mapping[str, Callable[[Path], Any]] = {
    "plain": lambda path: unpickle.load(path, unpickle.NO_GLOBALS),
    "scalars": lambda path: unpickle.load(path, unpickle.NUMPY_SCALARS),
    "arrays": lambda path: unpickle.load(path, unpickle.NUMPY_ARRAYS | {"collections.OrderedDict"}),
    "frame": pandas_pickle.read,
    "torch": torch_file.load,
    "nats": lambda path: [record for _, _, record in nats.records([path])],
}
_HEAD = b"".join(pickle.dumps(each, 2) for each in (torch_file.MAGIC, torch_file.PROTOCOL, {"little_endian": True}))
_OPCODES = [opcode for opcode in pickletools.opcodes if opcode.name != "STOP"]
_GLOBALS = (
    "numpy dtype",
    "numpy ndarray",
    "numpy.core.multiarray scalar",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.numeric _frombuffer",
    "_codecs encode",
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch DoubleStorage",
    "torch Size",
    "pandas.core.frame DataFrame",
    "pandas.core.internals.managers BlockManager",
    "pandas.core.indexes.base _new_Index",
    "builtins slice",
    "builtins eval",
    "os system",
)


class Pickles(Kind):
    """Pickles for the restricted readers, in the process in which the program reads them."""

    name = "pickles"
    weight = 5.0
    corpus = len(corpus.PICKLES) * len(READERS)

    def prepare(self, folder: Path) -> None:
        """Make whole pickles of the sorts that occur."""
        rng = np.random.default_rng(0)
        contents: list[Any] = [
            {key: {"valid_perf": 0.5, "perf": np.float64(0.25), "latency": 1.0, "para": 2} for key in range(3)},
            {"nasbench201": {"cifar10": {"fpga_latency": [0.5, 1.5, -1.0]}}},
            [["a" * 8, [0.5] * 4, 0.25, [[1, 0], [2, 1, 0]], 7] for _ in range(4)],
            {
                "arrays": rng.normal(size=(3, 2)),
                "texts": np.array(["a", "bc"]),
                "objects": np.array(["a", None], object),
            },
            {("a", 1): {0: 1.5}, ("b", 2): {1: None}},
        ]
        self.whole = [pickle.dumps(content, protocol) for content in contents for protocol in range(6)]

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Read one pickle by one reader."""
        names = list(READERS)
        if index < self.corpus:
            content = list(corpus.PICKLES.values())[index // len(names)]
            name = names[index % len(names)]
        else:
            content = self._grammar(draw) if draw.random() < 0.6 else of_bytes(draw, draw.choice(self.whole))
            name = draw.choice(names)
        if name == "torch":
            content = _HEAD + content
        path = folder / "a.pickle"
        path.write_bytes(bz2.compress(content) if name == "nats" else content)
        size = path.stat().st_size
        return confined(lambda _: f"{name}: {shown(READERS[name](path), 200)}", what=str(path), size=size)

    def _grammar(self, draw: Draw) -> bytes:
        out = [b"\x80" + bytes([draw.choice((2, 4, 5))])] if draw.random() < 0.8 else []
        for _ in range(draw.edits(1, draw.choice((5, 20, 80)))):
            opcode = draw.choice(_OPCODES)
            piece = opcode.code.encode("latin-1") + self._argument(draw, opcode)
            out.append(piece * draw.choice((1,) * 12 + (2, 40, 3000)))
        return b"".join(out) + b"."

    def _argument(self, draw: Draw, opcode: Any) -> bytes:
        """Return an argument: sound most of the time, small, so that many a pickle is whole."""
        if opcode.arg is None:
            return b""
        number = draw.choice((0, 1, 2, 3, 10, 255)) if draw.random() < 0.9 else draw.getrandbits(63)
        match opcode.arg.name:
            case "uint1":
                return struct.pack("<B", number & 0xFF)
            case "uint2":
                return struct.pack("<H", number & 0xFFFF)
            case "int4" | "uint4":
                return struct.pack("<I", number & 0x7FFFFFFF)
            case "uint8":
                return struct.pack("<Q", number)
            case "float8":
                return struct.pack(">d", draw.choice((0.5, float("nan"), 1e300)))
            case "stringnl_noescape_pair":
                return draw.choice(_GLOBALS).replace(" ", "\n").encode() + b"\n"
            case "decimalnl_short" | "decimalnl_long" | "floatnl":
                return draw.choice((b"1", b"00", b"01", b"-5", b"9" * 30, b"1L", b"nan")) + b"\n"
            case name if name.endswith("nl") or "nl_" in name:
                return draw.choice((b"abc", b"'abc'", b"7", b"", b"\\ud800")) + b"\n"
        body = draw.choice((b"", b"abc", b"f8", b"\x00" * 8, b"latin1", b"storage", b"\xff\xfe"))
        claimed = len(body) if draw.random() < 0.9 else draw.getrandbits(31)
        width = {"1": "<B", "4": "<I", "8": "<Q"}[opcode.arg.name[-1]]
        return struct.pack(width, claimed & (0xFF if width == "<B" else 0x7FFFFFFF)) + body
