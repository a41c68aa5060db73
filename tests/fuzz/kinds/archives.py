"""Archives: tar, zip and gz of JSON files and of packed pickles, with members, headers and bytes changed."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import re
import tarfile
import zipfile
from pathlib import Path

from benchmarks_data.importers.nats_bench import files as nats
from benchmarks_data.importers.safe import json_files
from benchmarks_data.importers.safe.confined import confined
from tests.fuzz import corpus
from tests.fuzz.mutations import of_bytes
from tests.fuzz.runner import ChangedError, Draw, Kind

_FORM = re.compile(r"result_\d{1,9}\.json")
_MEMBERS = ("result_0.json", "000000.pickle.pbz2")


class Archives(Kind):
    """Archives for the readers of JSON files and of packed pickles."""

    name = "archives"
    weight = 2.0
    corpus = 2 * len(_MEMBERS) * len(corpus.ARCHIVES)

    def prepare(self, folder: Path) -> None:
        """Make what the members hold."""
        self.documents = {f"result_{number}.json": json.dumps({"a": [number] * 50}).encode() for number in range(4)}
        self.packed = {
            f"{number:06}.pickle.pbz2": bz2.compress(pickle.dumps({"a": [number] * 50})) for number in range(3)
        }

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Read one archive; what is read of one that has checksums must be what was put into it."""
        path = folder / "a.tar"
        if index < self.corpus:
            member, number = divmod(index // 2, len(corpus.ARCHIVES))
            content = list(corpus.ARCHIVES.values())[number](_MEMBERS[member])
            as_documents, checked = index % 2 == 0, False
        else:
            as_documents = draw.random() < 0.7
            content, checked = self._archive(draw, self.documents if as_documents else self.packed)
            if draw.random() < 0.9:
                content = of_bytes(draw, content)
        path.write_bytes(content)
        read = self._documents if as_documents else self._pickles
        found = confined(lambda _: read(path), what=str(path), size=len(content))
        known = [json.loads(each) for each in self.documents.values()] if as_documents else None
        if checked and known is not None and any(each not in known for each in found):
            raise ChangedError(f"{len(found)} documents, of which some are none that were put into it")
        return f"{len(found)} members"

    @staticmethod
    def _documents(path: Path) -> list[object]:
        return [parsed for _, parsed in json_files.documents([path], _FORM)]

    @staticmethod
    def _pickles(path: Path) -> list[object]:
        return [record for _, _, record in nats.records([path])]

    def _archive(self, draw: Draw, members: dict[str, bytes]) -> tuple[bytes, bool]:
        """Return an archive, and whether its content has checksums."""
        packed = io.BytesIO()
        if draw.random() < 0.4:
            with zipfile.ZipFile(packed, "w", draw.choice((0, 8, 12, 14))) as archive:
                for name, content in members.items():
                    archive.writestr(draw.choice(("", "a/", "../", "/")) + name, content)
            return packed.getvalue(), True
        fields = draw.choice(
            ({}, {}, {"size": draw.getrandbits(draw.choice((8, 33, 63)))}, {"type": b"%d" % draw.randrange(8)})
        )
        if draw.random() < 0.5:
            content = corpus.tar(members, **fields)
        else:
            with tarfile.open(fileobj=packed, mode="w", format=draw.choice((0, 1, 2))) as archive:
                for name, each in members.items():
                    header = tarfile.TarInfo(draw.choice(("", "a/" * 60, "../")) + name)
                    header.size = len(each)
                    header.pax_headers = draw.choice(
                        ({}, {"size": "99999999999"}, {"path": "b.json"}, {"GNU.sparse.map": "0,1"})
                    )
                    archive.addfile(header, io.BytesIO(each))
            content = packed.getvalue()
        return draw.choice((lambda data: data, gzip.compress, bz2.compress, lzma.compress))(content), False
