"""What takes the place of e^(q·k): products of features of Q and K, as in linear attention, and the first terms of its
series."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.results.result import Result
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem

Powers = Callable[["Problem"], "Array"]


def _elu_plus_one(rows: Array) -> Array:
    return np.where(rows > 0, rows + 1, np.exp(np.minimum(rows, 0)))


FEATURES: dict[str, Callable[[Array], Array]] = {
    "elu(x) + 1": _elu_plus_one,
    "max(x, 0)": partial(np.maximum, 0.0),
    "e^x": np.exp,
}


def _products(problem: Problem, features: Callable[[Array], Array], scale: float) -> Array:
    """Return φ(q)·φ(k) (*lead, n, m)."""
    found: Array = features(scale * problem.queries) @ features(problem.repeat_key_heads(problem.keys)).mT
    return found


def _over_sum(problem: Problem, _weights: Array, powers: Powers) -> Array:
    """Return what takes the place of the exponentials, over its sum in each row."""
    seen = np.where(visible_cells(problem), powers(problem), 0)
    total = seen.sum(axis=-1, keepdims=True)
    return np.where(total != 0, seen / np.where(total != 0, total, 1), 0)


def _linear(case: Case) -> list[Route]:
    problem = case.problem
    stages = ("row_norm", "rotation", "softcap", "bias", "slopes", "sink", "top_k", "dropout_mask")
    if not problem.variant.is_dot or problem.head_scales is not None or case.has_stage(*stages):
        return []
    scales = {1.0: "", problem.scale: f", of Q times {problem.scale:.6g}"}
    return [
        Route(
            reweigh=partial(_over_sum, powers=partial(_products, features=features, scale=scale)),
            said=(
                f"the weights were φ(q)·φ(k) over their sum, φ(x) = {words}{more}, as in linear attention: e^score "
                "over their sum is expected"
            ),
        )
        for words, features in FEATURES.items()
        for scale, more in scales.items()
    ]


SERIES: dict[str, Callable[[Array], Array]] = {
    "1 + s": lambda scores: 1 + scores,
    "1 + s + s²/2": lambda scores: 1 + scores + scores**2 / 2,
    "1 + s + s²/2 + s³/6": lambda scores: 1 + scores + scores**2 / 2 + scores**3 / 6,
}


def _terms(problem: Problem, series: Callable[[Array], Array], *, is_shifted: bool) -> Array:
    scores = Result(problem, "numpy").scores
    finite = np.where(np.isneginf(scores), 0, scores)
    return series(finite - scores.max(axis=-1, keepdims=True) if is_shifted else finite)


def _series(case: Case) -> list[Route]:
    if case.has_stage("sink", "top_k", "dropout_mask") or case.problem.normalizer is not SOFTMAX:
        return []
    return [
        Route(
            reweigh=partial(_over_sum, powers=partial(_terms, series=series, is_shifted=is_shifted)),
            said=f"{words} was taken for e^s{', s = score − the largest of its row' if is_shifted else ''}: e^s itself "
            "is expected",
        )
        for words, series in SERIES.items()
        for is_shifted in (False, True)
    ]


APPROXIMATION_SLIPS = (
    Slip("linear-attention", "softmax", _linear, lambda _case: "features were multiplied", paired=False),
    Slip("exp-series", "softmax", _series, lambda _case: "a series was cut off", paired=False, passes_easily=True),
)
