import json

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.prompt.targets import (
    DEFAULT_TARGET,
    TARGETS,
    prefill,
    read_target,
    stop,
    write_target,
)
from sqlkiln.sql.logical_order import one_line

SCHEMA = DatabaseSchema(
    db_id="pets",
    dialect="sqlite",
    tables=(
        Table(name="owner", columns=(Column(name="id"), Column(name="firstName"))),
        Table(name="pet", columns=tuple(Column(name=c) for c in ("id", "pet_age", "owner_id"))),
    ),
)
SQL = (
    "select T2.firstname from pet as T1 join owner as T2 on T1.owner_id = T2.id\nwhere pet_age > 3;"
)
LINE = (
    "select T2.firstname from pet as T1 join owner as T2 on T1.owner_id = T2.id where pet_age > 3"
)

WRITTEN = {
    "sql": LINE,
    "from_first": (
        "from pet as T1 join owner as T2 on T1.owner_id = T2.id select T2.firstname"
        " where pet_age > 3"
    ),
    "qualified": LINE.replace("pet_age", "T1.pet_age"),
    "plan": f"""\
scan pet
join owner ON pet.owner_id = owner.id
filter pet.pet_age > 3
return owner.firstName
*/
{LINE}""",
    "think": f"""\
Tables: pet ("pets"), owner ("Owners"). Columns: owner.firstName ("first names"), \
pet.pet_age ("pet ages"). Takes each row of pet with the matching rows of owner \
(pet.owner_id = owner.id). Keeps rows where pet.pet_age is more than 3. Shows owner.firstName.
</think>
```sql
{LINE}""",
}
QUESTION = "Owners of pets: their first names for pet ages over 3?"


def read_back(name):
    """What the target's SQL is when it has been read: in a join, tables stay in front."""
    return WRITTEN[name] if name == "qualified" else LINE


def test_there_are_five_targets():
    assert TARGETS == tuple(WRITTEN) == ("sql", "from_first", "qualified", "plan", "think")
    assert DEFAULT_TARGET == "sql"


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_written_reads_back(name):
    written = write_target(name, SQL, SCHEMA, QUESTION)
    assert written == WRITTEN[name]
    assert read_target(name, written, "sqlite") == read_back(name)
    assert read_target(name, f"{written}\n", "sqlite") == read_back(name)
    assert read_target(name, f"{written};\n```\nIt lists owners.", "sqlite") == read_back(name)


@pytest.mark.parametrize("name", TARGETS)
def test_the_answer_stops_at_its_end_and_not_before(name):
    written = write_target(name, SQL, SCHEMA)
    assert not any(mark in written for mark in stop(name))
    assert any(mark in f"{written}\n```\n" for mark in stop(name))
    whole = f"{prefill(name)}{written}\n```"
    assert whole.count("```sql\n") == 1
    assert whole.count("```") == 2


def test_plain_sql_begins_in_the_fence():
    assert (prefill("sql"), stop("sql")) == ("```sql\n", ("```",))


def test_the_reasoning_does_without_a_question():
    written = write_target("think", "SELECT count(*) FROM pet", SCHEMA)
    assert written.startswith("Tables: pet. Takes the rows of pet. Counts the rows.\n</think>\n")


@pytest.mark.parametrize(
    ("name", "completion", "sql"),
    [
        ("sql", "SELECT 1;\n\nThis gives 1.", "SELECT 1"),
        ("sql", "I do not know.", ""),
        ("from_first", "FROM pet", "SELECT * FROM pet"),
        ("from_first", "SELECT id FROM pet", "SELECT id FROM pet"),
        (
            "from_first",
            "```sql\nFROM pet SELECT id WHERE id IN (FROM owner SELECT id)\n```",
            "SELECT id FROM pet WHERE id IN (SELECT id FROM owner)",
        ),
        ("plan", "scan pet\nreturn id", ""),
        ("plan", "scan pet\nfilter x = 'with (one'\n*/\nSELECT id FROM pet", "SELECT id FROM pet"),
        ("plan", "SELECT id FROM pet", "SELECT id FROM pet"),
        ("think", "First SELECT a FROM b, or so.</think>\n```sql\nSELECT 2\n", "SELECT 2"),
        ("think", "We need pet.</think>SELECT 2", "SELECT 2"),
        ("think", "We need pet, and then", ""),
        ("think", "", ""),
    ],
)
def test_what_a_model_wrote_otherwise_is_read_too(name, completion, sql):
    assert read_target(name, completion, "sqlite") == sql


@pytest.mark.parametrize(
    ("name", "sql", "found"),
    [
        ("sql", " -- nothing\n;", "there is no SQL to write"),
        ("from_first", "FROM pet SELECT id", "cannot put FROM first"),
        ("plan", "SELECT id FROM cat", "no such table: 'cat'"),
        ("plan", "SELECT id FROM pet WHERE id = '*/'", r"a plan cannot hold \*/"),
        ("think", "SELECT id FROM cat", "no such table: 'cat'"),
        ("think", "SELEC", "not a query"),
    ],
)
def test_what_cannot_be_written_is_said(name, sql, found):
    with pytest.raises(DataError, match=found):
        write_target(name, sql, SCHEMA)


@pytest.mark.parametrize("call", [prefill, stop, lambda name: read_target(name, "", "sqlite")])
def test_an_unknown_target_is_refused(call):
    with pytest.raises(UsageError, match="unknown target: 'poem'; choose one of sql, from_first"):
        call("poem")


@pytest.mark.parametrize("step", [pytest.param(10, marks=pytest.mark.slow), 397])
def test_every_target_of_spider_reads_back(spider_data, step):
    files = ("dev.json", "train_spider_min.json", "train_others_min.json")
    rows = [row for name in files for row in json.loads((spider_data / name).read_text())]
    schemas, written = {}, 0
    for row in rows[::step]:
        key = row["db_id"]
        path = spider_data / "database" / key / f"{key}.sqlite"
        if not path.exists():
            continue
        if key not in schemas:
            database = plugins.open_database(path)
            schemas[key] = database.schema(0)
            database.close()
        line = one_line(row["query"])
        assert read_target("sql", line, "sqlite") == line
        for name in TARGETS:
            try:
                text = write_target(name, line, schemas[key], row["question"])
            except DataError:
                continue
            written += 1
            read = read_target(name, text, "sqlite")
            if name == "qualified":  # which table a column is of may be told in addition
                assert write_target(name, read, schemas[key]) == text
            else:
                assert read == line
    assert written > 25_000 / step
