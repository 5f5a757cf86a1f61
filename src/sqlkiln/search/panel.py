"""Other opinions: other adapters and other models, asked where the answer may be wrong.

Adapters that were taught to write SQL in different ways (`prompt.targets`), and models of different
sizes, are wrong about different questions; samples of one of them are not (docs/LOG.md). They are
asked one after another until the answer is settled. Answers with the same rows stand together, and
the group with the largest sum of odds, p / (1 - p), is right most often: one that is 90% sure
counts as much as nine that are 50% sure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlkiln.core.plugins import Candidate, Database, QueryResult, Solution
from sqlkiln.core.records import OtherReading
from sqlkiln.scoring.result_groups import group_numbers
from sqlkiln.search.confidence import Features, confidence, odds, with_others
from sqlkiln.search.readings import as_run, reading_of
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
        self._first = self.best = first

    @property
    def settled(self) -> bool:
        """Whether the answer is so likely right that nobody else need be asked."""
        return (self.best.confidence or 0.0) >= self._enough

    def add(self, name: str, opinion: Solution) -> None:
        """Count what `name` says, and weigh all opinions anew; '' is the first one once more."""
        waiting = [(name, opinion)] if self._opinions else [("", self._first), (name, opinion)]
        for who, said in waiting:
            counted, seconds = uncut(said.chosen, self._database)
            chosen = replace(said.chosen, execute_s=said.chosen.execute_s + seconds)
            tried = tuple(chosen if c is said.chosen else c for c in said.candidates)
            self._opinions.append((who, replace(said, chosen=chosen, candidates=tried), counted))
        self.best = self._weighed()

    def _weighed(self) -> Solution:
        solutions = [solution for _, solution, _ in self._opinions]
        first, candidates = solutions[0], tuple(c for s in solutions for c in s.candidates)
        groups = self._groups()
        if not groups:
            return replace(first, candidates=candidates)
        name, ahead, _ = self._opinions[groups[0].chosen]
        features = self._with_others(groups[0])
        taken = () if 0 in groups[0].members else (_taken(name, ahead, first),)
        return replace(
            ahead,
            candidates=candidates,
            features=features,
            confidence=confidence(features),
            notes=(*first.notes, *taken),
            other=self._other(groups),
        )

    def _with_others(self, group: Group) -> Features:
        """The features of the group's answer, given what others than who gave it say."""
        source, solution, _ = self._opinions[group.chosen]
        backing = self._surest(i for i in group.members)
        opposing = self._surest(i for i in range(len(self._opinions)) if i not in group.members)
        backing.pop(source, None)
        backed = sum(backing.values())
        opposed = sum(chance for who, chance in opposing.items() if who not in {source, *backing})
        return with_others(solution, backed=backed, opposed=opposed)

    def _surest(self, places: Iterable[int]) -> dict[str, float]:
        """The highest confidence of each who gave these: saying it twice makes it no likelier."""
        chances: dict[str, float] = {}
        for place in places:
            who, solution, _ = self._opinions[place]
            chances[who] = max(chances.get(who, 0.0), solution.confidence or 0.0)
        return chances

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
        weight = sum(map(odds, self._surest(places).values()))
        return Group(tuple(places), chosen, result, weight, is_empty(result))

    def _other(self, groups: list[Group]) -> OtherReading | None:
        """What the next group returns, if that is nearly as likely; nobody has voted."""
        if len(groups) < 2 or groups[1].weight < CLOSE * groups[0].weight:
            return None
        counted = tuple(candidate for _, _, candidate in self._opinions)
        other = reading_of(Tally(counted, tuple(groups), wants_rows=False))
        unvoted = other.model_copy(update={"votes": 0, "winner_votes": 0})
        behind = self._opinions[groups[1].chosen][1].chosen
        return as_run(unvoted, behind, confidence(self._with_others(groups[1])))


def _taken(name: str, ahead: Solution, first: Solution) -> str:
    """What the asker is to know if another answer than the first is given."""
    sure, against = (solution.confidence or 0.0 for solution in (ahead, first))
    alone = f"by itself {sure:.0%} sure, the first one {against:.0%}"
    who = f"{name} was asked too, and its answer" if name else "another try of the model was"
    return f"{who} taken: {alone}"
