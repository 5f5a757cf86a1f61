r"""The prompt of `sqlkiln ask DB`: questions, and commands that start with a backslash."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer

from sqlkiln.cli.ask import Show, answer_once, explanation, prompt_text
from sqlkiln.core.errors import SqlkilnError

if TYPE_CHECKING:
    from sqlkiln.serve.session import Session

HELP = r"""Ask in plain English, or:
  \schema [TABLE]   what the database holds
  \sql              the SQL of the last answer;  \sql SELECT ... runs a query of your own
  \explain          what the last query does, in English
  \model [NAME]     the model in use; with NAME, change to another
  \help             this text
  \quit             leave (or Ctrl-D)"""


class Shell:
    """Reads lines, answers them, and goes on after whatever error a line causes."""

    def __init__(self, session: Session, show: Show) -> None:
        """Answer questions with `session`, each printed as `show` says."""
        self.session = session
        self.show = show
        self.last_sql = ""
        self._commands: dict[str, Callable[[str], None]] = {
            "schema": self._schema,
            "sql": self._sql,
            "explain": self._explain,
            "model": self._model,
            "help": lambda _: typer.echo(HELP),
        }

    def run(self, lines: Iterator[str]) -> None:
        r"""Handle lines until they end or one is `\quit`."""
        for line in lines:
            text = line.strip()
            if text in {r"\quit", r"\q"}:
                return
            if not text:
                continue
            try:
                self.handle_line(text)
            except SqlkilnError as problem:
                typer.secho(f"error: {problem}", fg="red", err=True)
            except KeyboardInterrupt:
                typer.secho("cancelled", fg="yellow", err=True)

    def handle_line(self, text: str) -> None:
        """Answer a question or carry out a command."""
        if not text.startswith("\\"):
            if self.show.dry_run:
                typer.echo(prompt_text(self.session, text))
            else:
                self.last_sql = answer_once(self.session, text, self.show).sql or self.last_sql
            return
        name, _, rest = text[1:].partition(" ")
        if name in self._commands:
            self._commands[name](rest.strip())
        else:
            typer.secho(f"unknown command: \\{name}\n{HELP}", fg="red", err=True)

    def _schema(self, table: str) -> None:
        from sqlkiln.core.errors import UsageError
        from sqlkiln.sql.schema import schema_text

        schema = self.session.schema
        if table:
            chosen = tuple(t for t in schema.tables if t.name.lower() == table.lower())
            if not chosen:
                known = ", ".join(t.name for t in schema.tables)
                raise UsageError(f"no such table: {table}; the tables are {known}")
            schema = schema.model_copy(update={"tables": chosen})
        typer.echo(schema_text(schema))

    def _sql(self, own: str) -> None:
        from rich.console import Console

        from sqlkiln.cli import present
        from sqlkiln.core.records import Answer

        if not own:
            typer.echo(self._require_last())
            return
        result = self.session.database.execute(own)
        self.last_sql = own
        answer = Answer(
            question="",
            sql=own,
            columns=result.columns,
            rows=result.rows,
            truncated=result.truncated,
        )
        Console().print(present.rows_table(answer))

    def _explain(self, _: str) -> None:
        typer.echo(explanation(self.session, self._require_last()))

    def _model(self, name: str) -> None:
        if name:
            self.session.change_model(name)
        typer.echo(f"model: {self.session.options.model}")

    def _require_last(self) -> str:
        from sqlkiln.core.errors import UsageError

        if not self.last_sql:
            raise UsageError("no query yet: nothing was asked so far; ask a question first")
        return self.last_sql


def run_shell(session: Session, show: Show) -> None:
    """Open the prompt; without a terminal, read one question a line from standard input."""
    session.schema  # noqa: B018 - an unreadable database must be said before the first prompt
    shell = Shell(session, show)
    if not sys.stdin.isatty():
        shell.run(iter(sys.stdin))
        return
    tables = len(session.schema.tables)
    typer.echo(f"{session.database.path.name}: {tables} tables. \\help for help, \\quit to leave.")
    shell.run(_prompted_lines(session))


def _prompted_lines(session: Session) -> Iterator[str]:
    from pathlib import Path

    from platformdirs import user_state_path
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory

    history: History
    path: Path = user_state_path("sqlkiln") / "history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        history = FileHistory(str(path))
    except OSError:
        history = InMemoryHistory()
    prompt: PromptSession[str] = PromptSession(
        history=history, auto_suggest=AutoSuggestFromHistory()
    )
    while True:
        try:
            yield prompt.prompt(f"{session.database.db_id}> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
