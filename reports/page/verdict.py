"""The verdict of a study: which strategy, how sure, at what cost, and what headroom is left, in two sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from harness.printable import counted
from reports.page.narrative import listed, no_winner
from reports.study.comparisons import pairs_at, scores
from reports.study.finals import LEFT_OUT, best_first
from reports.study.provenance import budget_words
from reports.study.study import Study
from reports.study.wording import CENTRE_WORDS, ceilings, split_word
from reports.tables.numbers import DASH, bracket, regret_words, three_digits

CHEAPER = 10.0
"""How much less of its own computing time a rival must take to be named for it."""
_NOTICED = 0.05
"""Seconds of its own computing time that a run of a strategy must take before less of it is worth a word."""
_NEAR = 0.1
"""Mean rank by which a rival may be behind, in parts of the number of strategies; one place always."""
_NAMED = 3
"""Strategies, or benchmarks, that a verdict names; more are counted."""


@dataclass(frozen=True)
class Standing:
    """One other strategy against the leader: benchmarks on which it is shown worse, better, and those tested."""

    worse: tuple[str, ...]
    better: tuple[str, ...]
    tested: int


@dataclass(frozen=True, eq=False)
class Findings:
    """What a verdict rests on: ranks, comparisons, costs.

    Attributes
    ----------
    study : Study
    comparisons : pandas.DataFrame
        Of `reports.study.comparisons.pairwise`.
    frames : mapping of str to pandas.DataFrame
        Of the tables of the page, by name: ``final-validation``, ``ranks-validation``, ``costs``.
    """

    study: Study
    comparisons: pd.DataFrame
    frames: Mapping[str, pd.DataFrame]

    def finals(self, split: str) -> pd.DataFrame:
        """Return rows of `summary` of a split, missing runs left out."""
        data = self.frames.get(f"final-{split}")
        return pd.DataFrame(columns=["benchmark", "label"]) if data is None else data[data["missing"] == LEFT_OUT]

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """Rows of `scores` by validation, the best first; empty where no ranks are known."""
        if len(self.study.labels) < 2:
            return pd.DataFrame(columns=["label", "rank"])
        data = self.frames.get("ranks-validation")
        data = scores(self.study, "validation") if data is None else data
        return data.dropna(subset="rank").sort_values("rank", kind="stable")

    @cached_property
    def order(self) -> list[str]:
        """Strategies from the best to the worst: by mean rank, on one benchmark by its final regrets."""
        data = self.finals("validation")
        one = best_first(data) if data["benchmark"].nunique() == 1 else self.ranks
        known = list(one["label"]) if len(one) else list(dict.fromkeys(data["label"]))
        return known + [label for label in self.study.labels if label not in known]

    @cached_property
    def leader(self) -> str:
        """The best strategy that is no ceiling."""
        barred = ceilings(self.study)
        return next((label for label in self.order if label not in barred), self.order[0])

    @cached_property
    def standings(self) -> dict[str, Standing]:
        """What tests show of each other strategy against the leader, by validation at the end, over benchmarks."""
        rows = pairs_at(self.comparisons, "validation", self.study.checkpoints[-1])
        rows = rows[(rows["a"] == self.leader) | (rows["b"] == self.leader)]
        found = {}
        for label in self.order:
            if label == self.leader or label in ceilings(self.study):
                continue
            own = rows[(rows["a"] == label) | (rows["b"] == label)]
            found[label] = Standing(
                tuple(own.loc[own["better"] == self.leader, "benchmark"]),
                tuple(own.loc[own["better"] == label, "benchmark"]),
                int(own["p"].notna().sum()),
            )
        return found

    @cached_property
    def rivals(self) -> list[str]:
        """Strategies that were tested against the leader and of which no difference is shown anywhere."""
        return [label for label, one in self.standings.items() if one.tested and not one.worse and not one.better]

    @cached_property
    def overheads(self) -> dict[str, float]:
        """Real seconds that one run of a strategy computes itself, the mean over benchmarks."""
        costs = self.frames.get("costs")
        if costs is None or not len(costs):
            return {}
        means = costs.groupby("label", sort=False)["overhead_seconds"].mean()
        return {str(label): float(value) for label, value in means.items()}

    @cached_property
    def cheap(self) -> str:
        """The rival that takes least of its own time, "" where none takes so much less that it matters.

        Of many strategies few differences are shown, so its mean rank must be near the leader's, too.
        """
        own = self.overheads.get(self.leader, np.nan)
        known = [label for label in self.rivals if label in self.overheads and self._is_near(label)]
        if not known or not own >= _NOTICED:
            return ""
        least = min(known, key=lambda label: self.overheads[label])
        return least if self.overheads[least] * CHEAPER <= own else ""

    def _is_near(self, label: str) -> bool:
        """Say whether the mean rank of a strategy is near the leader's, where there are ranks."""
        means = dict(zip(self.ranks["label"], self.ranks["rank"].astype(float), strict=True))
        if not {label, self.leader} <= set(means):
            return True
        return bool(means[label] - means[self.leader] <= max(1.0, _NEAR * len(means)))


