"""Read the SQL out of what a model wrote: fences, tags, prose and second statements removed.

It reads; it does not repair, and it does not judge whether the SQL is right or safe to run.
"""

import re

_THINK = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL | re.IGNORECASE)
_TAGGED = re.compile(r"<sql>(.*?)(</sql>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCED = re.compile(
    r"```[ \t]*(?:sql\w*|duckdb)?[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE
)
_START = re.compile(r"(?<!DELETE )\b(SELECT|WITH|VALUES|FROM)\b(?=[\s(*'\"`\[])", re.IGNORECASE)
_WITH_CLAUSE = re.compile(
    r"WITH\s+(RECURSIVE\s+)?(\"[^\"]+\"|\w+)\s*(\([^)]*\)\s*)?AS\b", re.IGNORECASE
)
_NAME = r"""(?:\w+|"[^"]+"|`[^`]+`|\[[^\]]+\])"""
_FROM_CLAUSE = re.compile(
    rf"FROM\s*(?:\(|{_NAME}(?:\.{_NAME})*(?:\s+AS\s+{_NAME}|\s+{_NAME})?\s*"
    r"(?:,|;|\Z|\b(?:SELECT|WHERE|GROUP|ORDER|LIMIT|JOIN|LEFT|RIGHT|FULL|INNER|CROSS|NATURAL)\b))",
    re.IGNORECASE,
)
"""How a query that starts with FROM begins, which prose such as 'from the schema: ...' does not."""

_QUERY = {"WITH": _WITH_CLAUSE, "FROM": _FROM_CLAUSE}
_QUOTES = {"'": "'", '"': '"', "`": "`", "[": "]"}


def extract_sql(text: str) -> str:
    """Return the first SQL query in `text`, without its semicolon, or '' if there is none."""
    text = _THINK.sub("", text)
    for pattern in (_TAGGED, _FENCED):
        for match in pattern.finditer(text):
            sql = _first_statement(match.group(1))
            if sql:
                return sql
    return _first_statement(text.partition("```")[0])


def _first_statement(text: str) -> str:
    start = _find_start(text)
    if start is None:
        return ""
    return _until_semicolon(text[start:]).strip()


def _find_start(text: str) -> int | None:
    for match in _START.finditer(text):
        needed = _QUERY.get(match.group(1).upper())
        if needed is None or needed.match(text, match.start()):
            bracketed = not text[: match.start()].strip(" \n(")
            return 0 if bracketed else match.start()
    return None


def _until_semicolon(sql: str) -> str:
    """Cut at the first `;` outside quotes and comments; an unclosed quote keeps all the rest."""
    position = 0
    while position < len(sql):
        char = sql[position]
        if char == ";":
            return sql[:position]
        if char in _QUOTES:
            end = sql.find(_QUOTES[char], position + 1)
            position = len(sql) if end < 0 else end
        elif sql.startswith("--", position):
            end = sql.find("\n", position)
            position = len(sql) if end < 0 else end
        elif sql.startswith("/*", position):
            end = sql.find("*/", position)
            position = len(sql) if end < 0 else end + 1
        position += 1
    return sql
