"""Answers in which cells are blank: what is filled in is judged, and a blank is never right."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.report import MatrixCheck
from attncli.matrix import Array, count_blanks
from attncli.numbers.blanks import is_blank
from attncli.records import replace

if TYPE_CHECKING:
    from attncli.matrix import Matrix


def without_empty_column(matrix: Matrix) -> Matrix:
    """Return a table without its last column if nothing at all stands in it."""
    columns = matrix.array.shape[-1]
    if matrix.texts is None or any(matrix.texts[columns - 1 :: columns]):
        return matrix
    kept = tuple(text for index, text in enumerate(matrix.texts) if (index + 1) % columns)
    labels = matrix.column_labels and matrix.column_labels[:-1]
    return replace(matrix, array=matrix.array[..., :-1], texts=kept, column_labels=labels)


def fill_masked_cells(matrix: Matrix, lay: Callable[[Array], Array], computed: Array) -> Matrix:
    """Return scores with -inf in blank cells that are masked: nothing stands there where people and JSON write scores,
    and it is no missing answer."""
    return fill_blank_cells(matrix, lay, computed, np.isneginf(computed).reshape(-1))


def fill_blank_cells(
    matrix: Matrix, lay: Callable[[Array], Array], computed: Array, chosen: Array | None = None
) -> Matrix:
    """Return the matrix with the right numbers in its blank cells, or in those that are `chosen`, to as many decimals
    as it shows, so that only the others are judged.

    `lay` lays it over the computed numbers. It is returned as it is if it does not fit.
    """
    if matrix.texts is None or not count_blanks(matrix):
        return matrix
    order = lay(np.arange(matrix.array.size).reshape(matrix.array.shape))
    if order.shape != computed.shape:
        return matrix
    texts = list(matrix.texts)
    decimals = max((len(text.partition(".")[2]) for text in texts if not is_blank(text)), default=0)
    numbers = matrix.array.reshape(-1).copy()
    every = np.ones(computed.size, bool) if chosen is None else chosen
    for place, number, is_chosen in zip(order.reshape(-1).tolist(), computed.reshape(-1).tolist(), every, strict=True):
        if is_chosen and is_blank(texts[place]):
            texts[place] = f"{number:.{decimals}f}"
            numbers[place] = float(texts[place])
    return replace(matrix, array=numbers.reshape(matrix.array.shape), texts=tuple(texts))


def tell_blanks(rest: MatrixCheck, matrix: Matrix) -> MatrixCheck:
    """Return the check of a matrix of which the rest was judged: wrong, because of its blank cells."""
    blank = count_blanks(matrix)
    told = f"{blank} of its {matrix.array.size} cells {'is' if blank == 1 else 'are'} blank"
    if rest.said:
        return replace(rest, blank=blank, said=f"{rest.said}; {told}")
    if rest.verdict == "wrong":
        return replace(rest, blank=blank, errors=None, note=told)
    return MatrixCheck(
        what=rest.what,
        verdict="wrong",
        decimals=rest.decimals,
        max_error=None,
        at=None,
        expected=None,
        computed=None,
        said=f"{told}; the others are right",
        tolerance=rest.tolerance,
        blank=blank,
    )
