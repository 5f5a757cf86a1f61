"""`sqlkiln data dates`: questions about the dates in databases, with the SQL that answers them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from sqlkiln.core.errors import DataError, UsageError


def register(data: typer.Typer) -> None:
    """Add `dates` to the commands of `data`."""
    data.command()(dates)


def dates(
    out: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="The file to write.")],
    databases: Annotated[
        list[Path] | None, typer.Argument(metavar="[DATABASE]...", help="Databases to ask about.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Take the databases of this dataset's questions too.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The folder that the dataset lies in.")] = None,
    split: Annotated[str, typer.Option(help="Which part of the dataset.")] = "train",
    count: Annotated[int, typer.Option(min=1, help="Questions a database, at most.")] = 18,
    seed: Annotated[int, typer.Option(help="Another seed makes other questions.")] = 0,
) -> None:
    """Make questions about dates, with gold SQL, to train on: how many a month, in 2014, since May.

    Of Spider none needs a function of dates. The file is for `data prepare`, as a source of the
    dataset jsonl. Databases without dates add nothing.
    """
    import json

    from sqlkiln.core import plugins
    from sqlkiln.core.files import write_atomic
    from sqlkiln.core.plugins import Limits
    from sqlkiln.data.date_questions import date_questions

    lines, asked, without = [], 0, 0
    for db_id, path in _places(databases or [], dataset, data, split):
        database = plugins.open_database(path, Limits())
        try:
            made = date_questions(database, database.schema(), count, seed)
        finally:
            database.close()
        asked, without = asked + bool(made), without + (not made)
        for number, one in enumerate(made):
            row = {
                "id": f"dates-{db_id}-{number}",
                "db_id": db_id,
                "question": one.question,
                "gold_sql": one.sql,
                "database": str(path.resolve()),
                "kind": one.kind,
            }
            lines.append(json.dumps(row, ensure_ascii=False))
    if not lines:
        raise DataError(
            f"no dates: none of {without} databases has a column of them; choose others"
        )
    write_atomic(out, "".join(f"{line}\n" for line in lines).encode())
    typer.echo(f"{out}: {len(lines)} questions over {asked} databases; {without} have no dates")


def _places(
    databases: list[Path], dataset: str | None, data: Path | None, split: str
) -> Iterator[tuple[str, Path]]:
    """The databases to ask about, each once, by their names."""
    from sqlkiln.core import plugins
    from sqlkiln.core.plugins import DatasetOptions

    if not databases and dataset is None:
        raise UsageError("no databases given; name some, or a dataset with --dataset and --data")
    places = [(path.stem, path) for path in databases]
    if dataset is not None:
        opened = plugins.load("datasets", dataset).open(DatasetOptions(data, None, split))
        names = sorted({example.db_id for example in opened.examples()})
        places += [(n, path) for n in names if (path := opened.database_path(n)) is not None]
    found: dict[str, Path] = {}
    for name, path in places:
        if found.setdefault(name, path).resolve() != path.resolve():
            raise UsageError(
                f"two databases are called {name}: {found[name]} and {path}; ask apart"
            )
    yield from found.items()
