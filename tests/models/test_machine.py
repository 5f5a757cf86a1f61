import os

import pytest

from sqlkiln.models.machine import core_count, free_memory_bytes

linux_only = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only on Linux")


@pytest.fixture
def pretended(tmp_path):
    """Writes files of the kind that Linux shows under /sys and /proc."""

    def write(**texts):
        for name, text in texts.items():
            path = tmp_path / name.replace("__", "/").replace("_of_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


@linux_only
def test_threads_of_one_core_count_once(pretended):
    allowed = sorted(os.sched_getaffinity(0))
    one = {f"cpu{n}__topology__thread_siblings_list": "0-9\n" for n in allowed}
    assert core_count(pretended(**one), pretended()) == 1


@linux_only
def test_the_share_of_a_container_is_heeded(pretended, tmp_path):
    allowed = len(os.sched_getaffinity(0))
    nothing = tmp_path / "nothing"
    assert core_count(nothing, nothing) == allowed
    assert core_count(nothing, pretended(cpu_of_max="max 100000\n")) == allowed
    assert core_count(nothing, pretended(cpu_of_max="150000 100000\n")) == 1
    assert core_count(nothing, pretended(cpu_of_max="50000 100000\n")) == 1


def test_free_memory_is_what_system_and_container_leave(pretended, tmp_path):
    meminfo = pretended(meminfo="MemTotal: 9 kB\nMemAvailable:   2048 kB\n") / "meminfo"
    nothing = tmp_path / "nothing"
    assert free_memory_bytes(nothing, nothing) is None
    assert free_memory_bytes(meminfo, nothing) == 2048 * 1024
    assert free_memory_bytes(meminfo, pretended(memory_of_max="max\n")) == 2048 * 1024
    assert free_memory_bytes(meminfo, pretended(memory_of_max="1000\n")) == 1000
    used = {"memory_of_max": "1000\n", "memory_of_current": "700\n"}
    assert free_memory_bytes(meminfo, pretended(**used)) == 300
    stat = "anon 500\ninactive_file 200\nactive_file 0\n"
    assert free_memory_bytes(meminfo, pretended(**used, memory_of_stat=stat)) == 500
    used["memory_of_current"] = "2000\n"
    assert free_memory_bytes(meminfo, pretended(**used, memory_of_stat="")) == 0


def test_this_machine():
    assert 1 <= core_count() <= os.cpu_count()
    free = free_memory_bytes()
    assert free is None or free > 2**20
