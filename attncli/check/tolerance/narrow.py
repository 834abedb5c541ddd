"""Half precision: whether numbers are those of float16 or bfloat16, and how far a computation in it is off.

A fused kernel rounds inputs, scores and weights to its dtype and sums in float32. Such a computation is imitated: once
with the usual rounding, and several times with every rounding drawn at random. A worst-case bound would allow many
times the error of any kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.blocks import block_indices
from attncli.check.precision import Claims, finer_than, spacing
from attncli.check.routes import Route
from attncli.inputs.request import MATRIX_NAMES
from attncli.matrix import Array
from attncli.numbers.numerals import shortest_texts
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem

Rounding = Callable[[Array], Array]

BITS = {"float16": 11, "bfloat16": 8}  # significant bits of each dtype
LARGEST = {"float16": 65504.0, "bfloat16": float(np.finfo(np.float32).max)}
DRAWS, FEW_DRAWS = 16, 6  # computations with random roundings, and those of a large problem
LARGE = 1 << 16  # weights of a large problem
DEVIATIONS = 3.0  # standard deviations that a rounding error is assumed to stay within
FAR = 0.1  # relative to the largest number: no computation in half precision is farther off
EVIDENCE = 6.0  # decimal digits in which texts in full must match numbers of a dtype
SHORT_EVIDENCE = 3.0  # decimal digits in which short texts must match the shortest texts of a dtype
LEAST_EVIDENCE = 0.5  # of these, if further cells that differ from the right numbers are evidence too


def rounded(array: Array, dtype: str) -> Array:
    """Return the nearest numbers of the dtype, in float64. Numbers beyond its range are unchanged."""
    fits = np.abs(array) <= LARGEST[dtype]
    with np.errstate(over="ignore"):
        if dtype == "float16":
            near = array.astype(np.float16).astype(np.float64)
        else:
            bits = array.astype(np.float32).view(np.uint32)
            even = (bits >> 16) & 1
            near = ((bits + 0x7FFF + even) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)
    found: Array = np.where(fits, near, array)
    return found


def narrow_dtypes(
    array: Array, claims: Claims | None, known: Collection[str] = (), differing: int = 0
) -> tuple[str, ...]:
    """Return the half precisions whose numbers these are, in full or, if that is not a coincidence, in their shortest
    texts. Dtypes that are `known` from other matrices need no further evidence.

    `differing` is the number of cells that are not the right numbers as they would be printed. A wrong cell among right
    ones is a single one; each further one is as good as a digit of evidence that all were rounded to a dtype.
    """
    return tuple(
        dtype
        for dtype in BITS
        if (_are_in_full(array, dtype) and _are_long(array, claims))
        or _are_shortest(array, claims, dtype, differing, is_known=dtype in known)
    )


def are_printed(array: Array, claims: Claims, dtype: str) -> bool:
    """Return whether every number may be one of the dtype, rounded to the digits that its text shows."""
    has_values = False
    for where in block_indices(array.shape):
        finite = np.isfinite(array[where])
        values, shown = array[where][finite], claims.at(where).shown[finite]
        if np.abs(values).max(initial=0) > LARGEST[dtype]:
            return False
        if not bool((np.abs(values - rounded(values, dtype)) <= shown / 2 * (1 + 1e-9)).all()):
            return False
        has_values = has_values or values.size > 0
    return has_values


def _are_in_full(array: Array, dtype: str) -> bool:
    """Return whether every number is one of the dtype, and some need nearly all of its bits (0.5 proves nothing)."""
    need_bits = False
    for where in block_indices(array.shape):
        block = array[where]
        values = np.abs(block[np.isfinite(block) & (block != 0)])
        if values.max(initial=0) > LARGEST[dtype] or not np.array_equal(rounded(values, dtype), values):
            return False
        fraction, _ = np.frexp(values)
        need_bits = need_bits or not bool((np.ldexp(fraction, BITS[dtype] - 3) % 1 == 0).all())
    return need_bits


def _are_long(array: Array, claims: Claims | None) -> bool:
    """Return whether texts have so many decimals that binary numbers are not a coincidence: the odds are one in five
    per decimal."""
    if claims is None:
        return True
    decimals = 0.0
    for where in block_indices(array.shape):
        block, shown = array[where], claims.at(where).shown
        shown = shown[np.isfinite(block) & (block != 0) & (shown > 0)]
        decimals += float(np.maximum(-np.log10(shown), 0).sum())
    return decimals * float(np.log10(5)) >= EVIDENCE


def _are_shortest(array: Array, claims: Claims | None, dtype: str, differing: int, *, is_known: bool) -> bool:
    """Return whether the texts are those of float16 numbers as NumPy prints them: the shortest, or with an exponent the
    number rounded to more digits.

    Texts of equal lengths may be those of a fixed number of decimals: then further cells that differ are no evidence,
    and a single one is an error.
    """
    if claims is None or dtype != "float16" or not finer_than(array, claims, dtype):
        return False
    digits, low, high, ends_with_zero = 0.0, np.inf, -np.inf, False
    for where in block_indices(array.shape):
        block, own = array[where], claims.at(where)
        use = np.isfinite(block) & (block != 0) & (own.shown > 0)
        values, shown = block[use], own.shown[use]
        if np.abs(values).max(initial=0) > LARGEST[dtype]:
            return False
        near = values.astype(np.float16)
        texts = np.array([float(text) for text in shortest_texts(near)])
        wide = near.astype(np.float64)
        is_longer = np.isfinite(own.ceiling[use]) & (np.abs(values - wide) <= shown / 2 * (1 + 1e-9))
        if not bool(((texts == values) | (wide == values) | is_longer).all()):
            return False
        units = np.where(own.unit[use] > 0, np.minimum(own.unit[use], shown), shown)
        digits -= float(np.log10(np.minimum(units / spacing(values, dtype), 1)).sum())
        powers = np.log10(shown)
        low, high = min(low, float(powers.min(initial=np.inf))), max(high, float(powers.max(initial=-np.inf)))
        ends_with_zero = ends_with_zero or bool((np.round(values / shown) % 10 == 0).any())
    is_fixed = high - low < 0.5
    if high < low or (is_fixed and ends_with_zero):  # no number, or a zero at the end, which NumPy does not print
        return False
    if is_known:
        return True
    if is_fixed:
        return digits >= SHORT_EVIDENCE and differing > 1
    return digits >= LEAST_EVIDENCE and digits + max(differing - 1, 0) >= SHORT_EVIDENCE


def round_inputs(route: Route, request: Request, dtype: str) -> Problem:
    """Return the route's problem with each input rounded to the dtype."""
    fixed = partial(rounded, dtype=dtype)
    return route.then(Route(requests=(lambda asked: _round_inputs(asked, fixed),))).problem(request)


