"""An audit as one self-contained page: no network, no script, printable."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from benchmarks_data.audit.findings import Audit
from benchmarks_data.audit.text import beside, summary
from harness.cli.output import plain
from harness.files.whole import replacing

_HEADINGS = {
    "fault": "Faults: what is wrong",
    "caution": "Cautions: what to know before using it",
    "fact": "Facts",
}


def page(audit: Audit) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=PackageLoader("benchmarks_data.audit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": lambda value: "" if value is None else plain(value), "with_code": _with_code}
    sections = [
        (severity, heading, [finding for finding in audit.findings if finding.severity == severity])
        for severity, heading in _HEADINGS.items()
    ]
    return environment.get_template("audit.html.j2").render(
        audit=audit, summary=summary(audit), beside=beside(audit), sections=sections
    )


def write(audit: Audit, path: Path) -> None:
    """Write the page to a file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(page(audit), encoding="utf-8")


def _with_code(text: str) -> Markup:
    """Escape a sentence, and set what stands between backticks as code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )
