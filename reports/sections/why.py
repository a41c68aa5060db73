"""The section of architectures and why they won: drawings, importance of genes, ablation, neighbours, footprints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.checks import Archs
from harness.printable import counted
from harness.space import SearchSpace
from reports.figures import architectures, footprint, importance, operations
from reports.figures.exhibit import Exhibit
from reports.sections.section import Section
from reports.study.align import Aligned
from reports.study.study import Study
from reports.study.truth import SURROGATE
from reports.study.wording import best_label, ceilings
from reports.tables import explained as tables
from reports.tables.numbers import regret_words
from reports.why.explained import FINEST, Edit, Explained, explain
from reports.why.landscape import landscape
from reports.why.searched import Bests, Proposed, endings, operation_genes, proposed

MOST_DRAWN, MOST_PANELS = 2, 8
"""Benchmarks whose importance is drawn, and drawings of architectures; tables have all."""

_SMALL = 0.005
"""Share of the variance below which a pair of genes is not spoken of."""


@dataclass(frozen=True)
class Why:
    """What was found on one benchmark."""

    item: Aligned
    bests: Bests
    explained: Explained

    @property
    def name(self) -> str:
        """Name of the benchmark."""
        return self.item.name

    @property
    def optimum(self) -> Archs:
        """The best architecture that was analysed, (L,)."""
        best: Archs = self.explained.landscape.archs[int(np.argmin(self._feasible_losses))]
        return best

    @property
    def _feasible_losses(self) -> np.ndarray:
        found = self.explained.landscape
        return found.losses_of(found.archs) if found.truth.constraints else found.losses


def section(study: Study) -> Section | None:
    """Return what the genes of each benchmark are worth and where searches went; None where nothing was found."""
    if study.several:
        return Section(
            "Architectures", methods=("Winners. Several objectives have a front and no one winner to be explained.",)
        )
    found, reasons = [], []
    for item in study.aligned:
        bests = endings(item, tuple(ceilings(study)))
        analysed = landscape(item.truth)
        if isinstance(analysed, str):
            reasons.append(f"{item.name}: {analysed}.")
        elif bests.winner is not None:
            found.append(Why(item, bests, explain(analysed, bests.winner.arch)))
    if not found:
        return Section("Architectures", methods=(f"Winners. Not explained. {' '.join(reasons)}",)) if reasons else None
    every = [(why.name, why.explained) for why in found]
    near = [(name, one) for name, one in every if one.neighbours]
    searched = proposed(found[0].item)
    visits = [
        (searched if why is found[0] else proposed(why.item)).visited(_bounds(why.explained, FINEST)) for why in found
    ]  # of one benchmark at a time: proposals are many
    shown = [
        tables.endings(study, [(why.name, why.bests, _optimum(why)) for why in found]),
        tables.importance(study, every),
        tables.ablation(study, every),
        *([tables.neighbours(study, near)] if near else []),
        tables.visited(study, visits),
    ]
    return Section(
        title="Architectures and why they won",
        sentences=tuple(sentence(why) for why in found),
        figures=tuple(exhibit for exhibit in _figures(study, found, searched) if len(exhibit.frame)),
        tables=tuple(shown),
        methods=(_method(reasons),),
    )


def _bounds(explained: Explained, share: float) -> float:
    return float(np.quantile(explained.landscape.losses, share, method="inverted_cdf"))


def _optimum(why: Why) -> tuple[str, float] | None:
    """Return the best architecture of a table with its regret; of a surrogate benchmark it is not known."""
    if why.item.truth.kind == SURROGATE:
        return None
    arch = why.optimum[None]
    return why.explained.space.format(arch)[0], float(why.explained.landscape.losses_of(arch)[0])


def _figures(study: Study, found: Sequence[Why], searched: Proposed) -> list[Exhibit]:
    first = found[0]
    bounds = tuple(_bounds(first.explained, share) for share in footprint.BOUNDS)
    drawn = [(why.name, why.explained) for why in found[:MOST_DRAWN]]
    few = f" Of strategies, what most of their runs on {first.name} ended with, where it is not drawn above."
    more = few if any(ending.label in study.drawn for ending in first.bests.frequent) else ""
    figures = [
        architectures.exhibit(study, _drawn(study, found), more),
        importance.exhibit(study, drawn),
        footprint.exhibit(study, first.name, searched, (bounds[0], bounds[1])),
    ]
    if operation_genes(first.explained.space)[1]:
        figures.insert(2, operations.exhibit(study, first.name, searched))
    return figures


def _drawn(study: Study, found: Sequence[Why]) -> list[tuple[str, SearchSpace, Archs]]:
    """Return what is drawn: winners and optima of all benchmarks, then what strategies ended with on the first."""
    shown: list[tuple[str, SearchSpace, Archs]] = []
    for why in found:
        space, winner = why.explained.space, why.explained.winner
        if why.item.truth.kind == SURROGATE or why.explained.loss > 0:
            shown.append((f"{why.name}: best found", space, winner))
        if why.item.truth.kind != SURROGATE:
            best = winner if why.explained.loss <= 0 else why.optimum
            shown.append((f"{why.name}: best{', found' if why.explained.loss <= 0 else ' of all'}", space, best))
    first = found[0]
    keys = set(
        first.explained.space.key(np.array([arch for _, space, arch in shown if space is first.explained.space]))
    )
    for ending in first.bests.frequent:
        key = first.explained.space.key(ending.arch[None])[0]
        if key not in keys and ending.label in study.drawn:
            keys.add(key)
            shown.append((f"{ending.label}: {ending.runs}/{ending.all_runs} runs", first.explained.space, ending.arch))
    return shown[:MOST_PANELS]


def sentence(why: Why) -> str:
    """Say in two sentences what won, what explains it, and what one edit would change."""
    explained, winner = why.explained, why.bests.winner
    if winner is None:
        return f"{why.name}, why: No run ended with anything."
    text = explained.space.format(explained.winner[None])[0]
    best = f"the {best_label(why.item.truth)}" if explained.loss <= 0 and why.item.truth.kind != SURROGATE else ""
    said = "; ".join([f"{counted(winner.runs, 'run')} of {winner.label}", *([best] if best else [])])
    return (
        f"{why.name}, why: The best that searches ended with is {text} ({said}); {importance_words(explained)}."
        f" {edits_words(explained)}."
    )


def importance_words(explained: Explained) -> str:
    """Say which gene, and which two, explain most of the variance."""
    shares, genes = explained.everywhere, list(explained.space.legend())
    first = int(np.argmax(shares.main_shares))
    text = f"{genes[first]} alone explains {_percent(shares.main_shares[first])} of the variance"
    if not explained.independent or len(genes) < 2:
        return text
    upper = np.triu(shares.pair_shares, 1)
    a, b = divmod(int(np.argmax(upper)), len(genes))
    if upper[a, b] >= _SMALL:
        text += f", {genes[a]} with {genes[b]} {_percent(upper[a, b])} beyond both"
    return f"{text}, all genes alone {_percent(float(shares.main_shares.sum()))}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def edits_words(explained: Explained) -> str:
    """Say whether an edit improves the winner, and which gene is the hardest to do without."""
    truth = explained.landscape.truth
    scale, unit = truth.scales["validation"], truth.unit("validation")
    edits = [edit for edit in explained.neighbours if not edit.same]
    if not edits:
        return "No architecture with a value is one edit away from it"
    better = [edit for edit in edits if edit.change > 0]
    real = [edit for edit in better if edit.is_real]
    if real:
        text = f"{len(real)} of its {len(edits)} neighbours {_is(real)} better beyond noise, {real[0].words} the most"
    elif better and not explained.noise.known:
        text = f"{len(better)} of its {len(edits)} neighbours {_is(better)} better, {better[0].words} the most"
    else:
        text = f"None of its {len(edits)} neighbours is better{' beyond noise' * bool(better)}"
    close = sum(edit.is_real is False for edit in edits)
    text += f", and {close} cannot be told from it" if close else ""
    hardest = hardest_edit(explained)
    if hardest is not None:
        lost = regret_words(-hardest.change, scale)
        text += (
            f"; hardest to do without is {hardest.words.partition(':')[0]}: the best other choice costs {lost} {unit}"
        )
    return text


def _is(edits: Sequence[Edit]) -> str:
    return "is" if len(edits) == 1 else "are"


def hardest_edit(explained: Explained) -> Edit | None:
    """Return, of the best edits of each gene, that which costs most; None where nothing costs anything."""
    cheapest: dict[str, Edit] = {}
    for edit in explained.neighbours:
        if np.isfinite(edit.change) and "," not in edit.words:
            cheapest.setdefault(edit.words.partition(":")[0], edit)
    hardest = min(cheapest.values(), key=lambda edit: edit.change, default=None)
    return hardest if hardest is not None and hardest.change < 0 else None


def _method(reasons: Sequence[str]) -> str:
    text = (
        "Winners. Values are means over all training runs of what strategies were told, looked up after the runs."
        " Importance is functional ANOVA (Hutter, Hoos and Leyton-Brown, ICML 2014) of the table itself, with every"
        " coding of the space once; for being among the best it is PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023)"
        " with exact frequencies. Of a surrogate benchmark too large to be listed it is estimated from uniform draws,"
        " with jackknife errors; where genes are not independent, by the adjusted correlation ratio of each gene. The"
        " path from the median is the ablation of Fawcett and Hoos (2016)."
    )
    return f"{text} Not explained: {' '.join(reasons)}" if reasons else text
