"""What is read from a query: which columns its names mean, and what joins and filters it has."""

import pytest

from sqlkiln.core.errors import ResourceExceeded
from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.scoring.failure_parts import Combined, Ref
from sqlkiln.scoring.failure_reading import Reading, representatives
from sqlkiln.scoring.failure_scope import Catalogue
from sqlkiln.scoring.failure_text import query_in


def table(name, columns):
    return Table(
        name=name,
        columns=tuple(Column(name=c, primary_key=c == "id") for c in columns.split()),
    )


SCHEMA = DatabaseSchema(
    db_id="d",
    dialect="sqlite",
    tables=(table("Author", "id Name born"), table("book", "id title author_id year")),
)


def reading(sql, exact=False):
    tree = query_in(sql, "sqlite")
    read = Reading(Catalogue(SCHEMA), exact)
    return read, read.read(tree)


def shown(sql):
    return [column.text for column in reading(sql)[1].shown]


def conditions(sql):
    return [(c.skeleton, *c.values) for c in reading(sql)[1].conditions]


NAMES = [
    ("SELECT NAME FROM author", ["author.name"]),
    ('SELECT "Name", "nobody" FROM author', ["author.name", "'nobody'"]),
    ("SELECT x.title, name FROM book AS x, author", ["book.title", "author.name"]),
    ("SELECT nothing, x.id FROM book", ["unknown.nothing", "unknown.id"]),
    ("SELECT * FROM author", ["author.id", "author.name", "author.born"]),
    ("SELECT b.*, name FROM author, book b WHERE 1", [
        "book.id", "book.title", "book.author_id", "book.year", "author.name",
    ]),
    ("SELECT y FROM (SELECT year AS y FROM book)", ["book.year"]),
    ("SELECT n FROM (SELECT count(*) AS n FROM book GROUP BY year) AS t", ["@count(*)"]),
    ("WITH t(a, b) AS (SELECT id, title FROM book) SELECT b FROM t", ["book.title"]),
    ("WITH book AS (SELECT name FROM author) SELECT name FROM book", ["author.name"]),
    ("SELECT count(DISTINCT born), sum(year * 2 + id) FROM author, book", [
        "@count(distinct author.born)", "@sum(add(author.id, mul(2, book.year)))",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "texts"), NAMES)
def test_names_mean_columns(sql, texts):
    assert shown(sql) == texts


def test_an_inner_source_hides_an_outer_one():
    _, block = reading(
        "SELECT name FROM author AS a WHERE EXISTS "
        "(SELECT 1 FROM book WHERE author_id = a.id AND id > born)"
    )
    (condition,) = block.conditions
    (inner,) = condition.queries
    assert [c.skeleton for c in inner.conditions] == ["author.born < book.id"]
    assert inner.ties == {
        frozenset({Ref("book", "book.author_id"), Ref("author", "author.id", True)})
    }


def test_aliases_of_the_output_are_known_in_order_group_and_having():
    _, block = reading(
        "SELECT year AS y, count(*) AS n FROM book GROUP BY y HAVING n > 3 ORDER BY n DESC, 1"
    )
    assert block.group == {Ref("book", "book.year")}
    assert [c.skeleton for c in block.conditions] == ["@count(*) > ?"]
    assert block.order == (("@count(*)", True), ("book.year", False))


JOINS = [
    "SELECT 1 FROM book JOIN author ON author.id = author_id",
    "SELECT 1 FROM author, book WHERE author_id = author.id",
    "SELECT 1 FROM (author JOIN book ON (author_id = author.id))",
]


@pytest.mark.parametrize("sql", JOINS)
def test_an_equality_of_two_tables_ties_them_wherever_it_stands(sql):
    read, block = reading(sql)
    tie = {Ref("author", "author.id", True), Ref("book", "book.author_id")}
    assert block.ties == {frozenset(tie)}
    assert block.conditions == ()
    assert block.tables == ("author", "book")
    assert block.idle == {"author"}
    assert representatives(read.equalities) == dict.fromkeys(tie, Ref("author", "author.id", True))


def test_using_and_natural_tie_columns_of_one_name():
    tie = frozenset({Ref("author", "author.id", True), Ref("book", "book.id", True)})
    assert reading("SELECT 1 FROM author JOIN book USING (id)")[1].ties == {tie}
    assert reading("SELECT 1 FROM author NATURAL JOIN book")[1].ties == {tie}


def test_an_outer_join_makes_no_columns_equal():
    read, block = reading("SELECT 1 FROM author LEFT JOIN book ON author.id = author_id")
    assert block.outer == ("book",)
    assert block.idle == frozenset()
    assert read.equalities == []


CONDITIONS = [
    ("year > 5", [("book.year > ?", "5")]),
    ("-5.0 <= year", [("book.year >= ?", "-5")]),
    ("NOT year IN (1, 2)", [("book.year != ?", "1"), ("book.year != ?", "2")]),
    ("year IN (2, '1')", [("or(book.year = ?; book.year = ?)", "1", "2")]),
    ("NOT (year = 1 AND id = 2)", [("or(book.id != ?; book.year != ?)", "2", "1")]),
    ("title IS NOT NULL", [("book.title is not null",)]),
    ("title IS 'x'", [("book.title = ?", "'x'")]),
    ("title NOT LIKE 'x%' ESCAPE '!'", [("book.title not like ?", "'x%'")]),
    ("author_id > id", [("book.author_id > book.id",)]),
    ("lower(title) = ?", [("lower(book.title) = ?", "a placeholder")]),
    ("id NOT IN (SELECT id FROM author)", [("book.id not in (query)",)]),
    ("id = (SELECT id FROM author)", [("book.id in (query)",)]),
    ("(SELECT max(id) FROM book) < year", [("book.year > (query)",)]),
    ("year BETWEEN 1 AND 2", [("book.year >= ?", "1"), ("book.year <= ?", "2")]),
]


@pytest.mark.parametrize(("where", "found"), CONDITIONS)
def test_conditions_have_one_form(where, found):
    assert conditions(f"SELECT 1 FROM book WHERE {where}") == found


def test_what_is_exact_keeps_apart_what_seldom_differs():
    sql = "SELECT count(id) FROM book WHERE year = '5'"
    _, loose = reading(sql)
    _, strict = reading(sql, exact=True)
    assert (loose.shown[0].text, loose.conditions[0].values) == ("@count(*)", ("5",))
    assert (strict.shown[0].text, strict.conditions[0].values) == ("@count(book.id)", ("'5'",))


def test_set_operations_keep_their_kind_and_order():
    _, query = reading("SELECT id FROM book UNION ALL SELECT id FROM author ORDER BY id LIMIT 2")
    assert isinstance(query, Combined)
    assert (query.kind, query.order, query.limit) == ("union all", (("book.id", False),), ("2", ""))


def test_a_column_of_two_tables_is_ambiguous_without_one():
    assert reading("SELECT id FROM book, author")[0].ambiguous
    assert not reading("SELECT book.id, title FROM book, author")[0].ambiguous


def test_a_query_that_unfolds_without_end_is_refused():
    steps = "".join(f", a{i} AS (SELECT 1 FROM a{i - 1}, a{i - 1} b)" for i in range(1, 30))
    with pytest.raises(ResourceExceeded, match="query too large: it reads more than 200 SELECTs"):
        reading(f"WITH a0 AS (SELECT 1){steps} SELECT * FROM a29")
