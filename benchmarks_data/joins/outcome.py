"""The outcome of a join: conflicts between sources, and what was added, extended or averaged."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Conflict:
    """A column of which base and source tell different values; the base's were kept.

    Attributes
    ----------
    column, source : str
    rows, compared : int
        Rows that differ, and rows where both have a value.
    largest, mean : float
        Of the absolute differences, over the rows that differ.
    unit : str
    """

    column: str
    source: str
    rows: int
    compared: int
    largest: float
    mean: float
    unit: str

    def __str__(self) -> str:
        return (
            f"{self.column} of {self.source} differs from the base in {self.rows:,} of {self.compared:,} rows, by "
            f"{self.mean:.4g} {self.unit} on average and {self.largest:.4g} at most; the base's values were kept."
        )


@dataclass
class Joined:
    """What a join did.

    Attributes
    ----------
    conflicts : list of Conflict
    notes : list of str
        Rows matched and left out, columns added, extended or averaged.
    """

    conflicts: list[Conflict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return one line for each thing, as an audit reads them: its severity and a sentence."""
        return "\n".join([f"caution: {item}" for item in self.conflicts] + [f"fact: {item}" for item in self.notes])
