import json
import sqlite3
import sys
from contextlib import closing

import pytest

from sqlkiln.cli import main as cli
from sqlkiln.core.records import DatabaseSchema


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
            CREATE TABLE orders (
                id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers, total REAL);
            INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cy');
            INSERT INTO orders VALUES (1, 2, 9.5);
            """
        )
    return path


@pytest.fixture
def schema(monkeypatch, capsys):
    """Run `sqlkiln schema`; give (code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["sqlkiln", "schema", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    return run


def test_text(schema, shop):
    assert schema(shop) == (
        0,
        "shop  sqlite, 2 tables\n"
        "\n"
        "customers  3 rows\n"
        "  id    INTEGER  PK        1 | 2 | 3\n"
        "  name  TEXT     not null  Ann | Bob | Cy\n"
        "\n"
        "orders  1 row\n"
        "  id           INTEGER  PK               1\n"
        "  customer_id  INTEGER  FK customers.id  2\n"
        "  total        REAL                      9.5\n",
        "",
    )


def test_mermaid(schema, shop):
    code, out, _ = schema(shop, "--mermaid")
    assert code == 0
    assert out.startswith('erDiagram\n    "customers" {\n        INTEGER id PK\n')
    assert out.endswith('    "customers" |o--o{ "orders" : "customer_id"\n')


def test_json_is_the_record(schema, shop):
    code, out, _ = schema(shop, "--json", "--samples", "1")
    found = DatabaseSchema.model_validate_json(out)
    assert code == 0
    assert json.loads(out)["schema_id"] == "database_schema/1"
    assert found.tables[0].columns[1].samples == ("Ann",)
    assert found.tables[1].row_count == 1


def test_keys_that_nobody_declared_are_shown_and_it_is_said(schema, tmp_path):
    (tmp_path / "customers.csv").write_text("id,name\n1,Ann\n2,Bob\n3,Cy\n")
    (tmp_path / "orders.csv").write_text("id,customer_id\n1,2\n2,2\n")
    code, out, told = schema(tmp_path, "--samples", "0")
    assert (code, told) == (
        0,
        "no foreign keys are declared; those shown are read off names and values: 1\n",
    )
    assert "  customer_id  BIGINT  FK customers.id" in out.splitlines()


def test_only_some_tables_in_any_spelling(schema, shop):
    _, out, _ = schema(shop, "--table", "ORDERS", "--samples", "0")
    assert out.splitlines()[2:] == [
        "orders  1 row",
        "  id           INTEGER  PK",
        "  customer_id  INTEGER  FK customers.id",
        "  total        REAL",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "order"], "no such table: 'order'; did you mean 'orders'?"),
        (["--table", "zzz"], "no such table: 'zzz'; the tables are customers, orders"),
        (["--json", "--mermaid"], "--mermaid and --json exclude one another; choose one"),
    ],
)
def test_wrong_use_ends_with_2(schema, shop, arguments, message):
    assert schema(shop, *arguments) == (2, "", f"error: {message}\n")


def test_no_such_file(schema, tmp_path):
    code, out, err = schema(tmp_path / "none.db")
    assert (code, out) == (2, "")
    assert err.startswith("error: no such database: ")
