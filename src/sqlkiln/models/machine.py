"""What this machine offers to a model: processor cores and memory."""

from __future__ import annotations

import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_CGROUP = Path("/sys/fs/cgroup")
_MEMORY = Path("/proc/meminfo")


def core_count(cpus: Path = _CPUS, cgroup: Path = _CGROUP) -> int:
    """Processor cores that this process may use; two threads of one core count once.

    A container's share of the processor is heeded. Where Linux does not tell, half the logical
    processors are taken to be cores of full speed, but at least two if there are two.
    """
    if not hasattr(os, "sched_getaffinity"):
        logical = os.cpu_count() or 1
        return max(logical // 2, min(logical, 2))
    allowed = os.sched_getaffinity(0)
    siblings = {_text(cpus / f"cpu{n}/topology/thread_siblings_list") or str(n) for n in allowed}
    quota, _, period = _text(cgroup / "cpu.max").partition(" ")
    share = int(quota) // int(period) if quota.isdigit() and period.isdigit() else len(allowed)
    return max(1, min(len(siblings), share))


def free_memory_bytes(meminfo: Path = _MEMORY, cgroup: Path = _CGROUP) -> int | None:
    """Memory that can be taken without swapping; None where the system does not tell.

    Of a container's limit, what is in use there is gone, but for files that are held in memory
    for a while and not read of late.
    """
    lines = (line.split() for line in _text(meminfo).splitlines())
    free = next((int(kib) * 1024 for name, kib, *_ in lines if name == "MemAvailable:"), None)
    limit, used = _text(cgroup / "memory.max"), _text(cgroup / "memory.current")
    if free is None or not limit.isdigit():
        return free
    told = (line.partition(" ") for line in _text(cgroup / "memory.stat").splitlines())
    idle = next((int(size) for name, _, size in told if name == "inactive_file"), 0)
    taken = max(0, int(used) - idle) if used.isdigit() else 0
    return min(free, max(0, int(limit) - taken))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
