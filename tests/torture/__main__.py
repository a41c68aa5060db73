"""The command `python -m tests.torture`: the campaign by hand, with a table by kind; `make torture`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.torture.campaign import campaign
from tests.torture.kinds import KINDS


def tell(line: str) -> None:
    """Print a line at once, beside the table."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main() -> int:
    """Run the campaign, print the table, and return 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="may be given several times")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        tallies = campaign(Path(folder), given.kills, given.seed, tuple(given.kind or KINDS), tell)
    sys.stdout.write(f"{'kind':<18}{'rounds':>7}{'running':>9}{'faults':>8}  signals\n")
    for name, tally in tallies.items():
        signals = ", ".join(f"{signal} {count}" for signal, count in sorted(tally.by_signal.items()))
        sys.stdout.write(f"{name:<18}{tally.kills:>7}{tally.in_time:>9}{len(tally.faults):>8}  {signals}\n")
    faults = [(name, fault) for name, tally in tallies.items() for fault in tally.faults]
    for name, fault in faults:
        sys.stdout.write(f"{name}: {fault}\n")
    landed, rounds = (sum(getattr(tally, name) for tally in tallies.values()) for name in ("in_time", "kills"))
    sys.stdout.write(
        f"{rounds} rounds, {landed} signals to a running command, {len(faults)} faults, seed {given.seed}\n"
    )
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
