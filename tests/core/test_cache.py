from pathlib import Path

from sqlkiln.core.cache import cache_folder


def test_the_environment_says_where_the_cache_is(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path))
    assert cache_folder("models") == tmp_path / "models"
    monkeypatch.setenv("SQLKILN_CACHE_DIR", "~/elsewhere")
    assert cache_folder("models") == Path.home() / "elsewhere" / "models"


def test_otherwise_it_is_the_users(tmp_path, monkeypatch):
    monkeypatch.delenv("SQLKILN_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cache_folder("models")
    assert folder.name == "models"
    assert "sqlkiln" in folder.parts
    assert not folder.exists()
