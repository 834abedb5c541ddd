"""What takes the place of e^(q·k): products of features of Q and K, as in linear attention, and the first terms of its
series."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attncli.check.normalizations import SERIES, share_out
from attncli.check.routes import Route
from attncli.check.slips.case import Case
from attncli.check.slips.slip import Slip
from attncli.check.visible_cells import visible_cells
from attncli.stages.normalizers import SOFTMAX

if TYPE_CHECKING:
    from attncli.matrix import Array
    from attncli.problem.problem import Problem


def _elu_plus_one(rows: Array) -> Array:
    return np.where(rows > 0, rows + 1, np.exp(np.minimum(rows, 0)))


FEATURES: dict[str, Callable[[Array], Array]] = {
    "elu(x) + 1": _elu_plus_one,
    "max(x, 0)": partial(np.maximum, 0.0),
    "e^x": np.exp,
}


def _linear_weights(problem: Problem, _weights: Array, features: Callable[[Array], Array], scale: float) -> Array:
    """Return φ(q)·φ(k), over their sum in each row (*lead, n, m)."""
    products = features(scale * problem.queries) @ features(problem.repeat_key_heads(problem.keys)).mT
    return share_out(np.where(visible_cells(problem), products, 0), 0.0)


def _linear(case: Case) -> list[Route]:
    problem = case.problem
    stages = ("row_norm", "rotation", "softcap", "bias", "slopes", "sink", "top_k", "dropout_mask")
    if not problem.variant.is_dot or problem.head_scales is not None or case.has_stage(*stages):
        return []
    return [
        Route(
            reweigh=partial(_linear_weights, features=features, scale=scale),
            said=(
                f"the weights were φ(q)·φ(k) over their sum, φ(x) = {words}"
                f"{f', of Q times {scale:.6g}' if scale != 1 else ''}, as in linear attention: e^score over their sum "
                "is expected"
            ),
        )
        for words, features in FEATURES.items()
        for scale in dict.fromkeys((1.0, problem.scale))
    ]


def _series(case: Case) -> list[Route]:
    if case.has_stage("sink", "top_k", "dropout_mask") or case.problem.normalizer is not SOFTMAX:
        return []
    return [
        Route(
            softmax=f"{terms} terms{', shifted' if is_shifted else ''}",
            said=f"{words} was taken for e^s{', s = score − the largest of its row' if is_shifted else ''}: e^s itself "
            "is expected",
        )
        for terms, words in SERIES.items()
        for is_shifted in (False, True)
    ]


APPROXIMATION_SLIPS = (
    Slip("linear-attention", "softmax", _linear, "features were multiplied", paired=False),
    Slip("exp-series", "softmax", _series, "a series was cut off", paired=False, passes_easily=True),
)
