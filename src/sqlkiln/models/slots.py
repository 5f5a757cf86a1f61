"""Which slot of llama.cpp answers a request: one that has read with the same adapters.

What a slot keeps of a prompt was computed with the adapters that were on. llama.cpp forgets it when
another request comes to the slot with others, but what it has moved to memory from there it takes
for the same in any slot. So where adapters change from request to request, each request is sent to
a slot of its adapters, and llama.cpp moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

Weights = tuple[tuple[str, float], ...]
"""Adapters by name or path, and how strong each is."""


class Rooms:
    """`rooms` times `slots` slots: each mix of adapters has a room of `slots` to itself.

    A mix that comes when all rooms are taken shares the last one.
    """

    def __init__(self, slots: int, rooms: int) -> None:
        self._slots = slots
        self._rooms = rooms
        self._mixes: list[Weights] = []
        self._busy: set[int] = set()
        self._changed = Condition()

    @contextmanager
    def slot(self, weights: Weights) -> Iterator[int | None]:
        """A slot for a request with these adapters, kept until it is answered.

        None, for llama.cpp to choose one, as long as no other mix was ever asked for and none is
        expected.
        """
        mix = tuple((name, weight) for name, weight in weights if weight)
        with self._changed:
            if mix not in self._mixes:
                self._mixes.append(mix)
            free = len(self._mixes) == 1 and self._rooms == 1
            taken = None if free else self._take(min(self._mixes.index(mix), self._rooms - 1))
        try:
            yield taken
        finally:
            with self._changed:
                self._busy.discard(-1 if taken is None else taken)
                self._changed.notify_all()

    def _take(self, room: int) -> int:
        own = range(room * self._slots, (room + 1) * self._slots)
        while True:
            for slot in own:
                if slot not in self._busy:
                    self._busy.add(slot)
                    return slot
            self._changed.wait()
