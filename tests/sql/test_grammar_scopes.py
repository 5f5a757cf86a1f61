import pytest

from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.sql.grammar import grammar_of
from sqlkiln.sql.grammar_faults import Strictness, first_fault
from sqlkiln.sql.grammar_joins import Joins
from sqlkiln.sql.grammar_match import Matcher
from sqlkiln.sql.grammar_rest import rest
from sqlkiln.sql.grammar_scopes import Source, read_statement


def table(name, *columns, **keys):
    """`keys` are `column=(table, column)`."""
    return Table(
        name=name,
        columns=tuple(Column(name=column) for column in columns),
        foreign_keys=tuple(
            ForeignKey(columns=(column,), ref_table=other, ref_columns=(referred,))
            for column, (other, referred) in keys.items()
        ),
    )


SCHEMA = DatabaseSchema(
    db_id="flights",
    dialect="sqlite",
    tables=(
        table("employee", "eid", "name", "salary"),
        table("aircraft", "aid", "name", "Fuel Use"),
        table(
            "certificate", "eid", "aid", "since", eid=("employee", "eid"), aid=("aircraft", "aid")
        ),
        table("flight", "no", "aid", "price", aid=("aircraft", "aid")),
        table("island", "rock"),
    ),
)


def read(text, target="sql"):
    grammar = grammar_of(SCHEMA, target)
    reading = grammar.matcher.complete(text)
    assert reading is not None, text[: grammar.matcher.read(text)[0]]
    return grammar, read_statement(grammar, text, reading)


def fault_in(text, target="sql", **strictness):
    grammar, statement = read(text, target)
    joins = Joins(SCHEMA, grammar.dialect)
    return first_fault(statement, joins, grammar, Strictness(**strictness))


# --------------------------------------------------------------------------- scopes


def test_a_select_knows_its_sources_outputs_and_names():
    text = 'SELECT e.name AS who, COUNT(*) FROM employee AS e JOIN "certificate" c ON e.eid = c.eid'
    [select] = read(text)[1].selects
    assert [(s.name, s.table) for s in select.sources] == [
        ("e", "employee"),
        ("c", "certificate"),
    ]
    assert select.sources[1].columns == ("eid", "aid", "since")
    assert select.outputs == ["who", "COUNT(*)"]
    assert [(n.owner, n.column, n.place, n.sources_before) for n in select.names] == [
        ("e", "name", "items", 2),
        ("e", "eid", "on", 2),
        ("c", "eid", "on", 2),
    ]
    assert text[select.from_start : select.from_end] == text[text.index(" employee") :]


def test_every_query_has_its_own_scope():
    text = (
        "SELECT name FROM employee WHERE eid IN (SELECT eid FROM certificate WHERE aid IN "
        "(SELECT aid FROM flight)) UNION SELECT name FROM aircraft ORDER BY 1"
    )
    selects = read(text)[1].selects
    assert [[s.table for s in select.sources] for select in selects] == [
        ["employee"],
        ["certificate"],
        ["flight"],
        ["aircraft"],
    ]
    assert [len(list(select.around())) for select in selects] == [1, 2, 3, 1]
    assert [select.compound for select in selects] == [True, False, False, True]


def test_queries_in_from_and_with_give_their_outputs_as_columns():
    derived = read("SELECT t.n FROM (SELECT COUNT(*) AS n, name FROM employee) AS t")[1].selects[0]
    assert [(s.name, s.table, s.columns) for s in derived.sources] == [("t", None, ("n", "name"))]
    cte = read(
        "WITH t AS (SELECT eid AS e FROM employee), u(x, y) AS (SELECT 1, 2) SELECT * FROM t, u"
    )
    assert [s.columns for s in cte[1].selects[-1].sources] == [("e",), ("x", "y")]
    star = read("SELECT t.x FROM (SELECT * FROM employee) AS t")[1].selects[0]
    assert star.sources[0].columns is None


def test_from_first_is_read_the_same_way():
    [select] = read("FROM flight AS f SELECT f.no WHERE f.price > 3", "from_first")[1].selects
    assert [s.name for s in select.sources] == ["f"]
    assert [(n.owner, n.column, n.place) for n in select.names] == [
        ("f", "no", "items"),
        ("f", "price", "where"),
    ]


# --------------------------------------------------------------------------- joins


def source(name, called=None):
    columns = next(t.columns for t in SCHEMA.tables if t.name == name)
    return Source(called or name, name, tuple(c.name.lower() for c in columns))


