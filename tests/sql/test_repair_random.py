"""Random queries, right and wrong ones: what runs comes back as it was, and goes on running."""

import random

import duckdb
import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import QueryError
from sqlkiln.sql.database_build import create_sqlite
from sqlkiln.sql.repair import repair

TABLES = {
    "singer": ["id", "name", '"home town"', "age"],
    "concert": ["cid", "name", "year", '"order"'],
    "link": ["sid", "cid", "fee"],
    "lone": ["name", "age", "z"],
    "old": ["n", "age"],
}
DDL = (
    'CREATE TABLE singer (id VARCHAR PRIMARY KEY, name VARCHAR, "home town" VARCHAR, age VARCHAR)',
    'CREATE TABLE concert (cid VARCHAR PRIMARY KEY, name VARCHAR, year VARCHAR, "order" VARCHAR)',
    "CREATE TABLE link (sid VARCHAR REFERENCES singer(id), cid VARCHAR REFERENCES concert(cid),"
    " fee VARCHAR)",
    "CREATE TABLE lone (name VARCHAR, age VARCHAR, z VARCHAR)",
    "CREATE VIEW old AS SELECT name AS n, age FROM singer WHERE age > '1'",
)
WRONG = ["rowid", "singers", "Name", "names", "home_town", "order", "nope", '"nope"', '"Name"']
NAMES = sorted({column for columns in TABLES.values() for column in columns}) + WRONG


class Author:
    """Writes one query after the other; the seed says which. One name in `accuracy` is a guess."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.accuracy = self.random.choice([2, 8, 30, 100])
        self.read = []
        self.withs = []
        self.count = 0

    def pick(self, *options):
        return self.random.choice(options)

    def errs(self):
        return self.random.random() < 1 / self.accuracy

    def query(self):
        form = self.random.random()
        if form < 0.12:
            inner = self.select(0, plain=True)
            self.withs = ["c1"]
            return f"WITH c1 AS ({inner}) {self.select()}"
        if form < 0.24:
            operator = self.pick("UNION", "EXCEPT", "INTERSECT", "UNION ALL")
            return f"{self.select(0, 1, plain=True)} {operator} {self.select(0, 1)}"
        return self.select()

    def select(self, depth=0, width=None, plain=False):
        outer = list(self.read)
        source = self.source(depth)
        for _ in range(self.pick(0, 0, 1, 1, 2)):
            source += self.join(depth)
        shown = [self.shown() for _ in range(width or self.pick(1, 1, 2, 3))]
        sql = f"SELECT {self.pick('', '', '', 'DISTINCT ')}{', '.join(shown)} FROM {source}"
        if self.pick(True, False):
            sql += f" WHERE {self.condition(depth)}"
        if self.random.random() < 0.2:
            sql += f" GROUP BY {self.column()}{self.pick('', f' HAVING {self.condition(depth)}')}"
        if not plain and self.random.random() < 0.3:
            sql += f" ORDER BY {self.pick(self.column(), 'n', 'q', '1', 'name')}"
        self.read = outer
        return sql

    def source(self, depth):
        if depth < 2 and self.random.random() < 0.12:
            self.count += 1
            inner = self.select(depth + 1, plain=True)
            self.read.append((f"d{self.count}", ""))
            return f"({inner}) AS d{self.count}"
        table = self.pick(*self.withs, *TABLES)
        if self.errs():
            table = self.pick("singers", "Concert", "main.singer", "nowhere")
        known = table.split(".")[-1].lower()
        known = known if known in TABLES else ""
        if self.random.random() < 0.35:
            self.count += 1
            self.read.append((f"T{self.count % 4}", known))
            return f"{table} AS T{self.count % 4}"
        self.read.append((table.split(".")[-1], known))
        return table

    def join(self, depth):
        before = self.read[-1]
        source = self.source(depth)
        how = self.random.random()
        if how < 0.8:
            kind = self.pick("JOIN", "JOIN", "LEFT JOIN", "INNER JOIN")
            return f" {kind} {source} ON {self.of(before)} = {self.of(self.read[-1])}"
        if how < 0.9:
            return f", {source}"
        using = f" JOIN {source} USING ({self.pick('name', 'age', 'cid')})"
        return self.pick(f" NATURAL JOIN {source}", using)

    def of(self, read):
        alias, table = read
        wrong = self.errs() or not table
        return f"{alias}.{self.pick(*(NAMES if wrong else TABLES[table]))}"

    def column(self):
        read = self.pick(*self.read[-3:])
        column = self.of(read)
        if self.errs():
            column = f"{self.pick(*TABLES, 'T1', 'T2')}.{column.split('.')[1]}"
        column = column.upper() if self.random.random() < 0.1 else column
        return column if self.random.random() < 0.6 else column.split(".")[1]

    def shown(self):
        column = self.column()
        forms = [column] * 6 + ["count(*)", f"max({column})", f"lower({column})", "*"]
        form = self.pick(*forms, f"{column} || 'x'", f"count(DISTINCT {column})")
        alias = self.pick("n", "name", "age", "q")
        return f"{form} AS {alias}" if form != "*" and self.random.random() < 0.2 else form

    def condition(self, depth):
        column = self.column()
        forms = [f"{column} = 'a'", f'{column} = "a"', f"{column} = {self.column()}"]
        forms += [f"{column} IN ('a', 'b')", f"{column} LIKE '%a%' AND {self.column()} > '1'"]
        if depth < 2:
            inner = self.select(depth + 1, 1)
            forms += [f"{column} IN ({inner})", f"EXISTS ({inner})"]
        return self.pick(*forms)


@pytest.fixture(scope="module", params=["sqlite", "duckdb"])
def database(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("random") / f"db.{request.param}"
    rows = {
        table: [tuple(str((i * 7 + j) % 5) for j in range(len(columns))) for i in range(5)]
        for table, columns in TABLES.items()
        if table != "old"
    }
    if request.param == "sqlite":
        create_sqlite(path, ";".join(DDL) + ";", rows)
    else:
        with duckdb.connect(str(path)) as connection:
            for statement in DDL:
                connection.execute(statement)
            for table, records in rows.items():
                marks = ", ".join("?" for _ in records[0])
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", records)
    opened = plugins.open_database(path)
    yield opened
    opened.close()


@pytest.mark.parametrize("queries", [pytest.param(1_500, marks=pytest.mark.slow), 200])
def test_what_runs_is_left_alone_and_what_is_mended_mostly_runs(database, queries):
    schema = database.schema(0)
    ran = mended = run_now = 0
    for seed in range(queries):
        sql = Author(seed).query()
        repaired = repair(sql, schema)
        if runs(database, sql):
            ran += 1
            assert (repaired.sql, repaired.fixes) == (sql, ())
        elif repaired.fixes:
            mended += 1
            run_now += runs(database, repaired.sql)
    assert ran > queries / 8
    assert mended > queries / 20
    assert run_now > mended / 6


def runs(database, sql):
    try:
        database.execute(sql)
    except QueryError:
        return False
    return True
