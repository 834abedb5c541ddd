"""How far a computation in half precision is off.

A fused kernel rounds inputs, scores and weights to its dtype and sums in float32. Such a computation is imitated: once
with the usual rounding, and several times with every rounding drawn at random. A worst-case bound would allow many
times the error of any kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.dtype_texts import spacing
from attncli.check.routes import Route
from attncli.check.sketch import Sketches
from attncli.inputs.request import MATRIX_NAMES
from attncli.matrix import Array
from attncli.records import replace
from attncli.results.result import Result

if TYPE_CHECKING:
    from attncli.inputs.request import Request
    from attncli.problem.problem import Problem

Rounding = Callable[[Array], Array]

BITS = {"float16": 11, "bfloat16": 8}  # significant bits of each dtype
LARGEST = {"float16": 65504.0, "bfloat16": float(np.finfo(np.float32).max)}
DRAWS, FEW_DRAWS = 16, 6  # computations with random roundings, and those of a large problem
FIRST_DRAWS = 2  # computations by which most slips are refused before the others
LEAST_WEIGHTS = 256  # of a problem for which that saves time
LARGE = 1 << 16  # weights of a large problem
DEVIATIONS = 3.0  # standard deviations that a rounding error is assumed to stay within
FAR = 0.1  # relative to the largest number: no computation in half precision is farther off


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
    names, sketches = tuple(numbers), Sketches()
    whole = _compute_rounded(route, entered, fixed, names, sketches)
    inputs = route.numbers_from(Result(entered, "numpy", sketches), names)
    squares = {name: np.zeros(numbers[name].shape) for name in names}
    for seed in range(draws):
        draw = random_rounding(dtype, (seed, first) if first else seed)
        found = _compute_rounded(route, entered, draw, names, sketches)
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


def cut_off(array: Array, dtype: str) -> Array:
    """Return the numbers with as many bits as the dtype keeps, the others cut off, as matrix units do with float32."""
    _, exponent = np.frexp(array)
    unit = np.ldexp(1.0, exponent - BITS[dtype])
    cut: Array = np.trunc(array / unit) * unit
    return cut


def imitate(route: Route, problem: Problem, name: str, dtype: str) -> list[Array]:
    """Return a result as kernels compute it whose sums are wider than the dtype: with Q, K and V in it, or with
    weights, or the exponentials that become weights, or scores and weights too, rounded or cut off."""
    sketches = Sketches()
    found = []
    for rounding in (partial(rounded, dtype=dtype), partial(cut_off, dtype=dtype)):
        result = Result(_round_rows(problem, rounding), "numpy", sketches)
        ways = (route, *(replace(route, weigh=weigh) for weigh in (rounding, partial(_by_largest, rounding=rounding))))
        found += [own.numbers_from(result, (name,))[name] for own in ways]
        found.append(_compute_rounded(route, problem, rounding, (name,), sketches)[name])
    return found


def _by_largest(weights: Array, rounding: Rounding) -> Array:
    """Return the weights of rounded exponentials, of which the largest of each row is 1."""
    largest = weights.max(axis=-1, keepdims=True)
    found: Array = rounding(weights / np.where(largest > 0, largest, 1)) * largest
    return found


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


def _compute_rounded(
    route: Route, problem: Problem, rounding: Rounding, names: Collection[str], sketches: Sketches
) -> dict[str, Array]:
    """Return the results with the roundings of a kernel: Q, K and V, the scores, and the weights."""
    own = route.weigh

    def weigh(weights: Array) -> Array:
        return rounding(weights if own is None else own(weights))

    result = Result(_rounded_problem(problem, rounding, sketches), "numpy", sketches)
    return replace(route, weigh=weigh).numbers_from(result, names)


def _rounded_problem(problem: Problem, rounding: Rounding, sketches: Sketches) -> Problem:
    """Return the problem with Q, K and V rounded, and with the rounding of the scores added to them."""
    problem = _round_rows(problem, rounding)
    scores = Result(problem, "numpy", sketches).scores
    finite = np.where(np.isfinite(scores), scores, 0.0)
    moved = rounding(finite) - finite
    return replace(problem, bias=moved if problem.bias is None else problem.bias + moved)


def _round_rows(problem: Problem, rounding: Rounding) -> Problem:
    """Return the problem with Q, K and V rounded."""
    values = None if problem.values is None else rounding(problem.values)
    return replace(problem, queries=rounding(problem.queries), keys=rounding(problem.keys), values=values)
