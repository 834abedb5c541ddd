"""Problem files written from worksheets, to be read back."""

from __future__ import annotations

from typing import Any

import numpy as np

from attncli.formats.yaml import block, scalar
from attncli.inputs.problem_file import LABELLED
from attncli.inputs.request import MATRIX_NAMES, Worksheet
from attncli.inputs.settings import BY_KEY


def write_problem(worksheet: Worksheet) -> str:
    """Return the worksheet as a problem file that reads back to it, except for the names and texts of its matrices."""
    request = worksheet.request
    lines = [
        f"{key}: {scalar(text)}\n"
        for key, text in (("title", worksheet.title), ("source", worksheet.source))
        if text is not None
    ]
    for key, setting in BY_KEY.items():
        if (value := getattr(request, setting.name)) is not None:
            lines.append(f"{key}: {_setting(value)}\n")
    labels = {kind: names for kind in LABELLED if (names := getattr(request.labels, kind)) is not None}
    if labels:
        lines.append("labels:\n")
        lines += [f"  {kind}: [{', '.join(map(scalar, names))}]\n" for kind, names in labels.items()]
    for name in MATRIX_NAMES:
        if (matrix := getattr(request, name)) is not None:
            lines += [chunk.decode() for chunk in block(name, _integral(matrix.array))]
    if worksheet.expected:
        lines.append("expected:\n")
        for name, matrix in worksheet.expected.items():
            lines += [chunk.decode() for chunk in block(name, matrix.array, "  ")]
    if isinstance(worksheet.digits, int):
        lines.append(f"digits: {worksheet.digits}\n")
    elif worksheet.digits:
        lines.append("digits:\n")
        lines += [f"  {name}: {number}\n" for name, number in worksheet.digits.items()]
    return "".join(lines)


def _setting(value: Any) -> str:
    from attncli.formats.yaml import scalar

    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return scalar(value) if isinstance(value, str) else repr(value)


def _integral(array: np.ndarray) -> np.ndarray:
    """Return whole numbers as integers, which are easier to read, and other arrays unchanged."""
    if array.dtype.kind != "f" or not (np.abs(array) < 2**53).all() or (array != np.floor(array)).any():
        return array
    return array if (np.signbit(array) & (array == 0)).any() else array.astype(np.int64)
