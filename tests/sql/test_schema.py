import re

import pytest

from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.sql.schema import mermaid, schema_text

LIBRARY = DatabaseSchema(
    db_id="library",
    dialect="sqlite",
    tables=(
        Table(
            name="authors",
            columns=(
                Column(name="id", type="INTEGER", primary_key=True, samples=("1", "2")),
                Column(name="name", type="VARCHAR(40)", nullable=False, samples=("Ann", "太郎")),
            ),
            row_count=1204,
        ),
        Table(
            name="books",
            columns=(
                Column(name="isbn", type="TEXT", primary_key=True),
                Column(name="author_id", type="INTEGER", samples=("2",)),
                Column(name="price", type="DECIMAL(6,2)", samples=("9.5", "12")),
                Column(name="note"),
            ),
            foreign_keys=(
                ForeignKey(columns=("author_id",), ref_table="authors", ref_columns=("id",)),
            ),
            row_count=1,
        ),
        Table(name="cheap", columns=(Column(name="isbn", type="TEXT"),), kind="view"),
    ),
)


def test_text_is_aligned_and_marks_keys_counts_and_samples():
    assert schema_text(LIBRARY) == (
        "library  sqlite, 2 tables, 1 view\n"
        "\n"
        "authors  1,204 rows\n"
        "  id    INTEGER      PK        1 | 2\n"
        "  name  VARCHAR(40)  not null  Ann | 太郎\n"
        "\n"
        "books  1 row\n"
        "  isbn       TEXT          PK\n"
        "  author_id  INTEGER       FK authors.id  2\n"
        "  price      DECIMAL(6,2)                 9.5 | 12\n"
        "  note\n"
        "\n"
        "cheap  view\n"
        "  isbn  TEXT\n"
    )


def table_of(*columns, name="t", keys=()):
    tables = (Table(name=name, columns=columns, foreign_keys=keys),)
    return DatabaseSchema(db_id="x", dialect="sqlite", tables=tables)


def test_wide_and_combining_characters_keep_the_columns_straight():
    columns = (Column(name="名前", type="TEXT"), Column(name="e\u0301te", type="TEXT"))
    assert schema_text(table_of(*columns)).splitlines()[3:] == [
        "  名前  TEXT",
        "  e\u0301te   TEXT",
    ]


def test_text_cannot_steer_the_terminal():
    column = Column(name="a\nb", type="TEXT", samples=("\x1b[2J", "\u202e"))
    said = schema_text(table_of(column, name="t\x07"))
    assert said == "x  sqlite, 1 table\n\nt\ufffd\n  a\ufffdb  TEXT  \ufffd[2J | \ufffd\n"


def test_a_column_in_two_keys_shows_both():
    keys = (
        ForeignKey(columns=("a", "b"), ref_table="u", ref_columns=("x", "y")),
        ForeignKey(columns=("a",), ref_table="v", ref_columns=("z",)),
    )
    schema = table_of(Column(name="a"), Column(name="b"), keys=keys)
    assert schema_text(schema).splitlines()[3:] == ["  a  FK u.x, FK v.z", "  b  FK u.y"]


def test_mermaid_draws_entities_keys_and_relations():
    assert mermaid(LIBRARY) == (
        "erDiagram\n"
        '    "authors" {\n'
        "        INTEGER id PK\n"
        "        VARCHAR name\n"
        "    }\n"
        '    "books" {\n'
        "        TEXT isbn PK\n"
        "        INTEGER author_id FK\n"
        "        DECIMAL price\n"
        "        untyped note\n"
        "    }\n"
        '    "cheap" {\n'
        "        TEXT isbn\n"
        "    }\n"
        '    "authors" |o--o{ "books" : "author_id"\n'
    )


@pytest.mark.parametrize(
    ("nullable", "primary_key", "cardinality"),
    [
        (True, False, "|o--o{"),
        (False, False, "||--o{"),
        (False, True, "||--o|"),
    ],
)
def test_cardinality_follows_from_the_keys(nullable, primary_key, cardinality):
    column = Column(name="a", nullable=nullable, primary_key=primary_key)
    key = ForeignKey(columns=("a",), ref_table="u", ref_columns=("x",))
    assert f'"u" {cardinality} "t" : "a"' in mermaid(table_of(column, keys=(key,)))


def test_part_of_a_primary_key_leaves_many_rows():
    columns = tuple(Column(name=n, nullable=False, primary_key=True) for n in "ab")
    key = ForeignKey(columns=("a",), ref_table="u", ref_columns=("x",))
    assert '"u" ||--o{ "t" : "a"' in mermaid(table_of(*columns, keys=(key,)))


HARD_NAMES = (
    *("order", "one", "many", "end", "class", "style", "title", "to", "u", "1", "1.5", "2x"),
    *("PK", "pk", "fk-x", "uk", "direction TB", "erDiagram", "accTitle", "a b", "a-b", "a;b"),
    *('qu"ote', "per%cent", "back\\slash", "new\nline", "~gen~x", "`tick`", "x[1]", "{x}", "a:b"),
    *("ünïcode", "日本語", "emoji😀", "µ", "ª", "%%c", "only one", "", "'", "--", "*", "||"),
)

ENTITY = r'"[^"%\r\n\v\b\\]+"'
WORD = r"(?!(?:pk|fk|uk)(?![a-z0-9_]))[a-z_\u00c0-\uffff][a-z0-9_\u00c0-\U0010ffff]*"
LINES = (
    rf"    {ENTITY} \{{",
    rf'        {WORD} {WORD}(?: PK)?(?:,? FK)?(?: "[^"~]*")?',
    r"    \}",
    rf'    {ENTITY} (?:\|o|\|\|)--(?:o\||o\{{) {ENTITY} : "[^"]*"',
)
"""What the lexer of Mermaid's erDiagram.jison takes (version 11)."""


def hard_schema():
    columns = tuple(Column(name=name, type=name or "DOUBLE PRECISION") for name in HARD_NAMES)
    tables = [
        Table(
            name=name,
            columns=columns,
            foreign_keys=(ForeignKey(columns=(name,), ref_table="~no~", ref_columns=("x",)),),
        )
        for name in HARD_NAMES
    ]
    return DatabaseSchema(db_id="x", dialect="sqlite", tables=tuple(tables))


def test_every_name_becomes_valid_mermaid():
    first, *lines = mermaid(hard_schema()).splitlines()
    assert first == "erDiagram"
    wrong = [line for line in lines if not any(re.fullmatch(p, line, re.I) for p in LINES)]
    assert not wrong
    assert not re.search(r"direction\s+(TB|BT|RL|LR)", mermaid(hard_schema()))


def test_names_that_become_alike_stay_apart():
    said = mermaid(table_of(Column(name="a b"), Column(name="a-b"), Column(name="A_B")))
    attributes = [line.split() for line in said.splitlines()[2:-1]]
    assert [words[1] for words in attributes] == ["a_b", "a_b_2", "A_B_3"]
    assert [" ".join(words[2:]) for words in attributes] == ['"a b"', '"a-b"', '"A_B"']
    entities = re.findall(r"    (\".*\") \{", mermaid(hard_schema()))
    assert len({e.lower() for e in entities}) == len({name.lower() for name in HARD_NAMES})


def test_an_empty_schema_is_an_empty_diagram():
    empty = DatabaseSchema(db_id="x", dialect="duckdb", tables=())
    assert mermaid(empty) == "erDiagram\n"
    assert schema_text(empty) == "x  duckdb, 0 tables\n"
