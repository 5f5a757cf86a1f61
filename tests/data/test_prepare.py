import json

import pytest

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.core.records import DatabaseSchema, Demonstration
from sqlkiln.core.store import execute_stage, read_jsonl
from sqlkiln.data.blend import Source
from sqlkiln.data.leaks import EvaluationQuestions
from sqlkiln.data.prepare import STAGE, PrepareConfig
from sqlkiln.data.selection import Rejected
from sqlkiln.data.spider import Spider
from sqlkiln.sql.database_build import create_sqlite

PETS = {
    "pet": [("Rex", 3), ("Tom", 5)],
}
TRAIN = [
    ("How many pets?", "select count(*) from PET", "home"),
    ("how many  pets", "SELECT COUNT( * ) FROM pet;", "home"),
    ("Names of old pets?", "select name from pet where age > 4", "home"),
    ("Names of ancient pets?", "select name from pet where age > 40", "home"),
    ("Which colours?", "select colour from pet", "home"),
    ("How many pets away?", "select count(*) from pet", "away"),
    ("Pets by age?", "select name from pet order by age", "away"),
    ("Who is nowhere?", "select 1", "nowhere"),
    ("No answer?", None, "home"),
]


@pytest.fixture
def folder(tmp_path):
    """Questions over two databases with the same two pets, and one that is missing."""
    place = tmp_path / "data"
    place.mkdir()
    for name in ("home", "away"):
        ddl = "CREATE TABLE pet (name TEXT, age INTEGER)"
        create_sqlite(place / f"{name}.sqlite", ddl, PETS)
    write(place, "train", TRAIN)
    return place


def write(folder, split, rows):
    lines = [{"question": q, "gold_sql": sql, "db_id": db} for q, sql, db in rows]
    (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))


def prepare(folder, out, **settings):
    source = settings.pop("source", {})
    sources = (Source(dataset="jsonl", data=folder, **source),)
    return execute_stage(STAGE, PrepareConfig(sources=sources, **settings), (), out).counts


def read(out, name="demonstrations", record=Demonstration):
    return list(read_jsonl(out / f"{name}.jsonl", record))


def test_what_can_be_trained_on_is_written_with_its_schemas(folder, tmp_path):
    out = tmp_path / "out"
    counts = prepare(folder, out)
    rows = read(out)
    assert [(d.id, d.db_id, d.bucket, d.repeat) for d in rows] == [
        ("train-0001", "jsonl/home", "aggregate", 1),
        ("train-0003", "jsonl/home", "filter", 1),
        ("train-0004", "jsonl/home", "filter", 1),
        ("train-0006", "jsonl/away", "aggregate", 1),
        ("train-0007", "jsonl/away", "order_limit", 1),
    ]
    assert rows[0].gold_sql == TRAIN[0][1]
    schemas = read(out, "schemas", DatabaseSchema)
    assert [(s.db_id, s.tables[0].name) for s in schemas] == [
        ("jsonl/away", "pet"),
        ("jsonl/home", "pet"),
    ]
    files = json.loads((out / "databases.json").read_text())
    assert files["jsonl/home"] == str(folder / "home.sqlite")
    assert (out / "heldout.jsonl").read_text() == ""
    assert (counts["read"], counts["demonstrations"], counts["presentations"]) == (9, 5, 5)


def test_what_is_left_out_is_written_with_the_reason(folder, tmp_path):
    counts = prepare(folder, tmp_path / "out")
    rejected = {r.id: r for r in read(tmp_path / "out", "rejected", Rejected)}
    assert {name: one.reason for name, one in rejected.items()} == {
        "train-0002": "duplicate",
        "train-0005": "gold_failed",
        "train-0008": "no_schema",
        "train-0009": "no_gold",
    }
    assert rejected["train-0002"].detail == "the same as train-0001"
    assert rejected["train-0005"].detail.startswith("UnknownName: ")
    assert counts["sources"]["jsonl train"]["rejected"] == counts["rejected"]
    assert counts["sources"]["jsonl train"]["rows"] == 5


