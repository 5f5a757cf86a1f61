"""What a strategy can do that does without running what it writes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sqlkiln.core.plugins import Backend, Database, Solution, Task, Watch


@runtime_checkable
class Writes(Protocol):
    """A strategy that can do without running what it writes."""

    name: str

    def write(self, task: Task, backend: Backend, database: Database, watch: Watch) -> Solution:
        """Answer `task`, and run nothing.

        Raises:
            UsageError: if a switch that is on waits for what is run.
        """
