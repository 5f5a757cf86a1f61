import hashlib
import json

import pytest
import typer
from typer.testing import CliRunner

from sqlkiln.cli.models import register
from sqlkiln.core.errors import ModelNotFound, UsageError
from sqlkiln.models import catalog
from sqlkiln.models.sources import Model

DATA = b"GGUF or so"


class Shelf:
    room_factor = 1

    def label(self, model):
        return "a shelf"

    def fetch(self, model, part, meter):
        part.write_bytes(DATA)
        return hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and a catalogue of the model 'tiny' and the default one."""
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SQLKILN_MODEL_DIR", raising=False)
    digest = hashlib.sha256(DATA).hexdigest()
    tiny = Model("tiny", "made up", "MIT", "Tiny.gguf", digest, len(DATA), (Shelf(),))
    for name in ("smollm2-135m", "qwen2.5-coder-1.5b"):
        monkeypatch.delitem(catalog.MODELS, name)
    monkeypatch.setitem(catalog.MODELS, "tiny", tiny)
    return tmp_path / "cache" / "models"


@pytest.fixture
def run(cache):
    """Runs `sqlkiln models ...`; errors of ours are raised."""
    app = typer.Typer()
    register(app)
    app.callback()(lambda: None)

    def invoke(*arguments, answer=None):
        result = CliRunner().invoke(app, ["models", *arguments], input=answer)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def test_list_shows_sizes_places_and_the_default(run, cache):
    run("pull", "tiny")
    default, tiny = run("list").stdout.splitlines()
    assert default.startswith("* qwen2.5-coder-0.5b   491 MB  Qwen2.5 Coder 0.5B")
    assert default.endswith("  not here")
    assert tiny.startswith("  tiny                   0 kB  made up ")
    assert tiny.endswith(str(cache / "tiny.gguf"))


def test_list_as_json(run, cache):
    run("pull", "tiny")
    default, tiny = json.loads(run("list", "--json").stdout)
    assert (default["name"], default["default"]) == ("qwen2.5-coder-0.5b", True)
    assert (default["present"], default["path"]) == (False, None)
    assert tiny == {
        "name": "tiny",
        "title": "made up",
        "size_bytes": 10,
        "present": True,
        "path": str(cache / "tiny.gguf"),
        "default": False,
        "licence": "MIT",
        "sha256": hashlib.sha256(DATA).hexdigest(),
    }


def test_pull_prints_the_path_and_reports_on_stderr(run, cache):
    result = run("pull", "tiny")
    assert result.stdout == f"{cache / 'tiny.gguf'}\n"
    assert "tiny: fetching 0 kB from a shelf" in result.stderr


def test_pull_all(run, cache, monkeypatch):
    monkeypatch.delitem(catalog.MODELS, "qwen2.5-coder-0.5b")
    assert run("pull", "--all").stdout == f"{cache / 'tiny.gguf'}\n"


@pytest.mark.parametrize("arguments", [(), ("tiny", "--all")])
def test_pull_needs_names_or_all(run, arguments):
    with pytest.raises(UsageError, match="which model"):
        run("pull", *arguments)


def test_pull_knows_all_names_before_it_fetches_any(run, cache):
    with pytest.raises(ModelNotFound, match="did you mean 'tiny'"):
        run("pull", "tiny", "tinny")
    assert not cache.exists()


def test_verify_tells_sound_from_damaged(run, cache):
    run("pull", "tiny")
    result = run("verify")
    assert (result.exit_code, result.stdout) == (0, f"tiny: sound: {cache / 'tiny.gguf'}\n")
    (cache / "tiny.gguf").write_bytes(DATA[::-1])
    result = run("verify", "tiny")
    assert result.exit_code == 1
    assert "tiny: model file damaged" in result.stdout
    assert "`sqlkiln models pull tiny` fetches it again" in result.stdout


def test_verify_with_nothing_here_says_so(run):
    result = run("verify")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no model is on this machine" in result.stderr
    with pytest.raises(ModelNotFound, match="not on this machine: tiny"):
        run("verify", "tiny")


def test_path_prints_but_does_not_fetch(run, cache):
    with pytest.raises(ModelNotFound, match="`sqlkiln models pull tiny` fetches it"):
        run("path", "tiny")
    run("pull", "tiny")
    assert run("path", "tiny").stdout == f"{cache / 'tiny.gguf'}\n"


def test_rm_asks_first(run, cache):
    run("pull", "tiny")
    assert run("rm", "tiny", answer="n\n").exit_code == 1
    assert (cache / "tiny.gguf").exists()
    assert run("rm", "tiny", answer="y\n").exit_code == 0
    assert not (cache / "tiny.gguf").exists()


def test_rm_without_asking(run, cache):
    run("pull", "tiny")
    result = run("rm", "tiny", "--yes")
    assert "removed" in result.stderr
    assert list(cache.iterdir()) == []