def test_a_join_follows_the_shortest_chain_of_foreign_keys():
    joins = Joins(SCHEMA, "sqlite")
    assert joins.clauses([source("employee", "e")], ["aircraft"], "") == [
        " JOIN certificate ON e.eid = certificate.eid"
        " JOIN aircraft ON certificate.aid = aircraft.aid"
    ]
    assert joins.clauses([source("certificate")], ["employee", "flight"], "T2") == [
        " JOIN employee AS T2 ON certificate.eid = T2.eid"
    ]
    assert joins.clauses([source("employee")], ["island"], "") == []


def test_without_a_foreign_key_columns_join_whose_names_suggest_one():
    owner = Table(name="b c", columns=(Column(name="code", primary_key=True), Column(name="id x")))
    schema = DatabaseSchema(db_id="x", dialect="sqlite", tables=(table("a", "id", "code"), owner))
    joins = Joins(schema, "sqlite")
    [left] = [Source("a", "a", ("id", "code"))]
    assert joins.clauses([left], ["b c"]) == [' JOIN "b c" ON a.code = "b c".code']
    assert joins.conditions([left], Source("t", "b c", ("code",))) == [" a.code = t.code"]
    assert joins.keys("a", "b c") == []


def test_two_keys_between_two_tables_are_two_ways():
    tables = (table("game", "home", "away", home=("team", "id"), away=("team", "id")),)
    schema = DatabaseSchema(db_id="x", dialect="sqlite", tables=(*tables, table("team", "id")))
    assert Joins(schema, "sqlite").clauses([Source("g", "game", ("home",))], ["team"], "") == [
        " JOIN team ON g.home = team.id",
        " JOIN team ON g.away = team.id",
    ]


# --------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    "text",
    [
        "SELECT name FROM employee WHERE salary > (SELECT AVG(salary) FROM employee)",
        "SELECT e.name FROM employee AS e JOIN certificate AS c ON c.eid = e.eid ORDER BY c.since",
        "SELECT name FROM employee WHERE 1 = (SELECT 1 FROM certificate WHERE eid = employee.eid)",
        "SELECT COUNT(*) AS n FROM flight GROUP BY aid HAVING n > 2 ORDER BY n",
        "SELECT eid FROM employee JOIN certificate USING (eid)",
        "SELECT eid FROM employee NATURAL JOIN certificate",
        'SELECT name FROM employee WHERE name = "since"',
        "SELECT name FROM employee UNION SELECT name FROM aircraft ORDER BY name",
        "SELECT name FROM employee ORDER BY MAX(salary, eid), COUNT(*) OVER (ORDER BY name)",
        "SELECT COUNT(*) FROM employee ORDER BY COUNT(*)",
        "SELECT name, RANK() OVER (ORDER BY SUM(salary)) FROM employee GROUP BY name",
        "SELECT e.name, f.name FROM employee AS e JOIN employee AS f ON e.salary = f.salary",
        "SELECT t.x FROM (SELECT * FROM employee) AS t",
    ],
)
def test_what_is_in_scope_is_no_fault(text):
    assert fault_in(text) is None


@pytest.mark.parametrize(
    ("text", "kind", "rest"),
    [
        ("SELECT salary FROM flight WHERE price > 3", "tables", " WHERE price > 3"),
        ("SELECT employee.name FROM certificate", "tables", ""),
        ("SELECT T1.no, T2.name FROM flight AS T1 LIMIT 1", "tables", " LIMIT 1"),
        ("SELECT rock FROM flight", "table", "flight"),
        ("SELECT rock FROM flight WHERE price > 3", "column", "rock FROM flight WHERE price > 3"),
        ("SELECT employee.name FROM employee AS e", "column", "employee.name FROM employee AS e"),
        ("SELECT eid, since FROM employee JOIN certificate ON employee.eid = certificate.eid",
         "column", "eid, since FROM employee JOIN certificate ON employee.eid = certificate.eid"),
        ("SELECT name FROM employee WHERE since = 1 OR rock = 2", "tables",
         " WHERE since = 1 OR rock = 2"),
        ("SELECT name FROM employee WHERE rock = 2", "column", "rock = 2"),
        ("SELECT name FROM employee ORDER BY who", "column", "who"),
        ("SELECT name FROM employee WHERE eid IN (SELECT eid FROM flight)", "table", "flight)"),
        ("SELECT no FROM flight AS f JOIN aircraft AS a ON f.eid = a.aid", "on", " f.eid = a.aid"),
        ("SELECT no FROM flight AS f JOIN aircraft AS a ON f.no = a.aid", "on", " f.no = a.aid"),
        ("SELECT no FROM flight AS f JOIN aircraft AS a ON a.aid = a.aid", "on", " a.aid = a.aid"),
        ("SELECT a.no, COUNT(*) FROM aircraft AS a", "table", "aircraft AS a"),
        ("SELECT b.rock FROM employee a JOIN certificate b ON a.eid = b.eid", "table",
         "certificate b ON a.eid = b.eid"),
        ("SELECT name FROM employee ORDER BY COUNT(*) LIMIT 1", "group",
         " ORDER BY COUNT(*) LIMIT 1"),
        ("SELECT aid FROM flight WHERE AVG(price) > 3", "group", " WHERE AVG(price) > 3"),
        ("SELECT aid FROM flight HAVING AVG(price) > 3", "group", " HAVING AVG(price) > 3"),
        ("SELECT name", "from", ""),
    ],
)  # fmt: skip
def test_a_statement_is_right_up_to_its_first_fault(text, kind, rest):
    fault = fault_in(text)
    assert (fault.kind, text[fault.cut :]) == (kind, rest)


