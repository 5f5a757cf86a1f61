"""Votes among candidates: those that return the same rows stand together, the largest group wins.

It counts what has been executed; how candidates are made, and with which variations, is another
module's. What wins, in this order:

- where the question implies rows, a group that returns some, whatever its size: no rows at all, or
  nothing but NULL, is what a wrong condition returns; a statement that failed has no vote;
- the largest group;
- within `CLOSE_VOTES` of the largest, the one that the model thought most probable: the sum over
  its candidates of exp(mean log-probability of a token). The mean, as candidates may be written in
  ways of different length. Where log-probabilities are not known every candidate counts 1, so the
  largest group wins and the one that came first wins a tie.

Within the group that wins, the order of rows is put to the vote as well, since a candidate without
ORDER BY may have the same rows; then the most probable candidate is taken. Not the shortest: short
statements leave out conditions that happen to change nothing today.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlkiln.core.plugins import Candidate, Completion, QueryResult
from sqlkiln.scoring.result_groups import group_numbers

CLOSE_VOTES = 1
"""Groups that are no further behind the largest one may still win by their probability."""

_MAY_BE_NOTHING = re.compile(
    r"""(?xi)
    ^\s* (?:is|are|was|were|do|does|did|has|have|had) \b     # asks whether there is something
    | \b both \b | \b and \s also \b                        # asks for what two sets share
    """
)
"""Of Spider's training golds 2.8% return nothing (190 of 6,795, over databases with rows); of those
whose question says 'both' or 'and also' 21.6% (35 of 162), of those that count 0.5%."""


@dataclass(frozen=True)
class Group:
    """Candidates that return the same rows, by their places; `chosen` is the one that is taken.

    `result` is that of the chosen one, `weight` the sum of their probabilities, `empty` that there
    is no row or nothing but NULL.
    """

    members: tuple[int, ...]
    chosen: int
    result: QueryResult
    weight: float
    empty: bool

    @property
    def votes(self) -> int:
        """How many they are."""
        return len(self.members)


@dataclass(frozen=True)
class Tally:
    """How the vote among `candidates` stands: `groups` from the winning one to the last.

    Without groups all candidates have failed, and the first one stands for them.
    """

    candidates: tuple[Candidate, ...]
    groups: tuple[Group, ...]
    wants_rows: bool

    @property
    def winner(self) -> Candidate:
        """The candidate that is the answer."""
        return self.candidates[self.groups[0].chosen if self.groups else 0]

    @property
    def votes(self) -> int:
        """How many candidates stand behind the winner; 0 if all failed."""
        return self.groups[0].votes if self.groups else 0

    @property
    def close(self) -> bool:
        """Whether another group was near enough to have won."""
        rivals = [g for g in self.groups[1:] if self.groups[0].empty or self._may_win(g)]
        return any(self.votes - rival.votes <= CLOSE_VOTES for rival in rivals)

    def _may_win(self, group: Group) -> bool:
        return not (self.wants_rows and group.empty)

    def settled(self, left: int) -> bool:
        """Whether `left` more candidates cannot make another result win, whatever they return."""
        if left <= 0:
            return True
        if not self.groups or not self._may_win(self.groups[0]):
            return False
        first, *others = self.groups
        none_yet = Group((len(self.candidates),), 0, first.result, 0.0, empty=False)
        rivals = [group for group in others if self._may_win(group)]
        return _stays(first, none_yet, 0, left) and all(
            _stays(first, rival, rival.votes, left) for rival in rivals
        )


def _stays(first: Group, rival: Group, votes: int, left: int) -> bool:
    """Whether `first` wins over `rival`, which has `votes`, if that gets the `left` ones too."""
    lead = first.votes - votes - left
    if abs(lead) > CLOSE_VOTES:
        return lead > 0
    ours, theirs = (first.weight, first.votes), (rival.weight + left, votes + left)
    return ours > theirs or (ours == theirs and first.members < rival.members)


# --------------------------------------------------------------------------- counting


def tally(
    candidates: Sequence[Candidate], wants_rows: bool = True, *, ordered: bool = False
) -> Tally:
    """Count the votes of executed candidates; those without a result have none.

    With `ordered`, the same rows in another order are another result.

    Raises:
        ValueError: if there are no candidates.
    """
    if not candidates:
        raise ValueError("nothing to vote on: there are no candidates; give at least one")
    weights = _weights(candidates)
    members: dict[int, list[int]] = {}
    for place, number in enumerate(group_numbers([c.result for c in candidates], ordered)):
        if number is not None:
            members.setdefault(number, []).append(place)
    groups = [_group(candidates, places, weights) for places in members.values()]
    return Tally(tuple(candidates), tuple(_ranked(groups, wants_rows)), wants_rows)


def _weights(candidates: Sequence[Candidate]) -> list[float]:
    known = [probability(c.completion) for c in candidates]
    voting = [p for c, p in zip(candidates, known, strict=True) if c.result is not None]
    return [1.0 if p is None or None in voting else p for p in known]


def probability(completion: Completion) -> float | None:
    """The geometric mean of the probabilities of a completion's tokens; None if not known."""
    tokens = completion.logprobs
    return math.exp(math.fsum(t.logprob for t in tokens) / len(tokens)) if tokens else None


