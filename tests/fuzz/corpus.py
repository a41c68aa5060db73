"""Inputs on which the program once went wrong, by kind: each some dozens of bytes, made here."""

from __future__ import annotations

import bz2
import gzip
import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from functools import cache

import google_crc32c
import numpy as np


def _array(shape: bytes) -> bytes:
    """Return a pickle of an array of that shape, without bytes."""
    kind = b"cnumpy\ndtype\n(X\x02\x00\x00\x00f8K\x00K\x01tR"
    begin = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR"
    return b"\x80\x03" + begin + b"(K\x01" + shape + kind + b"\x89C\x00tb."


_STORAGE = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nDoubleStorage\n"
_TENSOR = _STORAGE + b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQK\x00"

PICKLES: Mapping[str, bytes] = {
    "tuples that hold each other twice, as a key": b"\x80\x02}K\x00" + b"2\x86" * 40 + b"K\x01s.",
    "tuples that hold each other twice by the memo": b"\x80\x02})" + b"q\x01h\x01\x86" * 60 + b"K\x01s.",
    "a deep tuple as a key": b"\x80\x02})" + b"\x85" * 1_000_000 + b"K\x01s.",
    "a deep list": b"\x80\x02]" + b"]" * 300_000 + b"a" * 300_000 + b".",
    "a deep tuple": b"\x80\x02)" + b"\x85" * 500_000 + b".",
    "sets that hold each other twice": b"\x80\x04(\x91" + b"q\x010(h\x01\x85h\x01K\x01\x86\x91" * 40 + b".",
    "lists that hold each other twice": b"\x80\x02]" + b"q\x01]q\x02(h\x01h\x01e" * 60 + b".",
    "lists that hold each other twice, in a dictionary": b"\x80\x02}X\x0b\x00\x00\x00nasbench201]"
    + b"2\x86" * 60
    + b"s.",
    "a list that holds itself": b"\x80\x02]q\x00h\x00a.",
    "a dictionary that holds itself": b"\x80\x02}q\x00K\x01h\x00s.",
    "a huge number of the memo": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "a huge number of the memo, as text": b"Np2000000000\n.",
    "a huge frame": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x0fN.",
    "a huge text": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"a.",
    "a huge byte string": b"\x80\x04\x8e" + struct.pack("<Q", 5 * 2**30) + b"a.",
    "a huge byte array": b"\x80\x05\x96" + struct.pack("<Q", 5 * 2**30) + b"a.",
    "a huge integer": b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
    "an integer of many digits": b"L" + b"9" * 5000 + b"L\n.",
    "an integer of many bytes as a key": b"\x80\x02}\x8b" + struct.pack("<i", 2**20) + b"\x7f" * 2**20 + b"K\x01s.",
    "a frame that ends inside an opcode": b"\x80\x04\x95\x02" + bytes(7) + b"\x8c\x10ab.",
    "a registered extension": b"\x80\x02\x82\x01.",
    "a registered extension of four bytes": b"\x80\x02\x84\xff\xff\xff\x7f.",
    "a persistent identity": b"\x80\x02K\x07Q.",
    "a persistent identity as text": b"Pabc\n.",
    "a buffer out of band": b"\x80\x05\x97.",
    "a global that runs a program": b"cos\nsystem\n(X\x04\x00\x00\x00truetR.",
    "a global by parts": b"\x80\x04X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93.",
    "an instance of a class": b"(ios\nsystem\n.",
    "an array of a huge shape": _array(b"\x8a\x06\xff\xff\xff\xff\xff\x7f\x85"),
    "an array of many huge extents": _array(b"(" + b"\x8a\x08" + b"\xff" * 7 + b"\x7f" + b"2" * 40 + b"t"),
    "an array of a negative shape": _array(b"J\xff\xff\xff\xff\x85"),
    "a type of objects": b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(X\x02\x00\x00\x00O8K\x00K\x01tRC\x08"
    + b"aaaaaaaatR.",
    "a type of a huge text": b"cnumpy\ndtype\n(X\x0b\x00\x00\x00S9999999999K\x00K\x01tR.",
    "a state of a class": b"cnumpy\nndarray\n(K\x01K\x02tb.",
    "a state of a function": b"cnumpy.core.multiarray\nscalar\n(N}X\x0c\x00\x00\x00__defaults__)stb.",
    "no opcode": b"\x80\x04\xff.",
    "nothing on the stack": b"\x80\x04.",
    "marks alone": b"(" * 100_000 + b".",
    "a mark that is missing": b"\x80\x02K\x01K\x02t.",
    "nothing": b"",
}
"""Pickles; none may take seconds or gigabytes, whoever reads them."""


def tensor(size: bytes, stride: bytes, *, elements: int = 1) -> bytes:
    """Return a zip of ``torch.save`` of a tensor of one storage."""
    content = b"\x80\x02" + _TENSOR + size + stride + b"\x89NtR."
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/data.pkl", content)
        archive.writestr("a/data/0", bytes(8 * elements))
    return packed.getvalue()


TENSORS: Mapping[str, bytes] = {
    "a tensor of stride 0": tensor(b"\x8a\x06\xff\xff\xff\xff\xff\x7f\x85", b"K\x00\x85"),
    "a tensor of 15,625 elements of stride 0": tensor(b"M\x09\x3d\x85", b"K\x00\x85"),
    "a tensor without elements": tensor(b"K\x00\x8a\x06\xff\xff\xff\xff\xff\x7f\x86", b"K\x01K\x01\x86"),
    "a tensor beyond its storage": tensor(b"K\x09\x85", b"K\x01\x85"),
    "a tensor of negative stride": tensor(b"K\x09\x85", b"J\xff\xff\xff\xff\x85"),
    "a legacy file of a huge storage": pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    + pickle.dumps(1001, 2)
    + pickle.dumps({"little_endian": True}, 2)
    + b"\x80\x02"
    + _STORAGE
    + b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu\x8a\x06\xff\xff\xff\xff\xff\x7fNtQK\x00K\x01\x85K\x01\x85tR.",
}


def tar(members: Mapping[str, bytes], **fields: object) -> bytes:
    """Return a tar of files; `fields` are set in every header, such as a size that is not theirs."""
    packed = b""
    for name, content in members.items():
        header = tarfile.TarInfo(name)
        header.size = len(content)
        for field, value in fields.items():
            setattr(header, field, value)
        packed += header.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE)
    return packed + bytes(2 * tarfile.BLOCKSIZE)


