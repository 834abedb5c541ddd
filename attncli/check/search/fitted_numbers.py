"""One number of the problem that may have been another one: the scale, the softcap, slopes, rotary positions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.search.fitting import SIZES, Change, corrected, fitting_size, make_fitted_slip
from attncli.check.search.sampling import Sample
from attncli.check.slips.case import Case
from attncli.check.slips.changes import need
from attncli.check.slips.scales import describe_factor, with_scale
from attncli.check.slips.slip import Slip
from attncli.records import record, replace
from attncli.results.result import Result
from attncli.variants import BY_NAME

if TYPE_CHECKING:
    from attncli.problem.problem import Problem

NEAR = 1e-4  # relative difference of a fitted number from one that has a name


@record
class FittedNumber:
    """A number of a problem that may have been another one.

    `near` is the right one, or where none is asked for a size near which others are, or None if none is looked for.
    `change` puts another in its place, and `describe` returns a sentence about it. `signs` are those that are tried. Of
    one that `may_divide`, 1 over a short number is tried too.
    """

    slip: str
    family: str
    near: Callable[[Problem], float | None]
    change: Callable[[Problem, float], Problem]
    describe: Callable[[Case, float], str]
    signs: tuple[int, ...] = (1,)
    most: float = math.inf  # beyond it, softmaxes are all alike
    may_divide: bool = False


def fitted_number(case: Case, sample: Sample, number: FittedNumber) -> Slip | None:
    """Return the slip with the number that fits best, rounded if that fits too, or None if none fits."""
    own = number.near(case.problem)
    if own is None or _freedom(case) < 2 or case.problem.variant.is_constant or not _has_sizes_around(own):
        return None

    def change(value: float) -> Change:
        return lambda problem: number.change(problem, value)

    def misfit(value: float) -> float:
        return sample.misfit(sample.numbers(Route(problems=(change(value),))))

    candidates = [sign * own * size for sign in number.signs for size in SIZES]
    misfits = [misfit(value) for value in candidates]
    if not np.isfinite(min(misfits)):  # other shapes, or no finite numbers
        return None
    best = int(np.argmin(misfits))
    first = best - best % len(SIZES)  # of those with the sign of the best

    def signed(size: float) -> float:
        return math.copysign(size, candidates[best])

    with_its_sign = misfits[first : first + len(SIZES)]
    size = fitting_size(lambda each: misfit(signed(each)), abs(own) * SIZES, with_its_sign, sample.room)
    if size is None:
        return None
    value = corrected(sample, signed(size), change)
    if misfit(2 * value) <= misfit(value):
        return None  # nothing says how large it was, as where all weight is on the largest score
    short = [float(f"{value:.{digits}g}") for digits in range(1, 8)]
    if number.may_divide:
        short[3:3] = [1 / float(f"{1 / value:.{digits}g}") for digits in range(1, 4)]
    routes = [
        Route(problems=(change(each),), said=number.describe(case, each))
        for each in dict.fromkeys([*short, value])
        if each and not math.isclose(each, own) and abs(each) <= number.most
    ]
    return make_fitted_slip(number.slip, number.family, routes, 1)


def _has_sizes_around(own: float) -> bool:
    """Return whether float64 has all the sizes that are tried around a number in full."""
    limits = np.finfo(np.float64)
    return bool(limits.smallest_normal / SIZES[0] < abs(own) < limits.max / SIZES[-1])


def _freedom(case: Case) -> int:
    """Return how many of the wrong numbers are free, because those of a row of weights sum to 1."""
    rows = case.problem.parts * case.n
    d_v = case.problem.d_v or 0
    free = {"weights": rows * (case.m - 1), "output": rows * min(d_v, case.m - 1), "lse": rows, "raw_scores": 0}
    return max(free.get(name, rows * case.m) for name in case.wrong)


@np.errstate(all="ignore")
def _near_softcap(problem: Problem) -> float | None:
    """Return the softcap, or without one the largest size of a score, which other softcaps are near."""
    if problem.softcap is not None:
        return problem.softcap
    scores = np.abs(Result(problem, "numpy").scores)
    return float(scores.max(initial=0, where=np.isfinite(scores))) or None


def _describe_softcap(case: Case, value: float) -> str:
    if case.problem.softcap is None:
        return f"a softcap of {value:.6g} was applied, although none is asked for"
    scale = case.problem.scale
    ways = {scale: "as if it came before the scale", math.log(2): "log 2 times it, as in powers of 2"}
    near = (words for factor, words in ways.items() if math.isclose(value, case.problem.softcap * factor, rel_tol=NEAR))
    before = next((f", {words}" for words in near), "")
    return f"the softcap was {value:.6g}{before}: {case.problem.softcap:g} is expected"


COSINE = BY_NAME["cosine"]


def _cosine_times(problem: Problem, factor: float) -> Problem:
    return replace(problem, variant=COSINE).with_scale(factor)


def _describe_cosine(case: Case, factor: float) -> str:
    shown = f"{factor:.6g}"
    times = "" if shown == "1" else f" times {shown}"
    return f"{case.those} of {COSINE.formula}{times} (--variant cosine --scale {shown}), not of {case.variant}"


def name_factor(case: Case, value: float) -> str:
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
        may_divide=True,
    ),
    FittedNumber(
        "variant-cosine",
        "score",
        lambda problem: None if problem.variant is COSINE else 4.0,
        _cosine_times,
        _describe_cosine,
        most=200.0,
    ),
    FittedNumber(
        "softcap-other",
        "stage",
        _near_softcap,
        lambda problem, value: replace(problem, softcap=value),
        _describe_softcap,
    ),
    FittedNumber(
        "alibi-other-slopes",
        "stage",
        lambda problem: None if problem.slopes is None else 1.0,
        _times_slopes,
        lambda case, value: (
            f"the slopes of ALiBi were {value:.6g}{name_factor(case, value)} times those that are expected"
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
