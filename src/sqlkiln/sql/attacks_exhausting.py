"""Attacks on time and memory: runaway queries, bombs, bottomless nesting."""

# ruff: noqa: S608 (SQL put together from parts is what an attack is)

from sqlkiln.sql.attack import (
    BOTH,
    CUT_OFF,
    CUT_OFF_OR_UNPARSED,
    DUCKDB,
    REFUSED,
    SQLITE,
    Attack,
    group,
)

_COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n{}) "
_HUNDRED = _COUNT.format(" WHERE i < 100")
_ENDLESS = _COUNT.format("")
_DOUBLING = (
    "WITH RECURSIVE s(t) AS (SELECT 'aaaaaaaaaaaaaaaa' UNION ALL SELECT t || t FROM s) "
    "SELECT {} FROM s"
)
_EXPLODING = (
    "WITH c0 AS (SELECT 1 AS x UNION ALL SELECT 2), "
    + ", ".join(f"c{i} AS (SELECT a.x FROM c{i - 1} a, c{i - 1} b)" for i in range(1, 9))
    + " SELECT count(*) FROM c8"
)

_RUNAWAY = (
    *group(
        "runaway",
        BOTH,
        CUT_OFF,
        {
            "endless count": _ENDLESS + "SELECT count(*) FROM n",
            "endless sum": _ENDLESS + "SELECT sum(i % 1000) FROM n",
            "endless text": _DOUBLING.format("max(length(t))"),
            "two endless ones": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n), "
            "m(j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM m) SELECT count(*) FROM n, m",
            "cartesian join": _HUNDRED + "SELECT count(*) FROM n a, n b, n c, n d, n e, n f "
            "WHERE a.i + b.i + c.i + d.i + e.i + f.i = 7",
            "cartesian text": _HUNDRED + "SELECT count(a.i || b.i || c.i || d.i || e.i) "
            "FROM n a, n b, n c, n d, n e",
            "cartesian sort": _HUNDRED + "SELECT a.i FROM n a, n b, n c, n d, n e "
            "ORDER BY a.i * b.i - c.i * d.i + e.i",
            "cartesian distinct": _HUNDRED + "SELECT count(DISTINCT a.i * 1000000 + b.i * 10000 "
            "+ c.i * 100 + d.i + e.i / 101.0) FROM n a, n b, n c, n d, n e",
            "cartesian window": _HUNDRED + "SELECT sum(r) FROM (SELECT row_number() OVER "
            "(ORDER BY a.i * b.i, c.i, d.i * e.i) AS r FROM n a, n b, n c, n d, n e)",
        },
    ),
    *group("runaway", SQLITE, CUT_OFF, {"exploding ctes": _EXPLODING}),
    *group(
        "runaway",
        SQLITE,
        CUT_OFF,
        {
            "search no callback can stop": "SELECT instr(hex(zeroblob(10000000)), "
            "hex(zeroblob(1000000)) || '1')",
            "replace no callback can stop": "SELECT replace(hex(zeroblob(10000000)), "
            "hex(zeroblob(1000000)) || '1', '')",
            "random": _ENDLESS + "SELECT count(*) FROM n WHERE random() = 0",
            "substr": _HUNDRED + "SELECT count(*) FROM n a, n b, n c, n d WHERE "
            "instr(hex(zeroblob(100000)), 'x' || a.i || b.i || c.i || d.i)",
        },
    ),
    *group(
        "runaway",
        DUCKDB,
        CUT_OFF,
        {
            "range join": "SELECT count(*) FROM range(1000000) a, range(1000000) b "
            "WHERE (a.range * 7 + b.range) % 1000003 = 1",
            "hash join": "SELECT sum(hash(a.range, b.range)) "
            "FROM range(10000000) a, range(10000000) b",
            "regular expression": "SELECT count(*) FROM range(100000000) WHERE "
            "regexp_matches(repeat(range::VARCHAR, 200), '(a+)+$')",
            "list comprehension": "SELECT list_sum([list_sum([x * y for y in range(100000)]) "
            "for x in range(100000)])",
            "lambda": "SELECT list_sum(list_transform(range(100000), lambda x: "
            "list_sum(list_transform(range(100000), lambda y: (x * y) % 7))))",
        },
    ),
    *group("runaway", DUCKDB, REFUSED, {"sleep": "SELECT sleep_ms(100000)"}),
)

