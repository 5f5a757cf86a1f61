import time

import pytest

from sqlkiln.core.errors import UsageError
from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.prompt.link import BROUGHT_ALONG, CHARS_A_TOKEN, Keep, Linked, focus, link, value_hints
from sqlkiln.prompt.serialize import serialize
from sqlkiln.sql.values import ValueHit


def table(name, columns, keys=(), kind="table"):
    """`columns` are 'name TYPE' with commas between; the first is the primary key."""
    made = [each.strip().partition(" ") for each in columns.split(",")]
    return Table(
        name=name,
        kind=kind,
        columns=tuple(
            Column(name=n, type=t, primary_key=i == 0 and kind == "table")
            for i, (n, _, t) in enumerate(made)
        ),
        foreign_keys=tuple(
            ForeignKey(columns=(a,), ref_table=t, ref_columns=(b,)) for a, t, b in keys
        ),
    )


MUSIC = DatabaseSchema(
    db_id="music",
    dialect="sqlite",
    tables=(
        table("singer", "singer_id INT, name TEXT, country TEXT, age INT, birth_year INT"),
        table("stadium", "stadium_id INT, name TEXT, city TEXT, capacity INT, surface TEXT"),
        table(
            "concert",
            "concert_id INT, title TEXT, year INT, stadium_id INT, ticket_price REAL",
            [("stadium_id", "stadium", "stadium_id")],
        ),
        table(
            "singer_in_concert",
            "concert_id INT, singer_id INT, fee REAL",
            [("concert_id", "concert", "concert_id"), ("singer_id", "singer", "singer_id")],
        ),
        table("invoice", "invoice_id INT, vendor TEXT, due_date DATE, amount REAL, currency TEXT"),
        table("employee", "employee_id INT, surname TEXT, salary REAL, office TEXT, phone TEXT"),
    ),
)
FRANCE = ValueHit("singer", "country", "France", "french", 0.72, "another name for it")


def names(linked, count):
    return [each.name for each in linked.tables[:count]]


def columns(linked, count):
    return [f"{each.table}.{each.name}" for each in linked.columns[:count]]


def test_a_table_is_found_by_its_name():
    linked = link(MUSIC, "How many singers are there?")
    assert names(linked, 1) == ["singer"]
    assert linked.tables[0].reasons[0] == "named: 'singers'"
    assert linked.tables[0].score > 0.5 > 0.2 > linked.tables[-1].score


def test_a_column_pulls_in_its_table():
    linked = link(MUSIC, "What is the highest ticket price?")
    assert names(linked, 1) == ["concert"]
    assert columns(linked, 1) == ["concert.ticket_price"]
    assert "columns named: ticket_price" in linked.tables[0].reasons


def test_a_value_pulls_in_its_column_and_table():
    linked = link(MUSIC, "How many are french?", [FRANCE])
    assert names(linked, 1) == ["singer"]
    assert "singer.country" in columns(linked, 3)
    assert "country holds 'France'" in linked.tables[0].reasons
    (reasons,) = [c.reasons for c in linked.columns if c.name == "country"]
    assert reasons == ("holds 'France' for 'french' (another name for it)",)
    assert linked.hits == (FRANCE,)


def test_a_value_outside_the_schema_is_passed_over():
    stranger = ValueHit("nowhere", "country", "France", "french", 0.9, "same words")
    assert link(MUSIC, "How many are french?", [stranger]).tables[0].score < 0.9


def test_a_table_that_connects_two_is_pulled_in():
    linked = link(MUSIC, "Show the names of singers and the title of each concert they gave.")
    assert set(names(linked, 3)) == {"singer", "concert", "singer_in_concert"}
    (reasons,) = [t.reasons for t in linked.tables if t.name == "singer_in_concert"]
    assert any("joins" in reason for reason in reasons)


