"""Command lines: words and options that are known, beside nasty ones; each ends with 0, or with 2 and a message."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.kinds import tables
from tests.fuzz.kinds.experiments import SPEC, Results_
from tests.fuzz.mutations import NASTY_TEXTS, of_text
from tests.fuzz.runner import Draw, Kind, command

_LINES = (
    ("list", "benchmarks"),
    ("list", "strategies", "--json"),
    ("list", "spaces"),
    ("describe", "nb201-cifar10"),
    ("describe", "bananas", "--json"),
    ("describe", "nb201"),
    ("describe", "{table}"),
    ("check", "{spec}"),
    ("check", "random_search"),
    ("check", "{table}"),
    ("run", "{spec}", "--out", "results"),
    ("run", "{spec}", "--workers", "1"),
    ("report", "{results}", "--out", "report"),
    ("data", "list", "--json"),
    ("data", "info", "graph-cora"),
    ("data", "audit", "{table}"),
    ("data", "audit", "{csv}"),
    ("data", "import", "digits", "{csv}", "--describe", "{toml}", "--out", "a.h5"),
    ("data", "import", "macro-cifar10", "{csv}"),
    ("verify", "{results}", "--benchmark", "nb201-cifar10", "--dry-run"),
    ("table", "micro-mnist1d", "--dry-run"),
)
_OPTIONS = (
    "--json",
    "--out",
    "--workers",
    "--help",
    "--only",
    "--benchmark",
    "--no-such",
    "--allow-missing",
    "-h",
    "--",
)


class Commands(Kind):
    """Command lines."""

    name = "commands"
    weight = 0.5

    def prepare(self, folder: Path) -> None:
        """Make the files that the words name."""
        results = Results_()
        results.prepare(folder)
        self.words = {
            "{table}": str(tables.make(folder)),
            "{spec}": str(folder / "spec.toml"),
            "{results}": str(results.folder),
            "{csv}": str(tables.EXAMPLE / "digits.csv"),
            "{toml}": str(tables.EXAMPLE / "digits.toml"),
        }
        assert "{table}" not in SPEC.format(table="")

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Give one command line to the program."""
        line = [self.words.get(word, word) for word in draw.choice(_LINES)]
        for _ in range(draw.edits(0, 3)):
            at = draw.randrange(1, len(line) + 1)
            match draw.randrange(5):
                case 0 if len(line) > 1:
                    del line[min(at, len(line) - 1)]
                case 1:
                    line.insert(at, draw.choice(NASTY_TEXTS[:20]).replace("\0", ""))
                case 2:
                    line.insert(at, draw.choice(_OPTIONS))
                case 3 if len(line) > 1 and at < len(line):
                    line[at] = of_text(draw, line[at]).replace("\0", "")
                case _:
                    line.insert(at, draw.choice(list(self.words.values())))
        if (line[:1] in (["verify"], ["table"]) and "--dry-run" not in line) or line[:2] == ["data", "get"]:
            return "left out: it would train, or fetch"
        return f"{[part[:40] for part in line[:2]]}: {command(*line)}"
