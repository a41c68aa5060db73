"""Set-up of the tutorials: a fresh folder that looks like the root of a clone, where the kernel stands and writes."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from IPython.core.magic import register_cell_magic

DOCS = Path(__file__).resolve().parent.parent
FOLDER = Path(tempfile.mkdtemp())


@register_cell_magic
def bash(line: str, cell: str) -> None:
    """Run a cell as Jupyter's own ``%%bash`` does, and show what it printed in one piece; a failure is an exception."""
    run = subprocess.run(  # noqa: S603  # our own text
        ["bash", *line.split()],  # noqa: S607  # the bash of whoever builds the site
        input=cell, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    sys.stdout.write(run.stdout)
    run.check_returncode()


atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
(FOLDER / "examples").symlink_to(DOCS.parent / "examples")
os.chdir(FOLDER)
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ.setdefault("NAS_HARNESS_HOME", str(DOCS / "_build" / "nas-harness-home"))
os.environ["NO_COLOR"] = "1"
for wish in ("FORCE_COLOR", "CLICOLOR_FORCE"):  # Jupyter sets them
    os.environ.pop(wish, None)
