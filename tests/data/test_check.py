import json

import pytest

from sqlkiln.core.plugins import DatasetOptions, Limits
from sqlkiln.core.records import Example
from sqlkiln.data.bird import Bird
from sqlkiln.data.check import ERRORS, MEANINGS, check, same_words
from sqlkiln.data.create_context import CreateContext
from sqlkiln.data.jsonl import Jsonl
from sqlkiln.data.samples import Samples
from sqlkiln.data.spider import Spider
from sqlkiln.sql.database_build import create_sqlite

PETS = [(1, "Rex", 3, None), (2, "Tom", 1, None), (3, "Kim", 3, None)]
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT count(*) FROM c"


@pytest.fixture
def ask(tmp_path):
    """Makes a dataset of (question, gold SQL) or (question, gold SQL, db_id) rows."""
    ddl = "CREATE TABLE pet (id INTEGER, name TEXT, age INTEGER, chip TEXT)"
    create_sqlite(tmp_path / "home.sqlite", ddl, {"pet": PETS})
    create_sqlite(tmp_path / "hollow.sqlite", ddl, {})
    (tmp_path / "broken.sqlite").write_bytes(b"no database" * 100)

    def make(*rows):
        lines = []
        for number, (question, sql, *db_id) in enumerate(rows):
            row = {"id": f"q{number}", "question": question, "db_id": (*db_id, "home")[0]}
            lines.append(json.dumps(row | ({"gold_sql": sql} if sql else {})))
        (tmp_path / "dev.jsonl").write_text("\n".join(lines))
        return Jsonl.open(DatasetOptions(tmp_path))

    return make


def found(checkup):
    """(id, kind, detail) of every finding."""
    assert checkup.counts == {
        kind: sum(f.kind == kind for f in checkup.findings)
        for kind in MEANINGS
        if any(f.kind == kind for f in checkup.findings)
    }
    assert all((f.severity == "error") == (f.kind in ERRORS) for f in checkup.findings)
    return [(f.id, f.kind, f.detail) for f in checkup.findings]


def test_a_sound_dataset_has_no_findings(ask):
    seen = []
    checkup = check(
        ask(("How many pets?", "SELECT COUNT(*) FROM pet"), ("Names?", "SELECT name FROM pet")),
        on_row=lambda: seen.append(1),
    )
    assert found(checkup) == []
    assert (checkup.questions, checkup.checked, len(seen)) == (2, 2, 2)
    assert (checkup.dataset, checkup.split, checkup.failed) == ("jsonl", "dev", False)
    assert len(checkup.questions_sha256) == len(checkup.databases_sha256) == 64


def test_golds_that_do_not_run_are_errors(ask):
    dataset = ask(
        ("A?", "SELECT nme FROM pet"),
        ("B?", "SELECT FROM"),
        ("C?", ENDLESS),
        ("D?", "DELETE FROM pet"),
        ("E?", "SELECT 1", "broken"),
    )
    checkup = check(dataset, limits=Limits(timeout_s=0.5))
    kinds = [(identity, kind, detail.split(":")[0]) for identity, kind, detail in found(checkup)]
    assert kinds == [
        ("q0", "gold_failed", "UnknownName"),
        ("q1", "gold_failed", "SQLSyntaxError"),
        ("q2", "gold_timeout", "query timed out"),
        ("q3", "gold_failed", "StatementRefused"),
        ("q4", "unreadable_database", "not a database"),
    ]
    assert checkup.failed


def test_results_that_prove_little_are_warnings(ask):
    dataset = ask(
        ("A?", "SELECT name FROM pet WHERE age > 9"),
        ("B?", "SELECT MAX(age) FROM pet WHERE age > 9"),
        ("C?", "SELECT chip, chip FROM pet"),
        ("D?", "SELECT name FROM pet ORDER BY age DESC LIMIT 1"),
        ("E?", "SELECT name, chip FROM pet"),
        ("Which pet has the highest age?", "SELECT name FROM pet ORDER BY age LIMIT 1"),
    )
    checkup = check(dataset)
    assert found(checkup) == [
        ("q0", "empty_result", "no rows"),
        ("q1", "all_null", "1 row of NULL"),
        ("q2", "all_null", "3 rows of NULL"),
        ("q3", "open_choice", "LIMIT cuts through 2 rows that tie"),
        ("q5", "wrong_end", "the question says 'highest', and the order wants DESC"),
    ]
    assert not checkup.failed


def test_without_rows_only_what_does_not_run_is_found(ask):
    dataset = ask(
        ("A?", "SELECT name FROM pet LIMIT 1", "hollow"),
        ("B?", "SELECT nme FROM pet", "hollow"),
        ("C?", "SELECT name FROM pet WHERE age > 9"),
        ("D?", "SELECT 1", "gone"),
        ("E?", "SELECT 1", "gone"),
        ("F?", None),
    )
    checkup = check(dataset)
    assert [(i, kind) for i, kind, _ in found(checkup)] == [
        ("q1", "gold_failed"),
        ("q2", "empty_result"),
    ]
    assert checkup.empty_databases == ("hollow",)
    assert checkup.missing_databases == {"gone": 2}
    assert (checkup.questions, checkup.checked, checkup.without_gold) == (6, 3, 1)


