"""Texts that name things: architectures of every space, strategies and tables, constraints; read and written back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness import names, registry
from harness.errors import HarnessError
from harness.problem import Constraint
from harness.spaces import named
from tests.fuzz.mutations import NASTY_TEXTS, of_text
from tests.fuzz.runner import ChangedError, Draw, Kind

CONSTRAINTS = ("params_m <= 0.5", "latency_ms<8", "a >= -1e3", "macs_m <= 5")


class Texts(Kind):
    """Strings of architectures, and names."""

    name = "texts"
    weight = 3.0

    def prepare(self, folder: Path) -> None:
        """Make strings of every space."""
        rng = np.random.default_rng(0)
        self.spaces = {name: named.space(name) for name in named.SPACES}
        self.texts = {name: space.format(space.sample(20, rng)) for name, space in self.spaces.items()}
        for name, space in self.spaces.items():
            space.key(space.parse(self.texts[name]))  # what a space works out once, a child would in every case
        self.names = [*registry.names("strategy"), *registry.names("benchmark"), *registry.names("surrogate")]

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Read changed texts; what is read is written and read back as the same."""
        said = [self._read(draw) for _ in range(10)]
        return f"{len(said) - said.count('refused')} of {len(said)} read"

    def _read(self, draw: Draw) -> str:
        what = draw.choice((self._architecture, self._architecture, self._name, self._constraint))
        try:
            return what(draw)
        except HarnessError as error:
            if not str(error).strip() or len(str(error)) > 20_000:
                raise AssertionError(f"a message of {len(str(error))} characters") from error
            return "refused"

    def _architecture(self, draw: Draw) -> str:
        name = draw.choice(list(self.spaces))
        space = self.spaces[name]
        text = draw.choice(self.texts[name])
        text = of_text(draw, text) if draw.random() < 0.9 else draw.choice(NASTY_TEXTS)
        archs: Any = space.parse([text])
        if archs.shape != (1, space.genes) or not space.is_valid(archs).all():
            raise ChangedError(f"{name}: {text!r} was read as {archs!r}, which is none of the space")
        again = space.parse(space.format(archs))
        if not np.array_equal(space.key(again), space.key(archs)):
            raise ChangedError(f"{name}: {text!r} is another architecture when it is written and read again")
        return "read"

    def _name(self, draw: Draw) -> str:
        text = of_text(draw, draw.choice(self.names)) if draw.random() < 0.8 else draw.choice(NASTY_TEXTS)
        names.read(text)
        names.absolute(text, Path("/folder"))
        kind = draw.choice(("strategy", "surrogate"))
        if draw.random() < 0.5 or text in self.names:
            registry.load(kind, text)
        else:
            registry.benchmark(text)
        return "read"

    def _constraint(self, draw: Draw) -> str:
        constraint = Constraint.parse(of_text(draw, draw.choice(CONSTRAINTS)))
        if Constraint.parse(str(constraint)) != constraint and "nan" not in str(constraint):
            raise ChangedError(f"{constraint} is another constraint when it is written and read again")
        return "read"
