"""Words for what was told and what judges, for each kind of benchmark; every sentence of a page uses these.

Tables searched by validation, tables of test results searched under a protocol, and surrogates differ in what is true
of them; where a study mixes them, the words for each kind name its benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from harness.judging.indicators import REFERENCE
from reports.study.align import Aligned
from reports.study.front_reference import RUNS, FrontReference
from reports.study.front_truth import FrontTruth
from reports.study.study import Study
from reports.study.truth import LIVE, PROTOCOL, SURROGATE, TABLE, Truth

CENTRE_WORDS = {"median": "median", "iqm": "interquartile mean"}
"""Centres of runs, in words."""
SIGNAL = "signal"
"""What a protocol calls the test results that strategies are told."""
_ANSWERS = {
    "one_draw_per_arch": "the table answers with one training run drawn for each architecture, the same for all"
    " strategies of a replicate",
    "one_draw_per_query": "the table answers each query with one training run drawn anew, so that a search which asks"
    " again may be luckier",
    "mean": "the table answers with the mean over its training runs",
    "fixed": "the table answers with the first training run of each architecture",
}
_ANSWERS_BY_SEEDS = {
    "one_draw_per_arch": "the table answers with the mean over as many training runs, of different seeds, as the"
    " fidelity says, their order drawn for each architecture, the same for all strategies of a replicate",
    "mean": "the table answers with the mean over its training runs, whatever number of seeds the fidelity says",
    "fixed": "the table answers with the mean over as many training runs, of different seeds, as the fidelity says, in"
    " the order of the table",
}
"""The same where fidelities are numbers of training seeds."""
_JUDGED = {
    "validation": {
        TABLE: "the mean over all training runs of the table",
        PROTOCOL: "the signal itself, which is the same in every replicate",
        SURROGATE: "the surrogate's prediction",
        LIVE: "the mean over the trainings that searches asked for",
    },
    "test": {
        TABLE: "the mean over all training runs of the table",
        PROTOCOL: "the mean over the training runs that the protocol holds out",
        SURROGATE: "the surrogate's prediction",
        LIVE: "the mean over the trainings that searches asked for",
    },
}


_NOISY = "noisy surrogate"


def by_kind(study: Study, texts: Mapping[str, str], split: str = "validation", *, between: str = "; ") -> str:
    """Return what is true of the study's benchmarks that have a split; each text names its benchmarks if they differ.

    Parameters
    ----------
    study : Study
    texts : mapping of kind to str
        See `reports.study.truth.Truth.kind`; what is not said of a live benchmark is what is said of a table.
    split : {"validation", "test"}
    between : str
    """
    return _by_truth(study, lambda truth: _said(texts, truth), split, between=between)


def _said(texts: Mapping[str, str], truth: Truth) -> str:
    kind = _NOISY if truth.kind == SURROGATE and truth.about.get("noise") else truth.kind
    if kind in texts:
        return texts[kind]
    return texts[TABLE if kind == LIVE else SURROGATE]


def _by_truth(study: Study, text_of: Callable[[Truth], str], split: str, *, between: str = "; ") -> str:
    groups: dict[str, list[str]] = {}
    for item in study.aligned:
        if split in item.truth.splits:
            groups.setdefault(text_of(item.truth), []).append(item.name)
    if len(groups) < 2:
        return "".join(groups)
    return between.join(f"{text} ({', '.join(names)})" for text, names in groups.items())


def as_sentence(text: str) -> str:
    """Return a text as a sentence: with a capital in front and a full stop behind."""
    return f"{text[0].upper()}{text[1:]}."


def split_word(truth: Truth, split: str) -> str:
    """Return "validation", "test", or "signal" where the values told are test results."""
    return SIGNAL if split == "validation" and truth.kind == PROTOCOL else split


def split_words(study: Study, split: str) -> str:
    """Return the words of all benchmarks: "validation", "signal" or "validation or signal"."""
    return " or ".join(dict.fromkeys(split_word(i.truth, split) for i in study.aligned if split in i.truth.splits))


def lead(item: Aligned, split: str) -> str:
    """Return what a sentence of the headline is about: benchmark, split, constraints."""
    said = split_word(item.truth, split)
    if said == SIGNAL:
        said += f" ({item.truth.column(split).name.removeprefix('signal_').replace('_', ' ')} that was told)"
    return ", ".join([item.name, said, *map(str, item.truth.constraints)])


def judged_by(study: Study, split: str) -> str:
    """Return what the final incumbent's value is, for captions."""
    return by_kind(study, _JUDGED[split], split)


