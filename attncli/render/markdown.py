"""Escaping text for GitHub, because labels may contain the syntax of Markdown, HTML or MathJax."""

from __future__ import annotations

import re

from attncli.errors import printable

NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\n": " ", "\r": " ", "$": "&#36;"}
SPECIAL = frozenset(r"\`*_{}[]#|~!")
MENTION = re.compile(r"@(?=\w)|:(?=[\w+-]+:)")  # @somebody, and the colon that opens :cat:


def escape_markdown(text: str) -> str:
    """Return one line of Markdown that is displayed as `text`, also in the cell of a table."""
    escaped = "".join(
        NAMED.get(letter) or (f"\\{letter}" if letter in SPECIAL else printable(letter)) for letter in text
    )
    return MENTION.sub(lambda match: f"&#{ord(match[0])};", escaped)