def narrow_errors(
    route: Route, entered: Problem, numbers: dict[str, Array], dtype: str, draws: int, first: int = 0
) -> dict[str, Array]:
    """Return how far a plain computation in the dtype may be off in each cell of each of these results.

    `entered` is the problem with rounded inputs, or some of its rows, from the query `first` on. `draws` is the number
    of computations with random roundings.
    """
    fixed = partial(rounded, dtype=dtype)
    names = tuple(numbers)
    whole = _compute_rounded(route, entered, fixed, names)
    inputs = route.numbers_of(entered, names)
    squares = {name: np.zeros(numbers[name].shape) for name in names}
    for seed in range(draws):
        draw = random_rounding(dtype, (seed, first) if first else seed)
        found = _compute_rounded(route, entered, draw, names)
        for name in names:
            with np.errstate(invalid="ignore"):
                squares[name] += np.nan_to_num(draw(found[name]) - inputs[name]) ** 2
    errors = {}
    for name, right in numbers.items():
        with np.errstate(invalid="ignore"):
            moved = np.maximum(np.abs(fixed(whole[name]) - right), np.abs(fixed(inputs[name]) - right))
        deviation = np.sqrt(squares[name] / draws)
        errors[name] = np.nan_to_num(moved) + DEVIATIONS * deviation + spacing(right, dtype) / 2
    return errors


def random_rounding(dtype: str, seed: int | tuple[int, int]) -> Rounding:
    """Return a rounding within half a unit of the dtype, at random but reproducible."""
    random = np.random.default_rng(seed)

    def draw(array: Array) -> Array:
        half = spacing(array, dtype) / 2
        moved: Array = array + half * random.uniform(-1, 1, array.shape)
        return moved

    return draw


def _round_inputs(request: Request, rounding: Rounding) -> Request:
    """Return the request with each input rounded."""
    changed = {}
    for name in MATRIX_NAMES:
        matrix = getattr(request, name)
        if matrix is not None and name not in ("mask", "key_lengths") and matrix.array.dtype.kind != "b":
            array = np.asarray(matrix.array, np.float64)
            changed[name] = replace(matrix, array=np.where(np.isfinite(array), rounding(array), array))
    return replace(request, **changed)


def _compute_rounded(route: Route, problem: Problem, rounding: Rounding, names: Collection[str]) -> dict[str, Array]:
    """Return the results with the roundings of a kernel: Q, K and V, the scores, and the weights."""
    own = route.weigh

    def weigh(weights: Array) -> Array:
        return rounding(weights if own is None else own(weights))

    return replace(route, weigh=weigh).numbers_of(_rounded_problem(problem, rounding), names)


def _rounded_problem(problem: Problem, rounding: Rounding) -> Problem:
    """Return the problem with Q, K and V rounded, and with the rounding of the scores added to them."""
    values = None if problem.values is None else rounding(problem.values)
    problem = replace(problem, queries=rounding(problem.queries), keys=rounding(problem.keys), values=values)
    scores = Result(problem, "numpy").scores
    finite = np.where(np.isfinite(scores), scores, 0.0)
    moved = rounding(finite) - finite
    return replace(problem, bias=moved if problem.bias is None else problem.bias + moved)
