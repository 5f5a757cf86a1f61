"""When a model repeats itself: it would go on so up to its token limit, and never to an answer.

Backends that see an answer come in end it there, with 'loop' as its finish.
"""

from __future__ import annotations

REPEATS = 4
LONGEST = 400
"""Characters of the longest unit that is looked for."""
SHORTEST_LOOP = 160
"""Characters that the repeats must fill together, more than any padding or list of NULLs."""


def is_looping(text: str) -> bool:
    """Whether `text` ends in the same unit, at least `REPEATS` times and `SHORTEST_LOOP` long.

    The units need not begin where a statement or a line does: any period of the tail counts.
    """
    if len(text) < SHORTEST_LOOP:
        return False
    longest = min(LONGEST, len(text) // REPEATS)
    return any(_repeats(text, period) for period in range(1, longest + 1))


def _repeats(text: str, period: int) -> bool:
    """Whether the tail of `text` has this period."""
    if text[-1] != text[-1 - period]:
        return False
    tail = text[-max(SHORTEST_LOOP, REPEATS * period) :]
    return tail.endswith(tail[:-period])