def _group(
    candidates: Sequence[Candidate], places: Sequence[int], weights: Sequence[float]
) -> Group:
    """Of the candidates with the commonest order of rows, the likeliest is chosen."""
    results = [r for place in places if (r := candidates[place].result) is not None]
    orders = group_numbers(results, ordered=True)
    chosen = max(
        range(len(places)), key=lambda i: (orders.count(orders[i]), weights[places[i]], -i)
    )
    weight = math.fsum(weights[place] for place in places)
    result = results[chosen]
    return Group(tuple(places), places[chosen], result, weight, is_empty(result))


def is_empty(result: QueryResult) -> bool:
    """Whether a result has no row, or nothing but NULL in its rows."""
    return all(cell is None for row in result.rows for cell in row)


def _ranked(groups: Sequence[Group], wants_rows: bool) -> list[Group]:
    """The groups, the winning one first."""
    some_rows = any(not group.empty for group in groups)

    def may_win(group: Group) -> bool:
        return not (wants_rows and some_rows and group.empty)

    most = max((group.votes for group in groups if may_win(group)), default=0)

    def rank(group: Group) -> tuple[bool, bool, float, int, int]:
        near = most - group.votes <= CLOSE_VOTES
        strength = (group.weight, group.votes) if near else (float(group.votes), 0)
        return (may_win(group), near, *strength, -group.members[0])

    return sorted(groups, key=rank, reverse=True)


# --------------------------------------------------------------------------- voting


def vote(
    attempts: Iterable[Callable[[], Candidate]],
    wants_rows: bool = True,
    *,
    ordered: bool = False,
) -> tuple[Tally, tuple[Candidate, ...]]:
    """Make candidates one after the other until the outcome can no longer change.

    Each attempt gives an executed candidate. Returns the tally and the candidates that were made.

    Raises:
        ValueError: if there are no attempts.
    """
    waiting = list(attempts)
    made: list[Candidate] = []
    for left in reversed(range(len(waiting))):
        made.append(waiting[len(made)]())
        # While more are left than were made, a result that nobody has yet may still win.
        if 0 < left <= len(made):
            found = tally(made, wants_rows, ordered=ordered)
            if found.settled(left):
                return found, tuple(made)
    return tally(made, wants_rows, ordered=ordered), tuple(made)


def implies_rows(question: str) -> bool:
    """Whether an answer without any row is unlikely to be right.

    Not so of yes-no questions, whose no it may be, and of what two sets share: that is often
    nothing. Questions that count do imply rows: none at all is counted as a row with a 0.
    """
    return _MAY_BE_NOTHING.search(question) is None
