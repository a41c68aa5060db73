"""Write a dataset to one ``.npz`` file: ``python -m harness.training.data NAME FILE [--folder DIR]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.errors import HarnessError
from harness.training.data import exported, load, names


def main(arguments: list[str] | None = None) -> int:
    """Export what the arguments name; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.training.data", description=__doc__)
    parser.add_argument("name", help=f"one of {', '.join(names())}")
    parser.add_argument("file", type=Path, help="the .npz file to write")
    parser.add_argument(
        "--folder", type=Path, help="where the official files lie, for datasets that are read from files"
    )
    options = parser.parse_args(arguments)
    try:
        dataset = load(options.name, options.folder)
        exported.save(dataset, options.file)
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write(f"{options.file}: {dataset.name}, sha256 {dataset.sha256}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
