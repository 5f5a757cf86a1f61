"""How likely an answer is right: a probability from what is known of it when it is given.

`features_of` measures an answer: how sure the model was of its tokens, whether its columns are
those that the question seems to speak of, what came back. `confidence` weighs the measures by a
logistic regression that was fitted on questions with known answers (`search.confidence_fit`). The
coefficients lie in `assets/confidence`, with what they were fitted on: `single.json`, and
`second.json` where others were asked as well (`search.panel`). It is a probability over questions
like those, no promise about one answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Literal

from sqlglot import exp

from sqlkiln.core.files import parse_record
from sqlkiln.core.plugins import Candidate, Completion, Solution, Task
from sqlkiln.prompt.link import link
from sqlkiln.search.confidence_fit import Fit, probability_of
from sqlkiln.search.vote import is_empty
from sqlkiln.sql.parse import parse

Features = Mapping[str, float | None]
"""A measure by its name (`FEATURES`); None where it could not be taken."""

FEATURES = {
    "mean_logprob": "the mean log-probability of the tokens",
    "min_logprob": "the log-probability of the least likely token",
    "sum_logprob": "the log-probability of the whole completion",
    "min_lead": "the smallest lead in probability of a token over the best alternative",
    "unsure_tokens": "tokens with a probability below a half, as a logarithm",
    "length": "tokens written, as a logarithm",
    "joins": "joined tables",
    "nesting": "SELECTs after the first one",
    "conditions": "comparisons in WHERE, HAVING and ON",
    "odd_column": "the log-chance, to linking, of the least likely column that is used",
    "left_column": "the log-chance, to linking, that the likeliest column left out is not needed",
    "repaired": "1 if the statement was mended from the schema",
    "retried": "1 if an earlier statement failed",
    "failed": "1 if there is an error and no result",
    "empty": "1 if no row came back, or nothing but NULL",
    "rows": "rows that came back, as a logarithm",
    "repeats": "the share of rows that are there already",
    "truncated": "1 if rows were cut off",
    "alone": "the log-odds of the answer before others were asked",
    "backed": "the confidences of others whose answers have the same rows, added up",
    "opposed": "the confidences of the others, added up",
}
"""All that is measured and recorded."""

SECOND = ("alone", "backed", "opposed")
"""What is weighed where others were asked."""

UNWEIGHED = frozenset(SECOND) | frozenset(
    "min_logprob unsure_tokens length joins nesting conditions rows".split()
)
"""Recorded, but not fitted: they say no more than the others do, or tell databases apart rather
than right from wrong (docs/LOG.md)."""

LEAST_LOGPROB = -15.0
LEAST_CHANCE = 1e-4
"""What is less likely counts as no less likely than so."""


def features_of(chosen: Candidate, task: Task, *, retried: bool = False) -> dict[str, float | None]:
    """Measure an answer to `task`: `retried` if a first try failed.

    Of one that was not executed, less is known.
    """
    return {
        **_of_tokens(chosen.completion),
        **_of_statement(chosen.sql, task),
        "repaired": float(bool(chosen.fixes)),
        "retried": float(retried),
        **_of_result(chosen),
        **dict.fromkeys(SECOND),
    }


def _of_tokens(completion: Completion) -> dict[str, float | None]:
    tokens = completion.logprobs
    logprobs = [max(LEAST_LOGPROB, token.logprob) for token in tokens]
    leads = [
        math.exp(token.logprob) - max((math.exp(p) for _, p in others), default=0.0)
        for token in tokens
        if (others := [a for a in token.alternatives if a[0] != token.token])
    ]
    unsure = sum(logprob < math.log(0.5) for logprob in logprobs)
    written = len(tokens) or completion.completion_tokens
    return {
        "mean_logprob": math.fsum(logprobs) / len(logprobs) if logprobs else None,
        "min_logprob": min(logprobs, default=None),
        "sum_logprob": math.fsum(logprobs) if logprobs else None,
        "min_lead": min(leads, default=None),
        "unsure_tokens": math.log1p(unsure) if logprobs else None,
        "length": math.log(written) if written else None,
    }


def _of_statement(sql: str, task: Task) -> dict[str, float | None]:
    tree = parse(sql, task.schema.dialect if task.schema else "sqlite")
    if tree is None:
        return dict.fromkeys(("joins", "nesting", "conditions", "odd_column", "left_column"))
    nodes = list(tree.walk())
    odd, left = _of_columns(tree, task)
    return {
        "joins": float(sum(isinstance(node, exp.Join) for node in nodes)),
        "nesting": float(max(0, sum(isinstance(node, exp.Select) for node in nodes) - 1)),
        "conditions": float(sum(isinstance(node, exp.Predicate) for node in nodes)),
        "odd_column": odd,
        "left_column": left,
    }


def _of_columns(tree: exp.Expr, task: Task) -> tuple[float | None, float | None]:
    """What linking thinks of the columns that are used, and of those that are not."""
    if task.schema is None or not task.schema.tables:
        return None, None
    tables = {table.name.lower() for table in tree.find_all(exp.Table)}
    named = {column.name.lower() for column in tree.find_all(exp.Column)}
    ranked = link(task.schema, task.question, (), task.evidence).columns
    used = [c.score for c in ranked if c.name.lower() in named and c.table.lower() in tables]
    left = max((c.score for c in ranked if c.name.lower() not in named), default=0.0)
    odd = math.log(max(LEAST_CHANCE, min(used))) if used else None
    return odd, math.log(max(LEAST_CHANCE, 1 - left))


def _of_result(chosen: Candidate) -> dict[str, float | None]:
    result = chosen.result
    if result is None:
        absent = None if chosen.error is None else 1.0
        return {"failed": absent, "empty": None, "rows": None, "repeats": None, "truncated": None}
    rows = len(result.rows)
    return {
        "failed": 0.0,
        "empty": float(is_empty(result)),
        "rows": math.log1p(rows),
        "repeats": 1 - len(set(result.rows)) / rows if rows else 0.0,
        "truncated": float(result.truncated),
    }


def judged(solution: Solution, task: Task) -> Solution:
    """`solution` of `task` with its features and its confidence."""
    found = features_of(solution.chosen, task, retried=len(solution.candidates) > 1)
    return replace(solution, confidence=confidence(found), features=found)


def odds(chance: float) -> float:
    """The odds of a probability p, p / (1 - p); one near 0 or 1 counts as a little further off."""
    held = min(max(chance, LEAST_CHANCE), 1 - LEAST_CHANCE)
    return held / (1 - held)


def with_others(solution: Solution, *, backed: float, opposed: float) -> Features:
    """The features of a judged `solution`, now that others were asked the same.

    `backed` and `opposed` are sums of their confidences: those with the same rows, and the rest.
    """
    alone = math.log(odds(solution.confidence or 0.0))
    return {**solution.features, "alone": alone, "backed": backed, "opposed": opposed}


def confidence(features: Features) -> float:
    """The probability that the answer with these features is right.

    An answer that failed is never right.
    """
    if features.get("failed"):
        return 0.0
    asked_others = features.get("backed") is not None
    return probability_of(shipped_fit("second" if asked_others else "single"), features)


@cache
def shipped_fit(kind: Literal["single", "second"] = "single") -> Fit:
    """The coefficients for answers of this kind."""
    place = resources.files("sqlkiln.assets").joinpath("confidence", f"{kind}.json")
    return parse_record(place.read_bytes(), Fit, place.name)
