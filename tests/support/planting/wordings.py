"""Plant faults in the text: no query, prose around it, broken syntax, names that do not exist.

Each shape takes the gold query as text and gives what a model may write instead; '' where the
shape does not apply.
"""

from __future__ import annotations

import re

from sqlglot import exp

from planting.target import Target, column_node, named, rename

# --------------------------------------------------------------------------- no query


def nothing(target: Target, sql: str) -> str:
    """An empty answer, or an empty fence."""
    return target.random.choice([" ", "```sql\n```", "\n"])


def refusal(target: Target, sql: str) -> str:
    """The model says that it cannot answer."""
    return target.random.choice(
        [
            "I'm sorry, but I cannot answer this question from the schema given.",
            "The database has no information about that.",
            "As a language model I do not have access to your database.",
            "Could you please tell me which year you mean?",
        ]
    )


def advice(target: Target, sql: str) -> str:
    """The model says what to do and does not do it."""
    table = target.random.choice(target.schema.tables)
    column = target.random.choice(table.columns).name
    return target.random.choice(
        [
            f"To find this, look at the {column} of each row in the {table.name} table.",
            f"You should select the {column} column from the {table.name} table.",
            f"The answer is in {table.name}: count the rows for every {column}.",
        ]
    )


def other_statement(target: Target, sql: str) -> str:
    """A statement that changes something."""
    table = target.random.choice(target.schema.tables)
    names = [column.name for column in table.columns]
    return target.random.choice(
        [
            f"DELETE FROM {table.name}",
            f"UPDATE {table.name} SET {names[0]} = 1",
            f"INSERT INTO {table.name} ({names[0]}) VALUES (1)",
            f"CREATE TABLE {table.name} ({', '.join(names)})",
            f"DROP TABLE {table.name}",
            f"PRAGMA table_info({table.name})",
        ]
    )


def schema_repeated(target: Target, sql: str) -> str:
    """The schema from the prompt, over again."""
    lines = [f"{t.name}({', '.join(c.name for c in t.columns)})" for t in target.schema.tables]
    return "\n".join(target.shuffled(lines)[:3])


# --------------------------------------------------------------------------- prose


def explained_below(target: Target, sql: str) -> str:
    """What the query does, right after it."""
    said = target.random.choice(
        [
            "This query returns what you asked for.",
            "Explanation: the query joins the tables and keeps the matching rows.",
            "Note that the names are case sensitive in this database.",
            "I hope this helps! Let me know if you need anything else.",
        ]
    )
    return f"{sql}{target.random.choice([chr(10), chr(10) * 2, ' '])}{said}"


def announced(target: Target, sql: str) -> str:
    """A sentence before the query that has the word SELECT in it."""
    said = target.random.choice(
        [
            "The SELECT statement that answers the question is:",
            "You can SELECT the rows you need like this:",
            "We use a SELECT query with the right conditions here:",
        ]
    )
    return f"{said}{target.random.choice([chr(10), ' '])}{sql}"


def both_sides(target: Target, sql: str) -> str:
    """Sentences before and after."""
    return (
        f"Sure, you need to select from the database as follows:\n{sql}\n"
        "Here the query looks for the rows that were asked about."
    )


def inside_fence(target: Target, sql: str) -> str:
    """Sentences in the fence, with the query."""
    return f"```sql\n{sql}\nThis gives you the rows that you are looking for.\n```"


def unextracted(target: Target, sql: str) -> str:
    """An answer that was taken for SQL as a whole."""
    said = target.random.choice(["Here is the SQL query:", "Sure! The answer would be:"])
    return f"{said} {sql}"


# --------------------------------------------------------------------------- syntax


def cut_short(target: Target, sql: str) -> str:
    """The model stopped in the middle."""
    words = sql.split(" ")
    return " ".join(words[: target.random.randrange(2, len(words))]) if len(words) > 4 else ""


def bracket_lost(target: Target, sql: str) -> str:
    """A closing or opening bracket is missing."""
    places = [match.start() for match in re.finditer(r"[()]", sql)]
    place = target.some(places)
    return "" if place is None else sql[:place] + sql[place + 1 :]


def keyword_lost(target: Target, sql: str) -> str:
    """A keyword is missing."""
    return _without_one(target, sql, r"\b(FROM|BY|ON|AND|AS|SELECT)\b ?")


def keyword_twice(target: Target, sql: str) -> str:
    """A keyword stands twice."""
    match = target.some(list(re.finditer(r"\b(WHERE|FROM|GROUP BY|ORDER BY|LIMIT|JOIN)\b", sql)))
    return "" if match is None else f"{sql[: match.end()]} {match.group()}{sql[match.end() :]}"


def keyword_misspelled(target: Target, sql: str) -> str:
    """A keyword with a letter wrong."""
    wrong = {"FROM": "FORM", "WHERE": "WHRE", "GROUP BY": "GROP BY", "ORDER BY": "ODER BY"}
    found = target.some([word for word in wrong if f" {word} " in sql])
    return sql.replace(f" {found} ", f" {wrong[found]} ", 1) if found else ""


def comma_left(target: Target, sql: str) -> str:
    """A comma before FROM."""
    return sql.replace(" FROM ", ", FROM ", 1)


