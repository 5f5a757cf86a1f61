import json
from textwrap import dedent

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import DataError, QueryError
from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.sql.plan import check_plan, read_plan, write_plan


def schema(dialect="sqlite"):
    """Singers, concerts and who sang where."""
    tables = {
        "singer": ("singer_id", "Name", "age", "country", "boss_id"),
        "concert": ("concert_id", "year", "singer_id"),
        "cast": ("aid", "role"),
        "my list": ("item no", "return"),
    }
    return DatabaseSchema(
        db_id="concerts",
        dialect=dialect,
        tables=tuple(
            Table(name=name, columns=tuple(Column(name=c) for c in columns))
            for name, columns in tables.items()
        ),
    )


PLANS = [
    ("SELECT name FROM Singer", "scan singer\nreturn Name"),
    ("SELECT count(*) FROM singer;", "scan singer\nreturn COUNT(*)"),
    (
        "select T1.NAME, count(*) from singer as T1 join concert T2 on T1.singer_id = T2.singer_id"
        ' where T2.year > 2010 and country = "France" group by T1.name having count(*) > 1'
        " order by count(*) desc limit 3",
        """\
        scan singer
        join concert ON singer.singer_id = concert.singer_id
        filter concert.year > 2010 AND singer.country = 'France'
        group singer.Name
        having COUNT(*) > 1
        return singer.Name, COUNT(*)
        sort COUNT(*) DESC
        limit 3""",
    ),
    (
        "SELECT name FROM singer WHERE singer_id NOT IN (SELECT singer_id FROM concert WHERE year"
        " = (SELECT max(year) FROM concert)) AND country IS NOT NULL AND name NOT LIKE '%a%'",
        """\
        scan singer
        filter singer_id NOT IN (scan concert; filter year = (scan concert; return MAX(year)); \
return singer_id) AND country IS NOT NULL AND Name NOT LIKE '%a%'
        return Name""",
    ),
    (
        "SELECT country FROM singer WHERE age > 40 INTERSECT SELECT country FROM singer"
        " UNION ALL SELECT 'x' ORDER BY 1",
        """\
        scan singer
        filter age > 40
        return country
        intersect
        scan singer
        return country
        union all
        return 'x'
        sort 1""",
    ),
    (
        "SELECT DISTINCT a.name FROM singer a LEFT JOIN singer b ON a.boss_id = b.singer_id"
        " WHERE b.age BETWEEN 20 AND 30",
        """\
        scan singer AS a
        left join singer AS b ON a.boss_id = b.singer_id
        filter b.age BETWEEN 20 AND 30
        return DISTINCT a.Name""",
    ),
    (
        "SELECT t.n FROM (SELECT country, count(*) AS n FROM singer GROUP BY country) AS t"
        " ORDER BY t.n LIMIT 2 OFFSET 1",
        """\
        scan (scan singer; group country; return country, COUNT(*) AS n) AS t
        return n
        sort n
        limit 2 OFFSET 1""",
    ),
    (
        "WITH old AS (SELECT * FROM singer WHERE age > 60) SELECT name FROM old",
        "WITH old AS (scan singer; filter age > 60; return *)\nscan old\nreturn name",
    ),
    (
        "SELECT name FROM singer AS s WHERE EXISTS (SELECT 1 FROM concert WHERE singer_id ="
        " s.singer_id)",
        """\
        scan singer
        filter EXISTS(scan concert; filter singer_id = singer.singer_id; return 1)
        return Name""",
    ),
    (
        "SELECT T2.role FROM CAST AS T2 JOIN singer AS T1 ON T2.aid = T1.singer_id",
        'scan "cast"\njoin singer ON "cast".aid = singer.singer_id\nreturn "cast".role',
    ),
    (
        'SELECT max("return"), "item no" FROM "my list" WHERE "return" = \'a; scan b -- (\'',
        'scan "my list"\nfilter return = \'a; scan b -- (\'\nreturn MAX(return), "item no"',
    ),
]


@pytest.mark.parametrize(("sql", "plan"), PLANS)
def test_a_plan_says_its_query_step_by_step(sql, plan):
    plan = dedent(plan)
    assert write_plan(sql, schema()) == plan
    check_plan(plan, sql, schema())
    assert write_plan(read_plan(plan, "sqlite"), schema()) == plan


def test_a_plan_reads_as_sql():
    sql = read_plan("scan singer\nfilter age > 3\nreturn Name, age\nsort age DESC", "sqlite")
    assert sql == "SELECT Name, age FROM singer WHERE age > 3 ORDER BY age DESC"


