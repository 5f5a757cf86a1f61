import hashlib
import json
import os
import random
import re
import time
from collections import Counter
from contextlib import closing

import pytest

from sqlkiln.assets import samples
from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions, open_database
from sqlkiln.data.samples import APPLICATION_ID, Samples, build
from sqlkiln.sql.database_build import create_sqlite, read_stamp

LEVELS = {"easy", "medium", "hard", "extra"}
WRITTEN = {
    "aggregate": r"\b(COUNT|SUM|AVG|MIN|MAX)\(",
    "case": r"\bCASE\b",
    "cte": r"^WITH\b",
    "date": r"strftime|julianday|date\(|'\d{4}-\d\d",
    "distinct": r"\bDISTINCT\b",
    "filter": r"\bWHERE\b",
    "group": r"\bGROUP BY\b",
    "having": r"\bHAVING\b",
    "join": r"\bJOIN\b",
    "limit": r"\bLIMIT\b",
    "order": r"\bORDER BY\b",
    "set": r"\b(UNION|INTERSECT|EXCEPT)\b",
    "window": r"\bOVER \(",
}
"""What the SQL of a tag holds; ORDER BY and the aggregates may also belong to a window."""

DIGESTS = {
    "clinic": "2239cedb76e4050f",
    "company": "d6f23d22550763e9",
    "library": "01ef89c6072c77f1",
    "retail": "4432fa48e6c084bd",
    "school": "6765215d25b2aa08",
}
"""Of the CREATE statements and rows: whoever changes the data must read the questions again."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("samples")


def examples(split):
    return Samples.open(DatasetOptions(split=split)).examples()


def every():
    return [*examples("train"), *examples("heldout")]


def results(path, asked):
    """What each of the questions returns, by id; numbers to nine digits."""
    found = {}
    with closing(open_database(path)) as database:
        for example in asked:
            result = database.execute(example.gold_sql)
            assert not result.truncated, example.id
            found[example.id] = [tuple(map(rounded, row)) for row in result.rows]
    return found


def rounded(cell):
    return float(f"{cell:.9g}") if isinstance(cell, float) else cell


def normalised(text):
    return re.sub(r"\W+", " ", text.lower()).strip()


def skeleton(sql):
    """The statement without its constants and its aliases."""
    bare = re.sub(r"'[^']*'|\b\d+(\.\d+)?\b", "?", sql)
    return normalised(re.sub(r"\b\w+\.(?=\w)", "", bare.replace("?", "constant")))


# --------------------------------------------------------------------------- the databases


class TestTheDatabases:
    @pytest.mark.parametrize("name", samples.NAMES)
    def test_hold_what_they_always_held(self, name):
        content = json.dumps(samples.build(name), ensure_ascii=False)
        assert hashlib.sha256(content.encode()).hexdigest()[:16] == DIGESTS[name]

    def test_depend_on_the_seed(self):
        (_, first), (_, second) = samples.build("retail", seed=1), samples.build("retail", seed=2)
        assert first.keys() == second.keys()
        assert first["orders"] != second["orders"]

    def test_are_the_same_files_when_built_again(self, folder, tmp_path):
        for name in samples.NAMES:
            again = build(tmp_path, name)
            assert again.read_bytes() == build(folder, name).read_bytes()

    def test_are_built_in_seconds(self, tmp_path):
        start = time.process_time()
        for name in samples.NAMES:
            build(tmp_path, name)
        assert time.process_time() - start < 5

    @pytest.mark.parametrize("name", samples.NAMES)
    def test_have_keys_gaps_and_thousands_of_rows(self, folder, name):
        with closing(open_database(build(folder, name))) as database:
            tables = database.schema().tables
        assert 4 <= len(tables) <= 8
        assert sum(table.row_count for table in tables) > 5000
        assert all(any(column.primary_key for column in table.columns) for table in tables)
        links = [key for table in tables for key in table.foreign_keys]
        assert len(links) >= len(tables) - 1
        known = {table.name: {column.name for column in table.columns} for table in tables}
        assert all(set(key.ref_columns) <= known[key.ref_table] for key in links)
        _, rows = samples.build(name)
        gaps = {table for table, found in rows.items() if any(None in row for row in found)}
        assert len(gaps) >= 2


# --------------------------------------------------------------------------- the questions


class TestTheQuestions:
    @pytest.mark.parametrize("split", ["train", "heldout"])
    @pytest.mark.parametrize("name", samples.NAMES)
    def test_have_answers(self, folder, split, name):
        asked = [example for example in examples(split) if example.db_id == name]
        for identity, rows in results(build(folder, name), asked).items():
            assert rows, identity
            assert any(cell is not None for row in rows for cell in row), identity

    @pytest.mark.parametrize("name", samples.NAMES)
    @pytest.mark.parametrize("seed", [1, 2])
    def test_have_one_answer_however_the_rows_lie(self, folder, tmp_path, name, seed):
        ddl, tables = samples.build(name)
        ddl = ddl.replace("INTEGER PRIMARY KEY", "INT PRIMARY KEY")
        ddl = "\n".join(line for line in ddl.splitlines() if "CREATE INDEX" not in line)
        shuffle = random.Random(seed).shuffle
        for rows in tables.values():
            rows.reverse() if seed == 1 else shuffle(rows)
        create_sqlite(tmp_path / "shuffled.sqlite", ddl, tables)
        asked = [example for example in every() if example.db_id == name]
        there = results(build(folder, name), asked)
        here = results(tmp_path / "shuffled.sqlite", asked)
        for example in asked:
            first, second = there[example.id], here[example.id]
            if "limit" not in example.tags:
                first, second = sorted(first, key=repr), sorted(second, key=repr)
            assert first == second, example.id

    def test_are_many_and_balanced(self):
        for split, total, each in (("train", 320, 60), ("heldout", 160, 30)):
            counts = Counter(example.db_id for example in examples(split))
            assert counts.total() >= total
            assert counts.keys() == set(samples.NAMES)
            assert min(counts.values()) >= each
            assert max(counts.values()) - min(counts.values()) <= 5

    def test_are_each_asked_once(self):
        assert len({example.id for example in every()}) == len(every())
        assert len({normalised(example.question) for example in every()}) == len(every())
        assert len({(e.db_id, normalised(e.gold_sql)) for e in every()}) == len(every())

    def test_of_the_two_splits_are_different_not_only_in_their_constants(self):
        train, heldout = examples("train"), examples("heldout")
        asked = {normalised(example.question) for example in train}
        assert asked.isdisjoint(normalised(example.question) for example in heldout)
        assert {normalised(example.gold_sql) for example in train}.isdisjoint(
            normalised(example.gold_sql) for example in heldout
        )
        assert skeleton("SELECT t.a FROM t WHERE b = 'x'") == skeleton(
            "SELECT a FROM t WHERE b = 7"
        )
        known = {(example.db_id, skeleton(example.gold_sql)) for example in train}
        assert [e.id for e in heldout if (e.db_id, skeleton(e.gold_sql)) in known] == []

    def test_say_where_they_come_from(self):
        for split in ("train", "heldout"):
            for example in examples(split):
                assert (example.dataset, example.split) == ("samples", split)
                assert re.fullmatch(rf"{example.db_id}-{split}-\d\d", example.id)

    def test_are_tagged_by_level_and_by_what_their_sql_uses(self):
        for example in every():
            assert len(LEVELS.intersection(example.tags)) == 1, example.id
            buckets = set(example.tags) - LEVELS - {"demo"}
            assert buckets, example.id
            assert buckets <= {*WRITTEN, "projection", "nested"}
            for tag, pattern in WRITTEN.items():
                found = re.search(pattern, example.gold_sql) is not None
                assert found if tag in buckets else not found or "window" in buckets, example.id
            assert "projection" not in buckets or not buckets & {"filter", "join", "group"}
            assert ("nested" in buckets) <= (example.gold_sql.count("SELECT") > 1), example.id

    def test_are_of_all_kinds(self):
        for split, least in (("train", 10), ("heldout", 5)):
            counts = Counter(tag for example in examples(split) for tag in example.tags)
            kinds = {*WRITTEN, *LEVELS, "projection", "nested"}
            assert {kind for kind in kinds if counts[kind] < least} == set()

    def test_for_the_demo_are_25_of_the_held_out_and_not_too_hard(self):
        demo = examples("demo")
        assert Counter(e.db_id for e in demo) == dict.fromkeys(samples.NAMES, 5)
        assert set(demo) <= set(examples("heldout"))
        levels = Counter((LEVELS & set(e.tags)).pop() for e in demo)
        assert levels["easy"] + levels["medium"] >= 20
        assert len(levels) >= 3


# --------------------------------------------------------------------------- the dataset


class TestTheDataset:
    def test_dev_is_the_held_out_split(self):
        assert examples("dev") == examples("heldout")
        assert DatasetOptions().split == "dev"

    def test_an_unknown_split(self):
        with pytest.raises(UsageError, match=r"no such split of the samples: 'test'; there are tr"):
            Samples.open(DatasetOptions(split="test"))

    def test_databases_are_built_when_they_are_asked_for(self, tmp_path):
        dataset = Samples.open(DatasetOptions(data=tmp_path / "new"))
        assert not (tmp_path / "new").exists()
        path = dataset.database_path("school")
        assert path == tmp_path / "new" / "school" / "school.sqlite"
        assert [file.name for file in path.parent.iterdir()] == ["school.sqlite"]
        assert dataset.database_path("bakery") is None

    def test_the_cache_is_the_folder_if_none_is_given(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path))
        assert Samples.open(DatasetOptions()).folder == tmp_path / "samples"
        monkeypatch.delenv("SQLKILN_CACHE_DIR")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        assert Samples.open(DatasetOptions()).folder.name == "samples"
        assert "sqlkiln" in Samples.open(DatasetOptions()).folder.parts

    def test_a_database_that_is_there_is_left_alone(self, tmp_path):
        path = build(tmp_path, "school")
        os.utime(path, (1, 1))
        assert build(tmp_path, "school").stat().st_mtime == 1

    def test_a_database_of_another_version_is_replaced(self, tmp_path):
        path = tmp_path / "school" / "school.sqlite"
        create_sqlite(
            path, "CREATE TABLE old (x)", {}, application_id=APPLICATION_ID, user_version=1
        )
        assert build(tmp_path, "school") == path
        assert read_stamp(path) == (APPLICATION_ID, samples.version())
        with closing(open_database(path)) as database:
            assert database.execute("SELECT COUNT(*) FROM Students").rows == ((620,),)

    @pytest.mark.parametrize("foreign", ["text", "database"])
    def test_what_is_not_ours_is_not_replaced(self, tmp_path, foreign):
        path = tmp_path / "school" / "school.sqlite"
        path.parent.mkdir()
        if foreign == "text":
            path.write_text("mine")
        else:
            create_sqlite(path, "CREATE TABLE mine (x)", {"mine": [(1,)]})
        before = path.read_bytes()
        with pytest.raises(DataError, match=r"not a sample database: .* is not from sqlkiln"):
            build(tmp_path, "school")
        assert path.read_bytes() == before

    def test_questions_of_ones_own_can_be_asked(self, tmp_path):
        file = tmp_path / "mine.jsonl"
        file.write_text('{"id": "1", "db_id": "school", "question": "How many clubs?"}\n')
        dataset = Samples.open(DatasetOptions(data=tmp_path, questions=file))
        assert [example.question for example in dataset.examples()] == ["How many clubs?"]
