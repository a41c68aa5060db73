"""Folders that tests read."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHARED_DATA = Path(os.environ.get("NAS_HARNESS_SHARED_DATA", ROOT.parent / "shared" / "data"))
