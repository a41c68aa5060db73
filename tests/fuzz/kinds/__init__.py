"""Kinds of inputs, by name."""

from __future__ import annotations

from importlib import import_module

from tests.fuzz.runner import Kind

KINDS = {
    "pickles": "pickles:Pickles",
    "archives": "archives:Archives",
    "samples": "samples:Samples",
    "tables": "tables:Tables",
    "results": "experiments:Results_",
    "manifests": "experiments:Manifests",
    "records": "experiments:Records",
    "specs": "experiments:Specs",
    "methods": "trainings:Methods",
    "sealed": "left:Sealed",
    "states": "left:States",
    "networks": "networks:Networks",
    "kept": "kept:Kept",
    "spaces": "ones_own:Spaces",
    "items": "ones_own:Items",
    "tasks": "ones_own:Tasks",
    "own": "own:Own",
    "texts": "texts:Texts",
    "labels": "experiments:Labels",
    "commands": "commands:Commands",
}


def kind(name: str) -> Kind:
    """Return a kind."""
    module, _, attribute = KINDS[name].partition(":")
    made: Kind = getattr(import_module(f"tests.fuzz.kinds.{module}"), attribute)()
    return made
