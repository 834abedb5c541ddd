"""The variants of attention. They differ only in the score, so a variant is one function and one record here.

Choices, help, the table of `attncli variants`, the formula of explain, the property tests and the table in README are
derived from `VARIANTS`. A score function takes queries (…, b, d_k) and keys (…, t, d_k) of one floating dtype and
returns the raw scores (…, b, t) in that dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from attncli.expressions import (
    KEY,
    KEY_LENGTH,
    PRODUCTS,
    QUERY,
    QUERY_LENGTH,
    TOTAL,
    Expression,
    Numeral,
    Symbol,
    absolute,
    add,
    constant,
    divide,
    euclidean_norm,
    fraction,
    function,
    juxtapose,
    manhattan_norm,
    multiply,
    negate,
    square,
    subtract,
)
from attncli.records import record

if TYPE_CHECKING:
    from numpy import ndarray


FEATURE_WEIGHT = Symbol("v", "a")  # of the term of one feature
PRODUCT_READING = "it is large where both are large in the same features, and negative where their signs differ"
DISTANCE_READING = "it is 0 where they are equal, and the further below 0 the more they differ"


def dot(queries: ndarray, keys: ndarray) -> ndarray:
    """Return q·k for every pair: (…, b, t) from (…, b, d_k) and (…, t, d_k)."""
    product: ndarray = queries @ keys.mT
    return product


def negative_manhattan(queries: ndarray, keys: ndarray) -> ndarray:
    """Return −Σ|q − k| for every pair, summed by coordinate, so that memory stays at two tiles."""
    return _negative_sum(queries, keys, lambda difference: abs_in_place(difference))


def negative_half_square(queries: ndarray, keys: ndarray) -> ndarray:
    """Return −Σ(q − k)²/2 for every pair, from the differences, because q² − 2qk + k² would cancel for near
    neighbours."""
    total = _negative_sum(queries, keys, lambda difference: square_in_place(difference))
    total *= total.dtype.type(0.5)
    return total


def zero_scores(queries: ndarray, keys: ndarray) -> ndarray:
    """Return 0 for every pair."""
    import numpy as np

    return np.zeros((*queries.shape[:-1], keys.shape[-2]), queries.dtype)


def unit_rows(rows: ndarray) -> ndarray:
    """Divide each row by its Euclidean length. A zero row remains zero.

    Rows are first divided by their largest entry, so that no square overflows or underflows.
    """
    import numpy as np

    with np.errstate(invalid="ignore"):  # an infinity, if allowed, has no direction
        largest = np.abs(rows).max(axis=-1, keepdims=True, initial=0)
        rows = rows / np.where(largest > 0, largest, 1)
        length = np.sqrt(np.square(rows).sum(axis=-1, keepdims=True))
        unit: ndarray = rows / np.where(length > 0, length, 1)
    return unit


def additive(queries: ndarray, keys: ndarray, weights: tuple[float, ...] | None = None) -> ndarray:
    """Return Σ v·tanh(q + k) for every pair, summed by coordinate, with weights v (d_k,) or ones."""
    import numpy as np

    total = np.zeros((*queries.shape[:-1], keys.shape[-2]), queries.dtype)
    for column, bent in _bent_sums(queries, keys, total):
        if weights is not None:
            bent *= bent.dtype.type(weights[column])
        total += bent
    return total


def _bent_sums(queries: ndarray, keys: ndarray, like: ndarray) -> Iterator[tuple[int, ndarray]]:
    """Yield tanh(q + k) of each coordinate for every pair, in one array that is used again."""
    import numpy as np

    bent = np.empty_like(like)
    by_column = np.ascontiguousarray(keys.mT)
    for column in range(queries.shape[-1]):
        np.add(queries[..., column, None], by_column[..., column, None, :], out=bent)
        np.tanh(bent, out=bent)
        yield column, bent


def abs_in_place(difference: ndarray) -> None:
    import numpy as np

    np.abs(difference, out=difference)


def square_in_place(difference: ndarray) -> None:
    import numpy as np

    np.multiply(difference, difference, out=difference)


def _negative_sum(queries: ndarray, keys: ndarray, term: Callable[[ndarray], None]) -> ndarray:
    import numpy as np

    total = np.zeros((*queries.shape[:-1], keys.shape[-2]), queries.dtype)
    difference = np.empty_like(total)
    by_column = np.ascontiguousarray(keys.mT)
    for column in range(queries.shape[-1]):
        np.subtract(queries[..., column, None], by_column[..., column, None, :], out=difference)
        term(difference)
        total -= difference
    return total


TILE = 256, 512  # queries and keys of the sums of differences: half a megabyte in float32


def dot_backward(queries: ndarray, keys: ndarray, d_scores: ndarray) -> tuple[ndarray, ndarray]:
    """Return dS K and dSᵀ Q."""
    return d_scores @ keys, d_scores.mT @ queries


def manhattan_backward(queries: ndarray, keys: ndarray, d_scores: ndarray) -> tuple[ndarray, ndarray]:
    """Return ∓Σ dS · sign(q − k), summed by coordinate. The sign of 0 is 0."""
    return _sum_differences(queries, keys, d_scores, takes_sign=True)


def half_square_backward(queries: ndarray, keys: ndarray, d_scores: ndarray) -> tuple[ndarray, ndarray]:
    """Return ∓Σ dS · (q − k), from the differences, as for the scores."""
    return _sum_differences(queries, keys, d_scores, takes_sign=False)


def additive_backward(
    queries: ndarray, keys: ndarray, d_scores: ndarray, weights: tuple[float, ...] | None = None
) -> tuple[ndarray, ndarray]:
    """Return Σ dS · v (1 − tanh²(q + k)), the same for both sides, summed by coordinate."""
    import numpy as np

    d_queries, d_keys = np.empty_like(queries), np.empty_like(keys)
    for column, bent in _bent_sums(queries, keys, d_scores):
        np.multiply(bent, bent, out=bent)
        np.subtract(1, bent, out=bent)
        bent *= d_scores
        factor = bent.dtype.type(1 if weights is None else weights[column])
        d_queries[..., column] = factor * bent.sum(axis=-1)
        d_keys[..., column] = factor * bent.sum(axis=-2)
    return d_queries, d_keys


def no_backward(queries: ndarray, keys: ndarray, _d_scores: ndarray) -> tuple[ndarray, ndarray]:
    """Return 0, because the scores depend on neither."""
    import numpy as np

    return np.zeros_like(queries), np.zeros_like(keys)


def _sum_differences(
    queries: ndarray, keys: ndarray, d_scores: ndarray, *, takes_sign: bool
) -> tuple[ndarray, ndarray]:
    """Return −Σ dS · f(q − k) over the keys and Σ dS · f(q − k) over the queries, where f is the sign or the identity.

    It is computed by coordinate in tiles that fit into the cache, and summed by BLAS.
    """
    import numpy as np

    d_queries, d_keys = np.zeros_like(queries), np.zeros_like(keys)
    queries_by_column, keys_by_column = np.ascontiguousarray(queries.mT), np.ascontiguousarray(keys.mT)
    for top in range(0, queries.shape[-2], TILE[0]):
        for left in range(0, keys.shape[-2], TILE[1]):
            rows, columns = slice(top, top + TILE[0]), slice(left, left + TILE[1])
            amounts = np.ascontiguousarray(d_scores[..., rows, columns])
            difference, is_equal = np.empty_like(amounts), np.empty(amounts.shape, np.bool_)
            over_keys, over_queries = (np.ones(size, amounts.dtype) for size in amounts.shape[:-3:-1])
            for c in range(queries.shape[-1]):
                left_side, right_side = queries_by_column[..., c, rows, None], keys_by_column[..., c, None, columns]
                np.subtract(left_side, right_side, out=difference)
                if takes_sign:
                    _copy_signs(difference, amounts, is_equal)
                else:
                    difference *= amounts
                d_queries[..., rows, c] -= difference @ over_keys
                d_keys[..., columns, c] += over_queries @ difference
    return d_queries, d_keys


def _copy_signs(difference: ndarray, amounts: ndarray, is_equal: ndarray) -> None:
    """Replace the difference by amount · sign(difference), using its bits, because np.sign takes five times as long."""
    import numpy as np

    integers = np.dtype(f"i{amounts.itemsize}")
    np.equal(difference, 0, out=is_equal)
    bits = difference.view(integers)
    np.bitwise_and(bits, np.iinfo(integers).min, out=bits)
    np.bitwise_xor(bits, amounts.view(integers), out=bits)
    if is_equal.any():
        difference[is_equal] = 0


def unit_rows_backward(rows: ndarray, d_unit: ndarray) -> ndarray:
    """Return (dy − y (y·dy)) / ‖x‖ for y = x / ‖x‖, or 0 for a zero row, which has no direction."""
    import numpy as np

    unit = unit_rows(rows)
    largest = np.abs(rows).max(axis=-1, keepdims=True, initial=0)
    scaled = rows / np.where(largest > 0, largest, 1)
    length = np.sqrt(np.square(scaled).sum(axis=-1, keepdims=True)) * largest
    across = d_unit - unit * (unit * d_unit).sum(axis=-1, keepdims=True)
    d_rows: ndarray = np.where(length > 0, across / np.where(length > 0, length, 1), rows.dtype.type(0))
    return d_rows


@record
class Variant:
    """One way to score a query against a key.

    `formula` and `similarity` are the raw score, and `compared` describes it. For explain, `term` is the contribution
    of each feature (None if there is none), `raw_score` is the score in terms of their sum, and `reading` is the
    meaning of a large score. `default_scale` is an expression of dk, or 1/ℓ to the `length_power`, if that is not 0.

    `prepare`, if any, maps the rows of Q and K before they are scored. `bound(q, k, d_k)` is an upper bound of |raw
    score| for prepared rows whose Euclidean norms are at most q and k. `backward(q, k, dS)` returns the gradients (…,
    b, d_k) and (…, t, d_k) of prepared rows from those of their raw scores, and `prepare_backward(rows, d_prepared)`
    those of the rows before. Explain writes `query_slope` and `key_slope`, the derivatives of a raw score by one
    feature of the prepared rows (None: 0). A variant that `takes_weights` multiplies each feature's term by one of
    `weights` (d_k,), or by 1. `is_product`: the score is a matrix product of the prepared rows.
    `is_constant`: it depends on neither.
    """

    name: str
    formula: str
    similarity: Expression
    compared: str
    term: Expression | None
    raw_score: Expression
    reading: str
    default_scale: str
    source: str
    score: Callable[[ndarray, ndarray], ndarray]
    bound: Callable[[float, float, int], float]
    backward: Callable[[ndarray, ndarray, ndarray], tuple[ndarray, ndarray]]
    prepare: Callable[[ndarray], ndarray] | None = None
    prepare_backward: Callable[[ndarray, ndarray], ndarray] | None = None
    query_slope: Expression | None = None
    key_slope: Expression | None = None
    length_power: int = 0
    is_product: bool = False
    is_constant: bool = False
    takes_weights: bool = False
    weights: tuple[float, ...] | None = None

    def with_weights(self, weights: tuple[float, ...]) -> Variant:
        """Return the variant with these weights of the features in everything that it computes and writes."""
        assert self.term is not None
        assert self.query_slope is not None
        assert self.key_slope is not None
        total = float(sum(map(abs, weights)))
        score: Callable[..., ndarray] = self.score
        backward: Callable[..., tuple[ndarray, ndarray]] = self.backward
        return replace(
            self,
            weights=weights,
            term=multiply(FEATURE_WEIGHT, self.term),
            query_slope=multiply(FEATURE_WEIGHT, self.query_slope),
            key_slope=multiply(FEATURE_WEIGHT, self.key_slope),
            score=partial(score, weights=weights),
            backward=partial(backward, weights=weights),
            bound=lambda _q, _k, _d_k: total,
        )

    def weight_of(self, feature: int) -> dict[Expression, Expression]:
        """Return what takes the place of the weight in the term of a feature."""
        if self.weights is None:
            return {}
        weight = self.weights[feature]
        return {FEATURE_WEIGHT: Numeral(weight, repr(weight).removesuffix(".0"))}

    @property
    def is_dot(self) -> bool:
        """Return whether the raw score is the dot product of the rows as they are."""
        return self.is_product and self.prepare is None

    @property
    def has_length(self) -> bool:
        """Return whether a length scale ℓ divides the distance."""
        return self.length_power > 0

    @property
    def length_symbol(self) -> str:
        """Return the divisor of a distance: ℓ, or ℓ² if the distance is squared."""
        return self.default_scale.removeprefix("1/")

    @property
    def explained(self) -> str:
        """Return the raw score and the default scale in words."""
        if self.is_constant:
            return self.compared
        if self.has_length:
            return explain_score(self, f"divided by {self.length_symbol}")
        return explain_score(self, "unscaled" if self.default_scale == "1" else "divided by √d_k")

    def length_scale_factor(self, length_scale: float) -> float:
        """Return the factor of the scores for ℓ: 1/ℓ for a distance, 1/ℓ² for a squared one."""
        return length_scale**-self.length_power


def explain_score(variant: Variant, scaling: str) -> str:
    """Return what is compared, and how it is scaled: "the Manhattan distance, negated and divided by ℓ"."""
    if not scaling:
        return variant.compared
    return f"{variant.compared}{' and ' if ', ' in variant.compared else ', '}{scaling}"


VARIANTS = (
    Variant(
        name="scaled",
        formula="q·k",
        similarity=PRODUCTS,
        compared="the dot product",
        term=multiply(QUERY, KEY),
        raw_score=TOTAL,
        reading=PRODUCT_READING,
        default_scale="1/sqrt(dk)",
        source="Vaswani et al. 2017, eq. 1",
        score=dot,
        bound=lambda q, k, _d_k: q * k,
        backward=dot_backward,
        query_slope=KEY,
        key_slope=QUERY,
        is_product=True,
    ),
    Variant(
        name="dot",
        formula="q·k",
        similarity=PRODUCTS,
        compared="the dot product",
        term=multiply(QUERY, KEY),
        raw_score=TOTAL,
        reading=PRODUCT_READING,
        default_scale="1",
        source="Luong et al. 2015",
        score=dot,
        bound=lambda q, k, _d_k: q * k,
        backward=dot_backward,
        query_slope=KEY,
        key_slope=QUERY,
        is_product=True,
    ),
    Variant(
        name="laplace",
        formula="−‖q − k‖₁",
        similarity=negate(manhattan_norm(subtract(QUERY, KEY))),
        compared="the Manhattan distance, negated",
        term=absolute(subtract(QUERY, KEY)),
        raw_score=negate(TOTAL),
        reading=DISTANCE_READING,
        default_scale="1/ℓ",
        source="Kim et al. 2019 (Attentive Neural Processes)",
        score=negative_manhattan,
        bound=lambda q, k, d_k: (q + k) * d_k**0.5,
        backward=manhattan_backward,
        query_slope=negate(function("sign", subtract(QUERY, KEY))),
        key_slope=function("sign", subtract(QUERY, KEY)),
        length_power=1,
    ),
    Variant(
        name="gaussian",
        formula="−‖q − k‖₂² / 2",
        similarity=fraction(negate(square(euclidean_norm(subtract(QUERY, KEY)))), constant(2)),
        compared="half the squared Euclidean distance, negated",
        term=square(subtract(QUERY, KEY)),
        raw_score=divide(negate(TOTAL), constant(2)),
        reading=DISTANCE_READING,
        default_scale="1/ℓ²",
        source="Nadaraya 1964, Watson 1964",
        score=negative_half_square,
        bound=lambda q, k, _d_k: (q + k) * (q + k),
        backward=half_square_backward,
        query_slope=subtract(KEY, QUERY),
        key_slope=subtract(QUERY, KEY),
        length_power=2,
    ),
    Variant(
        name="cosine",
        formula="q·k / (‖q‖‖k‖)",
        similarity=fraction(multiply(QUERY, KEY), juxtapose(QUERY_LENGTH, KEY_LENGTH)),
        compared="the cosine of the angle between query and key",
        term=multiply(QUERY, KEY),
        raw_score=divide(TOTAL, multiply(QUERY_LENGTH, KEY_LENGTH)),
        reading="it is 1 where they point the same way, 0 at a right angle and −1 where they point opposite ways",
        default_scale="1",
        source="Graves et al. 2014",
        score=dot,
        bound=lambda q, k, _d_k: q * k,
        backward=dot_backward,
        prepare=unit_rows,
        prepare_backward=unit_rows_backward,
        query_slope=divide(KEY, KEY_LENGTH),
        key_slope=divide(QUERY, QUERY_LENGTH),
        is_product=True,
    ),
    Variant(
        name="additive",
        formula="v_a·tanh(q + k)",
        similarity=multiply(FEATURE_WEIGHT, function("tanh", add(QUERY, KEY))),
        compared="the sum of tanh(q + k), weighted by v_a",
        term=function("tanh", add(QUERY, KEY)),
        raw_score=TOTAL,
        reading="it adds up a number between −1 and 1 for each feature, by how large query and key are together",
        default_scale="1",
        source="Bahdanau et al. 2015 (with the projections w_q, w_k)",
        score=additive,
        bound=lambda _q, _k, d_k: float(d_k),
        backward=additive_backward,
        query_slope=subtract(constant(1), square(function("tanh", add(QUERY, KEY)))),
        key_slope=subtract(constant(1), square(function("tanh", add(QUERY, KEY)))),
        takes_weights=True,
    ),
    Variant(
        name="uniform",
        formula="0",
        similarity=constant(0),
        compared="nothing: every key gets the same weight",
        term=None,
        raw_score=constant(0),
        reading="it looks at neither of them, so it is 0 for every key",
        default_scale="1",
        source="Kim et al. 2019",
        score=zero_scores,
        bound=lambda _q, _k, _d_k: 0.0,
        backward=no_backward,
        is_constant=True,
    ),
)
BY_NAME = {variant.name: variant for variant in VARIANTS}
DEFAULT = "scaled"
