import os
import signal
import threading
import time

import pytest

from sqlkiln.evaluate import pool
from sqlkiln.evaluate.pool import progress, run_jobs


def test_all_jobs_run_a_few_at_a_time():
    running, most, done = set(), [], []

    def job(number):
        def work(stop):
            running.add(number)
            most.append(len(running))
            time.sleep(0.02)
            running.discard(number)
            done.append(number)

        return work

    run_jobs([job(n) for n in range(9)], workers=3)
    assert sorted(done) == list(range(9))
    assert max(most) == 3


def test_no_jobs_are_done_at_once():
    run_jobs([], workers=2)


def test_the_first_error_stops_the_others_and_is_raised():
    seen = []

    def fails(stop):
        time.sleep(0.05)
        raise ValueError("broken")

    def waits(stop):
        seen.append(stop.wait(5))

    with pytest.raises(ValueError, match="broken"):
        run_jobs([waits, fails, waits], workers=2)
    assert seen == [True]


@pytest.mark.parametrize("obedient", [True, False])
def test_ctrl_c_stops_the_jobs(monkeypatch, obedient):
    monkeypatch.setattr(pool, "GRACE_S", 0.2)
    stopped, begun, end = threading.Event(), threading.Event(), threading.Event()

    def job(stop):
        begun.set()
        (stop if obedient else end).wait(5)
        stopped.set()

    def interrupt():
        begun.wait(5)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_jobs([job, job], workers=1)
    assert time.monotonic() - start < 2
    assert stopped.is_set() is obedient
    end.set()


def test_progress_goes_to_stderr(capsys):
    with progress("count", total=3, done=1) as advance:
        advance()
    out, err = capsys.readouterr()
    assert out == ""
    assert "count" in err
    assert "2/3" in err