def test_columns_called_like_steps_are_columns():
    assert read_plan("scan t\nreturn MAX(return), f(scan, 1)", "sqlite") == (
        "SELECT MAX(return), f(scan, 1) FROM t"
    )


SQL = "SELECT name FROM singer WHERE age > 40 AND country = 'France' GROUP BY name ORDER BY age"
PLAN = """\
scan singer
filter age > 40 AND country = 'France'
group Name
return Name
sort age"""


@pytest.mark.parametrize(
    ("written", "instead", "found"),
    [
        ("scan singer", "scan singer\njoin concert ON year = age", "only the plan has column"),
        ("age > 40", "age > 41", "only the plan has where 'age > 41'; only the SQL has where 'age"),
        (" AND country = 'France'", "", "only the SQL has column 'country', where \"country = 'Fr"),
        ("group Name\n", "", "only the plan has nothing; only the SQL has column 'Name', group"),
        ("return Name", "return age", "only the plan has column 'age', return 'age'"),
        ("return Name", "return DISTINCT Name", "only the plan has return 'DISTINCT Name'"),
        ("sort age", "sort age DESC", "only the plan has sort 'age DESC'"),
        ("sort age", "limit 1", "only the plan has limit 'LIMIT 1'"),
        ("sort age", "union\nscan singer\nreturn 1", "set operation 'UnionTrue'"),
        ("scan singer", "scan singers", "no such table: 'singers'"),
        ("sort age", "sort height", "no such column: 'height'"),
        ("sort age", "sort ((", "not a query"),
    ],
)
def test_a_plan_of_another_query_is_refused(written, instead, found):
    check_plan(PLAN, SQL, schema())
    with pytest.raises(DataError, match="(?s)" + found.replace("(", r"\(")):
        check_plan(PLAN.replace(written, instead), SQL, schema())


def test_the_order_of_conditions_and_of_a_join_s_sides_is_free():
    check_plan(
        PLAN.replace("age > 40 AND country = 'France'", "country = 'France' AND age > 40"),
        SQL,
        schema(),
    )
    check_plan(
        "scan concert\njoin singer ON concert.singer_id = singer.singer_id\nreturn singer.Name",
        "SELECT name FROM singer JOIN concert ON singer.singer_id = concert.singer_id",
        schema(),
    )


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT height FROM singer", "no such column: 'height' is in no table of its query"),
        ("SELECT s.height FROM singer AS s", "no such column: singer has no 'height', only singer"),
        ("SELECT name FROM singers", "no such table: 'singers' is not among singer, concert"),
        ("SELECT name FROM", "not a query"),
        ("DELETE FROM singer", "not a query"),
        ("SELECT name FROM singer WHERE name = 'a\nb'", "a plan cannot hold a line break"),
    ],
)
def test_what_has_no_plan_is_said(sql, found):
    with pytest.raises(DataError, match=found):
        write_plan(sql, schema())


def test_an_empty_plan_is_none():
    with pytest.raises(DataError, match="not a plan: ''; write steps"):
        read_plan("", "sqlite")


def test_duckdb_has_plans_too():
    plan = "scan singer\nfilter Name ILIKE 'a%'\nreturn COUNT(DISTINCT country)"
    sql = "SELECT count(DISTINCT country) FROM singer WHERE name ILIKE 'a%'"
    assert write_plan(sql, schema("duckdb")) == plan


@pytest.mark.parametrize("step", [pytest.param(3, marks=pytest.mark.slow), 397])
def test_the_plans_of_spider_give_the_rows_of_their_golds(spider_data, step):
    files = ("dev.json", "train_spider_min.json", "train_others_min.json")
    rows = [row for name in files for row in json.loads((spider_data / name).read_text())]
    asked = 0
    for db_id, sql in sorted({(row["db_id"], row["query"]) for row in rows})[::step]:
        path = spider_data / "database" / db_id / f"{db_id}.sqlite"
        if not path.exists():
            continue
        database = plugins.open_database(path)
        try:
            found = database.execute(sql).rows
        except QueryError:
            found = None
        if found is not None:
            asked += 1
            planned = database.execute(read_plan(write_plan(sql, database.schema(0)), "sqlite"))
            assert sorted(map(repr, planned.rows)) == sorted(map(repr, found)), sql
        database.close()
    assert asked > 4000 / step