def test_duckdb_names_elements_and_fields_as_well():
    schema = SCHEMA.model_copy(update={"dialect": "duckdb"})
    grammar = grammar_of(schema, "sql")
    joins = Joins(schema, "duckdb")

    def fault(text):
        statement = read_statement(grammar, text, grammar.matcher.complete(text))
        return first_fault(statement, joins, grammar)

    assert fault("SELECT list_transform([salary], x -> x + 1) FROM employee") is None
    assert fault("SELECT name.first FROM employee") is None
    assert fault("SELECT name FROM employee WHERE \"Name\" = 'Ann'") is None
    assert fault('SELECT name FROM employee WHERE name = "Ann"').kind == "column"
    assert fault("SELECT town FROM employee").kind == "column"


def test_a_column_behind_from_is_refused_rather_than_joined_if_asked():
    text = "SELECT name FROM employee WHERE certificate.since = 1"
    assert fault_in(text).kind == "tables"
    fault = fault_in(text, bring=(0, 0))
    assert (fault.kind, text[fault.cut :]) == ("column", "certificate.since = 1")


def test_a_join_may_pass_over_the_foreign_key_if_asked():
    text = "SELECT no FROM flight AS f JOIN aircraft AS a ON f.no = a.aid"
    assert fault_in(text, foreign_keys=False) is None


# --------------------------------------------------------------------------- what may follow


def following(text, target="sql", **strictness):
    """The text up to the first fault, and which texts may follow it."""
    grammar, statement = read(text, target)
    joins = Joins(SCHEMA, grammar.dialect)
    fault = first_fault(statement, joins, grammar, Strictness(**strictness))
    head, bodies = rest(grammar, statement, fault)
    return head, Matcher(bodies).accepts


def test_the_one_join_that_fits_is_written_at_once():
    head, accepts = following("SELECT employee.name FROM certificate WHERE certificate.aid = 1")
    assert head == (
        "SELECT employee.name FROM certificate JOIN employee ON certificate.eid = employee.eid"
    )
    assert accepts(" WHERE certificate.aid = 1")
    assert accepts("")


def test_of_several_joins_one_must_follow():
    head, accepts = following("SELECT name FROM certificate ORDER BY since")
    assert head == "SELECT name FROM certificate"
    assert accepts(" JOIN employee ON certificate.eid = employee.eid ORDER BY since")
    assert accepts(" JOIN aircraft ON certificate.aid = aircraft.aid")
    assert not accepts(" JOIN flight ON certificate.aid = flight.aid")
    assert not accepts(" ORDER BY since")


def test_a_column_out_of_scope_gives_way_to_those_in_scope():
    head, accepts = following("SELECT name FROM employee WHERE eid = 1 AND rock = 2 ORDER BY eid")
    assert head == "SELECT name FROM employee WHERE eid = 1 AND"
    assert accepts(" salary = 2 ORDER BY eid")
    assert accepts(" employee.salary = 2")
    assert accepts(" eid IN (SELECT eid FROM certificate WHERE since = 1)")
    assert not accepts(" rock = 2")
    assert not accepts(" salary = 2 ORDER BY price")
    assert not accepts(" certificate.since = 2")


