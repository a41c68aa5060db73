"""The version of the program; setup.cfg reads it from here, so that `--version` need not search the installation."""

from __future__ import annotations

VERSION = "0.1.0"
