"""The standing of an archive: whether its strategies and tables are still those that are installed."""

from __future__ import annotations

from harness import registry
from harness.errors import HarnessError
from harness.names import BUILT_IN, read
from reports.archive.file import Archive


def installed(archive: Archive, label: str) -> str:
    """Return the version of a strategy that is installed; "" where it is none that comes along.

    No code of others is imported for it: what a file or another package offers is not looked at.
    """
    name = next(item.name for item in archive.results.spec.strategies if item.label == label)
    if read(name).path is not None or read(name).key not in registry.providers("strategy")[BUILT_IN]:
        return ""
    try:
        return str(registry.strategy(name).version)
    except (ImportError, HarnessError):  # an extra that is not installed
        return ""


def outdated(archive: Archive) -> dict[str, str]:
    """Return strategies that are archived in another version than is installed, with why they are, by label."""
    found = {}
    for label in archive.results.labels:
        now, then = installed(archive, label), archive.results.versions[label]
        if now != then:
            found[label] = f"version {then} was run, {f'version {now}' if now else 'none'} comes along"
    return found
