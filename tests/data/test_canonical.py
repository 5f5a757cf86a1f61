import pytest

from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.data.canonical import canonical


def schema(dialect="sqlite", **tables):
    return DatabaseSchema(
        db_id="zoo",
        dialect=dialect,
        tables=tuple(
            Table(name=name, columns=tuple(Column(name=column) for column in columns))
            for name, columns in tables.items()
        ),
    )


ZOO = schema(Pet=("ID", "Name", "owner id"), Owner=("ID", "City", "order"))


@pytest.mark.parametrize(
    ("sql", "styled"),
    [
        ("select  count ( * ) from PET ;", "SELECT COUNT(*) FROM Pet"),
        ('select NAME from pet where name = "Rex"', "SELECT Name FROM Pet WHERE Name = 'Rex'"),
        ('select id from pet where name = "O\'Neil"', "SELECT ID FROM Pet WHERE Name = 'O''Neil'"),
        ('select "name" from "pet"', "SELECT Name FROM Pet"),
        ('select "owner id" from pet', 'SELECT "owner id" FROM Pet'),
        ('select "ORDER" from owner', 'SELECT "order" FROM Owner'),
        ("select 1 from pet where id <> 2", "SELECT 1 FROM Pet WHERE ID != 2"),
        ("select 1 from pet where id not in (1, 2)", "SELECT 1 FROM Pet WHERE ID NOT IN (1, 2)"),
        (
            "select 1 from pet where not name like 'a%' or name is not null",
            "SELECT 1 FROM Pet WHERE Name NOT LIKE 'a%' OR Name IS NOT NULL",
        ),
        (
            "select 1 from pet where id not between 1 and 2 and not (id = 4)",
            "SELECT 1 FROM Pet WHERE ID NOT BETWEEN 1 AND 2 AND NOT (ID = 4)",
        ),
        (
            "select t1.name from pet as t1 inner join owner t2 on t1.id = T2.id order by 1 asc",
            "SELECT T1.Name FROM Pet AS T1 JOIN Owner AS T2 ON T1.ID = T2.ID ORDER BY 1",
        ),
        (
            "select * from pet left outer join owner on pet.id = owner.id order by city desc",
            "SELECT * FROM Pet LEFT JOIN Owner ON Pet.ID = Owner.ID ORDER BY City DESC",
        ),
        (
            "select 1 where not exists (select 1 from pet)",
            "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM Pet)",
        ),
        (
            'select count(*) as "n" from pet order by "n"',
            "SELECT COUNT(*) AS n FROM Pet ORDER BY n",
        ),
        ("select 1 from pet, owner", "SELECT 1 FROM Pet, Owner"),
        ("select 1 from pet join owner where 1", "SELECT 1 FROM Pet, Owner WHERE 1"),
        (
            "with old as (select id from pet) select ID from old",
            "WITH old AS (SELECT ID FROM Pet) SELECT ID FROM old",
        ),
    ],
)
def test_there_is_one_way_to_write_it(sql, styled):
    assert canonical(sql, ZOO) == styled
    assert canonical(styled, ZOO) == styled


@pytest.mark.parametrize(
    ("sql", "styled"),
    [
        (
            "select t1.name from pet as t1 join owner as t2 on t1.id = t2.id",
            "SELECT Pet.Name FROM Pet JOIN Owner ON Pet.ID = Owner.ID",
        ),
        ("select t1.name from pet as t1", "SELECT Name FROM Pet"),
        (
            "select t1.name from pet as t1 join pet as t2 on t1.id < t2.id",
            "SELECT T1.Name FROM Pet AS T1 JOIN Pet AS T2 ON T1.ID < T2.ID",
        ),
        (
            "select 1 from pet as t1 where exists (select 1 from owner as t2 where t2.id = t1.id)",
            "SELECT 1 FROM Pet WHERE EXISTS (SELECT 1 FROM Owner WHERE ID = Pet.ID)",
        ),
        (
            "select 1 from pet as t1 where id in (select t1.id from owner as t1)",
            "SELECT 1 FROM Pet WHERE ID IN (SELECT ID FROM Owner)",
        ),
        (
            "select 1 from pet as t1 where id > (select avg(t2.id) from pet as t2)",
            "SELECT 1 FROM Pet WHERE ID > (SELECT AVG(T2.ID) FROM Pet AS T2)",
        ),
    ],
)
def test_tables_can_be_called_by_their_names(sql, styled):
    assert canonical(sql, ZOO, "names") == styled


def test_what_cannot_be_parsed_or_is_for_another_engine_is_left_alone():
    assert canonical("SELECT FROM", ZOO) is None
    assert canonical("DROP TABLE pet", ZOO) is None
    assert canonical("SELECT 1", schema("duckdb", Pet=("ID",))) is None


def test_a_column_whose_tables_spell_it_differently_stays_as_it_is():
    zoo = schema(a=("Name",), b=("NAME",))
    assert canonical("select name from a, b", zoo) == "SELECT name FROM a, b"
    assert canonical("select b.name from a, b", zoo) == "SELECT b.NAME FROM a, b"
