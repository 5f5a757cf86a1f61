from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.prompt.link_graph import between, joins


def table(name, columns, keys=(), primary="id"):
    return Table(
        name=name,
        columns=tuple(Column(name=c, primary_key=c == primary) for c in columns.split()),
        foreign_keys=tuple(
            ForeignKey(columns=(a,), ref_table=t, ref_columns=(b,)) for a, t, b in keys
        ),
    )


def schema(*tables):
    return DatabaseSchema(db_id="x", dialect="sqlite", tables=tables)


def test_foreign_keys_tie_both_ends_in_any_case():
    found = joins(
        schema(table("a", "id b_id", [("b_id", "B", "id")]), table("b", "id"), table("c", "id"))
    )
    assert found == {0: {1}, 1: {0}, 2: frozenset()}


def test_without_foreign_keys_a_key_of_one_name_ties():
    found = joins(
        schema(
            table("student", "StuID name", primary="StuID"),
            table("pet_of", "stu_id name"),
            table("other", "name id", primary=""),
        )
    )
    assert found == {0: {1}, 1: {0}, 2: frozenset()}


def test_a_key_that_is_just_called_id_ties_nothing():
    assert joins(schema(table("a", "id"), table("b", "id"))) == {0: frozenset(), 1: frozenset()}


def test_what_lies_between():
    chain = {
        0: frozenset({1}),
        1: frozenset({0, 2}),
        2: frozenset({1, 3}),
        3: frozenset({2}),
        4: frozenset(),
    }
    assert between(chain, [0, 3]) == {2: (0, 3), 1: (0, 3)}
    assert between(chain, [0, 1]) == {}
    assert between(chain, [0, 4]) == {}
    assert between(chain, []) == {}


def test_ways_that_are_too_long_are_not_gone():
    chain = {i: frozenset({i - 1, i + 1} & set(range(9))) for i in range(9)}
    assert set(between(chain, [0, 4])) == {1, 2, 3}
    assert between(chain, [0, 8]) == {}
