"""Fingerprints: two runs with the same ones were asked the same questions over the same data."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlkiln.core.digests import file_digests
from sqlkiln.core.records import Example

_SHOWN_DIGITS = 12


def shown(questions_sha256: str, databases_sha256: str) -> str:
    """A fingerprint as people are shown it, shortened; records hold all of it."""
    questions, databases = questions_sha256[:_SHOWN_DIGITS], databases_sha256[:_SHOWN_DIGITS]
    return f"fingerprint: questions {questions}, databases {databases}"


def questions_digest(examples: Iterable[Example]) -> str:
    """A sha256 over the examples in their order: ids, questions, evidence and gold SQL."""
    text = "\n".join(example.model_dump_json() for example in examples)
    return hashlib.sha256(text.encode()).hexdigest()


def databases_digest(paths: Mapping[str, Path]) -> str:
    """A sha256 over the names and bytes of databases, each a file or a folder of files."""
    files = [
        (db_id, file)
        for db_id, path in sorted(paths.items())
        for file in (sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path])
    ]
    digests = file_digests(file for _, file in files)
    lines = (f"{db_id}/{file.name}:{digests[file]}\n" for db_id, file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
