"""Stage `report`: one HTML file that needs nothing else, Markdown and CSV on evaluated runs.

Reads manifests, scores, verdicts, predictions, examples and failures of run folders. Every number
is one that `evaluate` wrote, or counted from its rows. Writes, for each set of questions that
there are runs over, `<dataset>-<split>.html` and the like; the command, one report on all runs.

    sqlkiln report RUN... --out report.html
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sqlkiln.core.plugins import Stage
from sqlkiln.core.store import write_atomic
from sqlkiln.report.document import compose
from sqlkiln.report.markdown import to_markdown
from sqlkiln.report.page import asset, filled, json_text, libraries
from sqlkiln.report.reading import ReportRun, read_by_questions, read_runs
from sqlkiln.report.rows import explorer_rows, rows_csv
from sqlkiln.report.tables import metric_names

Form = Literal["html", "md", "csv"]
FORMS: tuple[Form, ...] = ("html", "md", "csv")

_SCRIPTS = ("page.js", "sql.js", "charts.js", "explorer.js", "report.js")


class ReportConfig(BaseModel):
    """What to write of each set of questions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    forms: tuple[Form, ...] = FORMS


def render(folders: Sequence[Path], form: Form = "html") -> str:
    """The report on the evaluated runs in `folders`, as text.

    The same folders give the same text.

    Raises:
        UsageError: if a folder is not an evaluated run, or is given twice.
        DataError: if its files are not what this sqlkiln reads.
    """
    return _text(read_runs(folders), form)


def _text(runs: Sequence[ReportRun], form: Form) -> str:
    if form == "csv":
        return rows_csv(runs, metric_names(runs))
    return to_markdown(compose(runs)) if form == "md" else to_html(runs)


def to_html(runs: Sequence[ReportRun]) -> str:
    """One page that holds its data, styles, scripts and libraries."""
    document = compose(runs)
    parts = {
        "title": html.escape(f"{document.title}: sqlkiln report"),
        "style": asset("report.css"),
        "data": json_text(document.model_dump(mode="json")),
        "rows": json_text(explorer_rows(runs, document.metrics)),
        "libraries": libraries(),
        "script": "\n".join(asset(name) for name in _SCRIPTS),
    }
    return filled("report.html", parts)


def _titles(groups: Sequence[Sequence[ReportRun]]) -> list[str]:
    """A file name for each group: dataset and split, and a digest where these are not enough."""
    sources = [runs[0].evaluated.scores.source for runs in groups]
    names = [f"{source.dataset}-{source.split}" for source in sources]
    taken = Counter(names)
    return [
        name if taken[name] == 1 else f"{name}-{source.questions_sha256[:8]}"
        for name, source in zip(names, sources, strict=True)
    ]


def run(config: ReportConfig, inputs: tuple[Path, ...], out: Path) -> Mapping[str, Any]:
    """Write the reports into `out`; returns how many runs each is on.

    Raises:
        UsageError: as `render`.
        DataError: as `render`.
    """
    groups = read_by_questions(inputs)
    titles = _titles(groups)
    for runs, title in zip(groups, titles, strict=True):
        for form in config.forms:
            write_atomic(out / f"{title}.{form}", _text(runs, form))
    return {title: len(runs) for runs, title in zip(groups, titles, strict=True)}


STAGE = Stage("report", ReportConfig, run, needs=("evaluate",), gathers=True)
