import re

import pytest
from pydantic import ValidationError

from sqlkiln.core import records
from sqlkiln.core.records import (
    Answer,
    Attempt,
    Column,
    DatabaseSchema,
    Demonstration,
    Example,
    ForeignKey,
    Prediction,
    PreferencePair,
    Record,
    Table,
    Timings,
    Tokens,
    Verdict,
)

FILLED = (
    DatabaseSchema(
        db_id="shop",
        dialect="sqlite",
        tables=(
            Table(
                name="Order items",
                columns=(Column(name="id", type="INTEGER", primary_key=True, samples=("1", "ä")),),
                foreign_keys=(ForeignKey(columns=("id",), ref_table="t", ref_columns=("id",)),),
                row_count=3,
            ),
        ),
    ),
    Example(id="1", db_id="shop", question="Who?", gold_sql="SELECT 1", tags=("train",)),
    Demonstration(
        id="1", db_id="shop", question="Who?", gold_sql="SELECT 1", repeat=2, hints=("t.a = 'x'",)
    ),
    Prediction(
        id="1",
        db_id="shop",
        sql="SELECT 1",
        error="no such column: x",
        attempts=2,
        confidence=0.25,
        features={"share": None, "joins": 2.0},
    ),
    Verdict(id="1", db_id="shop", metric="execution", score=0.5, reason="rows", details={"n": 1}),
    PreferencePair(id="1", db_id="shop", question="Who?", chosen="SELECT 1", rejected="SELECT 2"),
    Answer(
        question="Who?",
        sql="SELECT name, n FROM t",
        columns=("name", "n"),
        rows=(("Ann", 1), (None, 2.5), ("", True)),
        timings=Timings(total_s=1.5),
        tokens=Tokens(prompt=10, cached=4, completion=3),
        attempts=(Attempt(sql="SELECT x", error="no such column: x"),),
        confidence=0.75,
    ),
)


def versioned():
    return [
        kind
        for kind in vars(records).values()
        if isinstance(kind, type) and issubclass(kind, Record) and "schema_id" in kind.model_fields
    ]


def test_every_record_with_a_version_is_tried_here():
    assert {type(record) for record in FILLED} == set(versioned())


@pytest.mark.parametrize("record", FILLED, ids=lambda record: type(record).__name__)
class TestRecord:
    def test_its_version_is_its_name_in_snake_case(self, record):
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", type(record).__name__).lower()
        assert re.fullmatch(rf"{snake}/\d+", record.schema_id)

    def test_comes_back_the_same_from_json(self, record):
        assert type(record).model_validate_json(record.model_dump_json()) == record

    def test_cannot_be_changed(self, record):
        with pytest.raises(ValidationError, match="frozen"):
            record.schema_id = "other/1"

    def test_refuses_an_unknown_field(self, record):
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            type(record)(**dict(record), colour="red")

    def test_refuses_another_version(self, record):
        with pytest.raises(ValidationError, match="schema_id"):
            type(record)(**dict(record) | {"schema_id": "other/1"})


def test_an_answer_keeps_the_types_of_its_cells():
    row = Answer(question="?", sql="", rows=(("1", 1, 1.0, True, None, b"\x00"),)).rows[0]
    assert [type(cell) for cell in row] == [str, int, float, bool, type(None), bytes]


@pytest.mark.parametrize("kind", versioned(), ids=lambda kind: kind.__name__)
def test_the_versions_of_a_record_are_counted_up(kind):
    name, _, latest = kind.model_fields["schema_id"].default.partition("/")
    first = int(latest) - len(kind.older)
    assert kind.older == tuple(f"{name}/{number}" for number in range(first, int(latest)))


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_a_confidence_is_a_probability(confidence):
    with pytest.raises(ValidationError, match="confidence"):
        Prediction(id="1", db_id="shop", sql="", confidence=confidence)
    with pytest.raises(ValidationError, match="confidence"):
        Answer(question="?", sql="", confidence=confidence)
