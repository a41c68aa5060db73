"""Figures, tables and pages from stored results."""

COMMANDS = {
    "archive": "reports.commands.archive:COMMAND",
    "compare": "reports.commands.compare:COMMAND",
    "predictors": "reports.commands.predictors:COMMAND",
    "reproduce": "reports.commands.reproduce:COMMAND",
    "report": "reports.commands.report:COMMAND",
    "tune": "reports.commands.tune:COMMAND",
    "verify": "reports.commands.verify:COMMAND",
    "why": "reports.commands.why:COMMAND",
}
"""Where each command is, by its name; see `harness.cli.app.Command`."""
VIEWS = {
    "judge": "reports.judged.report:judge",
    "frame": "reports.study.frame:frame",
    "plot": "reports.figures.render:plot",
    "report": "reports.page.notebook:report",
}
"""What notebooks see of results; see `harness.api`."""
