"""A second opinion: another adapter of the same base, asked where the first answer may be wrong.

Adapters that were taught to write SQL in different ways (`prompt.targets`) are wrong about other
questions, which samples of one adapter are not (docs/LOG.md). Which of two answers is right, their
confidences tell (`search.confidence`); that both have the same rows makes it likelier too.
"""

from __future__ import annotations

from dataclasses import replace

from sqlkiln.core.plugins import Candidate, Database, Solution
from sqlkiln.core.records import OtherReading
from sqlkiln.search.confidence import agreed, confidence
from sqlkiln.search.readings import as_run, other_reading
from sqlkiln.search.sample import uncut
from sqlkiln.search.vote import Tally, tally

SETTLED = 0.7
"""The confidence from which on nobody else is asked (docs/LOG.md tells what others bring)."""

CLOSE = 0.1
"""Where confidences differ by less, the other reading is shown too."""


def is_settled(first: Solution) -> bool:
    """Whether an answer with this confidence needs no second opinion."""
    return first.confidence is not None and first.confidence >= SETTLED


def likelier(first: Solution, second: Solution, database: Database) -> Solution:
    """Of two judged solutions the one that is likelier right, with the candidates of both.

    Its confidence is what it is with the other one known.
    """
    chances = [solution.confidence or 0.0 for solution in (first, second)]
    ahead, behind = (second, first) if chances[1] > chances[0] else (first, second)
    counted = _counted((ahead.chosen, behind.chosen), database)
    features = agreed(ahead, agrees=len(counted.groups) == 1 and counted.votes == 2)
    rival = None
    if abs(chances[0] - chances[1]) < CLOSE:
        rival = _other(counted, behind)
    return replace(
        ahead,
        candidates=(*first.candidates, *second.candidates),
        features=features,
        confidence=confidence(features),
        notes=(*first.notes, *_told(chances)),
        other=rival,
    )


def _told(chances: list[float]) -> tuple[str, ...]:
    """What the asker is to know if the second answer is taken."""
    first, second = chances
    if second <= first:
        return ()
    return (
        f"a second adapter was asked, and its answer taken: {second:.0%} sure against {first:.0%}",
    )


def _counted(answers: tuple[Candidate, Candidate], database: Database) -> Tally:
    """Both by their results, the one that is ahead first; a failed one has no group."""
    found = tally([uncut(answer, database)[0] for answer in answers])
    return replace(found, groups=tuple(sorted(found.groups, key=lambda group: group.members)))


def _other(counted: Tally, behind: Solution) -> OtherReading | None:
    """What `behind` returns, if that differs; nobody has voted."""
    other = other_reading(counted)
    if other is None:
        return None
    unvoted = other.model_copy(update={"votes": 0, "winner_votes": 0})
    return as_run(unvoted, behind.chosen, behind.confidence)
