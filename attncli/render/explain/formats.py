"""The formats of `attncli explain`, each a function from the page to its text."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from attncli.errors import UsageError, check_choice, printable

if TYPE_CHECKING:
    from attncli.explain import Explanation
    from attncli.render.result.tables import Style

WORKBOOK = "xlsx"  # binary: only written to a file
FORMATS = ("text", "markdown", "latex", "html", WORKBOOK)
BY_SUFFIX = {
    ".txt": "text", ".md": "markdown", ".markdown": "markdown", ".tex": "latex", ".html": "html", ".htm": "html",
    ".xlsx": WORKBOOK,
}  # fmt: skip


def chosen_format(format: str | None, output: str | None) -> str:
    """Return the requested format, or that of the file's suffix, or text.

    Raises UsageError if the suffix has no format, or another than the one that is asked for. A .txt file may hold any.
    """
    if output is None:
        return format or "text"
    if not output:
        raise UsageError("--output", "the name of the file is empty", "-o work.html")
    suffix = os.path.splitext(output)[1].lower()  # noqa: PTH122 - a trailing slash must stay
    if suffix == ".pdf":
        way = "-o work.tex and pdflatex work.tex, or -o work.html and print it to PDF in a browser"
        raise UsageError("--output", "explain writes no PDF", way)
    if suffix in (".xls", ".ods"):
        raise UsageError("--output", f"explain writes no {suffix}", "-o work.xlsx, which spreadsheet programs open")
    if format is not None:
        _refuse_suffix(format, output)
        return format
    if suffix and suffix not in BY_SUFFIX:
        what = f"{printable(output)} has no suffix of a page"
        raise UsageError("--output", what, f"one of: {' '.join(BY_SUFFIX)}; or name the format with -f")
    return BY_SUFFIX.get(suffix, "text")


def _refuse_suffix(format: str, output: str) -> None:
    """Raise UsageError for a format of explain that the suffix of the file contradicts, as text does .html."""
    said = BY_SUFFIX.get(os.path.splitext(output)[1].lower(), "text")  # noqa: PTH122
    if format in FORMATS and said not in ("text", format):
        suffix = next(suffix for suffix, one in BY_SUFFIX.items() if one == format)
        what = f"{printable(output)} is named as {said}, not as {format}"
        raise UsageError("--format", what, f"leave out -f, or end the name in {suffix}")


def page_renderer(format: str) -> Callable[[Explanation, Style], str]:
    """Return the function that renders this format.

    Raises UsageError if there is none.
    """
    check_choice(format, FORMATS, "--format", "a format of explain")
    function: Callable[[Explanation, Style], str] = getattr(
        import_module(f"attncli.render.explain.{format}"), f"explanation_{format}"
    )
    return function
