"""`sqlkiln ask`: one question from the command line, or a prompt that takes many."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sqlkiln.cli.budget import Amount, Beside, CurveFile, dialled
from sqlkiln.core.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from sqlkiln.core.records import Answer, OtherReading
    from sqlkiln.serve.session import Session

EXIT_FAILED = 1

Model = Annotated[
    str | None,
    typer.Option(help="Catalogue name, GGUF path, or http(s)://host/v1#model of a server."),
]
Adapters = Annotated[
    list[str] | None,
    typer.Option(help="LoRA adapter, NAME_OR_PATH[:WEIGHT], or none; repeatable."),
]
StrategySpec = Annotated[
    str | None,
    typer.Option(
        help="How to answer: greedy or vote:8, with +link, +scope, +mend, +retry, +second, +sure; "
        "or constrained, or repair."
    ),
]
NoMend = Annotated[
    list[str] | None,
    typer.Option(metavar="KIND", help="Leave out a kind of mend, value_moved say; repeatable."),
]
LeastConfidence = Annotated[
    float,
    typer.Option(
        min=0.0, max=1.0, help="Give no answer that is right with a smaller chance; wants +sure."
    ),
]
SqlOnly = Annotated[
    bool, typer.Option("--sql-only", help="Write the SQL, its names mended, and do not run it.")
]


@dataclass(frozen=True)
class Show:
    """What of an answer is wanted, and in which form."""

    sql_only: bool = False
    as_json: bool = False
    as_csv: bool = False
    explain: bool = False
    dry_run: bool = False


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(ask)


def ask(
    database: Annotated[
        Path, typer.Argument(metavar="DB", help="SQLite or DuckDB file, CSV, Parquet or a folder.")
    ],
    question: Annotated[
        str | None, typer.Argument(help="In plain English; without it a prompt opens.")
    ] = None,
    model: Model = None,
    adapter: Adapters = None,
    beside: Beside = None,
    strategy: StrategySpec = None,
    no_mend: NoMend = None,
    evidence: Annotated[
        str, typer.Option(help="What else is known about the question, told to the model.")
    ] = "",
    budget: Amount = None,
    curve: CurveFile = None,
    min_confidence: LeastConfidence = 0.0,
    sql_only: SqlOnly = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="The rows as CSV on stdout.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say in English what the query does.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Rows to show at most.")] = 100,
    timeout: Annotated[float, typer.Option(min=0.05, help="Seconds that a query may run.")] = 10.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the prompt; load and run nothing.")
    ] = False,
) -> None:
    """Ask a database a question in plain English.

    The model writes a read query; sqlkiln mends what the schema shows to be wrong in it, runs it
    read-only and shows the rows. What is run by default is greedy+link+scope+mend+retry+second+sure
    (docs/answering.md). Nothing leaves this machine, unless --model or --beside is a server on
    another one.
    """
    if sum((sql_only, as_json, as_csv)) > 1:
        raise UsageError("--sql-only, --json and --csv exclude one another; choose one")
    show = Show(sql_only, as_json, as_csv, explain, dry_run)
    strategy = dialled(strategy, budget, curve, model, adapter, not (sql_only or dry_run))
    strategy = unmended(strategy, no_mend or ())
    chosen = Chosen(model, tuple(adapter or ()), strategy, min_confidence, evidence, beside)
    with open_session(database, chosen, limit, timeout) as session:
        if question is None:
            from sqlkiln.cli.shell import run_shell

            run_shell(session, show)
        elif dry_run:
            typer.echo(prompt_text(session, question))
        elif answer_once(session, question, show).error is not None:
            raise typer.Exit(EXIT_FAILED)


@dataclass(frozen=True)
class Chosen:
    """With what to answer; what is None or () is the default."""

    model: str | None = None
    adapters: tuple[str, ...] = ()
    strategy: str | None = None
    min_confidence: float = 0.0
    evidence: str = ""
    beside: str | None = None


def unmended(strategy: str | None, kinds: Sequence[str]) -> str | None:
    """`strategy`, or the default one, without these kinds of mends.

    Raises:
        UsageError: if it does not mend.
    """
    if not kinds:
        return strategy
    from sqlkiln.serve.session import DEFAULT_STRATEGY

    spec = strategy or DEFAULT_STRATEGY
    mend = re.search(r"\+mend(?:-[a-z_]+)*", spec)
    if mend is None:
        raise UsageError(
            f"--no-mend is for strategies that mend, and {spec} does not; add +mend, or drop it"
        )
    return spec[: mend.end()] + "".join(f"-{kind}" for kind in kinds) + spec[mend.end() :]


def open_session(database: Path, chosen: Chosen, limit: int, timeout_s: float) -> Session:
    """Open a session from what was given on the command line."""
    from sqlkiln.core.plugins import Limits
    from sqlkiln.serve.session import DEFAULT_MODEL, DEFAULT_STRATEGY, Session, SessionOptions

    return Session(
        database,
        SessionOptions(
            model=chosen.model or DEFAULT_MODEL,
            adapters=chosen.adapters or None,
            strategy=chosen.strategy or DEFAULT_STRATEGY,
            min_confidence=chosen.min_confidence,
            evidence=chosen.evidence,
            beside=chosen.beside,
            limits=Limits(timeout_s=timeout_s, max_rows=limit),
        ),
    )


def prompt_text(session: Session, question: str) -> str:
    """The prompt as the model would get it, role by role."""
    return "\n".join(f"[{m.role}]\n{m.content}" for m in session.prompt(question))


def answer_once(session: Session, question: str, show: Show) -> Answer:
    """Ask, and print the answer as `show` says."""
    from sqlkiln.cli import present

    if show.as_json or show.as_csv or show.sql_only:
        answer = session.ask(question, execute=not show.sql_only)
        if show.as_json:
            typer.echo(present.as_json(answer))
        elif answer.error is None:
            typer.echo(answer.sql if show.sql_only else present.as_csv(answer), nl=show.sql_only)
        _report_failure(answer)
        for remark in present.remarks(answer) if show.sql_only else ():
            typer.secho(remark, fg="yellow", err=True)
        if show.explain:
            typer.echo(explanation(session, answer.sql), err=True)
        return answer
    return _answer_for_people(session, question, show)


def _answer_for_people(session: Session, question: str, show: Show) -> Answer:
    from rich.console import Console

    from sqlkiln.cli import present

    console = Console(soft_wrap=not sys.stdout.isatty())
    answer = _ask_streaming(session, question, console)
    if answer.error is None:
        if show.explain:
            console.print(explanation(session, answer.sql), style="italic", highlight=False)
        console.print(present.rows_table(answer))
    _report_failure(answer)
    for remark in present.remarks(answer):
        console.print(remark, style="yellow", highlight=False, markup=False)
    console.print(present.summary(answer), style="dim", highlight=False, markup=False)
    return answer if answer.other is None else _settled(answer, answer.other, console)


def _settled(answer: Answer, other: OtherReading, console: Console) -> Answer:
    """Show the other reading of a close call; at a terminal, ask which one was meant."""
    from sqlkiln.cli import present

    for line in present.close_call(other):
        console.print(line, style="yellow", highlight=False, markup=False)
    if answer.error is not None or not (console.is_terminal and sys.stdin.isatty()):
        return answer
    if typer.prompt("Which one was meant, 1 or 2?", default="1").strip() != "2":
        return answer
    chosen = present.picked(answer, other)
    console.print(present.highlighted(chosen.sql))
    console.print(present.rows_table(chosen))
    return chosen


def _ask_streaming(session: Session, question: str, console: Console) -> Answer:
    """Show the SQL while it is written (on a terminal) or once it is done (elsewhere)."""
    from rich.live import Live

    from sqlkiln.cli import present
    from sqlkiln.core.plugins import Watch

    if not console.is_terminal:
        answer = session.ask(question, watch=Watch(on_retry=_say_retry))
        console.print(answer.sql, markup=False, highlight=False)
        return answer
    session.backend  # noqa: B018 - load (and perhaps fetch) the model before the live display
    pieces: list[str] = []

    def restart(sql: str, error: str) -> None:
        pieces.clear()
        live.stop()
        _say_retry(sql, error)
        live.start()

    with Live(console=console, refresh_per_second=12) as live:

        def show_piece(piece: str) -> None:
            pieces.append(piece)
            live.update(present.highlighted("".join(pieces)))

        answer = session.ask(question, watch=Watch(on_text=show_piece, on_retry=restart))
        live.update(present.highlighted(answer.sql))
    return answer


def _say_retry(sql: str, error: str) -> None:
    typer.secho(f"first try failed: {error}", fg="yellow", err=True)
    if sql:
        typer.secho(f"  {sql}", dim=True, err=True)


def _report_failure(answer: Answer) -> None:
    if answer.error is not None:
        typer.secho(f"no answer: {answer.error}", fg="red", err=True)


def explanation(session: Session, sql: str) -> str:
    """What `sql` does, in English, read from its parse."""
    from sqlkiln.sql.explain import explain

    return explain(sql, session.database.dialect, session.schema)
