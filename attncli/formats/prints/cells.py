"""Converting numbers as programming languages write them to the grammar of `numerals`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attncli.numbers import numerals
from attncli.numbers.numerals import NumeralError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

_SCALAR = re.compile(  # np.float64(1.5), float('-inf'), torch.tensor(2.)
    r"(-?)(?:(?:np|numpy|jnp|torch|tf|mx)\.)?(?:float(?:16|32|64)?|u?int(?:8|16|32|64)?|bool_?|bfloat16|array|tensor|Integer|Decimal)"
    r"\(([^()]*)\)"
)
_NONFINITE = re.compile(
    r"(-?)(?:(?:np|numpy|math|torch|jnp|jax\.numpy|tf\.math|mx)\.|f(?:32|64)::|(?:Double|Float|Number)\.)?"
    r"(inf|infty|Infinity|INFINITY|nan|NaN|NAN|NEG_INFINITY)"
)
_QUOTED = re.compile(r"([\"'])\s*([-+.0-9\N{MINUS SIGN}][-+.0-9eE/]*|[+-]?\.?(?:inf|infinity|nan))\s*\1", re.IGNORECASE)
_SUFFIX = re.compile(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?:[fF]|_?f(?:32|64)|[dD])"
)  # of C, Rust, Java
_JULIA_SINGLE = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))f(?!(?:16|32|64|128)$)([+-]?[0-9]{1,3})")  # 1.5f0
_POWER = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:`[0-9.]*)?\*\^([+-]?[0-9]+)")  # Mathematica's exponent
_PRECISION = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))`[0-9.]*")
_INTEGER = re.compile(r"([+-]?[0-9]+)L")  # R's integer


def plain(text: str) -> str:
    """Return a number of a programming language in our grammar. Any other text is returned unchanged, for `numerals` to
    refuse."""
    if text[-1:].isdigit() and "f" not in text and text[:1] not in "\"'" and "`" not in text and "*" not in text:
        return text
    if scalar := _SCALAR.fullmatch(text):
        inner = plain(scalar[2].strip())
        return inner if not scalar[1] else inner[1:] if inner.startswith("-") else f"-{inner}"
    if text in ("np.True_", "np.False_"):
        return text[3:-1]
    if nonfinite := _NONFINITE.fullmatch(text):
        return nonfinite[1] + nonfinite[2].lower().replace("infinity", "inf").replace("infty", "inf").replace(
            "neg_", "-"
        )
    if quoted := _QUOTED.fullmatch(text):
        return quoted[2]
    for pattern in (_SUFFIX, _PRECISION, _INTEGER):
        if found := pattern.fullmatch(text):
            return found[1]
    if power := _POWER.fullmatch(text) or _JULIA_SINGLE.fullmatch(text):
        return f"{power[1]}e{power[2]}"
    return text


def parse(texts: Sequence[str], *, leading_zero: bool = True) -> tuple[np.ndarray, list[str]]:
    """Return the numbers, and their texts in our grammar.

    Raises NumeralError for a text that is not a number, quoted as written.
    """
    cells = [plain(text) for text in texts]
    try:
        return numerals.parse_cells(cells, leading_zero=leading_zero), cells
    except NumeralError as error:
        if texts[error.index] not in numerals.TRUTHS and texts[error.index].strip("\"'") in numerals.TRUTHS:
            what = f"{numerals.quote(texts[error.index])} is text, not a boolean"
            raise NumeralError(what, "write it without quotes", error.index) from None
        if cells[error.index] == texts[error.index]:
            raise
        what = error.what.replace(numerals.quote(cells[error.index]), numerals.quote(texts[error.index]))
        raise NumeralError(what, error.hint, error.index) from None