_MEMORY = (
    *group(
        "memory",
        SQLITE,
        CUT_OFF,
        {
            "zeroblob": "SELECT zeroblob(1000000000)",
            "zeroblob length": "SELECT length(zeroblob(900000000))",
            "randomblob": "SELECT randomblob(1000000000)",
            "hex": "SELECT hex(zeroblob(450000000))",
            "quote": "SELECT quote(zeroblob(400000000))",
            "replace": "SELECT replace(hex(zeroblob(100000)), '0', hex(zeroblob(100000)))",
            "group_concat": _ENDLESS
            + "SELECT group_concat('aaaaaaaaaaaaaaaaaaaaaaaa' || i) FROM n",
            "json_group_array": _ENDLESS + "SELECT json_group_array(i) FROM n",
            "many blobs": _ENDLESS + "SELECT zeroblob(1000000) FROM n",
            "sorted blobs": _ENDLESS + "SELECT i FROM n ORDER BY randomblob(100000)",
            "distinct blobs": _ENDLESS + "SELECT DISTINCT randomblob(100000) FROM n",
            "wide blobs": "SELECT " + ", ".join(["zeroblob(20000000)"] * 200),
            "window of blobs": _ENDLESS + "SELECT count(randomblob(100000)) OVER (ORDER BY i) "
            "FROM n",
            "char": "SELECT replace(replace(printf('%9999d', 0), ' ', printf('%9999d', 0)), "
            "' ', 'abcdefgh')",
        },
    ),
    *group(
        "memory",
        DUCKDB,
        CUT_OFF,
        {
            "repeat": "SELECT repeat('x', 4000000000)",
            "repeat too long": "SELECT repeat('x', 10000000000)",
            "repeat length": "SELECT length(repeat('x', 2000000000))",
            "repeat of rows": "SELECT repeat('x' || range, 1000000) FROM range(100000000)",
            "lpad": "SELECT lpad('x', 2000000000, 'y')",
            "printf": "SELECT printf('%2000000000d', 1)",
            "format": "SELECT format('{:2000000000d}', 1)",
            "range list": "SELECT range(1000000000)",
            "range too long": "SELECT range(10000000000)",
            "generate_series": "SELECT generate_series(1, 1000000000)",
            "list": "SELECT list(range) FROM range(1000000000)",
            "array_agg": "SELECT array_agg('x' || range) FROM range(1000000000)",
            "string_agg": "SELECT string_agg(range::VARCHAR, ',') FROM range(1000000000)",
            "list_resize": "SELECT list_resize([1], 1000000000)",
            "bitstring": "SELECT bitstring('1', 2000000000)",
            "histogram": "SELECT histogram(range) FROM range(1000000000)",
            "sort": "SELECT * FROM range(1000000000) ORDER BY hash(range)",
            "distinct": "SELECT count(DISTINCT hash(range)) FROM range(1000000000)",
            "group by": "SELECT range % 500000000, count(*) FROM range(1000000000) GROUP BY 1",
            "join": "SELECT count(*) FROM range(500000000) a JOIN range(500000000) b USING (range)",
            "window": "SELECT sum(x) FROM (SELECT lag(range) OVER (ORDER BY -range) AS x "
            "FROM range(1000000000))",
            "wide row": "SELECT " + ", ".join(f"repeat('x', 2000{i:04d}0)" for i in range(100)),
        },
    ),
    *group(
        "memory",
        BOTH,
        CUT_OFF,
        {
            "endless rows kept": _ENDLESS + "SELECT * FROM n ORDER BY -i",
            "doubling text": _DOUBLING.format("t"),
        },
    ),
)

_DEEP = (
    *group(
        "nesting",
        BOTH,
        CUT_OFF_OR_UNPARSED,
        {
            "not": "SELECT " + "NOT " * 50_000 + "1",
            "minus": "SELECT " + "- " * 50_000 + "1",
            "plus": "SELECT " + "1 + " * 50_000 + "1",
            "functions": "SELECT " + "abs(" * 20_000 + "1" + ")" * 20_000,
            "case": "SELECT " + "CASE WHEN 1 = 1 THEN " * 5_000 + "1" + " END" * 5_000,
            "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 5_000 + "{table}" + ")" * 5_000,
            "exists": "SELECT 1 WHERE " + "EXISTS (SELECT 1 WHERE " * 3_000 + "true" + ")" * 3_000,
            "too long": "SELECT '" + "x" * 2_000_000 + "'",
            "too long a list": "SELECT 1 IN (" + ", ".join(map(str, range(300_000))) + ")",
        },
    ),
    *group(
        "nesting",
        SQLITE,
        CUT_OFF_OR_UNPARSED,
        {
            "parentheses": "SELECT " + "(" * 50_000 + "1" + ")" * 50_000,
            "unions": "SELECT 1" + " UNION SELECT 1" * 20_000,
            "or": "SELECT * FROM {table} WHERE " + "1 = 2 OR " * 20_000 + "1 = 2",
            "columns": "SELECT " + ", ".join(["1"] * 40_000),
            "joins": "SELECT count(*) FROM " + " , ".join(f"{{table}} AS t{i}" for i in range(100)),
            "pattern": "SELECT 'a' LIKE '" + "%a" * 100_000 + "'",
            "arguments": "SELECT max(" + ", ".join(["1"] * 10_000) + ")",
        },
    ),
)

_GIVEN_UP = tuple(
    Attack(f"memory: {name}", "memory", sql, SQLITE, (), "SQLite gives up and answers NULL")
    for name, sql in (
        ("printf", "SELECT printf('%1000000000d', 1)"),
        ("printf star", "SELECT printf('%*d', 900000000, 1)"),
    )
)

EXHAUSTING = (*_RUNAWAY, *_MEMORY, *_GIVEN_UP, *_DEEP)