def test_an_evaluation_row_among_them_ends_the_run(folder, tmp_path):
    write(folder, "eval", [("How many pets?", "SELECT 1", "home"), ("Else?", "SELECT 1", "home")])
    spec = f"jsonl:eval@{folder}"
    message = (
        r"evaluation rows among the training rows: 1 found: train-0001: same question and "
        r'database as jsonl eval eval-0001; remove them, or leave them out with leaks = "drop"'
    )
    with pytest.raises(DataError, match=message):
        prepare(folder, tmp_path / "out", against=(spec,))
    counts = prepare(folder, tmp_path / "out", against=(spec,), leaks="drop")
    assert counts["leaks"] == {"jsonl eval": 1}
    assert counts["checked_against"] == {"samples heldout": 170, "jsonl eval": 2}
    assert counts["not_checked_against"][:2] == ["spider dev", "create_context dev"]
    assert "not at hand: spider dev, create_context dev" in (tmp_path / "out/log.txt").read_text()
    assert "train-0001" not in {d.id for d in read(tmp_path / "out")}


def test_known_evaluation_sets_are_found_in_the_folder(tmp_path):
    rows = [{"question": "How many pets?", "query": "SELECT COUNT(*) FROM pet", "db_id": "home"}]
    for name in ("dev.json", "train_spider.json"):
        (tmp_path / name).write_text(json.dumps(rows))
    config = PrepareConfig(sources=(Source(dataset="spider"),), data=tmp_path)
    with pytest.raises(DataError, match="same question and database as spider dev spider-dev-0000"):
        execute_stage(STAGE, config, (), tmp_path / "out")


def test_whole_databases_are_held_out(folder, tmp_path):
    counts = prepare(folder, tmp_path / "drawn", heldout=1)
    (held,) = counts["heldout_databases"]
    assert {d.db_id for d in read(tmp_path / "drawn", "heldout")} == {held}
    assert {d.db_id for d in read(tmp_path / "drawn")} == {"jsonl/home", "jsonl/away"} - {held}
    named = {"heldout_databases": ("jsonl/away",), "source": {"repeat": 3}}
    prepare(folder, tmp_path / "named", **named)
    assert [(d.db_id, d.repeat) for d in read(tmp_path / "named", "heldout")] == [
        ("jsonl/away", 1)
    ] * 2
    assert {d.repeat for d in read(tmp_path / "named")} == {3}


def test_what_is_held_out_is_not_taught_under_another_name(folder, tmp_path):
    one = Source(dataset="jsonl", data=folder)
    other = one.model_copy(update={"name": "other"})
    config = PrepareConfig(sources=(one, other), heldout_databases=("jsonl/home",))
    execute_stage(STAGE, config, (), tmp_path / "out")
    assert {d.db_id for d in read(tmp_path / "out")} == {"jsonl/away"}
    details = {
        r.detail for r in read(tmp_path / "out", "rejected", Rejected) if r.reason == "held_out"
    }
    assert "same question and database as train-0001, which is held out" in details
    assert len(details) == 3


def test_databases_that_cannot_be_held_out_are_refused(folder, tmp_path):
    with pytest.raises(DataError, match="no such database to hold out: home; name one as in"):
        prepare(folder, tmp_path / "a", heldout_databases=("home",))
    with pytest.raises(DataError, match="cannot hold out 3 databases: 2 have rows"):
        prepare(folder, tmp_path / "b", heldout=3)
    with pytest.raises(DataError, match=r"nothing to train on: left out for .*duplicate \(1\)"):
        prepare(folder, tmp_path / "c", heldout=2)


def test_repeats_can_count_and_empty_results_go(folder, tmp_path):
    weights = {"filter": 0, "aggregate": 2}
    settings = {"duplicates": "count", "empty_results": "drop", "source": {"weights": weights}}
    counts = prepare(folder, tmp_path / "out", **settings)
    assert {d.id: d.repeat for d in read(tmp_path / "out")} == {
        "train-0001": 4,
        "train-0006": 2,
        "train-0007": 1,
    }
    assert counts["presentations"] == 7
    assert counts["buckets"] == {
        "aggregate": {"rows": 2, "presentations": 6},
        "order_limit": {"rows": 1, "presentations": 1},
    }
    reasons = {r.id: r.reason for r in read(tmp_path / "out", "rejected", Rejected)}
    assert (reasons["train-0003"], reasons["train-0004"]) == ("not_shown", "empty_result")


def test_a_gold_that_keeps_the_wrong_end_is_left_out(folder, tmp_path):
    asked = "Which pet has the highest age?"
    golds = [f"SELECT name FROM pet ORDER BY age{way} LIMIT 1" for way in ("", " DESC")]
    write(folder, "train", [(asked, sql, "home") for sql in golds])
    prepare(folder, tmp_path / "out")
    assert [d.gold_sql for d in read(tmp_path / "out")] == golds[1:]
    [rejected] = read(tmp_path / "out", "rejected", Rejected)
    assert (rejected.reason, rejected.gold_sql) == ("wrong_end", golds[0])