def test_repeated_questions_are_compared(ask):
    dataset = ask(
        ("How many pets?", "SELECT COUNT(*) FROM pet"),
        ("how many  pets", "select count( * ) from pet;"),
        ("How many pets?", "SELECT COUNT(id) FROM pet"),
        ("Who?", "SELECT name FROM pet"),
        ("Who?", "SELECT name FROM pet WHERE id > 1"),
        ("Who?", "SELECT name FROM pet WHERE id > 0"),
        ("Who?", "SELECT name FROM pet", "gone"),
        ("Who?", "SELECT name FROM pet WHERE id > 1", "gone"),
    )
    checkup = check(dataset)
    assert found(checkup) == [
        ("q0", "two_ways", "other SQL than q2"),
        ("q1", "duplicate", "the same as q0"),
        ("q2", "two_ways", "other SQL than q0"),
        ("q3", "disputed", "other SQL than q4"),
        ("q4", "disputed", "other SQL than q3, q5"),
        ("q5", "disputed", "other SQL than q4"),
        ("q6", "disputed", "other SQL than q7"),
        ("q7", "disputed", "other SQL than q6"),
    ]
    assert checkup.findings[4].others == ("q3", "q5")


def test_what_other_splits_know_is_found(ask):
    def known(number, question, sql, db_id="home"):
        return Example(id=f"t{number}", db_id=db_id, question=question, gold_sql=sql)

    train = [
        known(0, "how many PETS", "SELECT SUM(1) FROM pet"),
        known(1, "Names?", "SELECT name FROM pet;", "elsewhere"),
        known(2, "Ages?", "SELECT 1", "elsewhere"),
        known(3, "All the chips", "SELECT chip FROM pet"),
        known(4, "Ids of all", "SELECT id FROM pet", "elsewhere"),
    ]
    dataset = ask(
        ("How many pets?", "SELECT COUNT(*) FROM pet"),
        ("Names?", "SELECT name FROM pet"),
        ("Ages?", "SELECT age FROM pet"),
        ("Chips?", "SELECT chip FROM pet WHERE 1 = 1"),
        ("The chips?", "SELECT chip FROM pet"),
        ("Ids?", "SELECT id FROM pet"),
    )
    checkup = check(dataset, {"train": train, "none": []})
    leaks = [entry for entry in found(checkup) if entry[2].startswith("also")]
    assert leaks == [
        ("q0", "leak", "also in train: t0"),
        ("q1", "echo", "also in train: t1"),
        ("q4", "leaked_sql", "also in train: t3"),
    ]
    assert checkup.against == ("train", "none")
    assert checkup.failed


def test_a_check_survives_json(ask):
    checkup = check(ask(("A?", "SELECT nme FROM pet")))
    assert type(checkup).model_validate_json(checkup.model_dump_json()) == checkup


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("How many?", "how  many", True),
        ("Wie viele Käufer?", "wie viele käufer", True),
        ("over 5", "over 6", False),
        ("isn't", "isnt", False),
    ],
)
def test_words_make_a_question(first, second, same):
    assert (same_words(first) == same_words(second)) == same


# --------------------------------------------------------------------------- real data


@pytest.mark.parametrize(("split", "other"), [("heldout", "train"), ("train", "heldout")])
def test_nothing_is_wrong_with_the_samples(split, other):
    known = Samples.open(DatasetOptions(split=other)).examples()
    checkup = check(Samples.open(DatasetOptions(split=split)), {other: known})
    assert checkup.checked > 150
    assert found(checkup) == []


def some(dataset, db_ids):
    """The dataset with the questions over these databases only."""
    kept = tuple(e for e in dataset.examples() if e.db_id in db_ids)
    dataset.examples = lambda: kept
    return dataset


def test_the_three_failing_golds_of_spider_train_are_found(spider_data):
    dataset = Spider.open(DatasetOptions(spider_data, split="train"))
    checkup = check(some(dataset, {"assets_maintenance", "document_management"}))
    failed = [(f.id, f.detail.split(":")[0]) for f in checkup.findings if f.severity == "error"]
    assert failed == [
        ("spider-train-3153", "UnknownName"),
        ("spider-train-4513", "QueryFailed"),
        ("spider-train-4514", "QueryFailed"),
    ]


def test_the_golds_of_create_context_mostly_run(shared):
    dataset = CreateContext.open(DatasetOptions(shared("create_context") / "create_context"))
    first = [example.db_id for example in dataset.examples()[:40]]
    checkup = check(some(dataset, set(first)))
    assert checkup.empty_databases == tuple(sorted(set(first)))
    assert checkup.counts.keys() <= {"gold_failed", "duplicate", "disputed"}
    assert checkup.counts.get("gold_failed", 0) <= 4


def test_questions_of_bird_are_in_both_splits(shared):
    data = shared("bird") / "bird"
    dev = Bird.open(DatasetOptions(data)).examples()
    mini = Bird.open(DatasetOptions(data, split="mini_dev"))
    checkup = check(some(mini, {"toxicology"}), {"bird dev": dev})
    assert checkup.checked == 0
    assert checkup.missing_databases == {"toxicology": 40}
    assert checkup.counts["leak"] >= 30
