"""Another model beside the one that answers, to be asked where that may be wrong.

It is a backend like any other, opened when it is first asked: many questions never get to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock

from sqlkiln.core import adapters, plugins
from sqlkiln.core.errors import BackendError, UsageError
from sqlkiln.core.plugins import Backend, BackendOptions, Completion, Other, Request, Variant
from sqlkiln.prompt.serialize import DEFAULT_STYLE
from sqlkiln.prompt.targets import DEFAULT_TARGET


class Beside:
    """A model with the adapters that it is used with by default; `adapters` tells them."""

    def __init__(
        self,
        model: str,
        options: BackendOptions | None = None,
        open_backend: Callable[[str, BackendOptions], Backend] | None = None,
    ) -> None:
        """Find the model's adapters; nothing is loaded.

        Raises:
            ModelNotFound: if no backend accepts `model`.
        """
        plugins.require_backend(model)
        options = options or BackendOptions()
        self.model, self.slots = model, options.slots
        self.adapters = adapters.choose(model, None)
        self._options = replace(options, adapters=adapters.options(self.adapters))
        self._open_backend = open_backend
        self._opening = Lock()
        self._backend: Backend | None = None
        self._closed = False

    @property
    def others(self) -> tuple[Other, ...]:
        """Who of this model may be asked, and how: its own adapter first."""
        own = Variant(
            target=adapters.wanted(self.adapters, "target", None, DEFAULT_TARGET),
            style=adapters.wanted(self.adapters, "schema_style", None, DEFAULT_STYLE),
            adapters=(),
        )
        beside = (replace(one, backend=self) for one in adapters.opinions(self.adapters))
        return (Other(self.model, own, self), *beside)

    def generate(
        self, request: Request, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        """Answer `request`, opening the model if need be.

        Raises:
            ModelNotFound: if the model cannot be fetched.
            BackendError: if it does not load, or cannot answer.
        """
        with self._opening:
            if self._closed:
                raise BackendError(f"the model is closed: {self.model}; open it again")
            if self._backend is None:
                opened = self._open_backend or plugins.open_backend
                self._backend = opened(self.model, self._options)
                if self._closed:  # meanwhile, by another thread
                    self._backend.close()
            backend = self._backend
        return backend.generate(request, on_text)

    def close(self) -> None:
        """Free the model; one that is just being loaded is freed once it is."""
        self._closed = True
        if self._opening.acquire(blocking=False):
            if self._backend is not None:
                self._backend.close()
            self._opening.release()


def all_others(own: Sequence[Other], beside: Beside | None) -> tuple[Other, ...]:
    """Whom to ask, those first who differ most: the other model, then adapters of both."""
    if beside is None:
        return tuple(own)
    first, *more = beside.others
    return (first, *own, *more)


def require_asked(beside: str | None, model: str, strategy: str) -> None:
    """Refuse a model `beside` that would never be asked.

    Raises:
        UsageError: if the strategy asks nobody else, or it is the model that answers.
    """
    if beside is None:
        return
    if beside == model:
        raise UsageError(f"{model} is not beside itself: name another model, or leave it out")
    if "+second" not in strategy:
        raise UsageError(
            f"{beside} would never be asked: the strategy {strategy} asks nobody else; add "
            "+second, or leave the model beside it out"
        )
