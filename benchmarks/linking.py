"""How well and how fast questions are linked to tables, columns and values.

    python benchmarks/linking.py --data SPIDER_DIR                 # split dev
    python benchmarks/linking.py --data SPIDER_DIR --split train --questions 2000
    python benchmarks/linking.py --tables 900 --rows 10000000      # generated databases alone

With `--data`: recall of the tables and columns that the gold SQL needs (`prompt.needs`), among the
first k and in the schema that `focus` makes, values that it compares with among the hits, and what
the schema takes in a prompt (characters / 3.3). Then a database of `--tables` tables is linked,
with the budget of `sqlkiln ask` if none is given, and the values of a table of `--rows` rows are
indexed. Indexes are built anew, in a folder that is removed at the end. A needed column counts in
each needed table that has one of that name. Times are of the processor (other work on the machine
does not lengthen them), but for building an index: that is done by two processes, and is as it was
on the clock.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

TABLES_AT = (1, 2, 3, 5, 10)
COLUMNS_AT = (3, 5, 10, 15, 20, 30)
VALUES_AT = (1, 3, 5, 10)


def main() -> None:
    """Run what the arguments say and print what was found."""
    args = parse_arguments()
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        if args.data:
            dataset(args, Path(scratch))
        if args.tables:
            many_tables(args, Path(scratch))
        if args.rows:
            many_rows(args, Path(scratch))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder in the layout of --dataset")
    parser.add_argument("--dataset", default="spider")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--questions", type=int, help="so many, drawn by --seed; all if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--style", default="ddl", help="of the schema whose tokens are counted")
    parser.add_argument("--budget", type=int, help="tokens that the schema may take")
    parser.add_argument("--tables", type=int, default=900, help="0 leaves this part out")
    parser.add_argument("--rows", type=int, default=1_000_000, help="0 leaves this part out")
    parser.add_argument("--scratch", type=Path, help="where generated files lie meanwhile")
    return parser.parse_args()


# --------------------------------------------------------------------------- a dataset


def dataset(args: argparse.Namespace, scratch: Path) -> None:
    """Link the questions of a dataset and compare with what their gold SQL needs."""
    from sqlkiln.core import plugins
    from sqlkiln.core.plugins import DatasetOptions

    opened = plugins.load("datasets", args.dataset).open(
        DatasetOptions(data=args.data, split=args.split)
    )
    examples = [e for e in opened.examples() if e.gold_sql and opened.database_path(e.db_id)]
    if args.questions:
        examples = random.Random(args.seed).sample(examples, min(args.questions, len(examples)))
    by_database = defaultdict(list)
    for example in examples:
        by_database[example.db_id].append(example)
    count = Tally()
    for db_id, asked in sorted(by_database.items()):
        measure(opened.database_path(db_id), asked, args, scratch, count)
    print(f"\n{args.dataset} {args.split}: {len(examples)} questions, {len(by_database)} databases")
    count.show()


class Tally:
    """Sums of everything that is measured."""

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()
        self.times: dict[str, list[float]] = defaultdict(list)
        self.ratios: list[float] = []

    def recall(self, kind: str, needed: set[Any], given: Iterable[Any]) -> None:
        """Count the names in `needed` that are `given`, and whether all are."""
        found = needed & set(given)
        self.sums[f"{kind} found"] += len(found)
        self.sums[f"{kind} needed"] += len(needed)
        self.sums[f"{kind} all"] += found == needed
        self.sums[f"{kind} asked"] += 1

    def show(self) -> None:
        """Print it."""
        for kind in [key.removesuffix(" asked") for key in self.sums if key.endswith(" asked")]:
            all_of, names = (
                self.sums[f"{kind} {a}"] / max(1, self.sums[f"{kind} {b}"])
                for a, b in (("all", "asked"), ("found", "needed"))
            )
            print(f"  {kind:22} all needed in {all_of:7.2%} of questions, {names:7.2%} of names")
        if self.sums["before"]:
            print(
                f"  schema tokens: {self.sums['before'] / len(self.ratios):.0f} before, "
                f"{self.sums['after'] / len(self.ratios):.0f} after; shorter by "
                f"{1 - sum(self.ratios) / len(self.ratios):.1%} (mean of questions), "
                f"{1 - self.sums['after'] / self.sums['before']:.1%} (of all tokens)"
            )
            print(
                f"  tables kept {self.sums['tables kept'] / self.sums['tables']:.1%}, "
                f"columns kept {self.sums['columns kept'] / self.sums['columns']:.1%}; "
                f"value hits a question {self.sums['hits'] / len(self.ratios):.2f}"
            )
        for name, seconds in self.times.items():
            ranked = sorted(1000 * s for s in seconds)
            print(
                f"  {name:12} ms: p50 {ranked[len(ranked) // 2]:.1f}, "
                f"p95 {ranked[int(len(ranked) * 0.95)]:.1f}, max {ranked[-1]:.1f}"
            )


def measure(
    path: Path, asked: list[Any], args: argparse.Namespace, scratch: Path, count: Tally
) -> None:
    """Link the questions about one database."""
    from sqlkiln.core.plugins import open_database
    from sqlkiln.prompt.link import CHARS_A_TOKEN, focus, link
    from sqlkiln.prompt.needs import needs_of
    from sqlkiln.prompt.serialize import serialize
    from sqlkiln.sql.values import open_index

    with closing(open_database(path)) as database:
        schema = database.schema()
        with open_index(database, schema, folder=scratch) as index:
            count.times["build index"].append(index.facts.seconds)
            before = len(serialize(schema, args.style)) / CHARS_A_TOKEN
            for example in asked:
                started = time.process_time()
                hits = index.search(example.question)
                searched = time.process_time()
                linked = link(schema, example.question, hits, example.evidence)
                ranked = time.process_time()
                focused = focus(schema, linked, budget_tokens=args.budget, style=args.style)
                count.times["search"].append(searched - started)
                count.times["link"].append(ranked - searched)
                count.times["focus"].append(time.process_time() - ranked)
                needs = needs_of(schema, example.gold_sql)
                compare(count, needs, schema, linked, focused.schema)
                compare_values(count, example.gold_sql, database, schema, hits)
                after = len(serialize(focused.schema, args.style)) / CHARS_A_TOKEN
                count.ratios.append(after / before)
                count.sums["before"] += before
                count.sums["after"] += after


def compare(count: Tally, needs: Any, schema: Any, linked: Any, focused: Any) -> None:
    """Count which of the needed tables and columns were ranked high, and kept."""
    tables = {t.name.lower() for t in schema.tables if t.name.lower() in needs.tables}
    columns = {
        (t.name.lower(), c.name.lower())
        for t in schema.tables
        for c in t.columns
        if t.name.lower() in tables and c.name.lower() in needs.columns
    }
    for k in TABLES_AT:
        count.recall(f"tables @{k}", tables, (t.name.lower() for t in linked.tables[:k]))
    for k in COLUMNS_AT:
        first = ((c.table.lower(), c.name.lower()) for c in linked.columns[:k])
        count.recall(f"columns @{k}", columns, first)
    kept = {(t.name.lower(), c.name.lower()) for t in focused.tables for c in t.columns}
    count.recall("tables, focused", tables, (t.name.lower() for t in focused.tables))
    count.recall("columns, focused", columns, kept)
    count.sums["tables"] += len(schema.tables)
    count.sums["tables kept"] += len(focused.tables)
    count.sums["columns"] += sum(len(t.columns) for t in schema.tables)
    count.sums["columns kept"] += len(kept)
    count.sums["hits"] += len(linked.hits)


def compare_values(count: Tally, gold: str, database: Any, schema: Any, hits: Any) -> None:
    """Count which values that the gold compares with, and that are stored, were found."""
    from sqlkiln.prompt.hints import gold_hints, value_hint

    bare = [
        t.model_copy(
            update={"columns": tuple(c.model_copy(update={"samples": ()}) for c in t.columns)}
        )
        for t in schema.tables
    ]
    stated = gold_hints(
        gold,
        schema.model_copy(update={"tables": tuple(bare)}),
        random.Random(0),
        missed=0,
        distractors=0,
    )
    needed = {hint.lower() for hint in stated if stored(hint, database, schema)}
    if needed:
        ranked = [value_hint(h.table, h.column, h.value).lower() for h in hits]
        for k in VALUES_AT:
            count.recall(f"values @{k}", needed, ranked[:k])


def stored(hint: str, database: Any, schema: Any) -> bool:
    """Whether the database has the value of a hint, in any case."""
    from sqlkiln.core.errors import QueryError
    from sqlkiln.prompt.hints import value_hint

    for table in schema.tables:
        for column in table.columns:
            start = value_hint(table.name, column.name, "")[:-1]
            if hint.startswith(start):
                value = hint.removeprefix(start[:-1])
                sql = (
                    f'SELECT 1 FROM "{table.name}" WHERE lower("{column.name}") = lower({value}) '
                    "LIMIT 1"
                )
                try:
                    return bool(database.execute(sql).rows)
                except QueryError:
                    return False
    return False


# --------------------------------------------------------------------------- many tables

AREAS = """sales hr finance stock audit web legal crm fleet lab press claims energy travel club
ward depot patent rental alarm school estate press farm museum sensor ticket
tour court bank""".split()
THINGS = """invoice employee budget item visitor contract customer truck sample article policy meter
booking member patient shelf inventor lease alert course property page field exhibit reading seat
case branch guide order""".split()
TRAITS = """title status city country amount weight colour height price start_date end_date notes
email phone rating category capacity priority currency language region width volume grade""".split()


def many_tables(args: argparse.Namespace, scratch: Path) -> None:
    """Generate a database of many tables, and link questions to it."""
    from sqlkiln.core.plugins import open_database
    from sqlkiln.prompt.link import CHARS_A_TOKEN, focus, link
    from sqlkiln.prompt.serialize import serialize
    from sqlkiln.search.shown import FOCUS_TOKENS
    from sqlkiln.sql.values import open_index

    budget = args.budget or FOCUS_TOKENS
    rng = random.Random(args.seed)
    path = scratch / "many_tables.sqlite"
    asked = generate_tables(path, args.tables, rng)
    asked = rng.sample(asked, min(args.questions or len(asked), len(asked)))
    count = Tally()
    with closing(open_database(path)) as database:
        started = time.perf_counter()
        schema = database.schema()
        print(
            f"\n{len(schema.tables)} tables: schema read in {time.perf_counter() - started:.2f} s; "
            f"{len(asked)} questions, {budget:,} tokens"
        )
        with open_index(database, schema, folder=scratch) as index:
            count.times["build index"].append(index.facts.seconds)
            before = len(serialize(schema, args.style)) / CHARS_A_TOKEN
            for question, needed in asked:
                started = time.process_time()
                hits = index.search(question)
                linked = link(schema, question, hits)
                focused = focus(schema, linked, budget_tokens=budget, style=args.style)
                count.times["all of it"].append(time.process_time() - started)
                tables = {table for table, _ in needed}
                for k in TABLES_AT:
                    count.recall(f"tables @{k}", tables, (t.name for t in linked.tables[:k]))
                for k in COLUMNS_AT:
                    first = ((c.table, c.name) for c in linked.columns[:k])
                    count.recall(f"columns @{k}", needed, first)
                kept = [(t.name, c.name) for t in focused.schema.tables for c in t.columns]
                count.recall("tables, focused", tables, (table for table, _ in kept))
                count.recall("columns, focused", needed, kept)
                after = len(serialize(focused.schema, args.style)) / CHARS_A_TOKEN
                count.ratios.append(after / before)
                count.sums["before"] += before
                count.sums["after"] += after
                count.sums["tables"] += len(schema.tables)
                count.sums["tables kept"] += len(focused.schema.tables)
                count.sums["columns"] += sum(len(t.columns) for t in schema.tables)
                count.sums["columns kept"] += sum(len(t.columns) for t in focused.schema.tables)
                count.sums["hits"] += len(hits)
    count.show()


Needed = set[tuple[str, str]]
"""Tables and columns."""


def generate_tables(path: Path, tables: int, rng: random.Random) -> list[tuple[str, Needed]]:
    """Write the database; questions about it with the columns that they need."""
    names = [f"{area}_{thing}" for thing in THINGS for area in dict.fromkeys(AREAS)]
    names += [f"{name}_history" for name in names]
    names = names[:tables]
    asked = []
    with closing(sqlite3.connect(path)) as connection, connection:
        for number, name in enumerate(names):
            traits = rng.sample(TRAITS, rng.randint(6, 16))
            columns = ", ".join(f"{trait} TEXT" for trait in traits)
            parent = names[number - 1] if number % 3 else ""
            key = f", {parent}_id INTEGER REFERENCES {parent}" if parent else ""
            connection.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, {columns}{key})")
            rows = [[f"{t} {rng.randint(1, 50)}" for t in traits] for _ in range(20)]
            connection.executemany(
                f"INSERT INTO {name}({', '.join(traits)}) VALUES ({', '.join('?' * len(traits))})",
                rows,
            )
            if number % max(1, tables // 50) == 0:
                said, trait = name.replace("_", " "), traits[0].replace("_", " ")
                needed = {(name, traits[0])}
                asked.append((f"How many {said}s are there for each {trait}?", needed))
            if parent and number % max(1, tables // 50) == 1:
                said = [each.replace("_", " ") for each in (name, parent)]
                trait = traits[1].replace("_", " ")
                needed = {(name, traits[1]), (name, f"{parent}_id"), (parent, "id")}
                asked.append((f"Show the {trait} of each {said[0]} with its {said[1]}.", needed))
    return asked


# --------------------------------------------------------------------------- many rows


def many_rows(args: argparse.Namespace, scratch: Path) -> None:
    """Generate a table of many rows and index its values."""
    from sqlkiln.core.plugins import open_database
    from sqlkiln.sql.values import open_index

    path = scratch / "many_rows.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE visit (id INTEGER PRIMARY KEY, guest TEXT, town TEXT, "
            "remark TEXT, paid REAL)"
        )
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO visit SELECT i, 'Guest ' || (i * 7919 % 10000019), "
            "'Town ' || (i * 500 / ?), 'remark ' || (i % 1000), i % 97 FROM n",
            (args.rows, args.rows + 1),
        )
    print(f"\n{args.rows:,} rows, {path.stat().st_size / 2**20:.0f} MiB")
    count = Tally()
    with closing(open_database(path)) as database:
        schema = database.schema()
        with open_index(database, schema, folder=scratch) as index:
            facts = index.facts
            print(
                f"  index built in {facts.seconds:.1f} s, {facts.size_bytes / 2**20:.1f} MiB, "
                f"{facts.texts:,} texts; partial: {facts.partial}"
            )
            for number in range(500):
                question = f"Who came from Town {number} with remark {number}?"
                started = time.process_time()
                hits = index.search(question)
                count.times["search"].append(time.process_time() - started)
                found = [hit.value for hit in hits]
                count.recall("values @10", {f"Town {number}", f"remark {number}"}, found)
    count.show()


if __name__ == "__main__":
    main()
