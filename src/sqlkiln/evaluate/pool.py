"""Runs jobs on a few threads, stops them together, and shows how far they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread

GRACE_S = 3.0

Job = Callable[[Event], None]
"""Called with an event that, once set, asks it to return as soon as it can."""


def run_jobs(jobs: Sequence[Job], workers: int) -> None:
    """Run the jobs in order, `workers` at a time; return when all are done.

    The first exception of a job, or Ctrl-C, stops the others and is raised. After Ctrl-C, jobs
    that have not returned within `GRACE_S` are left behind; they end with the process.
    """
    waiting: SimpleQueue[Job] = SimpleQueue()
    for job in jobs:
        waiting.put(job)
    stop = Event()
    ended: SimpleQueue[BaseException | None] = SimpleQueue()
    left = 0
    error: BaseException | None = None
    try:
        for _ in range(min(workers, len(jobs))):
            left += 1
            Thread(target=_work, args=(waiting, stop, ended), daemon=True).start()
        while left:
            # Waiting without a limit, the main thread might never hear of a Ctrl-C.
            with suppress(Empty):
                outcome = ended.get(timeout=0.2)
                error = error or outcome
                left -= 1
    except BaseException:
        stop.set()
        deadline = time.monotonic() + GRACE_S
        with suppress(Empty):
            for _ in range(left):
                ended.get(timeout=max(0.01, deadline - time.monotonic()))
        raise
    if error is not None:
        raise error


def _work(waiting: SimpleQueue[Job], stop: Event, ended: SimpleQueue[BaseException | None]) -> None:
    """Do jobs until none is left or `stop` is set; report the end, and the error if there is."""
    error: BaseException | None = None
    while error is None and not stop.is_set():
        try:
            job = waiting.get_nowait()
        except Empty:
            break
        try:
            job(stop)
        except BaseException as problem:
            error = problem
            stop.set()
    ended.put(error)


@contextmanager
def progress(title: str, total: int, done: int = 0) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr; call what it yields once per row. `done` rows were there before."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.1f}/s" if speed else "", style="dim")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, completed=done)
        yield lambda: bar.advance(task)
