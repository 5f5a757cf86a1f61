"""Settings that must not stand on a command line: from the environment, else from `.env`."""

from __future__ import annotations

import os
import re
from pathlib import Path

KEY_VARIABLES = ("SQLKILN_API_KEY", "OPENAI_API_KEY")

_LINE = re.compile(r"\s*(?:export\s+)?(\w+)\s*=\s*(.*?)\s*$")


def setting(name: str) -> str | None:
    """The value of `name` in the environment or in `.env` of the working folder; '' if empty."""
    if name in os.environ:
        return os.environ[name]
    return read_env_file(Path(".env")).get(name)


def api_key(given: str = "") -> str:
    """`given`, or what the first of `KEY_VARIABLES` that is set holds, though it be empty.

    So an empty SQLKILN_API_KEY means: no key at all, whatever OPENAI_API_KEY is.
    """
    found = (setting(name) for name in KEY_VARIABLES)
    return given or next((value for value in found if value is not None), "")


def read_env_file(path: Path) -> dict[str, str]:
    """The `KEY=VALUE` lines of a file; quotes and `export` are dropped, nothing is expanded.

    {} if the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (match.groups() for match in map(_LINE.fullmatch, lines) if match)
    return {name: _unquoted(value) for name, value in pairs}


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return re.split(r"\s#", value, maxsplit=1)[0].rstrip()
