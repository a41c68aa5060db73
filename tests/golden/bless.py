"""Write the golden traces anew; refuses to change one whose strategy kept its version.

Run by ``make bless``.
"""

from __future__ import annotations

import json
import sys

from tests.golden.traces import CASES, path_of, read, trace_of


def main() -> int:
    """Bless every case; return the exit code."""
    refused = 0
    for name in CASES:
        now = trace_of(name)
        if path_of(name).exists():
            before = read(name)
            if before == now:
                continue
            if before["version"] == now["version"]:
                sys.stderr.write(f"{name}: behaves differently: bump `version` of the strategy, then bless again\n")
                refused += 1
                continue
        path_of(name).write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
        sys.stderr.write(f"{name}: blessed\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
