"""Shell completion of option values, also after the commas of a list."""

from __future__ import annotations

from collections.abc import Callable

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
STEPS = ("given", "raw", "scores", "masked", "exp", "weights", "output")


def complete_from(*values: str) -> Callable[[str], list[str]]:
    """Return a function that completes one of the values, or the next one of a list with commas."""

    def complete(incomplete: str) -> list[str]:
        before, comma, begun = incomplete.rpartition(",")
        taken = before.split(",")
        return [f"{before}{comma}{value}" for value in values if value.startswith(begun) and value not in taken]

    return complete
