"""Other opinions: other adapters and other models, asked where the answer may be wrong.

Adapters that were taught to write SQL in different ways (`prompt.targets`), and models of different
sizes, are wrong about different questions; samples of one of them are not (docs/LOG.md). They are
asked one after another until the answer is settled. Answers with the same rows stand together, and
the group with the largest sum of odds, p / (1 - p), is right most often: one that is 90% sure
counts as much as nine that are 50% sure.
"""

from __future__ import annotations

from dataclasses import replace

from sqlkiln.core.plugins import Candidate, Database, QueryResult, Solution
from sqlkiln.core.records import OtherReading
from sqlkiln.scoring.result_groups import group_numbers
from sqlkiln.search.confidence import confidence, odds, with_others
from sqlkiln.search.readings import as_run, other_reading
from sqlkiln.search.sample import uncut
from sqlkiln.search.vote import Group, Tally, is_empty

SETTLED = 0.7
"""The confidence from which on nobody else is asked by `+second` (docs/LOG.md)."""

CERTAIN = 0.8
"""That from which on nobody else is asked by a vote."""

CLOSE = 0.6
"""A group with at least so much of the winner's odds is shown as the other reading."""


class Panel:
    """The opinions on one question, each judged as if it were alone, and what they come to.

    `best` is the likeliest answer, with the candidates of all: its confidence knows of the others.
    From the confidence `enough` on it is settled.
    """

    def __init__(self, first: Solution, database: Database, enough: float) -> None:
        self._database, self._enough = database, enough
        self._opinions: list[tuple[str, Solution, Candidate]] = []
        self.best = first
        self.add("", first)

    @property
    def settled(self) -> bool:
        """Whether the answer is so likely right that nobody else need be asked."""
        return (self.best.confidence or 0.0) >= self._enough

    def add(self, name: str, opinion: Solution) -> None:
        """Count what `name` says, and weigh all opinions anew."""
        counted, _ = uncut(opinion.chosen, self._database)
        self._opinions.append((name, opinion, counted))
        if len(self._opinions) > 1:
            self.best = self._weighed()

    def _weighed(self) -> Solution:
        solutions = [solution for _, solution, _ in self._opinions]
        first, candidates = solutions[0], tuple(c for s in solutions for c in s.candidates)
        groups = self._groups()
        if not groups:
            return replace(first, candidates=candidates)
        name, ahead, _ = self._opinions[groups[0].chosen]
        chances = [solution.confidence or 0.0 for solution in solutions]
        backing = [chances[i] for i in groups[0].members if i != groups[0].chosen]
        opposing = [chance for i, chance in enumerate(chances) if i not in groups[0].members]
        features = with_others(ahead, backed=sum(backing), opposed=sum(opposing))
        taken = (_taken(name, ahead, first),) if ahead is not first else ()
        return replace(
            ahead,
            candidates=candidates,
            features=features,
            confidence=confidence(features),
            notes=(*first.notes, *taken),
            other=self._other(groups),
        )

    def _groups(self) -> list[Group]:
        """Those that return the same rows, the likeliest ones first; what failed has no group."""
        counted = [candidate for _, _, candidate in self._opinions]
        members: dict[int, list[int]] = {}
        for place, number in enumerate(group_numbers([c.result for c in counted], False)):
            if number is not None:
                members.setdefault(number, []).append(place)
        groups = [self._group(places) for places in members.values()]
        return sorted(groups, key=lambda group: (-group.weight, group.members))

    def _group(self, places: list[int]) -> Group:
        """Its odds as `weight`; the surest one speaks for it."""
        chances = {place: self._opinions[place][1].confidence or 0.0 for place in places}
        chosen = max(places, key=lambda place: (chances[place], -place))
        result = self._opinions[chosen][2].result or QueryResult((), ())
        weight = sum(map(odds, chances.values()))
        return Group(tuple(places), chosen, result, weight, is_empty(result))

    def _other(self, groups: list[Group]) -> OtherReading | None:
        """What the next group returns, if that is nearly as likely; nobody has voted."""
        if len(groups) < 2 or groups[1].weight < CLOSE * groups[0].weight:
            return None
        counted = tuple(candidate for _, _, candidate in self._opinions)
        other = other_reading(Tally(counted, tuple(groups), wants_rows=False))
        if other is None:
            return None
        behind = self._opinions[groups[1].chosen][1]
        unvoted = other.model_copy(update={"votes": 0, "winner_votes": 0})
        return as_run(unvoted, behind.chosen, behind.confidence)


def _taken(name: str, ahead: Solution, first: Solution) -> str:
    """What the asker is to know if another answer than the first is given."""
    sure, against = (solution.confidence or 0.0 for solution in (ahead, first))
    alone = f"by itself {sure:.0%} sure, the first one {against:.0%}"
    return f"{name} was asked too, and its answer taken: {alone}"
