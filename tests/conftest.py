"""What tests of several folders share."""

import tarfile
from pathlib import Path

import pytest

from sqlkiln.core import plugins

PLUGIN = Path(__file__).parent / "fixtures" / "plugin"


@pytest.fixture
def demo_plugin(monkeypatch):
    """An installed third-party plug-in with the stages 'draw' and 'total'; its folder."""
    monkeypatch.syspath_prepend(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    monkeypatch.setattr(plugins, "_cache", plugins._Cache())
    return PLUGIN


@pytest.fixture(scope="session")
def nano_model():
    """The file of the smallest model; fetched the first time."""
    from sqlkiln.models import catalog

    return catalog.resolve("smollm2-135m")


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Unpacks an archive of the data that lies beside the repository, once, and gives its folder.

    Skips the test where that data is absent.
    """
    done = {}

    def unpack(name):
        archive = Path(__file__).parents[2] / "shared" / "data" / f"{name}.tar.xz"
        if not archive.exists():
            pytest.skip(f"no {archive.name} in ../shared/data")
        if name not in done:
            done[name] = tmp_path_factory.mktemp(name)
            with tarfile.open(archive) as file:
                file.extractall(done[name], filter="data")
        return done[name]

    return unpack


@pytest.fixture(scope="session")
def spider_data(shared):
    """The Spider benchmark in its official layout, less the databases that are not there."""
    return shared("spider")


@pytest.fixture(scope="session")
def predictions_data(shared):
    """What published systems predicted on Spider dev: <system>.sql and <system>.rows.json."""
    return shared("predictions") / "predictions"


@pytest.fixture
def shop(tmp_path):
    """A small SQLite shop: 3 customers, 4 orders."""
    from sqlkiln.sql.database_build import create_sqlite

    path = tmp_path / "shop.sqlite"
    ddl = (
        "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT);"
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL,"
        " customer_id INTEGER REFERENCES customer(id));"
    )
    rows = {
        "customer": [(1, "Ann", "Oslo"), (2, "Bo", "Rome"), (3, "Cy", None)],
        "orders": [(1, 10.0, 1), (2, 5.5, 1), (3, 7.25, 2), (4, 1.0, 2)],
    }
    create_sqlite(path, ddl, rows)
    return path