def answers(study: Study) -> str:
    """Say what a query is answered with."""
    seed = study.spec.budget.table_seed
    texts = {
        TABLE: _table_answers(seed),
        PROTOCOL: "the table answers with the protocol's signal, the same for all strategies and replicates",
        SURROGATE: "the surrogate answers with its one prediction, the same for all strategies and replicates",
        _NOISY: "the surrogate answers with its prediction and noise, drawn for each architecture and replicate and the"
        " same for all strategies",
    }
    if seed == "one_draw_per_arch":
        texts[LIVE] = (
            "each architecture is trained with one of the benchmark's seeds, drawn for it, the same for all strategies"
            " of a replicate"
        )
    by_seeds = _ANSWERS_BY_SEEDS.get(str(seed), texts[TABLE])
    said = _by_truth(study, lambda truth: by_seeds if truth.repeats else _said(texts, truth), "validation")
    schedule = study.spec.budget.schedule
    if schedule is None:
        return said
    return f"{said}; what is told is of the schedule of {schedule} epochs, and the table's last schedule judges"


def _table_answers(table_seed: str | int) -> str:
    if isinstance(table_seed, int):
        return f"the table answers with the training run of the seed {table_seed}"
    return _ANSWERS[table_seed]


def cost_words(study: Study) -> str:
    """Say where the seconds charged are more than those of training; "" where they are not, or the study has none."""
    names = [item.name for item in study.aligned if item.truth.facts.validation_pass]
    if not names:
        return ""
    every = len(names) == sum(item.truth.facts.has_seconds for item in study.aligned)
    where = "" if every else f" ({', '.join(names)})"
    return f"simulated seconds are those of training and of one pass over the validation images{where}"


def a_holder(study: Study) -> str:
    """Return what a run needs to be judged: "an incumbent" or "a front"."""
    return "a front" if study.several else "an incumbent"


def chosen_sentence(study: Study, split: str) -> str:
    """Say what of a run is judged, and by what."""
    told = split_words(study, "validation")
    if not study.several:
        judge = judged_by(study, split)
        return f"The incumbent is chosen by the {told} value the strategy was told and judged by {judge}."
    image = f" The test image is that of the front held by {told}." if split == "test" else ""
    return (
        f"The front is what nothing else that the strategy was told dominates, and is judged by"
        f" {judged_by(study, split)}.{image} {objectives_sentence(study)}"
    )


def objectives_sentence(study: Study) -> str:
    """Say of several objectives how they are normalised."""
    log = study.spec.report.log
    names = [item.name for item in study.aligned[0].truth.facts.objectives]
    named = ", ".join(f"log10 {name}" if name in log else name for name in names)
    return (
        f"Objectives: {named}; each normalised by the least and the largest value of the whole table,"
        f" reference point {REFERENCE} in each."
    )


def expectation_sentence(study: Study, split: str) -> str:
    """Say what of the gap of random search is drawn, and how it is known; begins with a space."""
    laws = [
        (law, float(item.grid("evaluations")[-1]))
        for item in study.aligned
        if isinstance(law := study.references[item.name], FrontReference)
        and split in item.truth.splits
        and item.has_incumbent
    ]
    errors = [law.standard_error(split, end, study.centre) for law, end in laws if not law.is_exact(split)]
    exact = " Dotted: the mean of random search on the table, exact and without simulation"
    if not errors:
        return f"{exact}."
    simulated = f"the {CENTRE_WORDS[study.centre]} of {RUNS} simulated random searches on the table (its standard error"
    simulated += f" at the end {max(errors):.1g}{' or less' * (len(errors) > 1)})"
    return f"{exact} where it is known; elsewhere {simulated}." if len(errors) < len(laws) else f" Dotted: {simulated}."


def best_label(truth: Truth) -> str:
    """Return what the row of the best value is called in tables."""
    if isinstance(truth, FrontTruth):
        of = {SURROGATE: "the reference architectures", LIVE: "what was trained"}.get(truth.kind, "the table")
        return f"front of what is feasible of {of}" if truth.constraints else f"front of {of}"
    if truth.kind == SURROGATE:
        return "best known reference" + (", feasible" if truth.constraints else "")
    if truth.kind == LIVE:
        return "best that was trained" + (", feasible" if truth.constraints else "")
    return "best feasible of the table" if truth.constraints else "best of the table"


