"""Errors of worksheets that cannot be checked: nothing is expected, or what the problem does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attncli.errors import ProblemError
from attncli.files import exists
from attncli.inputs.array_names import result_name
from attncli.inputs.request import GRADIENT_NAMES, RESULT_NAMES
from attncli.problem.label_orders import COLUMNS, ROWS, in_order_of_numbers, labels_along, refuse_other_order
from attncli.results.targets import labels_of_columns, labels_of_rows

if TYPE_CHECKING:
    from attncli.inputs.request import Labels, Worksheet
    from attncli.matrix import Matrix
    from attncli.problem.problem import Problem


def refuse_nothing_expected(worksheet: Worksheet) -> None:
    """Raise ProblemError if the worksheet has no expected numbers."""
    if not worksheet.expected:
        what = "nothing is expected, so there is nothing to check"
        raise ProblemError(worksheet.where, what, _name_expected(worksheet))


def _name_expected(worksheet: Worksheet) -> str:
    """Return how to name the expected numbers: those that the source itself holds, or others."""
    own = worksheet.left_out if exists(worksheet.where) else ()
    for name in own:
        if (result := result_name(name)) in RESULT_NAMES:
            return f"--expect-{result.replace('_', '-')} {worksheet.where}:{name}"
    if len(own) == 1:
        return f"--expect-output {worksheet.where}:{own[0]}, if it is the output"
    return "expected: {output: […]} in the file, or --expect-output SOURCE"


def refuse_misfits(worksheet: Worksheet, problem: Problem) -> None:
    """Raise ProblemError if a result is expected that the problem does not have, or rows or columns in another
    order."""
    if "output" in worksheet.expected and problem.values is None:
        raise ProblemError(worksheet.where, "an output is expected, but there are no values", "give V, or w_v")
    _refuse_gradients(worksheet, problem)
    for name, matrix in worksheet.expected.items():
        _refuse_other_orders(matrix, name, problem.words.labels)


def _refuse_gradients(worksheet: Worksheet, problem: Problem) -> None:
    """Raise ProblemError if a gradient is expected that the problem does not have."""
    for name in worksheet.expected:
        if name in GRADIENT_NAMES and problem.d_output is None:
            what = f"{name} is expected, but no gradient arrives at the output"
            raise ProblemError(worksheet.where, what, "add d_output, of the output's shape or the word ones; or --grad")
        if name in GRADIENT_NAMES and name not in problem.shapes():
            raise ProblemError(worksheet.where, f"{name} is expected, but the problem has no {name.removeprefix('d_')}")


def _refuse_other_orders(matrix: Matrix, name: str, labels: Labels) -> None:
    """Raise ProblemError for an expected matrix whose rows or columns are labelled in another order than the
    problem's."""
    for axis, known in ((ROWS, labels_of_rows(labels, name)), (COLUMNS, labels_of_columns(labels, name))):
        right = in_order_of_numbers(labels_along(matrix, axis)) if known is None else known
        if right is not None:
            refuse_other_order(matrix, axis, f"those of the right {name}", right)
