from dataclasses import replace

import pytest

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Example
from sqlkiln.data.blend import Row, Source
from sqlkiln.data.leaks import EvaluationQuestions
from sqlkiln.data.selection import drop_leaks, without_repeats


def row(number, question, sql="SELECT 1", key="jsonl/shop"):
    example = Example(id=f"q{number}", db_id="shop", question=question, gold_sql=sql)
    return Row(example.id, key, "jsonl train", Source(), example)


ROWS = [
    row(1, "How many?", "SELECT COUNT(*) FROM pet"),
    row(2, "how many", "select count( * ) from pet;"),
    row(3, "How many?", "SELECT COUNT(*) FROM pet", key="other/shop"),
    row(4, "How many?", "SELECT COUNT(name) FROM pet"),
    row(5, "How many?", None),
]


def test_a_question_with_its_sql_stays_once_per_database():
    selection = without_repeats(ROWS, count=False)
    assert [r.id for r in selection.rows] == ["q1", "q3", "q4"]
    assert dict(selection.seen) == {"q1": 1, "q3": 1, "q4": 1}
    assert [(r.id, r.reason) for r in selection.rejected] == [
        ("q2", "duplicate"),
        ("q5", "no_gold"),
    ]


def test_a_later_source_does_not_say_the_same_again():
    again = [replace(row, id=f"{row.id} again", label="other dev") for row in (ROWS[0], ROWS[3])]
    again = [replace(row, key="other/shop_2") for row in again]
    new = replace(row(6, "How many?", "SELECT 2"), label="other dev")
    selection = without_repeats([*ROWS, *again, new], count=False)
    assert [r.id for r in selection.rows] == ["q1", "q3", "q4", "q6"]
    assert [(r.id, r.reason, r.detail) for r in selection.rejected][2:] == [
        ("q1 again", "duplicate", "the same as q1 of jsonl train"),
        ("q4 again", "duplicate", "the same as q4 of jsonl train"),
    ]
    kept = without_repeats([*ROWS, *again], count=False, heldout=("other/shop_2",))
    assert [r.id for r in kept.rows][3:] == ["q1 again", "q4 again"]
    counted = without_repeats([*ROWS, *again], count=True)
    assert [r.id for r in counted.rows][3:] == ["q1 again", "q4 again"]


def test_repeats_may_be_counted_instead():
    selection = without_repeats(ROWS, count=True)
    assert dict(selection.seen) == {"q1": 2, "q3": 1, "q4": 1}
    assert [r.reason for r in selection.rejected] == ["no_gold"]


def test_only_the_first_leaks_are_named():
    questions = [f"Question {n}?" for n in range(7)]
    known = EvaluationQuestions(
        {"shop dev": [row(n, question).example for n, question in enumerate(questions)]}
    )
    rows = [row(n, question) for n, question in enumerate(questions)]
    with pytest.raises(DataError, match=r"7 found: q0: same question .*; q4: [^;]*; and 2 more;"):
        drop_leaks(without_repeats(rows, count=False), known, drop=False)
    selection = without_repeats(rows, count=False)
    drop_leaks(selection, known, drop=True)
    assert selection.rows == []
    assert selection.leaks == {"shop dev": 7}
