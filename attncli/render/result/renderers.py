"""The function that renders a format. For tables, the usual case, the writers of documents are not imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attncli.render.result.documents import Renderer


def choose_renderer(format: str) -> Renderer:
    """Return the function that renders this format in chunks of text.

    It raises errors before the first chunk. Raises UsageError if there is no such format.
    """
    if format == "table":
        from attncli.render.result.text import result_chunks

        return result_chunks
    from attncli.render.result.documents import result_renderer

    return result_renderer(format)
