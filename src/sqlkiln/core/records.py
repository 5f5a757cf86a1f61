"""The records that stages hand to one another, one JSON object a line, versioned by `schema_id`.

All are frozen and refuse unknown fields. Reading and writing them is in `core.store`.
"""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Cell = None | bool | int | float | str | bytes
"""A value in a result row. Dates, decimals and nested values arrive as text or float."""

Row = tuple[Cell, ...]


class Record(BaseModel):
    """Base of all records: immutable, and an unknown field is an error.

    Files of the versions in `older`, the oldest first, are read as well: all they lack is fields
    that have a default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    older: ClassVar[tuple[str, ...]] = ()


class Column(Record):
    """One column; `type` as the database declares it ('' if it does not)."""

    name: str
    type: str = ""
    primary_key: bool = False
    nullable: bool = True
    samples: tuple[str, ...] = ()
    """A few distinct values as text: data, never instructions. Truncated, not escaped."""


class ForeignKey(Record):
    """`columns` of this table refer to `ref_columns` of `ref_table`, pairwise."""

    columns: tuple[str, ...]
    ref_table: str
    ref_columns: tuple[str, ...]


class Table(Record):
    """One table or view."""

    name: str
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    row_count: int | None = None
    kind: Literal["table", "view"] = "table"


class DatabaseSchema(Record):
    """What a database holds, as read from the database itself."""

    schema_id: Literal["database_schema/1"] = "database_schema/1"
    db_id: str
    dialect: str
    tables: tuple[Table, ...]


SCHEMA_ONLY = "schema_only"
"""Tag of an example whose database has tables but no rows, so that results prove nothing."""


class Example(Record):
    """One question of a dataset; `gold_sql` is None where nobody knows the answer."""

    schema_id: Literal["example/1"] = "example/1"
    id: str
    db_id: str
    question: str
    evidence: str = ""
    gold_sql: str | None = None
    dataset: str = ""
    split: str = ""
    tags: tuple[str, ...] = ()


BUCKETS = (
    "projection",
    "filter",
    "aggregate",
    "order_limit",
    "group_having",
    "join",
    "nested",
    "set",
    "other",
)
"""What the SQL of a question has to do, from the simplest to the hardest (`data.curriculum`)."""


class Demonstration(Record):
    """A question with its answer, ready to train on.

    `db_id` is the key of its schema among those prepared with it, and unique over datasets.
    `bucket` is what its SQL has to do, one of `BUCKETS`. It is shown `repeat` times an epoch.
    `hints` are values of the database that the question mentions, as the prompt shows them.
    """

    schema_id: Literal["demonstration/1"] = "demonstration/1"
    id: str
    db_id: str
    question: str
    evidence: str = ""
    gold_sql: str
    dialect: str = "sqlite"
    dataset: str = ""
    split: str = ""
    bucket: str = ""
    repeat: int = Field(1, ge=1)
    hints: tuple[str, ...] = ()


class Prediction(Record):
    """What a model answered to one example. `sql` is '' when no SQL could be read from it.

    Where it was asked several times, `samples` are all answers in turn, the first being `sql`.
    `confidence` is the probability that it is right, which follows from `features`
    (`search.confidence`); None where nobody estimated it. `fixes` say what was mended in it, in one
    sentence each.
    """

    older: ClassVar[tuple[str, ...]] = ("prediction/1",)
    schema_id: Literal["prediction/2"] = "prediction/2"
    id: str
    db_id: str
    sql: str
    completion: str = ""
    model: str = ""
    adapter: str | None = None
    strategy: str = ""
    error: str | None = None
    attempts: int = 1
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    samples: tuple[str, ...] = ()
    confidence: float | None = Field(default=None, ge=0, le=1)
    features: dict[str, float | None] = {}
    fixes: tuple[str, ...] = ()


class Verdict(Record):
    """What one metric says of one prediction: `score` (1 is right, 0 is wrong), and why."""

    schema_id: Literal["verdict/1"] = "verdict/1"
    id: str
    db_id: str
    metric: str
    score: float
    reason: str
    flags: tuple[str, ...] = ()
    details: dict[str, Any] = {}


class PreferencePair(Record):
    """Two answers to one question: `chosen` is the gold SQL, `rejected` what a model wrote.

    `label` is why the latter is wrong (`scoring.failures`).
    """

    schema_id: Literal["preference_pair/1"] = "preference_pair/1"
    id: str
    db_id: str
    question: str
    evidence: str = ""
    chosen: str
    rejected: str
    label: str = ""
    model: str = ""


class Tokens(Record):
    """Token counts of one answer; `cached` of the `prompt` tokens were not computed again."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0


class Timings(Record):
    """Seconds spent on one answer: `prompt_s` and `decode_s` are the model's share."""

    total_s: float = 0.0
    prompt_s: float = 0.0
    decode_s: float = 0.0
    execute_s: float = 0.0


class Attempt(Record):
    """One SQL statement that was tried, and the database's error if it failed."""

    sql: str
    error: str | None = None


class OtherReading(Record):
    """The answer that was nearly given, and how its result differs from that of the one that was.

    `difference` is a sentence about both. `own_rows` are the first of the rows that only this one
    has, `winner_rows` the first of those that only the winner has; where the columns are not even
    as many, the first rows of each. Cells are data: escape them before they are shown.
    `confidence` and `fixes` are its own, as an `Answer` has them. Where it came from a second
    adapter and not from a vote, the votes are 0.
    """

    sql: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    truncated: bool = False
    votes: int
    winner_votes: int
    difference: str
    own_rows: tuple[Row, ...] = ()
    winner_rows: tuple[Row, ...] = ()
    confidence: float | None = Field(default=None, ge=0, le=1)
    fixes: tuple[str, ...] = ()


class Answer(Record):
    """The answer to one question: SQL, rows, and what it cost. Rows are () when `error` is set.

    `confidence` is the probability that it is right; None where nobody estimated it. `fixes` say
    what was mended in the SQL, `notes` what else the asker is to know, in one sentence each.
    `other` is there if another answer was nearly chosen: the asker knows which one was meant.
    """

    older: ClassVar[tuple[str, ...]] = ("answer/1", "answer/2", "answer/3")
    schema_id: Literal["answer/4"] = "answer/4"
    question: str
    sql: str
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    truncated: bool = False
    error: str | None = None
    model: str = ""
    adapter: str | None = None
    strategy: str = ""
    timings: Timings = Timings()
    tokens: Tokens = Tokens()
    attempts: tuple[Attempt, ...] = ()
    confidence: float | None = Field(default=None, ge=0, le=1)
    fixes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    other: OtherReading | None = None
