import hashlib
import json
import os
import signal
import socket
import time

import pytest

from sqlkiln.models import download_http
from sqlkiln.models.download import Meter, part_path, state_path
from sqlkiln.models.download_http import fetch_url
from sqlkiln.models.sources import HubRepo, SourceFailed


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def get(tmp_path, server):
    """Fetches from the server as a source does; the file ends up in `part`."""

    def fetch(model, url=None):
        part = tmp_path / "tiny.gguf.part"
        meter = Meter(model.name, model.size_bytes, shown=False)
        digest = fetch_url(url or server.url + server.model_path, model, part, meter)
        assert sha256(part.read_bytes()) == digest
        return digest

    return fetch


def test_ranges_are_fetched_side_by_side(server, payload, make_model, get):
    server.files[server.model_path] = payload
    server.pace_s = 0.005
    assert get(make_model(payload)) == sha256(payload)
    asked = {wanted for _, wanted in server.requests}
    assert asked == {"bytes=0-0", "bytes=0-4499999", "bytes=4500000-8999999"}
    assert server.most_at_once >= 2  # the first request, of one byte, may still be open


def test_broken_connection_goes_on_where_it_broke(server, payload, make_model, get):
    server.files[server.model_path] = payload
    server.breaks = [2_000_000, 5_000_000]
    assert get(make_model(payload)) == sha256(payload)
    assert server.breaks == []
    assert server.sent < len(payload) + 10 * 2**16


def test_next_call_goes_on_after_the_server_gave_up(server, payload, make_model, get, monkeypatch):
    monkeypatch.setattr(download_http, "_BACKOFF_S", 0.01)
    server.files[server.model_path] = payload
    server.breaks = [3_000_000] * 20
    with pytest.raises(SourceFailed, match="RemoteProtocolError"):
        get(make_model(payload))
    server.breaks = []
    assert get(make_model(payload)) == sha256(payload)
    assert server.sent < len(payload) + 10 * 2**16


def test_killed_pull_is_resumed(hub, payload, make_model, start_pull, wait_until, tmp_path):
    hub.files[hub.model_path] = payload
    hub.pace_s = 0.03
    model = make_model(payload)
    target = tmp_path / "cache" / "models" / "tiny.gguf"
    process = start_pull(model)
    state = state_path(part_path(target))
    wait_until(state.exists)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not target.exists()
    noted = sum(done for _, _, done in json.loads(state.read_text())["ranges"])
    assert 0 < noted < len(payload)

    hub.pace_s, hub.requests = 0.0, []
    again = start_pull(model)
    out, err = again.communicate()
    assert (again.returncode, out.strip()) == (0, str(target))
    assert "going on from" in err
    assert target.read_bytes() == payload
    edges = [wanted.removeprefix("bytes=").split("-") for _, wanted in hub.requests[1:]]
    assert sum(int(last) + 1 - int(first) for first, last in edges) == len(payload) - noted
    assert sorted(p.name for p in target.parent.iterdir()) == ["tiny.gguf", "tiny.gguf.verified"]


def test_interrupted_pull_ends_with_130_and_can_be_resumed(
    hub, payload, make_model, start_pull, wait_until, tmp_path
):
    hub.files[hub.model_path] = payload
    hub.pace_s = 0.03
    process = start_pull(make_model(payload))
    wait_until(lambda: hub.sent > 1_000_000)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err
    state = state_path(part_path(tmp_path / "cache" / "models" / "tiny.gguf"))
    assert sum(done for _, _, done in json.loads(state.read_text())["ranges"]) > 500_000


def test_server_without_ranges_is_read_in_one_go(server, payload, make_model, get):
    server.files[server.model_path] = payload
    server.ranges = False
    assert get(make_model(payload)) == sha256(payload)
    assert [wanted for _, wanted in server.requests] == ["bytes=0-0", None]


def test_server_without_ranges_starts_again_after_a_break(server, payload, make_model, get):
    server.files[server.model_path] = payload
    server.ranges = False
    server.breaks = [8_900_000]
    assert get(make_model(payload)) == sha256(payload)
    assert [wanted for _, wanted in server.requests].count(None) == 2