def verdict(found: Findings) -> tuple[str, tuple[str, ...]]:
    """Return what to do in one clause, and the two sentences that say how sure that is and at what cost."""
    study = found.study
    if not len(found.finals("validation")):
        return "No winner.", tuple(no_winner(study, item, "validation") for item in study.aligned[:_NAMED])
    cost = _cost(found)
    if len(study.labels) == 1:
        return "One strategy, compared with none.", (_ends(found), *([cost] if cost else []))
    return _advice(found), (_sure(found), *([cost] if cost else []))


def _advice(found: Findings) -> str:
    """Return the clause in front."""
    standings, leader = found.standings, found.leader
    if not any(one.tested for one in standings.values()):
        return f"{leader} comes first, and nothing is tested."
    if not any(one.worse or one.better for one in standings.values()):
        return f"{leader} comes first, and is not shown to be better than any other."
    if found.cheap:
        ratio = found.overheads[found.leader] / max(found.overheads[found.cheap], 1e-9)
        return f"Use {leader}, or {found.cheap} at {_part(ratio)} of its overhead."
    winners = [label for label, one in standings.items() if len(one.better) > len(one.worse)]
    if winners:
        return f"Use {leader}, but {_some(winners)} where {'it is' if len(winners) == 1 else 'they are'} better."
    if found.rivals:
        shown = "is" if len(found.rivals) == 1 else "are"
        return f"Use {leader}; {_some(found.rivals)} {shown} not shown to differ."
    return f"Use {leader}."


def _part(ratio: float) -> str:
    """Return a small part in words: "1/380"."""
    return f"1/{float(f'{ratio:.2g}'):,.0f}"


def _some(names: Sequence[str]) -> str:
    """Return names, or how many they are."""
    return listed(list(names)) if len(names) <= _NAMED else f"{len(names)} others"


def _sure(found: Findings) -> str:
    """Return the sentence of how sure the first place is."""
    ranked = found.ranks[found.ranks["label"] == found.leader]
    over = found.finals("validation")["benchmark"].nunique()
    if over > 1 and len(ranked):
        row = ranked.iloc[0]
        interval = f"{row['rank_low']:.2f}{DASH}{row['rank_high']:.2f}"
        shared = int(row["benchmarks"])
        where = (
            counted(over, "benchmark") if shared == over else f"the {shared} of {over} benchmarks that all have run on"
        )
        text = (
            f"Over {where} {found.leader} ranks first: mean rank {row['rank']:.2f} of {len(found.study.labels)}"
            f" (95 % interval {interval})"
        )
    else:
        text = _ends(found).removesuffix(".")
    return f"{text}; {_shown(found, over)}."


