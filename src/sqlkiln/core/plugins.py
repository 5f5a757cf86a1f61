"""The plug points: what a backend, database, dataset, metric, strategy and stage must offer.

Anyone adds one by an entry point in the group `sqlkiln.<kind>`; sqlkiln's own are registered the
same way, in pyproject.toml. An entry point names a class (or, for stages, a `Stage`) and is
imported only when it is asked for. `tests/contracts` runs one suite over every registration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from sqlkiln.core.candidates import Candidate as Candidate
from sqlkiln.core.candidates import Solution as Solution
from sqlkiln.core.completions import Completion as Completion
from sqlkiln.core.completions import Message as Message
from sqlkiln.core.completions import Request as Request
from sqlkiln.core.completions import TokenLogprob as TokenLogprob
from sqlkiln.core.completions import Variant as Variant
from sqlkiln.core.errors import DatabaseUnreadable, MissingDependency, ModelNotFound, UsageError

if TYPE_CHECKING:
    from sqlkiln.core.records import DatabaseSchema, Example, Row, Verdict

KINDS = ("backends", "databases", "datasets", "metrics", "strategies", "stages")


# --------------------------------------------------------------------------- backends


@dataclass(frozen=True)
class BackendOptions:
    """How to open a model. `adapters` are (name or path, weight) loaded with it, on by default.

    One of weight 0 is off until a request names it. `slots` requests run at a time;
    `context_tokens` is per slot. `base_url` and `api_key` are for servers.
    """

    slots: int = 1
    context_tokens: int = 8192
    threads: int = 0
    adapters: tuple[tuple[str, float], ...] = ()
    timeout_s: float = 120.0
    retries: int = 4
    api_key: str = ""
    progress: bool = True


@runtime_checkable
class Backend(Protocol):
    """A language model that can be asked. `generate` is safe to call from `slots` threads."""

    model: str
    slots: int

    def generate(
        self, request: Request, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        """Answer `request`; `on_text` gets the pieces as they come. An exception from it cancels.

        Raises:
            BackendError: or one of its subclasses.
        """

    def close(self) -> None:
        """Free the model; calling it twice is fine."""


class BackendKind(Backend, Protocol):
    """What is registered: a backend that is opened by the name of a model."""

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether this backend serves models written like `spec`."""

    @classmethod
    def open(cls, spec: str, options: BackendOptions) -> Self:
        """Load or connect; raises `ModelNotFound`, `ModelCorrupt` or `BackendError`."""


# --------------------------------------------------------------------------- databases


@dataclass(frozen=True)
class Limits:
    """What one query may cost: rows past `max_rows` are cut off, the other caps raise."""

    timeout_s: float = 10.0
    max_rows: int = 10_000
    max_bytes: int = 64 * 2**20
    memory_bytes: int = 1 * 2**30


@dataclass(frozen=True)
class QueryResult:
    """Rows in the order the database gave them; column names may repeat."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    truncated: bool = False
    seconds: float = 0.0


@runtime_checkable
class Database(Protocol):
    """A database opened read-only by construction. Safe to use from one thread at a time."""

    path: Path
    db_id: str
    dialect: str

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether `path` (which exists) looks like this kind of database."""

    @classmethod
    def open(cls, path: Path, limits: Limits) -> Self:
        """Open for reading only; raises `DatabaseUnreadable`."""

    def schema(self, samples: int = 3) -> DatabaseSchema:
        """Tables, columns, keys, row counts and up to `samples` values a column."""

    def execute(self, sql: str, limits: Limits | None = None) -> QueryResult:
        """Run one read query; raises a subclass of `QueryError` and leaves the file as it was."""

    def close(self) -> None:
        """Let go of the file; calling it twice is fine."""


# --------------------------------------------------------------------------- datasets


@dataclass(frozen=True)
class DatasetOptions:
    """Where a dataset lies: `data` is its folder, `questions` one file inside or beside it."""

    data: Path | None = None
    questions: Path | None = None
    split: str = "dev"


