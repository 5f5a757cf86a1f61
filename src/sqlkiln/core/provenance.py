"""Where a result came from: the code, the library versions, the machine, the memory it took."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
_CPUINFO = Path("/proc/cpuinfo")
VERSIONED = ("sqlkiln", "sqlglot", "xllamacpp", "duckdb")


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that results depend on, where installed."""
    found = {"python": platform.python_version()}
    for package in VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_commit(package: Path = PACKAGE) -> str | None:
    """The commit of the sqlkiln checkout that `package` runs from, '-dirty' if edited since.

    None for an installed package: the user's own repository, which may well enclose the
    environment that sqlkiln is installed in, is never asked.
    """
    root = package.parent.parent
    git = shutil.which("git")
    if git is None or package.parent.name != "src" or not (root / ".git").exists():
        return None
    describe = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
        [git, "-C", str(root), *describe],
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    )
    return done.stdout.strip() or None


def machine(cpuinfo: Path = _CPUINFO) -> dict[str, str | int]:
    """What the program runs on: the system, the processor, the cores it may use, the memory.

    A key is left out where the system does not tell.
    """
    found: dict[str, str | int] = {"system": f"{platform.system()} {platform.machine()}"}
    named = cpuinfo.read_text(errors="replace") if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", named, re.MULTILINE)
    cpu = model[1].strip() if model else platform.processor()
    if cpu:
        found["processor"] = cpu
    affinity = getattr(os, "sched_getaffinity", None)
    found["cores"] = len(affinity(0)) if affinity else os.cpu_count() or 1
    if hasattr(os, "sysconf"):
        found["memory_bytes"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return found


def peak_memory_bytes() -> int | None:
    """The most memory that this process, or any one of its ended children, held at once.

    Not their sum: on Linux a child's figure begins at what its parent held when it started it.
    None where the system does not tell (Windows).
    """
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    whom = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in whom) * unit