def _ends(found: Findings) -> str:
    """Return the sentence of the leader's final value, on one benchmark or on the first of several."""
    study, data = found.study, found.finals("validation")
    row = data[data["label"] == found.leader].iloc[0]
    item = next(item for item in study.aligned if item.name == row["benchmark"])
    unit, scale = item.truth.unit("validation"), item.truth.scales["validation"]
    shown = bracket(*[regret_words(row[key], scale) for key in ("regret", "regret_low", "regret_high")])
    what = f"{CENTRE_WORDS[study.centre]} {split_word(item.truth, 'validation')} {study.measure}"
    points = "points" if unit == "percentage points" else unit
    end = f"{found.leader} ends with a {what} of {shown} {points}".strip()
    return f"On {item.name}, after {budget_words(study.spec)}, {end}."


def _shown(found: Findings, over: int) -> str:
    """Return what tests of the leader against all others show."""
    standings = found.standings
    if not any(one.tested for one in standings.values()):
        return "there are too few replicates to test it"
    on_all = [label for label, one in standings.items() if one.worse and len(one.worse) == over]
    on_some = {label: one for label, one in standings.items() if one.worse and len(one.worse) < over}
    better = {label: one.better for label, one in standings.items() if one.better}
    parts = []
    if on_all:
        where = {1: "", 2: " on both"}.get(over, f" on all {over}")
        parts.append(f"it is better than {_some(on_all)}{where}")
    if on_some:
        each = [f"{label} on {len(one.worse)}" for label, one in on_some.items()]
        named = listed(each) if len(each) <= _NAMED else f"{len(each)} others on some"
        parts = [f"{parts[0]} and than {named}" if parts else f"it is better than {named}"]
    if better:
        each = [f"{label} is better on {_some(names)}" for label, names in better.items()]
        parts.append("; ".join(each[:_NAMED]) + (f"; so are {len(each) - _NAMED} others" * (len(each) > _NAMED)))
    if found.rivals:
        every = "" if over == 1 else " on any"
        parts.append(f"no difference from {_some_or(found.rivals)} is shown{every}")
    return "; ".join(parts)


def _some_or(names: Sequence[str]) -> str:
    return listed(list(names), "or") if len(names) <= _NAMED else f"{len(names)} others"


def _cost(found: Findings) -> str:
    """Return the sentence of costs and headroom."""
    study, parts = found.study, []
    own = found.overheads.get(found.leader, np.nan)
    if np.isfinite(own):
        text = f"A run costs {budget_words(study.spec)}, and {_seconds(own)} of {found.leader}'s own computing"
        if found.cheap:
            text += f" ({_seconds(found.overheads[found.cheap])} of {found.cheap}'s)"
        parts.append(text)
    if room := headroom(found):
        parts.append(room)
    return f"{'; '.join(parts)}." if parts else ""


def _seconds(value: float) -> str:
    return f"{three_digits(value)} s"


def headroom(found: Findings) -> str:
    """Say where the best is at the noise floor already, and where most is left above it; "" where none is known.

    The floor is what looks best when every architecture of the table is trained once: a search that ends lower than
    this was lucky in its draw.
    """
    study, data = found.study, found.finals("validation")
    left: dict[str, float] = {}
    for item in study.aligned:
        rows = data[(data["benchmark"] == item.name) & ~data["label"].isin(ceilings(study))]
        law = study.references[item.name]
        floor = law.whole("validation", study.centre) if law is not None else 0.0
        if len(rows) and floor > 0:
            left[item.name] = float(rows["regret"].min()) - floor
    at = [name for name, value in left.items() if value <= 0]
    above = {name: value for name, value in left.items() if value > 0}
    parts = []
    if at:
        on = f"{len(at)} benchmarks" if len(at) > _NAMED else listed(at)
        parts.append(f"on {on} the best is at the table's noise floor, where more search cannot be told from luck")
    if above:
        most = max(above, key=lambda name: above[name])
        item = next(item for item in study.aligned if item.name == most)
        size = f"{regret_words(above[most], item.truth.scales['validation'])} {_points(item.truth.unit('validation'))}"
        over = "it" if at else "the table's noise floor"
        parts.append(f"above {over} {'most is left' if len(above) > 1 else 'there is room'} on {most}, {size.strip()}")
    return "; ".join(parts)


def _points(unit: str) -> str:
    return "points" if unit == "percentage points" else unit