@runtime_checkable
class Dataset(Protocol):
    """Questions with their databases."""

    name: str

    @classmethod
    def open(cls, options: DatasetOptions) -> Self:
        """Find the files; raises `DataError` or `UsageError`."""

    def examples(self) -> Sequence[Example]:
        """All questions in file order, those without a database too."""

    def database_path(self, db_id: str) -> Path | None:
        """The database of `db_id`, or None if it is missing."""


@runtime_checkable
class DescribesTables(Protocol):
    """What a dataset may offer besides: descriptions of its databases in Spider's form."""

    def table_entries(self) -> Mapping[str, Mapping[str, Any]]:
        """The entries of tables.json by db_id; empty if there is no such file."""


# --------------------------------------------------------------------------- metrics


@runtime_checkable
class Metric(Protocol):
    """Scores one predicted statement against the gold one.

    A metric that does not compare what statements return may say so with `compares_rows = False`.
    Only such metrics are asked about examples whose tables are known, but not what is in them, or
    whose database is missing: that one raises `DatabaseUnreadable` whatever it is asked.

    A metric may have a method `prepare(dataset)`, which is called once, before the first row. With
    `measures_speed = True` its scores may exceed 1, and nothing else is at work while it scores.
    """

    name: str

    def score(self, example: Example, predicted_sql: str, database: Database) -> Verdict:
        """A verdict with its reason; never raises for what the prediction contains."""


# --------------------------------------------------------------------------- strategies


@dataclass(frozen=True)
class Other:
    """Who else may be asked, maybe of another `backend`; what a `required` one raises is raised.

    One that is `about` something is asked about that alone, and then in place of all.
    """

    name: str
    variant: Variant
    backend: Backend | None = None
    required: bool = False
    about: str = ""


@dataclass(frozen=True)
class Task:
    """One question, and how requests are made for it (`prompt.render.task` makes one).

    `request(None)` asks it; `request((sql, error))` asks to mend a statement that failed. `read`
    gives the SQL in what the model wrote, '' if there is none. `schema` is what the prompt shows of
    the database, `target` what the model is to write. `vary` asks the same in another way; where it
    is None there is only this one. `others` may be asked for their opinions, in this order.
    """

    question: str
    request: Callable[[tuple[str, str] | None], Request]
    read: Callable[[str], str] = str.strip
    schema: DatabaseSchema | None = None
    target: str = ""
    evidence: str = ""
    vary: Callable[[Variant], Task] | None = None
    others: tuple[Other, ...] = ()


@dataclass(frozen=True)
class Watch:
    """What a caller wants to see while a strategy works; every hook is optional."""

    on_text: Callable[[str], None] | None = None
    on_retry: Callable[[str, str], None] | None = None
    """Called with (failed SQL, database error) before a repair."""


