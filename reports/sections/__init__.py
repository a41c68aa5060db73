"""Sections of a page: a folder for each that comes with this program; other packages register their own."""

SECTIONS = {
    "fidelities": "reports.sections.fidelities:section",
    "beside": "reports.sections.beside:section",
    "elsewhere": "reports.sections.elsewhere:section",
    "tuning": "reports.sections.tuning:section",
    "workers": "reports.sections.workers:section",
    "deployments": "reports.sections.deployments.section:section",
    "sample": "reports.sections.sample:section",
    "ensemble": "reports.sections.ensemble:section",
    "why": "reports.sections.why:section",
    "verification": "reports.sections.verification.section:section",
}
"""Where each provider of a section is, by name; others are found in the entry-point group ``harness.sections``."""
