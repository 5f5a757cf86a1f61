"""Turn a question over a schema into the chat messages that a model is sent.

The text runs from what changes least to what changes most (instruction, schema, question), so
that a backend which reuses prefixes computes the schema of a database once for all its questions.
Training renders with the same functions.
"""

from dataclasses import replace

from sqlkiln.core.errors import UsageError
from sqlkiln.core.plugins import Message, Request, Task
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.prompt.serialize import DEFAULT_STYLE, serialize

MAX_QUESTION_CHARS = 4000
PREFILL = "```sql\n"
STOP = ("```",)

_DIALECT_TITLES = {"sqlite": "SQLite", "duckdb": "DuckDB"}


def task(
    schema: DatabaseSchema,
    question: str,
    *,
    style: str = DEFAULT_STYLE,
    evidence: str = "",
    template: Request | None = None,
) -> Task:
    """Make the `Task` of asking `question` over `schema`.

    `template` brings everything of a request but its messages; `STOP` is added to its stops.

    Raises:
        UsageError: if there is no such style, or the question is empty or too long.
    """
    schema_text = serialize(schema, style)
    line = check_question(question)
    blank = template or Request(messages=())
    blank = replace(blank, stop=(*blank.stop, *STOP))

    def request(failed: tuple[str, str] | None) -> Request:
        turns = messages(
            schema_text, line, dialect=schema.dialect, evidence=evidence, failed=failed
        )
        return replace(blank, messages=turns)

    return Task(line, request)


def messages(
    schema_text: str,
    question: str,
    *,
    dialect: str,
    evidence: str = "",
    failed: tuple[str, str] | None = None,
) -> tuple[Message, ...]:
    """Ask `question` over the schema; with `failed` = (sql, database error), ask once more.

    Of a failed try only the error is shown: small models that see the statement too write it
    again as it was (docs/LOG.md). The last message is the prefill `PREFILL`, so that the
    completion is SQL up to `STOP`.

    Raises:
        UsageError: if the question is empty or longer than `MAX_QUESTION_CHARS`.
    """
    title = _DIALECT_TITLES.get(dialect, dialect)
    system = f"You translate questions into {title} SQL. Answer with one SELECT query, no prose."
    asked = f"Schema:\n{schema_text}\n\n"
    if evidence.strip():
        asked += f"Hint: {_one_line(evidence)}\n"
    asked += f"Question: {check_question(question)}"
    if failed is not None:
        asked += f"\nNote: {_one_line(failed[1])}"
    return (Message("system", system), Message("user", asked), Message("assistant", PREFILL))


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
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
