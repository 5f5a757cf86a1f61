import pytest

from sqlkiln.core.plugins import Other, Variant
from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.prompt.about import routed
from sqlkiln.prompt.render import task

DATES = Other("dates", Variant(target="sql", adapters=(("dates.gguf", 1.0),)), about="dates")
PLAN = Other("plan", Variant(target="plan", adapters=(("plan.gguf", 1.0),)))


def schema(samples=("2014-05-01", "2015-01-31"), kind="TEXT", dialect="sqlite"):
    day = Column(name="day", type=kind, samples=samples)
    sale = Table(name="sale", columns=(day, Column(name="total", type="REAL")), row_count=9)
    return DatabaseSchema(db_id="shop", dialect=dialect, tables=(sale,))


def asked(question, over=None, others=(DATES, PLAN)):
    return task(over or schema(), question, target="qualified", others=others)


@pytest.mark.parametrize(
    "question",
    [
        "How many sales in 2014?",
        "revenue by month",
        "Total of the sales since May 2014",
        "Which weekday has the most sales?",
        "How many days are between the first and the last sale?",
    ],
)
def test_a_question_about_dates_goes_to_the_adapter_for_dates(question):
    first, note = routed(asked(question))
    assert note == "about dates, so dates was asked"
    assert first.others == ()
    assert first.request(None).adapters == (("dates.gguf", 1.0),)
    assert first.target == "sql"
    again = first.vary(Variant(hints=("sale.day = '2014-05-01'",)))
    assert again.request(None).adapters == (("dates.gguf", 1.0),)


@pytest.mark.parametrize(
    ("question", "over"),
    [
        ("How many sales are there?", schema()),
        ("Which sales may be the largest?", schema()),
        ("How many sales in 2014?", schema(samples=("red", "green"))),
        ("How many sales in 2014?", schema(samples=())),
        ("How many sales in 2014?", schema(kind="VARCHAR", dialect="duckdb")),
    ],
)
def test_any_other_goes_to_the_usual_one(question, over):
    before = asked(question, over)
    assert routed(before) == (before, "")


def test_in_duckdb_the_type_tells_what_dates_are():
    for kind in ("DATE", "TIMESTAMP WITH TIME ZONE"):
        over = schema(samples=(), kind=kind, dialect="duckdb")
        assert routed(asked("sales by year", over))[1]


def test_without_such_an_adapter_nothing_changes():
    before = asked("sales by year", others=(PLAN,))
    assert routed(before) == (before, "")


def test_what_the_prompt_tells_besides_stays():
    before = asked("sales by year").vary(Variant(hints=("sale.day = '2014-05-01'",)))
    first, _ = routed(before)
    assert "Values: sale.day" in first.request(None).messages[1].content
