"""One-shot methods on a page: looked-up regret over cost, what operations did, derived cells, and their tables."""

SECTIONS = {"one_shot": "reports.supernets.section:section"}
"""Where the section is, by its name."""