def _zip(members: Mapping[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _claiming(archive: bytes, size: int) -> bytes:
    """Return a zip whose directory claims another size of its one member."""
    place = archive.rindex(b"PK\x01\x02") + 24
    return archive[:place] + struct.pack("<I", size) + archive[place + 4 :]


def _encrypted(archive: bytes) -> bytes:
    place = archive.rindex(b"PK\x01\x02") + 8
    return archive[:place] + b"\x01" + archive[place + 1 :]


_BLANKS = b"[" + b" " * (2**24 - 2) + b"]"


@cache
def _zeros(pack: Callable[[bytes], bytes]) -> bytes:
    return pack(bytes(2**26))


ARCHIVES: Mapping[str, Callable[[str], bytes]] = {
    "a tar header of 5 GB": lambda name: tar({name: b"{}"}, size=5 * 2**30),
    "a tar header of 8 exabytes": lambda name: tar({name: b"{}"}, size=2**63 - 1),
    "a long name of 5 GB": lambda _: tar({"././@LongLink": b"a"}, size=5 * 2**30, type=tarfile.GNUTYPE_LONGNAME),
    "extended fields of 5 GB": lambda _: tar({"a": b"a"}, size=5 * 2**30, type=tarfile.XHDTYPE),
    "extended fields that are none": lambda _: tar({"a": b"9999999999 a=b\n"}, type=tarfile.XHDTYPE),
    "a symbolic link": lambda name: tar({name: b""}, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a link to itself": lambda name: tar({name: b""}, type=tarfile.LNKTYPE, linkname=name),
    "a device": lambda name: tar({name: b""}, type=tarfile.CHRTYPE),
    "a pipe": lambda name: tar({name: b""}, type=tarfile.FIFOTYPE),
    "a sparse file": lambda name: tar({name: b""}, type=tarfile.GNUTYPE_SPARSE),
    "a path out of the folder": lambda name: tar({f"../../../../tmp/{name}": b"{}"}),
    "a packed tar that unpacks to gigabytes": lambda name: (
        gzip.compress(gzip.compress(bytes(2**24)))[:100] + gzip.compress(tar({name: b"{}", "a": bytes(2**26)}))
    ),
    "a packed tar of zeros": lambda _: _zeros(gzip.compress),
    "a bz2 tar of zeros": lambda _: _zeros(bz2.compress),
    "a packed tar that is cut": lambda name: gzip.compress(tar({name: b"{}" * 1000}))[:-30],
    "a zip that unpacks to much": lambda name: _zip(
        {name.replace("0.", f"{number}."): _BLANKS for number in range(1, 4)}
    ),
    "a zip that claims 4 GB": lambda name: _claiming(_zip({name: b"{}"}), 2**32 - 2),
    "a zip with a path out of the folder": lambda name: _zip({f"../../{name}": b"{}"}),
    "a zip of nothing": lambda _: _zip({}),
    "a zip that is cut": lambda name: _zip({name: b"{}"})[:-10],
    "an encrypted zip": lambda name: _zip({name: b"{}"}).replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"
    ),
}
"""Archives of a member of a name that is given, such as ``result_0.json``; some take a second to make."""

DOCUMENTS: Mapping[str, bytes] = {
    "nested lists": b"[" * 200_000,
    "nested objects": b'{"a":' * 200_000,
    "an integer of many digits": b'{"architecture": ' + b"9" * 10_000 + b"}",
    "numbers that are none": b'{"metrics": NaN, "architecture": Infinity}',
    "another encoding": '{"a": "ä"}'.encode("utf-16"),
    "bytes that are no text": b'{"a": "\xff\xfe"}',
    "a surrogate": b'{"\\ud800": 1}',
    "a key twice": b'{"a": 1, "a": 2}',
    "many keys twice": b"{" + b",".join(b'"%d": 1' % number for number in range(30_000)) + b', "29999": 2}',
    "a text": b'"a"',
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
}


def _record(length: int, content: bytes = b"") -> bytes:
    head = struct.pack("<Q", length)
    crc = google_crc32c.value(head)
    return head + struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF) + content


TFRECORDS: Mapping[str, bytes] = {
    "a record of 8 exabytes": _record(2**63),
    "a record of 16 exabytes": _record(2**64 - 1),
    "a record of 5 GB": _record(5 * 2**30, b"a" * 100),
    "a cut head": _record(10)[:7],
    "nothing": b"",
}


def _npz(header: bytes, content: bytes = b"") -> bytes:
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content
    return _zip({"arch_str.npy": head})


def _bomb() -> bytes:
    packed = io.BytesIO()
    np.savez_compressed(packed, arch_str=np.zeros(2**26, dtype=np.uint8))
    return packed.getvalue()


ARRAYS: Mapping[str, bytes] = {
    "an array of a huge shape": _npz(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}\n"),
    "an array of 5 GB": _npz(b"{'descr': '<f8', 'fortran_order': False, 'shape': (671088640,)}\n"),
    "an array of a negative shape": _npz(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}\n"),
    "an array of objects": _npz(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n", pickle.dumps([1])),
    "a type of a huge text": _npz(b"{'descr': '<U99999999', 'fortran_order': False, 'shape': (9,)}\n"),
    "a header that is nested": _npz(b"(" * 9000),
    "a header of a long sum": _npz(b"1" + b"+1" * 4000),
    "one array": b"\x93NUMPY\x01\x00\x36\x00{'descr': '<f8', 'fortran_order': False, 'shape': ()} \n" + bytes(8),
    "a packed array of zeros": _bomb(),
    "a pickle": pickle.dumps([1]),
    "nothing": b"",
}
"""Files of ``numpy.savez``."""

LINES: Mapping[str, bytes] = {
    "a key of many brackets": b"net,edgegpu_latency\n" + b"(" * 5000 + b",1\n",
    "a key of a long sum": b"net,edgegpu_latency\n1" + b"+1" * 50_000 + b",1\n",
    "a field that is too long": b"net,edgegpu_latency\n" + b"a" * 200_000 + b",1\n",
    "a quote that stays open": b'net,edgegpu_latency\n"' + b"a\n" * 100_000,
    "zero bytes": b"net,edgegpu_latency\n\x00\x00,1\n",
    "a column twice": b"net,net\n1,2\n",
    "an index of many digits": b"index,a\n" + b"9" * 400 + b",1\n",
    "an index that is no number": b"index,a\nnan,1\n",
    "more fields than columns": b"net,a\n1,2,3\n",
    "nothing": b"",
}
"""CSV files."""
