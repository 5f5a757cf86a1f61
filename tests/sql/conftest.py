import pytest

from sqlkiln.core import plugins
from sqlkiln.sql.database_build import create_sqlite


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Builds SQLite databases and opens them; they are closed when the module is done."""
    opened = []

    def build(name, ddl, rows):
        path = tmp_path_factory.mktemp(name) / f"{name}.sqlite"
        create_sqlite(path, ddl, rows)
        opened.append(plugins.open_database(path))
        return opened[-1]

    yield build
    for database in opened:
        database.close()
