"""`sqlkiln show`: one scored row with everything that is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from sqlkiln.core.records import Verdict
    from sqlkiln.evaluate.receipt import Receipt, Shown


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(show)


def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="What evaluate filled.")],
    row: Annotated[
        int | None, typer.Option(min=0, help="The number at the end of the row's id.")
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="The row's id.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where the dataset lies now, if it was moved.")
    ] = None,
    rows: Annotated[int, typer.Option(min=0, help="Rows of each result to print.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show one scored row with all that is known of it.

    Both statements are run once more.
    """
    from rich.console import Console

    from sqlkiln.evaluate.receipt import read_receipt

    receipt = read_receipt(run, row=row, id_=id_, data=data)
    if as_json:
        typer.echo(_json(receipt))
    else:
        _print(Console(), receipt, rows)


def _json(receipt: Receipt) -> str:
    import json

    from sqlkiln.cli.present import json_cell

    def shown(result: Shown) -> dict[str, Any]:
        plain = result.model_dump(exclude={"rows"})
        return plain | {"rows": [[json_cell(cell) for cell in row] for row in result.rows]}

    body = receipt.model_dump(mode="json", exclude={"gold", "predicted"})
    body |= {"gold": shown(receipt.gold), "predicted": shown(receipt.predicted)}
    return json.dumps(body, ensure_ascii=False)


# --------------------------------------------------------------------------- for people


def _print(console: Console, receipt: Receipt, most: int) -> None:
    from rich.columns import Columns

    from sqlkiln.cli.present import highlighted

    def line(text: str, style: str = "") -> None:
        console.print(text, style=style, highlight=False, markup=False)

    example, prediction = receipt.example, receipt.prediction
    line(f"{example.id} · {example.db_id} · {', '.join(example.tags) or 'ungraded'}", "bold")
    line(example.question)
    if example.evidence:
        line(f"evidence: {example.evidence}", "dim")
    for title, sql in (("gold", example.gold_sql), ("predicted", prediction and prediction.sql)):
        line(f"\n{title}", "bold")
        console.print(highlighted(sql)) if sql else line("(no SQL)", "dim")
    if prediction is not None and prediction.error:
        line(f"the model failed: {prediction.error}", "red")
    line("")
    console.print(
        Columns(
            [
                _result(f"gold: {_size(receipt.gold)}", receipt.gold, most),
                _result(f"predicted: {_size(receipt.predicted)}", receipt.predicted, most),
            ],
            padding=(0, 3),
        )
    )
    console.print(_verdicts(receipt.verdicts))
    if receipt.primary is not None:
        others = [label for label in receipt.labels if label != receipt.primary]
        line(f"failure: {receipt.primary}" + (f" (also {', '.join(others)})" if others else ""))
        line(f"remedy: {receipt.remedy}")


def _size(result: Shown) -> str:
    if result.error is not None:
        return "nothing"
    shown = f"{len(result.rows):,} row{'' if len(result.rows) == 1 else 's'}"
    return f"the first {shown}" if result.truncated else shown


def _result(title: str, result: Shown, most: int) -> RenderableType:
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from sqlkiln.cli.present import cell_text

    heading, table = Text(title, style="bold"), Table(box=box.ROUNDED, header_style="bold")
    if result.error is not None:
        return Group(heading, Text(result.error, style="red"))
    for name in result.columns:
        table.add_column(Text(cell_text(name)), overflow="fold")
    for row in result.rows[:most]:
        cells = (
            Text("NULL", style="dim") if cell is None else Text(cell_text(cell)) for cell in row
        )
        table.add_row(*cells)
    rest = len(result.rows) - most
    return Group(heading, table, Text(f"and {rest:,} more" if rest > 0 else "", style="dim"))


def _verdicts(verdicts: tuple[Verdict, ...]) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.ROUNDED, header_style="bold")
    for name in ("metric", "score", "reason"):
        table.add_column(name, overflow="fold", no_wrap=name == "metric")
    for verdict in verdicts:
        right = verdict.score >= 1.0
        mark = "right" if right else f"{verdict.score:.2f}" if verdict.score else "wrong"
        style = "green" if right else "red"
        table.add_row(verdict.metric, Text(mark, style=style), Text("\n".join(_reasons(verdict))))
    return table


def _reasons(verdict: Verdict) -> list[str]:
    """The reason, what else is known, and the first rows that differ."""
    from sqlkiln.scoring.differences import CAUSES

    lines = [verdict.reason]
    if verdict.flags:
        lines.append(f"flags: {', '.join(verdict.flags)}")
    cause = verdict.details.get("differs_from_strict")
    if cause:
        lines.append(f"differs from strict: {CAUSES[cause]}")
    for name, title in (("missing", "only gold has"), ("unexpected", "only the prediction has")):
        found = verdict.details.get(name)
        if found:
            lines.append(f"{title}: {', '.join(str(tuple(row)) for row in found)}")
    return lines
