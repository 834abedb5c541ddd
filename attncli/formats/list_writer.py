"""Writing arrays and names as JSON and YAML: nested lists, and quoted text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from attncli.matrix import LABELS_OF

if TYPE_CHECKING:
    import numpy as np

    from attncli.matrix import Matrix

_CELLS_AT_ONCE = 1 << 15
PLAIN = re.compile(r"[A-Za-z][\w .()?-]*(?<! )", re.ASCII)
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")


def quote_scalar(text: str) -> str:
    """Return the text in double quotes that both JSON and YAML read."""
    import json

    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", json.dumps(text, ensure_ascii=False))


def shared_labels(matrices: Mapping[str, Matrix]) -> dict[str, tuple[str, ...]]:
    """Return the labels of all matrices under the keys of a problem file, except those on which matrices disagree."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for name, matrix in matrices.items():
        for kind, labels in zip(LABELS_OF.get(name, ()), (matrix.row_labels, matrix.column_labels), strict=False):
            if labels is not None:
                found.setdefault(kind, set()).add(labels)
    return {kind: labels.pop() for kind, labels in found.items() if len(labels) == 1}


def flow_rows(array: np.ndarray, cell: Callable[[str], str], letters: str = "n") -> Iterator[list[str]]:
    """Yield the rows of a 2-D array as flow lists, several rows at a time.

    `cell` respells the cells of rows that contain one of the `letters` (inf and nan have an n, exponents an e).
    """
    from attncli.numbers.numerals import lines

    step = max(1, _CELLS_AT_ONCE // array.shape[1])
    for first in range(0, len(array), step):
        rows = lines(array[first : first + step], ",").decode().splitlines()
        yield [f"[{_spell(row, cell, letters)}]" for row in rows]


def nested_lists(array: np.ndarray, cell: Callable[[str], str], indent: str) -> Iterator[str]:
    """Yield an array as JSON lists, one row per line, in the shortest digits that read back, in chunks of several
    rows."""
    if array.ndim < 2 or not array.size:
        yield flow_text(array, cell)
        return
    lead = "[\n"
    if array.ndim == 2:
        for rows in flow_rows(array, cell):
            yield lead + ",\n".join(f"{indent}  {row}" for row in rows)
            lead = ",\n"
    else:
        for part in array:
            yield f"{lead}{indent}  "
            yield from nested_lists(part, cell, indent + "  ")
            lead = ",\n"
    yield f"\n{indent}]"


def _spell(row: str, cell: Callable[[str], str], letters: str) -> str:
    if any(letter in row for letter in letters):
        return ", ".join(map(cell, row.split(",")))
    return row.replace(",", ", ")


def flow_text(array: np.ndarray, cell: Callable[[str], str]) -> str:
    """Return an array with no axis, one axis or no cells on one line."""
    from attncli.numbers.numerals import shortest_texts

    if not array.size:
        return str(array.tolist())
    texts = ", ".join(map(cell, shortest_texts(array)))
    return f"[{texts}]" if array.ndim else texts
