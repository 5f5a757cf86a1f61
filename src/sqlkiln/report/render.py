"""Reports on evaluated runs: one HTML file that needs nothing else, Markdown, or CSV.

Reads manifests, scores, verdicts, predictions, examples and failures of run folders. Every number
is one that `evaluate` wrote, or counted from its rows.

    sqlkiln report RUN... --out report.html
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from sqlkiln.report.document import compose
from sqlkiln.report.markdown import to_markdown
from sqlkiln.report.reading import ReportRun, read_runs
from sqlkiln.report.rows import explorer_rows, rows_csv
from sqlkiln.report.tables import metric_names

Form = Literal["html", "md", "csv"]

_SCRIPTS = ("page.js", "sql.js", "charts.js", "explorer.js", "report.js")
_LIBRARIES = (("d3.min.js", "d3.LICENSE"), ("plot.umd.min.js", "plot.LICENSE"))


def render(folders: Sequence[Path], form: Form = "html") -> str:
    """The report on the evaluated runs in `folders`, as text.

    The same folders give the same text.

    Raises:
        UsageError: if a folder is not an evaluated run, or is given twice.
        DataError: if its files are not what this sqlkiln reads.
    """
    runs = read_runs(folders)
    if form == "csv":
        return rows_csv(runs, metric_names(runs))
    return to_markdown(compose(runs)) if form == "md" else to_html(runs)


def to_html(runs: Sequence[ReportRun]) -> str:
    """One page that holds its data, styles, scripts and libraries."""
    document = compose(runs)
    parts = {
        "title": html.escape(f"{document.title}: sqlkiln report"),
        "style": _asset("report.css"),
        "data": _json(document.model_dump(mode="json")),
        "rows": _json(explorer_rows(runs, document.metrics)),
        "libraries": "\n".join(_library(*names) for names in _LIBRARIES),
        "script": "\n".join(_asset(name) for name in _SCRIPTS),
    }
    # Cut at the marks first, so that nothing that was put in can pass for a mark.
    head, *rest = _asset("report.html").split("{{")
    return head + "".join(
        parts[name] + text for name, _, text in (piece.partition("}}") for piece in rest)
    )


def _asset(name: str) -> str:
    return resources.files("sqlkiln.assets").joinpath("report", name).read_text("utf-8")


def _library(script: str, licence: str) -> str:
    terms, code = _asset(f"third_party/{licence}"), _asset(f"third_party/{script}")
    return f"<script>\n/*\nThird-party: {script}\n{terms}*/\n{code}</script>"


def _json(value: Any) -> str:
    """JSON that can stand in a script element: no '<' in it, so nothing can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
