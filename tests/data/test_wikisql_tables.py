import json

import pytest

from sqlkiln.core.errors import DataError
from sqlkiln.data.wikisql_tables import read_dump, read_tables, table_name

OFFICIAL = {
    "id": "1-10-2",
    "header": ["Player", "No.", "Player"],
    "types": ["text", "real", "text"],
    "rows": [["Bo", "1,300", 7], ["Cy", 2.5, None], [3, "n/a", "x"]],
}
DUMP = r"""
CREATE USER 'admin'@'%' IDENTIFIED BY 'admin';
GRANT ALL PRIVILEGES ON *.* TO 'admin'@'%';
USE `dev`;
DROP TABLE IF EXISTS `table_1_10_2`;
CREATE TABLE `table_1_10_2` (
	`id_fake` int NOT NULL AUTO_INCREMENT,
	`School/Club_Team` text DEFAULT NULL,
	`No.` double DEFAULT NULL,
	PRIMARY KEY (`id_fake`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
LOCK TABLES `table_1_10_2` WRITE;
INSERT INTO `table_1_10_2` VALUES (1, 'It\'s "A"; (x), y', 21.0),(2, "St. John's", -2.5);
INSERT INTO `table_1_10_2` VALUES (3, NULL, NULL);
UNLOCK TABLES;
"""


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_official_tables_have_typed_cells_and_names_that_differ(tmp_path):
    path = write(tmp_path, "dev.tables.jsonl", json.dumps(OFFICIAL) + "\n\n")
    (table,) = read_tables(path)
    assert (table.id, table.flat.name) == ("1-10-2", "table_1_10_2")
    assert table.flat.columns == ("Player", "No.", "Player_2")
    assert table.flat.types == ("text", "real", "text")
    assert table.rows == (("Bo", 1300.0, "7"), ("Cy", 2.5, None), ("3", "n/a", "x"))


def test_a_dump_gives_its_tables_without_the_column_that_mysql_numbers(tmp_path):
    (table,) = read_dump(write(tmp_path, "dev.sql", DUMP))
    assert (table.id, table.flat.name) == ("1-10-2", "table_1_10_2")
    assert table.flat.columns == ("School/Club_Team", "No.")
    assert table.flat.types == ("text", "real")
    assert table.rows == (('It\'s "A"; (x), y', 21.0), ("St. John's", -2.5), (None, None))
    assert table_name(table.id) == table.flat.name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, r"tables\.jsonl:1: no id"),
        ({"id": "../x"}, r":1: wrong db_id: '\.\./x' is a path"),
        ({"header": []}, r":1: no header: found \[\]"),
        ({"types": ["text", "real", "date"]}, r":1: wrong types: \['text', 'real', 'date'\]"),
        ({"types": ["text"]}, r":1: wrong types"),
        ({"rows": [["Bo"]]}, r":1: wrong rows: write a list with 3 values for each"),
    ],
)
def test_wrong_tables_are_named(tmp_path, change, message):
    path = write(tmp_path, "dev.tables.jsonl", json.dumps(OFFICIAL | change))
    with pytest.raises(DataError, match=message):
        list(read_tables(path))
    with pytest.raises(DataError, match=r":1: not an object: found 3"):
        list(read_tables(write(tmp_path, "dev.tables.jsonl", "3")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CREATE TABLE `x` (`a` 'b' (", r"dev\.sql: not a MySQL dump"),
        ("CREATE TABLE pets (name text)", r"dev\.sql: not a dump of WikiSQL: found pets"),
        (
            "CREATE TABLE table_1 (a text); INSERT INTO table_1 VALUES (1, 2)",
            r"dev\.sql: not a dump of WikiSQL: found table_1 has a row of 2 values",
        ),
    ],
)
def test_other_dumps_are_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        list(read_dump(write(tmp_path, "dev.sql", text)))
