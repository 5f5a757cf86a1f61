"""LoRA adapters as GGUF files: which there are, which is the default of a model, and their cards.

sqlkiln ships some: one that a base model is used with, and maybe others for opinions beside
it (`Card.second_to`). The user's own are looked for in
`SQLKILN_ADAPTER_DIR`, or in the user's data folder, and come before shipped ones of the same name.
The file of the adapter `NAME` is `NAME.gguf`; its card is inside (`CARD_KEY`), and again beside it
as `NAME.md`, for people.
"""

from __future__ import annotations

import difflib
import os
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from sqlkiln.core.errors import DataError, ModelCorrupt, ModelNotFound, UsageError
from sqlkiln.core.files import parse_record
from sqlkiln.core.records import Record
from sqlkiln.models.catalog import MODELS
from sqlkiln.models.gguf import check_gguf, read_texts

CARD_KEY = "sqlkiln.card"
"""Key of the card, as JSON, in the metadata of a GGUF file."""

_SUFFIX = ".gguf"

_ON_THE_HUB = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": "smollm2-135m",
    "Qwen/Qwen2.5-Coder-0.5B-Instruct": "qwen2.5-coder-0.5b",
    "Qwen/Qwen2.5-Coder-1.5B-Instruct": "qwen2.5-coder-1.5b",
}
"""The weights that models of the catalogue were made from, by their names on the Hub."""


class Card(Record):
    """What an adapter is, what it was made of, and how its prompt must look.

    `model` is the name of its base, a model of the catalogue, or what else was trained on;
    `model_sha256` is of its file. `target` and `schema_style` are those of the prompts that it was
    trained on. `alpha` is that of LoRA. `data` says what it was trained on, `examples` on how many
    of these. `scores` maps what was measured to results; `created` is a date, YYYY-MM-DD.
    `second_to` names the adapter that this one is asked beside, for a second opinion. One that is
    `about` something is asked about that alone, and then in its place (`prompt.about`).
    """

    name: str
    model: str
    model_sha256: str = ""
    target: str = "sql"
    schema_style: str = "ddl"
    method: str = "lora"
    rank: int = 0
    alpha: float = 0.0
    recipe: str = ""
    seed: int = 0
    data: str = ""
    data_licence: str = ""
    examples: int = 0
    scores: dict[str, float] = Field(default_factory=dict)
    created: str = ""
    second_to: str = ""
    about: str = ""


def catalogue_name(model: str) -> str:
    """The name in the catalogue of a model on the Hub that is there too; any other as it is."""
    return _ON_THE_HUB.get(model, model)


def shipped_folder() -> Path:
    """Where the adapters lie that come with sqlkiln."""
    return Path(str(files("sqlkiln"))) / "assets" / "adapters"


def user_folder() -> Path:
    """Where the user's own adapters lie; it need not exist yet."""
    override = os.environ.get("SQLKILN_ADAPTER_DIR")
    if override:
        return Path(override).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("sqlkiln") / "adapters"


def known() -> dict[str, Path]:
    """All adapters that have a name here, and their files."""
    folders = (shipped_folder(), user_folder())
    return {path.stem: path for folder in folders for path in sorted(folder.glob(f"*{_SUFFIX}"))}


def shipped_for(model: str) -> str | None:
    """The name of the adapter that sqlkiln ships for this model of the catalogue, if there is one.

    Raises:
        DataError: if a card cannot be read.
    """
    if model not in MODELS:
        return None
    for path in sorted(shipped_folder().glob(f"*{_SUFFIX}")):
        card = read_card(path)
        if card is not None and card.model == model and not card.second_to:
            return path.stem
    return None


def second_to(name: str, model: str) -> list[Path]:
    """The adapters of the base `model` whose cards say that they are asked beside `name`.

    Files that cannot be read are passed over: nobody asked for them.
    """
    found = []
    for path in known().values():
        with suppress(ModelCorrupt, DataError):
            check_gguf(path)
            card = read_card(path)
            if card is not None and (card.second_to, card.model) == (name, model):
                found.append(path)
    return found


def find(name: str) -> Path:
    """The file of the adapter with this name or path.

    Raises:
        ModelNotFound: if there is no such adapter; says which there are.
        ModelCorrupt: if it is no GGUF file, or cut short.
    """
    path = Path(name).expanduser().absolute()
    if not path.is_file():
        if name not in (adapters := known()):
            close = difflib.get_close_matches(name.lower(), adapters, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            there = ", ".join(sorted(adapters)) or "none"
            raise ModelNotFound(
                f"no such adapter: {name}; {hint}give the path of a GGUF adapter, or a name that "
                f"`sqlkiln adapters list` shows: {there}"
            )
        path = adapters[name]
    check_gguf(path)
    return path


def read_card(path: Path) -> Card | None:
    """The card in a GGUF file that `check_gguf` passes; None if it has none.

    Raises:
        DataError: if the card is not one that this sqlkiln reads.
    """
    text = read_texts(path).get(CARD_KEY)
    return parse_record(text.encode(), Card, f"{path}, {CARD_KEY}") if text else None


def card_of_model(model: str) -> Card | None:
    """The card in a model file that adapters were merged into; None where there is none.

    Raises:
        ModelCorrupt: if the file is no GGUF file, or cut short.
    """
    path = Path(model).expanduser()
    if model in MODELS or not path.is_file():
        return None
    check_gguf(path)
    return read_card(path)


def find_for(model: str, name: str) -> Path:
    """The file of the adapter with this name or path, if it was trained on `model`.

    Of a model that is given by the path of its file nothing is known. That the adapter fits its
    tensors is for llama.cpp to say.

    Raises:
        ModelNotFound: if there is no such adapter.
        ModelCorrupt: if its file is damaged, or no adapter.
        UsageError: if its card names another base.
    """
    path = find(name)
    kind = read_texts(path).get("general.type", "model")
    if kind != "adapter":
        raise ModelCorrupt(f"not an adapter: {path} is a {kind}; give the path of a GGUF adapter")
    card = read_card(path)
    if card is None or model not in MODELS:
        return path
    if catalogue_name(card.model) != model and card.model_sha256 != MODELS[model].sha256:
        raise UsageError(
            f"adapter of another model: {name} was trained on {card.model}, not on {model}; use "
            f"--model {card.model}, another adapter, or --adapter none"
        )
    return path
