"""The single number that fits the expected numbers best: the factor of the raw scores, the softcap, the sink."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.search.sampling import Sample
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need
from attncli.check.slips.heads import by_head
from attncli.check.slips.scales import describe_factor, with_scale
from attncli.check.slips.slip import Slip
from attncli.problem.heads import pack_heads, unpack_heads
from attncli.records import record, replace
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX
from attncli.variants import BY_NAME

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

SIZES = np.logspace(-3, 3, 37)  # factors that are tried first, as multiples of the right one
STEPS, STEPS_AT_LAST = 20, 4  # refinements of the best of them
FIRST_STEPS = 8  # after which the misfit of a size that fits is a fiftieth of what it was on both sides
FALLEN = 0.2  # and this share of it is allowed
FIT_ROWS = 8  # rows and columns of a head from which its factor is found
JOINED = np.exp(np.linspace(-12, 12, 25))  # e^S of the sinks that are tried first
NEAR = 1e-4  # relative difference of a fitted number from one that has a name
NEAR_SUM = 0.01  # and of one that rounded exponentials give
SMALL = 1e-5  # relative change of a factor, to see its effect


@record
class FittedNumber:
    """A number of a problem that may have been another one.

    `near` is the right one, or where none is asked for a size near which others are, or None if none is looked for.
    `change` puts another in its place, and `told` says it. `signs` are those that are tried.
    """

    slip: str
    family: str
    near: Callable[[Problem], float | None]
    change: Callable[[Problem, float], Problem]
    told: Callable[[Case, float], str]
    signs: tuple[int, ...] = (1,)
    most: float = math.inf  # beyond it, softmaxes are all alike


def fitted_number(case: Case, sample: Sample, number: FittedNumber) -> Slip | None:
    """Return the slip with the number that fits best, rounded if that fits too, or None if none fits."""
    own = number.near(case.problem)
    if own is None or _freedom(case) < 2 or case.problem.variant.is_constant or not _has_sizes_around(own):
        return None

    def change(value: float) -> Callable[[Problem], Problem]:
        return lambda problem: number.change(problem, value)

    def misfit(value: float) -> float:
        return sample.misfit(sample.numbers(Route(problems=(change(value),)), case.request))

    candidates = [sign * own * size for sign in number.signs for size in SIZES]
    misfits = [misfit(value) for value in candidates]
    if not np.isfinite(min(misfits)):  # other shapes, or no finite numbers
        return None
    best = int(np.argmin(misfits))
    first = best - best % len(SIZES)  # of those with the sign of the best

    def signed(size: float) -> float:
        return math.copysign(size, candidates[best])

    around = misfits[first : first + len(SIZES)]
    size = _narrowed(lambda each: misfit(signed(each)), abs(own) * SIZES, around, best - first, sample)
    if size is None:
        return None
    value = signed(size)
    for _ in range(STEPS_AT_LAST):
        value += _correction(case, sample, value, change)
    if misfit(2 * value) <= misfit(value):
        return None  # nothing says how large it was, as where all weight is on the largest score
    short = [float(f"{value:.{digits}g}") for digits in range(1, 8)]
    routes = [
        Route(problems=(change(each),), said=number.told(case, each))
        for each in dict.fromkeys([*short, value])
        if each and not math.isclose(each, own) and abs(each) <= number.most
    ]
    return make_fitted_slip(number.slip, number.family, routes, 1)


def _has_sizes_around(own: float) -> bool:
    """Return whether float64 has all the sizes that are tried around a number in full."""
    limits = np.finfo(np.float64)
    return bool(limits.smallest_normal / SIZES[0] < abs(own) < limits.max / SIZES[-1])


def make_fitted_slip(name: str, family: str, routes: list[Route], fitted: int) -> Slip:
    return Slip(name, family, lambda _: routes, lambda _: "", paired=False, fitted=fitted)


@np.errstate(all="ignore")
def _near_softcap(problem: Problem) -> float | None:
    """Return the softcap, or without one the largest size of a score, which other softcaps are near."""
    if problem.softcap is not None:
        return problem.softcap
    scores = np.abs(Result(problem, "numpy").scores)
    return float(scores.max(initial=0, where=np.isfinite(scores))) or None


def _told_softcap(case: Case, value: float) -> str:
    if case.problem.softcap is None:
        return f"a softcap of {value:.6g} was applied, without being asked for"
    scale = case.problem.scale
    ways = {scale: "as if it came before the scale", math.log(2): "log 2 times it, as in powers of 2"}
    near = (words for factor, words in ways.items() if math.isclose(value, case.problem.softcap * factor, rel_tol=NEAR))
    before = next((f", {words}" for words in near), "")
    return f"the softcap was {value:.6g}{before}: {case.problem.softcap:g} is expected"


COSINE = BY_NAME["cosine"]


def _cosine_times(problem: Problem, factor: float) -> Problem:
    return replace(problem, variant=COSINE).with_scale(factor)


def _told_cosine(case: Case, factor: float) -> str:
    shown = f"{factor:.6g}"
    times = "" if shown == "1" else f" times {shown}"
    return f"{case.those} of {COSINE.formula}{times} (--variant cosine --scale {shown}), not of {case.variant}"


def _factor_name(case: Case, value: float) -> str:
    """Return the name of a factor that may be taken for 1, in parentheses, or nothing."""
    ways = {
        math.log(2): "log 2, as in powers of 2",
        math.log2(math.e): "log₂ e, as for powers of 2",
        case.problem.scale: "the scale",
    }
    return next((f" ({words})" for factor, words in ways.items() if math.isclose(value, factor, rel_tol=NEAR)), "")


def _times_slopes(problem: Problem, factor: float) -> Problem:
    return replace(problem, slopes=tuple(slope * factor for slope in need(problem.slopes)))


def _turned_by(problem: Problem, **changes: float) -> Problem:
    return replace(problem, rotation=replace(need(problem.rotation), **changes))  # type: ignore[arg-type]


def _base(problem: Problem) -> float | None:
    """Return the base of rotary positions, if it matters: the first pair turns alike with any."""
    return None if problem.rotation is None or problem.rotation.size < 4 else problem.rotation.base


def _turns_some(problem: Problem) -> bool:
    """Return whether some columns of a dot product are rotated and others are not."""
    rotation = problem.rotation
    return (
        rotation is not None and rotation.size < problem.d_k and problem.variant.is_product and problem.row_norm is None
    )


def _times_turned(problem: Problem, factor: float) -> Problem:
    queries = np.array(problem.queries, np.float64)
    queries[..., : need(problem.rotation).size] *= factor
    return replace(problem, queries=queries)


FITTED_NUMBERS = (
    FittedNumber(
        "scale-other",
        "scale",
        lambda problem: problem.scale or 1.0,
        with_scale,
        describe_factor,
        signs=(1, -1),
    ),
    FittedNumber(
        "variant-cosine",
        "score",
        lambda problem: None if problem.variant is COSINE else 4.0,
        _cosine_times,
        _told_cosine,
        most=200.0,
    ),
    FittedNumber(
        "softcap-other",
        "stage",
        _near_softcap,
        lambda problem, value: replace(problem, softcap=value),
        _told_softcap,
    ),
    FittedNumber(
        "alibi-other-slopes",
        "stage",
        lambda problem: None if problem.slopes is None else 1.0,
        _times_slopes,
        lambda case, value: (
            f"the slopes of ALiBi were {value:.6g}{_factor_name(case, value)} times those that are expected"
        ),
        signs=(1, -1),
    ),
    FittedNumber(
        "rope-other-scale",
        "stage",
        lambda problem: 1.0 if _turns_some(problem) else None,
        _times_turned,
        lambda _case, value: (
            f"the rotated columns count {value:.6g} times in Q·K, as if cos and sin were multiplied by "
            f"{math.sqrt(value):.6g}: once is expected"
        ),
    ),
    FittedNumber(
        "rope-other-base",
        "stage",
        _base,
        lambda problem, value: _turned_by(problem, base=value),
        lambda case, value: (
            f"the base of the rotary positions was {value:.6g}: it is {need(case.problem.rotation).base:.10g}"
        ),
    ),
    FittedNumber(
        "rope-other-scale",
        "stage",
        lambda problem: None if problem.rotation is None else problem.rotation.factor,
        lambda problem, value: _turned_by(problem, factor=value),
        lambda case, value: (
            f"the positions were divided by {value:.6g} before the rotation: "
            f"{need(case.problem.rotation).factor:g} is expected"
        ),
    ),
)


def fitted_sink(case: Case, sample: Sample) -> Slip | None:
    """Return `sink-other` with the sink S, the same for all heads, that fits best, rounded if that fits too, or None.

    e^S, which joins the sum of each row, is what is fitted.
    """
    if case.problem.normalizer is not SOFTMAX or max(case.judges[name].expected.size for name in case.wrong) < 2:
        return None

    def misfit(size: float) -> float:
        return sample.misfit(sample.numbers(Route(problems=(_with_joined(size),)), case.request))

    misfits = [misfit(size) for size in JOINED]
    if not np.isfinite(min(misfits)):
        return None
    best = int(np.argmin(misfits))
    size = _narrowed(misfit, JOINED, misfits, best, sample)
    if size is None:
        return None
    for _ in range(STEPS_AT_LAST):
        size += _correction(case, sample, size, _with_joined)
    sink, own = math.log(size), case.problem.sink
    if own is None:
        told = "a sink of {:.6g} took a part of each row, without being asked for"
    else:
        asked = ", ".join(f"{each:g}" for each in dict.fromkeys(own))
        told = f"the sink was {{:.6g}}: e^S joins each row's sum, S = {asked}"
    short = [float(f"{sink:.{decimals}f}") + 0.0 for decimals in range(6)]  # 0 instead of -0
    routes = [
        Route(problems=(partial(replace, sink=(value,)),), said=told.format(value))
        for value in dict.fromkeys([*short, sink])
        if own is None or not all(math.isclose(value, each) for each in own)
    ]
    return make_fitted_slip("sink-other", "stage", routes, 1)


def fitted_factors(case: Case, *nouns: str) -> list[Slip]:
    """Return `values-factor` with a factor for each head, column or row of the output, as the nouns say, that fits
    best."""
    problem = case.problem
    if "output" not in case.wrong or problem.values is None or len(case.wrong) > 1:
        return []
    right = by_head(Result(problem, "numpy").array("output"), problem)
    expected = by_head(case.judges["output"].expected, problem)
    if right is None or expected is None or right.shape != expected.shape or not np.isfinite(expected).all():
        return []
    axes = {  # that one factor spans, by what it is of
        "head": tuple(axis for axis in range(-right.ndim, 0) if axis != -3) if problem.heads > 1 else (),
        "column": tuple(range(-right.ndim, -1)),
        "row": (-1,),
        "columns of the head": (-2, *range(-right.ndim, -3)) if problem.heads > 1 else (),
    }
    slips = []
    for noun in nouns:
        over = axes[noun]
        if not over or right.size == 0 or min(right.shape) == 0:
            continue
        size = (right**2).sum(axis=over, keepdims=True)
        with np.errstate(all="ignore"):
            factors = np.where(size > 0, (right * expected).sum(axis=over, keepdims=True) / size, 1.0)
        if factors.size == right.size or np.ptp(factors) < SMALL * np.abs(factors).max():
            continue
        # sums are above 0, and rows of one direction, as those of V with one column, are all alike but for a factor
        if noun == "row" and (bool((factors <= 0).any()) or _have_one_direction(right)):
            continue
        told = _told_factors(factors, noun, problem)
        routes = [Route(present=partial(_times_factors, factors=factors, problem=problem), said=told)]
        slips.append(make_fitted_slip("values-factor", "result", routes, factors.size))
    return slips


def _have_one_direction(rows: Array) -> bool:
    return int(np.linalg.matrix_rank(rows.reshape(-1, rows.shape[-1]))) < 2


def _told_factors(factors: Array, noun: str, problem: Problem) -> str:
    low, high = float(factors.min()), float(factors.max())
    if noun == "row":
        said = f"each row of your output is the right one times a number of its own, {low:.4g} to {high:.4g}"
        if _are_sums(factors[..., 0], problem):
            return f"{said}, the sum of its exponentials, by which these were not divided"
        return f"{said}: the exponentials were divided by other sums"
    shown = ", ".join(f"{each:.4g}" for each in factors.reshape(-1)[:FIT_ROWS])
    more = ", …" if factors.size > FIT_ROWS else ""
    return f"the {noun}s of your output are the right ones times {shown}{more}: no factor is expected"


def _are_sums(factors: Array, problem: Problem) -> bool:
    """Return whether the factors of the rows are the sums of their exponentials, but for the rounding of the output."""
    if problem.normalizer is not SOFTMAX:
        return False
    with np.errstate(over="ignore"):
        sums = np.exp(Result(problem, "numpy").lse)
    return sums.shape == factors.shape and bool(np.allclose(factors, sums, rtol=NEAR_SUM, atol=0))


def _times_factors(name: str, array: Array, factors: Array, problem: Problem) -> Array:
    if name != "output":
        return array
    by_row = unpack_heads(array, problem.heads) if problem.packed else array
    found: Array = by_row * factors
    return pack_heads(found) if problem.packed else found


def fitted_sinks(case: Case) -> Slip | None:
    """Return `sink-other` with the sink of each head that fits best, rounded if that fits too, or None.

    A sink divides a row by 1 + e^S / L, L being its sum of exponentials: the factor between the expected row and the
    one without a sink gives S. A head's sink is the median of those of its rows.
    """
    problem = case.problem
    name = next((name for name in ("weights", "output") if name in case.wrong), None)
    if problem.normalizer is not SOFTMAX or problem.heads < 2 or name is None:
        return None
    plain = Result(replace(problem, sink=None), "numpy").compute(name, "lse")
    due, expected = (by_head(array, problem) for array in (plain.array(name), case.judges[name].expected))
    if due is None or expected is None or due.shape != expected.shape:
        return None
    with np.errstate(all="ignore"):
        shares = (due * expected).sum(axis=-1) / (due * due).sum(axis=-1)
        logits = np.moveaxis(plain.lse + np.log(1 / shares - 1), -2, 0).reshape(problem.heads, -1)
    if not bool(np.isfinite(logits).any(axis=1).all()):
        return None
    sinks = [float(np.median(row[np.isfinite(row)])) for row in logits]
    choices = [tuple(round(sink, decimals) + 0.0 for sink in sinks) for decimals in range(5)]
    own = problem.sink
    listed = ", ".join(f"{each:g}" for each in own or ())
    asked = "none is asked for" if own is None else f"e^S joins each row's sum, S = {listed}"
    routes = [
        Route(
            problems=(partial(replace, sink=choice),),
            said=f"the heads' sinks were {_told_sinks(case, choice)}: {asked}",
        )
        for choice in dict.fromkeys([*choices, tuple(sinks)])
        if choice != own
    ]
    return make_fitted_slip("sink-other", "stage", routes, problem.heads)


def _told_sinks(case: Case, sinks: tuple[float, ...]) -> str:
    """Return the sinks of the heads, and what they are to those that are expected: a factor of all, or those of other
    heads."""
    own, told = case.problem.sink, ", ".join(f"{each:.6g}" for each in sinks)
    if own is None or len(own) != len(sinks):
        return told
    factor = sum(one * two for one, two in zip(sinks, own, strict=True)) / (sum(each**2 for each in own) or 1)
    if all(math.isclose(one, factor * two, abs_tol=NEAR) for one, two in zip(sinks, own, strict=True)):
        return f"{told}, {factor:.6g}{_factor_name(case, factor)} times the right ones"
    places = [min(range(len(own)), key=lambda place: abs(own[place] - each)) for each in sinks]
    if all(math.isclose(own[place], each, abs_tol=NEAR) for place, each in zip(places, sinks, strict=True)):
        return f"{told}, those of heads {', '.join(map(str, places))}"
    return told


def _with_joined(size: float) -> Callable[[Problem], Problem]:
    return partial(replace, sink=(math.log(size),))


def _correction(
    case: Case, sample: Sample, factor: float, change: Callable[[float], Callable[[Problem], Problem]]
) -> float:
    """Return the linear correction that takes the number of this change nearer to the expected numbers."""

    def at(value: float) -> Array:
        return sample.differences(sample.numbers(Route(problems=(change(value),)), case.request))

    off = at(factor)
    slope = (at(factor * (1 + SMALL)) - at(factor * (1 - SMALL))) / (2 * SMALL * factor)
    use = np.isfinite(off) & np.isfinite(slope)
    steep = float((slope[use] ** 2).sum())
    step = -float((slope[use] * off[use]).sum()) / steep if steep > 0 else 0.0
    return step if abs(step) < abs(factor) / 2 else 0.0


def _narrowed(
    misfit: Callable[[float], float], sizes: Array, misfits: list[float], best: int, sample: Sample
) -> float | None:
    """Return the size with the smallest misfit around the best of these, by golden section search over logarithms.

    Where a size fits, the misfit falls to nothing with the distance from it. None is returned if it has not fallen by
    far after the first steps.
    """
    ratio = (math.sqrt(5) - 1) / 2
    around = [max(0, best - 1), min(len(sizes) - 1, best + 1)]
    start, stop = (math.log(sizes[place]) for place in around)
    fallen = FALLEN * max(misfits[place] for place in around) + sample.room
    one, two = stop - ratio * (stop - start), start + ratio * (stop - start)
    at_one, at_two = misfit(math.exp(one)), misfit(math.exp(two))
    for step in range(STEPS):
        if step == FIRST_STEPS and min(at_one, at_two) > fallen:
            return None
        if at_one <= at_two:
            stop, two, at_two = two, one, at_one
            one = stop - ratio * (stop - start)
            at_one = misfit(math.exp(one))
        else:
            start, one, at_one = one, two, at_two
            two = start + ratio * (stop - start)
            at_two = misfit(math.exp(two))
    return math.exp((start + stop) / 2)


def _freedom(case: Case) -> int:
    """Return how many of the wrong numbers are free, because those of a row of weights sum to 1."""
    rows = case.problem.parts * case.n
    d_v = case.problem.d_v or 0
    free = {"weights": rows * (case.m - 1), "output": rows * min(d_v, case.m - 1), "lse": rows, "raw_scores": 0}
    return max(free.get(name, rows * case.m) for name in case.wrong)
