"""The console of a command: as wide as the terminal, or as wide as the text if there is none."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

NATURAL = 1_000_000


def stdout_is_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def speaks_unicode() -> bool:
    """Return whether standard output can encode ×, · and box lines."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        "×·−…│√ᵀ".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def has_colour(ascii_only: bool) -> bool:
    """Return whether output has colour: on a terminal unless NO_COLOR or --ascii is set, otherwise only with
    FORCE_COLOR."""
    if ascii_only or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stdout_is_terminal() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def colour_system() -> str:
    """Return how many colours the terminal has, in rich's words: truecolor, 256 or standard (16)."""
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "truecolor"
    return "256" if "256" in os.environ.get("TERM", "") or not stdout_is_terminal() else "standard"


def make_console(*, ascii_only: bool = False, width: int | None = None) -> Console:
    """Return a console that renders to text.

    `width` None is the terminal's width, or the natural width of the text if there is no terminal.
    """
    from rich.console import Console

    coloured = has_colour(ascii_only)
    system = colour_system() if coloured else None
    return Console(
        file=io.StringIO(),
        force_terminal=coloured,
        color_system=system,  # type: ignore[arg-type]
        no_color=not coloured,
        width=width or terminal_width() or NATURAL,
        height=10_000,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        safe_box=False,
    )


def terminal_width() -> int | None:
    """Return the columns of the terminal, or None if standard output is not a terminal."""
    if not stdout_is_terminal():
        return None
    if os.environ.get("COLUMNS", "").isdigit():
        return max(20, int(os.environ["COLUMNS"]))
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def fold_text(text: str) -> str:
    """Wrap lines of prose between words, if standard output is a terminal, which would break them within words."""
    width = terminal_width()
    if width is None:
        return text
    from textwrap import wrap

    return "\n".join("\n".join(wrap(line, width, subsequent_indent="  ")) for line in text.split("\n"))


def render_text(console: Console, *parts: RenderableType) -> str:
    """Return the parts as text, without trailing spaces."""
    assert isinstance(console.file, io.StringIO)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))
    text = console.file.getvalue()
    console.file.seek(0)
    console.file.truncate()
    return "\n".join(line.rstrip() for line in text.split("\n"))
