import json
from collections import Counter
from contextlib import closing

import pytest

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions, open_database
from sqlkiln.data.wikisql import WikiSQL
from sqlkiln.sql.logical_form import FlatTable, from_sql

TABLE = {
    "id": "1-10-2",
    "header": ["Player", "No.", "School/Club Team"],
    "types": ["text", "real", "text"],
    "rows": [["Antonio Lang", 21, "Duke"], ["Art Long", 42, "Butler CC (KS)"]],
}


def asked(sel, agg, *conds, table_id="1-10-2", question="Who?"):
    form = {"sel": sel, "agg": agg, "conds": conds}
    return {"phase": 1, "table_id": table_id, "question": question, "sql": form}


def write(folder, rows, tables=(TABLE,), split="dev"):
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n\n")
    if tables:
        text = "\n".join(map(json.dumps, tables))
        (folder / f"{split}.tables.jsonl").write_text(text)


def opened(data, **options):
    return WikiSQL.open(DatasetOptions(data, **options))


def answers(dataset, example):
    with closing(open_database(dataset.database_path(example.db_id))) as database:
        return database.execute(example.gold_sql).rows


def test_logical_forms_become_sql_over_the_real_headers(tmp_path):
    write(tmp_path, [asked(0, 0, [2, 0, "butler cc (ks)"]), asked(1, 1, [1, 2, "1,000"])])
    dataset = opened(tmp_path)
    first, second = dataset.examples()
    assert (first.id, first.db_id, first.dataset) == ("wikisql-dev-0000", "1-10-2", "wikisql")
    assert first.gold_sql == (
        'SELECT "Player" FROM table_1_10_2 WHERE "School/Club Team" = \'butler cc (ks)\''
    )
    assert second.gold_sql == 'SELECT MAX("No.") FROM table_1_10_2 WHERE "No." < 1000'
    assert answers(dataset, first) == (("Art Long",),)
    assert answers(dataset, second) == ((42.0,),)


def test_a_question_without_its_table_has_sql_but_no_database(tmp_path):
    write(tmp_path, [asked(3, 3, [0, 1, 5], table_id="2-7-1")], tables=())
    dataset = opened(tmp_path)
    (example,) = dataset.examples()
    assert example.gold_sql == "SELECT COUNT(col3) FROM table_2_7_1 WHERE col0 > 5"
    assert dataset.database_path("2-7-1") is None


def test_tables_may_come_from_a_dump(tmp_path):
    write(tmp_path, [asked(0, 0, [1, 0, "21"])], tables=())
    (tmp_path / "intercode").mkdir()
    (tmp_path / "intercode" / "dev.sql").write_text(
        "CREATE TABLE `table_1_10_2` (`id_fake` int AUTO_INCREMENT, `Player` text, `No.` double);"
        "INSERT INTO `table_1_10_2` VALUES (1, 'Antonio Lang', 21.0);"
    )
    dataset = opened(tmp_path)
    assert answers(dataset, dataset.examples()[0]) == (("Antonio Lang",),)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", r"dev\.jsonl:2: not JSON"),
        ("[1]", r":2: not an object: found \[1\]"),
        (asked(0, 0, question=""), r":2: no question"),
        (asked(0, 0, table_id="a/b"), r":2: wrong db_id"),
        (asked(3, 0), r":2: wrong field 'sql': found \{'sel': 3"),
        (asked(0, 6), r":2: wrong field 'sql'"),
        (asked(-1, 0), r":2: wrong field 'sql'"),
        (asked("0", 0), r":2: wrong field 'sql'"),
        (asked(True, 0), r":2: wrong field 'sql'"),
        (asked(0, 0, [0, 3, "x"]), r":2: wrong field 'sql'"),
        (asked(0, 0, [0, 0, None]), r":2: wrong field 'sql'"),
        (asked(0, 0, [0, 0]), r":2: wrong field 'sql'"),
        (asked(0, 0, [0, 0, "x"]) | {"sql": "SELECT 1"}, r":2: wrong field 'sql': found 'SELECT"),
        (asked(0, 0) | {"sql": {}}, r":2: wrong field 'sql': found \{\}"),
    ],
)
def test_wrong_rows_are_named(tmp_path, row, message):
    write(tmp_path, [asked(0, 0), row])
    with pytest.raises(DataError, match=message):
        opened(tmp_path).examples()


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="no folder given for the dataset wikisql"):
        opened(None)
    with pytest.raises(DataError, match=r"no questions of split 'test': .* has no test\.jsonl"):
        opened(tmp_path, split="test")
    (tmp_path / "dev.jsonl").write_text("\n")
    with pytest.raises(DataError, match=r"dev\.jsonl: no questions in it"):
        opened(tmp_path).examples()


def test_the_first_196_real_questions_run(shared):
    dataset = opened(shared("wikisql") / "wikisql")
    examples = dataset.examples()
    assert len(examples) == 8421
    there = [e for e in examples if dataset.database_path(e.db_id)]
    assert [e.id for e in there] == [f"wikisql-dev-{n:04d}" for n in range(196)]
    assert len({e.db_id for e in there}) == 49
    for example in there[::4]:
        flat = dataset._tables[example.db_id].flat
        assert isinstance(flat, FlatTable)
        assert from_sql(example.gold_sql, flat) is not None
    sizes = Counter(len(answers(dataset, example)) > 0 for example in there[:12])
    assert sizes[True] >= 10
    assert len(opened(dataset.path.parent, split="test").examples()) == 15878
