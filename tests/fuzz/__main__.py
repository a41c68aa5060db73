"""The command ``python -m tests.fuzz``: runs cases of all kinds and says what the program did wrong.

A case is told by seed, kind and number alone: ``python -m tests.fuzz --seed 0 --kind specs --case 17`` runs it again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter

from tests.fuzz.kinds import KINDS, kind
from tests.fuzz.runner import Verdict, prepared
from tests.paths import ROOT

KEPT = ROOT / "build" / "fuzz"
_SHOWN = 3
"""Faults of one sort that are printed whole."""


def numbers(names: list[str], cases: int, weights: dict[str, float], least: dict[str, int]) -> list[tuple[str, int]]:
    """Return the cases of each kind, by weight, but never fewer than its corpus, in an order that mixes them."""
    whole = sum(weights.values())
    counts = {name: max(least[name], round(cases * weights[name] / whole)) for name in names}
    placed = [((index + 0.5) / count, name, index) for name, count in counts.items() for index in range(count)]
    return [(name, index) for _, name, index in sorted(placed)]


def main() -> int:
    """Run what the command line asks for; return 1 if there was a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="in all; each kind has at least those that once failed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--kind", nargs="+", choices=list(KINDS), default=list(KINDS), metavar="KIND", help=", ".join(KINDS)
    )
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time")
    parser.add_argument("--case", type=int, help="this one alone, of one kind; its input is kept")
    parser.add_argument("--edits", type=int, default=sys.maxsize, help="of this one, only the first so many changes")
    told = parser.parse_args()
    kinds = [kind(name) for name in told.kind]
    KEPT.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with prepared(kinds, told.seed, KEPT) as runner:
        if told.case is not None:
            verdict = runner.case(told.kind[0], told.case, told.edits)
            _say(f"{verdict.outcome}: {verdict.message}")
            return int(verdict.is_fault)
        cases = numbers(told.kind, told.cases, {k.name: k.weight for k in kinds}, {k.name: k.corpus for k in kinds})
        outcomes: Counter[tuple[str, str]] = Counter()
        faults: list[Verdict] = []
        seen: Counter[tuple[str, str, str]] = Counter()
        for done, verdict in enumerate(runner.cases(cases, told.jobs), start=1):
            outcomes[verdict.kind, verdict.outcome] += 1
            if verdict.is_fault:
                faults.append(verdict)
                sort = (verdict.kind, verdict.outcome, _sort(verdict))
                seen[sort] += 1
                if seen[sort] <= _SHOWN:
                    _show(verdict, told.seed)
            if done % 1000 == 0:
                _say(
                    f"{done:,} of {len(cases):,} cases, {time.monotonic() - begun:.0f} s, {len(faults)} faults",
                )
    for name in told.kind:
        _say(f"{name:<14}" + ", ".join(f"{n:,} {outcome}" for (k, outcome), n in sorted(outcomes.items()) if k == name))
    for (name, outcome, what), count in seen.most_common():
        _say(f"{count:>6} {name} {outcome}: {what}")
    facts = [vars(verdict) for verdict in faults]
    (KEPT / "faults.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    _say(f"{len(cases):,} cases in {time.monotonic() - begun:.0f} s, seed {told.seed}: {len(faults)} faults")
    return int(bool(faults))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _sort(verdict: Verdict) -> str:
    """Return by what faults are counted together: the error, and the last place in the program."""
    lines = verdict.message.strip().splitlines()
    places = [line.strip() for line in lines if line.strip().startswith("File ")]
    own = [place for place in places if "/tests/fuzz/" not in place and "site-packages" not in place]
    place = (own or places or [""])[-1].rpartition(str(ROOT))[2]
    return f"{lines[0][:100] if lines else ''} {place}"


def _show(verdict: Verdict, seed: int) -> None:
    _say(f"FAULT {verdict.outcome}: {verdict.message[:1200]}")
    _say(f"  again: python -m tests.fuzz --seed {seed} --kind {verdict.kind} --case {verdict.index}")


if __name__ == "__main__":
    sys.exit(main())
