"""One HTML file that needs nothing else: its data, styles, scripts and libraries are in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

_LIBRARIES = (("d3.min.js", "d3.LICENSE"), ("plot.umd.min.js", "plot.LICENSE"))


def filled(template: str, parts: Mapping[str, str]) -> str:
    """The asset `template` with each `{{name}}` in it replaced by that part."""
    # Cut at the marks first, so that nothing that was put in can pass for a mark.
    head, *rest = asset(template).split("{{")
    return head + "".join(
        parts[name] + text for name, _, text in (piece.partition("}}") for piece in rest)
    )


def asset(name: str) -> str:
    """The text of a file in `assets/report`."""
    return resources.files("sqlkiln.assets").joinpath("report", name).read_text("utf-8")


def libraries() -> str:
    """The elements with the libraries that charts are drawn by, licences included."""
    return "\n".join(_library(*names) for names in _LIBRARIES)


def _library(script: str, licence: str) -> str:
    terms, code = asset(f"third_party/{licence}"), asset(f"third_party/{script}")
    return f"<script>\n/*\nThird-party: {script}\n{terms}*/\n{code}</script>"


def json_text(value: Any) -> str:
    """JSON that can stand in a script element: no '<' in it, so nothing can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
