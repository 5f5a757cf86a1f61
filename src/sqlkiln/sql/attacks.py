"""The red team: hostile statements run against a real file through the one door.

It proves, statement by statement, that a named error comes within the deadline, that the database
still answers, and in the end that no byte of the file has changed and no file was made beside it.
Give it a copy: it is an attack. Reads the database; writes nothing. Command: `sqlkiln doctor
--attack DB-COPY`.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from sqlkiln.core.errors import DatabaseError, QueryError
from sqlkiln.core.files import sha256_file
from sqlkiln.core.plugins import Database, Limits, open_database
from sqlkiln.sql.attack import Attack
from sqlkiln.sql.attacks_disguised import DISGUISED
from sqlkiln.sql.attacks_exhausting import EXHAUSTING
from sqlkiln.sql.attacks_reaching import REACHING
from sqlkiln.sql.attacks_writing import WRITING
from sqlkiln.sql.database_process import GRACE_S
from sqlkiln.sql.database_samples import quoted

ATTACKS: tuple[Attack, ...] = (*WRITING, *REACHING, *DISGUISED, *EXHAUSTING)
"""Every statement of the suite, for both engines."""

_LATE_S = GRACE_S + 2.0
"""What an answer may come late: the grace of the hard deadline, and a busy machine's."""


@dataclass(frozen=True)
class Outcome:
    """What became of one attack: `answer` is an error class or 'rows'; no `problem` is a pass."""

    attack: Attack
    answer: str
    message: str
    seconds: float
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """All outcomes, and what was found wrong with the file or around it afterwards.

    `peak_memory_bytes` is the most that any query process has had resident.
    """

    dialect: str
    outcomes: tuple[Outcome, ...]
    damage: tuple[str, ...]
    peak_memory_bytes: int
    seconds: float

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The outcomes with a problem."""
        return tuple(outcome for outcome in self.outcomes if outcome.problem)

    @property
    def passed(self) -> bool:
        """Whether everything was stopped and nothing was damaged."""
        return not self.failed and not self.damage


def attacks_on(dialect: str) -> tuple[Attack, ...]:
    """The attacks that speak `dialect`."""
    return tuple(attack for attack in ATTACKS if dialect in attack.dialects)


def run_attacks(
    path: Path,
    timeout_s: float = 1.0,
    memory_bytes: int = 256 << 20,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Report:
    """Run every attack of the database's dialect against `path`, with small limits.

    Raises:
        DatabaseUnreadable: if `path` cannot be opened to begin with.
    """
    limits = Limits(timeout_s, max_rows=1_000, max_bytes=8 << 20, memory_bytes=memory_bytes)
    before = _fingerprint(path)
    started = time.monotonic()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="sqlkiln-attack-") as folder:
        database = open_database(path, limits)
        try:
            table = database.schema(samples=0).tables[0]
            slots = {
                "{table}": quoted(table.name),
                "{column}": quoted(table.columns[0].name),
                "{canary}": f"{folder}/canary",
            }
            probe = f"SELECT {slots['{column}']} FROM {slots['{table}']} LIMIT 3"  # noqa: S608
            expected = database.execute(probe).rows
            for attack in attacks_on(database.dialect):
                outcome = _attempt(attack, database, slots, timeout_s)
                problem = outcome.problem or _probe(database, probe, expected)
                outcomes.append(
                    Outcome(attack, outcome.answer, outcome.message, outcome.seconds, problem)
                )
                if on_outcome:
                    on_outcome(outcomes[-1])
        finally:
            database.close()
        made = sorted(p.name for p in Path(folder).iterdir())
    return Report(
        dialect=database.dialect,
        outcomes=tuple(outcomes),
        damage=(
            *_changes(before, _fingerprint(path)),
            *(f"written by an attack: {m}" for m in made),
        ),
        peak_memory_bytes=_peak_memory_bytes(),
        seconds=time.monotonic() - started,
    )


def _attempt(
    attack: Attack, database: Database, slots: dict[str, str], timeout_s: float
) -> Outcome:
    sql = attack.sql
    for slot, value in slots.items():
        sql = sql.replace(slot, value)
    started = time.monotonic()
    error: Exception | None = None
    try:
        database.execute(sql)
    except QueryError as raised:
        error = raised
    except Exception as raised:
        # The suite goes on to report what must never happen: an error without a name.
        error = raised
    seconds = time.monotonic() - started
    answer = type(error).__name__ if error else "rows"
    problem = ""
    if error and not isinstance(error, attack.stopped_by or QueryError):
        problem = f"expected {_expected(attack)}"
    elif not error and not attack.harmless:
        problem = f"it was answered; expected {_expected(attack)}"
    elif seconds > timeout_s + _LATE_S:
        problem = f"it took {seconds:.1f} s"
    return Outcome(attack, answer, str(error or ""), seconds, problem)


def _expected(attack: Attack) -> str:
    return " or ".join(kind.__name__ for kind in attack.stopped_by) or "rows"


def _probe(database: Database, sql: str, expected: tuple[object, ...]) -> str:
    try:
        rows = database.execute(sql).rows
    except DatabaseError as error:
        return f"the database no longer answers: {error}"
    return "" if rows == expected else "the database answers differently now"


def _fingerprint(path: Path) -> dict[str, str]:
    """sha256 of each file of the database, and which files named like it lie beside it."""
    place = path.resolve()
    own = place.rglob("*") if place.is_dir() else place.parent.glob(f"{escape(place.name)}*")
    return {str(found): sha256_file(found) for found in own if found.is_file()}


def _changes(before: dict[str, str], after: dict[str, str]) -> tuple[str, ...]:
    return (
        *(f"new file: {name}" for name in sorted(after.keys() - before.keys())),
        *(f"gone: {name}" for name in sorted(before.keys() - after.keys())),
        *(f"changed: {n}" for n in sorted(before.keys() & after.keys()) if before[n] != after[n]),
    )


def _peak_memory_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
