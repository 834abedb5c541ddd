"""Answers in which cells are blank: what is filled in is judged, and a blank is never right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attncli.check.expected_layouts import find_layout
from attncli.check.report import MatrixCheck
from attncli.matrix import Array, count_blanks
from attncli.numbers.blanks import is_blank
from attncli.records import record, replace

if TYPE_CHECKING:
    from attncli.matrix import Matrix
    from attncli.problem.problem import Problem


@record
class FilledMatrix:
    """An expected matrix with the right numbers in its blank cells, so that only the others are judged. `blanks` counts
    the cells without an answer."""

    matrix: Matrix
    blanks: int = 0

    def report(self, check: MatrixCheck) -> MatrixCheck:
        """Return the check of the cells that were judged as that of the whole matrix, which is wrong if some are
        blank."""
        if not self.blanks:
            return check
        said = f"{self.blanks} of its {self.matrix.array.size} cells {'is' if self.blanks == 1 else 'are'} blank"
        if check.said:
            return replace(check, blank=self.blanks, said=f"{check.said}; {said}")
        if check.verdict == "wrong":
            return replace(check, blank=self.blanks, errors=None, note=said)
        return MatrixCheck(
            what=check.what,
            verdict="wrong",
            decimals=check.decimals,
            said=f"{said}; the others are right",
            tolerance=check.tolerance,
            blank=self.blanks,
        )


def fill_blank_cells(name: str, matrix: Matrix, problem: Problem, computed: Array) -> FilledMatrix:
    """Return an expected matrix with the computed numbers in its blank cells, to the decimals that it shows.

    An empty last column that the result does not have is left out: a separator at the end of each line makes one. A
    masked score that is blank is no missing answer: people and JSON write nothing for -inf. A matrix of another shape
    is returned as it is.
    """
    if not count_blanks(matrix):
        return FilledMatrix(matrix)
    *lead, width = computed.shape
    if matrix.array.shape == (*lead, width + 1):
        matrix = _without_empty_column(matrix)
    assert matrix.texts is not None  # which show the blanks
    shape = matrix.array.shape
    order = find_layout(name, shape, problem)(np.arange(matrix.array.size).reshape(shape))
    if order.shape != computed.shape:
        return FilledMatrix(matrix, count_blanks(matrix))
    texts, numbers, blanks = list(matrix.texts), matrix.array.reshape(-1).copy(), 0
    decimals = max((len(text.partition(".")[2]) for text in texts if not is_blank(text)), default=0)
    for place, number in zip(order.reshape(-1).tolist(), computed.reshape(-1).tolist(), strict=True):
        if is_blank(texts[place]):
            blanks += name != "scores" or number != -np.inf
            texts[place] = f"{number:.{decimals}f}"
            numbers[place] = float(texts[place])
    return FilledMatrix(replace(matrix, array=numbers.reshape(shape), texts=tuple(texts)), blanks)


def _without_empty_column(matrix: Matrix) -> Matrix:
    """Return a table without its last column if nothing at all stands in it."""
    columns = matrix.array.shape[-1]
    if matrix.texts is None or any(matrix.texts[columns - 1 :: columns]):
        return matrix
    kept = tuple(text for index, text in enumerate(matrix.texts) if (index + 1) % columns)
    labels = matrix.column_labels and matrix.column_labels[:-1]
    return replace(matrix, array=matrix.array[..., :-1], texts=kept, column_labels=labels)
