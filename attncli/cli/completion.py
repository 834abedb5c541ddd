"""Shell completion of option values, also after the commas of a list."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

import typer

SOURCES = "files, FILE:NAME, - or numbers"
FORMATS = ("table", "csv", "tsv", "long", "json", "yaml", "markdown", "latex")
PAGES = ("text", "markdown", "latex", "html", "xlsx")
GRADIENTS = (
    *("d_values", "d_weights", "d_scores", "d_queries", "d_keys", "d_bias", "d_x", "d_context", "d_values_context"),
    *("d_w_q", "d_w_k", "d_w_v", "d_w_o", "d_b_q", "d_b_k", "d_b_v", "d_b_o"),
)
SHOWN = (
    "queries",
    "keys",
    "values",
    "raw_scores",
    "scores",
    "weights",
    "output",
    "lse",
    *GRADIENTS,
    "mask",
    "stats",
    "all",
)
VERDICTS = ("table", "json", "csv", "markdown")
COMPARISONS = ("table", "json", "markdown")
SAVED = ("npz", "npy", "csv", "json", "yaml")
READ = (
    *("csv", "tsv", "txt", "yaml", "json", "npy", "npz", "tex", "safetensors"),
    *("markdown", "xlsx", "mat", "h5", "mtx", "pb", "pt"),
)
QUERIES_AT_MOST = 100
STEPS = ("given", "raw", "scores", "masked", "exp", "weights", "output")


def complete_from(*values: str) -> Callable[[str], list[str]] | None:
    """Return a function that completes one of the values, or the next one of a list with commas; or None unless a shell
    asks, because typer examines the functions of all options at every start."""
    if not is_asked():
        return None

    def complete(incomplete: str) -> list[str]:
        before, comma, begun = incomplete.rpartition(",")
        taken = before.split(",")
        return [f"{before}{comma}{value}" for value in values if value.startswith(begun) and value not in taken]

    return complete


def is_asked() -> bool:
    """Return whether a shell started the program to complete a word."""
    return any(name.endswith("_COMPLETE") for name in os.environ)


def complete_source(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete FILE: to the names of the arrays in the file. Files themselves are left to the shell.

    Bash divides words at colons, so that only the name is completed; other shells complete the whole word.
    """
    path, colon, begun = incomplete.rpartition(":")
    before = f"{path}:" if path else ""
    if not path:
        words = [word for word in ctx.params.get("source") or [] if word is not None]
        words = words[:-1] if words and words[-1] == ":" else words if colon else []
        path = words[-1] if words else ""
    return [f"{before}{name}" for name in names_in(path) if name.startswith(begun)] if path else []


def names_in(path: str) -> list[str]:
    """Return the names of the arrays in a file, or none if it cannot be read."""
    from attncli.errors import AttncliError
    from attncli.files import read_bytes
    from attncli.formats import by_suffix, split_suffix
    from attncli.matrix import Reading

    format = by_suffix(split_suffix(path)[1])
    if format is None or not format.holds_many:
        return []
    try:
        return list(format.read(read_bytes(path), path, Reading()).matrices)
    except (AttncliError, OSError):
        return []


def complete_query(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the labels of a problem's queries, or their numbers if they have no labels."""
    from attncli.errors import AttncliError
    from attncli.inputs.matrices_apart import worksheet_from_matrices
    from attncli.inputs.problem_file import read_problem
    from attncli.inputs.sources import Sources
    from attncli.matrix import Reading
    from attncli.problem.prepare import prepare

    words = [*(ctx.params.get("source") or []), *ctx.args]  # the latter before an option without its value
    if not 1 <= len(words) <= 3:
        return []
    try:
        sources = Sources(no_standard_input, Reading())
        if len(words) == 1:
            read = read_problem(words[0], sources)
        else:
            read = worksheet_from_matrices(words[0], words[1], words[2] if len(words) == 3 else None, sources)
        problem = prepare(read.request)
    except (AttncliError, OSError, TypeError):
        return []
    labels = problem.words.labels.queries or tuple(map(str, range(min(problem.n, QUERIES_AT_MOST))))
    return [label for label in (*labels, "all") if label.startswith(incomplete)]


def no_standard_input() -> BinaryIO:
    """Raise an error, because the shell completes before anything comes in."""
    from attncli.errors import InputError

    raise InputError("standard input", "is not read for completion")
