import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Where databases are built; tests of this folder leave the user's cache alone."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(folder))
    return folder
