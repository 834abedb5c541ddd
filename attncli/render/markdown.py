"""Text that GitHub shows as it is: labels may hold anything that Markdown, HTML or MathJax would take for its own."""

from __future__ import annotations

import re

from attncli.errors import printable

NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\n": " ", "\r": " ", "$": "&#36;"}
SPECIAL = frozenset(r"\`*_{}[]#|~!")
MENTION = re.compile(r"@(?=\w)|:(?=[\w+-]+:)")  # @somebody, and the colon that opens :cat:


def escape_markdown(text: str) -> str:
    """One line of Markdown that reads as `text`, also in a table's cell."""
    escaped = "".join(
        NAMED.get(letter) or (f"\\{letter}" if letter in SPECIAL else printable(letter)) for letter in text
    )
    return MENTION.sub(lambda match: f"&#{ord(match[0])};", escaped)
