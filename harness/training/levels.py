"""Levels of the trainer by name, known before torch is loaded."""

from __future__ import annotations

from harness.errors import HarnessError, unknown

REFERENCE, AUTO = "R0", "auto"
LEVELS = {
    REFERENCE: "harness.training.engines.reference:ReferenceLevel",
    "R1": "harness.training.engines.resident:ResidentLevel",
    "R2": "harness.training.engines.packed.levels:CapturedLevel",
    "R3": "harness.training.engines.packed.levels:SeedLevel",
    "R4": "harness.training.engines.packed.levels:WaveLevel",
}
"""Classes of the levels, by name."""
TRIED = {"cuda": ("R4", "R3", "R2", "R1"), "cpu": ("R4", "R3")}
"""Levels that `AUTO` proves and times beside R0; of equally fast ones the first.  Packed ones for several networks."""


def check_level(name: str) -> str:
    """Return the name of a level, or `AUTO`.

    Raises
    ------
    HarnessError
        If there is no such level.
    """
    if name not in (*LEVELS, AUTO):
        raise HarnessError(unknown("level", name, (*LEVELS, AUTO)))
    return name