def test_evidence_counts_like_the_question():
    bare = link(MUSIC, "How many are full?")
    told = link(MUSIC, "How many are full?", evidence="full refers to capacity > 1000")
    assert columns(told, 1) == ["stadium.capacity"]
    assert bare.columns[0].score < told.columns[0].score


def test_everything_is_ranked_once_and_scores_fall():
    linked = link(MUSIC, "names of singers")
    assert sorted(names(linked, 99)) == sorted(t.name for t in MUSIC.tables)
    assert len(linked.columns) == len(set(columns(linked, 99))) == 28
    for ranked in (linked.tables, linked.columns):
        scores = [each.score for each in ranked]
        assert scores == sorted(scores, reverse=True)
        assert 0 <= scores[-1] <= scores[0] <= 1


@pytest.mark.parametrize("question", ["", "?!", "éè 東京 'x' \"", "a" * 4000, "the of and"])
def test_any_question_is_linked(question):
    assert len(link(MUSIC, question).tables) == 6


def test_a_schema_without_tables_is_linked_to_nothing():
    empty = DatabaseSchema(db_id="e", dialect="sqlite", tables=())
    linked = link(empty, "anything")
    assert linked == Linked((), ())
    assert focus(empty, linked).schema == empty


def test_odd_names():
    odd = DatabaseSchema(
        db_id="odd",
        dialect="duckdb",
        tables=(
            table('we "ird', "größe TEXT, order by TEXT"),
            table("___", "1 TEXT, % TEXT"),
            table("v", "größe TEXT", kind="view"),
        ),
    )
    linked = link(odd, "What is the größe of the weird one?")
    assert columns(linked, 1) == ['we "ird.größe']


# --------------------------------------------------------------------------- focus


def shown(schema):
    return {t.name: [c.name for c in t.columns] for t in schema.tables}


def test_what_has_no_chance_is_cut_away_and_told():
    linked = link(MUSIC, "How many french singers are there?", [FRANCE])
    focused = focus(MUSIC, linked)
    assert "country" in shown(focused.schema)["singer"]
    assert "employee" in focused.omitted
    assert set(focused.omitted) | set(shown(focused.schema)) == {t.name for t in MUSIC.tables}
    assert len(serialize(focused.schema)) < 0.7 * len(serialize(MUSIC))


def test_keys_stay_and_keys_to_what_is_gone_go():
    linked = link(MUSIC, "Show the names of singers and the title of each concert they gave.")
    focused = focus(MUSIC, linked, keep=Keep(table=0.3, column=0.3)).schema
    assert shown(focused)["singer_in_concert"] == ["concert_id", "singer_id"]
    assert "concert_id" in shown(focused)["concert"]
    present = {t.name for t in focused.tables}
    for each in focused.tables:
        for key in each.foreign_keys:
            assert key.ref_table in present
            assert set(key.columns) <= {c.name for c in each.columns}


def test_order_is_that_of_the_schema_whatever_the_rank():
    linked = link(MUSIC, "stadiums by city and capacity, and singers by age")
    focused = focus(MUSIC, linked).schema
    assert list(shown(focused))[:2] == ["singer", "stadium"]
    assert shown(focused)["stadium"] == [
        c.name for c in MUSIC.tables[1].columns if c.name in shown(focused)["stadium"]
    ]


def test_keeping_all_keeps_all():
    linked = link(MUSIC, "names of singers")
    assert focus(MUSIC, linked, keep=Keep(0, 0)).schema == MUSIC


def test_a_budget_is_filled_where_no_column_is_spoken_of():
    metrics = ", ".join(f"metric_{number} REAL" for number in range(400))
    wide = DatabaseSchema(
        db_id="wide", dialect="sqlite", tables=(table("metrics", f"id INT, {metrics}"),)
    )
    linked = link(wide, "What is the average voltage?")
    focused = focus(wide, linked, budget_tokens=1000)
    assert 900 < len(serialize(focused.schema)) / CHARS_A_TOKEN <= 1000
    assert focused.omitted == ()
    assert focused.omitted_columns == 401 - len(shown(focused.schema)["metrics"])
    assert focus(wide, linked, keep=Keep(), budget_tokens=1000).omitted_columns == 400


