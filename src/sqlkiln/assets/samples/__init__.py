"""Five sample databases, made by a seeded generator, and questions with their SQL about them.

`train.jsonl` and `heldout.jsonl` beside this file hold records `Example`, tagged with a level
(easy, medium, hard, extra) and with what their SQL uses. The two share no question and no SQL; 25
of the held-out ones, five a database, have the tag `demo`. All data are made up, and the last day
that they know is 2024-12-31. What puts them into files is `data.samples`.
"""

import hashlib
from importlib import import_module, resources
from importlib.resources.abc import Traversable

from sqlkiln.assets.samples.draws import Draws, Tables

NAMES = ("clinic", "company", "library", "retail", "school")

SEED = 7
"""The questions are written for this seed."""


def build(name: str, seed: int = SEED) -> tuple[str, Tables]:
    """The CREATE statements and the rows of the database `name`, one of `NAMES`.

    The same seed gives the same rows on every machine.
    """
    domain = import_module(f"{__name__}.{name}")
    return domain.DDL.strip(), domain.generate(Draws(f"{name}-{seed}"))


def about(name: str) -> str:
    """What the database `name` is about, in one line."""
    return (import_module(f"{__name__}.{name}").__doc__ or "").split("\n")[0]


def questions(split: str) -> Traversable:
    """The file with the questions of `split`, 'train' or 'heldout'."""
    return resources.files(__name__) / f"{split}.jsonl"


def version() -> int:
    """A 31-bit number that differs whenever the code of the generator does."""
    files = sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
    code = b"".join(file.read_bytes() for file in files if file.name.endswith(".py"))
    return int.from_bytes(hashlib.sha256(code).digest()[:4], "big") >> 1
