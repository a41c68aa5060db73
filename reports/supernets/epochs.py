"""Figures of one-shot methods over their epochs: weights of operations, collapse, curvature, both derivations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from harness.checks import FloatArray, IntArray
from harness.experiments.answers import MIXED
from reports.figures.exhibit import Exhibit
from reports.figures.style import style_map
from reports.supernets.exhibit import curves
from reports.supernets.held import SPLIT, looked_up
from reports.supernets.operations import WEIGHTLESS, counts, entropies
from reports.supernets.results import Panel, Supernet, SupernetResults

Row = tuple[str, str, float, float, float, float]


def over_epochs(results: SupernetResults) -> Iterator[Exhibit | None]:
    """Yield what happened in the supernets, epoch after epoch."""
    panels = looked_up(results)
    for panel in panels:
        suffix = f"-{panel.truth.name}" if len(panels) > 1 else ""
        yield _operations(results, panel, suffix)
        yield _collapse(results, panel, suffix)
        yield _derivations(results, panel, suffix)
    yield _logged(
        results, "one-shot-entropy", "Entropy of the weights of operations", entropies, "entropy (nats)",
        "Entropy of the weights of operations after each epoch, mean over edges, or of widths, mean over layers: the"
        " logarithm of their number where nothing is chosen, 0 where all is.",
    )  # fmt: skip
    yield _logged(
        results, "one-shot-eigenvalue", "Curvature in the architecture parameters", _eigenvalues, "largest eigenvalue",
        "Largest eigenvalue of the Hessian of the validation loss in the architecture parameters, where it was measured"
        " (`eigenvalue_every`). Zela et al. (ICLR 2020) found that it rises before a search collapses.",
        log_y=True,
    )  # fmt: skip
    yield _logged(
        results, "one-shot-alpha-gradient", "Gradient of the architecture parameters", _gradients, "gradient norm",
        "Norm of the gradient of the architecture parameters, mean over the steps of an epoch, of those epochs in which"
        " they are trained; their weight decay is not in it.",
        log_y=True,
    )  # fmt: skip
    yield _logged(
        results, "one-shot-weight-decay", "Decay of weights", _decays, "weight decay",
        "Decay of the weights in each epoch that was made, of methods that raise it: where it rises, the search had"
        " gone back to an earlier epoch, and epochs after that are made again.",
        log_y=True,
    )  # fmt: skip


def spread(panel: str, series: str, runs: Sequence[tuple[IntArray, FloatArray]]) -> Iterator[Row]:
    """Yield x, mean, least and largest value of replicates, (epochs, values) each, where all have a number."""
    shared = [set(epochs[np.isfinite(values)].tolist()) for epochs, values in runs]
    known = [dict(zip(epochs.tolist(), values.tolist(), strict=True)) for epochs, values in runs]
    for epoch in sorted(set.intersection(*shared)) if shared else ():
        values = [one[epoch] for one in known]
        yield panel, series, float(epoch), float(np.mean(values)), min(values), max(values)


def _operations(results: SupernetResults, panel: Panel, suffix: str) -> Exhibit | None:
    """Return the mean weights of operations, a panel for each method with architecture parameters."""
    rows, space = list[Row](), panel.truth.oracle.space.name
    operations = MIXED.get(space, ())
    for label, group in panel.supernets.items():
        told = [np.asarray(one.logs["probabilities"].mean(1)) for one in group if "probabilities" in one.logs]
        for code, name in enumerate(operations):
            rows += spread(label, name, [(_counted(one), one[:, code]) for one in told])
    caption = (
        f"{panel.truth.name}: mean weight of each operation over the edges after each epoch, the mean over"
        " replicates and their range. Where operations without weights of their own grow late, cells collapse."
    )
    if space == "darts":
        caption += " Of a method that draws edges too (`enas`), none is the share of those that it leaves out."
    return curves(results, f"one-shot-operations{suffix}", "Weights of operations", rows, caption, "epoch",
                  "mean weight", styles=style_map(operations), unit=False)  # fmt: skip


def _collapse(results: SupernetResults, panel: Panel, suffix: str) -> Exhibit | None:
    """Return how many operations without weights the recommended cell has, a panel for each kind of them."""
    rows = list[Row]()
    counted = {
        label: [(one.epochs, counts(panel.truth.oracle.space, one.archs[one.derivations[0]])) for one in group]
        for label, group in panel.supernets.items()
    }
    for place, kind in enumerate(WEIGHTLESS):
        for label, found in counted.items():
            rows += spread(kind, label, [(epochs, numbers[:, place]) for epochs, numbers in found])
    caption = (
        f"{panel.truth.name}: operations without weights of their own in the cell that is recommended after each epoch,"
        " the mean over replicates and their range."
    )
    return curves(results, f"one-shot-collapse{suffix}", "Operations without weights in the recommended cell", rows,
                  caption, "epoch", "number in the cell", counts=True)  # fmt: skip


def _derivations(results: SupernetResults, panel: Panel, suffix: str) -> Exhibit | None:
    """Return the looked-up regret of each derivation, a panel for each method that has several."""
    rows, names = list[Row](), list[str]()
    for label, group in panel.supernets.items():
        derivations = group[0].derivations
        if len(derivations) < 2:
            continue
        names += derivations
        for derivation in derivations:
            runs = [(one.epochs, one.regrets[derivation, SPLIT]) for one in group]
            rows += spread(label, derivation, runs)
    caption = (
        f"{panel.truth.name}: validation regret by the table of the cell after each epoch, by how it is derived, the"
        " mean over replicates and their range. The first derivation is what the method hands over."
    )
    return curves(results, f"one-shot-derivations{suffix}", "Looked-up regret by derivation", rows, caption, "epoch",
                  "validation regret", log_y=True, styles=style_map(list(dict.fromkeys(names))))  # fmt: skip


def _logged(
    results: SupernetResults,
    name: str,
    title: str,
    values: Callable[[Supernet], FloatArray],
    label: str,
    caption: str,
    *,
    log_y: bool = False,
) -> Exhibit | None:
    """Return a number that supernets told after their epochs, a panel for each benchmark."""
    rows = list[Row]()
    for panel in results.panels:
        for method, group in panel.supernets.items():
            told = [values(one) for one in group]
            rows += spread(panel.truth.name, method, [(_counted(one), one) for one in told])
    return curves(results, name, title, rows, f"{caption} Mean over replicates, and their range.", "epoch", label,
                  log_y=log_y, unit=False)  # fmt: skip


def _counted(values: FloatArray) -> IntArray:
    """Return epochs, from 1."""
    return np.arange(1, len(values) + 1, dtype=np.int64)


def _eigenvalues(one: Supernet) -> FloatArray:
    return one.logs.get("eigenvalue", np.empty(0))


def _gradients(one: Supernet) -> FloatArray:
    return one.logs.get("alpha_gradient", np.empty(0))


def _decays(one: Supernet) -> FloatArray:
    return one.logs.get("weight_decay", np.empty(0))