def test_tables_do_not_come_with_a_single_column():
    traits = ", ".join(f"trait_{number} TEXT" for number in range(8))
    many = DatabaseSchema(
        db_id="many",
        dialect="sqlite",
        tables=tuple(table(f"area_{n}", f"area_{n}_id INT, {traits}") for n in range(300)),
    )
    focused = focus(many, link(many, "Which one is loudest?"), budget_tokens=1000)
    widths = sorted(map(len, shown(focused.schema).values()))
    assert len(widths) + len(focused.omitted) == 300
    assert len(widths) > 8
    assert widths[1] >= BROUGHT_ALONG  # but for the last one, which the budget may cut
    assert sum(widths) + focused.omitted_columns == 9 * len(widths)


@pytest.mark.parametrize("style", ["ddl", "compact", "mschema"])
def test_a_budget_is_kept_and_the_likeliest_stays(style):
    linked = link(MUSIC, "Which stadium has the highest capacity?")
    for budget in (40, 60, 100, 200):
        focused = focus(MUSIC, linked, keep=Keep(0, 0), budget_tokens=budget, style=style)
        assert len(serialize(focused.schema, style)) / CHARS_A_TOKEN <= budget
        assert "stadium" in shown(focused.schema)
    assert "capacity" in shown(focused.schema)["stadium"]


def test_a_budget_that_nothing_fits_leaves_the_likeliest_table():
    linked = link(MUSIC, "Which stadium has the highest capacity?")
    focused = focus(MUSIC, linked, budget_tokens=1)
    assert shown(focused.schema) == {"stadium": ["stadium_id"]}
    assert len(focused.omitted) == 5


def test_no_such_style():
    linked = link(MUSIC, "singers")
    with pytest.raises(UsageError, match="unknown schema style: 'xml'; choose one of"):
        focus(MUSIC, linked, budget_tokens=10, style="xml")


def test_hints_state_sure_values_of_columns_that_are_shown():
    hits = [
        FRANCE,
        FRANCE,
        ValueHit("stadium", "name", "O'Connell\nPark", "x", 0.9, "same words"),
        ValueHit("stadium", "name", "O'Connell", "x", 0.9, "same words"),
        ValueHit("stadium", "city", "Oslo", "x", 0.2, "words in common"),
        ValueHit("employee", "office", "Rome", "x", 0.9, "same words"),
    ]
    schema = MUSIC.model_copy(update={"tables": MUSIC.tables[:2]})
    assert value_hints(hits, schema) == (
        "singer.country = 'France'",
        "stadium.name = 'O''Connell'",
    )
    assert value_hints(hits, schema, most=1) == ("singer.country = 'France'",)


def test_nine_hundred_tables_are_linked_in_two_seconds():
    traits = "title status city country amount weight height price notes email phone rating".split()
    tables = tuple(
        table(
            f"area{i // 30}_thing{i % 30}",
            f"id INT, {', '.join(f'{t} TEXT' for t in traits)}, area{max(i - 1, 0) // 30}_id INT",
            [("id", f"area{max(i - 1, 0) // 30}_thing{max(i - 1, 0) % 30}", "id")] if i else [],
        )
        for i in range(900)
    )
    schema = DatabaseSchema(db_id="large", dialect="sqlite", tables=tables)
    started = time.process_time()
    linked = link(schema, "What is the rating of each area7 thing7 in every city?")
    focused = focus(schema, linked, budget_tokens=400)
    assert time.process_time() - started < 2.0
    assert linked.tables[0].name == "area7_thing7"
    assert {"rating", "city"} <= set(shown(focused.schema)["area7_thing7"])
    assert len(serialize(focused.schema)) / CHARS_A_TOKEN <= 400
