"""Which process this is, where a launcher such as `accelerate` started several for one run.

A launcher tells it in the environment, as `torchrun` does. The first process runs the stages and
writes. The others, its followers, see the same folders; they run stages that are `distributed`
with it, which take care that only the first writes, and wait for the rest.
"""

import os


def process_count() -> int:
    """How many processes were started together; 1 without a launcher."""
    return max(1, _number("WORLD_SIZE", 1))


def is_follower() -> bool:
    """Whether another process than this one writes what there is to write."""
    return process_count() > 1 and _number("RANK", 0) > 0


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else default