def test_a_query_within_may_name_what_is_around_it_but_not_the_other_way_round():
    text = "SELECT name FROM employee WHERE eid IN (SELECT eid FROM certificate WHERE rock = 1)"
    head, accepts = following(text)
    assert head.endswith("FROM certificate WHERE")
    assert accepts(" since = 1) AND salary > 2")
    assert accepts(" certificate.aid = employee.eid) ORDER BY salary")
    assert not accepts(" since = 1) AND since > 2")
    assert not accepts(" salary = 1)")


def test_an_ambiguous_column_has_to_say_whose_it_is():
    text = "SELECT name FROM employee e, aircraft a LIMIT 1"
    head, accepts = following(text)
    assert head == "SELECT"
    assert accepts(" e.name FROM employee e")
    assert accepts(" a.name, aid FROM aircraft a")
    assert not accepts(" name FROM employee e")
    assert not accepts(" salary FROM employee e")


def test_of_columns_that_are_equal_the_first_is_as_good():
    text = "SELECT eid FROM employee JOIN certificate ON employee.eid = certificate.eid LIMIT 1"
    assert following(text)[0] == "SELECT employee.eid"


def test_a_column_stays_what_it_is_called_where_another_table_has_it():
    text = "SELECT e.name FROM employee e JOIN certificate c ON c.eid = e.eid WHERE e.since = 1"
    assert following(text)[0].endswith(" WHERE c.since")


def test_tables_that_others_link_are_joined_by_those():
    text = "SELECT a.name FROM employee e JOIN aircraft a ON e.eid = a.eid WHERE e.salary = 1"
    head, accepts = following(text)
    assert head == (
        "SELECT a.name FROM employee e JOIN certificate ON e.eid = certificate.eid"
        " JOIN aircraft AS a ON certificate.aid = a.aid"
    )
    assert accepts(" WHERE e.salary = 1")


def test_the_condition_of_a_join_is_the_foreign_key():
    head, accepts = following("SELECT no FROM certificate AS c JOIN aircraft AS a ON c.eid = a.aid")
    assert head.endswith(" ON c.aid = a.aid")
    assert accepts(" WHERE c.since = 1")


def test_tables_without_a_key_are_joined_by_what_they_have():
    head, accepts = following("SELECT rock FROM employee AS e JOIN island ON e.eid = flight.no")
    assert head.endswith("JOIN island ON")
    assert accepts(" e.name = island.rock")
    assert not accepts(" e.eid = flight.no")


def test_an_alias_goes_to_the_table_that_was_meant():
    head, accepts = following("SELECT a.no, COUNT(*) FROM aircraft AS a WHERE a.aid = 1")
    assert head == "SELECT a.no, COUNT(*) FROM flight AS a"
    assert accepts(" WHERE a.aid = 1")
    far = "SELECT b.rock FROM employee a JOIN certificate b ON a.eid = b.eid"
    assert following(far)[0] == "SELECT b.rock FROM employee a JOIN certificate b2"


def test_rows_are_grouped_for_an_aggregate():
    head, accepts = following("SELECT name FROM employee ORDER BY COUNT(*) LIMIT 1")
    assert head == "SELECT name FROM employee GROUP BY name"
    assert accepts(" ORDER BY COUNT(*) LIMIT 1")
    head, accepts = following("SELECT aid, no FROM flight WHERE AVG(price) > 3")
    assert head == "SELECT aid, no FROM flight"
    assert accepts(" GROUP BY aid HAVING AVG(price) > 3")
    assert accepts(" GROUP BY no HAVING AVG(price) > 3")
    assert not accepts(" WHERE AVG(price) > 3")
    assert fault_in("SELECT aid FROM flight WHERE no = 1 AND AVG(price) > 3") is None


def test_names_of_a_qualified_statement_keep_their_owner():
    text = "SELECT employee.name FROM employee WHERE island.rock = 1"
    head, accepts = following(text, "qualified")
    assert head.endswith("WHERE")
    assert accepts(" employee.salary = 1")
    assert not accepts(" salary = 1")


def test_from_first_names_what_from_has_brought():
    head, accepts = following("FROM employee SELECT name WHERE rock = 1", "from_first")
    assert head == "FROM employee SELECT name WHERE"
    assert accepts(" salary IN (FROM flight SELECT price)")
    assert not accepts(" salary IN (SELECT price FROM flight)")


def test_a_select_of_columns_gets_a_from():
    head, accepts = following("SELECT salary")
    assert head == "SELECT salary FROM"
    assert accepts(" employee WHERE eid = 1")
