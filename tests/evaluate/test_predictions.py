import json

import pytest

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Example
from sqlkiln.evaluate.predictions import read_predictions

EXAMPLES = [
    Example(id="spider-dev-0000", db_id="pets", question="?"),
    Example(id="spider-dev-0001", db_id="pets", question="?"),
    Example(id="spider-dev-0002", db_id="cars", question="?"),
]


def read(tmp_path, text, name="pred.sql"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return {p.id[-4:]: p.sql for p in read_predictions(path, EXAMPLES)}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1\nSELECT 2\nSELECT 3",
        "SELECT 1\nSELECT 2\nSELECT 3\n",
        "SELECT 1\r\nSELECT 2\r\nSELECT 3\r\n",
        "SELECT 1\nSELECT 2\nSELECT 3\n\n \n",
        "\ufeffSELECT 1\tpets\nSELECT 2\tpets\nSELECT 3\tcars\n",
    ],
    ids=["no newline at the end", "newline", "windows", "blank lines at the end", "with db_id"],
)
def test_one_statement_a_line(tmp_path, text):
    assert read(tmp_path, text) == {"0000": "SELECT 1", "0001": "SELECT 2", "0002": "SELECT 3"}


@pytest.mark.parametrize("text", ["SELECT 1\n\n\n", "SELECT 1\n\n\n\n", "SELECT 1\n\n "])
def test_a_blank_line_is_an_empty_prediction(tmp_path, text):
    assert read(tmp_path, text) == {"0000": "SELECT 1", "0001": "", "0002": ""}


def test_only_a_tab_before_a_db_id_ends_the_statement(tmp_path):
    found = read(tmp_path, "SELECT 1,\t2\nSELECT\t'a\u2028b\x0b'\tpets\n\tcars")
    assert found == {"0000": "SELECT 1,\t2", "0001": "SELECT\t'a\u2028b\x0b'", "0002": ""}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"id": "spider-dev-0002", "sql": "C"}\n\n{"id": 0, "sql": "A"}', "p.jsonl"),
        ('{"question_id": 2, "pred": "C"}\n{"question_id": 0, "pred": "A"}', "p.jsonl"),
        ('{"idx": "2", "predicted_sql": "C"}\n{"idx": "0", "predicted_sql": "A"}', "p.txt"),
        ('{"id": 0, "prediction": "A", "sql": "gold"}\n{"id": 2, "prediction": "C"}', "p.json"),
        ('[{"id": 0, "sql": "A"}, {"id": 2, "sql": "C"}]', "p.json"),
        ('{"0": "A\\t----- bird -----\\tpets", "2": "C\\t----- bird -----\\tcars"}', "p.json"),
        ('{"id": 0, "sql": "A", "schema_id": "prediction/1"}\n{"id": 2, "sql": "C"}', "p"),
    ],
    ids=["ids", "numbers", "text numbers", "jsonl named json", "list", "bird", "no suffix"],
)
def test_objects_by_id_in_any_order(tmp_path, text, name):
    assert read(tmp_path, text, name) == {"0000": "A", "0002": "C"}


def test_a_json_list_of_statements_is_in_order(tmp_path):
    assert read(tmp_path, '["A", "", "C"]', "p.json") == {"0000": "A", "0001": "", "0002": "C"}


def test_null_is_an_empty_prediction(tmp_path):
    assert read(tmp_path, '{"id": 0, "sql": null}', "p.jsonl") == {"0000": ""}


def test_confidences_are_read_where_there_are_any(tmp_path):
    path = tmp_path / "p.jsonl"
    lines = '{"id": 0, "sql": "A", "confidence": 0.25}', '{"id": 1, "sql": "B"}'
    path.write_text("\n".join([*lines, '{"id": 2, "sql": "C", "confidence": 1}']))
    assert [p.confidence for p in read_predictions(path, EXAMPLES)] == [0.25, None, 1.0]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("A\nB\n", "p.sql", r"p\.sql: wrong number of predictions: 2 for 3 questions"),
        ("A\nB\nC\nD\n", "p.sql", r"wrong number of predictions: 4 for 3"),
        ("", "p.sql", r"wrong number of predictions: 0 for 3"),
        ('["A"]', "p.json", r"wrong number of predictions: 1 for 3"),
        ("A\tpets\nB\tcars\nC\tpets", "p.sql", r"p\.sql:2: out of order: .* 'cars', question 2"),
        ('{"id": 0, "sql": "A"}\n{"id": 9, "sql": "B"}', "p.jsonl", r"p\.jsonl:2: unknown id: 9"),
        ('{"id": 0, "sql": "A"}\n{"id": "0000", "sql": "B"}', "p.jsonl", r":2: id used twice"),
        ('{"id": 0, "sql": "A"}\n{"id', "p.jsonl", r"p\.jsonl:2: not JSON"),
        ("[1,", "p.json", r"p\.json: not JSON"),
        ("[3, 4, 5]", "p.json", r"entry 0: not an object: found 3"),
        ("[3]", "p.jsonl", r"p\.jsonl:1: not an object"),
        ('{"sql": "A"}', "p.jsonl", r":1: no 'id': the fields are sql; name it one of id,"),
        ('{"id": 0, "query": "A"}', "p.jsonl", r":1: no 'predicted_sql': the fields are id, query"),
        ('{"id": 0, "sql": 3}', "p.jsonl", r":1: wrong SQL: found 3; write text or null"),
        (
            '{"id": 0, "sql": "A", "confidence": 25}',
            "p.jsonl",
            r":1: wrong confidence: found 25; wr",
        ),
        ('{"id": 0, "sql": "A", "confidence": "a"}', "p.jsonl", r"wrong confidence: found 'a'"),
        ('{"7": "A"}', "p.json", r"entry '7': unknown id: '7'; the ids are spider-dev-0000 to"),
    ],
)
def test_what_a_file_cannot_mean_is_refused(tmp_path, text, name, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, name)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot read: .*none\.sql: .*; check --predictions"):
        read_predictions(tmp_path / "none.sql", EXAMPLES)
    (tmp_path / "latin.sql").write_bytes("SELECT 'é'".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.sql: not UTF-8 text"):
        read_predictions(tmp_path / "latin.sql", EXAMPLES)


def test_numbers_that_several_ids_end_with_are_no_ids(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"id": 1, "sql": "A"}))
    examples = [Example(id=name, db_id="x", question="?") for name in ("a-1", "b-01", "c")]
    with pytest.raises(DataError, match="unknown id: 1"):
        read_predictions(path, examples)
