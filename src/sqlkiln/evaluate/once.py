"""A model that is asked the same only once, however many strategies put it to it.

Strategies differ in what they do with answers more than in what they ask: most of their requests
are the same, and so are the answers to those. What is known is given again, and `spared_s` counts
the seconds that it took when it was made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlkiln.core.plugins import Backend, Completion, Request


class Once:
    """A backend before another one; what it knows is of the question at hand (`forget`)."""

    def __init__(self, backend: Backend) -> None:
        self.model, self.slots = backend.model, backend.slots
        self.spared_s = 0.0
        self._backend = backend
        self._known: dict[Request, Completion] = {}

    def generate(
        self, request: Request, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        """What is known, or else what the model answers.

        Log-probabilities are no part of an answer's text: an answer that came with them is also one
        to the same request without.

        Raises:
            BackendError: if the model cannot answer; that is not remembered.
        """
        plain = replace(request, logprobs=0)
        known = self._known.get(request) or self._known.get(plain)
        if known is None or (request.logprobs and not known.logprobs):
            made = self._backend.generate(request, on_text)
            self._known[request] = self._known[plain] = made
            return made
        self.spared_s += known.seconds
        if on_text is not None:
            on_text(known.text)
        return known if request.logprobs else replace(known, logprobs=())

    def forget(self) -> None:
        """Know nothing any more: the next question is another one."""
        self._known.clear()
        self.spared_s = 0.0

    def close(self) -> None:
        """Free the model."""
        self._backend.close()
