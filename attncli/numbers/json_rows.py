"""Rows of plain numbers in pieces of text, read by orjson: the fast way for large tables and lists.

Whatever is not as simple as that is left to the careful readers, which say what is wrong, and where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attncli.patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

    Array = np.ndarray[Any, Any]

LARGE = 1 << 17  # characters: a careful reader of fewer takes no longer than the import of orjson
PIECE = 1 << 16  # characters: a piece and its numbers, as Python objects, fit into the cache
# of strings, of null, true and false, and of spaces that are not spaces everywhere
_OTHERS = (b'"', b"u", b"l", b"\t", b"\r")
_ZERO = pattern(rb"-0[],\s]")  # as an integer, -0 has no sign for orjson


def parse_json_rows(text: bytes) -> Array | None:
    """Return the (rows, columns) float64 numbers of a text such as `[1, 0], [0, 1]`, or None if it is anything else."""
    rows = parse_json_list(b"[%b]" % text)
    return None if rows is None or rows.ndim != 2 else rows


def parse_json_list(text: bytes) -> Array | None:
    """Return the float64 numbers of a list of any depth, or None if it is anything else."""
    import numpy as np
    import orjson

    if any(sign in text for sign in _OTHERS):
        return None
    try:
        array = np.array(orjson.loads(text), np.float64)
    except (ValueError, TypeError):  # no JSON, lists of several lengths, or mappings
        return None
    if not array.size or not np.isfinite(array).all():
        return None
    return None if not array.all() and _ZERO.search(text) else array


def stack_rows(pieces: Iterable[Array | None]) -> Array | None:
    """Return the rows of all pieces, or None if one of them is None or has another number of columns."""
    import numpy as np

    found: list[Array] = []
    for piece in pieces:
        if piece is None or piece.shape[1] != (found or [piece])[0].shape[1]:
            return None
        found.append(piece)
    return np.concatenate(found) if found else None
