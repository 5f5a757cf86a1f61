"""What a strategy considers, and what it settles on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlkiln.core.completions import Completion
    from sqlkiln.core.plugins import QueryResult
    from sqlkiln.core.records import OtherReading


@dataclass(frozen=True)
class Candidate:
    """One statement that a strategy considered, with the completion that it was read from.

    `fixes` say what was mended in it since, in one English sentence each.
    """

    sql: str
    completion: Completion
    result: QueryResult | None = None
    error: str | None = None
    execute_s: float = 0.0
    fixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Solution:
    """What a strategy settled on: `chosen` is one of `candidates` (in the order tried).

    `confidence` is the chance that it is right, which follows from `features`; None where nobody
    estimated it. `notes` tell the asker what was done, such as tables that the model was not shown.
    `other` is what was nearly chosen instead.
    """

    chosen: Candidate
    candidates: tuple[Candidate, ...]
    confidence: float | None = None
    features: Mapping[str, float | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    other: OtherReading | None = None
