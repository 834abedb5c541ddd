"""The formats of `attncli explain`, each a function from the page to its text."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from attncli.errors import UsageError, suggestion

if TYPE_CHECKING:
    from attncli.explain import Explanation
    from attncli.render.tables import Style

FORMATS = ("text", "markdown", "latex", "html")


def renderer(format: str) -> Callable[[Explanation, Style], str]:
    """The function that makes this format; UsageError where there is none."""
    if format not in FORMATS:
        hint = suggestion(format, FORMATS)
        raise UsageError("--format", f"{format!r} is not a format of explain", hint)
    function: Callable[[Explanation, Style], str] = getattr(
        import_module(f"attncli.render.explain_{format}"), f"explanation_{format}"
    )
    return function
