"""sqlkiln: small language models that turn questions into SQL, on your own machine.

>>> import sqlkiln
>>> with sqlkiln.open("shop.db") as shop:  # doctest: +SKIP
...     print(shop.ask("top five customers by revenue").rows)
"""

from typing import TYPE_CHECKING, Any

__all__ = ["Answer", "Session", "SqlkilnError", "__version__", "open"]

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sqlkiln.core.errors import SqlkilnError
    from sqlkiln.core.records import Answer
    from sqlkiln.serve.session import Session, open

_HOMES = {
    "Answer": "sqlkiln.core.records",
    "Session": "sqlkiln.serve.session",
    "SqlkilnError": "sqlkiln.core.errors",
    "open": "sqlkiln.serve.session",
}


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `import sqlkiln` stays quick."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sqlkiln' has no attribute {name!r}")
