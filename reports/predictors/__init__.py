"""The page of an evaluation of learners: results read, figures, tables, sentences."""

FIGURES = {
    "growth": "reports.predictors.growth:KIND",
    "cost": "reports.predictors.cost:KIND",
    "loop": "reports.predictors.loop:KIND",
    "winners": "reports.predictors.winners:KIND",
    "reliability": "reports.predictors.reliability:KIND",
}
"""Where each kind of figure is, by name."""