def floor_label(study: Study) -> str:
    """Return what the architecture with the best told value is called."""
    words = split_words(study, "validation")
    if study.several:
        return f"{words} front"
    return f"best by {'the ' if words == SIGNAL else ''}{words}"


def worst_label(study: Study) -> str:
    """Return the value that stands for a run without result."""
    if study.several:
        return "an empty front"
    which = "worst feasible" if is_constrained(study) else "worst"
    return by_kind(
        study,
        dict.fromkeys((TABLE, PROTOCOL), f"the {which} of the table")
        | {SURROGATE: f"the {which} of the reference architectures"},
    )


def having(study: Study, split: str) -> list[str]:
    """Return the benchmarks that have a split."""
    return [item.name for item in study.aligned if split in item.truth.splits]


def noted(study: Study, shown: Collection[str] | None = None) -> str:
    """Return what every caption must add: constraints, protocols, references; begins with a space if there is any.

    Of `shown` benchmarks alone, where they are not all.
    """
    said = []
    if is_constrained(study):
        kept = "the bounds of their deployment" if study.spec.deployments else constraint_words(study)
        best = "the true front is the front of these" if study.several else "the best is the best of these"
        said.append(f"Only architectures that keep {kept} count; {best}.")
    if any(not len(steps.rows) for item in study.aligned for group in item.steps.values() for steps in group):
        without = "a feasible architecture" if is_constrained(study) else a_holder(study)
        said.append(f"Runs that never have {without} count as {worst_label(study)}.")
    for item in study.aligned:
        if shown is not None and item.name not in shown:
            continue
        if item.truth.kind == PROTOCOL:
            said.append(f"Signal of {item.name}: {item.truth.protocol}.")
        said += reference_sentences(item.name, item.truth, study.measure)
    return "".join(f" {sentence}" for sentence in said)


def reference_sentences(name: str, truth: Truth, measure: str) -> list[str]:
    """Say what regrets are distances to, where that is not the best of a table."""
    if truth.kind == SURROGATE:
        return [f"Values of {name} are predictions; its {measure} is the distance to {truth.reference}."]
    if truth.kind == LIVE:
        return [f"{name} was trained live; its {measure} is the distance to {truth.reference}."]
    return []


def is_constrained(study: Study) -> bool:
    """Say whether any benchmark is searched under constraints."""
    return any(item.truth.constraints for item in study.aligned)


def constraint_words(study: Study) -> str:
    """Return the constraints: "params_m <= 0.5"; of each deployment, where there are any."""
    bounds = {item.name: " and ".join(map(str, item.constraints)) or "no bound" for item in study.spec.deployments}
    common = " and ".join(map(str, study.spec.constraints))
    return "; ".join([*([common] if common else []), *(f"{name}: {text}" for name, text in bounds.items())])


def ceilings(study: Study) -> list[str]:
    """Return the strategies that are told the means of the table, which no search can know: no results of a search."""
    return [item.label for item in study.spec.strategies if (item.surrogate or {}).get("name") == "perfect"]


def notices(study: Study) -> list[str]:
    """Return what stands above all results: that a ceiling is no result, that test results were told, or predicted."""
    said = []
    if known := ceilings(study):
        said.append(
            f"Ceilings, no results: {', '.join(known)}. Their learner is told the means of the table, which no"
            " search can know; they show what a strategy would find with a predictor that is always right."
        )
    for item in study.aligned:
        if item.truth.kind == PROTOCOL:
            said.append(
                f"{item.name} was searched by test results, not by validation: {item.truth.protocol}. Test images were"
                " not kept from the search. This page calls what was told the signal; how it generalises to other"
                " images cannot be seen here."
            )
        if item.truth.kind == SURROGATE:
            measure = study.measure.capitalize()
            drawn = item.truth.about.get("noise")
            noise = f"noise is drawn ({drawn})" if drawn else "they have no noise"
            said.append(
                f"{item.name} is a surrogate: its values and seconds are predicted, nothing was trained, and {noise}."
                f" The optimum is not known. {measure} is the distance to {item.truth.reference}, and negative where a"
                " search finds a better one."
            )
        if item.truth.kind == LIVE:
            said.append(_live_notice(study, item.truth))
    return said


