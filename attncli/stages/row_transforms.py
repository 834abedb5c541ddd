"""Changes to the rows of Q and K before they are scored: first a norm (qk-norm), then rotary positions (rope).

A norm maps rows (…, n, d) to rows. A rotation turns pairs of columns by position · base^(−2c/d): either (c, c + d/2) or
(2c, 2c + 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from attncli.expressions import (
    QUERY,
    QUERY_LENGTH,
    Expression,
    Symbol,
    add,
    constant,
    divide,
    function,
    multiply,
    negate,
    power,
    root,
    square,
    subtract,
)
from attncli.records import record
from attncli.similarities import unit_rows, unit_rows_backward

if TYPE_CHECKING:
    from numpy import ndarray

BASE = 10000.0
WIDTH = Symbol("d")  # the number of features of a row, or of its rotated part
# a pair of features (FIRST, SECOND), number COUNT of its row, which is rotated by ANGLE
FIRST, SECOND, ANGLE, COUNT = Symbol("a"), Symbol("b"), Symbol("angle"), Symbol("c")
POSITION, FACTOR, BASE_OF_SPEEDS = Symbol("position"), Symbol("factor"), Symbol("base")
TURN = multiply(divide(POSITION, FACTOR), power(BASE_OF_SPEEDS, divide(negate(multiply(constant(2), COUNT)), WIDTH)))
COSINE, SINE = function("cos", ANGLE), function("sin", ANGLE)
TURNED_FIRST = subtract(multiply(FIRST, COSINE), multiply(SECOND, SINE))
TURNED_SECOND = add(multiply(FIRST, SINE), multiply(SECOND, COSINE))


@record
class RowNorm:
    """One way to normalize the rows of Q and K: its formula for a row q, its words, its function, derivative and
    source.

    `entry` is one number of a row that is not all 0.
    """

    name: str
    formula: str
    explained: str
    source: str
    apply: Callable[[ndarray], ndarray]
    backward: Callable[[ndarray, ndarray], ndarray]  # the input rows, the gradient of the output → that of the input
    entry: Expression


def over_root_mean_square(rows: ndarray) -> ndarray:
    """Divide each row by its root mean square. A zero row remains zero."""

    scaled: ndarray = unit_rows(rows) * rows.dtype.type(math.sqrt(rows.shape[-1]))
    return scaled


def root_mean_square_backward(rows: ndarray, d_scaled: ndarray) -> ndarray:
    """Return √d times the derivative of the unit row."""

    d_rows: ndarray = unit_rows_backward(rows, d_scaled) * rows.dtype.type(math.sqrt(rows.shape[-1]))
    return d_rows


ROW_NORMS = (
    RowNorm(
        name="l2",
        formula="q / ‖q‖",
        explained="over its Euclidean length",
        source="Henry et al. 2020 (query-key normalization)",
        apply=unit_rows,
        backward=unit_rows_backward,
        entry=divide(QUERY, QUERY_LENGTH),
    ),
    RowNorm(
        name="rms",
        formula="q / √(Σq²/d)",
        explained="over its root mean square",
        source="Zhang and Sennrich 2019 (RMSNorm), as in Gemma 3 and Qwen 3",
        apply=over_root_mean_square,
        backward=root_mean_square_backward,
        entry=divide(QUERY, root(divide(square(QUERY_LENGTH), WIDTH))),
    ),
)
ROW_NORM_NAMES = tuple(norm.name for norm in ROW_NORMS)
NORM_BY_NAME = {norm.name: norm for norm in ROW_NORMS}


@record
class Pairing:
    """The columns that a rotation turns together, as slices of the first and of the second column of each pair."""

    name: str
    explained: str
    source: str
    first: Callable[[int], slice]
    second: Callable[[int], slice]


PAIRINGS = (
    Pairing(
        name="half",
        explained="pairs (c, c + d/2)",
        source="GPT-NeoX, Llama as transformers has it",
        first=lambda size: slice(0, size // 2),
        second=lambda size: slice(size // 2, size),
    ),
    Pairing(
        name="interleaved",
        explained="pairs (2c, 2c + 1)",
        source="Su et al. 2021 (RoFormer), GPT-J",
        first=lambda size: slice(0, size, 2),
        second=lambda size: slice(1, size, 2),
    ),
)
PAIRING_NAMES = tuple(pairing.name for pairing in PAIRINGS)
PAIRING_BY_NAME = {pairing.name: pairing for pairing in PAIRINGS}


@record
class Rotation:
    """Rotary positions: the first `size` columns are rotated in pairs, by position/`factor` · `base`^(−2c/size)."""

    pairing: Pairing
    base: float
    size: int
    factor: float

    def angles(self, positions: ndarray) -> ndarray:
        """Return the angles (…, n, size/2) of positions (…, n), in float64."""
        import numpy as np

        speeds = self.base ** (-2 * np.arange(self.size // 2) / self.size)
        found: ndarray = np.asarray(positions, np.float64)[..., None] / self.factor * speeds
        return found

    def apply(self, rows: ndarray, positions: ndarray) -> ndarray:
        """Rotate rows (…, n, d) at positions (…, n): a cos − b sin, a sin + b cos for each pair (a, b)."""
        return self._turn(rows, self.angles(positions))

    def backward(self, d_rows: ndarray, positions: ndarray) -> ndarray:
        """Rotate the gradient back by the same angles: the transpose of a rotation is its inverse."""
        return self._turn(d_rows, -self.angles(positions))

    def _turn(self, rows: ndarray, angles: ndarray) -> ndarray:
        import numpy as np

        cosine, sine = (function(angles).astype(rows.dtype) for function in (np.cos, np.sin))
        first, second = (..., self.pairing.first(self.size)), (..., self.pairing.second(self.size))
        turned = rows.copy()
        turned[first] = rows[first] * cosine - rows[second] * sine
        turned[second] = rows[first] * sine + rows[second] * cosine
        return turned

    @property
    def words(self) -> str:
        """Return the description of the rotation, for the conventions in force."""
        text = f"{self.pairing.name}: {self.pairing.explained}, base {self.base:g}"
        return text + ("" if self.factor == 1 else f", positions over {self.factor:g}")
