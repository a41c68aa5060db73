"""Tables of one's own: CSV and its description, changed; what does not change the numbers must not change the table."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks_data.importers.own import table as own_table
from benchmarks_data.importers.safe.confined import confined
from tests.fuzz.kinds.tables import EXAMPLE, answers
from tests.fuzz.mutations import of_bytes, of_text
from tests.fuzz.runner import ChangedError, Draw, Kind


class Own(Kind):
    """Own data for `data import --describe`."""

    name = "own"
    weight = 2.0

    def prepare(self, folder: Path) -> None:
        """Read the example."""
        self.lines = (EXAMPLE / "digits.csv").read_text()
        self.description = (EXAMPLE / "digits.toml").read_text()
        own_table.write(folder / "whole.h5", EXAMPLE / "digits.csv", EXAMPLE / "digits.toml")
        self.true = repr(_sorted(folder / "whole.h5"))

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Import changed data, and ask the table everything."""
        data, description, out = folder / "a.csv", folder / "a.toml", folder / "a.h5"
        lines, told = self.lines.encode(), self.description.encode()
        harmless = draw.random() < 0.2
        if harmless:
            lines = _rewritten(draw, self.lines)
        elif draw.random() < 0.6:
            changed = of_bytes(draw, lines) if draw.random() < 0.5 else of_text(draw, self.lines).encode()
            lines = changed
        else:
            told = of_bytes(draw, told) if draw.random() < 0.4 else of_text(draw, self.description).encode()
        data.write_bytes(lines)
        description.write_bytes(told)
        confined(lambda _: own_table.write(out, data, description), what=str(data), size=len(lines))
        if harmless and repr(_sorted(out)) != self.true:
            raise ChangedError("the same data, written otherwise, make another table")
        return f"{len(answers(out)['archs'])} architectures"


def _sorted(path: Path) -> list[object]:
    """Return what a table says of each architecture, in the order of the architectures."""
    told = answers(path)
    order = sorted(range(len(told["archs"])), key=lambda row: told["archs"][row])
    columns = {key: value for key, value in told.items() if key not in ("archs", "name")}
    return [
        (told["archs"][row], [value[1][row] for key, value in columns.items() if isinstance(value[0], str)])
        for row in order
    ]


def _rewritten(draw: random.Random, text: str) -> bytes:
    """Return the same lines in another order, with other ends, quotes or a mark at the beginning."""
    header, *lines = text.strip().split("\n")
    draw.shuffle(lines)
    if draw.random() < 0.3:
        lines = [",".join(f'"{cell}"' for cell in line.split(",")) for line in lines]
    if draw.random() < 0.3:
        lines = [line.replace(",", " , ") for line in lines]
    end = draw.choice(("\n", "\r\n"))
    return draw.choice((b"", b"\xef\xbb\xbf")) + end.join([header, *lines, draw.choice(("", end))]).encode()