def _live_notice(study: Study, truth: Truth) -> str:
    """Say what is not known of a benchmark that trains what is proposed, and what its trainings really took."""
    real = float(truth.about.get("real_seconds", 0.0))
    took = f", in {real / 60:,.0f} real minutes on a {truth.about.get('device', 'machine')}" if real >= 60 else ""
    seconds = truth.about.get("simulated_seconds", "multiply-adds at a fixed rate")
    clock = f", and simulated seconds are {seconds}" if truth.facts.has_seconds else ""
    fresh = " Fresh trainings (nas-harness verify) judge what was found." if truth.about.get("training") else ""
    return (
        f"{truth.name} has no table: {truth.about.get('trained_here', 0):,} trainings were made when they were"
        f" asked for{took}{clock}. The optimum is not known."
        f" {study.measure.capitalize()} is the distance to {truth.reference}, by the mean over the trainings of each,"
        f" which are often one: then it is what the search was told, and flatters what was chosen for it.{fresh}"
    )


def regret_sentence(study: Study) -> str:
    """Say what regret is a distance between, in Methods."""
    if study.several:
        return _gap_sentence(study)
    best = "best feasible" if is_constrained(study) else "best"
    texts = {
        TABLE: f"its regret is the distance of its mean over all training runs of the table from the table's {best}"
        " such mean",
        PROTOCOL: f"its signal regret is the distance of its signal from the table's {best} signal, its test regret"
        f" that of its mean over the runs held out from the {best} such mean",
        SURROGATE: f"its regret is the distance of its prediction from that of the {best} of the reference"
        " architectures, and negative where a search finds a better one",
        LIVE: "its regret is the distance of the mean over its trainings from the best such mean of what was trained",
    }
    return as_sentence(by_kind(study, texts))


def _gap_sentence(study: Study) -> str:
    """Say what the hypervolume gap is, in Methods."""
    tested = ""
    if "test" in study.splits:
        tested = " On test, the image of the front held by what was told is compared with the table's own test front."
    return (
        "The hypervolume gap is the hypervolume of the table's own front"
        f"{', among what is feasible,' if is_constrained(study) else ''} less that of the front a run holds, both by"
        f" {judged_by(study, 'validation')}. {objectives_sentence(study)}{tested} IGD+ (Ishibuchi et al., EMO"
        " 2015) is the mean distance by which the front misses the points of the true front, epsilon what must be"
        " subtracted from all its objectives to cover them; both in normalised objectives."
    )


def told_sentence(study: Study) -> str:
    """Say what strategies were told, and when the rest was looked up, in Methods."""
    texts = {
        TABLE: "strategies were told validation values only; held-out values were looked up after the runs, for this"
        " page",
        PROTOCOL: "strategies were told test results, as the protocol has it; the runs it holds out were looked up"
        " after the search, for this page",
        SURROGATE: "strategies were told predicted validation values only",
    }
    return as_sentence(by_kind(study, texts))


def noise_sentence(study: Study) -> str:
    """Say what the strategies of a replicate share, in Methods."""
    silent = "answers have no noise; strategies are compared replicate by replicate all the same"
    noisy = (
        "all strategies of a replicate meet the same noise (common random numbers), so they are compared replicate by"
        " replicate"
    )
    if study.spec.budget.table_seed == "one_draw_per_query":
        noisy = (
            "the noise is drawn anew at each query, so strategies of a replicate do not meet the same for one"
            " architecture; they are compared replicate by replicate all the same"
        )
    drawn = any(item.truth.about.get("noise") for item in study.aligned if item.truth.kind == SURROGATE)
    texts = {TABLE: noisy, PROTOCOL: silent, SURROGATE: noisy if drawn else silent}
    return as_sentence(by_kind(study, texts))


INCUMBENT_WORDS = {
    "full": "The incumbent at a budget is the architecture with the best value told so far",
    "highest_fidelity": "The incumbent at a budget is the architecture with the best value told so far among those told"
    " at the highest fidelity that was reached by then",
    "recommended": "The incumbent at a budget is what the strategy itself recommends then, and, of strategies that"
    " recommend nothing of their own, the architecture with the best value told so far",
}
"""How the incumbent was decided, by `ReportSpec.incumbent`."""


_FRONT_WORDS = "The front at a budget holds the architectures that no other told so far dominates"


def incumbent_words(study: Study) -> str:
    """Say which architecture is the incumbent, in one sentence without its end."""
    rule = study.spec.report.incumbent
    words = _FRONT_WORDS if study.several else INCUMBENT_WORDS[rule]
    trained = any(item.trains_partly for item in study.aligned)
    return f"{words} at the full fidelity" if trained and rule != "highest_fidelity" else words
