"""Recipes: TOML files that say which stages to run, in which order, with which settings.

A recipe has one table per stage, in the order to run; its keys are the fields of the stage's
config class, which also holds the defaults and the types. An array of tables runs a stage once
per entry, and the stages after it once for each of those runs::

    [[predict]]
    model = "smollm2-135m"

    [[predict]]
    model = "qwen2.5-coder-0.5b"

    [evaluate]              # runs twice: once on each predict

A stage that gathers, such as `report`, runs once on all those runs together. What a stage may use
beside what it needs, such as a `suite`, goes to the runs that it fits. There is no inheritance and
no interpolation. Paths are relative to the working directory, not to the recipe. Everything is
checked before any stage begins.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sqlkiln.core import plugins
from sqlkiln.core.errors import RecipeError, UsageError
from sqlkiln.core.plugins import Stage

MAX_LINES = 60
OPENING = ("Hardware:", "Time:", "Expected score:", "Launch: sqlkiln run")

C = TypeVar("C", bound=BaseModel)


@dataclass(frozen=True)
class Step:
    """One table of a recipe; `label` is how messages name it, such as '[predict #2]'."""

    label: str
    stage: Stage
    config: Any


@dataclass(frozen=True)
class Recipe:
    """A recipe that has been read and found right."""

    path: Path
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """What the folder of its runs is called."""
        return self.path.stem


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """The end of an error message: the nearest of `known`, or all of them."""
    nearest = get_close_matches(word, known, n=1)
    return f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(sorted(known))}"


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe; stage modules are imported, models and data are not touched.

    `overrides` are 'stage.key=value', the value in TOML or else taken as text. One for a stage
    that the recipe runs several times holds for each of them.

    Raises:
        RecipeError: naming the file, table and key of everything that is wrong.
        UsageError: for an override that is not of that form.
    """
    tables = _read_tables(path)
    for override in overrides:
        _override(tables, override, path)
    problems: list[str] = []
    steps: list[Step] = []
    for name, entries in tables.items():
        if name not in plugins.names("stages"):
            hint = did_you_mean(name, plugins.names("stages"))
            problems.append(f"[{name}]: unknown stage; {hint}")
            continue
        stage: Stage = plugins.load("stages", name)
        before = list(tables)[: list(tables).index(name)]
        missing = [need for need in stage.needs if need not in before]
        problems += [f"[{name}]: needs a [{need}] table before it; add one" for need in missing]
        late = [used for used in stage.uses if used in tables and used not in before]
        problems += [f"[{name}]: uses the [{used}] table after it; put that first" for used in late]
        for number, entry in enumerate(entries, start=1):
            label = f"[{name} #{number}]" if len(entries) > 1 else f"[{name}]"
            wrong = [f"{label} {problem}" for problem in wrong_keys(stage.config, entry)]
            problems += wrong
            if not wrong:
                steps.append(Step(label, stage, validate(stage.config, entry)))
    problems += _repeated(steps)
    if problems:
        raise RecipeError("\n".join(f"{path} {problem}" for problem in problems))
    return Recipe(path, tuple(steps))


def check_form(path: Path) -> None:
    """Check what makes a recipe readable: its length, and what its opening comment tells.

    Raises:
        RecipeError: naming the file and what is missing.
    """
    lines = _read_text(path).splitlines()
    problems = []
    if len(lines) > MAX_LINES:
        problems.append(
            f"{path}: too long: {len(lines)} lines; leave out what equals the defaults, "
            f"{MAX_LINES} lines are the most"
        )
    comment = " ".join(takewhile(lambda line: line.startswith("#"), lines)).casefold()
    problems += [
        f"{path}: no {wanted!r} in the opening comment; begin the recipe with it"
        for wanted in OPENING
        if wanted.casefold() not in comment
    ]
    if problems:
        raise RecipeError("\n".join(problems))


