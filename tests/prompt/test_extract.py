import pytest

from sqlkiln.prompt.extract import extract_sql

CASES = [
    ("SELECT 1;", "SELECT 1"),
    ("SELECT a FROM t\n```", "SELECT a FROM t"),
    ("```sql\nSELECT a FROM t\n```", "SELECT a FROM t"),
    ("```\nSELECT a FROM t\n```", "SELECT a FROM t"),
    ("```SQLite\nSELECT a FROM t\n```", "SELECT a FROM t"),
    ("```sql\nSELECT a\nFROM t", "SELECT a\nFROM t"),
    ("Sure! Here it is:\n```sql\nSELECT a FROM t;\n```\nIt lists a.", "SELECT a FROM t"),
    ("```text\nno query here\n```\n```sql\nSELECT 2\n```", "SELECT 2"),
    ("Here you go: select a from b; select 2", "select a from b"),
    ("SELECT 'a;b' FROM t; DROP TABLE t", "SELECT 'a;b' FROM t"),
    ('SELECT "a;b" FROM t; SELECT 2', 'SELECT "a;b" FROM t'),
    ("SELECT [a;b] FROM t; SELECT 2", "SELECT [a;b] FROM t"),
    ("SELECT `a;b` FROM t; SELECT 2", "SELECT `a;b` FROM t"),
    ("SELECT 'it''s; fine' FROM t; SELECT 2", "SELECT 'it''s; fine' FROM t"),
    ("SELECT a -- one; two\nFROM t; SELECT 2", "SELECT a -- one; two\nFROM t"),
    ("SELECT a /* ; */ FROM t; SELECT 2", "SELECT a /* ; */ FROM t"),
    ("SELECT 'never closed; FROM t", "SELECT 'never closed; FROM t"),
    ("<think>SELECT wrong FROM x</think><sql>SELECT 1</sql>", "SELECT 1"),
    ("<think>it never ends: SELECT 1", ""),
    ("<sql>SELECT 3", "SELECT 3"),
    ("WITH x AS (SELECT 1) SELECT * FROM x;", "WITH x AS (SELECT 1) SELECT * FROM x"),
    ("WITH RECURSIVE n(i) AS (SELECT 1) SELECT i FROM n", None),
    ("With the schema above: SELECT x FROM y", "SELECT x FROM y"),
    ("Let me select: SELECT `a` FROM t", "SELECT `a` FROM t"),
    ("FROM t SELECT a", None),
    (
        "```sql\nFROM t AS x JOIN u ON x.a = u.a SELECT a\n```",
        "FROM t AS x JOIN u ON x.a = u.a SELECT a",
    ),
    ("```sql\nFROM (FROM u SELECT b) SELECT a\n```", "FROM (FROM u SELECT b) SELECT a"),
    ('The query is: FROM "my t" SELECT x; it lists x.', 'FROM "my t" SELECT x'),
    ("WITH c AS (FROM t SELECT a) FROM c SELECT b", None),
    ("From the schema above: SELECT x FROM y", "SELECT x FROM y"),
    ("VALUES (1), (2)", None),
    ("(SELECT 1)", None),
    ("(SELECT a FROM t) UNION (SELECT b FROM u)", None),
    ("The names (SELECT a FROM t)", "SELECT a FROM t)"),
    ("DELETE FROM t", ""),
    ("I cannot answer that.", ""),
    ("", ""),
    ("   \n", ""),
]


@pytest.mark.parametrize(("text", "sql"), CASES)
def test_reads_the_first_statement(text: str, sql: str | None) -> None:
    assert extract_sql(text) == (text if sql is None else sql)
