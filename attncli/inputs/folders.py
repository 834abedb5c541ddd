"""Folders that are a problem, and folders of problems."""

# A path stays the text that was typed.
# ruff: noqa: PTH118
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from attncli.files import is_folder, list_folder
from attncli.formats import by_suffix, split_suffix
from attncli.inputs.array_names import matrix_name
from attncli.inputs.onnx_case import is_attention_case

PROBLEM_FORMATS = ("yaml", "json", "npz", "safetensors")  # whose files may hold a whole problem


def problems_in(folder: str) -> list[str]:
    """Return the paths of the problem files in a folder and of its subfolders that are problems, sorted by name.

    Names that begin with a dot are left out.
    """
    found = []
    for entry in list_folder(folder):
        path = os.path.join(folder, entry)
        is_problem = is_problem_folder if is_folder(path) else is_problem_file
        if not entry.startswith(".") and is_problem(path):
            found.append(path)
    return found


def is_problem_file(path: str) -> bool:
    """Return whether the name is that of a file that may hold a whole problem."""
    format = by_suffix(split_suffix(path)[1])
    return format is not None and format.name in PROBLEM_FORMATS


def is_problem_folder(folder: str) -> bool:
    """Return whether the folder holds q.* and k.* (or queries.* and keys.*), or is an ONNX test case."""
    return {"queries", "keys"} <= matrices_in(folder) or is_attention_case(folder)


def matrices_in(folder: str) -> set[str]:
    """Return the matrices of a problem that the files in a folder are called after."""
    return {name for stem in matrix_files(list_folder(folder)) if (name := matrix_name(stem)) is not None}


def matrix_files(names: Iterable[str]) -> Iterator[str]:
    """Yield the stems of the files that may be a matrix of a problem folder."""
    for name in names:
        stem, suffix = split_suffix(name)
        if by_suffix(suffix) is not None:
            yield stem
