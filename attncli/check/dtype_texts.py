"""Whether texts are those of numbers of a dtype, which lie as far apart as its spacing."""

from __future__ import annotations

import numpy as np

from attncli.check.blocks import block_indices
from attncli.check.precision import Claims
from attncli.check.shown import read_texts
from attncli.matrix import Array
from attncli.numbers.numerals import shortest_texts

FLOAT32_DIGITS = 2.0  # decimal digits that show the dtype of printed numbers: one case in a hundred has them by chance


def are_float32(array: Array, claims: Claims, *, is_known: bool = False) -> bool:
    """Return whether every number is a float32 in its shortest or a longer text.

    If the texts are too short to tell, and it is not known, their lengths must differ, as those of shortest texts do
    and those of a fixed number of decimals do not.
    """
    if not np.isfinite(array).any():
        return False
    is_known = is_known or evidence_of(array, claims, "float32") >= FLOAT32_DIGITS
    if not is_known and _spread_of_units(array, claims) < 0.5:
        return False
    return all(_are_texts_of_float32(array[where], claims.at(where)) for where in block_indices(array.shape))


def _spread_of_units(array: Array, claims: Claims) -> float:
    """Return by how many powers of ten the units of the last digits of finite numbers differ."""
    least, most = np.inf, -np.inf
    for where in block_indices(array.shape):
        with np.errstate(divide="ignore"):  # of a fraction
            powers = np.log10(claims.at(where).shown[np.isfinite(array[where])])
        least, most = min(least, float(powers.min(initial=np.inf))), max(most, float(powers.max(initial=-np.inf)))
    return most - least


def _are_texts_of_float32(array: Array, claims: Claims) -> bool:
    finite = np.isfinite(array)
    values, shown = array[finite], claims.shown[finite]
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        return False
    wide = narrow.astype(np.float64)
    # for a float32 halfway between two texts, the difference itself is rounded
    longer = np.abs(values - wide) <= shown / 2 + np.spacing(np.abs(wide))
    others = ~longer
    texts = shortest_texts(narrow[others])
    least = read_texts(texts).digits if texts else np.zeros(0, np.int32)
    brief = (np.array(texts, np.float64) == values[others]) & (claims.digits[finite][others] <= least)
    return bool(brief.all())


def evidence_of(array: Array, claims: Claims, dtype: str) -> float:
    """Return how many decimal digits of evidence there are if all texts are those of numbers of the dtype: of ten texts
    whose unit is a tenth of its spacing, one is by chance. Numbers of few bits, such as 0.5, are in any dtype."""
    digits = 0.0
    for where in block_indices(array.shape):
        own, block = claims.at(where), array[where]
        with np.errstate(over="ignore"):
            use = np.isfinite(block) & (block != block.astype(np.float16)) & (own.shown > 0)
        digits += digits_beyond(block[use], own.unit[use], own.shown[use], dtype)
    return digits


def digits_beyond(values: Array, claimed: Array, shown: Array, dtype: str) -> float:
    """Return how many decimal digits these numbers have in all that the spacing of the dtype leaves to chance, by one
    unit of the last digit that each claims and that its text shows."""
    units = np.where(claimed > 0, np.minimum(claimed, shown), shown)
    return float(np.log10(np.maximum(spacing(values, dtype) / units, 1)).sum())


def finer_than(array: Array, claims: Claims, dtype: str) -> bool:
    """Return whether some text has a unit below the spacing of the dtype, so that few decimals are numbers of this
    dtype."""
    return any(
        bool((np.isfinite(array[where]) & (claims.at(where).shown < spacing(array[where], dtype))).any())
        for where in block_indices(array.shape)
    )


def spacing(computed: Array, dtype: str) -> Array:
    """Return one unit in the last place of each number in this dtype."""
    size = np.abs(np.where(np.isfinite(computed), computed, 0))
    if dtype == "bfloat16":
        found: Array = np.spacing(size.astype(np.float32)).astype(np.float64) * 2**16
        return found
    kind = np.dtype(dtype).type
    largest = np.nextafter(np.finfo(kind).max, kind(0))  # the last one whose spacing is finite
    with np.errstate(over="ignore"):
        narrow = np.minimum(size, float(largest)).astype(kind)
    wide: Array = np.spacing(narrow).astype(np.float64)
    return wide
