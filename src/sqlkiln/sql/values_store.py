"""The texts of an index in SQLite with FTS5: made once, kept as one file, read back whole.

The file is a line that names the layout, the sha256 of the rest, and the image of a SQLite
database. It is loaded into memory and only if the digest is right, so that a file which was cut
short or written over is never asked. Four ways lead to a text: its key (all words, without what
separates them), the key of its stems or initials, a word in it, and a word spelled like one in it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlkiln.core.errors import MissingDependency
from sqlkiln.sql.values_read import ColumnTexts
from sqlkiln.sql.values_words import folded_words, name_parts, squeezed, stem

LAYOUT = b"sqlkiln-values/3\n"
WRITTEN, STEMS, INITIALS = 0, 1, 2
"""What a key was made of."""

_DIGEST_BYTES = 32
_AT_ONCE = 500
_MOST_FOUND = 2_000
_INITIALS_OF = range(2, 7)
_TABLES = """
    CREATE TABLE place (
        id INTEGER PRIMARY KEY, tab TEXT, col TEXT, texts INTEGER, partial TEXT, tries INTEGER);
    CREATE TABLE cell (id INTEGER PRIMARY KEY, place INTEGER, value TEXT);
    CREATE TABLE key (key TEXT, kind INTEGER, cell INTEGER, PRIMARY KEY (key, kind, cell))
        WITHOUT ROWID;
    CREATE TABLE term (id INTEGER PRIMARY KEY, word TEXT UNIQUE, cells INTEGER);
"""
_SEARCHES = """
    CREATE VIRTUAL TABLE word USING fts5(
        text, content='', detail='none', columnsize=0, tokenize="unicode61 remove_diacritics 0");
    CREATE VIRTUAL TABLE spelling USING fts5(word, content='', tokenize='trigram');