def clauses_disordered(target: Target, sql: str) -> str:
    """WHERE after GROUP BY, or LIMIT before ORDER BY."""
    parts = re.split(r" (?=WHERE |GROUP BY |ORDER BY |LIMIT )", sql)
    if len(parts) < 3 or "(SELECT" in sql:
        return ""
    parts[-2:] = parts[:-3:-1]
    return " ".join(parts)


def quote_lost(target: Target, sql: str) -> str:
    """A text that does not end."""
    return _without_one(target, sql, r"'")


def other_dialect(target: Target, sql: str) -> str:
    """What another database would understand."""
    limit = re.search(r" LIMIT (\d+)$", sql)
    forms = [re.sub(r"\bIN \(SELECT", "= ANY (SELECT", sql)]
    if limit:
        rest = sql[: limit.start()]
        forms.append(rest.replace("SELECT ", f"SELECT TOP {limit[1]} ", 1))
        forms.append(f"{rest} FETCH FIRST {limit[1]} ROWS ONLY")
    return target.some([form for form in forms if form != sql]) or ""


def _without_one(target: Target, sql: str, pattern: str) -> str:
    match = target.some(list(re.finditer(pattern, sql))[1:] or list(re.finditer(pattern, sql)))
    return "" if match is None else sql[: match.start()] + sql[match.end() :]


# --------------------------------------------------------------------------- names


def column_misnamed(target: Target, sql: str) -> str:
    """A name that the column might have had."""
    columns = [c for s in target.selects() for c in target.columns(s)]
    for column, use in target.shuffled(columns):
        own, table = column.name, use.table.name
        forms = [
            f"{table}_{own}",
            f"{own}s",
            own.replace("_", ""),
            own.rpartition("_")[2],
            f"{own}_name",
            f"total_{own}",
        ]
        name = target.some([form for form in forms if not named(use.table, form)])
        if name is not None:
            rename(column, name)
            return target.sql
    return ""


def column_of_other_table(target: Target, sql: str) -> str:
    """A column that another table has, one that the query does not read."""
    columns = [c for s in target.selects() for c in target.columns(s)]
    read = [use.table for s in target.selects() for use in target.uses(s)]
    foreign = [
        column.name
        for table in target.schema.tables
        for column in table.columns
        if not any(named(one, column.name) for one in read)
    ]
    name = target.some(foreign)
    if name is None or not columns:
        return ""
    column, use = target.random.choice(columns)
    column.replace(column_node(name, use.alias if column.table else ""))
    return target.sql


def alias_confused(target: Target, sql: str) -> str:
    """A column is asked of the wrong one of two tables."""
    for select in target.shuffled(target.selects()):
        uses = target.uses(select)
        for column, use in target.shuffled(target.columns(select)):
            others = [one for one in uses if not named(one.table, column.name)]
            other = target.some(others)
            if other is not None and column.table and other.node is not use.node:
                column.set("table", exp.to_identifier(other.alias))
                return target.sql
    return ""


def table_misnamed(target: Target, sql: str) -> str:
    """A name that the table might have had."""
    uses = [use for select in target.selects() for use in target.uses(select)]
    use = target.some(uses)
    if use is None:
        return ""
    own = use.table.name
    forms = [f"{own}s", f"{own}_info", f"tbl_{own}", own.rstrip("s"), f"{own}_table"]
    name = target.some([form for form in forms if target.table(form) is None])
    if name is None:
        return ""
    use.node.set("this", exp.to_identifier(name))
    return target.sql


def function_invented(target: Target, sql: str) -> str:
    """A function of another database."""
    columns = [c for s in target.selects() for c, _ in target.columns(s)]
    column = target.some(columns)
    if column is None:
        return ""
    name = target.random.choice(["YEAR", "TO_DATE", "NVL", "LEFT_STR"])
    column.replace(exp.Anonymous(this=name, expressions=[column.copy()]))
    return target.sql


def text_unquoted(target: Target, sql: str) -> str:
    """A text without quotes, which reads as the name of a column."""
    return re.sub(r"'(\w+)'", r"\1", sql, count=1) if re.search(r"'[A-Za-z]\w*'", sql) else ""


# --------------------------------------------------------------------------- endless, other


def crossed_for_ever(target: Target, sql: str) -> str:
    """Tables are joined by nothing, over and over."""
    rows = [table for table in target.schema.tables if table.row_count]
    if not rows:
        return ""
    largest = max(rows, key=lambda table: table.row_count or 0)
    size, times = 1.0, 0
    while size < 1e12 and times < 40:
        size, times = size * max(2, largest.row_count or 0), times + 1
    crossed = ", ".join(f'"{largest.name}" AS x{i}' for i in range(times))
    where = " AND ".join([f"x0.rowid + x{i}.rowid < 0" for i in range(1, times)][-1:])
    return f"SELECT count(*) FROM ({sql}), {crossed} WHERE {where or 'x0.rowid < 0'}"


def recursion_without_end(target: Target, sql: str) -> str:
    """A recursive query that nothing stops."""
    return (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        f"SELECT count(*) FROM n WHERE i IN (SELECT 1 FROM ({sql}))"
    )


def two_statements(target: Target, sql: str) -> str:
    """Two queries, one after the other."""
    table = target.random.choice(target.schema.tables)
    return f'{sql}; SELECT * FROM "{table.name}"'
