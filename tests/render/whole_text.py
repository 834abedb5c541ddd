"""The whole answer as one text."""

from __future__ import annotations

from attncli.render.result.text import result_chunks


def result_text(*arguments, **options) -> str:
    return "".join(result_chunks(*arguments, **options))