"""


class Place(NamedTuple):
    """A column of the database; `partial` and `tries_left` are those of `ColumnTexts`."""

    table: str
    column: str
    texts: int
    partial: str
    tries_left: int


class Cell(NamedTuple):
    """One distinct text of one column, by the number of its place."""

    id: int
    place: int
    value: str


def image_of(columns: Iterable[Sequence[ColumnTexts]]) -> bytes:
    """The content of an index file for what was read.

    Raises:
        MissingDependency: if Python's SQLite has no FTS5.
    """
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(_TABLES)
        try:
            connection.executescript(_SEARCHES)
        except sqlite3.OperationalError as error:
            raise MissingDependency(
                f"cannot index values: Python's SQLite {sqlite3.sqlite_version} lacks full-text "
                f"search ({error}); use a Python with SQLite 3.36 or newer and FTS5"
            ) from error
        _fill(connection, columns)
        connection.commit()
        image = bytes(connection.serialize())
    finally:
        connection.close()
    return LAYOUT + hashlib.sha256(image).digest() + image


def _fill(connection: sqlite3.Connection, columns: Iterable[Sequence[ColumnTexts]]) -> None:
    counts: Counter[str] = Counter()
    place = cell = 0
    for table in columns:
        for read in table:
            place += 1
            cells, keys, texts = [], [], []
            for value in dict.fromkeys(read.texts):
                folded = folded_words(value) if value.isprintable() else []
                if not folded:
                    continue
                cell += 1
                cells.append((cell, place, value))
                stems = [stem(word) for word in folded]
                keys += _keys(folded, stems, cell)
                lettered = {word for word in stems if not word.isdigit()}
                counts.update(lettered)
                if lettered:
                    texts.append((cell, " ".join(lettered)))
            connection.executemany("INSERT INTO cell VALUES (?, ?, ?)", cells)
            connection.executemany("INSERT OR IGNORE INTO key VALUES (?, ?, ?)", keys)
            connection.executemany("INSERT INTO word(rowid, text) VALUES (?, ?)", texts)
            about = (place, read.table, read.column, len(cells), read.partial, read.tries_left)
            connection.execute("INSERT INTO place VALUES (?, ?, ?, ?, ?, ?)", about)
    terms = [(number, word, count) for number, (word, count) in enumerate(counts.items(), 1)]
    connection.executemany("INSERT INTO term VALUES (?, ?, ?)", terms)
    connection.executemany(
        "INSERT INTO spelling(rowid, word) VALUES (?, ?)",
        ((number, word) for number, word, _ in terms if len(word) >= 4),
    )


def _keys(folded: Sequence[str], stems: Sequence[str], cell: int) -> list[tuple[str, int, int]]:
    written = squeezed(folded)
    keys = [(written, WRITTEN, cell)]
    if squeezed(stems) != written:
        keys.append((squeezed(stems), STEMS, cell))
    if len(folded) in _INITIALS_OF and not any(word[0].isdigit() for word in folded):
        keys.append((squeezed(word[0] for word in folded), INITIALS, cell))
    return keys


class Store:
    """An index in memory, to be asked from one thread at a time."""

    def __init__(self, content: bytes) -> None:
        """Read what `image_of` made.

        Raises:
            ValueError: if `content` is not that.
        """
        head, image = len(LAYOUT) + _DIGEST_BYTES, memoryview(content)
        if not content.startswith(LAYOUT):
            raise ValueError("another layout")
        if hashlib.sha256(image[head:]).digest() != content[len(LAYOUT) : head]:
            raise ValueError("another digest")
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.deserialize(content[head:])
        self.places = {
            row[0]: Place(*row[1:]) for row in self._connection.execute("SELECT * FROM place")
        }
        self.names = {
            number: frozenset(map(stem, name_parts(place.column)))
            for number, place in self.places.items()
        }
        """The stems in each column's name."""

        self.stems = {
            number: self.names[number].union(map(stem, name_parts(place.table)))
            for number, place in self.places.items()
        }
        """The stems in each column's name and its table's."""

        self.size_bytes = len(content)
        self.texts = sum(place.texts for place in self.places.values())

    @property
    def is_unfinished(self) -> bool:
        """Whether reading some column again may give more."""
        return any(place.tries_left for place in self.places.values())

    def read_so_far(self) -> dict[tuple[str, str], ColumnTexts]:
        """What it was made of, by table and column."""
        texts: dict[int, list[str]] = {number: [] for number in self.places}
        for place, value in self._connection.execute("SELECT place, value FROM cell ORDER BY id"):
            texts[place].append(value)
        return {
            (place.table, place.column): ColumnTexts(
                place.table, place.column, texts[number], place.partial, place.tries_left
            )
            for number, place in self.places.items()
        }

    def close(self) -> None:
        """Free the memory; calling it twice is fine."""
        self._connection.close()

    def by_keys(self, keys: Sequence[str]) -> list[tuple[str, int, Cell]]:
        """The texts with one of `keys`, each with the key and what that is made of."""
        found: list[tuple[str, int, Cell]] = []
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            rows = self._connection.execute(
                "SELECT key.key, key.kind, cell.id, cell.place, cell.value "  # noqa: S608
                f"FROM key JOIN cell ON cell.id = key.cell WHERE key.key IN ({_marks(some)}) "
                f"LIMIT {_MOST_FOUND}",
                some,
            )
            found += [(key, kind, Cell(*cell)) for key, kind, *cell in rows]
        return found

    def keys_in(self, place: int, keys: Sequence[str]) -> set[str]:
        """Those of `keys` that are texts of the column `place`."""
        rows = self._connection.execute(
            "SELECT key.key FROM key JOIN cell ON cell.id = key.cell "  # noqa: S608
            f"WHERE key.key IN ({_marks(keys)}) AND key.kind = {WRITTEN} AND cell.place = ?",
            [*keys, place],
        )
        return {key for (key,) in rows}

    def counts(self, stems: Sequence[str]) -> dict[str, int]:
        """In how many texts each stem is, of those that are in any."""
        rows = self._connection.execute(
            f"SELECT word, cells FROM term WHERE word IN ({_marks(stems)})",  # noqa: S608
            list(stems),
        )
        return dict(rows.fetchall())

    def containing(self, word: str, most: int) -> list[Cell]:
        """Up to `most` texts with the stem `word` in them."""
        rows = self._connection.execute(
            "SELECT id, place, value FROM cell WHERE id IN "
            "(SELECT rowid FROM word WHERE word MATCH ? LIMIT ?)",
            (f'"{word}"', most),
        )
        return [Cell(*row) for row in rows]

    def spelled_like(self, word: str, most: int) -> list[str]:
        """Stems that share threes of letters with `word`, those that share most first."""
        threes = dict.fromkeys(word[i : i + 3] for i in range(len(word) - 2))
        rows = self._connection.execute(
            "SELECT term.word FROM spelling JOIN term ON term.id = spelling.rowid "
            "WHERE spelling MATCH ? ORDER BY spelling.rank LIMIT ?",
            (" OR ".join(f'"{three}"' for three in threes), most),
        )
        return [found for (found,) in rows]


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