def test_golds_can_be_written_in_one_style(folder, tmp_path):
    counts = prepare(folder, tmp_path / "out", style="canonical")
    assert [d.gold_sql for d in read(tmp_path / "out")] == [
        "SELECT COUNT(*) FROM pet",
        "SELECT name FROM pet WHERE age > 4",
        "SELECT name FROM pet WHERE age > 40",
        "SELECT COUNT(*) FROM pet",
        "SELECT name FROM pet ORDER BY age",
    ]
    assert counts["restyled"] == 5


def test_what_the_style_makes_the_same_is_a_repeat(folder, tmp_path):
    golds = ("select name from pet where age != 3", "SELECT name FROM pet WHERE age <> 3")
    write(folder, "train", [("Others?", sql, "home") for sql in golds])
    assert prepare(folder, tmp_path / "as_is")["demonstrations"] == 2
    counts = prepare(folder, tmp_path / "out", style="canonical")
    assert (counts["demonstrations"], counts["restyled"]) == (1, 1)
    [rejected] = read(tmp_path / "out", "rejected", Rejected)
    assert (rejected.id, rejected.reason) == ("train-0002", "duplicate")
    assert rejected.detail == "the same as train-0001, as both are written"
    counts = prepare(folder, tmp_path / "count", style="canonical", duplicates="count")
    assert (counts["demonstrations"], counts["presentations"]) == (1, 2)


def test_a_missing_database_may_be_described(tmp_path):
    rows = [{"question": "How many pets?", "query": "select count(*) from pet", "db_id": "home"}]
    (tmp_path / "train_spider.json").write_text(json.dumps(rows))
    entry = {
        "db_id": "home",
        "table_names_original": ["Pet"],
        "column_names_original": [[-1, "*"], [0, "name"]],
    }
    (tmp_path / "tables.json").write_text(json.dumps([entry]))
    config = PrepareConfig(sources=(Source(dataset="spider"),), data=tmp_path, style="canonical")
    counts = execute_stage(STAGE, config, (), tmp_path / "out").counts
    assert [d.gold_sql for d in read(tmp_path / "out")] == ["select count(*) from pet"]
    assert read(tmp_path / "out", "schemas", DatabaseSchema)[0].tables[0].name == "Pet"
    assert (counts["unchecked"], json.loads((tmp_path / "out/databases.json").read_text())) == (
        1,
        {},
    )


def test_other_questions_make_another_run(folder, tmp_path):
    prepare(folder, tmp_path / "out")
    stamp = (tmp_path / "out" / "demonstrations.jsonl").stat().st_mtime_ns
    prepare(folder, tmp_path / "out")
    assert (tmp_path / "out" / "demonstrations.jsonl").stat().st_mtime_ns == stamp
    write(folder, "train", TRAIN[:3])
    with pytest.raises(UsageError, match=r"another run: .*source questions has changed"):
        prepare(folder, tmp_path / "out")


def test_no_row_that_is_measured_is_trained_on(spider_data, shared, tmp_path):
    """Of Spider train, against Spider dev and b1's evaluation rows."""
    from sqlkiln.data.b1 import B1

    b1 = shared("b1") / "b1"
    source = Source(dataset="spider", data=spider_data, limit=12)
    specs = tuple(f"b1:{split}@{b1}" for split in ("synthetic50", "public64"))
    config = PrepareConfig(sources=(source,), against=specs, leaks="drop")
    counts = execute_stage(STAGE, config, (), tmp_path / "out").counts
    assert counts["leaks"] == {"spider dev": 2, "b1 public64": 54}
    measured = {
        "spider dev": Spider.open(DatasetOptions(spider_data)).examples(),
        "b1 dev": B1.open(DatasetOptions(b1, split="mixed114")).examples(),
    }
    known = EvaluationQuestions(measured)
    train = Spider.open(DatasetOptions(spider_data, split="train")).examples()
    taught = {d.id for d in read(tmp_path / "out")}
    assert 10 <= len(taught) <= 12
    assert not [e.id for e in train if e.id in taught and known.find(e)]
    dropped = {r.id for r in read(tmp_path / "out", "rejected", Rejected) if r.reason == "leak"}
    assert {e.id for e in train if known.find(e)} <= dropped
