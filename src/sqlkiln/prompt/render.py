"""Turn a question over a schema into the chat messages that a model is sent.

The text runs from what changes least to what changes most (instruction, schema, question), so
that a backend which reuses prefixes computes the schema of a database once for all its questions.
Training renders with the same functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlkiln.core.errors import UsageError
from sqlkiln.core.plugins import Message, Other, Request, Task, Variant
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.prompt.serialize import DEFAULT_STYLE, check_style, serialize, unshown_names
from sqlkiln.prompt.targets import DEFAULT_TARGET, prefill, read_target, stop

MAX_QUESTION_CHARS = 4000

_DIALECT_TITLES = {"sqlite": "SQLite", "duckdb": "DuckDB"}


@dataclass(frozen=True)
class Context:
    """What a prompt may tell besides schema and question.

    `hints` are values as `prompt.hints.value_hint` states them. The schema lacks `omitted_tables`
    of the database's tables, and of those that it has `omitted_columns`.
    """

    evidence: str = ""
    hints: Sequence[str] = ()
    omitted_tables: int = 0
    omitted_columns: int = 0


_NOTHING = Context()


def task(
    schema: DatabaseSchema,
    question: str,
    *,
    style: str = DEFAULT_STYLE,
    target: str = DEFAULT_TARGET,
    context: Context = _NOTHING,
    template: Request | None = None,
    others: tuple[Other, ...] = (),
) -> Task:
    """Make the `Task` of asking `question` over `schema`, to be answered as `target`.

    `template` brings everything of a request but its messages; the target's stops are added.
    `others` are whom the task names to be asked too.

    Raises:
        UsageError: if there is no such style or target, or the question is empty or too long.
    """
    schema_text = serialize(schema, style)
    line = check_question(question)
    blank = template or Request(messages=())
    blank = replace(blank, stop=(*blank.stop, *stop(target)))
    unshown = unshown_names(schema)

    def request(failed: tuple[str, str] | None) -> Request:
        turns = messages(
            schema_text,
            line,
            dialect=schema.dialect,
            target=target,
            context=context,
            failed=failed,
        )
        return replace(blank, messages=turns)

    def read(completion: str) -> str:
        sql = read_target(target, completion, schema.dialect)
        for shown, name in unshown.items():
            sql = sql.replace(shown, name)
        return sql

    def vary(variant: Variant) -> Task:
        asked = template
        if variant.adapters is not None:
            asked = replace(template or Request(messages=()), adapters=variant.adapters)
        return task(
            variant.schema or schema,
            question,
            style=variant.style or style,
            target=variant.target or target,
            context=_varied(context, variant),
            template=asked,
            others=others,
        )

    return Task(line, request, read, schema, target, context.evidence, vary, others)


def _varied(context: Context, variant: Variant) -> Context:
    if variant.schema is not None:
        context = replace(
            context,
            omitted_tables=variant.omitted_tables,
            omitted_columns=variant.omitted_columns,
        )
    return context if variant.hints is None else replace(context, hints=variant.hints)


def messages(
    schema_text: str,
    question: str,
    *,
    dialect: str,
    target: str = DEFAULT_TARGET,
    context: Context = _NOTHING,
    failed: tuple[str, str] | None = None,
) -> tuple[Message, ...]:
    """Ask `question` over the schema; with `failed` = (sql, database error), ask once more.

    Of a failed try only the error is shown: small models that see the statement too write it
    again as it was (docs/LOG.md). The last message is the prefill of `target`: the completion goes
    on from there up to its stop.

    Raises:
        UsageError: if there is no such target, or the question is empty or longer than
            `MAX_QUESTION_CHARS`.
    """
    title = _DIALECT_TITLES.get(dialect, dialect)
    system = f"You translate questions into {title} SQL. Answer with one SELECT query, no prose."
    asked = f"Schema:\n{schema_text}\n{_omission(context)}\n"
    if context.evidence.strip():
        asked += f"Hint: {_one_line(context.evidence)}\n"
    if context.hints:
        asked += f"Values: {'; '.join(map(_printable, context.hints))}\n"
    asked += f"Question: {check_question(question)}"
    if failed is not None:
        asked += f"\nNote: {_one_line(failed[1])}"
    return (
        Message("system", system),
        Message("user", asked),
        Message("assistant", prefill(target)),
    )


def check_form(target: str, style: str) -> None:
    """See that there are such a target and such a schema style.

    Raises:
        UsageError: if there is no such one.
    """
    prefill(target)
    check_style(style)


def _omission(context: Context) -> str:
    tables, columns = context.omitted_tables, context.omitted_columns
    if tables and columns:
        both = f"{_more(tables, 'table')}, and {_more(columns, 'column')} of those above,"
        return f"({both} are not shown)\n"
    if not tables and not columns:
        return ""
    one = _more(tables, "table") if tables else _more(columns, "column")
    return f"({one} {'is' if tables + columns == 1 else 'are'} not shown)\n"


def _more(number: int, thing: str) -> str:
    return f"{number} more {thing}{'s' if number > 1 else ''}"


def check_question(question: str) -> str:
    """Return `question` on one line.

    Raises:
        UsageError: if nothing is left of it, or it is longer than `MAX_QUESTION_CHARS`.
    """
    line = _one_line(question)
    if not line:
        raise UsageError("the question is empty; ask something, for example 'how many orders?'")
    if len(line) > MAX_QUESTION_CHARS:
        raise UsageError(
            f"the question is too long: {len(line):,} characters; "
            f"ask in at most {MAX_QUESTION_CHARS:,}"
        )
    return line


def _one_line(text: str) -> str:
    return " ".join(_printable(text).split())


def _printable(text: str) -> str:
    """`text` on one line, with all its spaces: in a value they count."""
    return "".join(c if c.isprintable() else " " for c in text)
