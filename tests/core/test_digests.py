import hashlib
import json
import os
import time

import pytest

from sqlkiln.core import digests
from sqlkiln.core.digests import file_digests


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "digests" / "files.json"


@pytest.fixture
def read(monkeypatch):
    """The files that were really read."""
    paths = []

    def sha256_file(path):
        paths.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(digests, "sha256_file", sha256_file)
    return paths


@pytest.fixture
def settled(tmp_path, monkeypatch):
    """A file that has not been touched for a while."""
    monkeypatch.setattr(digests, "SETTLED_S", 0.05)
    path = tmp_path / "shop.sqlite"
    path.write_bytes(b"one")
    time.sleep(0.1)
    return path


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_a_file_is_read_once(cache, settled, read):
    assert file_digests([settled]) == {settled: sha256(b"one")}
    assert file_digests([settled]) == {settled: sha256(b"one")}
    assert read == ["shop.sqlite"]


def test_a_changed_file_is_read_again_even_with_its_old_size_and_time(cache, settled, read):
    before = settled.stat()
    file_digests([settled])
    settled.write_bytes(b"two")
    os.utime(settled, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_digests([settled]) == {settled: sha256(b"two")}
    assert len(read) == 2


def test_a_file_changed_a_moment_ago_is_not_remembered(cache, tmp_path, read):
    path = tmp_path / "hot.sqlite"
    path.write_bytes(b"hot")
    assert file_digests([path]) == file_digests([path]) == {path: sha256(b"hot")}
    assert len(read) == 2
    assert not cache.exists()


@pytest.mark.parametrize("damage", [b"{half", b"[1]", b'{"x": 3}', b"\xff"])
def test_a_damaged_cache_is_only_slow(cache, settled, damage):
    cache.parent.mkdir(parents=True)
    cache.write_bytes(damage)
    assert file_digests([settled]) == {settled: sha256(b"one")}
    assert str(settled) in json.loads(cache.read_text())


def test_a_cache_that_cannot_be_written_is_only_slow(cache, settled):
    cache.parent.parent.write_text("in the way")
    assert file_digests([settled]) == {settled: sha256(b"one")}


def test_the_cache_is_bounded(cache, settled, tmp_path, monkeypatch):
    monkeypatch.setattr(digests, "KEPT", 2)
    others = [tmp_path / f"{n}.sqlite" for n in range(3)]
    for path in others:
        path.write_bytes(b"x")
    time.sleep(0.1)
    for path in (settled, *others):
        file_digests([path])
    assert list(json.loads(cache.read_text())) == [str(path) for path in others[1:]]


def test_a_file_that_is_not_there_has_no_digest(cache, tmp_path):
    path = tmp_path / "gone.sqlite"
    assert file_digests([path]) == {path: "unreadable"}
