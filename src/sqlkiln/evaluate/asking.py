"""What every stage that puts questions to a model shares: the task, and the row that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlkiln.core import adapters
from sqlkiln.core.adapters import Adapter
from sqlkiln.core.files import sha256_file
from sqlkiln.core.plugins import Other, Request, Solution, Task
from sqlkiln.core.records import DatabaseSchema, Example, Prediction
from sqlkiln.prompt import render
from sqlkiln.prompt.beside import Beside, all_others
from sqlkiln.prompt.serialize import DEFAULT_STYLE
from sqlkiln.prompt.targets import DEFAULT_TARGET


@dataclass(frozen=True)
class Prompting:
    """With which adapters, and with what sort of prompt, the model is asked.

    `beside` is another model that may be asked too.
    """

    adapters: tuple[Adapter, ...]
    target: str
    schema_style: str
    beside: Beside | None = None

    @property
    def others(self) -> tuple[Other, ...]:
        """Who else may be asked; another model must be heard, since a run is called by its name."""
        found = all_others(adapters.opinions(self.adapters), self.beside)
        return tuple(replace(one, required=one.backend is not None) for one in found)


def settled(
    model: str,
    asked: tuple[str, ...] | None,
    target: str | None,
    schema_style: str | None,
    beside: Beside | None = None,
) -> Prompting:
    """What `model` is asked with: what is given, or else what its adapters were trained with.

    Raises:
        UsageError: if an adapter is one of another model, several want different prompts, or
            one wants a prompt that there is not.
        ModelNotFound: if there is no such adapter.
    """
    chosen = adapters.choose(model, asked)
    target = adapters.wanted(chosen, "target", target, DEFAULT_TARGET)
    style = adapters.wanted(chosen, "schema_style", schema_style, DEFAULT_STYLE)
    render.check_form(target, style)
    return Prompting(chosen, target, style, beside)


def may_ask_others(strategy: str) -> bool:
    """Whether a strategy may put questions to somebody else."""
    return "+second" in strategy or strategy.startswith("budget")


def adapter_digests(prompting: Prompting, strategies: Iterable[str]) -> dict[str, str]:
    """The sha256 of every adapter that may answer, by one of the `strategies`."""
    first = (prompting.adapters, prompting.beside.adapters if prompting.beside else ())
    with_others = any(map(may_ask_others, strategies))
    asked = [
        one for used in first for one in (*used, *(adapters.others_of(used) if with_others else ()))
    ]
    return {f"adapter {one.title}": sha256_file(one.path) for one in asked if one.path}


def task_of(
    example: Example, schema: DatabaseSchema, prompting: Prompting, template: Request
) -> Task:
    """The question as it is put to the model; `template` holds the settings of generation."""
    return render.task(
        schema,
        example.question,
        style=prompting.schema_style,
        target=prompting.target,
        context=render.Context(evidence=example.evidence),
        template=template,
        others=prompting.others,
    )


def row_of(example: Example, solutions: Sequence[Solution], **about: Any) -> Prediction:
    """The row that is kept: the first solution is the answer, all count in tokens and samples.

    Without solutions there is no answer, and `about` tells the error. It also names the model, the
    adapter, the strategy and the seconds.
    """
    first = solutions[0] if solutions else None
    completions = [tried.completion for solution in solutions for tried in solution.candidates]
    return Prediction(
        id=example.id,
        db_id=example.db_id,
        sql=first.chosen.sql if first else "",
        completion=first.chosen.completion.text if first else "",
        attempts=max(1, len(first.candidates) if first else 0),
        prompt_tokens=sum(c.prompt_tokens for c in completions),
        cached_tokens=sum(c.cached_tokens for c in completions),
        completion_tokens=sum(c.completion_tokens for c in completions),
        samples=tuple(s.chosen.sql for s in solutions) if len(solutions) > 1 else (),
        confidence=first.confidence if first else None,
        features=dict(first.features) if first else {},
        fixes=first.chosen.fixes if first else (),
        **about,
    )
