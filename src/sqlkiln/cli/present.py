"""How answers look: tables and highlighted SQL for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sqlkiln.core.records import Answer, Cell, OtherReading

MAX_CELL_CHARS = 60


def highlighted(sql: str) -> RenderableType:
    """SQL in colours on a terminal, plain elsewhere."""
    from rich.syntax import Syntax

    return Syntax(sql, "sql", theme="ansi_dark", background_color="default", word_wrap=True)


def rows_table(answer: Answer) -> RenderableType:
    """The rows of `answer` as a table; numbers to the right, long cells cut."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.ROUNDED, header_style="bold")
    for position, name in enumerate(answer.columns):
        values = [row[position] for row in answer.rows]
        numeric = any(v is not None for v in values) and all(
            v is None or isinstance(v, int | float) for v in values
        )
        table.add_column(
            Text(cell_text(name)), justify="right" if numeric else "left", overflow="fold"
        )
    for row in answer.rows:
        table.add_row(*(_styled(value) for value in row))
    return table


def summary(answer: Answer) -> str:
    """One line under the rows: how many, how long, how fast."""
    shown = f"{len(answer.rows):,} row{'' if len(answer.rows) == 1 else 's'}"
    if answer.truncated:
        shown = f"the first {shown} (more with --limit)"
    if answer.error is not None:
        shown = "no answer"
    seconds = answer.timings.total_s
    speed = answer.tokens.completion / answer.timings.decode_s if answer.timings.decode_s else 0
    cost = f"{seconds:.2f} s, {answer.tokens.completion} tokens at {speed:.0f} tokens/s"
    sure = "" if answer.confidence is None else f" · {answer.confidence:.0%} sure"
    used = f"{answer.model}{f' + {answer.adapter}' if answer.adapter else ''}"
    return f"{shown}{sure} · {cost} · {used}"


def remarks(answer: Answer) -> list[str]:
    """What the asker is to know besides: what was mended, what the model was not shown."""
    return [*(f"mended: {fix}" for fix in answer.fixes), *answer.notes]


def close_call(other: OtherReading) -> list[str]:
    """How the answer and the one that nearly won differ, in lines."""
    votes = f", {other.winner_votes} to {other.votes} votes" if other.winner_votes else ""
    lines = [f"two answers were close{votes}: {other.difference}"]
    for number, rows in enumerate((other.winner_rows, other.own_rows), start=1):
        for row in rows:
            lines.append(f"  {number} alone: {', '.join(cell_text(value) for value in row)}")
    return [*lines, f"  2 is: {other.sql}"]


def picked(answer: Answer, other: OtherReading) -> Answer:
    """`answer` with what `other` says in its place."""
    names = ("sql", "columns", "rows", "truncated", "confidence", "fixes")
    taken = {name: getattr(other, name) for name in names}
    return answer.model_copy(update={**taken, "other": None})


def as_json(answer: Answer) -> str:
    """One JSON object; blobs as hex text, infinities and NaN as text."""
    body = {
        "question": answer.question,
        "sql": answer.sql,
        "columns": list(answer.columns),
        "rows": [[json_cell(value) for value in row] for row in answer.rows],
        "truncated": answer.truncated,
        "error": answer.error,
        "model": answer.model,
        "adapter": answer.adapter,
        "strategy": answer.strategy,
        "seconds": round(answer.timings.total_s, 4),
        "tokens": answer.tokens.model_dump(),
        "attempts": [attempt.model_dump() for attempt in answer.attempts],
        "confidence": answer.confidence,
        "fixes": list(answer.fixes),
        "notes": list(answer.notes),
        "other": None if answer.other is None else _other_as_json(answer.other),
    }
    return json.dumps(body, ensure_ascii=False)


def _other_as_json(other: OtherReading) -> dict[str, Any]:
    rows = {
        name: [[json_cell(value) for value in row] for row in getattr(other, name)]
        for name in ("rows", "own_rows", "winner_rows")
    }
    return other.model_dump(exclude=set(rows) | {"schema_id"}) | rows


def as_csv(answer: Answer) -> str:
    """Header and rows, comma separated; NULL is an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows([["" if v is None else json_cell(v) for v in row] for row in answer.rows])
    return out.getvalue()


def json_cell(value: Cell) -> Any:
    """A cell as JSON has it: blobs as `0x…` text, infinities and NaN as text."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def cell_text(value: Cell) -> str:
    """A cell as one line of text: control characters made visible, long values cut."""
    text = str(json_cell(value))
    if isinstance(value, float):
        text = f"{value:.10g}"
    text = "".join(c if c.isprintable() else "␤" if c == "\n" else "�" for c in text)
    return text if len(text) <= MAX_CELL_CHARS else text[: MAX_CELL_CHARS - 1] + "…"


def _styled(value: Cell) -> Any:
    from rich.text import Text

    return Text("NULL", style="dim") if value is None else Text(cell_text(value))
