"""A small benchmark in Spider's layout, and a backend that answers from a table."""

import json
import sqlite3
import threading

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.plugins import Completion

PETS = """
CREATE TABLE pet (id INTEGER PRIMARY KEY, name TEXT, age INTEGER);
INSERT INTO pet VALUES (1, 'Rex', 3), (2, 'Tom', 1), (3, 'Kim', 3);
"""
CARS = "CREATE TABLE car (name TEXT); INSERT INTO car VALUES ('Beetle'), ('Panda');"
HOLLOW = "CREATE TABLE thing (name TEXT);"

QUESTIONS = [
    ("How many pets?", "pets", "SELECT count(*) FROM pet"),
    ("Names of pets?", "pets", "SELECT name FROM pet"),
    ("How many cars?", "cars", "SELECT count(*) FROM car"),
    ("How many dogs?", "dogs", "SELECT count(*) FROM dog"),
    ("Names of things?", "hollow", "SELECT name FROM thing"),
    ("Colours of cars?", "cars", "SELECT colour FROM car"),
    ("Oldest pet?", "pets", "SELECT name FROM pet ORDER BY age DESC LIMIT 1"),
]
"""'dogs' is missing, 'hollow' has no rows, cars have no colour."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """Results and digests are kept beside the test, not in the user's cache."""
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))


def make_database(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


@pytest.fixture
def data(tmp_path):
    """The folder of the benchmark."""
    folder = tmp_path / "bench"
    folder.mkdir()
    rows = [{"question": q, "db_id": db, "query": sql} for q, db, sql in QUESTIONS]
    (folder / "dev.json").write_text(json.dumps(rows))
    for db_id, script in (("pets", PETS), ("cars", CARS), ("hollow", HOLLOW)):
        make_database(folder / "database" / db_id / f"{db_id}.sqlite", script)
    return folder


class TableBackend:
    """Answers with the gold SQL, or with what `answers` says: a text, or an error to raise."""

    model = "table"

    def __init__(self, answers=None, slots=1):
        self.answers = answers or {}
        self.slots = slots
        self.asked = []
        self.running = 0
        self.most = 0
        self.closed = False
        self._lock = threading.Lock()

    def generate(self, request, on_text=None):
        (question,) = [
            line.removeprefix("Question: ")
            for message in request.messages[:2]
            for line in message.content.splitlines()
            if line.startswith("Question: ")
        ] or [request.messages[-1].content]
        with self._lock:
            self.asked.append(question)
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            return self._answer(question, on_text)
        finally:
            with self._lock:
                self.running -= 1

    def _answer(self, question, on_text):
        golds = {q: sql for q, _, sql in QUESTIONS}
        answer = self.answers.get(question, golds.get(question, "OK"))
        if callable(answer):
            answer = answer()
        if isinstance(answer, BaseException):
            raise answer
        for word in answer.split(" ") if on_text else ():
            on_text(word)
        return Completion(answer, "stop", 100, 60, 7, 0.1, 0.2, 0.3)

    def close(self):
        self.closed = True


@pytest.fixture
def serve(monkeypatch):
    """Makes `open_backend` give a `TableBackend` with these answers, and returns it."""

    def install(answers=None):
        backend = TableBackend(answers)

        def open_backend(spec, options):
            backend.options = options
            return backend

        monkeypatch.setattr(plugins, "open_backend", open_backend)
        return backend

    return install
