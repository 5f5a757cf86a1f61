"""Training data small enough for tests: one shop, and questions about it."""

import json

from sqlkiln.core.plugins import open_database
from sqlkiln.core.records import Demonstration
from sqlkiln.core.store import JsonlWriter
from sqlkiln.sql.database_build import create_sqlite

DDL = "CREATE TABLE customer (id INTEGER, name TEXT, city TEXT);CREATE TABLE sale (id INTEGER);"
ROWS = {"customer": [(1, "Ann", "Oslo"), (2, "Bo", "Rome")], "sale": [(1,), (2,)]}
COLUMNS = (("id", "customer"), ("name", "customer"), ("city", "customer"), ("id", "sale"))


def write_prepared(folder, repeat=1):
    """Fill `folder` as the stage `prepare` would: 8 questions, and one held out; gives it."""
    folder.mkdir()
    file = folder / "shop.sqlite"
    create_sqlite(file, DDL, ROWS)
    database = open_database(file)
    schema = database.schema()
    database.close()
    taught = [
        demonstration(f"{word} {column} of {table}", f"SELECT {what} FROM {table}", repeat)
        for column, table in COLUMNS
        for word, what in (("each", column), ("count", f"COUNT({column})"))
    ]
    write_records(folder / "demonstrations.jsonl", taught)
    write_records(folder / "heldout.jsonl", [demonstration("cities", "SELECT city FROM customer")])
    write_records(folder / "schemas.jsonl", [schema.model_copy(update={"db_id": "shop"})])
    (folder / "databases.json").write_text(json.dumps({"shop": str(file)}))
    return folder


def demonstration(question, sql, repeat=1):
    return Demonstration(id=question, db_id="shop", question=question, gold_sql=sql, repeat=repeat)


def write_records(path, records):
    with JsonlWriter(path) as writer:
        for record in records:
            writer.write(record)
