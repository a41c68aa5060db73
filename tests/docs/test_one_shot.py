"""The page about weight sharing: its table of methods is the registry's."""

from __future__ import annotations

import re

from strategies import ONE_SHOT
from tests.paths import ROOT


def test_every_method_is_listed_in_the_order_of_the_mapping():
    text = (ROOT / "docs" / "one-shot.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(ONE_SHOT)
