import pytest

from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.sql.qualify import qualified, unqualified


def table(name, *columns):
    return Table(name=name, columns=tuple(Column(name=column) for column in columns))


SCHEMA = DatabaseSchema(
    db_id="music",
    dialect="sqlite",
    tables=(
        table("singer", "id", "Name", "Age", "home town"),
        table("concert", "cid", "singer_id", "Year"),
        table("tour stops", "stop", "cid"),
    ),
)

BOTH_WAYS = [
    (
        "SELECT Name FROM singer WHERE Age > 20",
        "SELECT singer.Name FROM singer WHERE singer.Age > 20",
    ),
    (
        "SELECT COUNT(*), MAX(Age) FROM singer GROUP BY Name HAVING COUNT(DISTINCT Age) > 1",
        "SELECT COUNT(*), MAX(singer.Age) FROM singer GROUP BY singer.Name "
        "HAVING COUNT(DISTINCT singer.Age) > 1",
    ),
    (
        "SELECT Name FROM singer WHERE id NOT IN (SELECT singer_id FROM concert)",
        "SELECT singer.Name FROM singer WHERE singer.id NOT IN "
        "(SELECT concert.singer_id FROM concert)",
    ),
    (
        "SELECT Name FROM singer UNION SELECT Year FROM concert ORDER BY Name",
        "SELECT singer.Name FROM singer UNION SELECT concert.Year FROM concert ORDER BY Name",
    ),
    (
        "SELECT COUNT(*) AS n FROM singer GROUP BY Age ORDER BY n",
        "SELECT COUNT(*) AS n FROM singer GROUP BY singer.Age ORDER BY n",
    ),
    (
        "SELECT n FROM (SELECT COUNT(*) AS n FROM singer GROUP BY Age) AS t WHERE n > 1",
        "SELECT t.n FROM (SELECT COUNT(*) AS n FROM singer GROUP BY singer.Age) AS t WHERE t.n > 1",
    ),
    ('SELECT stop FROM "tour stops"', 'SELECT "tour stops".stop FROM "tour stops"'),
    ("SELECT id FROM singer AS T1", "SELECT T1.id FROM singer AS T1"),
    ("SELECT * FROM singer", "SELECT * FROM singer"),
    (
        'SELECT Name FROM singer WHERE Name = "Joe"',
        'SELECT singer.Name FROM singer WHERE singer.Name = "Joe"',
    ),
]


@pytest.mark.parametrize(("plain", "full"), BOTH_WAYS)
def test_columns_get_their_table_and_lose_it_again(plain, full):
    assert qualified(plain, SCHEMA) == full
    assert qualified(full, SCHEMA) == full
    assert unqualified(full, "sqlite") == plain


ONE_WAY = [
    (
        "SELECT Name FROM singer JOIN concert ON id = singer_id WHERE Year = 2014",
        "SELECT singer.Name FROM singer JOIN concert ON singer.id = concert.singer_id "
        "WHERE concert.Year = 2014",
        "SELECT singer.Name FROM singer JOIN concert ON singer.id = concert.singer_id "
        "WHERE concert.Year = 2014",
    ),
    (
        "SELECT Name FROM singer WHERE EXISTS (SELECT 1 FROM concert WHERE singer_id = id)",
        "SELECT singer.Name FROM singer WHERE EXISTS "
        "(SELECT 1 FROM concert WHERE concert.singer_id = singer.id)",
        "SELECT Name FROM singer WHERE EXISTS (SELECT 1 FROM concert WHERE singer_id = singer.id)",
    ),
    (
        'SELECT "home town" FROM singer',
        'SELECT singer."home town" FROM singer',
        'SELECT singer."home town" FROM singer',
    ),
    (
        "SELECT a.Name, cid FROM singer a, concert",
        "SELECT a.Name, concert.cid FROM singer a, concert",
        "SELECT a.Name, concert.cid FROM singer a, concert",
    ),
]


@pytest.mark.parametrize(("plain", "full", "read"), ONE_WAY)
def test_what_is_needed_stays(plain, full, read):
    assert qualified(plain, SCHEMA) == full
    assert unqualified(full, "sqlite") == read


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT FROM WHERE",
        'SELECT cid FROM concert JOIN "tour stops" ON 1',  # it is in both
        "SELECT Nobody FROM singer",
        "SELECT Name FROM elsewhere",
    ],
)
def test_what_is_not_known_is_left_alone(sql):
    assert qualified(sql, SCHEMA) == sql


def test_a_table_joined_to_itself_keeps_its_aliases():
    sql = "SELECT a.Name FROM singer AS a JOIN singer AS b ON a.Age < b.Age"
    assert qualified(sql, SCHEMA) == sql
    assert unqualified(sql, "sqlite") == sql


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT singer."home town" FROM singer',  # "home town" alone could be text
        "SELECT singer.current_date FROM singer",
        "SELECT COUNT(*) AS Age FROM singer ORDER BY singer.Age",
        "SELECT country.Region FROM countrylanguage",
    ],
)
def test_a_table_that_tells_something_is_kept(sql):
    assert unqualified(sql, "sqlite") == sql


def test_duckdb_reads_its_own_names():
    schema = SCHEMA.model_copy(update={"dialect": "duckdb"})
    sql = "SELECT Name FROM singer QUALIFY row_number() OVER (ORDER BY Age) = 1"
    full = "SELECT singer.Name FROM singer QUALIFY row_number() OVER (ORDER BY singer.Age) = 1"
    assert qualified(sql, schema) == full
    assert unqualified(full, "duckdb") == sql
