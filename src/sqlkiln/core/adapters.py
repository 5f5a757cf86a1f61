"""Which adapters a model answers with, and how they want to be prompted.

What is asked for is a list of texts `NAME_OR_PATH[:WEIGHT]`. `none` alone stands for the weights of
the base as they are; without a list, the adapter counts that is shipped for the base, if there is
one. Files and cards are known to the backend that serves the model (`FindsAdapters`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Protocol, runtime_checkable

from sqlkiln.core import plugins
from sqlkiln.core.errors import UsageError

NONE = "none"
"""Asks for the weights of the base."""


@dataclass(frozen=True)
class Adapter:
    """An adapter in use: `name` as asked for, and where it was found, the `path` of its file.

    `target` and `schema_style` are those it was trained with; None if it has no card. One that is
    `merged` is part of the model: it is there to tell how to prompt. `others` are adapters of the
    same base that may be asked for another opinion, those that are `about` something only of that.
    """

    name: str
    weight: float = 1.0
    path: Path | None = None
    target: str | None = None
    schema_style: str | None = None
    merged: bool = False
    about: str = ""
    others: tuple[Adapter, ...] = ()

    @property
    def title(self) -> str:
        """What people call it, wherever its file lies."""
        return self.path.stem if self.path else self.name


@runtime_checkable
class FindsAdapters(Protocol):
    """What the class of a backend may offer besides: adapters that it finds by name."""

    @classmethod
    def find_adapter(cls, model: str, name: str) -> Adapter:
        """The adapter of this name or path, for `model`.

        Raises:
            ModelNotFound: if there is none.
            UsageError: if it is one of another model.
        """

    @classmethod
    def default_adapter(cls, model: str) -> str | None:
        """The name of the adapter that `model` is used with if nothing is said."""

    @classmethod
    def merged_adapter(cls, model: str) -> Adapter | None:
        """What is merged into `model`, as far as its file tells."""


def parse(text: str) -> tuple[str, float]:
    """Split `NAME_OR_PATH[:WEIGHT]`.

    Raises:
        UsageError: if nothing stands before the weight, or that is no finite number.
    """
    name, colon, weight = text.rpartition(":")
    if colon:
        try:
            parsed = float(weight)
        except ValueError:
            return text, 1.0
        if not name:
            raise UsageError(f"no adapter in {text!r}; write NAME_OR_PATH or NAME_OR_PATH:WEIGHT")
        if not isfinite(parsed):
            raise UsageError(f"wrong weight of an adapter: {text!r}; write a number such as 0.5")
        return name, parsed
    return text, 1.0


def choose(model: str, asked: Sequence[str] | None) -> tuple[Adapter, ...]:
    """The adapters that `model` answers with, given what was asked for.

    Raises:
        UsageError: if 'none' is not alone, or an adapter is one of another model.
        ModelNotFound: if there is no such adapter.
    """
    kind = plugins.backend_for(model)
    finder = kind if isinstance(kind, FindsAdapters) else None
    merged = finder.merged_adapter(model) if finder else None
    if merged is not None:
        return (merged, *_beside(model, asked or [], finder))
    return _beside(model, asked, finder)


def beside(adapters: Iterable[Adapter]) -> tuple[Adapter, ...]:
    """Those that are not part of the model."""
    return tuple(adapter for adapter in adapters if not adapter.merged)


def _beside(
    model: str, asked: Sequence[str] | None, finder: FindsAdapters | None
) -> tuple[Adapter, ...]:
    if asked is None:
        default = finder.default_adapter(model) if finder else None
        asked = [] if default is None else [default]
    if NONE in asked:
        if len(asked) > 1:
            raise UsageError(
                f"adapter {NONE!r} goes with no other: found {', '.join(asked)}; give it alone"
            )
        return ()
    named = [parse(text) for text in asked]
    if finder is None:
        return tuple(Adapter(name, weight) for name, weight in named)
    found = [(finder.find_adapter(model, name), weight) for name, weight in named]
    return tuple(replace(one, weight=weight) for one, weight in found)


def options(adapters: Iterable[Adapter]) -> tuple[tuple[str, float], ...]:
    """The adapters as `BackendOptions` takes them; those for other opinions are loaded, and off."""
    used = tuple(adapters)
    off = tuple((_spec(one), 0.0) for one in others_of(used))
    return (*((_spec(one), one.weight) for one in beside(used)), *off)


def opinions(adapters: Iterable[Adapter]) -> tuple[plugins.Other, ...]:
    """How a question is put to the adapters that are there for other opinions."""
    return tuple(
        plugins.Other(
            one.title,
            plugins.Variant(
                target=one.target, style=one.schema_style, adapters=((_spec(one), 1.0),)
            ),
            about=one.about,
        )
        for one in others_of(tuple(adapters))
    )


def others_of(adapters: Sequence[Adapter]) -> tuple[Adapter, ...]:
    """The adapters that may give another opinion beside the one in use.

    Where several are blended, none was made for the blend.
    """
    alone = len(adapters) == 1 and adapters[0].weight == 1.0
    return adapters[0].others if alone else ()


def _spec(adapter: Adapter) -> str:
    return str(adapter.path or adapter.name)


def shown(adapters: Iterable[Adapter]) -> str | None:
    """The adapters as answers and predictions name them: 'one+other:0.5'; None without any."""
    named = (a.title if a.weight == 1.0 else f"{a.title}:{a.weight:g}" for a in beside(adapters))
    return "+".join(named) or None


def wanted(adapters: Iterable[Adapter], key: str, given: str | None, default: str) -> str:
    """What `key`, 'target' or 'schema_style', shall be: as given, as trained with, or `default`.

    Raises:
        UsageError: if nothing is given, and the adapters were trained with different ones.
    """
    if given is not None:
        return given
    trained = {a.title: str(value) for a in adapters if (value := getattr(a, key)) is not None}
    if len(set(trained.values())) > 1:
        found = ", ".join(f"{name} with {value}" for name, value in trained.items())
        raise UsageError(
            f"the adapters differ in {key}: {found}; say which to use, or use adapters that agree"
        )
    return next(iter(trained.values()), default)
