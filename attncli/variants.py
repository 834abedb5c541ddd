"""The variants of attention. They differ only in the score, so a variant is one function and one record here.

Choices, help, the table of `attncli variants`, the formula of explain, the property tests and the table in README are
derived from `VARIANTS`.
"""

from __future__ import annotations

from collections.abc import Callable
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
    total,
)
from attncli.records import record, replace
from attncli.similarities import (
    additive,
    additive_backward,
    dot,
    dot_backward,
    half_square_backward,
    manhattan_backward,
    negative_half_square,
    negative_manhattan,
    no_backward,
    unit_rows,
    unit_rows_backward,
    zero_scores,
)

if TYPE_CHECKING:
    from numpy import ndarray


FEATURE_WEIGHT = Symbol("v", "a")  # of the term of one feature
PRODUCT_READING = "it is large where both are large in the same features, and negative where their signs differ"
DISTANCE_READING = "it is 0 where they are equal, and the further below 0 the more they differ"


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
    feature of the prepared rows (None: 0); `slope_size` is the size of terms of these that may cancel. With
    `weighted_formula` each feature's term may be multiplied by one of `weights` (d_k,). `is_product`: the score is a
    matrix product of the prepared rows.
    `squares` is the factor of Σ(q − k)² in a score that is made of it. `is_constant`: it depends on neither.
    `other_names` are what others call it, for hints.
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
    slope_size: float = 0.0
    length_power: int = 0
    squares: float = 0.0
    is_product: bool = False
    is_constant: bool = False
    weighted_formula: str = ""
    weights: tuple[float, ...] | None = None
    other_names: tuple[str, ...] = ()

    def with_weights(self, weights: tuple[float, ...]) -> Variant:
        """Return the variant with these weights of the features in everything that it computes and writes."""
        assert self.term is not None
        assert self.query_slope is not None
        assert self.key_slope is not None
        most = float(sum(map(abs, weights)))
        score: Callable[..., ndarray] = self.score
        backward: Callable[..., tuple[ndarray, ndarray]] = self.backward
        return replace(
            self,
            weights=weights,
            formula=self.weighted_formula,
            similarity=multiply(FEATURE_WEIGHT, self.term),
            compared=f"{self.compared}, weighted by v_a",
            term=multiply(FEATURE_WEIGHT, self.term),
            query_slope=multiply(FEATURE_WEIGHT, self.query_slope),
            key_slope=multiply(FEATURE_WEIGHT, self.key_slope),
            score=partial(score, weights=weights),
            backward=partial(backward, weights=weights),
            bound=lambda _q, _k, _d_k: most,
        )

    def weight_of(self, feature: int) -> dict[Expression, Expression]:
        """Return what takes the place of the weight in the term of a feature."""
        if self.weights is None:
            return {}
        weight = self.weights[feature]
        return {FEATURE_WEIGHT: Numeral(weight, repr(weight).removesuffix(".0"))}

    @property
    def takes_weights(self) -> bool:
        """Return whether the features may have weights of their own."""
        return bool(self.weighted_formula)

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

    def scale_of_length(self, length: float) -> str:
        """Return the default scale with a number in place of ℓ."""
        return self.default_scale.replace("ℓ", f"{length:g}")

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
        other_names=("scaled dot product", "sdpa", "vaswani", "scaled dot", "transformer"),
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
        other_names=("dot product", "luong", "multiplicative", "unscaled", "inner product"),
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
        other_names=("laplacian", "l1", "manhattan", "l1 distance"),
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
        other_names=("rbf", "gauss", "nadaraya watson", "l2 distance", "euclidean", "kernel regression"),
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
        squares=0.5,
    ),
    Variant(
        name="cosine",
        other_names=("cos", "cosine similarity", "content based"),
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
        other_names=("bahdanau", "concat", "mlp"),
        formula="Σ tanh(q + k)",
        similarity=total(function("tanh", add(QUERY, KEY))),
        compared="the sum of tanh(q + k)",
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
        slope_size=1.0,
        weighted_formula="v_a·tanh(q + k)",
    ),
    Variant(
        name="uniform",
        other_names=("mean", "average"),
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
DEFAULT = VARIANTS[0].name
CONSTANT = next(variant.name for variant in VARIANTS if variant.is_constant)
WITH_LENGTH = " and ".join(variant.name for variant in VARIANTS if variant.has_length)
WITH_WEIGHTS = " and ".join(variant.name for variant in VARIANTS if variant.takes_weights)