# --------------------------------------------------------------------------- reading


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"cannot read: {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 text: {error.reason}; save it as UTF-8") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The document in `path`, its tables in the order of the file.

    Raises:
        RecipeError: naming file and line, if it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(_read_text(path))
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", where)
        place = f"{path}:{line[1]}" if line else f"{path}"
        hint = (
            "write [[table]] to run a stage twice, or rename one"
            if "twice" in what
            else "correct the line"
        )
        raise RecipeError(f"{place}: not TOML: {what}; {hint}") from error


def _read_tables(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Each stage's tables, in the order of the file."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for name, value in read_toml(path).items():
        entries = value if isinstance(value, list) else [value]
        if not entries or not all(isinstance(entry, dict) for entry in entries):
            raise RecipeError(
                f"{path} {name}: not a table: found {value!r}; put it below the [stage] it is for"
            )
        tables[name] = entries
    if not tables:
        raise RecipeError(
            f"{path}: no stages: the recipe has no tables; add one, such as [predict]"
        )
    return tables


def _override(tables: Mapping[str, list[dict[str, Any]]], override: str, path: Path) -> None:
    target, equals, text = override.partition("=")
    stage, dot, key = target.strip().partition(".")
    if not (equals and dot and key):
        raise UsageError(
            f"cannot set: {override!r} is not of the form stage.key=value; "
            "write for example --set predict.limit=20"
        )
    if stage not in tables:
        hint = did_you_mean(stage, list(tables))
        raise UsageError(f"cannot set: {override!r}: no table [{stage}] in {path}; {hint}")
    for entry in tables[stage]:
        entry[key] = _toml_value(text.strip())


def read_settings(config: type[BaseModel], overrides: Sequence[str]) -> dict[str, Any]:
    """The settings in `overrides`, each 'key=value', the value in TOML or else taken as text.

    Raises:
        UsageError: for one that is not of that form, or that `config` does not take.
    """
    found: dict[str, Any] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not (equals and key.strip()):
            raise UsageError(f"cannot set: {override!r} is not of the form key=value")
        found[key.strip()] = _toml_value(text.strip())
    problems = list(wrong_keys(config, found))
    if problems:
        raise UsageError("cannot set " + "; ".join(problems))
    return found


def _toml_value(text: str) -> Any:
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return document["value"] if len(document) == 1 else text


# --------------------------------------------------------------------------- checking


def validate(config: type[C], table: Mapping[str, Any]) -> C:
    """Make a config of a table's keys.

    Raises:
        ValidationError: if a value is wrong.
    """
    # Strict JSON rules keep "10" from passing for 10, yet turn text into paths and lists into
    # tuples; TOML's dates, which JSON lacks, go through as text.
    return config.model_validate_json(json.dumps(table, default=str), strict=True)


def wrong_keys(config: type[BaseModel], table: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a table's keys and values, as ends of error messages."""
    known = list(config.model_fields)
    for key in table:
        if key not in known:
            yield f"{key}: unknown; {did_you_mean(key, known)}"
    try:
        validate(config, {key: value for key, value in table.items() if key in known})
    except ValidationError as error:
        for problem in _independent(error):
            key = ".".join(str(part) for part in problem["loc"]) or "(all keys)"
            message = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "missing":
                yield f"{key}: missing; give it a value"
            elif problem["type"] == "extra_forbidden":
                yield f"{key}: unknown; correct its name, or remove it"
            else:
                yield f"{key}: wrong value: {problem['input']!r}; {message[0].lower()}{message[1:]}"


def _independent(error: ValidationError) -> list[ErrorDetails]:
    """The problems of `error`, but for lists that are too short as one of their items is wrong."""
    found = error.errors(include_url=False)
    inner = {problem["loc"][:depth] for problem in found for depth in range(len(problem["loc"]))}
    return [p for p in found if p["type"] != "too_short" or p["loc"] not in inner]


def _repeated(steps: Sequence[Step]) -> Iterator[str]:
    for index, step in enumerate(steps):
        for earlier in steps[:index]:
            if (earlier.stage, earlier.config) == (step.stage, step.config):
                yield f"{step.label}: the same settings as {earlier.label}; change or remove one"
