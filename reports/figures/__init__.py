"""Figures: a file for each kind, which owns its data, caption and drawing; what all share stands beside them.

`exhibit` is a figure as data, `kind` the record of a kind, `render` makes matplotlib figures and files of exhibits.
`captions`, `lines` and `style` hold sentences, curves on log axes, and colours and names.
"""

KINDS = {
    "critical": "reports.figures.critical:KIND",
    "curves": "reports.figures.curves:KIND",
    "fronts": "reports.figures.fronts:KIND",
    "ranks": "reports.figures.ranks:KIND",
    "shares": "reports.figures.shares:KIND",
    "inherited": "reports.figures.inherited:KIND",
    "supernets": "reports.figures.supernets:KIND",
    "scaling": "reports.figures.scaling:KIND",
    "strips": "reports.figures.strips:KIND",
    "wins": "reports.figures.wins:KIND",
    "agreement": "reports.figures.agreement:KIND",
    "differences": "reports.figures.differences:KIND",
    "held_out": "reports.figures.held_out:KIND",
    "architectures": "reports.figures.architectures:KIND",
    "importance": "reports.figures.importance:KIND",
    "operations": "reports.figures.operations:KIND",
    "footprint": "reports.figures.footprint:KIND",
}
"""Where each kind is, by name; others are found in the entry-point group ``harness.figures``."""