@runtime_checkable
class Strategy(Protocol):
    """A way to spend a model's time on one question.

    A strategy that takes settings has a class method `configured(settings)`, which is given what
    stands behind its name: ":8+link" of "vote:8+link"; it raises `UsageError` for what it does not
    know. `name` is then that of the strategy with its settings.
    """

    name: str

    def solve(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Answer `task`. Query errors end up in candidates; only backend errors are raised."""


# --------------------------------------------------------------------------- stages


@dataclass(frozen=True)
class Stage:
    """One step of a recipe: `run(config, inputs, out)` reads run folders and fills `out`.

    `run` returns counts and scores for the manifest. `config` is a pydantic model; its fields are
    the recipe's keys. `fingerprint` gives digests of what `run` reads besides `inputs` and the
    files that the settings name, such as a dataset: with other ones it is another run.

    `inputs` are a run of each stage in `needs`, or all their runs with `gathers`; behind them those
    of the stages in `uses` that fit (`fits(needed, folder)`). `distributed`: see `core.processes`.
    """

    name: str
    config: type[Any]
    run: Callable[[Any, tuple[Path, ...], Path], Mapping[str, Any]]
    needs: tuple[str, ...] = ()
    fingerprint: Callable[[Any, tuple[Path, ...]], Mapping[str, str]] | None = None
    uses: tuple[str, ...] = ()
    fits: Callable[[tuple[Path, ...], Path], bool] = lambda inputs, folder: True
    gathers: bool = False
    distributed: bool = False


# --------------------------------------------------------------------------- registry


@cache
def _group(kind: str) -> dict[str, EntryPoint]:
    if kind not in KINDS:
        raise UsageError(f"unknown plug point: {kind!r}; the plug points are {', '.join(KINDS)}")
    return {e.name: e for e in entry_points(group=f"sqlkiln.{kind}")}


def names(kind: str) -> tuple[str, ...]:
    """The names registered for `kind`, in alphabetical order; nothing is imported."""
    return tuple(sorted(_group(kind)))


def load(kind: str, name: str) -> Any:
    """Import and return what is registered under `name`.

    Raises:
        UsageError: if there is no such name.
        MissingDependency: if it needs a package that is not installed.
    """
    group = _group(kind)
    if name not in group:
        known = ", ".join(sorted(group)) or "none (is sqlkiln installed?)"
        close = get_close_matches(name, group, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"unknown {kind} entry: {name!r}; {hint}known are {known}")
    try:
        return group[name].load()
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"cannot load {name!r} of {kind}: no module named {error.name!r}; install the package "
            "that has it"
        ) from error


def open_strategy(spec: str) -> Strategy:
    """The strategy that `spec` names, with its settings if it has any: NAME[:...][+...].

    Raises:
        UsageError: if there is no such strategy, or it does not take these settings.
    """
    settings = spec.lstrip("abcdefghijklmnopqrstuvwxyz_-")
    name = spec.removesuffix(settings) if settings else spec
    kind = load("strategies", name)
    if not settings:
        strategy: Strategy = kind()
        return strategy
    if not hasattr(kind, "configured"):
        raise UsageError(f"strategy {name!r} takes no settings: {spec!r} has {settings!r}; drop it")
    configured: Strategy = kind.configured(settings)
    return configured


def open_database(path: Path | str, limits: Limits | None = None) -> Database:
    """Open `path` with the first registered database kind that accepts it.

    Raises:
        DatabaseUnreadable: if the path does not exist, or no kind accepts it.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DatabaseUnreadable(f"no such database: {path}; check the path")
    for name in sorted(_group("databases"), key=lambda n: (n != "sqlite", n)):
        kind = load("databases", name)
        if kind.accepts(path):
            database: Database = kind.open(path, limits or Limits())
            return database
    raise DatabaseUnreadable(
        f"not a database: {path} is none of SQLite, DuckDB, CSV, Parquet or a folder of CSV or "
        "Parquet files; give a path to one of these"
    )


def backend_for(spec: str) -> type[BackendKind] | None:
    """The first registered backend that accepts `spec`; None if none does."""
    for name in names("backends"):
        kind: type[BackendKind] = load("backends", name)
        if kind.accepts(spec):
            return kind
    return None


def require_backend(spec: str) -> type[BackendKind]:
    """The first registered backend that accepts `spec`.

    Raises:
        ModelNotFound: if none does.
    """
    kind = backend_for(spec)
    if kind is not None:
        return kind
    raise ModelNotFound(
        f"no such model: {spec!r} is neither in the catalogue (`sqlkiln models list`), nor the "
        "path of a GGUF file, nor an http(s) URL of an OpenAI-compatible server"
    )


def open_backend(spec: str, options: BackendOptions | None = None) -> Backend:
    """Open the model that `spec` names: a catalogue name, a GGUF path, or an http(s) base URL.

    Raises:
        ModelNotFound: if no registered backend accepts it.
    """
    return require_backend(spec).open(spec, options or BackendOptions())