def test_redirects_are_followed(server, payload, make_model, get):
    server.files["/elsewhere"] = payload
    server.redirects[server.model_path] = "/elsewhere"
    assert get(make_model(payload)) == sha256(payload)


def test_notes_of_another_file_are_not_believed(server, payload, make_model, get, tmp_path):
    server.files[server.model_path] = payload
    part = tmp_path / "tiny.gguf.part"
    part.write_bytes(bytes(len(payload)))
    whole = {"sha256": sha256(b"older"), "ranges": [[0, len(payload), len(payload)]]}
    state_path(part).write_text(json.dumps(whole))
    assert get(make_model(payload)) == sha256(payload)


@pytest.mark.parametrize("note", ["", "[]", '{"sha256": "x"}', '{"ranges": [[1]], "sha256": "x"}'])
def test_damaged_notes_are_not_believed(server, make_model, get, tmp_path, note):
    data = b"small enough for one range"
    server.files[server.model_path] = data
    part = tmp_path / "tiny.gguf.part"
    part.write_bytes(data[::-1])
    state_path(part).write_text(note)
    assert get(make_model(data)) == sha256(data)


def test_missing_file_is_named_by_its_status(server, payload, make_model, get):
    with pytest.raises(SourceFailed, match="HTTP 404 Not Found"):
        get(make_model(payload))


def test_file_of_another_size_is_refused_unread(server, payload, make_model, get, wait_until):
    server.files[server.model_path] = payload + b"!"
    with pytest.raises(SourceFailed, match="has 9,000,001 bytes, not 9,000,000"):
        get(make_model(payload))
    wait_until(lambda: server.sent == 1)


def test_unreachable_server_fails_fast(payload, make_model, get):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/x"
        clock = time.monotonic()
        with pytest.raises(SourceFailed, match="cannot be reached"):
            get(make_model(payload), url)
    assert time.monotonic() - clock < 3.5


def test_unknown_host_fails_fast(payload, make_model, get):
    with pytest.raises(SourceFailed, match="cannot be reached"):
        get(make_model(payload), "http://no-such-host.invalid/x")


def test_silent_server_is_given_up(server, payload, make_model, get, monkeypatch):
    monkeypatch.setattr(download_http, "_PROBE_S", 0.3)
    server.silent = True
    with pytest.raises(SourceFailed, match="no answer within"):
        get(make_model(payload))


@pytest.mark.parametrize("url", ["nonsense", "http://[", "ftp://127.0.0.1/x"])
def test_nonsense_endpoint_is_a_failed_source(payload, make_model, get, url):
    with pytest.raises(SourceFailed):
        get(make_model(payload), url)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("ALL_PROXY", "nonsense://x"), ("SSL_CERT_FILE", "/no/such/file")],
)
def test_unusable_network_settings_are_a_failed_source(
    payload, make_model, get, monkeypatch, setting, value
):
    monkeypatch.setenv(setting, value)
    with pytest.raises(SourceFailed, match="settings of the environment cannot be used"):
        get(make_model(payload))


def test_endpoint_comes_from_the_environment(make_model, monkeypatch):
    source, model = HubRepo("maker/tiny"), make_model(b"x")
    for name in ("SQLKILN_HF_ENDPOINT", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    path = "maker/tiny/resolve/main/Tiny.Q8.gguf"
    assert source.label(model) == f"https://huggingface.co/{path}"
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert source.label(model) == f"https://mirror.example/{path}"
    monkeypatch.setenv("SQLKILN_HF_ENDPOINT", "https://nearer.example")
    assert source.label(model) == f"https://nearer.example/{path}"


def test_full_disk_keeps_what_has_come(hub, payload, make_model, start_pull, tmp_path):
    hub.files[hub.model_path] = payload
    process = start_pull(make_model(payload), file_limit_bytes=5_000_000)
    _, err = process.communicate()
    assert process.returncode == 3
    assert "no room" in err
    assert "set SQLKILN_CACHE_DIR to a folder on another disk" in err
    assert not os.path.exists(tmp_path / "cache" / "models" / "tiny.gguf")
